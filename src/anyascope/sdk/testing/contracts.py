"""What must be on record wherever an operation happens."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from anyascope.sdk.testing.finding import Record, matches, missing_message
from anyascope.sdk.testing.patterns import Kind, Pattern
from anyascope.sdk.testing.records import CapturedSample

Key = tuple[tuple[str, str], ...]  # shared name -> value, sorted by name

_COUNTED_SUFFIXES = ("_total", "_count")


class ContractError(AssertionError):
    """An operation happened, and something of what it must leave behind is missing; the message names it."""


class Evidence(Protocol):
    """What a contract is judged by."""

    def records(self, kind: Kind) -> Sequence[Record]:
        """Everything of one signal that was captured."""


@dataclass(frozen=True, slots=True)
class TelemetryContract:
    """What belongs together.

    Fields with `same(name)` tell operations apart: each combination of their values is an operation of its own. It happened as
    often as the pattern that saw it most often says, or `when` where that is given; each of `requires` must have seen it as
    often. Without `when` every signal is a witness: take one away, and the others say that it is missing.

    Attributes:
        name: as tests and messages call it.
        requires: what each operation must leave behind.
        when: what says that one happened; None for any of `requires`.
        parts: contracts that hold beside it.

    A metric counts as often as it grew, and a gauge once, for every operation.
    """

    name: str
    requires: tuple[Pattern, ...]
    when: Pattern | None = None
    parts: tuple[TelemetryContract, ...] = ()

    def check(self, evidence: Evidence, *, at_least: int = 0) -> None:
        """Find nothing missing.

        Args:
            evidence: what was captured.
            at_least: operations that must have happened.

        Raises:
            ContractError: something is; all of it is named.
        """
        lines = [*self.faults(evidence), *self._too_few(evidence, at_least)]
        if lines:
            raise ContractError("\n".join([f"the telemetry contract {self.name!r} is broken", *lines]))

    def faults(self, evidence: Evidence) -> Iterator[str]:
        """What is missing, line by line."""
        yield from self._missing(evidence)
        for part in self.parts:
            yield from part.faults(evidence)

    def operations(self, evidence: Evidence) -> Mapping[Key, int]:
        """How often each operation happened."""
        return self._happened({pattern: _seen(pattern, evidence) for pattern in self._patterns()})

    def _patterns(self) -> tuple[Pattern, ...]:
        return self.requires if self.when is None else (self.when, *self.requires)

    def _happened(self, seen: Mapping[Pattern, Counter[Key]]) -> Counter[Key]:
        """Patterns that share fewer names see several operations as one: the fullest ones tell them apart."""
        witnesses = (self.when,) if self.when is not None else self.requires
        happened: Counter[Key] = Counter()
        for pattern in sorted(witnesses, key=lambda pattern: -len(pattern.shared)):
            for key, count in seen[pattern].items():
                known = sum(times for other, times in happened.items() if _is_part(key, other))
                if known < count:
                    happened[key] += count - known
        return happened

    def _missing(self, evidence: Evidence) -> Iterator[str]:
        seen = {pattern: _seen(pattern, evidence) for pattern in self._patterns()}
        happened = self._happened(seen)
        for key in happened:
            for pattern in self.requires:
                count = _count_for(key, seen[pattern])
                wanted = 1 if _is_gauge(pattern) else _wanted_for(pattern, key, happened)
                if count < wanted:
                    yield from _told(pattern, key, count=count, wanted=wanted, evidence=evidence, seen=seen)

    def _too_few(self, evidence: Evidence, at_least: int) -> Iterator[str]:
        times = sum(self.operations(evidence).values())
        if times < at_least:
            yield f"it must have happened at least {at_least} times, and happened {times} times: none of these was seen"
            for pattern in self._patterns():
                yield f"  {pattern}"
                yield from _indented(
                    missing_message(pattern.kind.value, evidence.records(pattern.kind), pattern.name, pattern.wanted)
                )


def _seen(pattern: Pattern, evidence: Evidence) -> Counter[Key]:
    """Operation -> how often this pattern saw it."""
    seen: Counter[Key] = Counter()
    for record in evidence.records(pattern.kind):
        if matches(record, pattern.name, pattern.wanted):
            key = tuple(sorted((name, str(record.fields[field])) for field, name in pattern.shared.items()))
            seen[key] += _times(record)
    return seen


def _times(record: Record) -> int:
    if not isinstance(record, CapturedSample):
        return 1
    return round(record.value) if record.name.endswith(_COUNTED_SUFFIXES) else 1


def _is_gauge(pattern: Pattern) -> bool:
    return pattern.kind is Kind.METRIC and not (pattern.name or "").endswith(_COUNTED_SUFFIXES)


def _is_part(key: Key, of: Key) -> bool:
    return set(key) <= set(of)


def _agrees(one: Key, other: Key) -> bool:
    """Whether what both name is the same."""
    known = dict(other)
    return all(known.get(name, value) == value for name, value in one)


def _count_for(key: Key, seen: Counter[Key]) -> int:
    return sum(count for found, count in seen.items() if _agrees(found, key))


def _wanted_for(pattern: Pattern, key: Key, happened: Counter[Key]) -> int:
    """How often a pattern must have seen an operation: one that cannot tell some apart must have seen all of those."""
    shared = set(pattern.shared.values())
    own = tuple(pair for pair in key if pair[0] in shared)
    return sum(times for other, times in happened.items() if _is_part(own, other))


def _told(
    pattern: Pattern,
    key: Key,
    *,
    count: int,
    wanted: int,
    evidence: Evidence,
    seen: Mapping[Pattern, Counter[Key]],
) -> Iterator[str]:
    """What is missing, for which operation, who saw it, and what there was."""
    operation = ", ".join(f"{name}={value}" for name, value in key) or "it"
    known = dict(key)
    wanted_fields = {
        **pattern.wanted,
        **{field: known[name] for field, name in pattern.shared.items() if name in known},
    }
    yield f"missing: {pattern}"
    yield f"  for {operation}: seen {count} of {wanted} times"
    yield "  which is known from:"
    for witness, operations in seen.items():
        if witness is not pattern and (times := _count_for(key, operations)):
            yield f"    {witness}, {times} times"
    message = missing_message(pattern.kind.value, evidence.records(pattern.kind), pattern.name, wanted_fields)
    yield from _indented(message)


def _indented(text: str) -> Iterator[str]:
    for line in text.splitlines():
        yield f"    {line}"
