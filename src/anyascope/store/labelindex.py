"""The label index: which series match, from memory.

Series get dense reference numbers in the order in which they appear, so that postings stay sorted by appending and a
selection is a numpy array. The index is rebuilt at start from what is kept of the series.
"""

from __future__ import annotations

import re
from array import array
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from weakref import WeakKeyDictionary

import numpy as np
import re2
from numpy.typing import NDArray

from anyascope.errors import InvalidInputError
from anyascope.frames.labelsets import LabelSets
from anyascope.model.labels import Labels, Matcher, MatchOp, series_id
from anyascope.model.metrics import Numbered, Numbers

Refs = NDArray[np.uint32]
Postings = Sequence[tuple[str, Sequence[tuple[str, Sequence[int]]]]]

SELECTIONS_CACHED_MAX = 1024  # selectors; rules and dashboards ask for the same ones again and again
SELECTED_SERIES_MAX = (
    500_000  # of all remembered selectors together; some 100 bytes each with what is worked out of them
)
PATTERNS_CACHED_MAX = 512  # (label, pattern) pairs whose matching values are remembered
PROBES_MAX = 64  # ids tried for a series whose own is taken; 44 bits make even the second a rarity
SERIES_FIRST_CAPACITY = 1024  # entries; the arrays double from here
NEVER_MS = np.iinfo(np.int64).max
LITERALS = re.compile(r"[0-9A-Za-z_:\-/ ,@=~%!<>#&'\"]*(?:\|[0-9A-Za-z_:\-/ ,@=~%!<>#&'\"]*)*\Z")


@dataclass(frozen=True, slots=True)
class Placed:
    """Where the series of a batch stand.

    Attributes:
        refs: uint32[series], the reference of each.
        fresh: positions in the batch of the series that were not known before.
    """

    refs: Refs
    fresh: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Chosen:
    """The series that a selector matches, sorted by their labels; both are remembered: read them, never write.

    Attributes:
        refs: uint32[series].
        labels: of each.
    """

    refs: Refs
    labels: LabelSets

    def only(self, kept: NDArray[np.bool_]) -> Chosen:
        """Those of the series for which bool[series] is true."""
        if kept.all():
            return self
        refs = self.refs[kept]
        return Chosen(refs, LabelSets([self.labels[row] for row in np.flatnonzero(kept).tolist()]))


@dataclass(slots=True)
class Remembered:
    """The values of one label that a pattern matched among the first `seen` ones."""

    seen: int
    values: list[str]


class Pattern:
    """A regular expression over a whole label value; a choice of plain words needs no engine.

    Raises:
        InvalidInputError: it is not RE2.
    """

    def __init__(self, source: str) -> None:
        self.literals = frozenset(source.split("|")) if LITERALS.match(source) else None
        self._compiled = compile_whole(source)

    def matches(self, value: str) -> bool:
        """Whether the whole value matches."""
        if self.literals is not None:
            return value in self.literals
        return self._compiled.match(value) is not None


def compile_whole(source: str) -> re2._Regexp:
    """RE2 anchored at both ends, dot matching newlines, as Prometheus compiles matchers."""
    return compile_re2(f"^(?s:{source})$", shown=source)


def compile_re2(source: str, *, shown: str) -> re2._Regexp:
    """RE2 without its own logging.

    Raises:
        InvalidInputError: it is not RE2; the message shows `shown`.
    """
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(source, options)
    except re2.error as error:
        raise InvalidInputError(f"regular expression {shown!r} is not valid RE2: {said(error)}") from error


def said(error: re2.error) -> str:
    """What the engine said, which it says in bytes."""
    said_by_engine = error.args[0] if error.args else ""
    return said_by_engine.decode("utf-8", "replace") if isinstance(said_by_engine, bytes) else str(said_by_engine)


class NumberedRefs:
    """References of series by the numbers that their decoder gave them."""

    def __init__(self) -> None:
        self._refs: WeakKeyDictionary[Numbers, NDArray[np.int64]] = WeakKeyDictionary()

    def refs_of(self, numbered: Numbered) -> NDArray[np.int64]:
        """int64[series]: the references, -1 where one is not known."""
        known = self._refs.get(numbered.by)
        if known is None:
            return np.full(len(numbered.numbers), -1, np.int64)
        inside = numbered.numbers
        if inside.max(initial=0) >= len(known) - 1:
            inside = np.where(inside < len(known), inside, -1)
        return known[inside]

    def note(self, numbered: Numbered, refs: NDArray[np.int64]) -> None:
        """Remember them."""
        known = self._refs.get(numbered.by)
        room = int(numbered.numbers.max(initial=0)) + 2  # the last entry is that of number -1, and stays -1
        if known is None or len(known) < room:
            grown = np.full(2 * room, -1, np.int64)
            if known is not None:
                grown[: len(known)] = known
            known = self._refs[numbered.by] = grown
        has_number = numbered.numbers >= 0
        known[numbered.numbers[has_number]] = refs[has_number]

    def forget(self) -> None:
        """Series were dropped: all are looked up again."""
        self._refs.clear()


