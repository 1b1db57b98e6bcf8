"""Who is told when, on a clock that is turned by hand."""

from __future__ import annotations

import logging

import pytest

from anyascope.sdk.alerting import (
    AlertBuilders,
    AlertManager,
    AlertSeverity,
    EscalationLevel,
    EscalationPolicy,
    EscalationState,
    SendError,
    SendOutcome,
)
from anyascope.sdk.correlation import correlation
from anyascope.sdk.guard import MisuseError, forget_told, strict
from support.alerting import House, an_alert


@pytest.fixture(autouse=True)
def _told_anew():
    forget_told()
    yield
    forget_told()


def seconds(house: House, name: str) -> list[float]:
    return [at for at, channel, _ in house.told if channel == name]


# --- the two policies -------------------------------------------------------------------------------------------------


def test_critical_to_the_second():
    """Slack and e-mail at 0, 300, 600 …; the phone at 900, 1500, …; as long as nobody answers."""
    house = House()
    house.send(an_alert())
    house.to(3_599)
    assert seconds(house, "slack") == seconds(house, "email") == [300.0 * n for n in range(12)]
    assert seconds(house, "phone") == [900.0, 1_500.0, 2_100.0, 2_700.0, 3_300.0]


def test_default_is_told_once():
    """Slack at 0, and nothing more."""
    house = House()
    house.send(an_alert(escalation_policy="default"))
    house.to(800)
    assert house.told == [(0.0, "slack", "0-0")]


@pytest.mark.parametrize("way", ["acknowledge", "resolve"])
def test_an_answer_stops_it(way):
    """After an acknowledgement, or the end, nobody else is told."""
    house = House()
    identity = house.send(an_alert())
    house.to(950)
    answered = house.manager.acknowledge(identity, "ada") if way == "acknowledge" else house.manager.resolve(identity)
    assert answered
    house.to(4_000)
    assert seconds(house, "slack") == [0.0, 300.0, 600.0, 900.0]
    assert seconds(house, "phone") == [900.0]
    status = house.manager.status(identity)
    assert status is None or status.acknowledged_by == ("ada" if way == "acknowledge" else "")


def test_an_answer_counts_at_the_very_second():
    """What is resolved before its repeat is looked at is not told again."""
    house = House()
    identity = house.send(an_alert())
    house.to(299)
    house.clock.s = 300
    house.manager.resolve(identity)
    house.to(301)
    assert seconds(house, "slack") == [0.0]


def test_an_acknowledged_alert_can_be_resolved():
    """Acknowledged, then resolved; the second time of each changes nothing."""
    house = House()
    identity = house.send(an_alert())
    assert house.manager.acknowledge(identity, "ada")
    assert not house.manager.acknowledge(identity, "bob")
    assert house.manager.resolve(identity)
    assert not house.manager.resolve(identity)
    assert not house.manager.acknowledge(identity, "bob")
    status = house.manager.status(identity)
    assert (status.state, status.acknowledged_by) == (EscalationState.RESOLVED, "ada")


def test_a_machine_that_slept_tells_each_level_once():
    """Of the repeats that were missed the latest is told; the grid stays."""
    house = House()
    house.send(an_alert())
    house.to(2_000, step_s=2_000)
    house.to(2_200)
    assert house.told[2:] == [
        (2_000.0, "slack", "0-6"),
        (2_000.0, "email", "0-6"),
        (2_000.0, "phone", "1-1"),
        (2_100.0, "slack", "0-7"),
        (2_100.0, "email", "0-7"),
        (2_100.0, "phone", "1-2"),
    ]


def test_a_policy_of_ones_own():
    """Levels run beside each other, each from its own delay on."""
    house = House("a", "b")
    house.manager.add_policy(EscalationPolicy("own", [EscalationLevel(10, "a"), EscalationLevel(5, ("a", "b"), 20)]))
    house.send(an_alert(escalation_policy="own"))
    house.to(30)
    assert house.told == [
        (5.0, "a", "1-0"),
        (5.0, "b", "1-0"),
        (10.0, "a", "0-0"),
        (25.0, "a", "1-1"),
        (25.0, "b", "1-1"),
    ]


def test_a_policy_may_be_replaced():
    """Alerts that are sent later follow the new one; those that are held keep theirs."""
    house = House("slack")
    house.send(an_alert())
    house.manager.add_policy(EscalationPolicy("critical", [EscalationLevel(100, "slack")]))
    house.send(an_alert("Another"))
    house.to(310)
    assert house.told == [(0.0, "slack", "0-0"), (100.0, "slack", "0-0"), (300.0, "slack", "0-1")]


def test_an_unknown_policy_is_the_default_one(caplog):
    """A name that nobody added is told once as misuse; the alert goes out by `default`."""
    house = House()
    with caplog.at_level(logging.WARNING, logger="anyascope.sdk"):
        house.send(an_alert(escalation_policy="nightly"))
    assert house.told == [(0.0, "slack", "0-0")]
    assert "no escalation policy 'nightly'" in caplog.text
    with strict(), pytest.raises(MisuseError, match="nightly"):
        house.send(an_alert("Another", escalation_policy="nightly"))
    house.to(1)
    assert len(house.told) == 2


