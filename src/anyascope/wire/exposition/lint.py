"""What is likely to be regretted about the metrics of a page: names, units, types, helps; pure.

Source: Prometheus, "Metric and label naming"; the findings of `promtool check metrics`, in its words.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from anyascope.model.labels import METRIC_NAME
from anyascope.model.metrics import MetricMetadata, MetricType
from anyascope.wire.exposition.document import Exposition
from anyascope.wire.exposition.lines import Pairs

_PREFIXES = (
    *(
        "pico",
        "nano",
        "micro",
        "milli",
        "centi",
        "deci",
        "deca",
        "hecto",
        "kilo",
        "kibi",
        "mega",
        "mibi",
        "giga",
        "gibi",
    ),
    *("tera", "tebi", "peta", "pebi", ""),
)
_BASES: Mapping[str, tuple[str, ...]] = {
    "amperes": ("amperes",),
    "bytes": ("bytes", "bits"),
    "celsius": ("celsius", "fahrenheit", "rankine"),
    "grams": ("grams", "pounds", "ounces"),
    "joules": ("joules", "calories"),
    "kelvin": ("kelvin", "kelvins"),
    "meters": ("meters", "metres", "inches", "yards", "miles"),
    "seconds": ("seconds", "minutes", "hours", "days", "weeks"),
    "volts": ("volts",),
}
_BASE_UNITS = frozenset((*_BASES, "metres", "kelvins"))
_BASE_OF = {f"{prefix}{unit}": base for base, units in _BASES.items() for unit in units for prefix in _PREFIXES}
_ABBREVIATIONS = ("s", "ms", "us", "ns", "sec", "b", "kb", "mb", "gb", "tb", "pb", "m", "h", "d")
_CAMEL_CASE = re.compile(r"[a-z][A-Z]")
_PARTS = {
    MetricType.HISTOGRAM: ("_bucket", "_sum", "_count"),
    MetricType.GAUGE_HISTOGRAM: ("_bucket", "_gsum", "_gcount"),
    MetricType.SUMMARY: ("_sum", "_count"),
    MetricType.COUNTER: ("_total", "_created"),
    MetricType.INFO: ("_info",),
}
_HISTOGRAMS = (MetricType.HISTOGRAM, MetricType.GAUGE_HISTOGRAM)
_TYPES_OF_TEXT = ("counter", "gauge", "histogram", "summary")  # which a name should not repeat


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """Something that is likely to be regretted."""

    metric: str
    text: str

    def __str__(self) -> str:
        return f"{self.metric} {self.text}"


@dataclass(slots=True)
class PageFamily:
    """A metric of a page, and how many series it has."""

    metadata: MetricMetadata
    label_names: set[str] = field(default_factory=set)
    series: Counter[Pairs] = field(default_factory=Counter)


def families_of(page: Exposition) -> list[PageFamily]:
    """The metrics of a page by name; series without a `# TYPE` are their own."""
    known = {each.metric: PageFamily(each) for each in page.metadata}
    owner = {
        f"{name}{part}": name for name, family in known.items() for part in (*_PARTS.get(family.metadata.type, ()), "")
    }
    for sample in page.samples:
        labels = dict(sample.pairs)
        metric = labels.pop(METRIC_NAME)
        name = owner.get(metric, metric)
        family = known.setdefault(name, PageFamily(MetricMetadata(name, MetricType.UNKNOWN)))
        family.label_names.update(labels)
        family.series[sample.pairs] += 1
    return [known[name] for name in sorted(known) if known[name].series]


def problems_of(families: Sequence[PageFamily]) -> list[Problem]:
    """What is likely to be regretted, by metric."""
    return sorted({Problem(family.metadata.metric, text) for family in families for text in _texts(family)})


def _texts(family: PageFamily) -> Iterator[str]:
    name, kind = family.metadata.metric, family.metadata.type
    if not family.metadata.help:
        yield "no help text"
    if any(count > 1 for count in family.series.values()):
        yield "metric not unique"
    yield from _unit_texts(name)
    yield from _type_texts(name, kind, family.label_names, has_total=_has_total(family))
    if ":" in name:
        yield "metric names should not contain ':'"
    if _CAMEL_CASE.search(name):
        yield "metric names should be written in 'snake_case' not 'camelCase'"
    if any(map(_CAMEL_CASE.search, family.label_names)):
        yield "label names should be written in 'snake_case' not 'camelCase'"


def _unit_texts(name: str) -> Iterator[str]:
    words = name.split("_")
    for word in words:
        base = _BASE_OF.get(word)
        if base is not None and word not in _BASE_UNITS:
            yield f'use base unit "{base}" instead of "{word}"'
    if any(word in _ABBREVIATIONS for word in name.lower().split("_")[1:]):
        yield "metric names should not contain abbreviated units"


def _has_total(family: PageFamily) -> bool:
    """Whether its series have the suffix: OpenMetrics names a family without it."""
    return f"{family.metadata.metric}_total" in {dict(pairs)[METRIC_NAME] for pairs in family.series}


def _type_texts(name: str, kind: MetricType, label_names: set[str], *, has_total: bool) -> Iterator[str]:
    if kind is MetricType.UNKNOWN:
        return  # whatever it is, its name may be right
    is_histogram = kind in _HISTOGRAMS
    if kind is MetricType.COUNTER and not (name.endswith("_total") or has_total):
        yield 'counter metrics should have "_total" suffix'
    if kind is not MetricType.COUNTER and name.endswith("_total"):
        yield 'non-counter metrics should not have "_total" suffix'
    if not is_histogram and name.endswith("_bucket"):
        yield 'non-histogram metrics should not have "_bucket" suffix'
    if not is_histogram and "le" in label_names:
        yield 'non-histogram metrics should not have "le" label'
    if kind is not MetricType.SUMMARY and "quantile" in label_names:
        yield 'non-summary metrics should not have "quantile" label'
    for suffix in ("_count", "_sum"):
        if not is_histogram and kind is not MetricType.SUMMARY and name.endswith(suffix):
            yield f'non-histogram and non-summary metrics should not have "{suffix}" suffix'
    if kind.value in _TYPES_OF_TEXT and f"_{kind.value}_" in f"{name.lower()}_":
        yield f"metric name should not include type '{kind.value}'"
