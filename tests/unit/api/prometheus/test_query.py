"""Asking with PromQL over HTTP."""

from __future__ import annotations

import json

import httpx
import pytest

from anyascope.api.prometheus import encode, query
from anyascope.model.labels import labels_of
from anyascope.model.metrics import Exemplar, MetricBatch, SampleBatch
from anyascope.promql.options import EngineOptions, QueryLimits
from anyascope.store.memory.metrics import MemoryMetrics
from support.components import shared_path
from support.prometheus_api import NOW_S, client_of
from support.promql import store_of

LOAD = """
load 1s
    up{instance="127.0.0.1:19090",job="self"} 1x9
    up{instance="127.0.0.1:19100",job="node"} 1x9
    up{instance="127.0.0.1:1",job="dead"} 0x9
"""


async def ask(path: str, method: str = "GET", **parameters: str) -> httpx.Response:
    async with client_of(await store_of(LOAD)) as client:
        if method == "POST":
            return await client.post(path, data=parameters)
        return await client.get(path, params=parameters)


async def data_of(path: str, method: str = "GET", **parameters: str) -> object:
    answer = await ask(path, method, **parameters)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    assert body["status"] == "success"
    return body["data"]


def recorded(name: str) -> dict[str, object]:
    found: dict[str, object] = json.loads(shared_path(f"components/samples/prometheus-3.5/{name}.json").read_text())
    return found


async def test_an_instant_query_is_answered_as_prometheus_does() -> None:
    """The recorded answer, byte for byte but for the order of series, which has none."""
    store = MemoryMetrics()
    expected = recorded("query")
    at_ms = 1_795_425_586_662
    batch = SampleBatch.of(
        [(labels_of(row["metric"]), at_ms - 100, float(row["value"][1])) for row in expected["data"]["result"]]
    )
    await store.write_metrics(MetricBatch(samples=batch))

    async with client_of(store) as client:
        answer = (await client.get("query", params={"query": "up", "time": "1795425586.662"})).json()

    def sorted_rows(body: dict) -> list[str]:
        return sorted(json.dumps(row) for row in body["data"].pop("result"))

    assert sorted_rows(answer) == sorted_rows(expected)
    assert answer == expected


async def test_a_range_query_is_answered_as_prometheus_does() -> None:
    """The recorded answer, whole."""
    store = MemoryMetrics()
    expected = recorded("query_range")
    rows = [
        (labels_of(row["metric"]), round(time_s * 1000), float(value))
        for row in expected["data"]["result"]
        for time_s, value in row["values"]
    ]
    await store.write_metrics(MetricBatch(samples=SampleBatch.of(rows)))

    async with client_of(store) as client:
        window = {"query": "up", "start": "1795425580", "end": "1795425586", "step": "1"}
        answer = (await client.get("query_range", params=window)).json()

    assert answer == expected


async def test_a_mistake_is_answered_as_prometheus_does() -> None:
    """The recorded error, whole, with its status."""
    answer = await ask("query", query="sum(")

    assert answer.status_code == 400
    assert answer.json() == recorded("query_error")


async def test_a_form_may_stand_in_the_body() -> None:
    """POST says the same as GET."""
    assert await data_of("query", "POST", query="1", time="5") == {"resultType": "scalar", "result": [5, "1"]}


async def test_the_time_is_now_where_none_is_given() -> None:
    """By the server's clock."""
    assert await data_of("query", query='"a"') == {"resultType": "string", "result": [NOW_S, "a"]}


@pytest.mark.parametrize("time", ["5", "5.000", "1970-01-01T00:00:05Z", "1970-01-01T01:00:05+01:00", "5e0"])
async def test_times_are_seconds_or_rfc_3339(time: str) -> None:
    """Fractions are milliseconds."""
    assert await data_of("query", query="time()", time=time) == {"resultType": "scalar", "result": [5, "5"]}


@pytest.mark.parametrize(
    ("time", "seconds"),
    [("9999-12-31T23:59:59-23:00", 253_402_383_599), ("0001-01-01T00:00:00+23:00", -62_135_679_600)],
)
async def test_a_time_at_the_ends_of_the_calendar_is_a_time(time: str, seconds: int) -> None:
    """Though in UTC it lies in a year that the calendar does not have."""
    assert await data_of("query", query="time()", time=time) == {
        "resultType": "scalar",
        "result": [seconds, str(seconds)],
    }


