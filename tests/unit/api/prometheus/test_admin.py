"""Deleting, cleaning and snapshots through the API."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import httpx
import pytest

from anyascope.model.labels import Matcher
from support.prometheus_api import Told, client_of
from support.promql import store_of

LOAD = """
load 10s
    up{job="a"} 1x9
    up{job="b"} 1x9
"""


async def ask(client: httpx.AsyncClient, path: str, **parameters: str | list[str]) -> httpx.Response:
    return await client.post(f"admin/tsdb/{path}", params=parameters)


async def samples(client: httpx.AsyncClient) -> dict[str, int]:
    answer = await client.get("query", params={"query": "count_over_time(up[5m])", "time": "100"})
    return {row["metric"]["job"]: int(row["value"][1]) for row in answer.json()["data"]["result"]}


@pytest.mark.parametrize("path", ["delete_series", "snapshot", "clean_tombstones"])
async def test_nothing_may_be_done_until_it_is_enabled(path: str) -> None:
    """Upstream's own answer; nothing was done."""
    store, told = await store_of(LOAD), Told()
    async with client_of(store, told) as client:
        answer = await ask(client, path, **{"match[]": "up"})
        assert (answer.status_code, answer.json()) == (
            500,
            {"status": "error", "errorType": "unavailable", "error": "admin APIs disabled"},
        )
        assert (await client.get(f"admin/tsdb/{path}")).status_code == 405
        assert await samples(client) == {"a": 10, "b": 10}
    assert (told.snapshots, told.cleanings) == ([], 0)


async def test_series_are_deleted_within_a_stretch() -> None:
    """Both ends belong to it; other series stay. Without a stretch all of a series goes."""
    async with client_of(await store_of(LOAD), has_admin_api=True) as client:
        cut = await ask(client, "delete_series", **{"match[]": 'up{job="a"}', "start": "20", "end": "40"})
        assert (cut.status_code, cut.content) == (204, b"")
        assert await samples(client) == {"a": 7, "b": 10}

        await ask(client, "delete_series", **{"match[]": ['up{job="a"}', "nothing"]})
        assert await samples(client) == {"b": 10}


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({}, "no match[] parameter provided"),
        ({"match[]": "sum("}, 'invalid parameter "match[]": 1:4: parse error: unexpected "("'),
        ({"match[]": "up[5m]"}, 'invalid parameter "match[]": 1:3: parse error: unexpected "["'),
        ({"match[]": "{}"}, 'invalid parameter "match[]": match[] must contain at least one non-empty matcher'),
        ({"match[]": "up", "start": "x"}, 'invalid parameter "start": invalid time value'),
    ],
)
async def test_a_wrong_deletion_deletes_nothing(parameters: dict[str, str], message: str) -> None:
    """The parameter is named."""
    async with client_of(await store_of(LOAD), has_admin_api=True) as client:
        answer = await ask(client, "delete_series", **parameters)
        assert (answer.status_code, answer.json()["errorType"]) == (400, "bad_data")
        assert answer.json()["error"].startswith(message)
        assert await samples(client) == {"a": 10, "b": 10}


async def test_a_stretch_that_ends_before_it_begins_deletes_nothing() -> None:
    """As upstream."""
    async with client_of(await store_of(LOAD), has_admin_api=True) as client:
        answer = await ask(client, "delete_series", **{"match[]": "up", "start": "40", "end": "20"})
        assert answer.status_code == 204
        assert await samples(client) == {"a": 10, "b": 10}


async def test_a_snapshot_is_named() -> None:
    """`skip_head` must be a boolean."""
    told = Told()
    async with client_of(await store_of(LOAD), told, has_admin_api=True) as client:
        made = await ask(client, "snapshot", skip_head="true")
        wrong = await ask(client, "snapshot", skip_head="x")
        cleaned = await ask(client, "clean_tombstones")

    assert made.json() == {"status": "success", "data": {"name": "disk-0"}}
    assert wrong.json()["error"] == (
        'invalid parameter "skip_head": unable to parse boolean: strconv.ParseBool: parsing "x": invalid syntax'
    )
    assert (cleaned.status_code, told.cleanings, told.snapshots) == (204, 1, ["disk-0"])


async def test_a_deletion_goes_on_without_its_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of one would be worse than none."""
    store = await store_of(LOAD)
    begun, may_go_on, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()
    delete = store.delete

    async def slow(sets: Sequence[Sequence[Matcher]], *, start_ms: int, end_ms: int) -> int:
        begun.set()
        await may_go_on.wait()
        touched = await delete(sets, start_ms=start_ms, end_ms=end_ms)
        ended.set()
        return touched

    monkeypatch.setattr(store, "delete", slow)
    async with client_of(store, has_admin_api=True) as client:
        caller = asyncio.create_task(ask(client, "delete_series", **{"match[]": 'up{job="a"}'}))
        await begun.wait()
        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller
        may_go_on.set()
        await ended.wait()
        assert await samples(client) == {"b": 10}
