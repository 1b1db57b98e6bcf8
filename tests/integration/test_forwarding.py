"""Remote write out against the real ones: what is stored here stands there, through outages, deaths and refusals."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest

from support.components import component
from support.prometheus import RealPrometheus
from support.remote_write import remote_write
from support.server import ServerProcess, eventually, running_server
from support.sinks import http_sink
from support.victoria import RealVictoria

HEADERS = {"content-type": "application/x-protobuf", "content-encoding": "snappy"}
FEATURES = "--enable-feature=native-histograms,exemplar-storage"
STRICT = "global: {}\n"  # no out-of-order window: a sample that is older than the newest one fails its whole request
PAGE = """\
# HELP payments Payments made, by coin.
# TYPE payments counter
payments_total{{coin="btc"}} {n} # {{trace_id="abc"}} 1.0
payments_total{{coin="ltc"}} {half}
# TYPE odd gauge
odd{{v="nan"}} NaN
odd{{v="inf"}} +Inf
odd{{v="zero"}} 0
{{"app.requests","http.route"="/send"}} {n}
{gone}# EOF
"""
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=allow-utf-8"
NATIVE = "prometheus_http_request_duration_seconds"
SERIES = 40
DIGITS = 1e-9  # relative


@pytest.fixture
def page() -> Iterator[str]:
    """A page whose counters grow with each scrape, and one of whose series ends after the third; its address."""
    scrapes = iter(range(2, 10_000, 2))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            n = next(scrapes)
            self.send_response(200)
            self.send_header("Content-Type", OPENMETRICS)
            self.end_headers()
            gone = "short_lived 1\n" if n <= 6 else ""
            self.wfile.write(PAGE.format(n=n, half=n // 2, gone=gone).encode())

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def config(*remotes: str, more: str = "") -> str:
    lines = "\n".join(f"  - {remote}" for remote in remotes)
    return f"""
receive: {{otlp_grpc: 127.0.0.1:0, otlp_http: 127.0.0.1:0}}
global: {{external_labels: {{site: zrh}}}}
remote_write:
{lines}
{more}
"""


def remote(url: str, name: str, more: str = "") -> str:
    quick = "queue_config: {batch_send_deadline: 200ms, max_backoff: 500ms, max_samples_per_send: 50}"
    return f"{{url: '{url}/api/v1/write', name: {name}, {quick}{more}}}"


Ask = Callable[..., httpx.Response]


def matrix(ask: Ask, query: str, at_s: float, **wanted: str) -> dict[frozenset[tuple[str, str]], Any]:
    """The series of a query at one time, without what the far end's name adds; those with these labels."""
    answer = ask("/api/v1/query", query=query, time=f"{at_s:.3f}").json()
    assert answer["status"] == "success", answer
    found = {}
    for row in answer["data"]["result"]:
        labels = row["metric"]
        if all(labels.pop(name, None) == value for name, value in wanted.items()):
            found[frozenset(labels.items())] = row.get("values") or row.get("value") or row["histogram"]
    return found


def asked_of(server: ServerProcess) -> Ask:
    return lambda path, **parameters: httpx.get(f"{server.url}{path}", params=parameters, timeout=60)


def push(server: ServerProcess, time_ms: int, value: float) -> None:
    """Samples of many series, acknowledged."""
    rows = [((("__name__", f"m{n % 5}"), ("n", str(n))), ((time_ms, value + n),)) for n in range(SERIES)]
    answer = httpx.post(f"{server.url}/api/v1/write", content=remote_write(rows), headers=HEADERS, timeout=60)
    assert answer.status_code == 204, answer.text


def own(server: ServerProcess, name: str, remote_name: str, **labels: str) -> float:
    """One of the server's own metrics about a far end."""
    wanted = [f'{key}="{value}"' for key, value in {"remote_name": remote_name, **labels}.items()]
    for line in httpx.get(f"{server.url}/metrics").text.splitlines():
        if line.startswith(f"{name}{{") and all(part in line for part in wanted):
            return float(line.rsplit(" ", 1)[1])
    return 0.0


