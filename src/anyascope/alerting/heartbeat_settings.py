"""`heartbeats`: who is expected to call, and how often."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from anyascope.alerting.receivers.secrets import read_secret
from anyascope.model.labels import Labels
from anyascope.model.secret import Secret
from anyascope.wire.settings import Section

HEARTBEATS_MAX = 1_000  # each is a document that every call writes
PERIOD_S_MIN = 1.0  # more often than that is a stream, not a heartbeat
GRACE_S = 60.0

_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,100}", re.ASCII)  # stands in an address
_LABEL: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """Who calls.

    Attributes:
        period_s: a call is expected at least so often.
        grace_s: how much later it may come.
        key: the caller has to know it; None asks for a token of the server, where it has any.
        labels: of the alert, beside `alertname`, `heartbeat`, `component` (the name) and `severity` (high).
        annotations: of the alert, in place of ours.
    """

    name: str
    period_s: float
    grace_s: float = GRACE_S
    key: Secret | None = None
    labels: Labels = ()
    annotations: Labels = ()

    @property
    def limit_s(self) -> float:
        """After so long without a call it is late."""
        return self.period_s + self.grace_s


def read_heartbeats(section: Section) -> tuple[Heartbeat, ...]:
    """The list `heartbeats` of the top of the configuration."""
    entries = section.sections("heartbeats")
    if len(entries) > HEARTBEATS_MAX:
        section.wrong(f"has {len(entries)} entries, at most {HEARTBEATS_MAX} are watched", name="heartbeats")
    found: dict[str, Heartbeat] = {}
    for entry in entries:
        one = _read_heartbeat(entry)
        if one.name in found:
            entry.wrong(f"there is another heartbeat {one.name!r}", name="name")
        found[one.name] = one
    return tuple(found.values())


def _read_heartbeat(section: Section) -> Heartbeat:
    name = section.text("name", "")
    if not _NAME.fullmatch(name):
        section.wrong(f"must be 1 to 100 letters, digits, dots, dashes and underscores, got {name!r}", name="name")
    period_s = section.duration_s("period", 0.0)
    if period_s < PERIOD_S_MIN:
        section.wrong("must be at least 1s", name="period")
    grace_s = section.duration_s("grace", GRACE_S)
    labels = section.text_map("labels")
    for label in labels:
        if not _LABEL.fullmatch(label) or label == "alertname":
            section.wrong(f"{label!r} is not a label that can be set", name="labels")
    found = Heartbeat(
        name,
        period_s,
        grace_s,
        key=read_secret(section, "key"),
        labels=tuple(sorted(labels.items())),
        annotations=tuple(sorted(section.text_map("annotations").items())),
    )
    section.done()
    return found
