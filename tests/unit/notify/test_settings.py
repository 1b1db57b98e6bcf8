"""The section `notify`: strict, with the place of every mistake, names looked up once all receivers are known."""

from __future__ import annotations

import pytest

from anyascope.alerting.settings import read_alerting
from anyascope.notify.pace import Rate
from anyascope.notify.patience import CourierOptions
from anyascope.notify.settings import courier_options, read_notify
from anyascope.wire.settings import SettingsError, read_settings

RECEIVERS = """
route: {receiver: team}
receivers:
  - name: team
    webhook_configs: [{url: "http://127.0.0.1:9/a"}]
    slack_configs: [{api_url: "http://127.0.0.1:9/b"}, {api_url: "http://127.0.0.1:9/c"}]
  - name: mail
    webhook_configs: [{url: "http://127.0.0.1:9/d"}]
  - name: none
"""


def options_of(text):
    top = read_settings(RECEIVERS + text, file="anyascope.yml")
    alerting, notify = read_alerting(top), read_notify(top.section("notify"))
    top.done()
    top.raise_if_wrong()
    return courier_options(notify, alerting.receivers)


def test_nothing_said_is_the_default():
    """Without the section nothing has a fallback or a rate."""
    assert options_of("") == CourierOptions()


def test_a_receiver_stands_for_its_channels_and_a_channel_for_itself():
    """What is said of one channel wins over what is said of its receiver, in whatever order."""
    options = options_of(
        """
notify:
  breaker_failures: 5
  storm_waiting: 0
  give_up_after: 1d
  fallbacks: {team/slack/1: none2, team: mail}
  rate_limits: {team/slack/0: {messages: 1}, team: {messages: 30, per: 1m}}
""".replace("none2", "mail")
    )
    assert (options.breaker_failures, options.storm_waiting_max, options.give_up_s) == (5, 0, 86_400)
    assert {key: [target.key for target in targets] for key, targets in options.fallbacks.items()} == {
        key: ["mail/webhook/0"] for key in ("team/webhook/0", "team/slack/0", "team/slack/1")
    }
    assert options.rates == {
        "team/webhook/0": Rate(30, 60.0),
        "team/slack/0": Rate(1, 1.0),
        "team/slack/1": Rate(30, 60.0),
    }


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ("{breaker_failures: 0}", "notify.breaker_failures: must be 1 to 1000, got 0"),
        ("{storm_waiting: -1}", "notify.storm_waiting: must not be negative"),
        ("{give_up_after: 0s}", "notify.give_up_after: must be more than 0"),
        ("{fallbacks: {gone: mail}}", "notify.fallbacks.gone: there is no receiver or integration 'gone'"),
        ("{fallbacks: {team: gone}}", "notify.fallbacks.team: there is no receiver 'gone' to fall back on"),
        ("{fallbacks: {team: none}}", "receiver 'none' has no channel to fall back on"),
        ("{fallbacks: {team: mail, mail: team}}", "lead back to it"),
        ("{fallbacks: {team: team}}", "lead back to it"),
        ("{rate_limits: {team: {messages: 0}}}", "notify.rate_limits.team.messages: must be at least 1"),
        ("{rate_limits: {team: {messages: 1, per: 0s}}}", "notify.rate_limits.team.per: must be more than 0"),
        ("{fallback: {}}", "did you mean fallbacks?"),
    ],
)
def test_mistakes_are_told_with_their_place(section, message):
    """Each names file, line and path."""
    with pytest.raises(SettingsError) as caught:
        options_of(f"notify: {section}\n")
    assert f"anyascope.yml:{RECEIVERS.count(chr(10)) + 1}: " in str(caught.value)
    assert message in str(caught.value)