@pytest.mark.slow
def test_prometheus_and_victoria_hold_what_is_scraped(tmp_path: Path, page: str) -> None:
    """By 1.0 and by 2.0: the same samples, staleness markers, native histograms, exemplars and UTF-8 names."""
    prometheus, victoria = component("prometheus"), component("victoria-metrics")
    (tmp_path / "a").mkdir()
    with ExitStack() as stack:
        far = stack.enter_context(RealPrometheus(prometheus, tmp_path / "a", settings=STRICT, arguments=(FEATURES,)))
        other = stack.enter_context(RealVictoria(victoria, tmp_path))
        everything = ", send_exemplars: true, send_native_histograms: true"
        by_2 = ", protobuf_message: io.prometheus.write.v2.Request"
        relabel = ", write_relabel_configs: [{target_label: by, replacement: '2.0'}]"
        scraped = f"""
scrape_configs:
  - {{job_name: app, scrape_interval: 500ms, scrape_timeout: 500ms, static_configs: [{{targets: ['{page}']}}]}}
  - job_name: self
    scrape_interval: 500ms
    scrape_timeout: 500ms
    scrape_native_histograms: true
    scrape_protocols: [PrometheusProto]
    static_configs: [{{targets: ['{far.url.removeprefix("http://")}']}}]
    metric_relabel_configs: [{{source_labels: [__name__], regex: '{NATIVE}|go_goroutines', action: keep}}]
"""
        settings = config(
            remote(far.url, "first", everything),
            remote(far.url, "second", everything + by_2 + relabel),
            remote(other.url, "victoria"),
            more=scraped,
        )
        server = stack.enter_context(running_server(tmp_path, config=settings))
        ours = asked_of(server)
        eventually(lambda: float(matrix(ours, "payments_total", time.time()).popitem()[1][1]) > 10, what="scrapes")
        at_s = time.time()
        highest = "prometheus_remote_storage_queue_highest_sent_timestamp_seconds"
        for name in ("first", "second", "victoria"):
            eventually(lambda name=name: own(server, highest, name) > at_s, what=f"all is sent to {name}")

        # A scrape of that time may still have been under way when a later one was sent.
        for query in ('{job="app"}[1m]', 'go_goroutines{job="self"}[1m]'):
            for found in (
                lambda query=query: matrix(far.get, query, at_s, site="zrh", by="2.0"),
                lambda query=query: matrix(far.get, query.replace("}", ',by=""}'), at_s, site="zrh"),
            ):
                _same(found, lambda query=query: matrix(ours, query, at_s))
        numbers = '{job="app",v!="nan"}[1m]'
        _same(
            lambda: _floats(matrix(other.get, numbers, at_s, site="zrh")),
            lambda: _floats(matrix(ours, numbers, at_s)),
        )
        # The last one that was scraped: where a scrape came too late there is none at that very moment.
        last = f"last_over_time({NATIVE}[1m])"
        for query in (f"histogram_count({last})", f"histogram_quantile(0.9, {last})", f"histogram_sum({last})"):
            _same(
                lambda query=query: _values(matrix(far.get, query, at_s, site="zrh", by="2.0")),
                lambda query=query: pytest.approx(_values(matrix(ours, query, at_s)), rel=DIGITS),
            )
        assert not matrix(far.get, "short_lived", at_s)
        times = {"start": f"{at_s - 600:.3f}", "end": f"{at_s:.3f}"}
        exemplars = far.get("/api/v1/query_exemplars", query="payments_total", **times).json()["data"]
        assert {each["seriesLabels"].get("by") for each in exemplars} == {None, "2.0"}
        assert {one["labels"]["trace_id"] for each in exemplars for one in each["exemplars"]} == {"abc"}
        assert own(server, "prometheus_remote_storage_samples_failed_total", "first") == 0
        assert own(server, "prometheus_remote_storage_samples_failed_total", "second") == 0


def _same(found: Callable[[], Any], wanted: Callable[[], Any]) -> None:
    """Wait until both ask for something, and have the same."""

    def agree() -> bool:
        theirs, ours = found(), wanted()
        assert theirs
        assert theirs == ours
        return True

    eventually(agree, what="the far end holds the same")


def _values(found: dict[frozenset[tuple[str, str]], Any]) -> dict[frozenset[tuple[str, str]], float]:
    return {labels: float(value[1]) for labels, value in found.items()}


def _floats(found: dict[frozenset[tuple[str, str]], Any]) -> dict[frozenset[tuple[str, str]], Any]:
    # VictoriaMetrics shows staleness markers, as NaN.
    return {
        labels: [(time_s, float(value)) for time_s, value in values if value != "NaN"]
        for labels, values in found.items()
    }


