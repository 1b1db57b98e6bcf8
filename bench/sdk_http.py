"""What instrumenting a web application costs a request, beside OpenTelemetry's own ASGI instrumentation.

The same FastAPI application is called within the process, bare, with ours, and with OpenTelemetry's middleware whose spans go
to the same kind of processor. Ours also counts and times the request with exemplars, keeps the correlation id and finds the
route's template through mounts; OpenTelemetry's makes a span alone. Rounds take turns; the figures are medians of the rounds'
differences and ratios, in processor time of the thread.
"""

from __future__ import annotations

import asyncio
import gc
import statistics
import time
from typing import Any

from fastapi import FastAPI
from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from prometheus_client import CollectorRegistry

from anyascope.sdk.integrations import instrument
from figures import show

REQUESTS = 500  # a round
ROUNDS = 21
HEADERS = [
    (b"host", b"127.0.0.1:8000"),
    (b"user-agent", b"bench/1"),
    (b"accept", b"*/*"),
    (b"x-correlation-id", b"0af76519-16cd-43dd-8448-eb211c80319c"),
    (b"traceparent", b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
]


class Nowhere(SpanExporter):
    """Takes every batch and does nothing."""

    def export(self, _spans):
        return SpanExportResult.SUCCESS

    def shutdown(self):
        pass


def provider() -> TracerProvider:
    made = TracerProvider()
    made.add_span_processor(BatchSpanProcessor(Nowhere()))
    return made


def application() -> FastAPI:
    app = FastAPI(telemetry={"tracing": False, "metrics": False, "logs": False})

    @app.get("/wallets/{wallet_id}")
    async def wallet(wallet_id: str) -> dict[str, str]:
        return {"id": wallet_id}

    return app


async def receive() -> dict[str, Any]:
    return {"type": "http.request", "body": b"", "more_body": False}


async def send(message: dict[str, Any]) -> None:
    assert message.get("status", 200) == 200


async def round_of(app: Any) -> float:
    """Microseconds of processor time a request."""
    began = time.thread_time_ns()
    for number in range(REQUESTS):
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "path": f"/wallets/{number % 50}",
            "raw_path": b"/",
            "query_string": b"",
            "root_path": "",
            "headers": HEADERS,
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 8000),
        }
        await app(scope, receive, send)
    return (time.thread_time_ns() - began) / REQUESTS / 1_000


async def main() -> None:
    bare = application()
    ours = instrument(application(), registry=CollectorRegistry(), tracer_provider=provider())
    theirs = OpenTelemetryMiddleware(application(), tracer_provider=provider())
    rounds: list[tuple[float, float, float]] = []
    for number in range(ROUNDS + 2):
        gc.collect()
        times = (await round_of(bare), await round_of(ours), await round_of(theirs))
        if number >= 2:  # the first ones warm up
            rounds.append(times)
    show("a bare FastAPI request", statistics.median(b for b, _, _ in rounds), "us")
    show("what ours adds", statistics.median(o - b for b, o, _ in rounds), "us")
    show("what OpenTelemetry's adds, without metrics", statistics.median(t - b for b, _, t in rounds), "us")
    ratio = statistics.median((o - b) / (t - b) for b, o, t in rounds)
    show("ours beside OpenTelemetry's", ratio, "x", bar=1.0, is_most=True)


if __name__ == "__main__":
    asyncio.run(main())