async def test_a_time_with_milliseconds_has_three_decimals() -> None:
    """As Go writes it, zeros included."""
    answer = await ask("query", query="1", time="5.05")

    assert b'"result":[5.050,"1"]' in answer.content


async def test_steps_may_be_durations() -> None:
    """`1m` is sixty seconds."""
    data = await data_of("query_range", query="1", start="0", end="120", step="1m")

    assert data == {"resultType": "matrix", "result": [{"metric": {}, "values": [[0, "1"], [60, "1"], [120, "1"]]}]}


@pytest.mark.parametrize(
    ("path", "parameters", "message"),
    [
        (
            "query",
            {"query": "1", "time": "soon"},
            'invalid parameter "time": invalid time value for \'time\': cannot parse "soon" to a valid timestamp',
        ),
        (
            "query",
            {"query": "1", "time": "nan"},
            'invalid parameter "time": invalid time value for \'time\': cannot parse "nan" to a valid timestamp',
        ),
        ("query", {"query": "1", "timeout": "x"}, 'invalid parameter "timeout": cannot parse "x" to a valid duration'),
        ("query", {"query": "1", "limit": "-1"}, 'invalid parameter "limit": limit must be non-negative'),
        ("query", {"query": "1", "limit": "x"}, 'invalid parameter "limit": strconv.Atoi: parsing "x": invalid syntax'),
        ("query", {}, 'invalid parameter "query": unknown position: parse error: no expression found in input'),
        (
            "query_range",
            {"query": "1", "start": "5", "end": "4", "step": "1"},
            'invalid parameter "end": end timestamp must not be before start time',
        ),
        (
            "query_range",
            {"query": "1", "start": "1", "end": "4", "step": "0"},
            (
                'invalid parameter "step": zero or negative query resolution step widths are not accepted. '
                "Try a positive integer"
            ),
        ),
        (
            "query_range",
            {"query": "1", "start": "0", "end": "11001", "step": "1"},
            (
                "exceeded maximum resolution of 11,000 points per timeseries. "
                "Try decreasing the query resolution (?step=XX)"
            ),
        ),
        (
            "query_range",
            {"query": "up[1m]", "start": "0", "end": "1", "step": "1"},
            (
                'invalid parameter "query": invalid expression type "range vector" for range query, '
                "must be Scalar or instant Vector"
            ),
        ),
        ("query_range", {"query": "1", "start": "0", "step": "1"}, 'invalid parameter "end": cannot parse ""'),
    ],
)
async def test_a_wrong_parameter_is_named(path: str, parameters: dict[str, str], message: str) -> None:
    """With what was found, as `bad_data`."""
    answer = await ask(path, **parameters)

    assert answer.status_code == 400
    assert answer.json()["errorType"] == "bad_data"
    assert answer.json()["error"].startswith(message)


async def test_an_evaluation_that_fails_is_an_execution_error() -> None:
    """Status 422."""
    answer = await ask("query", query="up + on () up", time="5")

    assert answer.status_code == 422
    assert answer.json()["errorType"] == "execution"


async def test_what_is_not_enabled_says_so_in_prometheus_words() -> None:
    """Status 400: it is not PromQL here."""
    answer = await ask("query", query="info(up)")

    assert answer.status_code == 400
    assert answer.json()["error"] == 'invalid parameter "query": 1:1: parse error: function "info" is not enabled'


async def test_a_query_out_of_time_is_a_timeout() -> None:
    """The caller's own timeout counts where it is shorter."""
    answer = await ask("query", query="up", timeout="0s")

    assert answer.status_code == 503
    assert answer.json()["errorType"] == "timeout"


async def test_a_timeout_cannot_be_longer_than_the_servers() -> None:
    """Asking for an hour gives what the server allows."""
    options = EngineOptions(limits=QueryLimits(timeout_s=0.0))
    async with client_of(await store_of(LOAD), options=options) as client:
        answer = await client.get("query", params={"query": "up", "timeout": "1h"})

    assert answer.json()["errorType"] == "timeout"


