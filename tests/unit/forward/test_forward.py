"""The room: far ends that come and go, and what it says of each."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry

from anyascope.clock import ManualClock
from anyascope.forward.forward import CONSUMER, Forward
from anyascope.forward.log import MemoryLog
from anyascope.forward.options import ForwardOptions, QueueOptions, RemoteWrite
from anyascope.model.secret import Secret
from anyascope.ports import HealthStatus
from support.forwarding import START_MS, no_metadata, scrape, until
from support.ports import free_port


class Told:
    """Stands where `Arrivals` does."""

    def __init__(self) -> None:
        self.listeners: list = []

    def on_metrics(self, listener) -> Callable[[], None]:
        self.listeners.append(listener)
        return lambda: self.listeners.remove(listener)


def remote(name: str, **changes) -> RemoteWrite:
    url = f"http://127.0.0.1:{free_port()}/write"  # nobody listens there
    return RemoteWrite(name, Secret(url), url, queue=QueueOptions(batch_send_deadline_s=0.1), **changes)


def room(source: MemoryLog, options: ForwardOptions, clock: ManualClock) -> tuple[Forward, Told, CollectorRegistry]:
    told, registry = Told(), CollectorRegistry()
    made = Forward(
        source,
        told,  # type: ignore[arg-type]
        options=options,
        labels_of_ids=source.labels_of,
        metadata=no_metadata,
        clock=clock,
        registry=registry,
    )
    return made, told, registry


async def test_only_what_changed_is_touched_by_a_reload(tmp_path):
    """A queue whose entry stays goes on; one that is gone is forgotten by the log, with its file; labels concern all."""
    source, clock = MemoryLog(), ManualClock()
    a, b, c = remote("a"), remote("b"), remote("c")
    made, _, registry = room(source, ForwardOptions((a, b), directory=tmp_path), clock)
    await made.start()
    before = {name: running.queue for name, running in made._running.items()}
    await made.reload(ForwardOptions((b, c), directory=tmp_path))
    after = {name: running.queue for name, running in made._running.items()}

    assert after["b"] is before["b"]
    assert sorted(after) == ["b", "c"]
    assert sorted(await source.consumers()) == [f"{CONSUMER}b", f"{CONSUMER}c"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b.places", "c.places"]
    shards = {labels["remote_name"] for labels in _labels(registry, "prometheus_remote_storage_shards")}
    assert shards == {"b", "c"}

    await made.reload(ForwardOptions((b, c), external_labels=(("site", "x"),), directory=tmp_path))
    assert made._running["b"].queue is not after["b"]
    await made.drain()


def _labels(registry: CollectorRegistry, name: str):
    return [sample.labels for family in registry.collect() for sample in family.samples if sample.name == name]


async def test_far_ends_that_were_removed_between_two_starts_are_forgotten():
    """The log does not wait for somebody who will not come back; other consumers are left alone."""
    source, clock = MemoryLog(), ManualClock()
    await source.position(f"{CONSUMER}gone")
    await source.position("store")
    made, _, _ = room(source, ForwardOptions((remote("here"),)), clock)
    await made.start()

    assert sorted(await source.consumers()) == [f"{CONSUMER}here", "store"]
    await made.drain()


async def test_a_far_end_that_is_away_is_degraded_and_near_the_bound_unhealthy():
    """The component says what is the matter, how much waits, and until when nothing is lost."""
    source, clock = MemoryLog(), ManualClock(START_MS * 1_000_000)
    far = remote("far")
    made, told, registry = room(source, ForwardOptions((far,), spool_bytes_max=1000), clock)
    await made.start()
    assert made.health()[0].status is HealthStatus.HEALTHY
    for number, wanted in ((0, HealthStatus.DEGRADED), (1, HealthStatus.UNHEALTHY)):
        batch = scrape(number, range(20))
        source.append(batch)
        told.listeners[0](batch)
        await until(lambda wanted=wanted: made.health()[0].status is wanted, clock, sockets=True)

    said = made.health()[0]
    assert said.component == "remote write far"
    assert "ConnectError" in said.message
    assert "forward.spool_size" in said.advice
    assert registry.get_sample_value("prometheus_remote_storage_highest_timestamp_in_seconds") == START_MS / 1000 + 1
    await made.drain()


async def test_what_gives_way_in_the_log_is_counted():
    """A log that is full drops the oldest entries for a far end that is away: that is a loss, and is counted."""
    source, clock = MemoryLog(bytes_max=3000), ManualClock()
    far = remote("far")
    made, _, registry = room(source, ForwardOptions((far,)), clock)
    await made.start()
    for number in range(10):
        source.append(scrape(number, range(20)))
    labels = {"remote_name": "far", "url": far.shown_url}
    lost = lambda: registry.get_sample_value("anyascope_forward_lost_bytes_total", labels)  # noqa: E731
    await until(lambda: bool(lost()), clock)

    assert lost() == 4 * 20 * 24
    await made.drain()