# --- channels ---------------------------------------------------------------------------------------------------------


def test_a_channel_that_does_not_take_the_severity_is_skipped():
    """It is not told, which stands in the record."""
    house = House()
    house.channels["slack"].takes = frozenset((AlertSeverity.CRITICAL,))
    identity = house.send(an_alert(severity=AlertSeverity.LOW))
    assert house.told == [(0.0, "email", "0-0")]
    outcomes = [(record.channel, record.outcome) for record in house.manager.status(identity).sends]
    assert outcomes == [("slack", SendOutcome.SKIPPED), ("email", SendOutcome.OK)]


def test_a_channel_that_is_not_there_is_told(caplog):
    """The log says so once, the record each time, the others are told."""
    house = House("email")
    with caplog.at_level(logging.WARNING, logger="anyascope.sdk"):
        identity = house.send(an_alert())
        house.to(301)
    assert seconds(house, "email") == [0.0, 300.0]
    assert caplog.text.count("no channel 'slack'") == 1
    missing = [
        record.channel for record in house.manager.status(identity).sends if record.outcome is SendOutcome.NO_CHANNEL
    ]
    assert missing == ["slack", "slack"]


def test_a_channel_may_be_async_and_have_a_plain_name():
    """A coroutine function is run to its end; the name may be an attribute."""
    told = []

    class Async:
        channel_name = "slack"

        def supports_severity(self, severity):
            return True

        async def send_alert(self, alert):
            told.append(alert.title)

    house = House("email")
    house.manager.add_channel(Async())
    house.send(an_alert())
    assert told == ["Signing failed"]


async def test_an_async_channel_works_inside_of_a_loop():
    """A tick from a coroutine does not wait for its own loop."""
    told = []

    class Async:
        channel_name = "slack"

        async def send_alert(self, alert):
            told.append(alert.title)

    house = House("email")
    house.manager.add_channel(Async())
    house.send(an_alert())
    assert told == ["Signing failed"]


# --- failures ---------------------------------------------------------------------------------------------------------


def test_a_failed_send_is_tried_again_sooner_than_its_repeat():
    """The wait doubles, between half and all of it; the others are not held up."""
    house = House()
    house.channels["slack"].answers = [RuntimeError("down")] * 4
    identity = house.send(an_alert())
    house.to(60, step_s=0.1)
    (at,) = seconds(house, "slack")
    assert 0.5 + 1 + 2 + 4 <= round(at, 1) <= 1 + 2 + 4 + 8 + 0.5
    assert seconds(house, "email") == [0.0]
    record = house.manager.status(identity).sends[0]
    assert (record.outcome, record.detail) == (SendOutcome.RETRY, "RuntimeError: down")
    assert house.manager.status(identity).attempts == 6


def test_retry_after_is_kept_to_by_the_whole_channel():
    """A far end that asks for quiet is left alone, by other alerts too."""
    house = House("slack")
    house.channels["slack"].answers = [SendError("429", retry_after_s=50)]
    house.send(an_alert(escalation_policy="default"))
    house.clock.s = 1
    house.send(an_alert("Another", escalation_policy="default"))
    house.to(60)
    assert seconds(house, "slack") == [50.0, 50.0]


def test_a_refusal_is_final_until_the_repeat():
    """What will never be taken is not tried again before the next telling."""
    house = House("slack")
    house.channels["slack"].answers = [SendError("404 channel_not_found", is_final=True)]
    identity = house.send(an_alert())
    house.to(299)
    assert house.told == []
    assert house.manager.status(identity).state is EscalationState.PENDING
    house.to(300)
    assert house.told == [(300.0, "slack", "0-1")]
    assert house.manager.status(identity).state is EscalationState.SENT


