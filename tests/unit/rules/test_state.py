"""The two clocks of `for` and `keep_firing_for`: of evaluations by interval, and of those by arrival."""

from __future__ import annotations

from anyascope.clock import NS_PER_S
from anyascope.model.alerts import AlertState
from anyascope.rules.state import Finding, judge, restore

LABELS = (("alertname", "A"),)
HELD = {LABELS: Finding({}, 1.0)}


def states(story, *, hold_s=0, keep_s=0):
    """The alert's state after each of `(second, whether by interval, whether the condition holds)`."""
    active, seen = {}, []
    for second, is_slot, is_true in story:
        now_ns = second * NS_PER_S
        active = judge(
            active,
            HELD if is_true else {},
            now_ns=now_ns,
            slot_ns=now_ns if is_slot else None,
            hold_ns=hold_s * NS_PER_S,
            keep_firing_ns=keep_s * NS_PER_S,
        )
        seen.append(active[LABELS].state.value if LABELS in active else "")
    return seen, active


def test_slots_count_slots():
    """Between two samples a slot finds what it would without arrivals: `for` runs from the first slot that saw it."""
    story = [(3, False, True), (10, True, True), (20, True, True), (30, True, True), (40, True, True)]

    assert states(story, hold_s=25)[0] == ["pending", "pending", "pending", "pending", "firing"]
    assert states(story[1:], hold_s=25)[0] == ["pending", "pending", "pending", "firing"]


def test_arrivals_count_time():
    """A sample that arrives once the condition has held for `for` lets it fire at once, before the slot does."""
    story = [(3, False, True), (10, True, True), (13, False, True), (27, False, True), (28, False, True)]

    assert states(story, hold_s=25)[0][-2:] == ["pending", "firing"]


def test_keep_firing_has_both_clocks():
    """So does `keep_firing_for`, from where the condition was first seen to have ceased."""
    ceased = [(0, True, True), (3, False, False), (10, True, False), (20, True, False)]

    assert states([*ceased, (18, False, False)], keep_s=15)[0][-1] == "inactive"
    assert states(ceased, keep_s=15)[0][-1] == "firing"
    assert states([*ceased, (30, True, False)], keep_s=15)[0][-1] == "inactive"


def test_time_away_counts_for_neither():
    """The time that the server was away is taken off both clocks."""
    _, active = states([(3, False, True), (10, True, True)], hold_s=25)
    back = restore(
        active[LABELS], down_ns=10 * NS_PER_S, now_ns=110 * NS_PER_S, tolerance_ns=3600 * NS_PER_S, grace_ns=0
    )

    assert (back.active_ns, back.active_slot_ns) == (103 * NS_PER_S, 110 * NS_PER_S)
    assert back.state is AlertState.PENDING
