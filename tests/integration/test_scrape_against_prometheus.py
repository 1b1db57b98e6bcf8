"""The same pages, scraped by us and by a real Prometheus: the same series, labels and values."""

from __future__ import annotations

import asyncio
import json
import math
import re
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from anyascope.clock import SystemClock
from anyascope.collect.scheduler import Parts, ScrapeManager
from anyascope.collect.settings import read_scrape_configs
from anyascope.collect.tally import ScrapeTally
from anyascope.model.labels import Labels, labels_of, metric_of
from anyascope.wire.settings import read_settings
from support.collecting import RecordingIntake, ScriptedTarget, ended_in, values_of
from support.components import component
from support.ports import free_port

TEXT = rb"""# HELP a_total Help with \\ and \n.
# TYPE a_total counter
a_total{code="200",path="C:\\dir\n\"q\""} 1027
a_total {  code = "400" , } 3.5e2
# a comment
blanks	{x="y"}	7
# TYPE h histogram
h_bucket{le="1"} 1
h_bucket{le="1000000"} 2
h_bucket{le="+Inf"} 3
h_sum 4.5
h_count 3
# TYPE s summary
s{quantile="0.50"} 1
s_sum 2
no_type{le="1"} -Inf
{"utf8.name","my.label"="v"} 5
own_job{job="theirs",instance="theirs",exported_job="x"} 1
empty{a="",b="c"} 1
dup 1
dup 2
big 1.7976931348623157e308
tiny -4.9e-324
drop_me{x="1"} 1
rename_me{host="web-3.example:9100"} 1
"""
OPEN = b"""# TYPE foo counter
# UNIT foo_seconds seconds
foo_total{a="b"} 17.0 # {trace_id="x"} 0.5 123.4
foo_created{a="b"} 1520872607.123
# TYPE hh histogram
hh_bucket{le="1.0"} 1 # {} 0.5
hh_bucket{le="+Inf"} 2
# TYPE ii info
ii_info{v="1"} 1
# TYPE ss stateset
ss{ss="a"} 1
# TYPE gh gaugehistogram
gh_bucket{le="2"} 1
{"utf8.metric",x="y"} 2.5e-3
# EOF
"""
CONFIG = """
global: {{scrape_interval: 1s}}
scrape_configs:
- job_name: text
  static_configs: [{{targets: ['127.0.0.1:{port}'], labels: {{zone: z1, instance: text}}}}]
  metrics_path: /text
  metric_relabel_configs: &rules
  - {{source_labels: [__name__], regex: drop_.*, action: drop}}
  - {{source_labels: [host], regex: '([a-z]+)-(\\d+)\\..*', target_label: shard, replacement: '${{2}}-$1'}}
  - {{regex: host, action: labeldrop}}
  - {{source_labels: [zone, __name__], separator: '@', modulus: 7, target_label: bucket, action: hashmod}}
  - {{source_labels: [zone], target_label: zone_upper, action: uppercase}}
- job_name: honoured
  honor_labels: true
  static_configs: [{{targets: ['127.0.0.1:{port}'], labels: {{instance: honoured}}}}]
  metrics_path: /text
- job_name: open
  static_configs: [{{targets: ['127.0.0.1:{port}'], labels: {{instance: open}}}}]
  metrics_path: /open
- job_name: broken
  static_configs: [{{targets: ['127.0.0.1:{port}'], labels: {{instance: broken}}}}]
  metrics_path: /broken
- job_name: limited
  sample_limit: 3
  static_configs: [{{targets: ['127.0.0.1:{port}'], labels: {{instance: limited}}}}]
  metrics_path: /text
"""
JOBS = 5
WITHIN_S = 240.0
PAGES = {
    "/text": (TEXT, "text/plain; version=0.0.4"),
    "/open": (OPEN, "application/openmetrics-text; version=1.0.0"),
    "/broken": (b"a 1\nb{ 2\n", "text/plain"),
}
# Durations differ by nature; what was added depends on which scrape the query saw.
BY_NATURE = re.compile(r"scrape_duration_seconds|scrape_series_added")


async def serve(_, writer: asyncio.StreamWriter, request) -> None:
    body, content_type = PAGES[request.path]
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nContent-Type: {content_type}\r\n\r\n"
    writer.write(head.encode() + body)


Ask = Callable[[], dict[Labels, float]]


@asynccontextmanager
async def theirs(folder: Path, port: int) -> AsyncIterator[Ask]:
    """A real Prometheus that scrapes; what it has now."""
    (folder / "prometheus.yml").write_text(CONFIG.format(port=port))
    own = free_port()
    process = await asyncio.create_subprocess_exec(
        component("prometheus"),
        f"--config.file={folder}/prometheus.yml",
        f"--storage.tsdb.path={folder}/data",
        f"--web.listen-address=127.0.0.1:{own}",
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )

    def ask() -> dict[Labels, float]:
        query = urllib.parse.urlencode({"query": '{__name__!=""}'})
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{own}/api/v1/query?{query}", timeout=60) as answer:
                found = json.load(answer)["data"]["result"]
        except OSError:  # it has not started yet
            return {}
        return {labels_of(entry["metric"]): float(entry["value"][1]) for entry in found}

    try:
        yield ask
    finally:
        process.terminate()
        await process.wait()


@asynccontextmanager
async def ours(port: int) -> AsyncIterator[Ask]:
    """Our scrapes of the same; what they handed in last of each series that has not ended."""
    top = read_settings(CONFIG.format(port=port), file="prometheus.yml")
    configs = read_scrape_configs(top.sections("scrape_configs"), top.section("global"))
    top.raise_if_wrong()
    intake = RecordingIntake()
    manager = ScrapeManager(Parts(intake=intake, clock=SystemClock(), tally=ScrapeTally(CollectorRegistry())))
    await manager.apply(configs)

    def ask() -> dict[Labels, float]:
        found: dict[Labels, float] = {}
        for _, batch in intake.batches:
            found |= values_of(batch)
            for labels in ended_in(batch):
                found.pop(labels, None)
        return found

    try:
        yield ask
    finally:
        await manager.stop()


def alike(left: float, right: float) -> bool:
    return left == right or (math.isnan(left) and math.isnan(right))


@pytest.mark.slow
async def test_hands_in_what_prometheus_stores(tmp_path) -> None:
    """Both formats, label conflicts, rules of all kinds, limits and a broken page end alike in both."""
    deadline = time.monotonic() + WITHIN_S
    async with (
        ScriptedTarget(serve) as target,
        ours(target.port) as mine,
        theirs(tmp_path, target.port) as real,
    ):
        while True:
            # Both keep real time: where the machine stalls, a scrape of one of them is too late for its second, and ends series.
            one, other = await asyncio.to_thread(real), mine()
            has_all = len([labels for labels in one if metric_of(labels) == "up"]) == JOBS
            found = apart(other, one)
            if has_all and not found:
                break
            assert time.monotonic() < deadline, found
            await asyncio.sleep(0.05)


def apart(mine: dict[Labels, float], real: dict[Labels, float]) -> dict[Labels, tuple[float | None, float | None]]:
    """What only one side has, or has otherwise: ours, theirs."""
    return {
        labels: (mine.get(labels), real.get(labels))
        for labels in mine.keys() | real.keys()
        if not BY_NATURE.search(dict(labels)["__name__"])
        and not (labels in mine and labels in real and alike(mine[labels], real[labels]))
    }
