"""The series of OTLP metrics: labels and ids, built once and looked up from then on.

A data point's attributes arrive as a tuple of byte strings. Under the resource, scope and metric that it belongs to, that
tuple finds the series that were built for it before; only new ones are named, sorted and hashed.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from anyascope.model.attributes import Resource, Scope
from anyascope.model.labels import METRIC_NAME, Labels, labels_of, series_id
from anyascope.model.metrics import MetricMetadata
from anyascope.wire.otlp.texts import float_text, text_of
from anyascope.wire.otlp.translation import Translation
from anyascope.wire.otlp.values import KnownPairs

SERIES_MAX = 200_000  # series that are remembered, over all families; about 150 MB with labels of ordinary length

IDENTIFYING = frozenset(("service.name", "service.namespace", "service.instance.id"))

EncodedAttributes: TypeAlias = tuple[bytes, ...]
Bounds: TypeAlias = tuple[float, ...]


@dataclass(frozen=True, slots=True)
class SeriesGroup:
    """The series of one data point, in the order of its values: one, or those of a histogram or summary."""

    labels: tuple[Labels, ...]
    ids: tuple[int, ...]

    @staticmethod
    def of(labels: Sequence[Labels]) -> SeriesGroup:
        """With the id of each."""
        return SeriesGroup(tuple(labels), tuple(map(series_id, labels)))


@dataclass(slots=True)
class Family:
    """One metric of one sender.

    Attributes:
        name: in Prometheus' form, without `_bucket` and the like.
        promoted: labels that all its series have from their resource, where a data point has no such attribute.
        shared: labels that all its series have: who sends it, and its scope.
        groups: by encoded attributes and, for histograms and summaries, bounds.
    """

    name: str
    metadata: MetricMetadata
    shared: Mapping[str, str]
    promoted: Mapping[str, str] = field(default_factory=dict)
    groups: dict[tuple[EncodedAttributes, Bounds], SeriesGroup] = field(default_factory=dict)


FamilyKey: TypeAlias = tuple[bytes, bytes, str, str, str, str, int]


class KnownFamilies:
    """The families of all senders; the least recently used go first."""

    def __init__(self, pairs: KnownPairs, *, translation: Translation, series_max: int = SERIES_MAX) -> None:
        self.pairs = pairs
        self.translation = translation
        self._series_max = series_max
        self._series = 0
        self._families: OrderedDict[FamilyKey, Family] = OrderedDict()
        # A body may be decoded in any thread; finding and forgetting must not cross.
        self.lock = threading.Lock()

    def find(self, key: FamilyKey) -> Family | None:
        """The family that was kept under this key."""
        family = self._families.get(key)
        if family is not None:
            self._families.move_to_end(key)
        return family

    def keep(self, key: FamilyKey, family: Family) -> None:
        """Remember a new family."""
        self._families[key] = family

    def plain(self, family: Family, attributes: EncodedAttributes) -> SeriesGroup:
        """The one series of a number, or of an exponential histogram."""
        group = family.groups.get((attributes, ()))
        if group is None:
            base = self._labels(family, attributes)
            group = self._remember(family, (attributes, ()), [_labels(base, family.name)])
        return group

    def histogram(self, family: Family, attributes: EncodedAttributes, bounds: Bounds) -> SeriesGroup:
        """A bucket a bound, the bucket `+Inf`, the count and the sum."""
        group = family.groups.get((attributes, bounds))
        if group is None:
            base = self._labels(family, attributes)
            texts = [*map(float_text, bounds), "+Inf"]
            series = [_labels(base, f"{family.name}_bucket", le=text) for text in texts]
            series += [_labels(base, f"{family.name}_count"), _labels(base, f"{family.name}_sum")]
            group = self._remember(family, (attributes, bounds), series)
        return group

    def histograms_of(self, family: Family, attributes: EncodedAttributes) -> list[SeriesGroup]:
        """All groups of series that these attributes have, whatever their bounds were; at least one."""
        known = [group for (owner, _), group in family.groups.items() if owner == attributes]
        return known or [self.histogram(family, attributes, ())]

    def summary(self, family: Family, attributes: EncodedAttributes, quantiles: Bounds) -> SeriesGroup:
        """A series a quantile, the count and the sum."""
        # Minus one tells a summary's key from a histogram's of the same numbers, should a metric change its type.
        key = (attributes, (-1.0, *quantiles))
        group = family.groups.get(key)
        if group is None:
            base = self._labels(family, attributes)
            series = [_labels(base, family.name, quantile=float_text(quantile)) for quantile in quantiles]
            series += [_labels(base, f"{family.name}_count"), _labels(base, f"{family.name}_sum")]
            group = self._remember(family, key, series)
        return group

    def _labels(self, family: Family, attributes: EncodedAttributes) -> dict[str, str]:
        found = self.translation.labels(dict(map(self.pairs.__getitem__, attributes)))
        return {**family.promoted, **found, **family.shared}

    def _remember(self, family: Family, key: tuple[EncodedAttributes, Bounds], labels: Sequence[Labels]) -> SeriesGroup:
        group = SeriesGroup.of(labels)
        family.groups[key] = group
        self._series += len(labels)
        while self._series > self._series_max:
            _, oldest = self._families.popitem(last=False)
            self._series -= sum(len(known.ids) for known in oldest.groups.values())
            oldest.groups.clear()
        return group


def _labels(base: Mapping[str, str], metric: str, **more: str) -> Labels:
    return labels_of({**base, **more, METRIC_NAME: metric})


def sender_labels(resource: Resource) -> dict[str, str]:
    """`job` and `instance` of a resource, where it says them.

    Source: OpenTelemetry, "Prometheus and OpenMetrics compatibility", resource attributes.
    """
    found: dict[str, str] = {}
    service = text_of(resource.attributes.get("service.name"))
    namespace = text_of(resource.attributes.get("service.namespace"))
    instance = text_of(resource.attributes.get("service.instance.id"))
    if service:
        found["job"] = f"{namespace}/{service}" if namespace else service
    if instance:
        found["instance"] = instance
    return found


def scope_labels(scope: Scope, translation: Translation) -> dict[str, str]:
    """`otel_scope_name`, `_version`, `_schema_url` and `otel_scope_<attribute>`, where the scope has a name."""
    if not scope.name or not translation.promotes_scope:
        return {}
    found = {f"otel_scope_{label}": text for label, text in translation.labels(scope.attributes).items()}
    found |= {"otel_scope_name": scope.name, "otel_scope_version": scope.version}
    found["otel_scope_schema_url"] = scope.schema_url
    return {name: text for name, text in found.items() if text}


def target_info(resource: Resource, translation: Translation) -> Labels | None:
    """The labels of `target_info`; None where the resource says nothing beyond who it is, or not even that."""
    sender = sender_labels(resource)
    described = {name: value for name, value in resource.attributes.items() if name not in IDENTIFYING}
    if not sender or not described:
        return None
    told = resource.attributes if translation.keeps_identifying else described
    return labels_of({**translation.labels(told), **sender, METRIC_NAME: "target_info"})
