"""Metrics on disk, their labels and newest samples in memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from prometheus_client import CollectorRegistry, Gauge

from anyascope.clock import MS_PER_S, NS_PER_MS, Clock
from anyascope.frames.samples import SampleFrame
from anyascope.model.labels import METRIC_NAME, Labels, Matcher, series_id
from anyascope.model.metrics import Exemplar, HistogramSample, MetricBatch, MetricMetadata, MetricType
from anyascope.store.api.metrics import Cardinality, Selection
from anyascope.store.cardinality import cardinality_of
from anyascope.store.chdb.assembling import assembled, from_disk, has_repeats, numpy_of
from anyascope.store.chdb.binding import Parameter
from anyascope.store.chdb.engine import Engine
from anyascope.store.chdb.remembered import SAMPLES_MAX, Found, Remembered, Segment, piece_of_segments
from anyascope.store.chdb.samples import histogram_of, label_sets
from anyascope.store.chdb.seriesbook import IDS_PER_STATEMENT, SeriesBook
from anyascope.store.chdb.sorter import Sorter
from anyascope.store.chdb.unsorted import Appended
from anyascope.store.exemplars import NewestExemplars, in_order
from anyascope.store.families import FAMILIES_MAX, Families
from anyascope.store.hot import Gathered, HotWindow
from anyascope.store.journal.files import Journal, JournalOptions
from anyascope.store.labelindex import Chosen, LabelIndex, Refs
from anyascope.store.ragged import check_samples, check_series
from anyascope.store.tokens import Tokens

ON_LOOP_ROWS_MAX = 50_000  # beyond, arrays are built on a worker thread: 50,000 rows take under 10 ms
EVICT_STEPS = 16  # the window is shortened in steps of this part of it
FOREVER_MS = 2**62
NAMES_PER_STATEMENT = 5_000  # of a deletion; 2.6 MB of text at most
NO_REF = 2**32 - 1
JOURNAL_DIRECTORY = "journal"
ORDER_OF_WRITING = "toUInt64(splitByChar('_', _part)[2])"  # a part's name holds the number of its first insert


@dataclass(frozen=True, slots=True)
class HotOptions:
    """The samples in memory.

    Attributes:
        window_s: how far back they reach, as Prometheus' head does: dashboards mostly show the last hour.
        samples_max: 16 bytes each; where more arrive within the window, it reaches back less far.
        warm_samples_max: brought back from disk at a start, which must not take long; the rest of the window fills up as
            time goes by.
        remembered_max: older ones that were read from disk and may be asked for again; 16 bytes each.
    """

    window_s: float = 7_200.0
    samples_max: int = 16_000_000
    warm_samples_max: int = 2_000_000
    remembered_max: int = SAMPLES_MAX


@dataclass(frozen=True, slots=True)
class _Known:
    """Where the older samples of a question are: in segments, up to a time (inclusive)."""

    found: Found
    end_ms: int
    disk_samples: int


class ChdbMetrics:
    """Writer and reader of metrics. Lives on the event loop; disk work goes to threads.

    What is written is appended to the journal, and readers see it at once: in the hot window, or where it is older than
    that among what the sorter has not brought into the tables yet.

    Args:
        directory: the store's; the journal lies in a folder of it.
    """

    def __init__(
        self,
        engine: Engine,
        directory: Path,
        *,
        options: HotOptions,
        journal: JournalOptions,
        clock: Clock,
        registry: CollectorRegistry,
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._window_ms = round(options.window_s * MS_PER_S)
        self._warm_max = min(options.samples_max // 2, options.warm_samples_max)
        self._index = LabelIndex()
        self._book = SeriesBook(engine, self._index, clock=clock)
        self._remembered = Remembered(samples_max=options.remembered_max)
        self._remembers = True
        self._sorter = Sorter(
            engine,
            directory / JOURNAL_DIRECTORY,
            index=self._index,
            options=journal,
            clock=clock,
            registry=registry,
            on_written=self._changed,
        )
        self._hot = HotWindow(start_ms=self._now_ms() - self._window_ms, samples_max=options.samples_max)
        self._families = Families(registry=registry)
        self._with_histograms: set[int] = set()  # ids of series with native histograms: most queries meet none
        self._exemplars = NewestExemplars()
        self._tokens = Tokens()
        self._found: list[str] = []
        Gauge("anyascope_store_series", "Series in the label index.", registry=registry).set_function(
            lambda: len(self._index)
        )
        Gauge(
            "anyascope_store_series_moved",
            "Series whose id was taken by another one and that live under a second one.",
            registry=registry,
        ).set_function(lambda: self._index.collisions)
        Gauge(
            "anyascope_store_histogram_series", "Series that have native histograms.", registry=registry
        ).set_function(lambda: len(self._with_histograms))
        Gauge(
            "anyascope_store_hot_samples", "Samples in memory, rounded up to whole chunks.", registry=registry
        ).set_function(lambda: self._hot.samples)
        Gauge(
            "anyascope_store_remembered_samples", "Samples in memory that were read from disk.", registry=registry
        ).set_function(lambda: self._remembered.samples)
        Gauge(
            "anyascope_store_hot_window_seconds",
            "How far back the samples in memory reach.",
            registry=registry,
        ).set_function(lambda: (self._now_ms() - self._hot.start_ms) / MS_PER_S)

    def _now_ms(self) -> int:
        return self._clock.now_ns() // NS_PER_MS

    # --- start and end ------------------------------------------------------------------------------------------------

    async def load(self, *, is_after_crash: bool) -> list[str]:
        """Fill the label index, the metadata and the hot window from disk; what was found amiss, a sentence each."""
        await self._book.load(is_after_crash=is_after_crash)
        self._found += await self._sorter.recover()
        table = await self._engine.ask("metadata_all", {"limit": FAMILIES_MAX})
        self._families.note(
            MetricMetadata(row["metric"], MetricType(row["kind"]), help=row["help_text"], unit=row["unit_text"])
            for row in table.to_pylist()
        )
        table = await self._engine.ask("histograms_series")
        self._with_histograms.update(table["series_id"].to_pylist())
        # A deletion that a stop cut off goes on by itself: what is read before its end may be gone after it.
        self._remembers = not len(await self._engine.ask("mutations"))
        lost = await self._warm()
        self._sorter.start()
        return [f"{lost} series have samples but no labels, and cannot be found"] if lost else []

    async def _warm(self) -> int:
        """Bring the newest samples back into memory, as many minutes as a start may take; how many series are unknown."""
        start_ms = self._now_ms() - self._window_ms
        minutes = await self._engine.ask("samples_per_minute", {"start_ms": start_ms})
        total = 0
        for minute_ms, count in zip(minutes["minute_ms"].to_pylist(), minutes["samples"].to_pylist(), strict=True):
            total += count
            if total > self._warm_max:
                start_ms = minute_ms + 60 * MS_PER_S
                break
        self._hot.evict(start_ms)
        table = await self._samples("samples_since", {"start_ms": start_ms})
        if not len(table):
            return 0
        distinct, places = np.unique(numpy_of(table, "series_id"), return_inverse=True)
        known = [self._index.ref_of(number) for number in distinct.tolist()]
        refs = np.array([NO_REF if ref is None else ref for ref in known], np.uint32)[places]
        times_ms, values = numpy_of(table, "time_ms"), numpy_of(table, "value")
        found = refs != NO_REF
        self._index.saw(refs[found], times_ms[found])
        self._hot.append(refs[found], times_ms[found], values[found])
        return known.count(None)

    async def close(self) -> None:
        """Write down what is written lazily."""
        try:
            await self._sorter.close()
        finally:
            await self._book.note_seen(at_once=True)

    @property
    def journal(self) -> Journal:
        """Everything that is written, in the order of its coming, for who sends it on."""
        return self._sorter.journal

    def labels_of(self, ids: Sequence[int]) -> list[Labels | None]:
        """The labels of stored ids; None where a series was deleted."""
        refs = (self._index.ref_of(number) for number in ids)
        return [None if ref is None else self._index.labels(ref) for ref in refs]

    @property
    def found(self) -> Sequence[str]:
        """What of the journal was found damaged at the start, a sentence each."""
        return self._found

    @property
    def trouble(self) -> str:
        """Why the tables do not follow the journal; empty while they do."""
        return self._sorter.fault

    # --- writing ------------------------------------------------------------------------------------------------------

    async def write_metrics(self, batch: MetricBatch, *, token: str = "") -> None:
        if self._tokens.has(token):
            return
        samples, exemplars = batch.samples, self._exemplars.fresh(batch.exemplars)
        refs = self._index.place(samples.series, samples.series_ids, samples.numbered).refs[samples.rows]
        owners = [each.labels for each in batch.histograms] + [each.series for each in exemplars]
        owner_refs = self._place(owners)
        owner_times = np.array(
            [each.time_ms for each in batch.histograms] + [each.time_ms for each in exemplars], np.int64
        )
        every_ref = np.concatenate((refs, owner_refs))
        # A series whose samples are on their way is not quiet, however old its newest stored one is.
        with self._book.holding(every_ref):
            await self._book.cover(every_ref, np.concatenate((samples.times_ms, owner_times)))
            owner_list, split = owner_refs.tolist(), len(batch.histograms)
            metadata = self._families.news(batch.metadata)
            if not (len(samples) or owner_list or metadata):
                return
            await self._sorter.append(
                Appended.of(refs, samples.times_ms, samples.values) if len(samples) else None,
                list(zip(owner_list[:split], batch.histograms, strict=True)),
                list(zip(owner_list[split:], exemplars, strict=True)),
                metadata,
            )
            # Only what is durable is shown: from here on readers see it.
            self._index.saw(refs, samples.times_ms)
            self._index.saw(owner_refs, owner_times)
            self._hot.append(refs, samples.times_ms, samples.values)
            self._with_histograms.update(self._index.ids(owner_refs[:split]).tolist())
            self._exemplars.stored(exemplars)
            self._families.note(metadata)
        self._tokens.add(token)
        self._forget()
        await self._book.note_seen()

    def _place(self, owners: Sequence[Labels]) -> Refs:
        """The references of label sets that may repeat."""
        distinct = list(dict.fromkeys(owners))
        ids = np.fromiter(map(series_id, distinct), np.uint64, len(distinct))
        refs = dict(zip(distinct, self._index.place(distinct, ids).refs.tolist(), strict=True))
        return np.array([refs[labels] for labels in owners], np.uint32)

    def _forget(self) -> None:
        """Move the start of the hot window up, a step at a time."""
        start_ms = self._now_ms() - self._window_ms
        if start_ms - self._hot.start_ms >= self._window_ms // EVICT_STEPS:
            self._hot.evict(start_ms)

    # --- reading ------------------------------------------------------------------------------------------------------

    def _matching(self, selection: Selection) -> Chosen:
        chosen = self._index.choose_within(selection.matchers, start_ms=selection.start_ms, end_ms=selection.end_ms)
        check_series(len(chosen.refs), selection)
        return chosen

    async def select(self, selection: Selection) -> SampleFrame:
        chosen = self._matching(selection)
        refs, labels = chosen.refs, chosen.labels
        if not len(refs):
            return SampleFrame.empty()
        # One look at memory, before anything is waited for: what is older than its start comes from disk, so that the
        # two meet without a seam however the window moves meanwhile.
        recent = self._hot.gather(refs, start_ms=selection.start_ms, end_ms=selection.end_ms)
        check_samples(len(recent.times_ms), selection)
        if selection.start_ms >= recent.start_ms:
            return assembled(labels, None, recent)
        end_ms = min(selection.end_ms, recent.start_ms - 1)
        ids = self._index.ids(refs)
        waiting = [part.between(refs, start_ms=selection.start_ms, end_ms=end_ms) for part in self._sorter.unsorted()]
        known = None if any(len(part.rows) for part in waiting) else await self._known(ids, selection, recent, end_ms)
        if known is not None:
            return await self._completed(labels, known, selection, recent)
        table = await self._read(ids, selection.start_ms, end_ms, limit=selection.samples_max + 1)
        count = len(table) + len(recent.times_ms) + sum(len(part.rows) for part in waiting)
        check_samples(count, selection)
        if count > ON_LOOP_ROWS_MAX:
            frame = await self._engine.compute(lambda: assembled(labels, from_disk(ids, table, waiting), recent))
        else:
            frame = assembled(labels, from_disk(ids, table, waiting), recent)
        return replace(frame, disk_samples=count - len(recent.times_ms))

    async def _known(
        self, ids: NDArray[np.uint64], selection: Selection, recent: Gathered, end_ms: int
    ) -> _Known | None:
        """What is remembered of these series, completed from disk; None where that is not the way to ask."""
        stretch = self._remembered.stretch(selection.start_ms, end_ms, hot_ms=recent.start_ms, series=len(ids))
        if stretch is None or not self._remembers:
            return None
        found, missing = self._remembered.find(ids, selection.start_ms, end_ms)
        if not missing.any():
            return _Known(found, end_ms, disk_samples=0)
        first_ms, last_ms = stretch
        version, asked = self._remembered.version, ids[missing]
        most = self._remembered.samples_max // 2
        table = await self._read(asked, first_ms, last_ms, limit=most + 1)
        if len(table) > most:
            return None

        def read() -> Segment:
            return Segment.of(asked, from_disk(asked, table, ()), start_ms=first_ms, end_ms=last_ms)

        segment = await self._engine.compute(read) if len(table) > ON_LOOP_ROWS_MAX else read()
        self._remembered.add(segment, version=version)
        places = np.where(missing, segment.places(ids), -1)
        return _Known([*found, (segment, places)], end_ms, disk_samples=len(table))

    async def _completed(
        self, labels: Sequence[Labels], known: _Known, selection: Selection, recent: Gathered
    ) -> SampleFrame:
        """The frame of what is remembered and what is in memory."""

        def together() -> SampleFrame:
            early = piece_of_segments(known.found, len(labels), start_ms=selection.start_ms, end_ms=known.end_ms)
            check_samples(int(early.counts.sum()) + len(recent.times_ms), selection)
            return assembled(labels, early, recent)

        is_large = sum(len(segment.times_ms) for segment, _ in known.found) > ON_LOOP_ROWS_MAX
        frame = await self._engine.compute(together) if is_large else together()
        return replace(frame, disk_samples=known.disk_samples)

    def _changed(self, start_ms: int, end_ms: int) -> None:
        """The tables have got rows, or lost some, in this stretch (inclusive)."""
        if start_ms < self._hot.start_ms:
            self._remembered.forget(start_ms, end_ms)

    async def _read(self, ids: NDArray[np.uint64], start_ms: int, end_ms: int, *, limit: int) -> pa.Table:
        parameters = {"ids": ids.tolist(), "start_ms": start_ms, "end_ms": end_ms, "limit": limit}
        return await self._samples("samples_select", parameters)

    async def _samples(self, name: str, parameters: Mapping[str, Parameter]) -> pa.Table:
        """Samples by series and time, equal times in the order in which they were written."""
        table = await self._engine.ask(name, parameters, parts={"written": ""})
        if has_repeats(table):
            table = await self._engine.ask(name, parameters, parts={"written": f", {ORDER_OF_WRITING}"})
        return table

    async def select_histograms(self, selection: Selection) -> Sequence[HistogramSample]:
        if not self._with_histograms:
            return []
        chosen = self._matching(selection)
        ids = self._index.ids(chosen.refs).tolist()
        labels = {
            number: each for number, each in zip(ids, chosen.labels, strict=True) if number in self._with_histograms
        }
        if not labels:
            return []
        asked = set(chosen.refs.tolist())
        waiting = [each for part in self._sorter.unsorted() for ref, each in part.histograms if ref in asked]
        table = await self._engine.ask(
            "histograms_select",
            {
                "ids": list(labels),
                "start_ms": selection.start_ms,
                "end_ms": selection.end_ms,
                "limit": selection.samples_max + 1,
            },
        )
        check_samples(len(table), selection)
        found: dict[tuple[Labels, int], HistogramSample] = {}
        for row in table.to_pylist():
            histogram = histogram_of(labels[row["series_id"]], row)
            found[histogram.labels, histogram.time_ms] = histogram  # the later written one stays
        for histogram in waiting:
            if selection.start_ms <= histogram.time_ms <= selection.end_ms:
                found[histogram.labels, histogram.time_ms] = histogram
        return [found[key] for key in sorted(found)]

    async def series(
        self, matcher_sets: Sequence[Sequence[Matcher]], *, start_ms: int, end_ms: int, limit: int = 0
    ) -> list[Labels]:
        refs = self._index.select_any(matcher_sets, start_ms=start_ms, end_ms=end_ms)
        return sorted(self._index.labels(ref) for ref in refs.tolist())[: limit or None]

    async def label_names(
        self, matcher_sets: Sequence[Sequence[Matcher]], *, start_ms: int, end_ms: int, limit: int = 0
    ) -> list[str]:
        refs = self._index.select_any(matcher_sets, start_ms=start_ms, end_ms=end_ms)
        return self._index.names_of(refs)[: limit or None]

    async def label_values(
        self, name: str, matcher_sets: Sequence[Sequence[Matcher]], *, start_ms: int, end_ms: int, limit: int = 0
    ) -> list[str]:
        refs = self._index.select_any(matcher_sets, start_ms=start_ms, end_ms=end_ms)
        return self._index.values_of(name, refs)[: limit or None]

    async def metadata(self, *, metric: str = "", limit: int = 0) -> list[MetricMetadata]:
        return self._families.find(metric=metric, limit=limit)

    async def exemplars(
        self, matcher_sets: Sequence[Sequence[Matcher]], *, start_ms: int, end_ms: int
    ) -> list[Exemplar]:
        refs = self._index.select_any(matcher_sets, start_ms=start_ms, end_ms=end_ms)
        if not len(refs):
            return []
        owners = dict(zip(self._index.ids(refs).tolist(), map(self._index.labels, refs.tolist()), strict=True))
        asked = set(refs.tolist())
        waiting = [
            each
            for part in self._sorter.unsorted()
            for ref, each in part.exemplars
            if ref in asked and start_ms <= each.time_ms <= end_ms
        ]
        table = await self._engine.ask(
            "exemplars_select", {"ids": list(owners), "start_ms": start_ms, "end_ms": end_ms}
        )
        if not len(table):
            return in_order(waiting)
        columns = (table[name].to_pylist() for name in ("series_id", "time_ms", "value"))
        found = [
            Exemplar(owners[number], time_ms, value, labels)
            for labels, number, time_ms, value in zip(label_sets(table), *columns, strict=True)
        ]
        return in_order([*found, *waiting])

    async def cardinality(self, *, limit: int = 10, focus: str = "", since_ms: int = 0) -> Cardinality:
        return await cardinality_of(
            self._index, limit=limit, focus=focus, since_ms=since_ms, samples_in_memory=self._hot.samples
        )

    # --- removing -----------------------------------------------------------------------------------------------------

    async def delete(self, matcher_sets: Sequence[Sequence[Matcher]], *, start_ms: int, end_ms: int) -> int:
        refs = self._index.select_any(matcher_sets, start_ms=start_ms, end_ms=end_ms)
        if not len(refs):
            return 0
        known_ms = self._index.last_ms(refs)
        # What is in the tables is deleted there; what comes meanwhile waits, and is written after the deletion.
        async with self._sorter.settled():
            self._sorter.cut(refs, start_ms=start_ms, end_ms=end_ms)
            self._cut_hot(refs, start_ms=start_ms, end_ms=end_ms)
            self._exemplars.forget()
            try:
                await self._delete_rows(self._index.ids(refs).tolist(), start_ms=start_ms, end_ms=end_ms)
            finally:
                self._remembered.forget(start_ms, end_ms)

        def ended() -> Refs:
            last_ms = self._index.last_ms(refs)
            # A series that got samples meanwhile goes on.
            is_gone = (self._index.first_ms(refs) >= start_ms) & (last_ms <= end_ms) & (last_ms == known_ms)
            return refs.compress(is_gone)

        await self._remove(ended)
        return len(refs)

    async def _remove(self, choose: Callable[[], Refs]) -> None:
        """Forget these series, in memory and on disk."""

        def dropped(refs: Refs) -> None:
            self._with_histograms.difference_update(self._index.ids(refs).tolist())

        await self._book.remove(choose, on_dropped=dropped)
        await self._forget_families()

    async def _forget_families(self) -> None:
        """Where there are many, forget what metrics without series say of themselves."""
        gone = self._families.forget_without(frozenset(self._index.values_of(METRIC_NAME, self._index.every())))
        for begin in range(0, len(gone), NAMES_PER_STATEMENT):
            some = ",".join(map(_in_hex, gone[begin : begin + NAMES_PER_STATEMENT]))
            await self._engine.command(
                f"ALTER TABLE metadata DELETE WHERE metric IN ({some}) SETTINGS mutations_sync = 1"
            )

    async def _delete_rows(self, ids: Sequence[int], *, start_ms: int, end_ms: int) -> None:
        for begin in range(0, len(ids), IDS_PER_STATEMENT):
            some = ",".join(map(str, ids[begin : begin + IDS_PER_STATEMENT]))
            where = f"series_id IN ({some}) AND time_ms BETWEEN {start_ms:d} AND {end_ms:d}"
            for table in ("samples", "histograms", "exemplars"):
                await self._engine.command(f"ALTER TABLE {table} DELETE WHERE {where} SETTINGS mutations_sync = 1")

    def _cut_hot(self, refs: Refs, *, start_ms: int, end_ms: int) -> None:
        held = self._hot.gather(refs, start_ms=-FOREVER_MS, end_ms=FOREVER_MS)
        stays = (held.times_ms < start_ms) | (held.times_ms > end_ms)
        self._hot.drop(refs)
        self._hot.append(refs[held.rows[stays]], held.times_ms[stays], held.values[stays])

    async def flush(self) -> None:
        """Bring what only the journal and memory hold into the tables."""
        await self._sorter.flush()

    def waiting_ms(self) -> tuple[int, int, int]:
        """(rows, oldest, newest time) of what is not in the tables yet."""
        first, last = zip(*(part.stretch_ms() for part in self._sorter.unsorted()), strict=True)
        return self._sorter.rows, min(first), max(last)

    async def forget_before(self, time_ms: int) -> None:
        """After retention dropped everything older than this: forget the series that ended before."""
        self._hot.evict(min(time_ms, self._now_ms()))
        self._remembered.forget(-FOREVER_MS, time_ms)
        await self._remove(lambda: self._index.quiet_since(time_ms))


def _in_hex(name: str) -> str:
    """A name as it may stand in a statement, whatever it holds."""
    return f"unhex('{name.encode('utf-8', 'replace').hex()}')"
