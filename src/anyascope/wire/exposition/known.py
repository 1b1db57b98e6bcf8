"""Recognises lines that it has read before, so that a repeated scrape parses numbers and nothing else.

Of a line that is known only its last word changes. What stands before it, the head, is looked up as bytes: no label is
taken apart again, no rule applied again. A million lines a second were measured so, against 150,000 by taking apart.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from anyascope.model.metrics import MetricMetadata, MetricType
from anyascope.wire.exposition.document import Comments, split_lines
from anyascope.wire.exposition.lines import (
    ExpositionError,
    Format,
    LineExemplar,
    Pairs,
    parse_line,
    parse_value,
)

HEADS_SPARE = 1000  # heads that may be remembered beyond twice those in use, before the unused ones are forgotten

_VALUE_BYTES = b"0123456789.eE+-INFTYinfty Aa"


@dataclass(frozen=True, slots=True)
class Reading:
    """The samples of one body.

    Attributes:
        slots: int64[n], for each sample what `resolve` answered for its labels.
        values: float64[n].
        times_ms: position -> the time that the line gives, only for lines that give one.
        exemplars: position -> the exemplar, only for lines that have one.
        metadata: what the comments say; the same object again while they do not change.
    """

    slots: NDArray[np.int64]
    values: NDArray[np.float64]
    times_ms: dict[int, int]
    exemplars: dict[int, LineExemplar]
    metadata: tuple[MetricMetadata, ...]


class KnownLines:
    """The lines of one source.

    Args:
        resolve: gives each new label set a number of the caller's own; called once a head, and again where a line
            carries its own time or exemplar. What it raises ends the reading.
    """

    def __init__(self, resolve: Callable[[Pairs], int]) -> None:
        self._resolve = resolve
        self._slots: dict[bytes, int] = {}
        self._form = Format.TEXT
        self._comments: list[tuple[int, bytes]] = []
        self._metadata: tuple[MetricMetadata, ...] = ()

    def read(self, body: bytes, *, form: Format) -> Reading:
        """Everything that a body says, by the numbers that `resolve` gave.

        Raises:
            ExpositionError: it is not in this format; nothing of it may be used.
        """
        if form is not self._form:
            # The same bytes may mean another series: forget what the other format taught.
            self._slots.clear()
            self._comments = []
            self._metadata = ()
            self._form = form
        lines = split_lines(body, form=form)
        reading = self._read(lines)
        if len(self._slots) > 2 * len(reading.slots) + HEADS_SPARE:
            self._forget(lines)
        return reading

    def _read(self, lines: Sequence[bytes]) -> Reading:
        known = self._slots.get
        slots: list[int] = []
        texts: list[bytes] = []
        comments: list[tuple[int, bytes]] = []
        times_ms: dict[int, int] = {}
        exemplars: dict[int, LineExemplar] = {}
        for number, line in enumerate(lines, 1):
            head, _, text = line.rpartition(b" ")
            slot = known(head)
            if slot is not None:
                slots.append(slot)
                texts.append(text)
            elif line.startswith(b"#"):
                comments.append((number, line))
            elif not line or line.isspace():
                if self._form is Format.OPENMETRICS:
                    raise ExpositionError("expected no empty line", line=number)
            else:
                kind = self._family_type(comments)
                sample = parse_line(line, form=self._form, number=number, family_type=kind)
                slot = self._resolve(sample.pairs)
                if sample.head:
                    self._slots[sample.head] = slot
                if sample.time_ms is not None:
                    times_ms[len(slots)] = sample.time_ms
                if sample.exemplar is not None:
                    exemplars[len(slots)] = sample.exemplar
                slots.append(slot)
                texts.append(b"%r" % sample.value)
        self._read_comments(comments)
        values = _values(texts, lines, slots_of=self._slots)
        return Reading(np.array(slots, dtype=np.int64), values, times_ms, exemplars, self._metadata)

    def _family_type(self, comments: list[tuple[int, bytes]]) -> MetricType:
        """What the last `# TYPE` declares."""
        for number, line in reversed(comments):
            if b" TYPE " in line or b"\tTYPE" in line:
                last = Comments(self._form)
                last.read(line, number=number)
                return last.family_type
        return MetricType.UNKNOWN

    def _read_comments(self, comments: list[tuple[int, bytes]]) -> None:
        if comments == self._comments:
            return
        self._comments = []
        parsed = Comments(self._form)
        for number, line in comments:
            parsed.read(line, number=number)
        metadata = parsed.metadata()
        self._comments = comments
        if metadata != self._metadata:
            self._metadata = metadata

    def _forget(self, lines: Sequence[bytes]) -> None:
        heads = {line.rpartition(b" ")[0] for line in lines}
        self._slots = {head: slot for head, slot in self._slots.items() if head in heads}


def _values(texts: list[bytes], lines: Sequence[bytes], *, slots_of: dict[bytes, int]) -> NDArray[np.float64]:
    try:
        values = np.array(list(map(float, texts)), dtype=np.float64)
    except ValueError:
        values = None
    # float() is more liberal than the format (underscores, carriage returns, overflow): look closer where that shows.
    if values is None or b"".join(texts).translate(None, _VALUE_BYTES) or np.isinf(values).any():
        _refuse_bad_values(lines, slots_of)
        assert values is not None
    nan = np.isnan(values)
    if nan.any():
        values[nan] = np.nan  # one NaN only: none may pass for a staleness marker
    return values


def _refuse_bad_values(lines: Sequence[bytes], slots_of: dict[bytes, int]) -> None:
    for number, line in enumerate(lines, 1):
        head, _, text = line.rpartition(b" ")
        if head in slots_of:
            try:
                parse_value(text)
            except ValueError as fault:
                column = len(head) + 2
                raise ExpositionError(
                    f"expected a value ({fault}) at column {column}, got {text[:EXCERPT_BYTES_MAX]!r}", line=number
                ) from None


EXCERPT_BYTES_MAX = 120  # how much of a broken value an error shows
