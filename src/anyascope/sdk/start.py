"""Everything at once, for a service that wants two lines."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from prometheus_client import REGISTRY

from anyascope.sdk.guard import guarded
from anyascope.sdk.logs import initialize_logs
from anyascope.sdk.resource import service_resource
from anyascope.sdk.tracing import DEFAULT_ENDPOINT, initialize_tracing

if TYPE_CHECKING:
    from anyascope.sdk.push import MetricsPush


@dataclass(frozen=True, slots=True)
class Telemetry:
    """What was set up; a part that failed is None, and one log line said why."""

    tracing: TracerProvider | None
    logs: LoggerProvider | None
    metrics: MetricsPush | None

    @guarded(None)
    def shutdown(self) -> None:
        """Send what is queued and stop; waits a few seconds at the most."""
        if self.metrics is not None:
            self.metrics.shutdown()
        if self.tracing is not None:
            self.tracing.shutdown()
        if self.logs is not None:
            self.logs.shutdown()


def init(
    service: str,
    *,
    endpoint: str | None = None,
    protocol: str = "otlp_http",
    environment: str | None = None,
    version: str = "",
    sample_ratio: float = 1.0,
    log_level: str = "INFO",
    token: str | None = None,
    push_metrics: bool = True,
) -> Telemetry:
    """Traces, JSON logs and metrics of this process, sent to `endpoint`.

    Metrics are those of `prometheus_client`'s own registry. Where something scrapes them, say `push_metrics=False`: they
    would be stored twice. What is not given comes from `OTEL_EXPORTER_OTLP_ENDPOINT`, `ANYASCOPE_ENVIRONMENT`,
    `ANYASCOPE_TOKEN` and `OTEL_METRIC_EXPORT_INTERVAL` (milliseconds).
    """
    target = endpoint or os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT") or DEFAULT_ENDPOINT
    where = environment or os.environ.get("ANYASCOPE_ENVIRONMENT") or "production"
    secret = token if token is not None else os.environ.get("ANYASCOPE_TOKEN", "")
    return Telemetry(
        tracing=initialize_tracing(
            service,
            target,
            protocol=protocol,
            sample_ratio=sample_ratio,
            environment=where,
            version=version,
            token=secret,
        ),
        logs=initialize_logs(
            service, target, protocol=protocol, environment=where, version=version, level=log_level, token=secret
        ),
        metrics=_push(target, resource=service_resource(service, environment=where, version=version), token=secret)
        if push_metrics and protocol == "otlp_http"
        else None,
    )


@guarded(None)
def _push(endpoint: str, *, resource: Resource, token: str) -> MetricsPush:
    from anyascope.sdk.push import PUSH_EVERY_S, MetricsPush  # noqa: PLC0415  # protobuf and requests load when they are used

    every_s = float(os.environ.get("OTEL_METRIC_EXPORT_INTERVAL", PUSH_EVERY_S * 1000)) / 1000
    push = MetricsPush(REGISTRY, endpoint, resource=resource, token=token, every_s=every_s)
    push.start()
    return push
