"""The receiving half of the server alone, in a process of its own: HTTP, OTLP, admission, redaction, group commit, chDB."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from pathlib import Path

import structlog
import uvicorn
import uvloop
from prometheus_client import CollectorRegistry, make_asgi_app
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

from anyascope.app.ground import settle
from anyascope.clock import SystemClock
from anyascope.compiled import build_all
from anyascope.model.labels import METRIC_NAME, Matcher, MatchOp
from anyascope.store.api.metrics import Selection
from anyascope.store.chdb.store import ChdbStore, StoreOptions
from support.receiving import start_receiving


async def serve(directory: Path) -> None:
    clock, registry = SystemClock(), CollectorRegistry()
    store = await ChdbStore.open(directory, options=StoreOptions(), clock=clock, registry=registry)
    ingest, receive = await start_receiving(store, clock=clock, registry=registry)

    async def count(request: Request) -> PlainTextResponse:
        """How many float samples of metrics with this beginning can be read."""
        named = (Matcher(METRIC_NAME, MatchOp.REGEX, f"{request.query_params['metric']}.*"),)
        found = await store.metrics.select(Selection(named, 0, 2**62))
        return PlainTextResponse(str(len(found.times_ms)))

    async def flush(_: Request) -> PlainTextResponse:
        """Bring everything into the tables."""
        await store.metrics.flush()
        return PlainTextResponse("")

    build_all(directory / "kernels")  # as they stand ready some seconds after the first large request
    routes = [Route("/count", count), Route("/flush", flush), Mount("/metrics", make_asgi_app(registry))]
    app = Starlette(routes=[*receive.routes(), *routes])
    settle()  # as the whole server does once it has started
    bound = socket.create_server(("127.0.0.1", 0))
    print(bound.getsockname()[1], flush=True)
    server = uvicorn.Server(uvicorn.Config(app, lifespan="off", log_level="error", access_log=False))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, setattr, server, "should_exit", True)
    await server.serve(sockets=[bound])
    await ingest.drain()
    await store.close()


if __name__ == "__main__":
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(30))
    uvloop.run(serve(Path(sys.argv[1])))
