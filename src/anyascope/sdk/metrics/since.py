"""What a forked child counted itself: its parent's totals, which its memory was born with, are the parent's to tell."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Summary
from prometheus_client.metrics_core import Metric
from prometheus_client.samples import Sample

from anyascope.clock import NS_PER_S
from anyascope.sdk.guard import tell_once
from anyascope.sdk.metrics.registries import collectors_of

Place = tuple[str, tuple[tuple[str, str], ...]]  # a sample's name and labels

_ADDED_UP_MODES = frozenset(("sum", "livesum"))  # of gauges whose processes each hold a part


@dataclass(frozen=True, slots=True)
class Birth:
    """What stood in the registry when this process began.

    Attributes:
        at_ns: when that was, in UTC nanoseconds.
        totals: of counters, histograms, summaries and gauges that are added up.
    """

    at_ns: int
    totals: Mapping[Place, float] = field(default_factory=dict)


def birth_of(registry: CollectorRegistry, *, at_ns: int) -> Birth:
    """What stands in the registry now; no collector of the host's is asked, whose locks might be held."""
    totals: dict[Place, float] = {}
    for collector in collectors_of(registry):
        if is_total(collector):
            try:
                totals.update(
                    (_place(sample), sample.value) for family in collector.collect() for sample in family.samples
                )
            except Exception as error:  # noqa: BLE001  # an inside of prometheus_client that changed
                tell_once("remembering what a parent counted", error)
    return Birth(at_ns, totals)


def is_total(collector: object) -> bool:
    """Whether what it says of several processes is added up."""
    if isinstance(collector, Gauge):
        return collector._multiprocess_mode in _ADDED_UP_MODES  # noqa: SLF001  # prometheus_client has no public way
    return isinstance(collector, Counter | Histogram | Summary)


def since(birth: Birth, families: Iterable[Metric]) -> list[Metric]:
    """The families as this process alone has made them."""
    return [_since(birth, family) for family in families] if birth.totals else list(families)


def _since(birth: Birth, family: Metric) -> Metric:
    own = Metric(family.name, family.documentation, family.type, family.unit)
    own.samples = [_own(birth, sample, may_fall=family.type == "gauge") for sample in family.samples]
    return own


def _own(birth: Birth, sample: Sample, *, may_fall: bool) -> Sample:
    before = birth.totals.get(_place(sample))
    if before is None:
        return sample
    born_s = birth.at_ns / NS_PER_S
    if sample.name.endswith("_created"):
        return sample._replace(value=max(sample.value, born_s))
    exemplar = sample.exemplar
    if exemplar is not None and float(exemplar.timestamp or 0) < born_s:
        exemplar = None
    # A total that is smaller than at birth was reset by the host: what it says now is its own.
    value = sample.value - before if may_fall or sample.value >= before else sample.value
    return sample._replace(value=value, exemplar=exemplar)


def _place(sample: Sample) -> Place:
    return sample.name, tuple(sorted(sample.labels.items()))
