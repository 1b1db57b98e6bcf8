"""The host collector beside a real node_exporter on the same machine."""

from __future__ import annotations

import re
import subprocess
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import httpx
import pytest

from anyascope.clock import SystemClock
from anyascope.collect.collectors.host.collector import HostCollector
from anyascope.collect.collectors.host.files import HostFiles
from anyascope.collect.pages import PageReader
from anyascope.collect.sample_rules import accept_header
from anyascope.collect.scrape_config import ScrapeConfig, ScrapeProtocol
from anyascope.model.labels import METRIC_NAME, Labels, labels_of, metric_of
from anyascope.model.metrics import MetricType
from anyascope.wire.exposition.document import format_of, parse_exposition
from anyascope.wire.exposition.lines import Format
from support.components import component
from support.ports import free_port
from support.server import eventually

GAUGE_SHARE = 0.05  # how far apart gauges may be that were read within the same second
COUNTER_SHARE = 0.05  # the same of counters, beside what passed between the two readings
START_S = 90.0
SUCCESS = "node_scrape_collector_success"
READINGS = (
    3  # what comes and goes between two of them, such as a disk that another test mounts, is no difference of ours
)

# What differs, and why. Everything else must be the same.
THEIRS_ALONE = {
    "node_disk_info": "theirs says rotational=0 where one of some 40 other queue properties is missing; ours reads it",
    "node_exporter_build_info": "we are no node_exporter",
    "node_textfile_scrape_error": "no text files are read: scrape them, or push",
    "node_filesystem_purgeable_bytes": "means something on macOS only, always 0 on Linux",
    "node_timex_offset_overflow_total": "counts a kernel fault; the offset itself tells it",
}
OURS_ALONE = {
    r"node_memory_\w+": "every field of /proc/meminfo is told, theirs is a fixed list",
    r"node_disk_info": "see above: the same series with the property as the kernel has it",
    r"node_cpu_scaling_governor|node_power_supply_online": "told where the machine has it",
}
# Read at another moment, these may differ by any amount.
RESTLESS = re.compile(
    r"node_(scrape_collector_duration_seconds|time_seconds|procs_running|procs_blocked|disk_io_now|load\d+|entropy_.*"
    r"|sockstat_.*|netstat_Tcp_CurrEstab|softnet_backlog_len|udp_queues|filefd_allocated|arp_entries|nf_conntrack_entries"
    r"|timex_.*|memory_(Dirty|Writeback|Committed_AS|AnonPages|Active.*|Inactive.*|Mapped|PageTables|KernelStack"
    r"|AnonHugePages|Shmem|MemFree|Cached|SwapCached|Buffers|Slab|S?UnreclaimS?|SReclaimable|SUnreclaim|VmallocUsed"
    r"|Unevictable|Mlocked|Percpu)_bytes)"
)


