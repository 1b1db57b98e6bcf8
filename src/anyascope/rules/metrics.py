"""What rules count of their own work: our names, and those of Prometheus that published dashboards read."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_SECONDS = (0.001, 0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)


class RuleMetrics:
    """Counters and gauges on one registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        group = ("rule_group",)
        self.evaluations = Counter(
            "anyascope_rule_evaluations", "Rules evaluated.", ("cause",), registry=registry
        )  # cause: interval, arrival
        self.failures = Counter("anyascope_rule_failures", "Rules whose evaluation failed.", registry=registry)
        self.duration = Histogram(
            "anyascope_rule_group_evaluation_seconds",
            "Time to evaluate a group, or the part of it that an arrival concerns.",
            ("cause",),
            buckets=_SECONDS,
            registry=registry,
        )
        self.arrival_delay = Histogram(
            "anyascope_rule_arrival_delay_seconds",
            "From the arrival of a series until the rules that read it were judged; of those judged together the longest.",
            ("urgency",),  # urgent: critical and high; patient: all others
            buckets=_SECONDS,
            registry=registry,
        )
        self.write_failures = Counter(
            "anyascope_rule_write_failures", "Evaluations whose samples could not be stored.", registry=registry
        )
        self.send_failures = Counter(
            "anyascope_rule_alert_send_failures",
            "Times that alerts could not be handed to alerting; they are handed over again.",
            registry=registry,
        )
        self.state_failures = Counter(
            "anyascope_rule_state_failures", "Times that a group's state could not be kept.", registry=registry
        )
        self.alerts = Gauge("anyascope_rule_alerts", "Alerts of all rules.", ("state",), registry=registry)
        self.group_evaluations = Counter("prometheus_rule_evaluations", "Rules evaluated.", group, registry=registry)
        self.group_failures = Counter(
            "prometheus_rule_evaluation_failures", "Rules whose evaluation failed.", group, registry=registry
        )
        self.iterations = Counter(
            "prometheus_rule_group_iterations",
            "Evaluations of the group by time, due or late.",
            group,
            registry=registry,
        )
        self.iterations_missed = Counter(
            "prometheus_rule_group_iterations_missed",
            "Evaluations by time that were left out because one before took too long.",
            group,
            registry=registry,
        )
        self.last_duration = Gauge(
            "prometheus_rule_group_last_duration_seconds", "How long the last one took.", group, registry=registry
        )
        self.last_evaluation = Gauge(
            "prometheus_rule_group_last_evaluation_timestamp_seconds", "When it was.", group, registry=registry
        )
        self.last_samples = Gauge(
            "prometheus_rule_group_last_evaluation_samples", "Samples that it made.", group, registry=registry
        )
        self.interval = Gauge("prometheus_rule_group_interval_seconds", "The interval.", group, registry=registry)
        self.rules = Gauge("prometheus_rule_group_rules", "How many rules it has.", group, registry=registry)

    def forget(self, group: str) -> None:
        """Stop telling of a group that was removed."""
        for metric in (
            self.group_evaluations,
            self.group_failures,
            self.iterations,
            self.iterations_missed,
            self.last_duration,
            self.last_evaluation,
            self.last_samples,
            self.interval,
            self.rules,
        ):
            if (group,) in metric._metrics:  # noqa: SLF001 - the library offers no other way to ask
                metric.remove(group)
