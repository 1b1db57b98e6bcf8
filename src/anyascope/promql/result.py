"""What a query answers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum

from anyascope.clock import MS_PER_S
from anyascope.frames.samples import SampleFrame
from anyascope.model.labels import Labels
from anyascope.promql.boxes import NativeTable


class ResultKind(Enum):
    """The four kinds of values, in Prometheus' words."""

    SCALAR = "scalar"
    STRING = "string"
    VECTOR = "vector"
    MATRIX = "matrix"


@dataclass(frozen=True, slots=True)
class QueryStats:
    """What a query took.

    Attributes:
        series: how many the selectors read.
        samples: how many samples they read.
        disk_samples: how many of these came from disk; the others from memory.
        result_series: how many the answer has.
        queue_ms, fetch_ms, evaluate_ms: how long waiting for a turn, reading and judging took.
    """

    series: int = 0
    samples: int = 0
    disk_samples: int = 0
    result_series: int = 0
    queue_ms: float = 0.0
    fetch_ms: float = 0.0
    evaluate_ms: float = 0.0

    def as_prometheus(self) -> dict[str, dict[str, float]]:
        """Under Prometheus' names; what it measures apart and we do not is 0."""
        prepared_s, took_s, waited_s = self.fetch_ms / MS_PER_S, self.evaluate_ms / MS_PER_S, self.queue_ms / MS_PER_S
        return {
            "timings": {
                "evalTotalTime": prepared_s + took_s,
                "resultSortTime": 0,
                "queryPreparationTime": prepared_s,
                "innerEvalTime": took_s,
                "execQueueTime": waited_s,
                "execTotalTime": prepared_s + took_s,
            },
            "samples": {"totalQueryableSamples": self.samples, "peakSamples": self.samples},
        }


@dataclass(frozen=True, slots=True)
class QueryResult:
    """The answer to one query.

    Attributes:
        kind: of the value.
        frame: a vector has one sample a series at the query's time, in the order in which Prometheus lists it; a matrix
            the samples of each series, series sorted by labels; a scalar one series without labels; a string none.
        text: of a string.
        time_ms: the time of an instant query; the end of a range query.
        warnings, infos: annotations, each once, with their place in the query.
        stats: what it took.
        natives: the native histograms that cells of the frame may stand for.
    """

    kind: ResultKind
    frame: SampleFrame
    time_ms: int
    text: str = ""
    warnings: tuple[str, ...] = ()
    infos: tuple[str, ...] = ()
    stats: QueryStats = QueryStats()
    natives: NativeTable = field(default_factory=NativeTable)

    def __len__(self) -> int:
        return len(self.frame)

    def pairs(self) -> Iterator[tuple[Labels, float]]:
        """Each series' labels and last value: all there is to a vector or a scalar."""
        return zip(self.frame.labels, self.frame.values[self.frame.offsets[1:] - 1].tolist(), strict=True)
