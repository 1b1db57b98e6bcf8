"""The life of an alert, whatever the expression does."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from anyascope.clock import NS_PER_S
from anyascope.model.alerts import AlertState
from anyascope.rules.state import RESOLVED_RETENTION_NS, Finding, judge

LABELS = (("alertname", "A"),)
STEP_NS = 60 * NS_PER_S
HISTORIES = st.lists(st.booleans(), min_size=1, max_size=60)
MINUTES = st.integers(0, 8)


def live(history, *, hold, keep=0, extra=()):
    """The alert after each step of a minute; `extra` evaluations fall between the steps (in seconds since the start)."""
    active, seen = {}, []
    times = sorted({index * 60 for index in range(len(history))} | set(extra))
    for second in times:
        is_true = history[min(second // 60, len(history) - 1)]
        found = {LABELS: Finding({}, 1.0)} if is_true else {}
        active = judge(active, found, now_ns=second * NS_PER_S, hold_ns=hold * STEP_NS, keep_firing_ns=keep * STEP_NS)
        seen.append((second, is_true, active.get(LABELS)))
    return seen


@settings(max_examples=150, deadline=None)
@given(HISTORIES, MINUTES)
def test_fires_exactly_when_held(history, hold):
    """Without `keep_firing_for` it fires if and only if the expression has held for at least `for`."""
    since = None
    for second, is_true, alert in live(history, hold=hold):
        since = (second if since is None else since) if is_true else None
        held = since is not None and second - since >= hold * 60
        assert (alert is not None and alert.state is AlertState.FIRING) == held


@settings(max_examples=150, deadline=None)
@given(HISTORIES, MINUTES, MINUTES)
def test_keep_firing(history, hold, keep):
    """Once firing it ends only after the expression has not held for `keep_firing_for`."""
    before, false_since = None, None
    for second, is_true, alert in live(history, hold=hold, keep=keep):
        was_firing = before is not None and before.state is AlertState.FIRING
        false_since = None if is_true else (second if false_since is None else false_since)
        if was_firing:
            is_over = false_since is not None and second - false_since >= keep * 60
            assert (alert.state is AlertState.FIRING) != is_over
        before = alert


@settings(max_examples=150, deadline=None)
@given(HISTORIES, MINUTES)
def test_resolved_stays_for_its_retention(history, hold):
    """A resolution is remembered for 15 minutes, unless the alert is active again; a pending alert leaves no trace."""
    before = None
    for second, is_true, alert in live(history, hold=hold):
        if not is_true and before is not None:
            match before.state:
                case AlertState.PENDING:
                    assert alert is None
                case AlertState.FIRING:
                    assert alert.state is AlertState.INACTIVE
                    assert alert.resolved_ns == second * NS_PER_S
                case AlertState.INACTIVE:
                    is_old = second * NS_PER_S - before.resolved_ns > RESOLVED_RETENTION_NS
                    assert (alert is None) == is_old
        before = alert


@settings(max_examples=150, deadline=None)
@given(HISTORIES, MINUTES, st.lists(st.integers(0, 3600), max_size=40))
def test_more_evaluations_change_nothing_but_the_delay(history, hold, extra):
    """Evaluations by arrival, between those by time, leave since-when as it is; they can only notice sooner."""
    extra = [second for second in extra if second < len(history) * 60]
    plain = {second: alert for second, _, alert in live(history, hold=hold)}
    eager = {second: alert for second, _, alert in live(history, hold=hold, extra=extra)}

    for second, alert in plain.items():
        if alert is None:
            assert eager[second] is None
            continue
        assert (eager[second].state, eager[second].active_ns) == (alert.state, alert.active_ns)
        assert eager[second].fired_ns <= alert.fired_ns
