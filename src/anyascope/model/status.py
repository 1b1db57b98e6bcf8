"""What the server says of its own work in Prometheus' words: targets, rule groups and the alerts of rules.

`collect` and `rules` fill these nouns, `api.prometheus` turns them into Prometheus' JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from anyascope.model.alerts import AlertState
from anyascope.model.labels import Labels
from anyascope.model.metrics import MetricMetadata
from anyascope.model.objectives import Objective


class TargetHealth(Enum):
    """What the last scrape of a target said."""

    UP = "up"
    DOWN = "down"
    UNKNOWN = "unknown"  # not scraped yet


@dataclass(frozen=True, slots=True)
class TargetView:
    """One scrape target.

    Attributes:
        discovered_labels: before relabelling, `__address__` and the other meta labels included.
        labels: after relabelling, without labels that begin with `__`.
        scrape_pool: the scrape configuration's job name.
        scrape_url, global_url: where it is scraped; the same with a name that others can reach.
        last_error: why the last scrape failed, empty where it did not.
        last_scrape_ns: UTC nanoseconds of the last scrape's start; 0 before the first.
        last_scrape_duration_s: how long that took.
        scrape_interval_ms, scrape_timeout_ms: as configured or relabelled.
        metadata: what its last page said of its metrics.
    """

    scrape_pool: str
    scrape_url: str
    labels: Labels
    discovered_labels: Labels = ()
    global_url: str = ""
    last_error: str = ""
    last_scrape_ns: int = 0
    last_scrape_duration_s: float = 0.0
    health: TargetHealth = TargetHealth.UNKNOWN
    scrape_interval_ms: int = 60_000
    scrape_timeout_ms: int = 10_000
    metadata: tuple[MetricMetadata, ...] = ()


@dataclass(frozen=True, slots=True)
class DroppedTargetView:
    """A discovered target that relabelling took away.

    Attributes:
        is_shown: whether it is told of; all are counted, `keep_dropped_targets` says how many are told of.
    """

    scrape_pool: str
    discovered_labels: Labels
    is_shown: bool = True


class RuleHealth(Enum):
    """What the last evaluation of a rule said."""

    OK = "ok"
    ERR = "err"
    UNKNOWN = "unknown"  # not evaluated yet


class RuleKind(Enum):
    """What a rule makes."""

    RECORDING = "recording"
    ALERTING = "alerting"


@dataclass(frozen=True, slots=True)
class AlertView:
    """One alert of a rule, pending or firing.

    Attributes:
        labels: with `alertname`, without `__name__`.
        active_ns: UTC nanoseconds since when the expression holds.
        value: of the expression at the last evaluation.
        keep_firing_since_ns: since when it only fires because of `keep_firing_for`; 0 where that is not so.
        active_height: how high the chain was when the expression began to hold; None where the rule counts no blocks.
    """

    labels: Labels
    annotations: Mapping[str, str]
    state: AlertState
    active_ns: int
    value: float
    keep_firing_since_ns: int = 0
    active_height: int | None = None


@dataclass(frozen=True, slots=True)
class RuleView:
    """One rule. `state`, `hold_s`, `keep_firing_s`, `annotations` and `alerts` are of alerting rules only.

    Attributes:
        name: the recorded metric's or the alert's name.
        query: the expression as it was written.
        labels: what the rule adds.
        health, last_error: of the last evaluation; `last_error` is empty where it went well.
        evaluation_time_s: how long the last evaluation took.
        last_evaluation_ns: UTC nanoseconds when it began; 0 before the first.
        hold_s, keep_firing_s: `for` and `keep_firing_for`.
        hold_blocks, keep_firing_blocks: the same where they count blocks, as they were written; empty where they are times.
    """

    kind: RuleKind
    name: str
    query: str
    labels: Labels = ()
    health: RuleHealth = RuleHealth.UNKNOWN
    last_error: str = ""
    evaluation_time_s: float = 0.0
    last_evaluation_ns: int = 0
    state: AlertState = AlertState.INACTIVE
    hold_s: float = 0.0
    keep_firing_s: float = 0.0
    hold_blocks: str = ""
    keep_firing_blocks: str = ""
    annotations: Mapping[str, str] = field(default_factory=dict)
    alerts: tuple[AlertView, ...] = ()


@dataclass(frozen=True, slots=True)
class RuleGroupView:
    """A group of rules that are evaluated together, in this order; `objective` is what it was made from, if it was."""

    name: str
    file: str
    interval_s: float
    rules: tuple[RuleView, ...]
    limit: int = 0
    evaluation_time_s: float = 0.0
    last_evaluation_ns: int = 0
    objective: Objective | None = None
