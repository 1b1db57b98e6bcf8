"""Anything that a caller gives, as something that a span, a label or a log line can carry.

What leaves here is bounded, without secrets, and can be encoded: a lone surrogate or an integer of 65 bits in one attribute
would cost its whole batch of spans, since protobuf refuses it.
"""

from __future__ import annotations

import enum
import math
import traceback
import uuid
from collections.abc import Mapping, Sequence

from anyascope.sdk.guard import quoted, report_misuse
from anyascope.sdk.redaction import redact_text, redact_value

IDENTIFIER_CHARS_MAX = 256  # a descriptor's checksum, an ARN or a PKCS#11 URI fit; a document does not
MESSAGE_CHARS_MAX = 1_024  # of an error: a node's refusal with its reason fits
STACK_CHARS_MAX = 16_384  # of a stack trace: some 150 frames
ITEMS_MAX = 64  # of a list that becomes an attribute
SOUND_MAX = 4_096  # identifiers that are remembered as sound, 0.5 MB: wallets, keys, providers and kinds are few
SOUND_CHARS_MAX = 64  # of such a one
UNKNOWN = "unknown"  # stands where an identifier cannot be read

_INT64_MAX = 2**63 - 1
_INT64_MIN = -(2**63)
SATS_MAX = 21_000_000 * 100_000_000  # all that there will ever be

_sound: set[str] = set()

AttributeValue = str | bool | int | float | list[str] | list[bool] | list[int] | list[float]


def encodable(text: str) -> str:
    """The text, with `?` for what UTF-8 cannot carry."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def bounded(text: str, chars_max: int) -> str:
    """The text without secrets, of at most `chars_max` characters, and fit for the wire."""
    clean = redact_text(text)
    return encodable(clean if len(clean) <= chars_max else f"{clean[: chars_max - 1]}…")


def printed(value: object) -> str:
    """The value's text, whatever its own methods do."""
    try:
        text = str(value)
    except Exception:  # noqa: BLE001  # the host's own object
        return f"<{type(value).__name__}>"
    return text if type(text) is str else str.__str__(text)


def identifier(value: object, what: str) -> str:
    """A name that the caller gave, in one line: operation type, wallet, key, provider.

    Texts, numbers, UUIDs, members of an enumeration, and bytes as hex digits (a PKCS#11 `CKA_ID`). Anything else, and nothing
    at all, is misuse: `unknown` stands in its place.
    """
    text = value if type(value) is str else _named(value, what)
    if text in _sound:
        return text
    if not text:
        report_misuse(f"{what} must be a text, got an empty one")
        return UNKNOWN
    safe = bounded(text, IDENTIFIER_CHARS_MAX)
    if safe == text and len(text) <= SOUND_CHARS_MAX and text.isprintable():
        if len(_sound) >= SOUND_MAX:
            _sound.clear()
        _sound.add(text)
        return text
    return safe if safe.isprintable() else "".join(sign if sign.isprintable() else " " for sign in safe)


def _named(value: object, what: str) -> str:
    try:
        text = _name_in(value)
    except Exception:  # noqa: BLE001  # the host's own object, whose methods may raise anything
        text = None
    if text is None:
        report_misuse(f"{what} must be a text, got {quoted(value)}")
        return UNKNOWN
    return text


def _name_in(value: object) -> str | None:
    """The text of what may stand for a name; None for anything else."""
    if isinstance(value, enum.Enum):
        value = value.value
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, bytes | bytearray):
        return bytes(value[:IDENTIFIER_CHARS_MAX]).hex()
    if isinstance(value, uuid.UUID) or (isinstance(value, int) and not isinstance(value, bool)):
        return printed(value)
    return None


def sats(value: object, what: str) -> int | None:
    """An amount in sats, 0 to 21 million bitcoins; None, and misuse, where it cannot be one."""
    if value is None:
        return None
    # By type, not by `isinstance`: a subclass's comparison is the host's code. A bool is no amount.
    if type(value) is int and 0 <= value <= SATS_MAX:
        return value
    report_misuse(f"{what} must be a whole number of sats from 0 to {SATS_MAX}, got {quoted(value)}")
    return None


def rate(value: object, what: str) -> float | None:
    """A fee rate in sats a virtual byte; None, and misuse, where it cannot be one."""
    if value is None:
        return None
    if type(value) is float and 0.0 <= value < math.inf:
        return value
    try:
        found = float(value) if not isinstance(value, bool | str | bytes) else math.nan  # type: ignore[arg-type]
    except Exception:  # noqa: BLE001  # the host's own object
        found = math.nan
    if math.isfinite(found) and found >= 0:
        return found
    report_misuse(f"{what} must be a number of sats a virtual byte, got {quoted(value)}")
    return None


def attribute(name: str, value: object) -> AttributeValue:
    """Any value as a span's attribute of this name; what its kind cannot carry becomes text."""
    safe = redact_value(name, value)
    if isinstance(safe, list | tuple):
        return _items(safe)
    if isinstance(safe, Mapping):
        return bounded(printed(dict(safe)), MESSAGE_CHARS_MAX)
    return _scalar(safe)


def _items(values: Sequence[object]) -> AttributeValue:
    """A list of one kind; OpenTelemetry knows no other."""
    items = [_scalar(value) for value in values[:ITEMS_MAX]]
    kinds = {type(item) for item in items}
    for kind in (bool, int, float):
        if kinds == {kind}:
            return items  # type: ignore[return-value]  # of this kind alone
    return [item if isinstance(item, str) else printed(item) for item in items]


def _scalar(value: object) -> str | bool | int | float:
    if isinstance(value, bool):
        return value
    if isinstance(value, int) and _INT64_MIN <= value <= _INT64_MAX:
        return int(value)
    if isinstance(value, float):
        return float(value)
    if isinstance(value, bytes | bytearray):
        value = bytes(value).decode("utf-8", "replace")
    return bounded(printed(value), MESSAGE_CHARS_MAX)


def error_message(error: BaseException) -> str:
    """What an exception says, without secrets; its type where it says nothing."""
    return bounded(printed(error), MESSAGE_CHARS_MAX) or type(error).__name__


def stack_of(error: BaseException) -> str:
    """The stack trace, without secrets; the innermost frames where it is too long."""
    try:
        text = "".join(traceback.format_exception(error))
    except Exception:  # noqa: BLE001  # an exception of the host's that cannot be printed
        return f"{type(error).__name__} whose stack cannot be printed"
    clean = encodable(redact_text(text))
    return clean if len(clean) <= STACK_CHARS_MAX else f"…{clean[-STACK_CHARS_MAX + 1 :]}"
