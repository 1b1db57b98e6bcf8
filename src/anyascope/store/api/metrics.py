"""The door to metrics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from anyascope.frames.samples import SampleFrame
from anyascope.model.labels import Labels, Matcher
from anyascope.model.metrics import Exemplar, HistogramSample, MetricBatch, MetricMetadata


@dataclass(frozen=True, slots=True)
class Selection:
    """Which series, and which stretch of time of them.

    Attributes:
        matchers: all must hold.
        start_ms, end_ms: UTC milliseconds, both inclusive.
        series_max, samples_max: past either the read ends with `LimitExceededError`.
    """

    matchers: tuple[Matcher, ...]
    start_ms: int
    end_ms: int
    series_max: int = 100_000
    samples_max: int = 50_000_000


@dataclass(frozen=True, slots=True)
class Cardinality:
    """How many series there are, and where they come from: (what, how many) pairs, the largest first.

    Attributes:
        series: that have samples.
        samples_in_memory: which are there to be read without the disk.
        oldest_ms, newest_ms: UTC milliseconds of the outermost samples; 0 where there are none.
        by_metric, by_pair, by_focus: series by metric, by `name=value`, and by value of the label that was asked for.
        by_label: distinct values by label.
        bytes_by_label: length of the name and the values in all series, as Prometheus counts it.
        label_pairs: distinct `name=value` pairs.
        new, quiet: series that began within the time that was asked for, and those that had no sample in it.
    """

    series: int
    samples_in_memory: int
    oldest_ms: int
    newest_ms: int
    by_metric: tuple[tuple[str, int], ...]
    by_label: tuple[tuple[str, int], ...]
    by_pair: tuple[tuple[str, int], ...]
    label_pairs: int = 0
    bytes_by_label: tuple[tuple[str, int], ...] = ()
    by_focus: tuple[tuple[str, int], ...] = ()
    new: int = 0
    quiet: int = 0


class MetricWriter(Protocol):
    """Keeps metrics."""

    async def write_metrics(self, batch: MetricBatch, *, token: str = "") -> None:
        """Return once the batch survives `kill -9`. A batch whose non-empty `token` was written before is not repeated.

        Raises:
            UnavailableError: the store cannot write now (disk full, closing); nothing of the batch may be assumed kept.
        """


class MetricReader(Protocol):
    """Gives metrics out."""

    async def select(self, selection: Selection) -> SampleFrame:
        """The float samples of the series that match, series sorted by their labels.

        Where a time was written twice, the value written last wins. Series without a sample in the stretch are left out.
        """

    async def select_histograms(self, selection: Selection) -> Sequence[HistogramSample]:
        """The native histograms of the series that match, by series and time."""

    async def series(
        self, matcher_sets: Sequence[Sequence[Matcher]], *, start_ms: int, end_ms: int, limit: int = 0
    ) -> list[Labels]:
        """Label sets that match any of the sets and had a sample in the stretch, sorted; `limit` 0 is no limit.

        The stretch may be widened to what the index knows (first and last sample of a series).
        """

    async def label_names(
        self, matcher_sets: Sequence[Sequence[Matcher]], *, start_ms: int, end_ms: int, limit: int = 0
    ) -> list[str]:
        """The names of all labels of these series, sorted; of every series where `matcher_sets` is empty."""

    async def label_values(
        self, name: str, matcher_sets: Sequence[Sequence[Matcher]], *, start_ms: int, end_ms: int, limit: int = 0
    ) -> list[str]:
        """The values of one label over these series, sorted."""

    async def metadata(self, *, metric: str = "", limit: int = 0) -> list[MetricMetadata]:
        """What is known of one metric, or of all, sorted by name."""

    async def exemplars(
        self, matcher_sets: Sequence[Sequence[Matcher]], *, start_ms: int, end_ms: int
    ) -> list[Exemplar]:
        """Exemplars of these series in the stretch (inclusive), by series and time."""

    async def cardinality(self, *, limit: int = 10, focus: str = "", since_ms: int = 0) -> Cardinality:
        """Where the series come from: `limit` entries a list, the values of label `focus` too, new and quiet since then."""

    async def delete(self, matcher_sets: Sequence[Sequence[Matcher]], *, start_ms: int, end_ms: int) -> int:
        """Remove these series' samples of the stretch; how many series it touched."""