@pytest.mark.long
def test_an_outage_and_two_deaths_lose_nothing_and_repeat_nothing(tmp_path: Path) -> None:
    """The far end is away, the server is killed twice meanwhile: in the end a strict Prometheus holds every sample."""
    program = component("prometheus")
    (tmp_path / "far").mkdir()
    far = RealPrometheus(program, tmp_path / "far", settings=STRICT)
    server = ServerProcess(tmp_path, config=config(remote(far.url, "far")))
    start_ms, count = int(time.time() * 1000) - 60_000, 0

    def push_some(rounds: int) -> None:
        nonlocal count
        for _ in range(rounds):
            push(server, start_ms + 100 * count, float(count))
            count += 1

    try:
        with far:
            server.start()
            push_some(20)
            eventually(lambda: matrix(far.get, 'm0{n="0"}', start_ms / 1000 + 2), what="the first samples are sent")
            push_some(40)
            server.kill()  # in the middle of sending
            server.start()
            push_some(20)
        push_some(60)
        server.kill()  # with all of that waiting
        server.start()
        push_some(20)
        health = httpx.get(f"{server.url}/api/anyascope/v1/health").json()["components"]
        with far:
            at_s = (start_ms + 100 * count) / 1000 + 1
            query = '{__name__=~"m[0-4]"}[5m]'

            def held() -> int:
                return sum(map(len, matrix(far.get, query, at_s, site="zrh").values()))

            eventually(lambda: held() >= count * SERIES, what="everything arrives")
            assert matrix(far.get, query, at_s, site="zrh") == matrix(asked_of(server), query, at_s)
            assert own(server, "prometheus_remote_storage_samples_failed_total", "far") == 0
            assert own(server, "anyascope_forward_lost_bytes_total", "far") == 0
        said = next(each for each in health if each["component"] == "remote write far")
        assert said["status"] in ("healthy", "degraded")
        assert server.stop() == 0
    finally:
        if server.is_running:
            server.kill()


def test_answers_decide_and_no_secret_is_told(tmp_path: Path) -> None:
    """500 and what asks for it is sent again, 429 only where that is set, 403 never; the far end's words are shown."""
    said = "500:body=late%20hunter22,429:retry-after=1,403:body=too%20old%20hunter22%20t0ps3cret"
    with http_sink(tmp_path / "out.jsonl", "--script", f"/push={said}", "--then", "204") as sink:
        url = f"http://anya:hunter22@127.0.0.1:{sink.port}/push?token=t0ps3cret"
        quick = "queue_config: {batch_send_deadline: 100ms, retry_on_http_429: true}"
        patient = f"{{url: '{url}', name: patient, {quick}, metadata_config: {{send: false}}}}"
        with running_server(tmp_path, config=config(patient)) as server:
            now_ms = int(time.time() * 1000)
            push(server, now_ms, 1.0)
            eventually(lambda: own(server, "prometheus_remote_storage_samples_failed_total", "patient") == SERIES)
            push(server, now_ms + 1, 2.0)
            eventually(lambda: own(server, "prometheus_remote_storage_samples_total", "patient") == SERIES)

            records = sink.records()
            shown = httpx.get(f"{server.url}/api/v1/status/config").text
            health = httpx.get(f"{server.url}/api/anyascope/v1/health").json()["components"]
            log = server.log_file.read_text()
            page = httpx.get(f"{server.url}/metrics").text
        headers = [{name.lower(): value for name, value in record["headers"]} for record in records]
        attempts = [each.get("retry-attempt") for each in headers]
        assert attempts == [None, "1", "2", None]
        assert records[2]["at"] - records[1]["at"] >= 1.0
        assert headers[0]["x-prometheus-remote-write-version"] == "0.1.0"
        assert headers[0]["content-encoding"] == "snappy"
        assert headers[0]["user-agent"].startswith("anyascope/")
        assert headers[0]["authorization"].startswith("Basic ")
        assert own_word(health, "patient").startswith("403")
        assert log.count('"forward_refused"') == 1
        for text in (shown, str(health), log, page):
            assert "hunter22" not in text
            assert "t0ps3cret" not in text


def own_word(health: list[dict[str, Any]], name: str) -> str:
    return str(next(each["message"] for each in health if each["component"] == f"remote write {name}"))


def test_a_reload_brings_far_ends_and_lets_them_go(tmp_path: Path) -> None:
    """What is added is sent to from then on, what stays goes on undisturbed, what is gone is not waited for."""
    with http_sink(tmp_path / "a.jsonl", "--then", "204") as a, http_sink(tmp_path / "b.jsonl", "--then", "204") as b:
        first, second = (remote(f"http://127.0.0.1:{sink.port}", name) for sink, name in ((a, "a"), (b, "b")))
        with running_server(tmp_path, config=config(first)) as server:
            now_ms = int(time.time() * 1000)
            push(server, now_ms, 1.0)
            eventually(lambda: own(server, "prometheus_remote_storage_samples_total", "a") == SERIES)
            server.config_file.write_text(config(first, second))
            assert httpx.post(f"{server.url}/-/reload").status_code == 200
            push(server, now_ms + 1, 2.0)
            eventually(lambda: own(server, "prometheus_remote_storage_samples_total", "b") == SERIES)
            eventually(lambda: own(server, "prometheus_remote_storage_samples_total", "a") == 2 * SERIES)
            server.config_file.write_text(config(second))
            assert httpx.post(f"{server.url}/-/reload").status_code == 200
            push(server, now_ms + 2, 3.0)
            eventually(lambda: own(server, "prometheus_remote_storage_samples_total", "b") == 2 * SERIES)

            assert 'remote_name="a"' not in httpx.get(f"{server.url}/metrics").text
            assert [path.name for path in (tmp_path / "data" / "forward").iterdir()] == ["b.places"]