@pytest.fixture(scope="module")
def exporter() -> Iterator[str]:
    """The address of a running node_exporter's page."""
    program = component("prometheus-node-exporter")
    port = free_port()
    process = subprocess.Popen(
        [program, f"--web.listen-address=127.0.0.1:{port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    url = f"http://127.0.0.1:{port}/metrics"
    try:
        eventually(lambda: httpx.get(url).status_code == httpx.codes.OK, within_s=START_S, what="node_exporter answers")
        yield url
    finally:
        process.terminate()
        process.wait(timeout=60)


def read_page(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=60) as answer:
        return answer.read()


def their_series(page: bytes) -> tuple[dict[Labels, float], dict[str, MetricType]]:
    found = parse_exposition(page, form=Format.TEXT)
    series = {labels_of(sample.pairs): sample.value for sample in found.samples}
    kept = {labels: value for labels, value in series.items() if metric_of(labels).startswith("node_")}
    return kept, {entry.metric: entry.type for entry in found.metadata}


def our_series(collector: HostCollector) -> tuple[dict[Labels, float], dict[str, MetricType]]:
    families = collector.collect()
    series = {
        labels_of([*labels, (METRIC_NAME, family.name)]): value
        for family in families
        for labels, value in family.points
    }
    return series, {family.name: family.type for family in families}


def covered(series: dict[Labels, float], collectors: set[str]) -> dict[Labels, float]:
    """Without what collectors tell of themselves that only one side has."""
    return {
        labels: value
        for labels, value in series.items()
        if not metric_of(labels).startswith("node_scrape_collector_") or dict(labels)["collector"] in collectors
    }


@dataclass(frozen=True)
class Reading:
    """Ours, theirs, and ours again: what lies between our two readings bounds theirs."""

    ours: dict[Labels, float]
    theirs: dict[Labels, float]
    after: dict[Labels, float]
    types: dict[str, MetricType]
    their_types: dict[str, MetricType]


@pytest.fixture(scope="module")
def readings(exporter: str) -> list[Reading]:
    collector = HostCollector(HostFiles(), SystemClock())
    our_series(collector)
    return [one_reading(collector, exporter) for _ in range(READINGS)]


def one_reading(collector: HostCollector, exporter: str) -> Reading:
    before, types = our_series(collector)
    theirs, their_types = their_series(read_page(exporter))
    after, _ = our_series(collector)
    names = {dict(labels).get("collector", "") for labels in before if "scrape_collector" in metric_of(labels)}
    return Reading(before, covered(theirs, names), after, types, their_types)


def lasting(readings: list[Reading], differences: Callable[[Reading], dict[Labels, object]]) -> dict[Labels, object]:
    """What differs in every reading."""
    found = [differences(reading) for reading in readings]
    return {labels: what for labels, what in found[-1].items() if all(labels in each for each in found)}


def test_the_same_names_and_labels(readings) -> None:
    """Every series of the covered collectors is there under the same name and labels, but for the listed exceptions."""
    ours, theirs = readings[-1].ours, readings[-1].theirs
    print(f"series: {len(ours)} ours, {len(theirs)} theirs, {len(set(ours) & set(theirs))} the same")  # noqa: T201  # the list of what differs is what this test is for
    print(f"theirs alone, by exception: {sorted({metric_of(labels) for labels in theirs if labels not in ours})}")  # noqa: T201  # the list of what differs is what this test is for
    print(f"ours alone, by exception: {sorted({metric_of(labels) for labels in ours if labels not in theirs})}")  # noqa: T201  # the list of what differs is what this test is for
    assert lasting(readings, missing) == {}
    assert lasting(readings, more) == {}


def missing(reading: Reading) -> dict[Labels, object]:
    return {
        labels: value
        for labels, value in reading.theirs.items()
        if labels not in reading.ours and metric_of(labels) not in THEIRS_ALONE
    }


def more(reading: Reading) -> dict[Labels, object]:
    return {
        labels: value
        for labels, value in reading.ours.items()
        if labels not in reading.theirs and not any(re.fullmatch(pattern, metric_of(labels)) for pattern in OURS_ALONE)
    }


def test_gauges_agree(readings) -> None:
    """Gauges that do not move by themselves are within 5%."""
    assert lasting(readings, gauges_apart) == {}


def gauges_apart(reading: Reading) -> dict[Labels, object]:
    apart: dict[Labels, object] = {}
    for labels, value in reading.theirs.items():
        name = metric_of(labels)
        if labels not in reading.ours or reading.types[name] is MetricType.COUNTER or RESTLESS.fullmatch(name):
            continue
        low, high = sorted((reading.ours[labels], reading.after.get(labels, reading.ours[labels])))
        slack = GAUGE_SHARE * max(abs(low), abs(high))
        if not low - slack <= value <= high + slack:
            apart[labels] = (low, value, high)
    return apart


def test_counters_lie_between_two_readings(readings) -> None:
    """A counter that was read between two of ours lies between them, but for what the kernel itself rounds."""
    assert lasting(readings, counters_apart) == {}


def counters_apart(reading: Reading) -> dict[Labels, object]:
    apart: dict[Labels, object] = {}
    for labels, value in reading.theirs.items():
        name = metric_of(labels)
        if labels not in reading.ours or reading.types[name] is not MetricType.COUNTER or RESTLESS.fullmatch(name):
            continue
        low, high = reading.ours[labels], reading.after.get(labels, value)
        slack = max(COUNTER_SHARE * (high - low), 0.02)  # two of the kernel's ticks
        if not low - slack <= value <= high + slack:
            apart[labels] = (low, value, high)
    return apart


def test_the_same_types(readings) -> None:
    """Counters are counters and gauges are gauges on both sides."""
    types, theirs = readings[-1].types, readings[-1].their_types
    differ = {name: (kind, theirs[name]) for name, kind in types.items() if name in theirs and theirs[name] is not kind}
    assert differ == {}


def test_collectors_succeed_alike(readings) -> None:
    """What node_exporter can read on this machine we can, and nothing else."""
    assert [labels for labels in readings[-1].ours if metric_of(labels) == SUCCESS]
    assert lasting(readings, successes_apart) == {}


def successes_apart(reading: Reading) -> dict[Labels, object]:
    return {
        labels: (value, reading.theirs.get(labels))
        for labels, value in reading.ours.items()
        if metric_of(labels) == SUCCESS and reading.theirs.get(labels) != value
    }


def test_its_page_says_the_same_in_protobuf(exporter: str) -> None:
    """Text and protobuf give the same series, values of constants, types and helps."""
    for _ in range(READINGS):
        text, binary = (said_by(exporter, each) for each in (ScrapeProtocol.TEXT_0_0_4, ScrapeProtocol.PROTOBUF))
        if text == binary:
            break
    assert text[1]
    assert text == binary


def said_by(exporter: str, protocol: ScrapeProtocol) -> tuple[set[Labels], dict[Labels, float], dict[str, object]]:
    """Series, constants and descriptions."""
    config = ScrapeConfig("node", protocols=(protocol,), has_natives=True)
    answer = httpx.get(exporter, headers={"Accept": accept_header(config)})
    form = format_of(answer.headers["content-type"])
    assert form is protocol.form
    reader = PageReader(labels_of({"job": "node"}), config)
    page = reader.read(answer.content, form)
    values = {reader.book.labels_at(slot): value for slot, value in zip(page.slots, page.values, strict=True)}
    constants = {labels: value for labels, value in values.items() if metric_of(labels).endswith("_info")}
    said = {each.metric: (each.type, each.help, each.unit) for each in page.metadata}
    return set(values), constants, said
