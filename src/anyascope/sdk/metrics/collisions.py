"""Labels that receivers of OTLP make of the resource: `job` of `service.name`, `instance` of `service.instance.id`.

They overwrite labels of a point with these names, and points that differed by them only become one. A reading (a gauge) of an
instance of something else goes under a resource without an instance of its own, so that its label arrives as it is; anything
else is renamed as a scrape would (`exported_instance`). Source: Prometheus, "OTLP" and "honor_labels".
"""

from __future__ import annotations

from prometheus_client.metrics_core import Metric

_RENAMED = {"instance": "exported_instance", "job": "exported_job"}
_READINGS = frozenset(("gauge", "unknown"))


def names_instances(family: Metric) -> bool:
    """Whether the family is a reading of instances that its own label names."""
    try:
        return family.type in _READINGS and any("instance" in sample.labels for sample in family.samples)
    except TypeError:  # labels that are none; whoever encodes it says so
        return False


def without_collisions(family: Metric, *, keeps: str = "") -> Metric:
    """The family with labels that a receiver does not overwrite; the label `keeps` stays."""
    taken = {name for name in _RENAMED if name != keeps and any(name in sample.labels for sample in family.samples)}
    if not taken:
        return family
    renamed = Metric(family.name, family.documentation, family.type, family.unit)
    renamed.samples = [
        sample._replace(
            labels={_RENAMED[name] if name in taken else name: value for name, value in sample.labels.items()}
        )
        for sample in family.samples
    ]
    return renamed
