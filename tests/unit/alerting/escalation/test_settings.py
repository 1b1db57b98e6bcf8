"""`escalation` and `escalation_policies`: read as they are written, every mistake with its place."""

from __future__ import annotations

import pytest

from anyascope.alerting.escalation.policy import CRITICAL, DEFAULT, Directory
from anyascope.alerting.escalation.settings import escalation_options, read_escalation
from anyascope.model.alerts import AlertSeverity
from anyascope.model.channels.webhook import WebhookOptions
from anyascope.model.escalation import EscalationLevel, EscalationPolicy
from anyascope.model.receivers import Integration, Receiver
from anyascope.model.secret import Secret
from anyascope.wire.settings import SettingsError, read_settings


def receiver(name, *kinds):
    options = WebhookOptions(Secret("http://sink"))
    return Receiver(name, tuple(Integration(f"{name}/{kind}/0", kind, options) for kind in kinds))


RECEIVERS = {one.name: one for one in (receiver("team", "slack", "email"), receiver("b/c", "slack"), receiver("ops"))}


def read(text):
    top = read_settings(text, file="anyascope.yml")
    settings = read_escalation(top)
    top.done()
    top.raise_if_wrong()
    return settings


def test_a_policy_is_read_whole():
    """Delays, channels, repeats, severities and the time that an acknowledgement holds."""
    text = """
escalation_policies:
  - name: signing
    severities: [critical, high]
    levels:
      - channels: [team/slack, email]
        repeat_interval: 5m
      - {delay: 10m, channels: [ops]}
    acknowledgement_timeout: 30m
    send_resolved: false
"""
    options = escalation_options(read(text), RECEIVERS)
    assert dict(options.policies) == {
        "signing": EscalationPolicy(
            name="signing",
            levels=(
                EscalationLevel(0.0, ("team/slack", "email"), 300.0),
                EscalationLevel(600.0, ("ops",)),
            ),
            severities=frozenset({AlertSeverity.CRITICAL, AlertSeverity.HIGH}),
            acknowledgement_timeout_s=1800.0,
            send_resolved=False,
        )
    }


def test_the_shipped_policies_act_when_they_are_switched_on():
    """And only then; a policy of the same name or severity stands in their place."""
    assert escalation_options(read(""), RECEIVERS).policies == {}
    assert escalation_options(read("escalation: {shipped_policies: true}"), RECEIVERS).policies == {
        "critical": CRITICAL,
        "default": DEFAULT,
    }
    own = """
escalation: {shipped_policies: true}
escalation_policies:
  - {name: default, levels: [{channels: [team]}]}
  - {name: mine, severities: [critical], levels: [{channels: [team]}]}
"""
    policies = escalation_options(read(own), RECEIVERS).policies
    assert [(name, sorted(one.value for one in policy.severities)) for name, policy in policies.items()] == [
        ("default", []),
        ("mine", ["critical"]),
        ("critical", []),
    ]


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("- {levels: [{channels: [team]}]}", "anyascope.yml:2: escalation_policies[0]: field name must be set"),
        ("- {name: a}", "anyascope.yml:2: escalation_policies[0].levels: a policy has 1 to 20 levels, got 0"),
        (
            "- {name: a, levels: [{delay: 1m}]}",
            "anyascope.yml:2: escalation_policies[0].levels[0].channels: a level needs",
        ),
        (
            "- {name: a, levels: [{channels: [team]}, {channels: [ops]}]}",
            "anyascope.yml:2: escalation_policies[0].levels[1].delay: must be longer than that of the level before",
        ),
        (
            "- {name: a, levels: [{channels: [team], repeat_interval: 1s}]}",
            "anyascope.yml:2: escalation_policies[0].levels[0].repeat_interval: must be at least 10 seconds, got 1",
        ),
        (
            "- {name: a, severities: [urgent], levels: [{channels: [team]}]}",
            "severities are critical, high, medium, low, got 'urgent'",
        ),
        ("- {name: a, levels: [{channels: [team], delays: 1m}]}", "levels[0]"),
        (
            "- {name: a, levels: [{channels: [team]}]}\n- {name: a, levels: [{channels: [team]}]}",
            "anyascope.yml:3: escalation_policies[1].name: policy 'a' is not unique",
        ),
        (
            "\n".join(f"- {{name: {name}, severities: [low], levels: [{{channels: [team]}}]}}" for name in "ab"),
            "anyascope.yml:3: escalation_policies[1].severities: severity low is a's already",
        ),
    ],
)
def test_a_mistake_is_told_with_its_place(text, mistake):
    """File, line and path."""
    with pytest.raises(SettingsError) as caught:
        read(f"escalation_policies:\n{text}\n")
    assert mistake in str(caught.value)


def test_a_channel_that_nobody_has_is_a_mistake():
    """Receivers may stand in another file, so it is found once all are known."""
    settings = read("escalation_policies:\n- name: a\n  levels:\n  - channels: [team, slak, team/phone]\n")
    with pytest.raises(SettingsError) as caught:
        escalation_options(settings, RECEIVERS)
    place = "anyascope.yml:4: escalation_policies[0].levels[0].channels"
    assert str(caught.value).splitlines() == [
        f"{place}: 'slak' is no receiver, and no receiver has such a channel",
        f"{place}: 'team/phone' is no receiver, and no receiver has such a channel",
    ]


def test_a_kind_is_the_alerts_own_receivers_or_else_everybodys():
    """A receiver by its name, one kind of it, or a kind."""
    directory = Directory(RECEIVERS)

    def keys(channel, receiver):
        return [target.integration.key for target in directory.targets(channel, receiver=receiver)]

    assert keys("slack", "team") == ["team/slack/0"]
    assert keys("slack", "ops") == ["team/slack/0", "b/c/slack/0"]
    assert keys("team", "ops") == ["team/slack/0", "team/email/0"]
    assert keys("b/c", "ops") == ["b/c/slack/0"]
    assert keys("b/c/slack", "ops") == ["b/c/slack/0"]
    assert keys("ops", "team") == []
    assert directory.missing([CRITICAL, DEFAULT]) == ["critical: phone"]
