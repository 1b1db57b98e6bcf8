"""A real Prometheus writes into our server and reads out of it; what was acknowledged survives a kill."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from support.components import component
from support.ports import free_port
from support.prometheus import OWN_ADDRESS, RealPrometheus
from support.remote_write import remote_write
from support.server import ServerProcess, eventually, running_server

DIGITS = 1e-9  # relative
HEADERS = {"content-type": "application/x-protobuf", "content-encoding": "snappy"}
FEATURES = "--enable-feature=native-histograms,exemplar-storage,metadata-wal-records"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=allow-utf-8"
PAGE = """\
# HELP payments Payments made, by coin.
# TYPE payments counter
payments_total{{coin="btc"}} {n} # {{trace_id="abc"}} 1.0
payments_total{{coin="ltc"}} {half}
# HELP latency_seconds Time to sign.
# TYPE latency_seconds histogram
latency_seconds_bucket{{le="0.1"}} {half}
latency_seconds_bucket{{le="1.0"}} {n}
latency_seconds_bucket{{le="+Inf"}} {n}
latency_seconds_sum {n}.5
latency_seconds_count {n}
# TYPE odd gauge
odd{{v="nan"}} NaN
odd{{v="inf"}} +Inf
odd{{v="zero"}} 0
{{"app.requests","http.route"="/send"}} {n}
# EOF
"""
NATIVE = "prometheus_http_request_duration_seconds"
QUERIES = [
    'up{job=~"self|app"}',
    "payments_total",
    "rate(payments_total[20s])",
    "increase(payments_total[20s])",
    "sum(rate(payments_total[20s]))",
    "sum by (coin) (payments_total)",
    'odd{v="inf"} or odd{v="zero"}',
    'odd{v="nan"}',
    "histogram_quantile(0.9, rate(latency_seconds_bucket[20s]))",
    "latency_seconds_sum / latency_seconds_count",
    '{"app.requests"}',
    'count({job="app"})',
    'count by (__name__) ({job="self",__name__=~"prometheus_.*"})',
    'prometheus_tsdb_head_series{job="self"}',
    'max_over_time(go_goroutines{job="self"}[20s])',
    'count_over_time(scrape_duration_seconds{job="app"}[20s])',
    f"histogram_count({NATIVE})",
    f"histogram_sum({NATIVE})",
    f"histogram_quantile(0.5, {NATIVE})",
    f"sum({NATIVE})",
    f"histogram_count(rate({NATIVE}[20s]))",
    "latency_seconds_bucket",
]


@pytest.fixture
def page() -> Iterator[str]:
    """An OpenMetrics page whose counters grow with each scrape; its address."""
    scrapes = iter(range(2, 10_000, 2))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            n = next(scrapes)
            self.send_response(200)
            self.send_header("Content-Type", OPENMETRICS)
            self.end_headers()
            self.wfile.write(PAGE.format(n=n, half=n // 2).encode())

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the base's name
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def settings(page: str, url: str, message: str) -> str:
    return f"""
global: {{scrape_interval: 1s}}
scrape_configs:
  - {{job_name: app, static_configs: [{{targets: ["{page}"]}}]}}
  - {{job_name: self, static_configs: [{{targets: ["{OWN_ADDRESS}"]}}]}}
remote_write:
  - url: {url}/api/v1/write
    protobuf_message: {message}
    send_native_histograms: true
    send_exemplars: true
    queue_config: {{batch_send_deadline: 200ms, min_backoff: 50ms, max_backoff: 500ms}}
