"""What `initialize_tracing` was told, checked: what cannot be meant is reported, and the default stands in its place."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from anyascope.sdk.delivery import Target
from anyascope.sdk.exporters import OFF, parse_protocol, target_of
from anyascope.sdk.guard import report_misuse

T = TypeVar("T")

DEFAULT_SERVICE = "anya-core"
SAMPLE_RATIO = 1.0
EVENTS_MAX = 64  # of one span; more are dropped, the oldest first, and counted
ATTRIBUTES_MAX = 32  # of one span; more are left out, ours last, and counted
NAME_CHARS_MAX = 255  # of a service, environment or version: what stores of traces index whole
_QUOTED_CHARS_MAX = 80  # of an argument that a message quotes


@dataclass(frozen=True, slots=True)
class TracingSettings:
    """Settings that can be used as they are.

    Attributes:
        target: where spans go; None for nowhere.
        propagators: names, None for what the environment says.
        sample_ratio: 0 to 1.
        max_events, max_attributes: of one span, 0 or more.
    """

    service: str = DEFAULT_SERVICE
    environment: str = "production"
    version: str = ""
    target: Target | None = None
    sample_ratio: float = SAMPLE_RATIO
    max_events: int = EVENTS_MAX
    max_attributes: int = ATTRIBUTES_MAX
    propagators: tuple[str, ...] | None = field(default=None)


def checked_text(name: str, value: object, default: str, *, may_be_empty: bool = False) -> str:
    """`value` where it is a text of at most `NAME_CHARS_MAX` characters."""
    if isinstance(value, str) and len(value) <= NAME_CHARS_MAX and (value.strip() or may_be_empty):
        return value.encode("utf-8", "replace").decode("utf-8")  # a lone surrogate cannot be sent
    report_misuse(
        f"{name} must be a text of 1 to {NAME_CHARS_MAX} characters, got {quoted(value)}; {default!r} is used"
    )
    return default


def checked_ratio(value: object, default: float = SAMPLE_RATIO) -> float:
    """`value` where it is a number from 0 to 1; the nearer bound where it is beyond them."""
    if isinstance(value, (int, float)) and not isinstance(value, bool) and not math.isnan(value):
        if 0 <= value <= 1:
            return float(value)
        nearest = 0.0 if value < 0 else 1.0
        report_misuse(f"sample_ratio must be from 0 to 1, got {quoted(value)}; {nearest} is used")
        return nearest
    report_misuse(f"sample_ratio must be a number from 0 to 1, got {quoted(value)}; {default} is used")
    return default


def checked_count(name: str, value: object, default: int) -> int:
    """`value` where it is a whole number that is not negative."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    report_misuse(f"{name} must be a whole number of 0 or more, got {quoted(value)}; {default} is used")
    return default


def checked_propagators(value: object) -> tuple[str, ...] | None:
    """`value` where it is a sequence of names, or one name; None for None."""
    if value is None:
        return None
    if isinstance(value, str):
        return (value,)
    if isinstance(value, Sequence) and all(isinstance(name, str) for name in value):
        return tuple(value)
    report_misuse(f'propagators must be names such as ("tracecontext", "baggage"), got {quoted(value)}; it is ignored')
    return None


def checked_headers(value: object) -> dict[str, str]:
    """`value` where it is a mapping of texts to texts; never quoted, since tokens stand here."""
    if value is None:
        return {}
    if isinstance(value, Mapping):
        found = {name: text for name, text in value.items() if isinstance(name, str) and isinstance(text, str)}
        if len(found) < len(value):
            report_misuse(f"headers must be texts: {len(value) - len(found)} of {len(value)} are left out")
        return found
    report_misuse(f"headers must be a mapping of texts to texts, got a {type(value).__name__}; it is ignored")
    return {}


def checked_path(name: str, value: object) -> str:
    """`value` where it is the path of a file; "" for None."""
    if value is None or isinstance(value, str):
        return value or ""
    report_misuse(f"{name} must be a path, got {quoted(value)}; it is ignored")
    return ""


def checked_target(
    *,
    protocol: object,
    endpoint: object,
    token: object,
    headers: object,
    ca_file: object,
    cert_file: object,
    key_file: object,
) -> Target | None:
    """Where spans go; None, after a report, where that cannot be known: nothing is guessed, nothing is sent."""
    if isinstance(endpoint, str) and endpoint.strip().lower() == OFF:
        return None
    wanted = _or_none(lambda: parse_protocol(protocol))
    if wanted is None:
        return None
    if endpoint is not None and not isinstance(endpoint, str):
        report_misuse(f"endpoint must be a text, got {quoted(endpoint)}; no spans are sent")
        return None
    secret = token if isinstance(token, str) else ""
    if token is not None and not isinstance(token, str):
        report_misuse(f"token must be a text, got a {type(token).__name__}; it is ignored")
    sent = checked_headers(headers)
    files = {
        "ca_file": checked_path("ca_file", ca_file),
        "cert_file": checked_path("cert_file", cert_file),
        "key_file": checked_path("key_file", key_file),
    }
    return _or_none(
        lambda: target_of("traces", protocol=wanted, endpoint=endpoint, token=secret, headers=sent, **files)
    )


def quoted(value: object) -> str:
    """A value as a message may show it, whatever it is."""
    try:
        text = (
            repr(value)
            if isinstance(value, (str, int, float, bool, bytes, type(None)))
            else f"a {type(value).__name__}"
        )
    except Exception:  # noqa: BLE001  # a subclass of the host's; also an int with too many digits
        text = f"a {type(value).__name__}"
    return text if len(text) <= _QUOTED_CHARS_MAX else f"{text[:_QUOTED_CHARS_MAX]}…"


def _or_none(find: Callable[[], T]) -> T | None:
    try:
        return find()
    except ValueError as error:
        report_misuse(f"{error}; no spans are sent")
        return None
