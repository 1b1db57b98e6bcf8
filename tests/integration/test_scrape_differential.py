"""The same script of pages, scraped by us and by a real Prometheus: after every scrape the same series, values and ends."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client import CollectorRegistry

from anyascope.clock import SystemClock
from anyascope.collect.scheduler import Parts, ScrapeManager
from anyascope.collect.settings import read_scrape_configs
from anyascope.collect.tally import ScrapeTally
from anyascope.model.status import TargetView
from anyascope.store.memory.metrics import MemoryMetrics
from anyascope.wire.settings import read_settings
from support.collecting import RecordingIntake, ScriptedTarget
from support.components import component
from support.prometheus import OWN_ADDRESS, RealPrometheus
from support.prometheus_api import client_of
from support.protobuf_pages import COUNTER, GAUGE_HISTOGRAM, HISTOGRAM, SUMMARY, family, metric, protobuf_page
from support.scripted_pages import OPEN, PROTOBUF, Page, Script

AB = Page(b"a 1\nb 2\n")
A = Page(b"a 3\n")
FAILS = Page(b"no", status="500 Internal Server Error")
CLASSIC = b"""# TYPE h histogram
h_bucket{x="1",le="1"} 1
h_bucket{x="1",le="2.5"} 4
h_bucket{x="1",le="+Inf"} 6
h_sum{x="1"} 9
h_count{x="1"} 6
"""
BUCKETS = [{"upper_bound": bound, "cumulative_count": count} for bound, count in ((0.5, 1), (1.0, 4), (2.0, 6))]
NATIVE = {
    "sample_count": 11,
    "sample_sum": 12.5,
    "schema": 3,
    "zero_threshold": 1e-3,
    "zero_count": 2,
    "positive_span": [{"offset": -2, "length": 2}, {"offset": 3, "length": 3}],
    "positive_delta": [1, 1, -1, 1, -1],
    "negative_span": [{"offset": 1, "length": 1}],
    "negative_delta": [2],
}
FLOAT = {"sample_count_float": 2.5, "positive_span": [{"offset": 4, "length": 2}], "positive_count": [0.5, 2.0]}
FAMILIES = (
    family("c_total", COUNTER, metric(a="b", counter={"value": 5.0})),
    family(
        "s",
        SUMMARY,
        metric(summary={"sample_count": 3, "sample_sum": 1.5, "quantile": [{"quantile": 0.9, "value": 7}]}),
    ),
    family("h", HISTOGRAM, metric(a="b", histogram=NATIVE | {"bucket": BUCKETS}), metric(a="c", histogram=NATIVE)),
    family("f", HISTOGRAM, metric(histogram=FLOAT)),
    family("g", GAUGE_HISTOGRAM, metric(histogram=NATIVE)),
    family("k", HISTOGRAM, metric(histogram={"sample_count": 6, "sample_sum": 2.0, "bucket": BUCKETS})),
)
BINARY = Page(protobuf_page(*FAMILIES), PROTOBUF)
FEWER = Page(protobuf_page(*FAMILIES[:2]), PROTOBUF)

# Job -> (further settings, pages).
JOBS: Mapping[str, tuple[str, Sequence[Page]]] = {
    "changes": ("", [AB, A, AB, FAILS, AB, Page(b"a 1\nb{ 2\n"), AB]),
    "fails": ("", [AB, FAILS]),
    "breaks": ("", [AB, Page(b"a 1\nb 2\nc{ 3\nd 4\n")]),
    "own_times": ("", [Page(b"a 1 NOW\nb 2\n"), Page(b"b 2\n"), Page(b"a 3 NOW\n"), Page(b"c 3\n")]),
    "tracked": ("track_timestamps_staleness: true", [Page(b"a 1 NOW\nb 2\n"), Page(b"b 2\n")]),
    "ignored": ("honor_timestamps: false", [Page(b"a 1 5\na 2 6\nb 2\n"), Page(b"b 2 5\n")]),
    "far_ahead": ("", [Page(b"a 1 9000000000000\nb 2\n")]),
    "hangs": ("scrape_timeout: 600ms", [AB, Page(is_silent=True), A]),
    "moved": ("", [Page(status="302 Found", headers="Location: /elsewhere\r\n")]),
    "loops": ("", [Page(status="302 Found", headers="Location: /loops\r\n")]),
    "stays": ("follow_redirects: false", [Page(status="302 Found", headers="Location: /elsewhere\r\n")]),
    "zipped": ("", [Page(b"a 1\nb 2\n", is_zipped=True), Page(b"a 1\n" * 50, is_zipped=True, cut=10)]),
    "no_gzip": ("", [Page(b"a 1\n", headers="Content-Encoding: gzip\r\n")]),
    "large": ("body_size_limit: 8B", [Page(b"a 1\n"), Page(b"a 11111\n"), Page(b"a 1111\n")]),
    "utf8": ("", [Page('{"a.b","c.d"="é"} 1\n'.encode()), Page(b'a{b="\xff"} 1\n')]),
    "legacy": (
        "{metric_name_validation_scheme: legacy, metric_name_escaping_scheme: underscores}",
        [AB, Page(b'a 1\n{"a.b"} 1\nc 1\n')],
    ),
    "twice": ("", [Page(b"a 1\na 2\nb 3\nb 3\n"), Page(b"a 1\na 2\nb 3\nb 3\n")]),
    "label_twice": ("", [Page(b'a{b="c",b="d"} 1\n')]),
    "nameless": ("metric_relabel_configs: [{action: labeldrop, regex: __name__}]", [AB]),
    "html": ("", [Page(b"<html>", "text/html")]),
    "blank": ("", [Page(b"a 1\n", None)]),
    "odd_type": ("fallback_scrape_protocol: PrometheusText0.0.4", [Page(b"a 1\n", "text/html"), Page(b"a 2\n", None)]),
    "plain_as_open": (
        "fallback_scrape_protocol: OpenMetricsText1.0.0",
        [Page(b"a 1\n", "x/y"), Page(b"a 1\n# EOF\n", "x/y")],
    ),
    "open_cut": ("", [Page(b"a 1\n# EOF\n", OPEN), Page(b"a 1\n", OPEN)]),
    "open_more": ("", [Page(b"a 1\n# EOF\nb 2\n", OPEN)]),
    "open_blank": ("", [Page(b"a 1\n\n# EOF\n", OPEN)]),
    "open_created": ("", [Page(b"# TYPE a counter\na_total 1\na_created 5.5\n# EOF\n", OPEN)]),
    "empty": ("", [AB, Page(b""), AB, Page(b"", OPEN), AB, Page(b"", None)]),
    "blank_lines": ("", [Page(b"\n\na 1\n \n")]),
    "no_feed": ("", [Page(b"a 1\nb 2")]),
    "samples": ("sample_limit: 2", [AB, Page(b"a 1\nb 2\nc 3\n"), AB, Page(b"a 1\nb 2\nc 3\nd 4\n")]),
    "labels": ("label_limit: 3", [AB, Page(b'a{b="c"} 1\n')]),
    "label_names": ("label_name_length_limit: 8", [AB, Page(b'a 1\nb{looooooong="c"} 1\n')]),
    "label_values": (
        "label_value_length_limit: 20",
        [AB, Page(b'a{b="a long \\" value that is not short at all, no no no no no"} 1\n')],
    ),
    "binary": ("", [BINARY, FEWER, BINARY]),
    "binary_both": ("always_scrape_classic_histograms: true", [BINARY]),
    "binary_custom": ("convert_classic_histograms_to_nhcb: true", [BINARY, FEWER]),
    "binary_small": ("native_histogram_bucket_limit: 3", [BINARY]),
    "binary_coarse": ("native_histogram_min_bucket_factor: 2", [BINARY]),
    "binary_refused": ("native_histogram_bucket_limit: 1", [BINARY]),
    "binary_broken": ("", [FEWER, Page(BINARY.body, PROTOBUF, cut=3)]),
    "binary_few": ("sample_limit: 3", [FEWER, BINARY]),
    "custom": ("convert_classic_histograms_to_nhcb: true", [Page(CLASSIC), A, Page(CLASSIC)]),
    "custom_both": (
        "{convert_classic_histograms_to_nhcb: true, always_scrape_classic_histograms: true}",
        [Page(CLASSIC), A],
    ),
    "switches": ("convert_classic_histograms_to_nhcb: true", [Page(CLASSIC), Page(b'h{x="1"} 5\n'), Page(CLASSIC)]),
}
MANY = "many"  # three targets where two are allowed
ITSELF = "itself"  # the real Prometheus, whose own page has native histograms
SCRAPES = 7
ATTEMPTS = 4  # both keep real time: where the machine stalls, a scrape of one of them runs into its timeout
# Ours names the place on the page, or the system's words, where theirs has a parser's or Go's: only that there is an error.
OWN_WORDS = {
    *("breaks", "hangs", "loops", "zipped", "no_gzip", "utf8", "label_twice", "odd_type", "plain_as_open", "open_cut"),
    *("open_more", "open_blank", "binary_broken", "samples", "binary_few", "large", "stays"),
}
NATIVE_ONE = "prometheus_http_request_duration_seconds"
UP = '{"__name__": "up"}'
# What is measured, and what counts additions that were rolled back.
BY_NATURE = {"scrape_duration_seconds", "scrape_series_added"}
# How much of a broken page was read: theirs takes a repeated label or a missing end for no fault of the line itself.
COUNTS = {"scrape_samples_scraped", "scrape_samples_post_metric_relabeling"}
IN_PART = dict.fromkeys(("label_twice", "plain_as_open", "open_cut", "open_more"), COUNTS)


def settings(port: int, top: str) -> str:
    """The configuration, but for what Prometheus 3.5 has as flags."""
    lines = [f"global: {{scrape_interval: 1s, scrape_timeout: 900ms{top}}}", "scrape_configs:"]
    for job, (more, _) in JOBS.items():
        lines += [f"- job_name: {job}", f"  metrics_path: /{job}"]
        lines += [f"  {each}" for each in more.strip("{}").split(", ")] if more.startswith("{") else [f"  {more}"]
        lines.append(f"  static_configs: [{{targets: ['127.0.0.1:{port}']}}]")
    lines += [f"- job_name: {MANY}", "  metrics_path: /elsewhere", "  target_limit: 2"]
    lines.append(f"  static_configs: [{{targets: ['127.0.0.1:{port}', 'localhost:{port}', '127.0.0.2:{port}']}}]")
    lines += [f"- job_name: {ITSELF}", f"  static_configs: [{{targets: ['{OWN_ADDRESS}']}}]"]
    return "\n".join(line for line in lines if line.strip()) + "\n"


class StoringIntake(RecordingIntake):
    """Puts what it is given into a store."""

    def __init__(self) -> None:
        super().__init__()
        self.store = MemoryMetrics()

    async def metrics(self, batch, *, source):
        await self.store.write_metrics(batch)
        return await super().metrics(batch, source=source)


@dataclass
class Seen:
    """What users of one server see."""

    states: dict[tuple[str, int], dict[str, Any]]
    targets: dict[str, tuple[str, str]]
    natives: set[str]
    floats: set[str]


async def seen_by(ask, targets: dict[str, tuple[str, str]]) -> Seen:
    """The series after each of the first scrapes of each job."""
    states: dict[tuple[str, int], dict[str, Any]] = {}
    ups = (await ask("up[10m]", time=str(time.time())))["result"]
    for row in ups:
        job = row["metric"]["job"]
        if job in {MANY, ITSELF}:
            continue
        for number, (at, _) in enumerate(row["values"][:SCRAPES]):
            found = (await ask(f'{{job="{job}",__name__!=""}}', time=f"{at + 0.001:.3f}"))["result"]
            states[job, number] = {
                named(each["metric"]): each.get("value", [0, None])[1] or canonical(each["histogram"][1])
                for each in found
                if each["metric"]["__name__"] not in BY_NATURE | IN_PART.get(job, set())
            }
    found = (await ask(f'{{job="{ITSELF}"}}', time=str(time.time())))["result"]
    natives = {each["metric"]["__name__"] for each in found if "histogram" in each}
    floats = {each["metric"]["__name__"] for each in found if "histogram" not in each}
    return Seen(states, targets, natives, floats)


def named(labels: Mapping[str, str]) -> str:
    return json.dumps(
        {name: value for name, value in labels.items() if name not in {"job", "instance"}}, sort_keys=True
    )


def canonical(histogram: Mapping[str, Any]) -> Any:
    numbers = [[rule, *(f"{float(each):.9g}" for each in edges)] for rule, *edges in histogram.get("buckets", [])]
    return (float(histogram["count"]), float(histogram["sum"]), numbers)


async def ours(port: int, own_address: str) -> tuple[StoringIntake, Sequence[TargetView]]:
    """Scrape until every job was scraped often enough."""
    text = settings(port, ", scrape_native_histograms: true, extra_scrape_metrics: true")
    top = read_settings(text.replace(OWN_ADDRESS, own_address), file="a.yml")
    configs = read_scrape_configs(top.sections("scrape_configs"), top.section("global"))
    top.raise_if_wrong()
    intake = StoringIntake()
    manager = ScrapeManager(Parts(intake=intake, clock=SystemClock(), tally=ScrapeTally(CollectorRegistry())))
    await manager.apply(configs)
    try:
        async with client_of(intake.store) as mine:
            await lasted(asker(mine))
        views = manager.views()
    finally:
        await manager.stop()
    return intake, views


def health_of(targets: Sequence[Mapping[str, str]]) -> dict[str, tuple[str, str]]:
    return {each["scrapePool"]: (each["health"], each["lastError"]) for each in targets}


async def scraped_by_both(folder: Path) -> tuple[Seen, Seen, Script]:
    """What users of our server and of the real one see after the script, and what each said in asking."""
    script = Script({f"/{job}": list(pages) for job, (_, pages) in JOBS.items()} | {"/elsewhere": [AB]})
    flags = ("--enable-feature=native-histograms,extra-scrape-metrics",)
    async with ScriptedTarget(script.serve) as target:
        real = RealPrometheus(component("prometheus"), folder, settings=settings(target.port, ""), arguments=flags)
        await asyncio.to_thread(real.__enter__)
        try:
            intake, views = await ours(target.port, real.url.removeprefix("http://"))
            async with httpx.AsyncClient(base_url=f"{real.url}/api/v1/") as theirs:
                await lasted(asker(theirs))
                told = (await theirs.get("targets")).json()["data"]["activeTargets"]
                right = await seen_by(asker(theirs), health_of(told))
        finally:
            await asyncio.to_thread(real.__exit__, None, None, None)
    async with client_of(intake.store) as mine:
        left = await seen_by(asker(mine), {view.scrape_pool: (view.health.value, view.last_error) for view in views})
    return left, right, script


@pytest.mark.long
async def test_every_scrape_ends_as_in_prometheus(tmp_path_factory: pytest.TempPathFactory) -> None:
    """After each scrape of each job: the same series with the same values, histograms whole; then the same health.

    What differs by nature differs each time; what differs because the machine stalled does so at some scrape or other.
    """
    each_time: dict[tuple[object, ...], str] | None = None
    for _ in range(ATTEMPTS):
        left, right, script = await scraped_by_both(tmp_path_factory.mktemp("both"))
        found = apart(left, right)
        each_time = found if each_time is None else {key: found[key] for key in each_time.keys() & found.keys()}
        if not each_time:
            break
    assert each_time == {}
    assert {job: script.accepted["ours", f"/{job}"] for job in JOBS} == {
        job: script.accepted["theirs", f"/{job}"] for job in JOBS
    }


async def lasted(ask) -> None:
    """Wait until every job was scraped often enough: the first targets may take seconds to be discovered there."""
    async with asyncio.timeout(120):
        while True:
            counts = (await ask("min by (job) (count_over_time(up[10m]))", time=str(time.time())))["result"]
            if len(counts) > len(JOBS) and min(int(each["value"][1]) for each in counts) >= SCRAPES:
                return
            await asyncio.sleep(0.2)


def asker(client: httpx.AsyncClient):
    async def ask(query: str, **more: str) -> Any:
        answer = (await client.get("query", params={"query": query, **more})).json()
        assert answer["status"] == "success", answer
        return answer["data"]

    return ask


def apart(left: Seen, right: Seen) -> dict[tuple[object, ...], str]:
    """Every difference, in words, by where it is."""
    found: dict[tuple[object, ...], str] = {}
    assert {job for job, _ in left.states} == {job for job, _ in right.states} == set(JOBS)
    for job, (_, pages) in JOBS.items():
        for number in range(min(SCRAPES, len(pages) + 1)):
            mine, real = left.states[job, number], right.states[job, number]
            # A page that breaks, or passes a limit, after it has shown a series does not end that series there: the rolled
            # back part counts as seen (`scrapeLoop.append` is left before `iterDone`). Here a failed scrape ends all.
            if real[UP] == "0":
                real = {series: value for series, value in real.items() if series in mine}
            found |= {
                (
                    job,
                    number,
                    series,
                ): f"{job} scrape {number}: {series}: ours {mine.get(series)}, theirs {real.get(series)}"
                for series in sorted(mine.keys() | real.keys())
                if mine.get(series) != real.get(series)
            }
    for job, (health, error) in right.targets.items():
        own_health, own_error = left.targets[job]
        if own_health != health or (own_error == "") != (error == ""):
            found[job, "health"] = f"{job}: ours {own_health} {own_error!r}, theirs {health} {error!r}"
        elif job not in OWN_WORDS and own_error != error:
            found[job, "words"] = f"{job}: says {own_error!r}, theirs {error!r}"
    if NATIVE_ONE not in left.natives or (left.natives, left.floats) != (right.natives, right.floats):
        found[ITSELF, "kinds"] = f"histograms {left.natives ^ right.natives}, floats {left.floats ^ right.floats}"
    return found
