"""Policies and their levels."""

from __future__ import annotations

import logging
from datetime import timedelta

import pytest

from anyascope.sdk.alerting import DEFAULT_POLICIES, EscalationLevel, EscalationPolicy
from anyascope.sdk.guard import forget_told


@pytest.fixture(autouse=True)
def _told_anew():
    forget_told()
    yield
    forget_told()


def test_the_two_default_policies():
    """Critical: Slack and e-mail at once and every 5 minutes, phone after 15 and every 10; default: Slack once."""
    assert {
        "critical": EscalationPolicy(
            "critical",
            [
                EscalationLevel(timedelta(), ["slack", "email"], timedelta(minutes=5)),
                EscalationLevel(timedelta(minutes=15), ["phone"], timedelta(minutes=10)),
            ],
        ),
        "default": EscalationPolicy("default", [EscalationLevel(timedelta(), ["slack"], None)]),
    } == DEFAULT_POLICIES


def test_durations_are_timedeltas_or_seconds():
    """Both ways of saying how long mean the same."""
    assert EscalationLevel(90, ("a",), 1.5) == EscalationLevel(timedelta(seconds=90), ["a"], timedelta(seconds=1.5))
    assert EscalationLevel(90, ("a",), 1.5).repeat_ns == 1_500_000_000


@pytest.mark.parametrize(
    ("level", "stands", "what"),
    [
        (lambda: EscalationLevel(-1, ("a",)), (0, ("a",), None), "delay must be"),
        (lambda: EscalationLevel("x", ("a",)), (0, ("a",), None), "delay must be"),
        (lambda: EscalationLevel(float("nan"), ("a",)), (0, ("a",), None), "delay must be"),
        (lambda: EscalationLevel(1e300, ("a",)), (365 * 86_400, ("a",), None), "delay must be"),
        (lambda: EscalationLevel(0, ("a",), 0), (0, ("a",), 1), "repeat_interval must be"),
        (lambda: EscalationLevel(0, ("a",), "x"), (0, ("a",), None), "repeat_interval must be"),
        (lambda: EscalationLevel(0, 5), (0, (), None), "channels cannot be read"),
        (lambda: EscalationLevel(0, map(str, range(10**9))), (0, tuple(map(str, range(20))), None), "more than 20"),
    ],
)
def test_odd_levels_come_as_near_as_they_can(caplog, level, stands, what):
    """What cannot be meant is told once; the nearest that can be stands."""
    with caplog.at_level(logging.WARNING, logger="anyascope.sdk"):
        made = level()
    repeat_s = made.repeat_interval.total_seconds() if made.repeat_interval else None
    assert (made.delay.total_seconds(), made.channels, repeat_s) == stands
    assert what in caplog.text


def test_one_channel_needs_no_list():
    """A name alone is one channel, not its letters."""
    assert EscalationLevel(0, "slack").channels == ("slack",)
