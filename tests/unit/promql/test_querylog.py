"""The query log: Prometheus' lines, with what a query cost."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from anyascope.clock import ManualClock
from anyascope.errors import UnavailableError
from anyascope.promql.asking import asked_by
from anyascope.promql.engine import Engine
from anyascope.promql.errors import QuerySyntaxError
from anyascope.promql.querylog import QueryLog
from support.promql import store_of

LOAD = """
load 15s
    requests_total{code="200"} 0+1x40
    requests_total{code="500"} 0+1x40
"""
NOW_NS = 1_700_000_000_123_456_789
REQUEST = {"httpRequest": {"clientIP": "127.0.0.1", "method": "GET", "path": "/api/v1/query"}}


@pytest.fixture
def query_log() -> QueryLog:
    return QueryLog(clock=ManualClock(NOW_NS), registry=CollectorRegistry())


async def engine_with(query_log: QueryLog) -> Engine:
    store, clock = await store_of(LOAD), ManualClock(NOW_NS)
    return Engine(store, clock=clock, registry=CollectorRegistry(), query_log=query_log)


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


async def test_a_query_is_a_line_as_prometheus_writes_it(query_log, tmp_path: Path) -> None:
    """Who asked for what, when, and what it cost; ours stands apart."""
    query_log.write_to(tmp_path / "queries.log")
    engine = await engine_with(query_log)
    with asked_by(REQUEST):
        await engine.range("sum(requests_total)", 60_000, 120_500, 15_000)
    await engine.instant("1", 0)
    query_log.close()

    first, second = lines(tmp_path / "queries.log")
    assert first["time"] == "2023-11-14T22:13:20.123456789Z"
    assert (first["level"], first["msg"]) == ("INFO", "promql query logged")
    assert first["params"] == {
        "query": "sum(requests_total)",
        "start": "1970-01-01T00:01:00.000Z",
        "end": "1970-01-01T00:02:00.500Z",
        "step": 15,
    }
    assert first["httpRequest"] == REQUEST["httpRequest"]
    assert first["stats"]["samples"]["totalQueryableSamples"] == 18
    assert set(first["stats"]["timings"]) >= {"evalTotalTime", "execQueueTime", "execTotalTime", "queryPreparationTime"}
    assert {name: first["anyascope"][name] for name in ("series", "samples", "samples_from_disk", "result_series")} == {
        "series": 2,
        "samples": 18,
        "samples_from_disk": 0,
        "result_series": 1,
    }
    assert (second["params"]["query"], second["params"]["step"]) == ("1", 0)
    assert "httpRequest" not in second


async def test_a_failed_query_says_why(query_log, tmp_path: Path) -> None:
    """What could not be answered is on record too, whatever its times."""
    query_log.write_to(tmp_path / "queries.log")
    engine = await engine_with(query_log)
    with pytest.raises(QuerySyntaxError):
        await engine.instant("1 +", 2**60)
    query_log.close()
    (line,) = lines(tmp_path / "queries.log")
    assert "parse error" in line["error"]
    assert line["params"]["start"] == str(2**60)


async def test_a_log_goes_on_in_a_new_file(query_log, tmp_path: Path) -> None:
    """Opening it anew lets an old file be moved away; lines are added to a file that is there."""
    path = tmp_path / "queries.log"
    path.write_text('{"kept": true}\n')
    query_log.write_to(path)
    engine = await engine_with(query_log)
    await engine.instant("1", 0)
    path.rename(tmp_path / "old.log")
    query_log.write_to(path)
    await engine.instant("2", 0)
    query_log.write_to(None)
    await engine.instant("3", 0)
    assert [line.get("kept", line.get("params", {}).get("query")) for line in lines(tmp_path / "old.log")] == [
        True,
        "1",
    ]
    assert [line["params"]["query"] for line in lines(path)] == ["2"]


def test_a_file_that_cannot_be_opened_is_named(query_log, tmp_path: Path) -> None:
    """The error says which file and why; no query is lost by it."""
    with pytest.raises(UnavailableError, match=r"absent/queries\.log cannot be opened: No such file or directory"):
        query_log.write_to(tmp_path / "absent" / "queries.log")
    assert not query_log.is_on
