"""Finds one record among those that were captured, and says what there was instead."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

SHOWN_RECORDS_MAX = 20  # in one message


class Record(Protocol):
    """Something with a name and fields."""

    @property
    def name(self) -> str: ...

    @property
    def fields(self) -> Mapping[str, Any]: ...


R = TypeVar("R", bound=Record)


class NotCapturedError(AssertionError):
    """What a test looked for is not there, or there more than once; the message lists what is."""


def fields_of(wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Keyword arguments as field names: two underscores stand for a dot, `operation__status` for `operation.status`."""
    return {key.replace("__", "."): value for key, value in wanted.items()}


def matches(record: Record, name: str | None, wanted: Mapping[str, Any]) -> bool:
    """Whether the record has this name, and each wanted field with this value.

    A value may be a function that judges what is found, a type, or `...` for any value; numbers match their text.
    """
    if name is not None and record.name != name:
        return False
    fields = record.fields
    return all(key in fields and is_value(fields[key], value) for key, value in wanted.items())


def is_value(found: Any, wanted: Any) -> bool:
    """Whether a found value is what was wanted."""
    if wanted is ...:
        return True
    if isinstance(wanted, type):
        return isinstance(found, wanted)
    if callable(wanted):
        return bool(wanted(found))
    return bool(found == wanted) or (isinstance(found, str) and found == str(wanted))


def only(kind: str, records: Sequence[R], name: str | None, wanted: Mapping[str, Any]) -> R:
    """The one record that matches.

    Raises:
        NotCapturedError: none does, or several do.
    """
    found = [record for record in records if matches(record, name, wanted)]
    if len(found) == 1:
        return found[0]
    if not found:
        raise NotCapturedError(missing_message(kind, records, name, wanted))
    lines = "\n".join(f"  {record}" for record in found[:SHOWN_RECORDS_MAX])
    raise NotCapturedError(f"{len(found)} {kind}s are {described(name, wanted)}, and one was asked for:\n{lines}")


def missing_message(kind: str, records: Sequence[Record], name: str | None, wanted: Mapping[str, Any]) -> str:
    """What was wanted, what came closest, and what there was."""
    lines = [f"no {kind} is {described(name, wanted)}"]
    closest = _closest(records, name, wanted)
    if closest is not None:
        lines.append(f"closest: {closest[0]}")
        lines += [f"    {difference}" for difference in closest[1]]
    others = list(dict.fromkeys(str(record) for record in records))
    if not others:
        lines.append(f"there was no {kind} at all")
    else:
        lines.append(f"there {'was' if len(records) == 1 else 'were'} {len(records)}:")
        lines += [f"  {other}" for other in others[:SHOWN_RECORDS_MAX]]
        if len(others) > SHOWN_RECORDS_MAX:
            lines.append(f"  … and {len(others) - SHOWN_RECORDS_MAX} more")
    return "\n".join(lines)


def described(name: str | None, wanted: Mapping[str, Any]) -> str:
    """A name and fields as a sentence says them."""
    fields = " and ".join(f"{key}={_shown_wanted(value)}" for key, value in wanted.items())
    return " with ".join(part for part in (repr(name) if name is not None else "", fields) if part) or "there"


def _closest(records: Sequence[Record], name: str | None, wanted: Mapping[str, Any]) -> tuple[Record, list[str]] | None:
    """The record of this name with the fewest differences; None where none has the name."""
    named = [record for record in records if name is None or record.name == name]
    judged = [(record, _differences(record, wanted)) for record in named]
    return min(judged, key=lambda pair: len(pair[1]), default=None) if wanted else None


def _differences(record: Record, wanted: Mapping[str, Any]) -> list[str]:
    fields = record.fields
    lines = []
    for key, value in wanted.items():
        if key not in fields:
            lines.append(f"{key}: absent, wanted {_shown_wanted(value)}")
        elif not is_value(fields[key], value):
            lines.append(f"{key}: {fields[key]!r}, wanted {_shown_wanted(value)}")
    return lines


def _shown_wanted(value: Any) -> str:
    if value is ...:
        return "(any)"
    if isinstance(value, type):
        return value.__name__
    if isinstance(value, Callable):  # type: ignore[arg-type]  # what `callable` asks, for a name
        return getattr(value, "__name__", "(a function)")
    return repr(value)
