"""The life of a rule's alerts: inactive, pending, firing, resolved. Pure: the caller keeps the time and the state.

Evaluations come by interval, at slots, and by arrival in between. `for` and `keep_firing_for` are measured on two clocks:
an evaluation by interval asks how long the slots have seen the condition, as if there were no others, one by arrival how
long it has held. So whatever a slot between two samples finds is what Prometheus finds there, and a sample that arrives
can only be sooner with what the slot after it would find.

In blocks there is one clock, the chain's: a block has come, whoever looks and when.

Source: Prometheus' documentation of `for`, `keep_firing_for`, ALERTS and ALERTS_FOR_STATE; behaviour as of 3.5.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from anyascope.clock import NS_PER_S
from anyascope.model.alerts import AlertState
from anyascope.model.labels import Labels

RESOLVED_RETENTION_NS = 15 * 60 * NS_PER_S  # Prometheus': a resolution is told for so long, in case a telling fails
VALID_FOR_SENDS = 4  # Prometheus': an alert outlives two evaluations and two sends that fail


@dataclass(frozen=True, slots=True)
class Finding:
    """What the expression says about one label set at one evaluation."""

    annotations: Mapping[str, str]
    value: float
    source: Labels = ()


@dataclass(frozen=True, slots=True)
class ActiveAlert:
    """One alert of a rule. Times are UTC nanoseconds, 0 for "not so".

    Attributes:
        labels: its identity, with `alertname`.
        state: inactive once it is resolved.
        active_ns: since when the expression has held.
        fired_ns: when it began to fire.
        resolved_ns: when it ceased.
        keep_firing_since_ns: since when it only fires because of `keep_firing_for`.
        active_slot_ns, keep_firing_slot_ns: the first slot that saw each of the two; None before that.
        sent_ns: when it was last handed on.
        grace_until_ns: of a restored alert: until then its absence from the answer means nothing, because those who
            send the series may not have sent yet.
        source: the labels of the expression's element, without its name and without those of the rule.
        active_height, keep_firing_height: how high the chain was when each of the two began; None where time counts.
    """

    labels: Labels
    annotations: Mapping[str, str]
    value: float
    state: AlertState
    active_ns: int
    fired_ns: int = 0
    resolved_ns: int = 0
    keep_firing_since_ns: int = 0
    active_slot_ns: int | None = None
    keep_firing_slot_ns: int | None = None
    sent_ns: int = 0
    grace_until_ns: int = 0
    source: Labels = ()
    active_height: int | None = None
    keep_firing_height: int | None = None


@dataclass(frozen=True, slots=True)
class BlockHolds:
    """`for` and `keep_firing_for` of a rule that counts blocks.

    Attributes:
        hold, keep_firing: in blocks; 0 where it is a time.
        heights: how high the chain of each alert is now.
    """

    hold: int = 0
    keep_firing: int = 0
    heights: Mapping[Labels, int] = field(default_factory=dict)

    def begun(self, labels: Labels, known: int | None) -> int | None:
        """The height at which something began: the known one, or now; never above now, where another chain has begun."""
        now = self.heights.get(labels)
        if now is None or known is None:
            return now if known is None else known
        return min(known, now)

    def passed(self, labels: Labels, since: int | None) -> int:
        """How many blocks came since this height."""
        now = self.heights.get(labels)
        return 0 if now is None or since is None else now - since


NO_BLOCKS = BlockHolds()


def judge(
    active: Mapping[Labels, ActiveAlert],
    found: Mapping[Labels, Finding],
    *,
    held: frozenset[Labels] = frozenset(),
    now_ns: int,
    slot_ns: int | None = None,
    hold_ns: int,
    keep_firing_ns: int,
    blocks: BlockHolds = NO_BLOCKS,
) -> dict[Labels, ActiveAlert]:
    """The alerts after one evaluation: those that live on, new ones, and those resolved less than 15 minutes ago.

    Args:
        active: the alerts after the evaluation before.
        found: what the expression says now, by the alerts' labels.
        held: alerts that stay as they are where they are not found.
        now_ns: the evaluation's time.
        slot_ns: when it was due by the interval; None for one that an arrival caused.
        hold_ns: `for`.
        keep_firing_ns: `keep_firing_for`.
        blocks: the two in blocks, instead of times.
    """
    at = _Evaluation(now_ns, slot_ns, hold_ns, keep_firing_ns, blocks)
    judged: dict[Labels, ActiveAlert] = {}
    for labels, alert in active.items():
        if labels in held and labels not in found:
            judged[labels] = alert
        elif labels not in found:
            absent = _absent(alert, at)
            if absent is not None:
                judged[labels] = _fire_when_held(absent, at)
    for labels, finding in found.items():
        present = _present(active.get(labels), labels, finding, at)
        judged[labels] = _fire_when_held(present, at)
    return judged


@dataclass(frozen=True, slots=True)
class _Evaluation:
    """When alerts are judged, and by what; as `judge` is told."""

    now_ns: int
    slot_ns: int | None
    hold_ns: int
    keep_firing_ns: int
    blocks: BlockHolds

    def first_slot(self, known_ns: int | None) -> int | None:
        """The first slot that has seen something, if one has yet."""
        return self.slot_ns if known_ns is None else known_ns

    def lasted_ns(self, since_ns: int, slot_ns: int | None) -> int:
        """How long something has held, by the clock of this evaluation."""
        return self.now_ns - since_ns if self.slot_ns is None or slot_ns is None else self.slot_ns - slot_ns

    def has_held(self, alert: ActiveAlert, slot_ns: int | None) -> bool:
        """Whether the condition has held as long as `for` says."""
        if self.blocks.hold:
            return self.blocks.passed(alert.labels, alert.active_height) >= self.blocks.hold
        return self.lasted_ns(alert.active_ns, slot_ns) >= self.hold_ns

    def is_kept(self, alert: ActiveAlert) -> bool:
        """Whether it still fires by `keep_firing_for`; its since-when stands in it."""
        if self.blocks.keep_firing:
            return self.blocks.passed(alert.labels, alert.keep_firing_height) < self.blocks.keep_firing
        return self.lasted_ns(alert.keep_firing_since_ns, alert.keep_firing_slot_ns) < self.keep_firing_ns


def _present(known: ActiveAlert | None, labels: Labels, finding: Finding, at: _Evaluation) -> ActiveAlert:
    if known is None or known.state is AlertState.INACTIVE:
        return ActiveAlert(
            labels,
            finding.annotations,
            finding.value,
            AlertState.PENDING,
            at.now_ns,
            source=finding.source,
            active_height=at.blocks.begun(labels, None),
        )
    return replace(
        known,
        annotations=finding.annotations,
        value=finding.value,
        source=finding.source,
        keep_firing_since_ns=0,
        keep_firing_slot_ns=None,
        keep_firing_height=None,
        active_height=at.blocks.begun(labels, known.active_height),
        grace_until_ns=0,
    )


def _absent(alert: ActiveAlert, at: _Evaluation) -> ActiveAlert | None:
    now_ns = at.now_ns
    if alert.state is AlertState.INACTIVE:
        return alert if now_ns - alert.resolved_ns <= RESOLVED_RETENTION_NS else None
    if now_ns < alert.grace_until_ns:
        return alert
    if alert.state is AlertState.PENDING:
        return None
    if at.keep_firing_ns > 0 or at.blocks.keep_firing:
        kept = replace(
            alert,
            keep_firing_since_ns=alert.keep_firing_since_ns or now_ns,
            keep_firing_slot_ns=at.first_slot(alert.keep_firing_slot_ns),
            keep_firing_height=at.blocks.begun(alert.labels, alert.keep_firing_height),
        )
        if at.is_kept(kept):
            return kept
    return replace(alert, state=AlertState.INACTIVE, resolved_ns=now_ns)


def _fire_when_held(alert: ActiveAlert, at: _Evaluation) -> ActiveAlert:
    if alert.state is not AlertState.PENDING:
        return alert
    slot_ns = at.first_slot(alert.active_slot_ns)
    if at.has_held(alert, slot_ns) and at.now_ns >= alert.grace_until_ns:
        return replace(alert, state=AlertState.FIRING, fired_ns=at.now_ns, active_slot_ns=slot_ns)
    return alert if slot_ns == alert.active_slot_ns else replace(alert, active_slot_ns=slot_ns)


def needs_sending(alert: ActiveAlert, *, now_ns: int, resend_ns: int) -> bool:
    """Whether it must be handed on now: it began to fire or ceased since it last was, or that is `resend_ns` ago."""
    if alert.state is AlertState.PENDING:
        return False
    if alert.resolved_ns > alert.sent_ns or alert.fired_ns > alert.sent_ns:
        return True
    return now_ns - alert.sent_ns >= resend_ns


def moved(alert: ActiveAlert, *, by_ns: int) -> ActiveAlert:
    """An alert after the wall clock was set by this much: everything lies as far back, or ahead, as it did before."""
    return replace(
        alert,
        active_ns=moved_ns(alert.active_ns, by_ns),
        fired_ns=moved_ns(alert.fired_ns, by_ns),
        resolved_ns=moved_ns(alert.resolved_ns, by_ns),
        keep_firing_since_ns=moved_ns(alert.keep_firing_since_ns, by_ns),
        active_slot_ns=None if alert.active_slot_ns is None else alert.active_slot_ns + by_ns,
        keep_firing_slot_ns=None if alert.keep_firing_slot_ns is None else alert.keep_firing_slot_ns + by_ns,
        sent_ns=moved_ns(alert.sent_ns, by_ns),
        grace_until_ns=moved_ns(alert.grace_until_ns, by_ns),
    )


def moved_ns(at_ns: int, by_ns: int) -> int:
    """A time after the wall clock was set by this much; 0, which is none, stays so."""
    return at_ns + by_ns if at_ns else 0


def restore(alert: ActiveAlert, *, down_ns: int, now_ns: int, tolerance_ns: int, grace_ns: int) -> ActiveAlert | None:
    """An alert as it stands after the server was away from `down_ns` to `now_ns`.

    The time away does not count for `for`. A pending alert is forgotten where that time exceeds `tolerance_ns`; a firing
    one never, so that its end is told.
    """
    away_ns = max(now_ns - down_ns, 0)
    match alert.state:
        case AlertState.PENDING if away_ns > tolerance_ns:
            return None
        case AlertState.PENDING:
            slot_ns = None if alert.active_slot_ns is None else alert.active_slot_ns + away_ns
            return replace(
                alert,
                active_ns=alert.active_ns + away_ns,
                active_slot_ns=slot_ns,
                grace_until_ns=now_ns + grace_ns,
            )
        case AlertState.FIRING:
            return replace(alert, grace_until_ns=now_ns + grace_ns)
        case _:
            return alert
