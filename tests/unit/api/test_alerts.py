"""The resources /alerts, /notifications and /live."""

from __future__ import annotations

import asyncio
import json

from anyascope.alerting.fingerprint import fingerprint_of
from anyascope.api.live import live_router, live_topics
from anyascope.client.client import read_events
from anyascope.clock import ManualClock
from anyascope.health.components import HealthReport
from anyascope.model.alerts import AlertCategory, AlertSeverity, AlertState
from anyascope.model.labels import labels_of
from anyascope.model.notifications import (
    AlertStatus,
    Attempt,
    AttemptOutcome,
    ChannelReport,
    ChannelState,
    DeliveryStatus,
    JournalAlert,
    JournalEntry,
    JournalPage,
    NotificationReason,
    Replay,
)
from anyascope.model.status import AlertView, RuleGroupView, RuleKind, RuleView
from anyascope.ports import ComponentHealth, HealthStatus
from support.own_api import House

S = 1_000_000_000


def known(name, *, severity=AlertSeverity.HIGH, starts_s=100, is_firing=True, **more):
    labels = labels_of({"alertname": name, "severity": severity.value})
    return AlertStatus(
        id=fingerprint_of(labels),
        name=name,
        is_firing=is_firing,
        severity=severity,
        category=AlertCategory.AVAILABILITY,
        source="signer",
        title=f"{name} is so",
        labels=labels,
        annotations={"summary": f"{name} is so"},
        starts_ns=starts_s * S,
        **more,
    )


def rule(*alerts):
    return RuleGroupView("g", "f", 15.0, (RuleView(RuleKind.ALERTING, "r", "up == 0", alerts=alerts),))


def of_rule(name, state, *, value=0.5, severity="high"):
    labels = labels_of({"alertname": name, "severity": severity})
    return AlertView(labels, {"summary": "soon"}, state, 50 * S, value)


async def alerts_of(house, **parameters):
    async with house.client() as client:
        return (await client.get("/alerts", params=parameters)).json()["alerts"]


async def test_alerts_come_by_severity_then_newest():
    """What must be done first stands first."""
    house = House()
    house.desk.known = [
        known("low", severity=AlertSeverity.LOW, starts_s=900),
        known("old", starts_s=100),
        known("new", starts_s=200),
        known("worst", severity=AlertSeverity.CRITICAL, starts_s=1),
    ]
    assert [alert["name"] for alert in await alerts_of(house)] == ["worst", "new", "old", "low"]


async def test_an_alert_tells_everything_about_itself():
    """The value comes from the rule, everything else from alerting."""
    house = House()
    house.desk.known = [known("down", receivers=("team",), silenced_by=("s1",), generator_url="http://g")]
    house.rule_groups = [rule(of_rule("down", AlertState.FIRING, value=1.5))]
    assert await alerts_of(house) == [
        {
            "id": house.desk.known[0].id,
            "name": "down",
            "state": "firing",
            "severity": "high",
            "category": "availability",
            "source": "signer",
            "title": "down is so",
            "labels": {"alertname": "down", "severity": "high"},
            "annotations": {"summary": "down is so"},
            "value": 1.5,
            "starts_at": "1970-01-01T00:01:40.000000000Z",
            "ends_at": None,
            "correlation_id": "",
            "generator_url": "http://g",
            "receivers": ["team"],
            "silenced_by": ["s1"],
            "inhibited_by": [],
            "muted_by": [],
            "policy": None,
            "acknowledgement": None,
            "assigned_to": None,
            "snoozed_until": None,
            "deadline_at": None,
            "is_deadline_missed": False,
            "escalation": None,
            "is_flapping": False,
        }
    ]


async def test_pending_alerts_come_from_the_rules():
    """An alert that is not yet firing is shown with what its labels say."""
    house = House()
    house.rule_groups = [rule(of_rule("soon", AlertState.PENDING, severity="page"))]
    (alert,) = await alerts_of(house)
    assert (alert["state"], alert["severity"], alert["title"], alert["value"]) == ("pending", "critical", "soon", 0.5)


async def test_an_alert_that_fires_is_not_pending_too():
    """Between two evaluations alerting knows more than the rule; a resolved one may be pending again."""
    house = House()
    house.rule_groups = [rule(of_rule("a", AlertState.PENDING), of_rule("b", AlertState.PENDING))]
    house.desk.known = [known("a"), known("b", is_firing=False, ends_ns=150 * S)]
    assert sorted((alert["name"], alert["state"]) for alert in await alerts_of(house)) == [
        ("a", "firing"),
        ("b", "pending"),
        ("b", "resolved"),
    ]


async def test_alerts_are_chosen_by_state():
    """Only those are told; an unknown state is a mistake."""
    house = House()
    house.desk.known = [known("a"), known("b", is_firing=False, ends_ns=150 * S)]
    assert [alert["name"] for alert in await alerts_of(house, state="resolved")] == ["b"]
    async with house.client() as client:
        assert (await client.get("/alerts", params={"state": "gone"})).status_code == 400


