"""A test message through the channels of a receiver."""

from __future__ import annotations

import json

import pytest

from anyascope.alerting.settings import read_alertmanager_file
from anyascope.app.trials import Trials
from anyascope.clock import SystemClock
from anyascope.errors import NotFoundError
from anyascope.ids import RandomIds
from anyascope.model.notifications import AttemptOutcome
from support.scripted_end import Say, scripted_end

OK, RETRY, FAILED = AttemptOutcome.OK, AttemptOutcome.RETRY, AttemptOutcome.FAILED

CONFIG = """
route: {{receiver: team}}
receivers:
- name: team
  webhook_configs: [{{url: '{url}/hook'}}]
  slack_configs: [{{api_url: '{url}/slack', channel: '#ops'}}]
  discord_configs: [{{webhook_url: '{url}/discord'}}]
- name: nobody
"""


async def test_each_channel_is_tried_and_says_what_the_far_end_answered():
    """All are tried side by side; one that tells of ends is told of this one's; a refusal is told, and tried once."""
    clock = SystemClock()
    with scripted_end() as end:
        options = read_alertmanager_file(CONFIG.format(url=end.url), file="am.yml")
        end.otherwise = Say(200, b"ok")
        trials = Trials(lambda: options, clock=clock, ids=RandomIds(clock))
        found = {one.key: one for one in await trials.try_receiver("team")}
        assert {key: one.outcome for key, one in found.items()} == {
            "team/webhook/0": OK,
            "team/slack/0": OK,
            "team/discord/0": OK,
        }
        told = [(one.path, json.loads(one.body)) for one in end.heard]
        assert sorted(path for path, _ in told) == ["/discord", "/discord", "/hook", "/hook", "/slack"]
        hooks = [body for path, body in told if path == "/hook"]
        assert [body["status"] for body in hooks] == ["firing", "resolved"]
        assert hooks[0]["groupKey"] == hooks[1]["groupKey"]
        assert "Somebody tries the receiver team" in hooks[0]["alerts"][0]["annotations"]["description"]
        end.says(*[Say(403, b"no such channel")] * 3)
        refused = await trials.try_receiver("team")
        assert [one.outcome for one in refused] == [FAILED] * 3
        assert all("403" in one.answers[0] for one in refused)
        assert len(end.heard) == 3
        assert await trials.try_receiver("nobody") == []
        with pytest.raises(NotFoundError, match="there is no receiver x; there are nobody, team"):
            await trials.try_receiver("x")
