"""Thousands of odd values at everything that a host can call: no exception of ours, and alerts go on being told."""

from __future__ import annotations

import itertools
from datetime import timedelta
from random import Random

import pytest

from anyascope.sdk.alerting import (
    Alert,
    AlertBuilders,
    AlertManager,
    EmailChannel,
    EscalationLevel,
    EscalationPolicy,
    PhoneChannel,
    SendError,
    SlackChannel,
    WebhookChannel,
)
from anyascope.sdk.guard import forget_told
from support.alerting import House, an_alert


class Hostile:
    """Raises at everything that can be asked of it."""

    def __getattribute__(self, name):
        raise RuntimeError(name)

    def __str__(self):
        raise RuntimeError

    __repr__ = __iter__ = __len__ = __bool__ = __eq__ = __hash__ = __int__ = __float__ = __call__ = __str__


class Text(str):
    """A text that is none."""

    __slots__ = ()

    def __str__(self):
        raise RuntimeError

    def __len__(self):
        raise RuntimeError


class Pairs(dict):
    """A mapping that breaks on the way."""

    def __iter__(self):
        yield "a"
        raise RuntimeError

    def __getitem__(self, name):
        raise KeyError(name)


VALUES = [
    None, True, 0, -1, 10**400, 1e300, float("nan"), float("inf"), "", "x", "\ud800", "\x00\r\n", "x" * 100_000, b"\xff",
    bytearray(5), [], [None], [[]], {}, {1: 2}, {"a": {"b": object()}}, set(), (), object(), type, lambda: None, 3 + 4j,
    timedelta(1), timedelta.max, range(10**9), Text("t"), Pairs(a=1), Hostile(), an_alert(), Exception("x"), ...,
]  # fmt: skip


@pytest.fixture(autouse=True)
def _told_anew():
    forget_told()
    yield
    forget_told()


def odd(random: Random):
    """Any of the values, or an iterator that never ends."""
    return itertools.count() if random.random() < 0.03 else random.choice(VALUES)


def channel_calls(random: Random):
    """Each channel with odd arguments, and what it is asked."""
    for make in (
        lambda: SlackChannel(odd(random), odd(random), name=odd(random), severities=odd(random), timeout_s=odd(random)),
        lambda: WebhookChannel(odd(random), headers=odd(random), signing_secret=odd(random), name=odd(random)),
        lambda: EmailChannel(
            odd(random),
            odd(random),
            sender=odd(random),
            recipients=odd(random),
            security=odd(random),
            password=odd(random),
        ),
        lambda: PhoneChannel(odd(random), odd(random), severities=odd(random)),
        lambda: PhoneChannel.twilio(
            odd(random), odd(random), sender=odd(random), numbers=odd(random), mode=odd(random)
        ),
        lambda: PhoneChannel.webhook(odd(random), numbers=odd(random), token=odd(random)),
    ):
        channel = make()
        assert isinstance(channel.channel_name(), str)
        channel.supports_severity(odd(random))
        repr(channel)


def manager_calls(random: Random, manager: AlertManager):
    """Everything that a manager can be told."""
    for call in (
        manager.add_channel, manager.add_policy, manager.send_alert, manager.resolve, manager.status, manager.acknowledge,
    ):  # fmt: skip
        call(odd(random))
    manager.acknowledge(odd(random), odd(random))
    manager.add_policy(EscalationPolicy(odd(random), odd(random)))
    manager.add_policy(EscalationPolicy("p", [EscalationLevel(odd(random), odd(random), odd(random))]))


def alerts(random: Random):
    """Alerts made of odd values."""
    alert = Alert(
        *(odd(random) for _ in range(5)),
        id=odd(random),
        timestamp=odd(random),
        labels=odd(random),
        annotations=odd(random),
        escalation_policy=odd(random),
        correlation_id=odd(random),
    )
    yield alert
    yield alert.with_label(odd(random), odd(random)).with_annotation(odd(random), odd(random))
    yield alert.with_escalation_policy(odd(random)).with_correlation_id(odd(random))
    yield AlertBuilders.bitcoin_low_balance(odd(random), odd(random), odd(random))
    yield AlertBuilders.hsm_operation_failed(odd(random), odd(random), odd(random))
    yield AlertBuilders.api_high_error_rate(odd(random), odd(random), odd(random))
    yield AlertBuilders.system_health_degraded(odd(random), odd(random))


@pytest.mark.parametrize("seed", range(40))
def test_odd_values(seed):
    """Whatever is passed anywhere, nothing is raised, every alert can be held, and a good one is told."""
    random = Random(seed)
    house = House("slack")
    for _ in range(5):
        channel_calls(random)
        manager_calls(random, house.manager)
        for alert in alerts(random):
            assert house.manager.send_alert(alert) == house.manager.status(alert).alert.id
    house.manager.tick()
    told = len(house.told)
    house.send(an_alert("A good one", id=f"good-{seed}"))
    assert len(house.told) == told + 1


@pytest.mark.parametrize("number", range(len(VALUES)))
def test_odd_managers(number):
    """A manager made of odd values tells alerts all the same."""
    value = VALUES[number]
    manager = AlertManager(
        value, policies=value, forward_to=value, token=value, generator_url=value, registry=value, clock=value,
        is_driven=True,
    )  # fmt: skip
    manager.send_alert(an_alert())
    manager.tick()
    manager.flush(0)
    assert len(manager.statuses()) == 1


@pytest.mark.parametrize("number", range(len(VALUES)))
def test_odd_channels_fail_as_channels_do(number):
    """A channel that cannot work says so by `SendError`."""
    value = VALUES[number]
    for channel in (
        SlackChannel(value),
        EmailChannel(value, sender=value, recipients=value),
        PhoneChannel(value, value),
    ):
        with pytest.raises(SendError):
            channel.send_alert(an_alert())