async def test_the_journal_tells_who_was_told_and_every_attempt():
    """A page of the journal with its cursor; the question is passed on as it is."""
    house = House()
    house.desk.journal = JournalPage(
        (
            JournalEntry(
                id="n1",
                at_ns=100 * S,
                receiver="team",
                channel="slack",
                integration="team/slack/0",
                status=DeliveryStatus.SENT,
                group_key="{}",
                reason=NotificationReason.ALL_RESOLVED,
                alerts=(JournalAlert("a1", "down", is_firing=False, severity=AlertSeverity.HIGH),),
                attempts=(Attempt(101 * S, AttemptOutcome.OK, "200 OK"),),
            ),
        ),
        cursor="next",
    )
    async with house.client() as client:
        wanted = {"limit": 5, "cursor": "c", "receiver": "team", "status": "sent"}
        answer = (await client.get("/notifications", params=wanted)).json()
    assert house.desk.asked == {"limit": 5, "cursor": "c", "receiver": "team", "status": DeliveryStatus.SENT}
    assert answer == {
        "notifications": [
            {
                "id": "n1",
                "at": "1970-01-01T00:01:40.000000000Z",
                "receiver": "team",
                "channel": "slack",
                "status": "sent",
                "group_key": "{}",
                "reason": "resolved",
                "alerts": [{"id": "a1", "name": "down", "state": "resolved", "severity": "high"}],
                "attempts": [{"at": "1970-01-01T00:01:41.000000000Z", "outcome": "ok", "detail": "200 OK"}],
                "integration": "team/slack/0",
                "told_in": None,
                "merged": 0,
                "stands_in_for": None,
                "copies": [],
                "replays": [],
                "policy": None,
                "level": None,
            }
        ],
        "cursor": "next",
    }


async def test_live_tells_each_thing_at_the_start_and_when_it_changes():
    """Health and alerts once, then only what is another than before."""
    house = House(clock=ManualClock())
    topics = live_topics(house.desk, house, house.answers, house)
    router = live_router(topics, house.arrivals, clock=house.clock, streams=house.streams, look_every_s=0.01)
    response = await router.routes[0].endpoint()
    chunks = response._chunks

    async def next_events():
        chunk = await asyncio.wait_for(anext(chunks), 60)
        return [(name, json.loads(data)) for name, data in read_events(iter(chunk.decode().split("\n")))]

    assert await next_events() == []
    assert [name for name, _ in await next_events()] == ["health", "alerts", "events"]
    house.report_now = HealthReport(
        HealthStatus.DEGRADED, (ComponentHealth("journal", "collector", HealthStatus.DEGRADED),)
    )
    await house.clock.advance(1)
    (told,) = await next_events()
    assert (told[0], told[1]["status"]) == ("health", "degraded")
    await chunks.aclose()


async def test_a_room_that_fails_keeps_no_other_from_being_told():
    """A topic that cannot be made is left out, and told again as soon as it can; alerts come all the while."""
    house = House(clock=ManualClock())
    rooms = {"nodes": ZeroDivisionError("a fault of ours"), "alerts": None}

    def made(name):
        if rooms[name] is not None:
            raise rooms[name]
        return {"of": name}

    topics = {name: lambda name=name: made(name) for name in rooms}
    router = live_router(topics, house.arrivals, clock=house.clock, streams=house.streams, look_every_s=0.01)
    chunks = (await router.routes[0].endpoint())._chunks

    async def next_names():
        chunk = await asyncio.wait_for(anext(chunks), 60)
        return [name for name, _ in read_events(iter(chunk.decode().split("\n")))]

    assert await next_names() == []
    assert await next_names() == ["alerts", "events"]
    rooms["nodes"] = None
    await house.clock.advance(1)
    assert await next_names() == ["nodes"]
    await chunks.aclose()


async def test_channels_say_how_they_are():
    """Each with its state, what waits and what failed."""
    house = House()
    house.post.reports = [ChannelReport("team/slack/0", "slack", "team", ChannelState.OPEN, 3, 1, 100 * S, "503")]
    async with house.client() as client:
        answer = (await client.get("/channels")).json()
    assert answer == {
        "channels": [
            {
                "key": "team/slack/0",
                "kind": "slack",
                "receiver": "team",
                "state": "open",
                "waiting": 3,
                "dead": 1,
                "since": "1970-01-01T00:01:40.000000000Z",
                "last_error": "503",
            }
        ]
    }


async def test_a_dead_letter_is_sent_again_by_somebody():
    """Who asks is named; what is not there is a 404, a body without a name a 400."""
    house = House()
    labels = {"receiver": "team", "channel": "slack", "integration": "team/slack/0", "group_key": "g"}
    house.post.entries["a"] = JournalEntry(
        "a",
        1,
        **labels,
        status=DeliveryStatus.QUEUED,
        reason=NotificationReason.FIRST,
        alerts=(),
        replays=(Replay(2, "anna"),),
    )
    async with house.client() as client:
        sent = await client.post("/notifications/a/replay", json={"by": " anna "})
        assert (sent.status_code, sent.json()["status"], sent.json()["replays"][0]["by"]) == (200, "queued", "anna")
        assert (await client.post("/notifications/b/replay", json={"by": "anna"})).status_code == 404
        for body in ({}, {"by": " "}, {"by": "a" * 201}, []):
            assert (await client.post("/notifications/a/replay", json=body)).status_code == 400
    assert house.post.asked_by == ["anna", "anna"]


async def test_a_receiver_is_tried():
    """Each channel with its outcome and the far end's words; a receiver that is not there is a 404."""
    async with House().client() as client:
        answer = await client.post("/receivers/team/test")
        assert answer.json() == {
            "receiver": "team",
            "channels": [
                {"key": "team/slack/0", "kind": "slack", "outcome": "ok", "answers": ["200 OK"]},
                {"key": "team/email/0", "kind": "email", "outcome": "failed", "answers": ["550 nobody"]},
            ],
        }
        assert (await client.post("/receivers/other/test")).status_code == 404
