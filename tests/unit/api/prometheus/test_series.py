"""What there is to ask about."""

from __future__ import annotations

import httpx
import pytest

from anyascope.api.prometheus.series import unescaped
from anyascope.model.metrics import MetricBatch, MetricMetadata, MetricType
from support.prometheus_api import client_of
from support.promql import store_of

LOAD = """
load 1s
    up{job="a"} 1x9
    up{job="b"} 1x9
    {"http.requests","status.code"="200"} 1x9
"""


async def ask(path: str, **parameters: str | list[str]) -> httpx.Response:
    store = await store_of(LOAD)
    await store.write_metrics(
        MetricBatch(
            metadata=(
                MetricMetadata("up", MetricType.GAUGE, "Whether it answers.", ""),
                MetricMetadata("x_seconds", MetricType.COUNTER, "Time.", "seconds"),
            )
        )
    )
    async with client_of(store) as client:
        return await client.get(path, params=parameters)


async def test_series_are_listed_by_selectors() -> None:
    """Several of them are joined."""
    answer = await ask("series", **{"match[]": ['up{job="a"}', '{"http.requests"}']})

    assert answer.json()["data"] == [
        {"__name__": "http.requests", "status.code": "200"},
        {"__name__": "up", "job": "a"},
    ]


async def test_series_need_a_selector() -> None:
    """As Prometheus has it."""
    answer = await ask("series")

    assert (answer.status_code, answer.json()["error"]) == (400, "no match[] parameter provided")


@pytest.mark.parametrize("match", ["up[5m]", "rate(up[5m])", "1", "{}", "up offset 5m"])
async def test_only_selectors_select(match: str) -> None:
    """Anything else is `bad_data` that names the parameter."""
    answer = await ask("series", **{"match[]": match})

    assert answer.status_code == 400
    assert answer.json()["error"].startswith('invalid parameter "match[]": ')


async def test_label_names_and_values_are_listed() -> None:
    """Of all series, or of the selected ones."""
    assert (await ask("labels")).json()["data"] == ["__name__", "job", "status.code"]
    assert (await ask("labels", **{"match[]": "up"})).json()["data"] == ["__name__", "job"]
    assert (await ask("label/job/values")).json()["data"] == ["a", "b"]
    assert (await ask("label/none/values")).json()["data"] == []


async def test_an_escaped_label_name_is_understood() -> None:
    """`U__` marks it."""
    assert (await ask("label/U__status_2e_code/values")).json()["data"] == ["200"]
    assert (await ask("label/status.code/values")).json()["data"] == ["200"]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("job", "job"),
        ("U__a_2e_b", "a.b"),
        ("U__a__b", "a_b"),
        ("U___1F600_", "😀"),
        ("U__a_zz_", "U__a_zz_"),
        ("U__a_", "U__a_"),
        ("U__a_110000_", "U__a_110000_"),
    ],
)
def test_escapes(name: str, meant: str) -> None:
    """What is no escape stays."""
    assert unescaped(name) == meant


async def test_a_limit_cuts_and_says_so() -> None:
    """One more than asked for was there."""
    cut, whole = (await ask("label/job/values", limit="1")).json(), (await ask("label/job/values", limit="2")).json()

    assert (cut["data"], cut["warnings"]) == (["a"], ["results truncated due to limit"])
    assert "warnings" not in whole


async def test_a_stretch_that_ends_before_it_begins_holds_nothing() -> None:
    """Upstream does not call it wrong."""
    answer = await ask("series", **{"match[]": "up", "start": "5", "end": "4"})

    assert (answer.status_code, answer.json()["data"]) == (200, [])


async def test_metadata_is_listed_by_metric() -> None:
    """All, one, or some."""
    everything = {
        "up": [{"type": "gauge", "unit": "", "help": "Whether it answers."}],
        "x_seconds": [{"type": "counter", "unit": "seconds", "help": "Time."}],
    }

    assert (await ask("metadata")).json()["data"] == everything
    assert list((await ask("metadata", metric="up")).json()["data"]) == ["up"]
    assert len((await ask("metadata", limit="1")).json()["data"]) == 1
    assert (await ask("metadata", limit="0")).json()["data"] == {}
    assert (await ask("metadata", limit="-1")).json()["data"] == everything
    assert (await ask("metadata", limit="x")).json()["error"] == "limit must be a number"
