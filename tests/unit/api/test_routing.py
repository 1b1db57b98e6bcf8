"""The tree of routes through the API."""

from __future__ import annotations

import pytest

from anyascope.alerting.escalation.settings import escalation_options, read_escalation
from anyascope.alerting.settings import read_alertmanager_file
from anyascope.api.routing import RoutingParts
from anyascope.wire.settings import read_settings
from support.own_api import House

TREE = """
route:
  receiver: ops
  group_by: [alertname]
  routes:
  - matchers: [team="hsm"]
    continue: true
    group_wait: 0s
    labels: {desk: "1"}
    routes: [{match_re: {severity: crit.*}, receiver: pager, group_by: ['...']}]
  - matchers: ['team=~"h.*"', 'severity!="low"']
    receiver: chat
receivers:
- name: ops
- name: pager
  webhook_configs: [{url: 'http://h/x'}]
- name: chat
  slack_configs: [{api_url: 'http://s/y', send_resolved: true}]
"""

POLICIES = """
escalation_policies:
- name: wake
  severities: [critical]
  levels: [{channels: [webhook]}, {delay: 15m, channels: [chat], repeat_interval: 10m}]
"""


@pytest.fixture
def house():
    found = House()
    options = read_alertmanager_file(TREE, file="am.yml")
    policies = read_escalation(read_settings(POLICIES, file="a.yml"))
    found.routing = RoutingParts(options, escalation_options(policies, options.receivers))
    return found


async def test_the_tree_has_everything_inherited(house):
    """Each route has an id by its place, and what it takes from above is written out; secrets are not there."""
    async with house.client() as client:
        answer = (await client.get("/routing")).json()
    root = answer["route"]
    assert (root["id"], root["receiver"], root["group_wait_s"], root["policy"]) == ("0", "ops", 30.0, None)
    team, chat = root["routes"]
    assert (team["id"], team["receiver"], team["matchers"], team["continue"]) == ("0/0", "ops", ['team="hsm"'], True)
    assert (team["group_by"], team["group_wait_s"], team["labels"]) == (["alertname"], 0.0, {"desk": "1"})
    (pager,) = team["routes"]
    assert (pager["id"], pager["group_by_all"], pager["labels"]) == ("0/0/0", True, {"desk": "1"})
    assert chat["matchers"] == ['team=~"h.*"', 'severity!="low"']
    assert [receiver["name"] for receiver in answer["receivers"]] == ["ops", "pager", "chat"]
    assert answer["receivers"][2]["integrations"] == [{"kind": "slack", "key": "chat/slack/0", "send_resolved": True}]


async def test_an_alert_is_tried_on_the_tree(house):
    """The routes that it takes, in order, with the group that it joins."""
    async with house.client() as client:
        answer = await client.post("/routing/test", json={"labels": {"team": "hsm", "severity": "critical"}})
        assert answer.status_code == 200
        pager, chat = answer.json()["routes"]
        other = (await client.post("/routing/test", json={"labels": {"alertname": "A"}})).json()["routes"]
    assert (pager["id"], pager["receiver"]) == ("0/0/0", "pager")
    assert pager["path"] == [['team="hsm"'], ['severity=~"^(?:crit.*)$"']]
    assert pager["group_labels"] == {"team": "hsm", "severity": "critical"}
    assert (pager["policy"], other[0]["policy"], other[0]["levels"]) == ("wake", None, [])
    assert pager["levels"] == [
        {"delay_s": 0.0, "repeat_s": None, "channels": ["pager/webhook/0"]},
        {"delay_s": 900.0, "repeat_s": 600.0, "channels": ["chat/slack/0"]},
    ]
    assert (chat["id"], chat["group_labels"], chat["group_key"]) == (
        "0/1",
        {},
        '{}/{severity!="low",team=~"h.*"}:{}',
    )
    assert [(route["id"], route["path"], route["group_labels"]) for route in other] == [("0", [], {"alertname": "A"})]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"{", "the body is not JSON"),
        (b'{"unheard_of": ' + b"[" * 100_000, "the body nests too deeply"),
        (b"[]", "expected `object`, got `array`"),
        (b'{"labels": {"a": 1}}', "expected `str`, got `int`"),
        (b"{}", "missing required field `labels`"),
    ],
)
async def test_a_broken_question_is_refused(house, body, words):
    """The answer names what is wrong."""
    async with house.client() as client:
        answer = await client.post("/routing/test", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 400
    assert words in answer.json()["detail"]


async def test_a_question_without_end_is_refused(house):
    """The body is bounded."""
    async with house.client() as client:
        answer = await client.post("/routing/test", content=b" " * 300_000)
    assert answer.status_code == 413
