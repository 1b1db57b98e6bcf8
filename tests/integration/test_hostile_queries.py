"""Queries that mean harm end within their limits, each with Prometheus' error type, and leave nothing behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette

from anyascope.api.prometheus.query import query_routes
from anyascope.clock import SystemClock
from anyascope.promql.engine import Engine
from anyascope.promql.options import EngineOptions, QueryLimits
from support.hostile import HOSTILE, Hostile
from support.promql import store_of

NOW_S = 3_600
LOAD = "load 15s\n" + "\n".join(
    f'    {name}{{node="n{node}",path="/p{path}",code="200",le="{path}"}} {node}+{path + 1}x240'
    for name in ("bench_requests_total", "bench_gauge")
    for node in range(10)
    for path in range(10)
)
# A hundredth of the series, and a hundredth of what they may take.
OPTIONS = EngineOptions(limits=QueryLimits(samples_max=500_000, timeout_s=3.0))
ENDS_WITHIN_S = 60.0  # twenty times the limit: a loaded machine, not a measurement


@pytest.fixture
async def engine() -> AsyncIterator[Engine]:
    store = await store_of(LOAD)
    found = Engine(store, options=OPTIONS, clock=SystemClock(), registry=CollectorRegistry())
    yield found
    found.close()


async def ask(engine: Engine, hostile: Hostile) -> tuple[str, str]:
    """The error's type and message, both empty of an answer."""
    api = Starlette(routes=query_routes(engine, engine._reader, SystemClock()))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(api), base_url="http://api") as client:
        answer = (await client.post(hostile.path, data=hostile.form(NOW_S))).json()
    return answer.get("errorType", ""), answer.get("error", "")


@pytest.mark.slow
@pytest.mark.parametrize("hostile", HOSTILE, ids=lambda hostile: hostile.name)
async def test_a_hostile_query_ends_within_its_limits(engine: Engine, hostile: Hostile) -> None:
    """Answered or refused, in time, and the next one is answered as ever."""
    async with asyncio.timeout(ENDS_WITHIN_S):
        kind, message = await answered(engine, hostile)
        assert kind in hostile.ends, message
        assert engine.running == []
        assert await answered(engine, Hostile("another", "sum(bench_gauge)", frozenset())) == ("", "")


async def answered(engine: Engine, hostile: Hostile) -> tuple[str, str]:
    """What it ends with; asked again where the machine itself stood still for as long as a query may take."""
    found = await ask(engine, hostile)
    while found[0] == "timeout" and "timeout" not in hostile.ends:
        found = await ask(engine, hostile)
    return found
