"""Pushes `prometheus_client` metrics by OTLP, for services that nobody scrapes."""

from __future__ import annotations

import contextlib
import math
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable

import requests
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1 import metrics_pb2 as pb
from opentelemetry.sdk.resources import Resource
from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric
from prometheus_client.samples import Sample

from anyascope.sdk.exporters import EXPORT_TIMEOUT_S, signal_url
from anyascope.sdk.guard import guarded, tell_once

PUSH_EVERY_S = 5.0  # live enough for a page, an eighth of what a scrape every second would cost
_LABELS_OF_STRUCTURE = frozenset(("le", "quantile"))


class MetricsPush:
    """A background thread that sends a registry's metrics every few seconds, and once more at `shutdown()`.

    A server that is down costs one request's time-out in that thread; the next push carries the totals all the same.
    """

    def __init__(
        self,
        registry: CollectorRegistry,
        endpoint: str,
        *,
        resource: Resource,
        token: str = "",
        every_s: float = PUSH_EVERY_S,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._registry = registry
        self._url = signal_url(endpoint, "metrics")
        self._resource = resource
        self._every_s = every_s
        self._now_ns = now_ns
        self._start_ns = now_ns()
        self._stopped = threading.Event()
        self._session = requests.Session()
        self._session.headers["content-type"] = "application/x-protobuf"
        if token:
            self._session.headers["authorization"] = f"Bearer {token}"
        self._thread = threading.Thread(target=self._run, name="anyascope-metrics-push", daemon=True)

    def start(self) -> None:
        """Push from now on."""
        self._thread.start()

    @guarded(None)
    def shutdown(self) -> None:
        """Push once more and stop."""
        self._stopped.set()
        self._thread.join(timeout=2 * EXPORT_TIMEOUT_S)

    def _run(self) -> None:
        while not self._stopped.wait(self._every_s):
            self._push()
        self._push()
        with contextlib.suppress(Exception):
            self._session.close()

    def _push(self) -> None:
        try:
            body = encode_registry(
                self._registry.collect(), resource=self._resource, start_ns=self._start_ns, now_ns=self._now_ns()
            )
            self._session.post(self._url, data=body.SerializeToString(), timeout=EXPORT_TIMEOUT_S).raise_for_status()
        except requests.RequestException as error:
            tell_once(f"pushing metrics to {self._url}", type(error)())
        except Exception as error:  # noqa: BLE001  # ours, never the host's
            tell_once("pushing metrics", error)


def encode_registry(
    families: Iterable[Metric], *, resource: Resource, start_ns: int, now_ns: int
) -> ExportMetricsServiceRequest:
    """The families as one OTLP request: counters as monotonic sums, histograms and summaries whole, the rest gauges."""
    request = ExportMetricsServiceRequest()
    target = request.resource_metrics.add()
    target.resource.attributes.extend(_pairs({key: str(value) for key, value in resource.attributes.items()}))
    metrics = target.scope_metrics.add().metrics
    for family in families:
        encoded = pb.Metric(name=family.name, description=family.documentation, unit=family.unit)
        match family.type:
            case "counter":
                _add_counter(encoded, family, start_ns, now_ns)
            case "histogram":
                _add_histogram(encoded, family, start_ns, now_ns)
            case "summary":
                _add_summary(encoded, family, start_ns, now_ns)
            case _:
                for sample in family.samples:
                    encoded.gauge.data_points.add(
                        attributes=_pairs(sample.labels), time_unix_nano=now_ns, as_double=sample.value
                    )
        metrics.append(encoded)
    return request


def _add_counter(encoded: pb.Metric, family: Metric, start_ns: int, now_ns: int) -> None:
    encoded.sum.is_monotonic = True
    encoded.sum.aggregation_temporality = pb.AGGREGATION_TEMPORALITY_CUMULATIVE
    for sample in family.samples:
        if sample.name.endswith("_total"):
            encoded.sum.data_points.add(
                attributes=_pairs(sample.labels),
                start_time_unix_nano=start_ns,
                time_unix_nano=now_ns,
                as_double=sample.value,
            )


def _add_histogram(encoded: pb.Metric, family: Metric, start_ns: int, now_ns: int) -> None:
    encoded.histogram.aggregation_temporality = pb.AGGREGATION_TEMPORALITY_CUMULATIVE
    for labels, samples in _by_labels(family).items():
        buckets = sorted((float(s.labels["le"]), s.value) for s in samples if s.name.endswith("_bucket"))
        counts = [value for _, value in buckets]
        steps = [now - before for now, before in zip(counts, [0.0, *counts[:-1]], strict=True)]
        encoded.histogram.data_points.add(
            attributes=_pairs(dict(labels)),
            start_time_unix_nano=start_ns,
            time_unix_nano=now_ns,
            count=int(counts[-1]) if counts else 0,
            sum=next((s.value for s in samples if s.name.endswith("_sum")), 0.0),
            bucket_counts=[int(step) for step in steps],
            explicit_bounds=[bound for bound, _ in buckets if not math.isinf(bound)],
        )


def _add_summary(encoded: pb.Metric, family: Metric, start_ns: int, now_ns: int) -> None:
    for labels, samples in _by_labels(family).items():
        point = encoded.summary.data_points.add(
            attributes=_pairs(dict(labels)), start_time_unix_nano=start_ns, time_unix_nano=now_ns
        )
        for sample in samples:
            if sample.name.endswith("_count"):
                point.count = int(sample.value)
            elif sample.name.endswith("_sum"):
                point.sum = sample.value
            elif "quantile" in sample.labels:
                point.quantile_values.add(quantile=float(sample.labels["quantile"]), value=sample.value)


def _by_labels(family: Metric) -> dict[tuple[tuple[str, str], ...], list[Sample]]:
    groups: dict[tuple[tuple[str, str], ...], list[Sample]] = defaultdict(list)
    for sample in family.samples:
        if not sample.name.endswith("_created"):
            own = tuple(pair for pair in sorted(sample.labels.items()) if pair[0] not in _LABELS_OF_STRUCTURE)
            groups[own].append(sample)
    return groups


def _pairs(labels: dict[str, str]) -> list[KeyValue]:
    return [KeyValue(key=key, value=AnyValue(string_value=value)) for key, value in labels.items()]
