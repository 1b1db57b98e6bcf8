"""Turns one target's pages into what is written: samples by slots, counts for the report; the job's rules and limits applied."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from anyascope.collect.sample_rules import ScrapeRejectedError, final_labels
from anyascope.collect.scrape_config import ScrapeConfig
from anyascope.collect.series import SERIES_SPARE, Live, SeriesBook
from anyascope.model.labels import Labels
from anyascope.model.metrics import MetricMetadata, MetricType
from anyascope.wire.exposition.collate import Collator
from anyascope.wire.exposition.families import KnownFamilies
from anyascope.wire.exposition.known import KnownLines
from anyascope.wire.exposition.lines import ExpositionError, Format, LineExemplar, Pairs
from anyascope.wire.exposition.natives import BucketLimitError, at_most_buckets, at_most_schema
from anyascope.wire.exposition.reading import Native, Reading, Resolve

DROPPED = -1  # instead of a slot: a rule drops the series


@dataclass(frozen=True, slots=True)
class Page:
    """What a scrape brought, ready to be written: positions of kept samples, and counts for the report."""

    slots: NDArray[np.int64]
    values: NDArray[np.float64]
    times_ms: Mapping[int, int]
    exemplars: Mapping[int, LineExemplar]
    metadata: tuple[MetricMetadata, ...]
    scraped: int
    relabelled: int
    repeated: int = 0
    natives: Mapping[int, Native] = field(default_factory=dict)


NOTHING = Page(np.empty(0, np.int64), np.empty(0, np.float64), {}, {}, (), 0, 0)


class PageReader:
    """The pages of one target.

    Args:
        target: the labels that its series carry.
        live: what a predecessor with the same labels has last written.
    """

    def __init__(self, target: Labels, config: ScrapeConfig, live: Live | None = None) -> None:
        self._target = target
        self._config = config
        self.book = SeriesBook(live)
        self._samples = 0  # of the last page, before histograms were put together
        self._begin()

    def read(self, body: bytes, form: Format) -> Page:
        """What is to be written of a page.

        Raises:
            ScrapeRejectedError: it is broken, or passes a limit of the job; it counts the samples up to there.
        """
        if self.book.is_overgrown:
            # Series come and go: forget those that went. The page is read anew once.
            self.book = SeriesBook(self.book.live())
            self._begin()
        elif self._collator is not None and len(self._collator) > 2 * self._samples + SERIES_SPARE:
            # The bounds of histograms come and go likewise, and are no series of the book.
            self._begin()
        if not body:
            return NOTHING  # whatever format it is said to be in, as upstream has it
        reading = self._reading(body, form)
        page = _kept(self._bounded(reading), honor_timestamps=self._config.honor_timestamps)
        limit = self._config.limits.sample_limit
        if limit and len(page.slots) > limit:
            raise ScrapeRejectedError(
                f"sample limit exceeded (samples: {len(page.slots)}, limit: {limit})",
                limit="sample_limit",
                scraped=page.scraped,
                relabelled=page.relabelled,
            )
        return page

    # --- inside -------------------------------------------------------------------------------------------------------

    def _begin(self) -> None:
        config = self._config
        self._collator: Collator | None = None
        resolve: Resolve = self._resolve
        if config.converts_classics:
            self._collator = Collator(self._resolve, keeps_classics=config.always_classics)
            resolve = self._collator.resolve
        self._lines = KnownLines(resolve)
        self._families = KnownFamilies(resolve, has_natives=config.has_natives, has_classics=config.always_classics)

    def _resolve(self, pairs: Pairs, _kind: MetricType) -> int:
        labels = final_labels(pairs, self._target, self._config)
        return DROPPED if labels is None else self.book.slot_of(labels)

    def _reading(self, body: bytes, form: Format) -> Reading:
        is_protobuf = form is Format.PROTOBUF
        try:
            reading = self._families.read(body) if is_protobuf else self._lines.read(body, form=form)
        except ExpositionError as error:
            raise self._rejected(str(error), is_protobuf=is_protobuf) from error
        except ScrapeRejectedError as error:
            # The series that is refused counts as scraped.
            raise self._rejected(str(error), is_protobuf=is_protobuf, limit=error.limit, more=1) from error
        self._samples = len(reading.slots)
        return reading if self._collator is None else self._collator.collate(reading)

    def _rejected(self, message: str, *, is_protobuf: bool, limit: str = "", more: int = 0) -> ScrapeRejectedError:
        read = self._families.progress if is_protobuf else self._lines.progress
        slots = read if self._collator is None else self._collator.slots_of(read)
        kept = sum(1 for slot in slots if slot != DROPPED)
        return ScrapeRejectedError(message, limit=limit, scraped=len(read) + more, relabelled=kept)

    def _bounded(self, reading: Reading) -> Reading:
        """With native histograms as small as the job wants them."""
        limits = self._config.limits
        if not reading.natives or not (limits.native_bucket_limit or limits.native_schema_max is not None):
            return reading
        natives: dict[int, Native] = {}
        for at, native in reading.natives.items():
            histogram = native.histogram
            if limits.native_schema_max is not None:
                histogram = at_most_schema(histogram, limits.native_schema_max)
            if limits.native_bucket_limit:
                try:
                    histogram = at_most_buckets(histogram, limits.native_bucket_limit)
                except BucketLimitError as error:
                    kept = int(np.count_nonzero(reading.slots != DROPPED))
                    raise ScrapeRejectedError(
                        str(error),
                        limit="native_histogram_bucket_limit",
                        scraped=len(reading.slots),
                        relabelled=kept,
                    ) from error
            natives[at] = replace(native, histogram=histogram)
        return replace(reading, natives=natives)


def _kept(reading: Reading, *, honor_timestamps: bool) -> Page:
    """The samples that are to be written: neither dropped by a rule nor a repetition of their series."""
    times_ms = reading.times_ms if honor_timestamps else {}
    keep = reading.slots != DROPPED
    repeated = _repeated(reading.slots, times_ms)
    if repeated:
        keep[repeated] = False
    place = np.cumsum(keep) - 1
    return Page(
        slots=reading.slots[keep],
        values=reading.values[keep],
        times_ms={int(place[at]): time_ms for at, time_ms in times_ms.items() if keep[at]},
        exemplars={int(place[at]): found for at, found in reading.exemplars.items() if keep[at]},
        metadata=reading.metadata,
        scraped=len(reading.slots),
        relabelled=int(np.count_nonzero(reading.slots != DROPPED)),
        repeated=len(repeated),
        natives={int(place[at]): found for at, found in reading.natives.items() if keep[at]},
    )


def _repeated(slots: NDArray[np.int64], times_ms: Mapping[int, int]) -> list[int]:
    """Positions whose series stands further up already: at the same time, where it has one of its own."""
    kept = slots[slots != DROPPED]
    if len(kept) == 0 or np.bincount(kept).max() == 1:
        return []
    seen: set[int] = set()
    timed: set[tuple[int, int]] = set()
    repeated: list[int] = []
    for position, slot in enumerate(slots.tolist()):
        if slot == DROPPED:
            continue
        time_ms = times_ms.get(position)
        if slot in seen if time_ms is None else (slot, time_ms) in timed:
            repeated.append(position)
        seen.add(slot)
        if time_ms is not None:
            timed.add((slot, time_ms))
    return repeated
