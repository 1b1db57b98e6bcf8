"""What people already have works on our server: promtool's questions, and a Prometheus that federates from us."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cramjam
import httpx
import pytest

from anyascope.wire.prompb import schema
from support.components import component
from support.prometheus import RealPrometheus
from support.remote_write import remote_write
from support.server import QUIET_CONFIG, ServerProcess, eventually, running_server

HEADERS = {"content-type": "application/x-protobuf", "content-encoding": "snappy"}
CONFIG = f"{QUIET_CONFIG}\nglobal: {{external_labels: {{site: lab}}}}\nrules: {{default_pack: false}}\n"
BUCKETS = ("0.1", "1", "+Inf")
SAMPLES = 40


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with running_server(tmp_path_factory.mktemp("server"), config=CONFIG) as started:
        now_ms = int(time.time() * 1000)
        times_ms = [now_ms - 15_000 * step for step in reversed(range(SAMPLES))]
        rows = [
            ((("__name__", "jobs"), ("instance", f"i{n}"), ("job", "a")), [(at, float(n)) for at in times_ms])
            for n in range(3)
        ]
        rows += [
            (
                (("__name__", "took_seconds_bucket"), ("job", "a"), ("le", bound)),
                [(at, float(step * (rank + 1))) for step, at in enumerate(times_ms)],
            )
            for rank, bound in enumerate(BUCKETS)
        ]
        answer = httpx.post(f"{started.url}/api/v1/write", content=remote_write(rows), headers=HEADERS)
        assert answer.status_code == 204, answer.text
        answer = httpx.post(f"{started.url}/api/v1/write", content=native_histograms(times_ms), headers=HEADERS)
        assert answer.status_code == 204, answer.text
        yield started


def native_histograms(times_ms: list[int]) -> bytes:
    """A remote write 1.0 request of one native histogram that grows."""
    series = schema.Series(labels=[{"name": "__name__", "value": "sizes"}, {"name": "job", "value": "a"}])
    for step, at in enumerate(times_ms, 1):
        series.histograms.add(
            timestamp=at,
            count_float=3.0 * step,
            sum=4.5 * step,
            schema=1,
            zero_threshold=0.001,
            zero_count_float=0.0,
            positive_spans=[{"offset": 0, "length": 2}, {"offset": 1, "length": 1}],
            positive_counts=[1.0 * step, 1.0 * step, 1.0 * step],
        )
    request = schema.WriteRequest(timeseries=[series.SerializeToString()])
    return bytes(cramjam.snappy.compress_raw(request.SerializeToString()))


def promtool(*arguments: str) -> str:
    answer = subprocess.run(
        [str(component("promtool")), "query", *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return answer.stdout


def test_promtool_asks_for_values(server: ServerProcess) -> None:
    """Now, and over a range."""
    now = json.loads(promtool("instant", "-o", "json", server.url, "sum by (job) (jobs)"))
    assert [(row["metric"], row["value"][1]) for row in now] == [({"job": "a"}, "3")]

    end_s = int(time.time())
    course = json.loads(
        promtool(
            *("range", "-o", "json", f"--start={end_s - 120}", f"--end={end_s}", "--step=30s"),
            *(server.url, 'jobs{instance="i2"}'),
        )
    )
    assert [value for _, value in course[0]["values"]] == ["2"] * 5


def test_promtool_asks_for_series_and_labels(server: ServerProcess) -> None:
    """Those that match."""
    found = promtool("series", "--match=jobs", server.url).splitlines()
    assert sorted(found) == [f'{{__name__="jobs", instance="i{n}", job="a"}}' for n in range(3)]
    assert promtool("labels", server.url, "instance").splitlines() == ["i0", "i1", "i2"]


def test_promtool_analyses_histograms(server: ServerProcess) -> None:
    """Which it does with range queries over the buckets."""
    told = promtool("analyze", f"--server={server.url}", "--type=histogram", '--match={__name__="took_seconds_bucket"}')
    assert "took_seconds_bucket" in told


def test_a_prometheus_federates_from_us(server: ServerProcess, tmp_path: Path) -> None:
    """It has our series under their own labels, with their times, and the external labels where they have none."""
    config = f"""
global: {{scrape_interval: 1s}}
scrape_configs:
  - job_name: federate
    honor_labels: true
    metrics_path: /federate
    params: {{"match[]": ['jobs', 'took_seconds_bucket', 'sizes']}}
    static_configs: [{{targets: ["{server.url.removeprefix("http://")}"]}}]
"""
    features = ("--enable-feature=native-histograms",)
    with RealPrometheus(component("prometheus"), tmp_path, settings=config, arguments=features) as prometheus:

        def federated() -> list[dict[str, Any]]:
            found = prometheus.get("/api/v1/query", query='jobs{site="lab"}').json()["data"]["result"]
            return [row["metric"] | {"value": row["value"][1]} for row in found]

        rows = eventually(federated, what="our series are there")
        names = {"__name__": "jobs", "job": "a", "site": "lab"}
        assert sorted(rows, key=lambda row: row["instance"]) == [
            {**names, "instance": f"i{n}", "value": str(n)} for n in range(3)
        ]
        at = 'timestamp(jobs{instance="i1"})'
        ours = httpx.get(f"{server.url}/api/v1/query", params={"query": at}).json()["data"]["result"][0]["value"][1]
        theirs = prometheus.get("/api/v1/query", query=at).json()["data"]["result"][0]["value"][1]
        assert theirs == ours
        buckets = prometheus.get("/api/v1/query", query="took_seconds_bucket").json()["data"]["result"]
        # What had no instance has none there either.
        assert sorted(row["metric"].get("instance", "") for row in buckets) == ["", "", ""]
        for text in ("histogram_count(sizes)", "histogram_sum(sizes)", "histogram_quantile(0.5, sizes)"):
            (native,) = prometheus.get("/api/v1/query", query=text).json()["data"]["result"]
            (own,) = httpx.get(f"{server.url}/api/v1/query", params={"query": text}).json()["data"]["result"]
            assert (native["metric"], native["value"][1]) == ({"job": "a", "site": "lab"}, own["value"][1])

        def is_up() -> bool:
            up = prometheus.get("/api/v1/query", query='up{job="federate"}').json()["data"]["result"]
            return [row["value"][1] for row in up] == ["1"]

        eventually(is_up, what="a federation that is well")  # one that takes more than its second is not
