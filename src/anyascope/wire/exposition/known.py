"""Recognises lines that it has read before, so that a repeated scrape parses numbers and nothing else.

Of a line that is known only its last word changes. What stands before it, the head, is looked up as bytes: no label is
taken apart again, no rule applied again. A million lines a second were measured so, against 150,000 by taking apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from anyascope.model.metrics import MetricMetadata, MetricType
from anyascope.wire.exposition.document import Comments, split_lines
from anyascope.wire.exposition.lines import (
    VALUE_BYTES,
    ExpositionError,
    Format,
    LineExemplar,
    parse_exemplar,
    parse_line,
    parse_time,
)
from anyascope.wire.exposition.reading import Reading, Resolve

HEADS_SPARE = 1000  # heads that may be remembered beyond twice those in use, before the unused ones are forgotten

_UNDECLARED = (0, ("", MetricType.UNKNOWN))
EXEMPLAR_MARK = b" # {"


@dataclass(frozen=True, slots=True)
class _Found:
    """What was read so far: parallel lists, and positions in them."""

    slots: list[int]
    texts: list[bytes]
    times_ms: dict[int, int]
    exemplars: dict[int, LineExemplar]


class KnownLines:
    """The lines of one source.

    Args:
        resolve: numbers new label sets; called once a head.
    """

    def __init__(self, resolve: Resolve) -> None:
        self._resolve = resolve
        self._slots: dict[bytes, int] = {}
        self._form = Format.TEXT
        self._comments: list[tuple[int, bytes]] = []
        self._metadata: tuple[MetricMetadata, ...] = ()
        self._progress: list[int] = []
        # How many comments there were when the family was last asked for, and what it was.
        self._declared: tuple[int, tuple[str, MetricType]] = _UNDECLARED

    @property
    def progress(self) -> list[int]:
        """The slots of the last body as far as it was read, also where it turned out to be broken."""
        return self._progress

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
        found, comments = self._find(lines, self._slots)
        self._read_comments(comments)
        values = _values(found.texts)
        if values is None:
            # A known line has something else than a number: taken apart like a new one, it tells what is wrong.
            found, _ = self._find(lines, {})
            values = _values(found.texts)
            assert values is not None
        slots = np.array(found.slots, dtype=np.int64)
        return Reading(slots, values, found.times_ms, found.exemplars, self._metadata)

    def _find(self, lines: Sequence[bytes], known: Mapping[bytes, int]) -> tuple[_Found, list[tuple[int, bytes]]]:
        found = _Found([], [], {}, {})
        self._progress = found.slots
        self._declared = _UNDECLARED
        comments: list[tuple[int, bytes]] = []
        for number, line in enumerate(lines, 1):
            head, _, text = line.rpartition(b" ")
            slot = known.get(head)
            if slot is not None:
                found.slots.append(slot)
                found.texts.append(text)
            elif line.startswith(b"#"):
                comments.append((number, line))
            elif not line or line.isspace():
                if self._form is Format.OPENMETRICS:
                    raise ExpositionError("expected no empty line", line=number)
            elif not self._read_known(line, known, number=number, found=found):
                self._read_new(line, self._family(comments), number=number, found=found)
        return found, comments

    def _read_known(self, line: bytes, known: Mapping[bytes, int], *, number: int, found: _Found) -> bool:
        """Read a line of a known series that has a time or an exemplar; False where it is neither."""
        left, mark, _ = line.partition(EXEMPLAR_MARK) if self._form is Format.OPENMETRICS else (line, b"", b"")
        series, _, value = left.rpartition(b" ")
        slot = known.get(series)
        if slot is None:
            stamp = value
            series, _, value = series.rpartition(b" ")
            slot = known.get(series)
            if slot is None:
                return False
            try:
                found.times_ms[len(found.slots)] = parse_time(stamp, form=self._form)
            except ValueError:
                return False  # taken apart like a new line, it tells what is wrong
        if mark:
            found.exemplars[len(found.slots)] = parse_exemplar(line, at=len(left), number=number)
        found.slots.append(slot)
        found.texts.append(value)
        return True

    def _read_new(self, line: bytes, family: tuple[str, MetricType], *, number: int, found: _Found) -> None:
        name, kind = family
        sample = parse_line(line, form=self._form, number=number, family_type=kind)
        is_member = sample.pairs[0][1].startswith(name)
        slot = self._resolve(sample.pairs, kind if is_member else MetricType.UNKNOWN)
        if sample.head:
            self._slots[sample.head] = slot
        if sample.time_ms is not None:
            found.times_ms[len(found.slots)] = sample.time_ms
        if sample.exemplar is not None:
            found.exemplars[len(found.slots)] = sample.exemplar
        found.slots.append(slot)
        found.texts.append(b"%r" % sample.value)

    def _family(self, comments: list[tuple[int, bytes]]) -> tuple[str, MetricType]:
        """What the last `# TYPE` declares: name and type."""
        known, declared = self._declared
        for number, line in reversed(comments[known:]):
            if b" TYPE " in line or b"\tTYPE" in line:
                last = Comments(self._form)
                last.read(line, number=number)
                declared = last.family_name, last.family_type
                break
        self._declared = len(comments), declared
        return declared

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


def _values(texts: list[bytes]) -> NDArray[np.float64] | None:
    """float64[n] of these numbers; None where one of them is none."""
    try:
        values = np.array(list(map(float, texts)), dtype=np.float64)
    except ValueError:
        return None
    # float() is more liberal than the format: blanks and underscores show by their bytes, overflow by an infinity.
    if b"".join(texts).translate(None, VALUE_BYTES):
        return None
    if any(b"n" not in texts[at].lower() for at in np.flatnonzero(np.isinf(values))):
        return None
    nan = np.isnan(values)
    if nan.any():
        values[nan] = np.nan  # one NaN only: none may pass for a staleness marker
    return values
