"""Heartbeats: who stops calling is an alert until the next call, over restarts, whatever the clock does."""

from __future__ import annotations

import httpx
import pytest
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette

from anyascope.access.tokens import Tokens
from anyascope.alerting.heartbeat_settings import Heartbeat, read_heartbeats
from anyascope.alerting.heartbeats import KIND_HEARTBEAT, Heartbeats
from anyascope.api.heartbeats import heartbeat_routes
from anyascope.clock import NS_PER_S, ManualClock
from anyascope.errors import DeniedError, NotFoundError, UnavailableError
from anyascope.model.secret import Secret
from anyascope.ports import HealthStatus
from anyascope.store.documents import MemoryDocuments
from anyascope.wire.settings import SettingsError, read_settings

BACKUP = Heartbeat("backup", 60.0, 30.0, labels=(("severity", "critical"),))


class Ward:
    """Heartbeats on a manual clock; alerts are kept as (second, name, fires)."""

    def __init__(self, *heartbeats):
        self.clock = ManualClock()
        self.documents = MemoryDocuments(clock=self.clock)
        self.start_ns = self.clock.now_ns()
        self.expected = heartbeats or (BACKUP,)
        self.told, self.alerts, self.error = [], [], None
        self.build()

    def build(self):
        self.registry = CollectorRegistry()
        self.ward = Heartbeats(self.documents, self, heartbeats=self.expected, clock=self.clock, registry=self.registry)

    async def receive(self, alerts):
        if self.error:
            raise self.error
        for alert in alerts:
            second = round((self.clock.monotonic_ns()) / NS_PER_S)
            self.told.append((second, dict(alert.labels)["heartbeat"], not alert.ends_ns))
            self.alerts.append(alert)

    async def refuse(self, changes):
        raise UnavailableError("full disk", retry_after_s=1.0)

    async def __aenter__(self):
        await self.ward.start()
        await self.clock.advance(0)
        return self

    async def __aexit__(self, *_):
        await self.ward.stop()

    async def beat(self, name="backup", *, key="", is_trusted=True):
        due_ns = await self.ward.beat(name, key=key, is_trusted=is_trusted)
        await self.clock.advance(0)
        return due_ns

    def count(self, name, **labels):
        return self.registry.get_sample_value(name, labels)


async def test_who_stops_calling_is_an_alert_until_the_next_call():
    """Calls in time are quiet; a missed one fires after period and grace, is told each minute, and ends with a call."""
    async with Ward() as house:
        for _ in range(5):
            await house.clock.advance(80)
            due_ns = await house.beat()
        assert (due_ns - house.clock.now_ns()) / NS_PER_S == 90
        assert house.told == []
        await house.clock.advance(220)
        assert house.told == [(490, "backup", True), (550, "backup", True), (610, "backup", True)]
        assert house.count("anyascope_heartbeat_late", heartbeat="backup") == 1
        assert [one.status for one in house.ward.health()] == [HealthStatus.UNHEALTHY]
        await house.beat()
        assert house.told[3:] == [(620, "backup", False)]
        fired, over = house.alerts[0], house.alerts[-1]
        assert fired.labels == over.labels
        assert fired.starts_ns == over.starts_ns == house.start_ns + 490 * NS_PER_S
        assert dict(fired.labels) == {
            "alertname": "HeartbeatMissed",
            "component": "backup",
            "heartbeat": "backup",
            "severity": "critical",
        }
        await house.clock.advance(80)
        assert len(house.told) == 4
        assert house.count("anyascope_heartbeats_received_total", heartbeat="backup") == 6
        assert house.count("anyascope_heartbeat_late", heartbeat="backup") == 0


async def test_who_never_called_is_missed_too():
    """From the moment that a heartbeat is configured it is expected."""
    async with Ward() as house:
        assert house.count("anyascope_heartbeat_last_seconds", heartbeat="backup") == 0
        await house.clock.advance(90)
        assert house.told == [(90, "backup", True)]
        assert "never called" in house.alerts[0].annotations["description"]


async def test_a_restart_forgets_nothing_and_accuses_nobody():
    """What was late stays late and can come back; who could not call meanwhile has a grace; the rest counts on."""
    house = Ward(BACKUP, Heartbeat("late", 10.0, 10.0), Heartbeat("slow", 1000.0, 10.0))
    async with house:
        await house.beat()
        await house.beat("slow")
        await house.clock.advance(30)
    house.told.clear()
    await house.clock.advance(500)
    house.build()
    async with house:
        assert house.told == [(530, "late", True)]
        await house.clock.advance(29)
        assert {name for _, name, _ in house.told} == {"late"}
        await house.clock.advance(1)
        assert house.told[-1] == (560, "backup", True)
        await house.beat("late")
        assert house.told[-1] == (560, "late", False)
        await house.clock.advance(451)
        assert (1010, "slow", True) in house.told


async def test_a_clock_that_is_set_makes_nobody_late():
    """The wall clock may jump by hours in either direction: time that went by counts."""
    async with Ward() as house:
        for jump_s in (7200, -14_400):
            await house.beat()
            house.clock.set_wall(by_s=jump_s)
            await house.clock.advance(60)
            assert house.told == []


async def test_a_clock_that_is_set_back_makes_no_end_before_its_beginning():
    """Who calls again after the wall clock was set back ends the alert with times that alerting takes."""
    async with Ward() as house:
        await house.clock.advance(100)
        house.clock.set_wall(by_s=-7200.0)
        await house.beat()
        assert house.told[-1][1:] == ("backup", False)
        assert house.alerts[-1].starts_ns <= house.alerts[-1].ends_ns