async def test_a_limit_cuts_series_and_says_so() -> None:
    """In vectors and matrices."""
    answer = (await ask("query", query="up", time="5", limit="2")).json()

    assert len(answer["data"]["result"]) == 2
    assert answer["warnings"] == ["results truncated due to limit"]


async def test_statistics_come_when_asked_for() -> None:
    """Prometheus' names."""
    data = await data_of("query", query="up", time="5", stats="all")

    assert data["stats"]["samples"]["totalQueryableSamples"] == 18
    assert set(data["stats"]["timings"]) >= {"evalTotalTime", "execTotalTime"}


async def test_the_lookback_can_be_set() -> None:
    """For this query alone."""
    assert (await data_of("query", query="up", time="100", lookback_delta="10s"))["result"] == []
    assert len((await data_of("query", query="up", time="1000", lookback_delta="1000s"))["result"]) == 3


async def test_notes_travel_beside_the_result() -> None:
    """Infos and warnings are apart."""
    answer = (await ask("query", query="quantile(2, rate(up[5s]))", time="9")).json()

    assert answer["infos"][0].endswith('"up" (1:18)')
    assert answer["warnings"] == ["PromQL warning: quantile value should be between 0 and 1, got 2 (1:10)"]


async def test_a_large_answer_is_the_same_as_a_small_one() -> None:
    """Columns or not, the numbers are written alike."""
    values = "0.1 1e21 NaN Inf -Inf -0 1e-9 12345.678 1e15 5e-324"
    store = await store_of(f"load 1s\n    m {' '.join([values] * 100)}\n    n 1+1x999")

    async with client_of(store) as client:
        many = (await client.get("query", params={"query": "{__name__=~'m|n'}[1000s]", "time": "999"})).json()
        few = (await client.get("query", params={"query": "m[10s]", "time": "9"})).json()

    m, n = (row["values"] for row in many["data"]["result"])
    assert [value for _, value in m[:10]] == [value for _, value in few["data"]["result"][0]["values"]]
    assert [value for _, value in m[:10]] == [
        *("0.1", "1000000000000000000000", "NaN", "+Inf", "-Inf", "-0", "0.000000001", "12345.678"),
        *("1000000000000000", "0." + "0" * 323 + "5"),
    ]
    assert n[-1] == [999, "1000"]


async def test_a_query_can_be_formatted() -> None:
    """As it would be written by hand."""
    assert await data_of("format_query", query="sum by(job)(up)") == recorded("format_query")["data"]


async def test_exemplars_are_listed_by_series() -> None:
    """With labels, value and time."""
    store = await store_of(LOAD)
    series = labels_of({"__name__": "up", "job": "node", "instance": "127.0.0.1:19100"})
    exemplar = Exemplar(series, 5_500, 0.5, (("trace_id", "ab"),))
    await store.write_metrics(MetricBatch(exemplars=(exemplar,)))

    async with client_of(store) as client:
        answer = await client.get("query_exemplars", params={"query": "rate(up[5m])", "start": "0", "end": "10"})

    assert answer.json()["data"] == [
        {
            "seriesLabels": dict(series),
            "exemplars": [{"labels": {"trace_id": "ab"}, "value": "0.5", "timestamp": 5.5}],
        }
    ]


async def test_a_body_that_is_too_large_is_refused() -> None:
    """Before it is read to its end."""
    answer = await ask("query", "POST", query="1" * 2_000_000)

    assert answer.status_code == 413 or answer.json()["errorType"] == "bad_data"


@pytest.mark.parametrize("pieces", [1, 7, 15, 10_000])
async def test_a_large_answer_is_written_in_pieces(monkeypatch, pieces: int) -> None:
    """However many samples a piece has, and whether or not it is streamed, the answer is the same."""
    parameters = {"query": "up", "start": "0", "end": "9", "step": "1", "stats": "all"}
    whole = (await ask("query_range", **parameters)).json()
    monkeypatch.setattr(encode, "PIECE_SAMPLES", pieces)
    monkeypatch.setattr(query, "STREAM_FROM", 0)
    answer = await ask("query_range", **parameters)
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.json()["data"]["result"] == whole["data"]["result"]
    assert len(whole["data"]["result"]) == 3
    assert (await ask("query_range", **{**parameters, "query": "nothing"})).json()["data"]["result"] == []
