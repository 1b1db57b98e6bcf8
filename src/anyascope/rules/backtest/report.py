"""What a backtest found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from anyascope.clock import NS_PER_S
from anyascope.model.labels import Labels

FLAP_S = 15 * 60  # an alert that fires again so soon after its end: within one repeat of most pagers


@dataclass(frozen=True, slots=True)
class Firing:
    """One alert, from when its expression held until it was over. Times are UTC nanoseconds.

    Attributes:
        rule: its name.
        labels: with `alertname`.
        annotations: as they were when it began to fire.
        value: of the expression at that time.
        active_ns: since when the expression held.
        fired_ns: when it began to fire; 0 where it never came to that.
        ended_ns: when it was over; 0 where it still was at the end.
    """

    rule: str
    labels: Labels
    annotations: Mapping[str, str]
    value: float
    active_ns: int
    fired_ns: int = 0
    ended_ns: int = 0

    def seconds(self, *, start_ns: int, end_ns: int) -> float:
        """How long it fired within a stretch."""
        if not self.fired_ns:
            return 0.0
        ended_ns = min(self.ended_ns or end_ns, end_ns)
        return max(ended_ns - max(self.fired_ns, start_ns), 0) / NS_PER_S


@dataclass(frozen=True, slots=True)
class RuleOutcome:
    """What one alerting rule did.

    Attributes:
        alerts: times that an alert fired.
        label_sets: how many different alerts these were.
        pending_only: times that the expression held, but not as long as `for`.
        firing_s: the sum of all firing times.
        longest_s: the longest of them.
        flaps: times that an alert fired again within `FLAP_S` of its end.
        failed_steps: evaluations that failed.
        error: the first reason of these.
    """

    group: str
    rule: str
    severity: str
    alerts: int = 0
    label_sets: int = 0
    pending_only: int = 0
    firing_s: float = 0.0
    longest_s: float = 0.0
    flaps: int = 0
    failed_steps: int = 0
    error: str = ""


@dataclass(frozen=True, slots=True)
class RecordedOutcome:
    """What one recording rule made."""

    group: str
    rule: str
    series: int = 0
    samples: int = 0
    failed_steps: int = 0
    error: str = ""


@dataclass(frozen=True, slots=True)
class BacktestReport:
    """The whole answer; `firings` are by the time at which they began."""

    start_ns: int
    end_ns: int
    step_s: float
    firings: tuple[Firing, ...]
    rules: tuple[RuleOutcome, ...]
    recorded: tuple[RecordedOutcome, ...]

    @property
    def has_failures(self) -> bool:
        """Whether a rule could not be evaluated at some time."""
        failed = [*(outcome.failed_steps for outcome in self.rules), *(made.failed_steps for made in self.recorded)]
        return any(failed)


def summed(outcome: RuleOutcome, firings: Sequence[Firing], *, start_ns: int, end_ns: int) -> RuleOutcome:
    """The outcome with what its firings amount to."""
    fired = [firing for firing in firings if firing.fired_ns]
    lengths = [firing.seconds(start_ns=start_ns, end_ns=end_ns) for firing in fired]
    return RuleOutcome(
        outcome.group,
        outcome.rule,
        outcome.severity,
        alerts=len(fired),
        label_sets=len({firing.labels for firing in fired}),
        pending_only=len(firings) - len(fired),
        firing_s=sum(lengths),
        longest_s=max(lengths, default=0.0),
        flaps=sum(_flaps(fired)),
        failed_steps=outcome.failed_steps,
        error=outcome.error,
    )


def _flaps(fired: Sequence[Firing]) -> Iterator[bool]:
    by_labels: dict[Labels, list[Firing]] = {}
    for firing in fired:
        by_labels.setdefault(firing.labels, []).append(firing)
    for each in by_labels.values():
        for before, after in pairwise(sorted(each, key=lambda firing: firing.fired_ns)):
            yield after.fired_ns - before.ended_ns <= FLAP_S * NS_PER_S
