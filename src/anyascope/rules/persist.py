"""The state of a group's alerts as a document and back, so that it survives a restart."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from anyascope.model.alerts import AlertState
from anyascope.model.documents import Json, Put
from anyascope.model.labels import Labels, labels_of
from anyascope.rules.definition import AlertingRule, Rule
from anyascope.rules.nodata import Memory
from anyascope.rules.state import ActiveAlert

STATE_KIND = "rule-state"

Active = dict[Labels, ActiveAlert]


@dataclass(frozen=True, slots=True)
class GroupState:
    """What is known of a group, by rule (`rule_keys`).

    Attributes:
        judged_ns: when its alerts were last judged, UTC nanoseconds.
        alerts: pending, firing and lately resolved ones.
        memories: of rules that alert on missing data; kept over a reload, not over a restart.
        series: what each rule last wrote; likewise.
        believed_from_ns: before that, missing data mean nothing: series may not have been sent again since the start.
        heights: of the chains, where rules count blocks.
    """

    judged_ns: int = 0
    alerts: Mapping[str, Active] = field(default_factory=dict)
    memories: Mapping[str, Memory] = field(default_factory=dict)
    series: Mapping[str, frozenset[Labels]] = field(default_factory=dict)
    believed_from_ns: int = 0
    heights: Mapping[str, int] = field(default_factory=dict)


def state_key(group_key: str) -> str:
    """The document's key: file names may be longer than keys should be."""
    return hashlib.blake2b(group_key.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def rule_keys(rules: Sequence[Rule]) -> list[str]:
    """What makes a rule the same one after a change: kind, name and labels, and which one of several such it is."""
    seen: dict[str, int] = {}
    keys: list[str] = []
    for rule in rules:
        labels = rule.label_texts if isinstance(rule, AlertingRule) else rule.labels
        key = f"{type(rule).__name__} {rule.name} {labels}"
        seen[key] = seen.get(key, 0) + 1
        keys.append(f"{key} {seen[key]}")
    return keys


def to_document(group_key: str, state: GroupState) -> Put:
    """The change that keeps this state."""
    rules: dict[str, Json] = {
        key: [_to_json(alert) for alert in active.values()] for key, active in state.alerts.items() if active
    }
    body: dict[str, Json] = {"group": group_key, "judged_ns": state.judged_ns, "rules": rules}
    if state.heights:
        body["heights"] = dict(state.heights)
    return Put(STATE_KIND, state_key(group_key), body)


def from_document(body: Mapping[str, Json]) -> GroupState:
    """The state that a document keeps; whatever in it is not understood is left out, and begins anew."""
    judged_ns = body.get("judged_ns")
    rules = body.get("rules")
    alerts: dict[str, Active] = {}
    for key, listed in rules.items() if isinstance(rules, dict) else ():
        read = [_from_json(item) for item in listed if isinstance(item, dict)] if isinstance(listed, list) else []
        alerts[key] = {alert.labels: alert for alert in read if alert is not None}
    heights = body.get("heights")
    known = heights if isinstance(heights, dict) else {}
    return GroupState(
        judged_ns if isinstance(judged_ns, int) else 0,
        alerts,
        heights={chain: height for chain, height in known.items() if isinstance(height, int)},
    )


def _to_json(alert: ActiveAlert) -> Json:
    return {
        "labels": dict(alert.labels),
        "source": dict(alert.source),
        "annotations": dict(alert.annotations),
        "value": repr(alert.value),  # a text, because JSON has neither NaN nor infinities
        "state": alert.state.value,
        "active_ns": alert.active_ns,
        "fired_ns": alert.fired_ns,
        "resolved_ns": alert.resolved_ns,
        "keep_firing_since_ns": alert.keep_firing_since_ns,
        "active_slot_ns": alert.active_slot_ns,
        "keep_firing_slot_ns": alert.keep_firing_slot_ns,
        "sent_ns": alert.sent_ns,
        "active_height": alert.active_height,
        "keep_firing_height": alert.keep_firing_height,
    }


def _from_json(item: Mapping[str, Json]) -> ActiveAlert | None:
    try:
        return ActiveAlert(
            labels=labels_of(_texts(item.get("labels"))),
            source=labels_of(_texts(item.get("source"))),
            annotations=_texts(item.get("annotations")),
            value=float(str(item.get("value"))),
            state=AlertState(item.get("state")),
            active_ns=_whole(item, "active_ns"),
            fired_ns=_whole(item, "fired_ns"),
            resolved_ns=_whole(item, "resolved_ns"),
            keep_firing_since_ns=_whole(item, "keep_firing_since_ns"),
            active_slot_ns=_whole(item, "active_slot_ns") or None,
            keep_firing_slot_ns=_whole(item, "keep_firing_slot_ns") or None,
            sent_ns=_whole(item, "sent_ns"),
            active_height=_height(item, "active_height"),
            keep_firing_height=_height(item, "keep_firing_height"),
        )
    except ValueError:
        return None


def _texts(value: Json) -> dict[str, str]:
    return {name: str(text) for name, text in value.items()} if isinstance(value, dict) else {}


def _whole(item: Mapping[str, Json], name: str) -> int:
    value = item.get(name, 0)
    return value if isinstance(value, int) else 0


def _height(item: Mapping[str, Json], name: str) -> int | None:
    value = item.get(name)
    return value if isinstance(value, int) else None
