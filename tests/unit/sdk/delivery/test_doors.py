"""The doors through which telemetry leaves."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from anyascope.sdk import delivery
from anyascope.sdk.delivery import Target, backlog, delivery_stats, open_door
from anyascope.sdk.guard import MisuseError, strict
from support.ports import free_port
from support.server import eventually

pytestmark = pytest.mark.usefixtures("fresh")


def target(end, signal="traces", *, attempt_s=60.0):
    """A far end that is well has time on a busy machine: what it answers late would be sent to it twice."""
    return Target(f"{end.url}/v1/{signal}", attempt_s=attempt_s)


def stats(signal="traces"):
    return delivery_stats().signals[signal]


def test_a_body_arrives(end):
    """What goes in comes out at the far end, and the account says so."""
    door = open_door("traces", target(end))
    assert door.deliver(b"body", items=3)
    assert door.flush(20)
    assert end.bodies == [b"body"]
    assert (stats().exported, stats().waiting_items) == (3, 0)


def test_the_latest_door_of_a_signal_serves_deliver(end):
    """`deliver` needs no door in the hand."""
    open_door("metrics", target(end, "metrics"))
    assert delivery.deliver("metrics", b"m")
    assert delivery.flush(20)
    assert end.paths == ["/v1/metrics"]


def test_signals_of_one_far_end_share_a_courier(end):
    """One thread, whatever the number of signals."""
    for signal in ("traces", "logs", "metrics", "audit"):
        open_door(signal, target(end, signal)).deliver(b"x")
    assert delivery.flush(20)
    assert sorted(end.paths) == ["/v1/audit", "/v1/logs", "/v1/metrics", "/v1/traces"]


def test_nobody_there_is_no_wait_and_no_loss_while_it_fits(end):
    """Bodies for a far end that is down wait, and go when it is there."""
    end.mode = "503"
    door = open_door("traces", target(end))
    for number in range(5):
        door.deliver(bytes([number]))
    assert not door.flush(0.5)
    assert door.waiting() == (5, 5)
    end.mode = "ok"
    assert door.flush(20)
    assert b"".join(end.bodies) == bytes(range(5))


def test_unreachable_far_ends_are_named():
    """The account says who does not answer, without user or password."""
    port = free_port()
    door = open_door("traces", Target(f"http://u:pw@127.0.0.1:{port}/v1/traces"))
    door.deliver(b"x")
    door.flush(0)
    eventually(lambda: delivery_stats().unreachable == (f"http://127.0.0.1:{port}",), what="the first attempt")
    assert not door.is_reachable


def test_memory_for_a_black_hole_is_bounded(end, monkeypatch):
    """A far end that never answers costs one attempt at a time and a bounded number of bytes."""
    monkeypatch.setattr(backlog.MemoryBacklog.__init__, "__kwdefaults__", {"bytes_max": 10_000})
    end.mode = "black_hole"
    door = open_door("traces", target(end))
    for _ in range(1_000):
        door.deliver(b"x" * 100)
    assert door.waiting()[1] <= 10_000
    assert end.attempts <= 1
    account = stats()
    assert account.waiting_items + account.dropped["outbox_full"] == 1_000


def test_what_is_too_large_is_counted(end):
    """No body beyond the limit is kept."""
    door = open_door("traces", target(end))
    assert not door.deliver(b"x" * (backlog.BODY_BYTES_MAX + 1), items=7)
    assert stats().dropped == {"too_large": 7}


def test_nothing_is_sent_for_an_empty_body(end):
    """An empty request says nothing."""
    door = open_door("traces", target(end))
    assert door.deliver(b"")
    assert door.waiting() == (0, 0)


def test_a_closed_door_takes_nothing(end):
    """What comes after the close is counted; what was in before has gone."""
    door = open_door("traces", target(end))
    door.deliver(b"before")
    door.close(20)
    assert not door.deliver(b"after", items=2)
    assert end.bodies == [b"before"]
    assert stats().dropped == {"shutdown": 2}


def test_closing_counts_what_could_not_be_sent():
    """Without a spool the end of a door is the end of what waits."""
    door = open_door("traces", Target(f"http://127.0.0.1:{free_port()}/v1/traces"))
    door.deliver(b"x", items=4)
    door.close(0.5)
    assert stats().dropped == {"shutdown": 4}


def test_with_a_spool_nothing_is_lost_at_the_end(end, tmp_path):
    """What the far end did not take lies on disk and goes from the next door."""
    delivery.use_spool(tmp_path / "spool")
    end.mode = "503"
    door = open_door("traces", target(end))
    assert door.is_durable
    door.deliver(b"kept")
    door.close(0.3)
    assert "traces" not in delivery_stats().signals or stats().dropped == {}
    assert len(list(tmp_path.glob("spool/*/traces.otlp.0/*.segment"))) == 1


def test_refused_bodies_are_set_aside(end, tmp_path):
    """With a spool people find what the far end would not take."""
    delivery.use_spool(tmp_path / "spool")
    end.mode = "400"
    door = open_door("traces", target(end))
    door.deliver(b"bad")
    door.flush(20)
    (path,) = tmp_path.glob("spool/refused/*traces.body")
    assert path.read_bytes() == b"bad"
    assert stats().dropped == {"refused": 1}


def test_the_account_is_metrics_too(end):
    """Dropped by reason, exported, queued and waiting, from 0 on; registering twice is registering once."""
    registry = CollectorRegistry()
    delivery.register(registry)
    delivery.register(registry)
    open_door("traces", target(end)).deliver(b"x", items=2)
    assert delivery.flush(20)
    assert registry.get_sample_value("anya_telemetry_exported_total", {"signal": "traces"}) == 2
    full = {"signal": "traces", "reason": "queue_full"}
    assert registry.get_sample_value("anya_telemetry_dropped_total", full) == 0
    page = generate_latest(registry).decode()
    for name in ("anya_telemetry_queue_depth", "anya_telemetry_waiting_bytes"):
        assert f"# TYPE {name} gauge" in page


def test_an_unknown_signal_is_misuse():
    """A signal that nobody knows raises in tests; in production its door is shut, and what goes in is counted."""
    with strict(), pytest.raises(MisuseError, match="traces, logs"):
        open_door("x", Target("http://127.0.0.1:1"))
    door = open_door("x", Target("http://127.0.0.1:1"))
    assert not door.deliver(b"body")


@pytest.mark.parametrize("body", [None, "text", 5, [b"x"], bytearray(b"x"), object()])
def test_wrong_bodies_do_no_harm(end, body):
    """Not bytes: nothing goes, nothing raises; in tests it does."""
    door = open_door("traces", target(end))
    assert not door.deliver(body)
    assert not delivery.deliver("traces", body)
    with strict(), pytest.raises(MisuseError):
        door.deliver(body)


@pytest.mark.parametrize("arguments", [(5,), (b"x\0",), (["a"],)])
def test_wrong_spools_do_no_harm(arguments):
    """What cannot be a folder is told and ignored."""
    delivery.use_spool(*arguments)


@pytest.mark.parametrize(
    "limits", [{"bytes_max": 0}, {"bytes_max": "x"}, {"age_s_max": -1}, {"age_s_max": float("nan")}]
)
def test_wrong_limits_do_no_harm(tmp_path, limits):
    """Limits must be above 0."""
    delivery.use_spool(tmp_path, **limits)
    assert not open_door("traces", Target("http://127.0.0.1:1/")).is_durable