"""


def answer(url: str, query: str, at_s: float) -> dict[Any, Any]:
    found = httpx.get(f"{url}/api/v1/query", params={"query": query, "time": f"{at_s:.3f}"}, timeout=30).json()
    assert found["status"] == "success", found
    return {tuple(sorted(each["metric"].items())): each for each in found["data"]["result"]}


def same(ours: Any, theirs: Any) -> bool:
    """Whether two answers are equal but for the last digits of their numbers."""
    if isinstance(theirs, dict):
        return ours.keys() == theirs.keys() and all(same(ours[key], theirs[key]) for key in theirs)
    if isinstance(theirs, list):
        return len(ours) == len(theirs) and all(map(same, ours, theirs))
    try:
        one, other = float(ours), float(theirs)
    except ValueError:
        return bool(ours == theirs)
    return math.isclose(one, other, rel_tol=DIGITS) or (math.isnan(one) and math.isnan(other))


def agrees(ours: str, theirs: str, query: str, at_s: float) -> bool:
    """Whether both give the same answer, and any."""
    wanted = answer(theirs, query, at_s)
    return bool(wanted) and same(answer(ours, query, at_s), wanted)


@pytest.mark.long
@pytest.mark.parametrize("message", ["prometheus.WriteRequest", "io.prometheus.write.v2.Request"])
def test_prometheus_and_what_it_wrote_agree(page: str, message: str, tmp_path: Path) -> None:
    """What a Prometheus sends by remote write answers its queries as the Prometheus itself does."""
    (tmp_path / "ours").mkdir()
    with running_server(tmp_path / "ours") as server:
        config = settings(page, server.url, message)
        with RealPrometheus(component("prometheus"), tmp_path, settings=config, arguments=(FEATURES,)) as prometheus:
            # Some scrapes, of which the native histograms need two for a rate.
            eventually(lambda: answer(server.url, f"histogram_count(rate({NATIVE}[20s]))", time.time()))
            eventually(lambda: answer(server.url, 'sum(count_over_time(up{job="app"}[1m])) >= 6', time.time()))
            # A scrape of this time that has not ended yet will be there, and there, when it is asked again.
            at_s = time.time()
            for query in QUERIES:
                eventually(lambda query=query: agrees(server.url, prometheus.url, query, at_s), what=query)


def test_prometheus_reads_from_us(tmp_path: Path) -> None:
    """A Prometheus with `remote_read` answers from samples and native histograms that only we have."""
    now_ms = int(time.time() * 1000)
    (tmp_path / "ours").mkdir()
    with running_server(tmp_path / "ours") as server:
        rows = [
            ((("__name__", "far"), ("n", str(n))), [(now_ms - 60_000 + 1000 * k, float(n * k)) for k in range(60)])
            for n in range(5)
        ]
        assert httpx.post(f"{server.url}/api/v1/write", content=remote_write(rows), headers=HEADERS).status_code == 204
        config = f"remote_read: [{{url: {server.url}/api/v1/read, read_recent: true}}]\n"
        with RealPrometheus(component("prometheus"), tmp_path, settings=config) as prometheus:
            at_s = now_ms / 1000 - 1
            for query in ("far", "sum(far)", "rate(far[30s])", 'far{n=~"1|2"}', 'far{n!="1"}'):
                theirs = answer(prometheus.url, query, at_s)
                assert theirs, query
                assert same(theirs, answer(server.url, query, at_s)), query


def test_what_was_acknowledged_survives_a_kill(tmp_path: Path) -> None:
    """Every sample that was answered with 204 is readable after `kill -9` and a restart."""
    server = ServerProcess(tmp_path).start()
    base_ms = int(time.time() * 1000) - 60_000
    acknowledged: list[int] = []

    def send() -> None:
        with httpx.Client() as client:
            for step in range(100_000):
                rows = [((("__name__", "kept"), ("n", str(n))), [(base_ms + step, float(step))]) for n in range(20)]
                try:
                    answered = client.post(f"{server.url}/api/v1/write", content=remote_write(rows), headers=HEADERS)
                except httpx.HTTPError:
                    return
                if answered.status_code == 204:
                    acknowledged.append(step)

    sender = threading.Thread(target=send)
    sender.start()
    eventually(lambda: len(acknowledged) >= 5)
    server.kill()
    sender.join()
    try:
        server.start()
        found = httpx.get(
            f"{server.url}/api/v1/query", params={"query": "kept[5m]", "time": f"{base_ms / 1000 + 120:.3f}"}
        ).json()["data"]["result"]
        assert len(found) == 20
        for series in found:
            assert set(acknowledged) <= {round(at * 1000) - base_ms for at, _ in series["values"]}
    finally:
        server.kill()


@pytest.mark.long
@pytest.mark.parametrize("message", ["prometheus.WriteRequest", "io.prometheus.write.v2.Request"])
def test_a_prometheus_catches_up_after_our_kill(page: str, message: str, tmp_path: Path) -> None:
    """A Prometheus whose far end was killed and started again sends what it owes, and no answer differs: nothing is lost."""
    (tmp_path / "ours").mkdir()
    arguments = ("--no-collect", "--listen", f"127.0.0.1:{free_port()}")  # the same one after the restart
    server = ServerProcess(tmp_path / "ours", arguments=arguments).start()
    config = settings(page, server.url, message)
    try:
        with RealPrometheus(component("prometheus"), tmp_path, settings=config, arguments=(FEATURES,)) as prometheus:
            began_s = time.time()
            eventually(lambda: answer(server.url, 'count_over_time(up{job="app"}[1m]) >= 3', time.time()))
            server.kill()
            eventually(lambda: pending(prometheus) > 0, what="samples that wait for their far end")
            server.start()
            eventually(lambda: answer(server.url, 'up{job="app"}', time.time()))
            time_s = time.time()
            span = f"[{round(time_s - began_s) + 5}s]"
            names = ('up{job="app"}', "payments_total", "latency_seconds_bucket", "prometheus_tsdb_head_series")
            queries = [f"count_over_time({name}{span})" for name in names] + [f"rate(payments_total{span})"]
            for query in queries:
                eventually(lambda query=query: agrees(server.url, prometheus.url, query, time_s - 2.0), what=query)
    finally:
        server.kill()


def pending(prometheus: RealPrometheus) -> float:
    """How many samples wait to be sent."""
    lines = prometheus.get("/metrics").text.splitlines()
    found = [line for line in lines if line.startswith("prometheus_remote_storage_samples_pending{")]
    return sum(float(line.rsplit(" ", 1)[1]) for line in found)