def test_a_repeat_takes_the_place_of_what_is_not_through():
    """A channel that was down for three repeats is told once when it is back."""
    house = House("slack")
    house.channels["slack"].answers = [RuntimeError("down")] * 30
    house.send(an_alert())
    house.to(1_000)
    first = house.told[0]
    assert [turn for _, _, turn in house.told] == [f"0-{n}" for n in range(int(first[0] // 300), 4)]


def test_what_was_resolved_is_not_retried():
    """A send that failed is forgotten with its alert."""
    house = House("slack")
    house.channels["slack"].answers = [RuntimeError("down")]
    identity = house.send(an_alert())
    house.manager.resolve(identity)
    house.to(100)
    assert house.told == []


# --- the same alert ---------------------------------------------------------------------------------------------------


def test_the_same_alert_is_told_once():
    """What is sent again while it is held refreshes it; either id finds it."""
    house = House("slack")
    first = house.send(AlertBuilders.bitcoin_low_balance("hot", 900, 1000))
    again = AlertBuilders.bitcoin_low_balance("hot", 100, 1000)
    assert house.send(again) == first
    assert len(house.told) == 1
    status = house.manager.status(again.id)
    assert (status.alert.id, status.repeats) == (first, 1)
    assert "100 sats" in status.alert.description
    assert house.manager.resolve(again)
    assert house.count("anyascope_sdk_alerts_total", severity="medium", outcome="repeated") == 1


def test_after_its_end_it_is_news():
    """What was resolved, or told to its end and quiet for a quarter of an hour, is told anew."""
    house = House("slack")
    low = AlertBuilders.bitcoin_low_balance("hot", 900, 1000)
    house.manager.resolve(house.send(low))
    house.send(low)
    assert len(house.told) == 2
    house.to(899, step_s=100)
    house.send(AlertBuilders.bitcoin_low_balance("hot", 800, 1000))
    assert len(house.told) == 2
    house.to(899 + 1_000, step_s=100)
    house.send(AlertBuilders.bitcoin_low_balance("hot", 700, 1000))
    assert len(house.told) == 3


def test_a_critical_alert_is_never_forgotten():
    """As long as nobody answers it goes on, for days."""
    house = House()
    house.send(an_alert())
    house.to(2 * 86_400, step_s=300)
    assert len(seconds(house, "slack")) == 2 * 288 + 1


def test_too_many_are_dropped_and_counted():
    """Beyond the limit a new alert is refused; one that is over makes room."""
    house = House("slack")
    for number in range(1_000):
        house.manager.send_alert(an_alert(f"Trouble {number}", id=f"id-{number}"))
    house.manager.tick()
    assert house.send(an_alert("One more", id="more")) == ""
    assert house.count("anyascope_sdk_alerts_total", severity="critical", outcome="dropped") == 1
    house.manager.resolve("id-3")
    assert house.send(an_alert("One more", id="more")) == "more"
    assert len(house.manager.statuses()) == 1_000


# --- what leaves ------------------------------------------------------------------------------------------------------


def test_secrets_are_taken_out_before_anything_leaves():
    """Keys in every text of the alert are gone in what channels get and in what can be asked."""
    key = "5HueCGU8rMjxEXxiPuD5BDku4MkFqeZyd4dZ1jvhTVqvbTLvyTJ"
    house = House("slack")
    identity = house.send(
        an_alert(
            f"title {key}", description=f"text {key}", labels={"a": f"x {key}", "pin": "123456"}, annotations={"b": key}
        )
    )
    (alert,) = house.channels["slack"].alerts
    for text in (repr(alert), repr(house.manager.status(identity))):
        assert key not in text
        assert "123456" not in text
    assert alert.labels["a"].startswith("x <redacted")


def test_secrets_in_a_channels_error_are_taken_out():
    """The record of a failed send holds no key either."""
    key = "5HueCGU8rMjxEXxiPuD5BDku4MkFqeZyd4dZ1jvhTVqvbTLvyTJ"
    house = House("slack")
    house.channels["slack"].answers = [RuntimeError(f"cannot post {key}")]
    identity = house.send(an_alert())
    assert key not in house.manager.status(identity).sends[0].detail


def test_the_correlation_id_of_the_operation_goes_along():
    """An alert that has none gets the one that holds where it is sent."""
    house = House("slack")
    alert = an_alert(correlation_id=None)
    with correlation("op-7"):
        house.send(alert)
    assert house.channels["slack"].alerts[0].correlation_id == "op-7"


def test_each_alert_and_notification_is_on_record(caplog):
    """A counter, a log line and an audit event each."""
    house = House("slack")
    with (
        caplog.at_level(logging.INFO, logger="anyascope.alerting"),
        caplog.at_level(logging.INFO, logger="anyascope.audit"),
    ):
        identity = house.send(an_alert())
        house.manager.acknowledge(identity, "ada")
        house.manager.resolve(identity)
    events = [(record.name, record.getMessage().split()[0]) for record in caplog.records]
    for event in ("alert_raised", "alert_notification_ok", "alert_acknowledged", "alert_resolved"):
        assert ("anyascope.alerting", event) in events
    for action in ("raised", "notification", "acknowledged", "resolved"):
        assert ("anyascope.audit", f"audit.alert.{action}.event") in events
    assert house.count("anyascope_sdk_alert_notifications_total", channel="slack", outcome="ok") == 1


# --- bad input --------------------------------------------------------------------------------------------------------

ODD = [None, 0, "x", b"x", [], {}, object(), float("nan"), type, lambda: None, 10**400]


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: str(odd)[:12])
def test_odd_arguments_break_nothing(odd):
    """Whatever is passed anywhere, nothing is raised and the manager goes on working."""
    house = House("slack")
    manager = house.manager
    for call in (
        manager.add_channel, manager.add_policy, manager.send_alert, manager.acknowledge, manager.resolve,
        manager.status, manager.flush,
    ):  # fmt: skip
        call(odd)
    manager.acknowledge(odd, odd)
    AlertManager(
        odd, policies=odd, forward_to=odd, token=odd, generator_url=odd, registry=house.registry, is_driven=True
    )
    house.send(an_alert())
    assert len(house.told) == 1


def test_a_channel_that_is_none_is_told(caplog):
    """What has no name, or cannot send, is misuse."""
    with caplog.at_level(logging.WARNING, logger="anyascope.sdk"):
        House("slack").manager.add_channel(object())
    assert "a channel needs channel_name and send_alert, got object" in caplog.text