class LabelIndex:
    """All series in memory, by label. Not safe for threads: it lives on the event loop."""

    def __init__(self) -> None:
        self._labels: list[Labels | None] = []
        self._ids = np.zeros(SERIES_FIRST_CAPACITY, np.uint64)
        self._first_ms = np.zeros(SERIES_FIRST_CAPACITY, np.int64)
        self._last_ms = np.zeros(SERIES_FIRST_CAPACITY, np.int64)
        self._by_id: dict[int, int] = {}
        self._moved: dict[Labels, int] = {}
        self._postings: dict[str, dict[str, array[int]]] = {}
        self._values: dict[str, list[str]] = {}
        self._every = array("I")
        self._by_number = NumberedRefs()
        self._selections: OrderedDict[tuple[Matcher, ...], tuple[int, Chosen]] = OrderedDict()
        self._selected = 0  # series of all remembered selections
        self._patterns: OrderedDict[tuple[str, str], tuple[Pattern, Remembered]] = OrderedDict()
        self._generation = 0

    def __len__(self) -> int:
        return len(self._every)

    @property
    def capacity(self) -> int:
        """One more than the largest reference ever given."""
        return len(self._labels)

    @property
    def collisions(self) -> int:
        """How many series live under another id than their labels' own."""
        return len(self._moved)

    # --- growing ------------------------------------------------------------------------------------------------------

    def place(self, series: Sequence[Labels], ids: NDArray[np.uint64], numbered: Numbered | None = None) -> Placed:
        """References of the series of a batch; unknown ones are added, with no time yet."""
        if numbered is None:
            return self._place(series, ids)
        refs = self._by_number.refs_of(numbered)
        missing = np.flatnonzero(refs < 0)
        if not len(missing):
            return Placed(refs.astype(np.uint32), ())
        places = missing.tolist()
        placed = self._place([series[place] for place in places], ids[missing])
        refs[missing] = placed.refs
        self._by_number.note(numbered, refs)
        return Placed(refs.astype(np.uint32), tuple(places[position] for position in placed.fresh))

    def _place(self, series: Sequence[Labels], ids: NDArray[np.uint64]) -> Placed:
        refs = np.empty(len(series), np.uint32)
        fresh: list[int] = []
        by_id, known = self._by_id, self._labels
        for position, (labels, number) in enumerate(zip(series, ids.tolist(), strict=True)):
            ref = by_id.get(number)
            if ref is not None and (known[ref] is labels or known[ref] == labels):
                refs[position] = ref
                continue
            ref, is_new = self._find_or_add(labels, number, taken=ref is not None)
            refs[position] = ref
            if is_new:
                fresh.append(position)
        return Placed(refs, tuple(fresh))

    def _find_or_add(self, labels: Labels, number: int, *, taken: bool) -> tuple[int, bool]:
        moved = self._moved.get(labels)
        if moved is not None:
            return self._by_id[moved], False
        if taken:
            number = self._free_id(labels)
        return self.add(labels, number, moved=taken), True

    def _free_id(self, labels: Labels) -> int:
        # A salt that is no label name keeps probes of different series apart; the metric's 20 bits stay.
        for probe in range(1, PROBES_MAX):
            number = series_id((*labels, ("\xff", str(probe))))
            if number not in self._by_id:
                return number
        raise AssertionError(f"no free id for a series after {PROBES_MAX} tries")

    def add(
        self,
        labels: Labels,
        number: int,
        *,
        first_ms: int = NEVER_MS,
        last_ms: int = -NEVER_MS,
        moved: bool = False,
    ) -> int:
        """Add a series that is not there yet under this id, which is not its labels' own where it is `moved`."""
        ref = len(self._labels)
        if ref == len(self._ids):
            for name in ("_ids", "_first_ms", "_last_ms"):
                setattr(self, name, np.concatenate((getattr(self, name), np.zeros_like(getattr(self, name)))))
        self._labels.append(labels)
        self._ids[ref], self._first_ms[ref], self._last_ms[ref] = number, first_ms, last_ms
        self._by_id[number] = ref
        if moved:
            self._moved[labels] = number
        for name, value in labels:
            by_value = self._postings.setdefault(name, {})
            posting = by_value.get(value)
            if posting is None:
                posting = by_value[value] = array("I")
                self._values.setdefault(name, []).append(value)
            posting.append(ref)
        self._every.append(ref)
        self._generation += 1
        return ref

    def saw(self, refs: Refs, times_ms: NDArray[np.int64]) -> None:
        """Widen the known first and last time of series; one entry a sample, references may repeat."""
        np.minimum.at(self._first_ms, refs, times_ms)
        np.maximum.at(self._last_ms, refs, times_ms)

    def drop(self, refs: Iterable[int]) -> None:
        """Forget these series; their references are not used again."""
        gone = {ref for ref in refs if self._labels[ref] is not None}
        if not gone:
            return
        touched: set[tuple[str, str]] = set()
        for ref in gone:
            labels = self._labels[ref]
            assert labels is not None
            touched.update(labels)
            self._labels[ref] = None
            del self._by_id[int(self._ids[ref])]
            self._moved.pop(labels, None)
        for name, value in touched:
            kept = array("I", [ref for ref in self._postings[name][value] if ref not in gone])
            if kept:
                self._postings[name][value] = kept
            else:
                del self._postings[name][value]
        for name in {name for name, _ in touched}:
            self._values[name] = list(self._postings[name])
            if not self._postings[name]:
                del self._postings[name], self._values[name]
        self._every = array("I", [ref for ref in self._every if ref not in gone])
        self._by_number.forget()
        self._patterns.clear()
        self._generation += 1

    # --- asking -------------------------------------------------------------------------------------------------------

    def labels(self, ref: int) -> Labels:
        """The labels behind a reference."""
        labels = self._labels[ref]
        assert labels is not None
        return labels

    def ids(self, refs: Refs) -> NDArray[np.uint64]:
        """uint64[refs]: the stored ids."""
        return self._ids[refs]

    def last_ms(self, refs: Refs) -> NDArray[np.int64]:
        """int64[refs]: the newest known sample times."""
        return self._last_ms[refs]

    def first_ms(self, refs: Refs) -> NDArray[np.int64]:
        """int64[refs]: the oldest known sample times."""
        return self._first_ms[refs]

    def is_moved(self, ref: int) -> bool:
        """Whether the series lives under another id than its labels' own."""
        return self._labels[ref] in self._moved

    def ref_of(self, number: int) -> int | None:
        """The reference of a stored id, or None."""
        return self._by_id.get(number)

    def every(self) -> Refs:
        """All series, in the order of their references."""
        return np.array(self._every, np.uint32)

    def select(self, matchers: Sequence[Matcher]) -> Refs:
        """The series for which all matchers hold, sorted by their labels. Read it, never write: it is remembered.

        Raises:
            InvalidInputError: a regular expression is not RE2.
        """
        return self.choose(matchers).refs

    def choose(self, matchers: Sequence[Matcher]) -> Chosen:
        """The same, with their labels.

        Raises:
            InvalidInputError: a regular expression is not RE2.
        """
        key = tuple(matchers)
        found = self._selections.get(key)
        if found is not None and found[0] == self._generation:
            self._selections.move_to_end(key)
            return found[1]
        pairs = sorted(((self.labels(ref), ref) for ref in self._select(key).tolist()), key=itemgetter(0))
        chosen = Chosen(np.array([ref for _, ref in pairs], np.uint32), LabelSets([labels for labels, _ in pairs]))
        self._remember(key, chosen)
        return chosen

    def _remember(self, key: tuple[Matcher, ...], chosen: Chosen) -> None:
        stale = self._selections.pop(key, None)
        self._selected += len(chosen.refs) - (len(stale[1].refs) if stale is not None else 0)
        self._selections[key] = (self._generation, chosen)
        while len(self._selections) > SELECTIONS_CACHED_MAX or self._selected > SELECTED_SERIES_MAX:
            _, (_, oldest) = self._selections.popitem(last=False)
            self._selected -= len(oldest.refs)

    def _select(self, matchers: Sequence[Matcher]) -> Refs:
        wanted: list[Refs] = []
        barred: list[Refs] = []
        for matcher in matchers:
            if accepts(matcher, "", self._pattern(matcher)):
                barred.append(self._union(matcher, accepted=False))
            else:
                wanted.append(self._union(matcher, accepted=True))
        wanted.sort(key=len)
        chosen = wanted[0] if wanted else self.every()
        for other in wanted[1:]:
            chosen = chosen[contains(other, chosen)]
        for other in barred:
            chosen = chosen[~contains(other, chosen)]
        return chosen

    def _pattern(self, matcher: Matcher) -> Pattern | None:
        if matcher.op in (MatchOp.EQUAL, MatchOp.NOT_EQUAL):
            return None
        return self._remembered(matcher.name, matcher.value)[0]

    def _remembered(self, name: str, source: str) -> tuple[Pattern, Remembered]:
        key = (name, source)
        entry = self._patterns.get(key)
        if entry is None:
            entry = self._patterns[key] = (Pattern(source), Remembered(0, []))
            if len(self._patterns) > PATTERNS_CACHED_MAX:
                self._patterns.popitem(last=False)
        else:
            self._patterns.move_to_end(key)
        return entry

    def _union(self, matcher: Matcher, *, accepted: bool) -> Refs:
        """Sorted references of the series that carry the label with a value that the matcher accepts (or refuses)."""
        postings = self._postings.get(matcher.name, {})
        is_positive = matcher.op in (MatchOp.EQUAL, MatchOp.REGEX)
        hits = self._values_hit(matcher)
        if is_positive == accepted:
            values = hits
        else:
            refused = set(hits)
            values = [value for value in postings if value not in refused]
        parts = [np.array(postings[value], np.uint32) for value in values]
        if not parts:
            return np.empty(0, np.uint32)
        return parts[0] if len(parts) == 1 else np.sort(np.concatenate(parts))

    def _values_hit(self, matcher: Matcher) -> list[str]:
        """The known values of the label that the matcher's text or pattern fits, its sign left aside."""
        postings = self._postings.get(matcher.name, {})
        if matcher.op in (MatchOp.EQUAL, MatchOp.NOT_EQUAL):
            return [matcher.value] if matcher.value in postings else []
        pattern, remembered = self._remembered(matcher.name, matcher.value)
        if pattern.literals is not None:
            return [value for value in pattern.literals if value in postings]
        values = self._values.get(matcher.name, [])
        remembered.values.extend(value for value in values[remembered.seen :] if pattern.matches(value))
        remembered.seen = len(values)
        return remembered.values

    def select_any(self, matcher_sets: Sequence[Sequence[Matcher]], *, start_ms: int, end_ms: int) -> Refs:
        """Series that match any of the sets (all series for no set) and may have a sample in the stretch (inclusive)."""
        chosen = [self.select(matchers) for matchers in matcher_sets] if matcher_sets else [self.every()]
        refs = chosen[0] if len(chosen) == 1 else np.unique(np.concatenate(chosen))
        return refs[(self._first_ms[refs] <= end_ms) & (self._last_ms[refs] >= start_ms)]

    def choose_within(self, matchers: Sequence[Matcher], *, start_ms: int, end_ms: int) -> Chosen:
        """The series for which all matchers hold and that may have a sample in the stretch (inclusive), as `choose`."""
        chosen = self.choose(matchers)
        refs = chosen.refs
        return chosen.only((self._first_ms[refs] <= end_ms) & (self._last_ms[refs] >= start_ms))

    def names_of(self, refs: Refs) -> list[str]:
        """The label names of these series, sorted."""
        if len(refs) == len(self._every):
            return sorted(self._postings)
        return sorted({name for ref in refs.tolist() for name, _ in self.labels(ref)})

    def values_of(self, name: str, refs: Refs) -> list[str]:
        """The values of one label over these series, sorted."""
        if len(refs) == len(self._every):
            return sorted(self._postings.get(name, ()))
        return sorted({value for ref in refs.tolist() for known, value in self.labels(ref) if known == name})

    def quiet_since(self, time_ms: int) -> Refs:
        """Series whose samples all lie before this time; one whose first sample is still being written is none of them."""
        every = self.every()
        last_ms = self.last_ms(every)
        is_quiet: NDArray[np.bool_] = (last_ms < time_ms) & (last_ms != -NEVER_MS)
        return every[is_quiet]

    def postings(self) -> Postings:
        """Every label with its values and their series, as of now: counted elsewhere while the index goes on."""
        return [(name, list(values.items())) for name, values in self._postings.items()]


def accepts(matcher: Matcher, value: str, pattern: Pattern | None) -> bool:
    """Whether the matcher holds for this value; `pattern` is its compiled expression where it has one."""
    hit = value == matcher.value if pattern is None else pattern.matches(value)
    return hit == (matcher.op in (MatchOp.EQUAL, MatchOp.REGEX))


def contains(ordered: Refs, items: Refs) -> NDArray[np.bool_]:
    """bool[items]: which of `items` stand in `ordered`, which is sorted."""
    if not len(ordered):
        return np.zeros(len(items), np.bool_)
    places = np.searchsorted(ordered, items)
    places[places == len(ordered)] = 0
    found: NDArray[np.bool_] = ordered[places] == items
    return found
