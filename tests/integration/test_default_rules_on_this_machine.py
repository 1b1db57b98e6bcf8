"""The default rules are quiet on a machine as it is."""

from __future__ import annotations

import subprocess
from dataclasses import replace

import httpx
import numpy as np
import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from anyascope.clock import ManualClock
from anyascope.model.alerts import AlertState
from anyascope.model.labels import labels_of
from anyascope.model.metrics import MetricBatch, SampleBatch
from anyascope.promql.engine import Engine
from anyascope.rules.options import RulesOptions
from anyascope.rules.packs import load_pack_rules
from anyascope.store.memory.metrics import MemoryMetrics
from support.components import component
from support.ports import free_port
from support.rules_house import Pipe, RulesHouse

LOADS = ("node_load1", "node_load5", "node_load15")
LEFT_OF = {  # what is left, of what there is
    "node_memory_MemAvailable_bytes": "node_memory_MemTotal_bytes",
    "node_filesystem_avail_bytes": "node_filesystem_size_bytes",
    "node_filesystem_free_bytes": "node_filesystem_size_bytes",
    "node_filesystem_files_free": "node_filesystem_files",
}


@pytest.fixture(scope="module")
def exposition():
    """What a real node_exporter says of this machine, at one moment."""
    port = free_port()
    program = str(component("prometheus-node-exporter"))
    process = subprocess.Popen([program, f"--web.listen-address=127.0.0.1:{port}"], stderr=subprocess.DEVNULL)
    try:
        transport = httpx.HTTPTransport(retries=8)
        with httpx.Client(transport=transport) as client:
            yield client.get(f"http://127.0.0.1:{port}/metrics", timeout=60).text
    finally:
        process.terminate()
        process.wait(timeout=60)


async def test_quiet_for_an_hour(exposition):
    """An hour of this machine's own metrics raises no alert: nothing is pending or firing at its end."""
    told = {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(exposition)
        for sample in family.samples
        if sample.name.startswith(("node_", "process_")) and sample.name not in LOADS
    }
    # What others use of it in this moment is not how the machine is: half of it is left, and its load is calm.
    told |= {key: told[LEFT_OF[key[0]], *key[1:]] / 2 for key in told if key[0] in LEFT_OF}
    series = [
        (labels_of({**dict(labels), "__name__": name, "job": "node", "instance": "here"}), value)
        for (name, *labels), value in told.items()
    ]
    series += [(labels_of({"__name__": name, "job": "node", "instance": "here"}), 0.5) for name in LOADS]
    series.append((labels_of({"__name__": "up", "job": "node", "instance": "here"}), 1.0))
    clock, store = ManualClock(), MemoryMetrics()
    engine = Engine(store, clock=clock, registry=CollectorRegistry())
    house = RulesHouse(engine=engine, pipe=Pipe(store), clock=clock, options=RulesOptions(interval_s=60))
    await house.start("groups: []")
    await house.rules.reload(load_pack_rules("default"))

    samples = SampleBatch.of([(labels, 0, value) for labels, value in series])
    for _ in range(60):
        now_ms = clock.now_ns() // 1_000_000
        batch = MetricBatch(replace(samples, times_ms=np.full(len(samples), now_ms)))
        await house.pipe.metrics(batch, source="scrape")
        await clock.advance(60)

    views = [rule for group in house.rules.groups() for rule in group.rules]
    await house.rules.stop()
    engine.close()
    assert not [rule.last_error for rule in views if rule.last_error]
    assert [rule.name for rule in views if rule.state is not AlertState.INACTIVE] == []
    assert house.sink.received == []
