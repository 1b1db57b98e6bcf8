"""Span exporters, one for each protocol, made in the process and at the time that first needs them."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from anyascope.sdk.exporters import Destination, Protocol, grpc_arguments, http_arguments
from anyascope.sdk.guard import guarded

_left_behind: list[SpanExporter] = []


class PerProcessExporter(SpanExporter):
    """Makes its exporter at the first batch of each process.

    A gRPC channel or a pooled connection must not be used on both sides of a fork, and making one costs a host's start tens
    of milliseconds.

    Args:
        make: the exporter; whatever it raises is one log line, and the batch is lost.
    """

    def __init__(self, make: Callable[[], SpanExporter]) -> None:
        self._make = make
        self._exporter: SpanExporter | None = None
        self._pid = 0
        self._is_shut = False

    @guarded(SpanExportResult.FAILURE)
    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send a batch; called by one thread at a time."""
        if self._is_shut:
            return SpanExportResult.FAILURE
        return self._own().export(spans)

    @guarded(None)
    def shutdown(self) -> None:
        """Send nothing more."""
        self._is_shut = True
        if self._exporter is not None and self._pid == os.getpid():
            self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Nothing is kept here."""
        _ = timeout_millis
        return True

    def _own(self) -> SpanExporter:
        pid = os.getpid()
        if self._exporter is None or self._pid != pid:
            if self._exporter is not None:
                _left_behind.append(self._exporter)  # its channel is the parent's: closing it here would disturb there
            self._exporter, self._pid = self._make(), pid
        return self._exporter


def span_exporter(target: Destination) -> SpanExporter:
    """Sends spans to `target`, from whichever process uses it."""
    makers = {
        Protocol.OTLP_GRPC: _grpc_exporter,
        Protocol.OTLP_HTTP: _http_exporter,
        Protocol.JAEGER_THRIFT_HTTP: _jaeger_exporter,
    }
    make = makers[target.protocol]
    return PerProcessExporter(lambda: make(target))


def _grpc_exporter(target: Destination) -> SpanExporter:
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import (  # noqa: PLC0415  # gRPC is optional
        OTLPSpanExporter,
    )

    return OTLPSpanExporter(**grpc_arguments(target))


def _http_exporter(target: Destination) -> SpanExporter:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415  # slow to import
        OTLPSpanExporter,
    )

    return OTLPSpanExporter(**http_arguments(target))


def _jaeger_exporter(target: Destination) -> SpanExporter:
    from anyascope.sdk.tracing.jaeger_exporter import JaegerExporter  # noqa: PLC0415  # needs requests

    return JaegerExporter(target)
