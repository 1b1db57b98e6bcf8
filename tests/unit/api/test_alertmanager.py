"""`/api/v2/alerts`: what is taken over, what is refused, what is shown."""

from __future__ import annotations

import json
from collections.abc import Sequence

import httpx
import pytest
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette

from anyascope.api.alertmanager.alerts import BODY_BYTES_MAX, alerts_routes
from anyascope.errors import UnavailableError
from anyascope.model.alerts import Alert, AlertCategory, AlertSeverity
from anyascope.model.notifications import AlertGroupStatus, AlertStatus, JournalPage
from anyascope.redact.api import Redactor

JSON = {"content-type": "application/json"}


class Board:
    """Remembers what it takes over; shows what it was given."""

    def __init__(self) -> None:
        self.taken: list[Alert] = []
        self.shown: list[AlertStatus] = []
        self.fault: Exception | None = None

    async def receive(self, alerts: Sequence[Alert]) -> None:
        if self.fault is not None:
            raise self.fault
        self.taken.extend(alerts)

    def alerts(self) -> Sequence[AlertStatus]:
        return self.shown

    def groups(self) -> Sequence[AlertGroupStatus]:
        return ()

    async def notifications(self, **_) -> JournalPage:
        return JournalPage()


def known(name: str, *, receiver: str = "team", **more) -> AlertStatus:
    return AlertStatus(
        id=f"{name:0>16}",
        name=name,
        is_firing=more.pop("is_firing", True),
        severity=AlertSeverity.HIGH,
        category=AlertCategory.DATA,
        source="x",
        title=name,
        labels=(("alertname", name),),
        annotations={},
        starts_ns=1,
        receivers=(receiver,),
        **more,
    )


@pytest.fixture
def board() -> Board:
    return Board()


@pytest.fixture
async def client(board):
    registry = CollectorRegistry()
    app = Starlette(routes=alerts_routes(board, Redactor(registry=registry), registry, dict))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://t") as made:
        yield made


async def test_takes_alerts_over(client, board):
    """200, without a body, means that they were taken over."""
    answer = await client.post("/api/v2/alerts", json=[{"labels": {"alertname": "a"}}])
    assert (answer.status_code, answer.content) == (200, b"")
    assert [alert.labels for alert in board.taken] == [(("alertname", "a"),)]


async def test_the_sound_ones_of_a_bad_request_are_taken_over(client, board):
    """400 names each fault, a line a fault; the others stand."""
    body = [{"labels": {"alertname": "a"}}, {"labels": {"x": ""}}, {"labels": {"": "b"}}]
    answer = await client.post("/api/v2/alerts", json=body)
    assert answer.status_code == 400
    assert answer.json() == 'at least one label pair required\ninvalid label set: invalid name ""'
    assert len(board.taken) == 1


async def test_secrets_are_taken_out_first(client, board):
    """What is stored holds no key, in labels, annotations or the link."""
    key = "5HueCGU8rMjxEXxiPuD5BDku4MkFqeZyd4dZ1jvhTVqvbTLvyTJ"
    alert = {"labels": {"a": key}, "annotations": {"b": f"x {key}"}, "generatorURL": f"http://h/?k={key}"}
    await client.post("/api/v2/alerts", json=[alert])
    assert key not in repr(board.taken)


async def test_a_store_that_cannot_write_says_when_to_come_back(client, board):
    """503 with `Retry-After`; nothing was taken over."""
    board.fault = UnavailableError("the store cannot write", retry_after_s=7)
    answer = await client.post("/api/v2/alerts", json=[{"labels": {"a": "b"}}])
    assert (answer.status_code, answer.headers["retry-after"], answer.json()) == (503, "7", "the store cannot write")


async def test_a_body_is_bounded_and_json(client, board):
    """More than some megabytes are 413, another media type is 415."""
    answer = await client.post("/api/v2/alerts", content=b" " * (BODY_BYTES_MAX + 1), headers=JSON)
    assert answer.status_code == 413
    answer = await client.post("/api/v2/alerts", content=b"[]", headers={"content-type": "text/plain"})
    assert answer.status_code == 415
    assert board.taken == []


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", ["a", "b", "c", "d"]),
        ("active=false", ["b", "c"]),
        ("silenced=false", ["a", "c", "d"]),
        ("inhibited=false", ["a", "b", "d"]),
        ("active=false&silenced=0&inhibited=no", []),
        ("filter=alertname=~[ab]", ["a", "b"]),
        ("filter=alertname!=a&filter=alertname!=b", ["c", "d"]),
        ("receiver=ot.*", ["d"]),
        ("receiver_matchers=name!=other", ["a", "b", "c"]),
    ],
)
async def test_shows_what_is_asked_for(client, board, query, names):
    """Alerts that fire, by fingerprint, chosen by state, labels and receiver."""
    board.shown = [
        known("d", receiver="other", muted_by=("nights",)),
        known("c", inhibited_by=("f",)),
        known("b", silenced_by=("s",)),
        known("a"),
        known("gone", is_firing=False),
    ]
    answer = await client.get(f"/api/v2/alerts?{query}")
    assert [alert["labels"]["alertname"] for alert in answer.json()] == names


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("filter=x", "bad matcher format: x"),
        ("filter={a=b}", "unexpected open or close brace: {a=b}"),
        ("receiver=(", "failed to parse receiver param: error parsing regexp: missing closing ): `^(?:()$`"),
        ("receiver_matchers=x", "failed to parse receiver_matchers param: bad matcher format: x"),
        ("&".join(["filter=a=b"] * 101), "filter is given 101 times, at most 100 are read"),
    ],
    ids=lambda value: value[:20],
)
async def test_a_bad_question_is_told(client, query, says):
    """400 with Alertmanager's words, as a JSON text."""
    answer = await client.get(f"/api/v2/alerts?{query}")
    assert (answer.status_code, json.loads(answer.content)) == (400, says)
