"""OTLP bodies as a fleet of custody services sends them: no two rows are equal, some attributes repeat, some never do."""

from __future__ import annotations

import random
import time

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import AGGREGATION_TEMPORALITY_CUMULATIVE

ROWS_A_BODY = 512  # what OpenTelemetry's SDKs send at most
SAMPLES_A_BODY = 5_000  # one service's whole export: 20 metrics of 250 series
SERVICES = 8
ROUTES = tuple(
    f"/api/v1/wallets/{{id}}/{what}" for what in ("sign", "sweep", "addresses", "balance", "policy", "quorum")
)


def add(pairs, name, value):
    pair = pairs.add(key=name)
    if isinstance(value, int):
        pair.value.int_value = value
    else:
        pair.value.string_value = value


def resource(group, number):
    name = f"service-{number % SERVICES}"
    for key, value in {
        "service.name": name,
        "service.instance.id": f"{name}-0",
        "service.version": "1.4.0",
        "host.name": f"host-{number % SERVICES}",
        "deployment.environment.name": "bench",
    }.items():
        add(group.resource.attributes, key, value)


def log_bodies(count, seed=1):
    chance = random.Random(seed)
    now_ns = time.time_ns()
    for number in range(count):
        request = ExportLogsServiceRequest()
        group = request.resource_logs.add()
        resource(group, number)
        inner = group.scope_logs.add()
        inner.scope.name = "custody.signing"
        for row in range(ROWS_A_BODY):
            at_ns = now_ns + number * ROWS_A_BODY + row
            record = inner.log_records.add(
                time_unix_nano=at_ns, observed_time_unix_nano=at_ns, severity_number=9, severity_text="INFO"
            )
            took_ms = chance.randrange(2000)
            record.body.string_value = (
                f"signed withdrawal {chance.getrandbits(48):012x} for wallet cold-{chance.randrange(40)}: "
                f"{chance.randrange(10**9)} sat at {chance.randrange(90)} sat/vB, quorum 3 of 5, took {took_ms} ms"
            )
            record.trace_id, record.span_id = chance.randbytes(16), chance.randbytes(8)
            add(record.attributes, "http.route", chance.choice(ROUTES))
            add(record.attributes, "http.response.status_code", 200)
            add(record.attributes, "wallet", f"cold-{chance.randrange(40)}")
            add(record.attributes, "duration_ms", took_ms)
            add(record.attributes, "request.id", f"{chance.getrandbits(64):016x}")
        yield request.SerializeToString()


def span_bodies(count, seed=2):
    chance = random.Random(seed)
    now_ns = time.time_ns()
    for number in range(count):
        request = ExportTraceServiceRequest()
        group = request.resource_spans.add()
        resource(group, number)
        inner = group.scope_spans.add()
        inner.scope.name = "custody.http"
        trace_id = b""
        for row in range(ROWS_A_BODY):
            if row % 8 == 0:
                trace_id = chance.randbytes(16)
            start_ns = now_ns + (number * ROWS_A_BODY + row) * 1000
            took_ns = chance.randrange(50_000_000)
            span = inner.spans.add(
                trace_id=trace_id,
                span_id=chance.randbytes(8),
                parent_span_id=chance.randbytes(8) if row % 8 else b"",
                name=f"POST {chance.choice(ROUTES)}",
                kind=2,
                start_time_unix_nano=start_ns,
                end_time_unix_nano=start_ns + took_ns,
            )
            add(span.attributes, "http.request.method", "POST")
            add(span.attributes, "http.response.status_code", 200)
            add(span.attributes, "url.path", f"/api/v1/wallets/{chance.randrange(5000)}/sign")
            add(span.attributes, "server.address", f"host-{number % SERVICES}")
            add(span.attributes, "client.address", f"10.0.{chance.randrange(250)}.{chance.randrange(250)}")
            add(span.attributes, "request.id", f"{chance.getrandbits(64):016x}")
            if row % 10 == 0:
                event = span.events.add(time_unix_nano=start_ns + took_ns // 2, name="hsm.sign")
                add(event.attributes, "mechanism", "CKM_ECDSA")
        yield request.SerializeToString()


def metric_bodies(count, seed=3):
    chance = random.Random(seed)
    now_ms = time.time_ns() // 1_000_000
    for number in range(count):
        request = ExportMetricsServiceRequest()
        group = request.resource_metrics.add()
        resource(group, number)
        inner = group.scope_metrics.add()
        inner.scope.name = "custody.metrics"
        # A service reports again and again: the same series, ten seconds later.
        at_ns = (now_ms - 3_600_000 + number // SERVICES * 10_000) * 1_000_000
        for metric_number in range(20):
            metric = inner.metrics.add(name=f"custody.operation.{metric_number}.duration", unit="s")
            metric.sum.aggregation_temporality = AGGREGATION_TEMPORALITY_CUMULATIVE
            metric.sum.is_monotonic = True
            for series in range(SAMPLES_A_BODY // 20):
                point = metric.sum.data_points.add(time_unix_nano=at_ns, as_double=number + chance.random())
                add(point.attributes, "wallet", f"cold-{series % 50}")
                add(point.attributes, "operation", ROUTES[series % len(ROUTES)])
                add(point.attributes, "signer", f"hsm-{series // 50}")
        yield request.SerializeToString()
