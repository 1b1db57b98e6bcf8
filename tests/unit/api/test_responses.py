"""The resources below /alerts/{id}."""

from __future__ import annotations

import csv
import io

import pytest

from anyascope.alerting.fingerprint import fingerprint_of
from anyascope.model.alerts import AlertCategory, AlertSeverity
from anyascope.model.labels import labels_of
from anyascope.model.notifications import AlertStatus
from anyascope.model.responses import (
    Acknowledgement,
    AlertCare,
    AlertEvent,
    AlertEventKind,
    EscalationStatus,
    ResponseAction,
)
from support.own_api import House

S = 1_000_000_000
LABELS = labels_of({"alertname": "Down", "severity": "high"})
ID = fingerprint_of(LABELS)


@pytest.fixture
def house():
    built = House()
    built.desk.known = [
        AlertStatus(
            id=ID,
            name="Down",
            is_firing=True,
            severity=AlertSeverity.HIGH,
            category=AlertCategory.AVAILABILITY,
            source="signer",
            title="Down",
            labels=LABELS,
            annotations={},
            starts_ns=100 * S,
        )
    ]
    built.answers.timeline = [AlertEvent(100 * S, AlertEventKind.FIRED, "", "began to fire", {"severity": "high"})]
    return built


async def test_an_alert_is_told_with_its_story(house):
    """How people stand to it, and what happened."""
    house.answers.cares[ID] = AlertCare(
        policy="critical",
        acknowledgement=Acknowledgement("alice", 101 * S, 0, "on it"),
        deadline_ns=100 * S,
        escalation=EscalationStatus(0, 2, 0, is_stopped=True),
    )
    async with house.client() as client:
        answer = (await client.get(f"/alerts/{ID}")).json()
    assert answer["timeline"] == [
        {
            "at": "1970-01-01T00:01:40.000000000Z",
            "kind": "fired",
            "by": "",
            "text": "began to fire",
            "details": {"severity": "high"},
        }
    ]
    shown = {name: answer["alert"][name] for name in ("policy", "acknowledgement", "assigned_to", "escalation")}
    assert shown == {
        "policy": "critical",
        "acknowledgement": {"by": "alice", "at": "1970-01-01T00:01:41.000000000Z", "until": None, "note": "on it"},
        "assigned_to": None,
        "escalation": {"level": 0, "levels": 2, "next_at": None, "is_stopped": True},
    }


@pytest.mark.parametrize(
    ("path", "body", "given"),
    [
        ("acknowledge", {"by": "a", "note": "n", "for_s": 60}, {"by": "a", "note": "n", "for_s": 60.0}),
        ("unacknowledge", {"by": "a"}, {"by": "a"}),
        ("assign", {"by": "a", "to": "b"}, {"by": "a", "to": "b"}),
        ("comment", {"by": "a", "text": "t"}, {"by": "a", "note": "t"}),
        ("snooze", {"by": "a", "for_s": 60}, {"by": "a", "note": "", "for_s": 60.0}),
        ("resolve", {"by": "a", "note": "n"}, {"by": "a", "note": "n"}),
        ("escalate", {"by": "a"}, {"by": "a", "note": ""}),
    ],
)
async def test_an_answer_is_handed_on(house, path, body, given):
    """As it was given, and the story comes back."""
    house.answers.notice = "bob was first"
    async with house.client() as client:
        answer = await client.post(f"/alerts/{ID}/{path}", json=body)
    assert answer.status_code == 200
    assert answer.json()["notice"] == "bob was first"
    assert house.answers.asked == [(ID, ResponseAction(path), given)]


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("{", (400, "the body is not JSON: Input data was truncated", None)),
        ("{}", (400, "object missing required field `by`", None)),
        ('{"by": 1}', (400, "expected `str`, got `int`", "by")),
        ('{"by": "a", "who": "b"}', (400, "object contains unknown field `who`", None)),
        ('{"by": "' + "a" * 270_000 + '"}', (413, "the body has more than 262144 bytes", None)),
    ],
)
async def test_a_body_that_is_none_is_refused(house, body, told):
    """With what is wrong, and where."""
    async with house.client() as client:
        answer = await client.post(f"/alerts/{ID}/acknowledge", content=body)
    problem = answer.json()
    assert (answer.status_code, problem["detail"], problem.get("path")) == told
    assert house.answers.asked == []


async def test_an_unknown_alert_is_not_found(house):
    """404, for its story and for an answer."""
    async with house.client() as client:
        assert (await client.get("/alerts/feed")).status_code == 404
        assert (await client.post("/alerts/feed/acknowledge", json={"by": "a"})).status_code == 404


async def test_the_policies_that_act_are_told_with_the_deadlines(house):
    """As a picture of them needs it."""
    async with house.client() as client:
        answer = (await client.get("/escalation-policies")).json()
    assert answer == {
        "policies": [
            {
                "name": "critical",
                "is_default": True,
                "severities": ["critical"],
                "levels": [
                    {"delay_s": 0.0, "channels": ["slack", "email"], "repeat_s": 300.0},
                    {"delay_s": 900.0, "channels": ["phone"], "repeat_s": 600.0},
                ],
                "acknowledgement_timeout_s": None,
            },
            {
                "name": "default",
                "is_default": True,
                "severities": ["high", "medium", "low"],
                "levels": [{"delay_s": 0.0, "channels": ["slack"], "repeat_s": None}],
                "acknowledgement_timeout_s": None,
            },
        ],
        "deadlines": {"critical": 0, "high": 900, "medium": 3600, "low": 86400},
    }


async def test_a_time_line_is_exported(house):
    """For spreadsheets, which take no formula from a comment, and for reports, which take no markup."""
    house.answers.timeline.append(
        AlertEvent(101 * S, AlertEventKind.COMMENTED, "=cmd|'x'!A1", 'a "quoted"\n| <b>line</b>', {"n": 1})
    )
    async with house.client() as client:
        table = await client.get(f"/alerts/{ID}/timeline", params={"format": "csv"})
        report = await client.get(f"/alerts/{ID}/timeline", params={"format": "markdown"})
        plain = await client.get(f"/alerts/{ID}/timeline")
        wrong = await client.get(f"/alerts/{ID}/timeline", params={"format": "pdf"})
    rows = list(csv.reader(io.StringIO(table.text)))
    assert rows == [
        ["at", "kind", "by", "text", "details"],
        ["1970-01-01T00:01:40.000000000Z", "fired", "", "began to fire", '{"severity":"high"}'],
        ["1970-01-01T00:01:41.000000000Z", "commented", "'=cmd|'x'!A1", 'a "quoted"\n| <b>line</b>', '{"n":1}'],
    ]
    assert table.headers["content-disposition"] == f'attachment; filename="alert-{ID}.csv"'
    assert table.headers["content-type"] == "text/csv; charset=utf-8"
    assert report.text.splitlines()[-1] == (
        r"| 1970-01-01T00:01:41.000000000Z | commented | =cmd\|'x'!A1 | a \"quoted\" \| \<b\>line\</b\> |".replace(
            '\\"', '"'
        )
    )
    assert [event["kind"] for event in plain.json()["timeline"]] == ["fired", "commented"]
    assert wrong.status_code == 400
