"""Sends spans to a Jaeger collector: Thrift over HTTP, `POST /api/traces`."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Sequence

import requests
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from anyascope.sdk.exporters import EXPORT_TIMEOUT_S, Destination
from anyascope.sdk.guard import guarded, tell_once
from anyascope.sdk.tracing.jaeger import encode_batches

CONTENT_TYPE = "application/vnd.apache.thrift.binary"
FIRST_WAIT_S = 0.5  # before the second attempt; doubles, and is spread by a fifth to both sides
_RETRIED = frozenset((408, 429, 502, 503, 504))  # as OTLP over HTTP has it


class JaegerExporter(SpanExporter):
    """POSTs batches; a collector that is away or busy is asked again within `EXPORT_TIMEOUT_S`.

    Args:
        target: where; its headers go along.
    """

    def __init__(self, target: Destination) -> None:
        self._url = target.url
        self._stopped = threading.Event()
        self._session = requests.Session()
        self._session.headers.update(target.headers)
        self._session.headers["content-type"] = CONTENT_TYPE
        self._session.verify = target.ca_file or True
        if target.cert_file:
            self._session.cert = (target.cert_file, target.key_file) if target.key_file else target.cert_file

    @guarded(SpanExportResult.FAILURE)
    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send the spans; a failure where the collector did not take one of the bodies."""
        deadline_s = time.monotonic() + EXPORT_TIMEOUT_S
        is_taken = True
        for batch in encode_batches(spans):
            is_taken = self._send(batch.body, deadline_s) and is_taken
        return SpanExportResult.SUCCESS if is_taken else SpanExportResult.FAILURE

    @guarded(None)
    def shutdown(self) -> None:
        """Wait no longer, and close the connection."""
        self._stopped.set()
        self._session.close()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Nothing is kept here."""
        _ = timeout_millis
        return True

    def _send(self, body: bytes, deadline_s: float) -> bool:
        wait_s = FIRST_WAIT_S
        while not self._stopped.is_set():
            left_s = deadline_s - time.monotonic()
            if left_s <= 0:
                break
            reason = self._attempt(body, left_s)
            if not reason:
                return True
            if not reason.startswith(_AGAIN):
                break
            self._stopped.wait(min(wait_s * random.uniform(0.8, 1.2), max(deadline_s - time.monotonic(), 0)))  # noqa: S311
            wait_s *= 2
        return False

    def _attempt(self, body: bytes, timeout_s: float) -> str:
        """Empty where the collector took it, else why it did not."""
        try:
            status = self._session.post(self._url, data=body, timeout=timeout_s).status_code
        except requests.RequestException as error:
            tell_once(f"sending spans to {self._url}", type(error)())
            return _AGAIN
        if status < 300:
            return ""
        tell_once(f"sending spans to {self._url}", RuntimeError(f"HTTP status {status}"))
        return _AGAIN if status in _RETRIED else "refused"


_AGAIN = "again"
