"""The heartbeat out: regular while alerting is well, silent while it is not."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry

from anyascope.clock import NS_PER_S, ManualClock
from anyascope.model.notifications import AttemptOutcome
from anyascope.model.secret import Secret
from anyascope.notify import watchdog
from anyascope.notify.channel import Outcome
from anyascope.notify.watchdog import Watchdog, why_withheld
from anyascope.notify.watchdog_settings import Method, WatchdogOptions, read_watchdog
from anyascope.ports import ComponentHealth, HealthStatus
from anyascope.wire.http_post import Answer
from anyascope.wire.settings import SettingsError, read_settings

URL = Secret("https://watch.test/ping/token")
WELL, SICK = HealthStatus.HEALTHY, HealthStatus.UNHEALTHY
BUSY = Outcome(AttemptOutcome.RETRY, "no answer")


class Dog:
    """A watchdog's far end, on a manual clock."""

    def __init__(self, monkeypatch, options=None):
        self.clock, self.heard, self.answers, self.components = ManualClock(), [], [], []
        monkeypatch.setattr(watchdog, "HttpSender", lambda *_, **__: self)
        self.registry = CollectorRegistry()
        self.dog = Watchdog(
            options or WatchdogOptions(URL), health=lambda: self.components, clock=self.clock, registry=self.registry
        )

    async def post(self, url, body, *, headers, method):
        self.heard.append((round(self.clock.monotonic_ns() / NS_PER_S), method, url))
        return self.answers.pop(0) if self.answers else Answer(200, "OK", b"", 0.0)

    async def close(self):
        pass

    async def __aenter__(self):
        await self.dog.start()
        return self

    async def __aexit__(self, *_):
        await self.dog.stop()

    def seconds(self):
        return [second for second, _, _ in self.heard]

    def count(self, outcome):
        return self.registry.get_sample_value("anyascope_watchdog_beats_total", {"outcome": outcome})


async def test_it_calls_each_interval(monkeypatch):
    """At once, then each interval, as the settings say."""
    async with Dog(monkeypatch, WatchdogOptions(URL, 30.0, method=Method.POST)) as dog:
        await dog.clock.advance(95)
        assert dog.heard == [(second, "POST", URL.reveal()) for second in (0, 30, 60, 90)]
        assert dog.count("sent") == 4
        assert (
            dog.registry.get_sample_value("anyascope_watchdog_last_beat_seconds") == dog.clock.now_ns() / NS_PER_S - 5
        )


async def test_it_is_silent_while_alerting_is_not_well(monkeypatch):
    """Nobody would be told of an alert: the watchdog must bark. It is quiet again once alerting is well."""
    async with Dog(monkeypatch) as dog:
        await dog.clock.advance(1)
        dog.components = [ComponentHealth("alerting", "alerting", SICK, "the store cannot write")]
        await dog.clock.advance(179)
        assert dog.seconds() == [0]
        assert dog.count("withheld") == 3
        (health,) = dog.dog.health()
        assert (health.status, health.message) == (
            HealthStatus.DEGRADED,
            "alerting is not well: the store cannot write",
        )
        dog.components = []
        await dog.clock.advance(60)
        assert dog.seconds() == [0, 240]
        assert dog.dog.health()[0].status is WELL


async def test_a_lost_packet_is_no_dead_server(monkeypatch):
    """What may pass is tried again within the interval; what may not is told, and tried at the next."""
    async with Dog(monkeypatch) as dog:
        dog.answers = [BUSY, BUSY, Answer(200, "OK", b"", 0.0), Answer(404, "Not Found", b"", 0.0)]
        await dog.clock.advance(119)
        assert dog.seconds() == [0, 10, 20, 60]
        assert (dog.count("sent"), dog.count("failed")) == (1, 1)
        assert "404" in dog.dog.health()[0].message
        dog.answers = [BUSY] * 3
        await dog.clock.advance(60)
        assert dog.count("failed") == 2


async def test_without_an_address_nothing_is_sent_until_a_reload_names_one(monkeypatch):
    """No watchdog, no component; a reload starts, changes and ends it."""
    async with Dog(monkeypatch, WatchdogOptions()) as dog:
        await dog.clock.advance(100)
        assert (dog.heard, dog.dog.health()) == ([], ())
        await dog.dog.reload(WatchdogOptions(URL))
        await dog.clock.advance(1)
        await dog.dog.reload(WatchdogOptions(URL))
        await dog.clock.advance(1)
        assert dog.seconds() == [100]
        await dog.dog.reload(WatchdogOptions())
        await dog.clock.advance(100)
        assert dog.seconds() == [100]


@pytest.mark.parametrize(
    ("components", "reason"),
    [
        ([], ""),
        ([("rules", "rules", SICK)], "rules is not well: "),
        ([("rules", "rules", HealthStatus.DEGRADED)], ""),
        ([("a", "notify", SICK), ("b", "notify", WELL)], ""),
        ([("a", "notify", SICK), ("b", "notify", SICK)], "no channel is well"),
        ([("disk", "store", SICK)], ""),
    ],
)
def test_what_counts_as_not_well(components, reason):
    """Alerting, rules, and all channels together."""
    assert why_withheld([ComponentHealth(*one) for one in components]) == reason


def read(text):
    top = read_settings(text, file="f.yml")
    found = read_watchdog(top.section("watchdog"))
    top.done()
    top.raise_if_wrong()
    return found


def test_settings_are_read():
    """Address, interval, timeout and method; nothing is none."""
    assert read("watchdog: {url: 'https://watch.test/ping/token', interval: 30s, timeout: 5s, method: POST}") == (
        WatchdogOptions(URL, 30.0, 5.0, Method.POST)
    )
    assert read("{}") == WatchdogOptions()
    assert "token" not in repr(read("watchdog: {url: 'https://watch.test/ping/token'}"))


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ("{url: 'ftp://x'}", "must be an http or https address"),
        ("{interval: 30s}", "one of url and url_file must be configured"),
        ("{url: 'http://x', interval: 1s}", "must be at least 5s"),
        ("{url: 'http://x', interval: 30s, timeout: 31s}", "at most the interval"),
        ("{url: 'http://x', method: PUT}", "must be one of GET, POST"),
        ("{url: 'http://x', every: 30s}", "field every is not known"),
    ],
)
def test_mistakes_are_told(section, message):
    """Each with what was wanted."""
    with pytest.raises(SettingsError, match=message):
        read(f"watchdog: {section}")
