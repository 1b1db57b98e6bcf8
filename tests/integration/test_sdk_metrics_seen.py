"""The 19 metrics as others see them: a real Prometheus that scrapes the page, and our server that is pushed to by OTLP."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from wsgiref.simple_server import WSGIRequestHandler, make_server

import httpx
import pytest
from opentelemetry.sdk.resources import Resource
from prometheus_client import CollectorRegistry

from anyascope.sdk.exporters import Protocol, target_of
from anyascope.sdk.metrics import AnyaMetrics, MetricsPush, metrics_wsgi_app
from support.components import component
from support.metrics_story import CORRELATION_ID, tell, told_metadata, told_samples
from support.prometheus import RealPrometheus
from support.server import eventually, running_server

OURS = '{__name__=~"anya_(bitcoin|hsm|http|system|component|memory|cpu|security|failed|active)_.*"}'
SETTINGS = """
global: {{scrape_interval: 1s}}
scrape_configs:
- job_name: custody
  static_configs: [{{targets: ['127.0.0.1:{port}'], labels: {{instance: story}}}}]
  honor_labels: true
"""


class Quiet(WSGIRequestHandler):
    def log_message(self, *_):
        pass


@contextmanager
def page(registry) -> Iterator[int]:
    server = make_server("127.0.0.1", 0, metrics_wsgi_app(registry), handler_class=Quiet)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join(60)


def place(name, labels):
    pairs = {**labels, "le": str(float(labels["le"]))} if "le" in labels else labels
    return name, tuple(sorted(pairs.items()))


def expected():
    return {place(name, dict(labels)): value for (name, labels), value in told_samples().items()}


def seen(url):
    """What an instant query of all our metrics gives; labels that the reader added are left out."""
    answer = httpx.get(f"{url}/api/v1/query", params={"query": OURS}, timeout=30).json()
    assert answer["status"] == "success", answer
    found = {}
    for entry in answer["data"]["result"]:
        labels = dict(entry["metric"])
        name = labels.pop("__name__")
        labels.pop("job", None)
        if name != "anya_component_health":
            labels.pop("instance", None)
        if not name.endswith("_created"):
            found[place(name, labels)] = float(entry["value"][1])
    return found


def metadata(url):
    answer = httpx.get(f"{url}/api/v1/metadata", timeout=30).json()["data"]
    return {
        name: (entries[0]["type"], entries[0]["help"]) for name, entries in answer.items() if name.startswith("anya_")
    }


def exemplars(url, query):
    now_s = time.time()
    answer = httpx.get(
        f"{url}/api/v1/query_exemplars", params={"query": query, "start": now_s - 600, "end": now_s + 60}, timeout=30
    ).json()
    return [dict(one["labels"]) for series in answer["data"] for one in series["exemplars"]]


def assert_seen(url, span):
    wanted = expected()

    def all_is_seen():
        found = seen(url)
        assert found == wanted
        return True

    eventually(all_is_seen, what="all series")  # a scrape that takes more than its second ends them for a moment
    meta = eventually(lambda: metadata(url), what="metadata")
    wanted_meta = {family.removesuffix("_total"): about for family, about in told_metadata().items()}
    found_meta = {family.removesuffix("_total"): about for family, about in meta.items()}
    wanted_meta.pop("anya_label_values_capped")  # nothing was
    found_meta.pop("anya_label_values_capped", None)
    assert found_meta == wanted_meta
    pointer = {
        "trace_id": f"{span.trace_id:032x}",
        "span_id": f"{span.span_id:016x}",
        "correlation_id": CORRELATION_ID,
    }
    for query in (
        'anya_bitcoin_transactions_total{wallet_id="hot-1"}',
        "anya_bitcoin_transaction_duration_seconds_bucket",
        "anya_hsm_operations_total",
        "anya_hsm_operation_duration_seconds_bucket",
    ):
        assert eventually(lambda query=query: exemplars(url, query), what=query) == [pointer], query


@pytest.mark.slow
def test_a_real_prometheus_scrapes_each_of_them(tmp_path):
    """Names, labels, buckets, types, help, values and exemplars are the catalogue's to the letter."""
    program = component("prometheus")
    registry = CollectorRegistry()
    span = tell(AnyaMetrics(registry))
    with (
        page(registry) as port,
        RealPrometheus(
            program, tmp_path, settings=SETTINGS.format(port=port), arguments=("--enable-feature=exemplar-storage",)
        ) as prometheus,
    ):
        assert_seen(prometheus.url, span)


@pytest.mark.slow
@pytest.mark.parametrize("protocol", [Protocol.OTLP_HTTP, Protocol.OTLP_GRPC])
def test_our_server_is_pushed_each_of_them(tmp_path, protocol):
    """The same through OTLP: what a Prometheus client asks our server for is what a scrape would have told."""
    registry = CollectorRegistry()
    span = tell(AnyaMetrics(registry))
    with running_server(tmp_path) as server:
        endpoint = server.url if protocol is Protocol.OTLP_HTTP else server.face("otlp_grpc")
        resource = Resource({"service.name": "custody", "service.instance.id": "story"})
        push = MetricsPush(registry, target_of("metrics", protocol=protocol, endpoint=endpoint), resource=resource)
        push.start()
        try:
            assert push.flush(60)
            assert_seen(server.url, span)
        finally:
            push.shutdown()
