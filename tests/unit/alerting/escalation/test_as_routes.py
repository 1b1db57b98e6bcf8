"""Escalation policies as routes of an Alertmanager."""

from __future__ import annotations

from anyascope.alerting.escalation.as_routes import alertmanager_text
from anyascope.alerting.settings import read_alertmanager_file
from anyascope.model.escalation import EscalationLevel, EscalationPolicy

POLICY = EscalationPolicy(
    "night", (EscalationLevel(0.0, ("slack", "email"), 300.0), EscalationLevel(600.0, ("phone",)))
)


def test_each_level_is_a_route():
    """With its delay and its repeats; an alert goes through all of them, and one of no policy to the default."""
    options = read_alertmanager_file(alertmanager_text([POLICY]), file="alertmanager.yml")

    assert options.route.receiver == "default"
    assert [(route.receiver, route.group_wait_s, route.goes_on) for route in options.route.routes] == [
        ("night-1", 0.0, True),
        ("night-2", 600.0, True),
    ]
    assert [route.repeat_interval_s for route in options.route.routes] == [300.0, None]
    assert set(options.receivers) == {"default", "night-1", "night-2"}


def test_no_policy():
    """Leaves the default alone."""
    assert set(read_alertmanager_file(alertmanager_text([]), file="a.yml").receivers) == {"default"}
