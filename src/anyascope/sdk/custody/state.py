"""What is known of a custody operation between two processes, as one short line of text.

`anya1;tp=00-<trace>-<span>-01;c=<correlation id>;k=withdrawal;t=<started>;…`: readable by people, without quotes, spaces or
anything that a database column, a queue's header or a JSON text would have to escape. It holds identifiers only, and nothing
in it is trusted when it comes back: a line that does not read as one is no context.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, unquote

CONTEXT_CHARS_MAX = 512  # fits a header, a column and an SQS attribute; a W3C traceparent alone has 55
KIND_CHARS_MAX = 32
IDENTIFIER_CHARS_MAX = 64  # of a wallet, a reference or a txid in the context; a longer one is left out of it
CORRELATION_CHARS_MAX = 128  # once encoded
CONFIRMATIONS_MAX = 10_000_000  # a hundred and ninety years of blocks
HEIGHT_MAX = 100_000_000
NS_PER_MS = 1_000_000
_MS_MAX = 253_402_300_800_000  # the year 10000
_VERSION = "anya1"
_SAFE = "+,-./:=@_~"  # beside letters and digits: what no database, header, shell or JSON text has to escape
_SAFE_IN_PAIR = _SAFE.replace(":", "")
_TRACEPARENT = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})")
_WORD = re.compile(r"[a-z0-9][a-z0-9_.-]{0,31}")
_HEX = re.compile(r"[0-9a-fA-F]{1,64}")


class UnreadableError(ValueError):
    """The text is no context of ours; the message says what was found."""


@dataclass(frozen=True, slots=True)
class State:
    """A custody operation as it stands.

    Attributes:
        trace_id, span_id: of its root span.
        correlation_id: what joins everything that belongs to it.
        kind: what it is: `withdrawal`, `deposit`, `sweep`.
        started_ms: UTC milliseconds.
        since_ms: when the last stage ended, or the operation began.
        stage: the last one that ended well; "" before the first.
        wallet_id, reference, txid: "" where they are not known, or too long to be carried.
        wanted: confirmations with which it is done; 0 leaves that to the host.
        confirmations: that were seen; negative where the transaction is in conflict.
        block_height: of the block that holds it; -1 where it is not known.
        block_hash: of that block.
        outcome: "" while it is open.
        baggage: of the context in which it began, as much as there is room for.
    """

    trace_id: int
    span_id: int
    correlation_id: str
    kind: str
    started_ms: int
    since_ms: int
    stage: str = ""
    wallet_id: str = ""
    reference: str = ""
    txid: str = ""
    wanted: int = 0
    confirmations: int = 0
    block_height: int = -1
    block_hash: str = ""
    outcome: str = ""
    baggage: Mapping[str, str] = field(default_factory=dict)


def written(state: State) -> str:
    """The state as a context of at most `CONTEXT_CHARS_MAX` characters.

    What joins and what judges is always in it; reference and wallet where there is room; baggage, entry by entry, last.
    """
    parts = [_VERSION, *_needed(state)]
    left = CONTEXT_CHARS_MAX - sum(len(part) + 1 for part in parts)
    for part in _welcome(state):
        if len(part) + 1 <= left:
            parts.append(part)
            left -= len(part) + 1
    return ";".join(parts)


def _needed(state: State) -> Iterator[str]:
    yield f"tp=00-{state.trace_id:032x}-{state.span_id:016x}-01"
    yield f"c={_encoded(state.correlation_id)}"
    yield f"k={state.kind}"
    yield f"t={state.started_ms}"
    if state.since_ms != state.started_ms:
        yield f"u={state.since_ms}"
    for key, text in (("s", state.stage), ("o", state.outcome), ("b", state.block_hash)):
        if text:
            yield f"{key}={text}"
    for key, number, absent in (("n", state.confirmations, 0), ("g", state.wanted, 0), ("h", state.block_height, -1)):
        if number != absent:
            yield f"{key}={number}"


def _welcome(state: State) -> Iterator[str]:
    for key, text in (("x", state.txid), ("r", state.reference), ("w", state.wallet_id)):
        if text:
            yield f"{key}={_encoded(text)}"
    for name, value in state.baggage.items():
        yield f"B={_encoded(name, _SAFE_IN_PAIR)}:{_encoded(value, _SAFE_IN_PAIR)}"


def _encoded(text: str, safe: str = _SAFE) -> str:
    return quote(text, safe=safe, errors="replace")


def fits(correlation_id: str) -> bool:
    """Whether a correlation id can be carried."""
    return 0 < len(_encoded(correlation_id)) <= CORRELATION_CHARS_MAX


def read(text: object) -> State:
    """The state that `written` wrote; fields of later versions are passed over.

    Raises:
        UnreadableError: it is none, or what it must hold is missing or out of bounds.
    """
    if not issubclass(type(text), str):
        raise UnreadableError(f"a context is a text, got a value of type {type(text).__name__}")
    plain = str.__str__(text)
    if len(plain) > CONTEXT_CHARS_MAX:
        raise UnreadableError(f"a context has at most {CONTEXT_CHARS_MAX} characters, got {len(plain)}")
    version, *parts = plain.strip().split(";")
    if version != _VERSION:
        raise UnreadableError(f"a context begins with {_VERSION}, got another text")
    fields: dict[str, str] = {}
    baggage: dict[str, str] = {}
    for part in parts:
        key, _, value = part.partition("=")
        if key == "B":
            name, _, entry = value.partition(":")
            baggage[unquote(name)] = unquote(entry)
        else:
            fields[key] = value
    return _state(fields, baggage)


def _state(fields: Mapping[str, str], baggage: Mapping[str, str]) -> State:
    traced = _TRACEPARENT.fullmatch(fields.get("tp", ""))
    if traced is None:
        raise UnreadableError("a context has a traceparent, got none that is valid")
    correlation_id = unquote(fields.get("c", ""))
    if not fits(correlation_id):
        raise UnreadableError("a context has a correlation id, got none that is valid")
    started_ms = _number(fields, "t", 0, _MS_MAX)
    if started_ms is None:
        raise UnreadableError("a context says when its operation began, got no time")
    return State(
        trace_id=int(traced[1], 16),
        span_id=int(traced[2], 16),
        correlation_id=correlation_id,
        kind=_word(fields.get("k", "")) or "unknown",
        started_ms=started_ms,
        since_ms=_number(fields, "u", 0, _MS_MAX) or started_ms,
        stage=_word(fields.get("s", "")),
        wallet_id=unquote(fields.get("w", ""))[:IDENTIFIER_CHARS_MAX],
        reference=unquote(fields.get("r", ""))[:IDENTIFIER_CHARS_MAX],
        txid=unquote(fields.get("x", ""))[:IDENTIFIER_CHARS_MAX],
        wanted=_number(fields, "g", 0, CONFIRMATIONS_MAX) or 0,
        confirmations=_number(fields, "n", -CONFIRMATIONS_MAX, CONFIRMATIONS_MAX) or 0,
        block_height=_or(_number(fields, "h", 0, HEIGHT_MAX), -1),
        block_hash=fields.get("b", "") if _HEX.fullmatch(fields.get("b", "")) else "",
        outcome=_word(fields.get("o", "")),
        baggage=dict(baggage),
    )


def _word(text: str) -> str:
    return text if _WORD.fullmatch(text) else ""


def _or(number: int | None, otherwise: int) -> int:
    return otherwise if number is None else number


def _number(fields: Mapping[str, str], key: str, least: int, most: int) -> int | None:
    text = fields.get(key, "")
    if not re.fullmatch(r"-?[0-9]{1,15}", text):
        return None
    number = int(text)
    return number if least <= number <= most else None


def word_of(text: str) -> str:
    """A kind or stage as spans, labels and contexts name it: lower case, `_` for what is neither letter, digit, dot nor dash."""
    word = re.sub(r"[^a-z0-9_.-]+", "_", text.lower()).strip("_.-")
    return word[:KIND_CHARS_MAX] or "unknown"


def block_hash_of(value: object) -> str:
    """A block's hash in hex; "" where it is none."""
    return value.lower() if isinstance(value, str) and _HEX.fullmatch(value) else ""
