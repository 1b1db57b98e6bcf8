"""How OTLP metrics become Prometheus' series: what the `otlp` section of its configuration can say.

Source: Prometheus configuration, `<otlp>`; OpenTelemetry, "Prometheus and OpenMetrics compatibility".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from anyascope.model.attributes import Attributes
from anyascope.model.metrics import MetricType
from anyascope.wire.naming import label_name, metric_name, plain_metric_name, utf8_metric_name
from anyascope.wire.otlp.texts import text_of


class Strategy(Enum):
    """What happens to names."""

    UNDERSCORES_AND_SUFFIXES = "UnderscoreEscapingWithSuffixes"
    UNDERSCORES = "UnderscoreEscapingWithoutSuffixes"
    SUFFIXES = "NoUTF8EscapingWithSuffixes"
    NOTHING = "NoTranslation"

    @property
    def escapes(self) -> bool:
        """Whether names become those of the legacy alphabet."""
        return self in (Strategy.UNDERSCORES_AND_SUFFIXES, Strategy.UNDERSCORES)


@dataclass(frozen=True, slots=True)
class Translation:
    """The choices.

    Attributes:
        promoted: resource attributes that every series of the resource carries.
        promotes_all: whether all of them are, but those in `ignored`.
        keeps_identifying: whether `target_info` tells `service.name` and its siblings too, beside `job` and `instance`.
        converts_histograms: whether histograms with explicit bounds become native ones with custom buckets.
        promotes_scope: whether series carry `otel_scope_name` and the like.
    """

    strategy: Strategy = Strategy.UNDERSCORES_AND_SUFFIXES
    promoted: tuple[str, ...] = ()
    promotes_all: bool = False
    ignored: tuple[str, ...] = ()
    keeps_identifying: bool = False
    converts_histograms: bool = False
    promotes_scope: bool = True

    def metric(self, name: str, *, unit: str, kind: MetricType) -> str:
        """The name of a metric; empty where nothing of it is left."""
        match self.strategy:
            case Strategy.UNDERSCORES_AND_SUFFIXES:
                return metric_name(name, unit=unit, kind=kind)
            case Strategy.UNDERSCORES:
                return plain_metric_name(name)
            case Strategy.SUFFIXES:
                return utf8_metric_name(name, unit=unit, kind=kind)
            case Strategy.NOTHING:
                return name

    def label(self, name: str) -> str:
        """The name of an attribute; empty where nothing of it is left."""
        return label_name(name) if self.strategy.escapes else name

    def labels(self, attributes: Attributes) -> dict[str, str]:
        """Attributes as labels; where two names become one their values are joined by `;`, in the order of the names."""
        found: dict[str, str] = {}
        for name in sorted(attributes):
            label = self.label(name)
            if not label:
                continue
            text = text_of(attributes[name])
            found[label] = f"{found[label]};{text}" if label in found else text
        return found

    def promotions(self, attributes: Attributes) -> Mapping[str, str]:
        """The labels that a resource gives to all its series."""
        if self.promotes_all:
            return self.labels({name: value for name, value in attributes.items() if name not in self.ignored})
        return self.labels({name: attributes[name] for name in self.promoted if name in attributes})