async def test_a_fault_of_ours_does_not_end_the_watch():
    """Whatever handing an alert over raises, those who do not call are noticed afterwards."""
    async with Ward() as house:
        house.error = RuntimeError("odd")
        await house.clock.advance(100)
        house.error = None
        await house.clock.advance(70)
        assert house.told[0][1:] == ("backup", True)


async def test_a_store_that_cannot_write_takes_no_call_and_loses_no_alert():
    """A call that is not stored is not answered well; an alert that nobody took is handed over again."""
    async with Ward() as house:
        commit = house.documents.commit

        house.documents.commit = house.refuse
        with pytest.raises(UnavailableError):
            await house.beat()
        house.documents.commit = commit
        house.error = UnavailableError("full disk", retry_after_s=1.0)
        await house.clock.advance(100)
        house.error = None
        await house.clock.advance(2)
        assert house.told[0][1:] == ("backup", True)
        house.error = UnavailableError("full disk", retry_after_s=1.0)
        await house.beat()
        await house.clock.advance(5)
        house.error = None
        await house.clock.advance(2)
        assert house.told[-1][1:] == ("backup", False)


async def test_a_reload_keeps_who_stays():
    """A longer period counts at once, who is gone is late no longer, who is new is expected from now on."""
    async with Ward(BACKUP, Heartbeat("gone", 10.0, 0.0)) as house:
        await house.clock.advance(50)
        await house.ward.reload((Heartbeat("backup", 100.0, 30.0), Heartbeat("new", 50.0, 0.0)))
        assert house.told == [(10, "gone", True), (50, "gone", False)]
        await house.clock.advance(50)
        assert house.told[2:] == [(100, "new", True)]
        await house.clock.advance(30)
        assert house.told[3:] == [(130, "backup", True)]
        house.documents.commit = house.refuse
        await house.ward.reload((Heartbeat("other", 20.0, 0.0),))
        await house.clock.advance(20)
        assert house.told[-1][1:] == ("other", True)
        keys = [one.key for one in (await house.documents.page(KIND_HEARTBEAT)).documents]
        assert keys == ["backup", "new"]


async def test_a_key_is_asked_where_there_is_one():
    """With a key only the key counts; without one the server's token does, where it has any."""
    async with Ward(Heartbeat("a", 60.0, key=Secret("k1")), Heartbeat("b", 60.0)) as house:
        await house.beat("a", key="k1", is_trusted=False)
        await house.beat("b", is_trusted=True)
        for name, key, is_trusted in (("a", "", True), ("a", "k2", True), ("a", "ü", True), ("b", "k1", False)):
            with pytest.raises(DeniedError):
                await house.beat(name, key=key, is_trusted=is_trusted)
        with pytest.raises(NotFoundError):
            await house.beat("c")
        assert house.count("anyascope_heartbeats_refused_total") == 4


async def test_calls_by_http():
    """GET and POST count, with the key in the query or as a bearer; the answer says when the next must come."""
    async with Ward(Heartbeat("a", 60.0, 0.0, key=Secret("k1")), Heartbeat("b", 60.0)) as house:
        tokens = Tokens([Secret("t" * 20)], clock=house.clock)
        app = Starlette(routes=heartbeat_routes(house.ward, tokens))
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://127.0.0.1") as client:
            answer = await client.get("/heartbeats/a?key=k1")
            assert (answer.status_code, answer.json()) == (
                200,
                {"name": "a", "next_by": "2023-11-14T22:14:20.000000000Z"},
            )
            bearer = {"authorization": "Bearer k1"}
            assert (await client.post("/heartbeats/a", headers=bearer)).status_code == 200
            assert (
                await client.post("/heartbeats/b", headers={"authorization": "Bearer " + "t" * 20})
            ).status_code == 200
            for path, status in (("a", 403), ("a?key=x", 403), ("b", 403), ("c", 404)):
                assert (await client.post(f"/heartbeats/{path}")).status_code == status
            assert (await client.put("/heartbeats/a?key=k1")).status_code == 405


# --- settings ---------------------------------------------------------------------------------------------------------


def read(text):
    top = read_settings(text, file="f.yml")
    found = read_heartbeats(top)
    top.done()
    top.raise_if_wrong()
    return found


def test_settings_are_read():
    """Period, grace, key, labels and annotations."""
    assert read(
        "heartbeats: [{name: a.b-c, period: 1d, grace: 1h, key: s, labels: {severity: low}, annotations: {summary: x}}]"
    ) == (Heartbeat("a.b-c", 86_400.0, 3_600.0, Secret("s"), (("severity", "low"),), (("summary", "x"),)),)
    assert read("{}") == ()


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("{name: 'a b', period: 1m}", "must be 1 to 100 letters"),
        ("{name: a}", r"heartbeats\[0\].*must be at least 1s"),
        ("{name: a, period: 1m}, {name: a, period: 1m}", "there is another heartbeat 'a'"),
        ("{name: a, period: 1m, labels: {alertname: x}}", "'alertname' is not a label that can be set"),
        ("{name: a, period: 1m, labels: {'x-y': z}}", "'x-y' is not a label"),
        ("{name: a, period: 1m, key: a, key_file: b}", "at most one of key & key_file"),
        ("{name: a, periode: 1m}", "did you mean period"),
    ],
)
def test_mistakes_are_told(entry, message):
    """Each with its place."""
    with pytest.raises(SettingsError, match=message):
        read(f"heartbeats: [{entry}]")
