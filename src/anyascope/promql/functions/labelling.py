"""Functions that read and write label sets; they look at no value."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import chain

import numpy as np
import re2

from anyascope.errors import LimitExceededError
from anyascope.model.labels import METRIC_NAME, Labels, MatchOp
from anyascope.promql.errors import QueryError
from anyascope.promql.syntax import Expression, Select
from anyascope.promql.values import Vector, label_of, merged, rows_of

VALUE_CHARS_MAX = 65_536  # of a label that is made; the longest in use, paths and queries, have some thousand
GROUP_DIGITS_MAX = 9  # of a group's number in a template; no pattern has so many, and Go stops reading there
VALUES_CHARS_MAX = 100_000_000  # of all that one function makes: each call can multiply what the one inside it made


def label_replace(vector: Vector, arguments: Sequence[str]) -> Vector:
    """Where a label's whole value matches a pattern, another label becomes what the replacement makes of the match.

    Args:
        vector: the series.
        arguments: destination label, replacement, source label, pattern.

    Raises:
        QueryError: the pattern or the destination is invalid, or two series would be the same.
        LimitExceededError: labels would get too long.
    """
    destination, replacement, source, pattern = arguments
    options = re2.Options()
    options.log_errors = False
    try:
        # Go's `^(?s:…)$`, as RE2 is Go's own dialect.
        compiled = re2.compile(f"(?s:{pattern})", options)
    except re2.error as error:
        raise QueryError(f"invalid regular expression in label_replace(): {pattern}") from error
    check_label("destination", destination, "label_replace")
    expand = _template(replacement, dict(compiled.groupindex), compiled.groups)
    known: dict[str, str | None] = {}

    def replaced(value: str) -> str | None:
        if value not in known:
            found = compiled.fullmatch(value)
            known[value] = None if found is None else expand(found)
        return known[value]

    return _relabelled(vector, destination, lambda labels: replaced(label_of(labels, source)))


def label_join(vector: Vector, arguments: Sequence[str]) -> Vector:
    """A label becomes the values of others, joined.

    Args:
        vector: the series.
        arguments: destination label, separator, source labels.

    Raises:
        QueryError: a label's name is invalid, or two series would be the same.
        LimitExceededError: labels would get too long.
    """
    destination, separator, *sources = arguments
    for source in sources:
        check_label("source", source, "label_join")
    check_label("destination", destination, "label_join")

    def joined(labels: Labels) -> str:
        values = [label_of(labels, source) for source in sources]
        check_length(sum(map(len, values)) + len(separator) * (len(values) - 1))
        return separator.join(values)

    return _relabelled(vector, destination, joined)


def check_length(characters: int) -> None:
    """Raise where a label that is to be made would be too long, before it is made."""
    if characters > VALUE_CHARS_MAX:
        raise LimitExceededError(
            f"the query makes a label of {characters} characters, at most {VALUE_CHARS_MAX} may be made"
        )


def check_label(role: str, name: str, function: str) -> None:
    """Raise where a label's name is none."""
    if not name or "\ufffd" in name:
        raise QueryError(f"invalid {role} label name in {function}(): {name}".replace("  ", " "))


def with_label(labels: Labels, name: str, value: str) -> Labels:
    """The label set with one label set, or taken away where the value is empty."""
    kept = [pair for pair in labels if pair[0] != name]
    return tuple(sorted([*kept, (name, value)])) if value else tuple(kept)


def _relabelled(vector: Vector, destination: str, value_of: Callable[[Labels], str | None]) -> Vector:
    labels: list[Labels] = []
    fading = vector.fading.copy() if vector.fading is not None else None
    made = 0
    for row, old in enumerate(vector.labels):
        value = value_of(old)
        if value is None:
            labels.append(old)
            continue
        made += len(value)
        if made > VALUES_CHARS_MAX:
            raise LimitExceededError(
                f"the query makes labels of more than {VALUES_CHARS_MAX} characters in all, aggregate first"
            )
        labels.append(with_label(old, destination, value))
        if destination == METRIC_NAME and fading is not None:
            fading[row] = False
    return merged(replace(vector, labels=labels, fading=fading, is_one_metric=False))


def _template(template: str, names: dict[str, int], groups: int) -> Callable[[re.Match[str]], str]:
    """Go's `Regexp.Expand`: `$1`, `$name`, `${1}`, `$$`; what names no group is empty."""
    parts: list[str | int] = []
    pos = 0
    for found in re.finditer(r"\$(?:\$|\{([A-Za-z0-9_]+)\}|([A-Za-z0-9_]+))", template):
        parts.append(template[pos : found.start()])
        pos = found.end()
        name = found.group(1) or found.group(2)
        if name is None:
            parts.append("$")
        else:
            number = int(name[:GROUP_DIGITS_MAX]) if name.isdigit() else names.get(name, -1)
            if 0 <= number <= groups:
                parts.append(number)
    parts.append(template[pos:])

    def expand(match: re.Match[str]) -> str:
        texts = [part if isinstance(part, str) else match.group(part) or "" for part in parts]
        check_length(sum(map(len, texts)))
        return "".join(texts)

    return expand


def absent_labels(argument: Expression) -> Labels:
    """What `absent` says of a selector: the labels that it asks for exactly, each once.

    Source: Prometheus, `createLabelsForAbsentFunction`.
    """
    if not isinstance(argument, Select):
        return ()
    found: dict[str, str] = {}
    seen: set[str] = set()
    for matcher in argument.matchers:
        if matcher.name == METRIC_NAME:
            continue
        if matcher.op is MatchOp.EQUAL and matcher.name not in seen:
            seen.add(matcher.name)
            found[matcher.name] = matcher.value
        else:
            found.pop(matcher.name, None)
    return tuple(sorted((name, value) for name, value in found.items() if value))


def sorted_by_value(vector: Vector, *, is_descending: bool) -> Vector:
    """The series of one step in the order of their values, NaN last."""
    present = np.flatnonzero(vector.present[:, 0])
    values = vector.values[present, 0]
    keys = -values if is_descending else values  # numpy sorts NaN last either way
    return rows_of(vector, present[np.argsort(keys, kind="stable")])


def sorted_by_label(vector: Vector, names: Sequence[str], *, is_descending: bool) -> Vector:
    """The series of one step in the natural order of some labels' values (`a2` before `a10`), then of all labels."""
    labels = list(vector.labels)

    def key(row: int) -> tuple[object, ...]:
        return (*(natural(label_of(labels[row], name)) for name in names), labels[row])

    present = np.flatnonzero(vector.present[:, 0]).tolist()
    return rows_of(vector, np.array(sorted(present, key=key, reverse=is_descending), np.int64))


def natural(text: str) -> tuple[tuple[int, int, str], ...]:
    """A key by which digits within texts sort as numbers."""
    parts = re.findall(r"(\d+)|(\D+)", text)
    return tuple(chain(_number_key(digits) if digits else (1, 0, rest) for digits, rest in parts))


def _number_key(digits: str) -> tuple[int, int, str]:
    # A longer number is a larger one: no label is too long to be read.
    plain = digits.lstrip("0")
    return (0, len(plain), plain)
