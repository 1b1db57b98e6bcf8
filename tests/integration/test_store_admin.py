"""Deletions and snapshots of the store on disk: what they promise holds after a restart, too."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import httpx
import pytest
from prometheus_client import CollectorRegistry

from anyascope.clock import SystemClock
from anyascope.store.chdb import ChdbStore, StoreOptions
from support.remote_write import remote_write
from support.server import ServerProcess
from support.telemetry import NOW_MS, labels, samples, selected

HEADERS = {"content-type": "application/x-protobuf", "content-encoding": "snappy"}
BASE_MS = (
    round(time.time()) - 86_400
) * 1_000  # older than the hot window: read from the disk; and younger than retention
ENABLED = ("--no-collect", "--web.enable-admin-api")
STEPS = 100


def send(url: str, name: str, *, value: float = 1.0, at_ms: int = BASE_MS) -> None:
    rows = [
        ((("__name__", name), ("n", str(n))), [(at_ms + 1000 * step, value) for step in range(STEPS)]) for n in range(3)
    ]
    answer = httpx.post(f"{url}/api/v1/write", content=remote_write(rows), headers=HEADERS)
    assert answer.status_code == 204, answer.text


def counted(url: str, expression: str, *, at_ms: int = BASE_MS) -> dict[str, int]:
    """Samples by label `n` within the last 5 minutes of what `send` wrote."""
    params = {"query": f"count_over_time({expression}[5m])", "time": f"{at_ms / 1000 + STEPS:.3f}"}
    found = httpx.get(f"{url}/api/v1/query", params=params).json()["data"]["result"]
    return {row["metric"].get("n", ""): int(row["value"][1]) for row in found}


def admin(url: str, action: str, **parameters: str) -> httpx.Response:
    return httpx.post(f"{url}/api/v1/admin/tsdb/{action}", params=parameters, timeout=60)


@pytest.mark.long
def test_what_was_deleted_stays_deleted(tmp_path: Path) -> None:
    """Within its stretch, for readers at once and after `kill -9`; what is written again after that is there."""
    server = ServerProcess(tmp_path, arguments=ENABLED).start()
    try:
        send(server.url, "kept")
        send(server.url, "cut")
        begin_s = BASE_MS // 1000
        answer = admin(
            server.url, "delete_series", **{"match[]": 'cut{n="1"}', "start": str(begin_s), "end": str(begin_s + 49)}
        )
        assert (answer.status_code, answer.text) == (204, "")
        assert counted(server.url, "cut") == {"0": STEPS, "1": STEPS - 50, "2": STEPS}
        assert admin(server.url, "delete_series", **{"match[]": 'cut{n="2"}'}).status_code == 204
        assert admin(server.url, "clean_tombstones").status_code == 204
        names = httpx.get(f"{server.url}/api/v1/series", params={"match[]": "cut"}).json()["data"]
        assert [row["n"] for row in names] == ["0", "1"]

        server.kill()
        server.start()
        assert counted(server.url, "cut") == {"0": STEPS, "1": STEPS - 50}
        assert counted(server.url, "kept") == {"0": STEPS, "1": STEPS, "2": STEPS}

        send(server.url, "cut")
        assert counted(server.url, "cut") == {"0": STEPS, "1": STEPS, "2": STEPS}
    finally:
        server.kill()


@pytest.mark.long
def test_a_server_starts_on_a_snapshot(tmp_path: Path) -> None:
    """It has what there was when the snapshot was made, and nothing of what came or went after it."""
    (tmp_path / "first").mkdir()
    (tmp_path / "second").mkdir()
    server = ServerProcess(tmp_path / "first", arguments=ENABLED).start()
    try:
        send(server.url, "before")
        made = admin(server.url, "snapshot").json()
        assert made["status"] == "success", made
        send(server.url, "after")
        admin(server.url, "delete_series", **{"match[]": "before"})
        assert counted(server.url, "before") == {}
        snapshot = tmp_path / "first" / "data" / "telemetry" / "snapshots" / made["data"]["name"]
        assert not list(snapshot.parent.glob(".*")), "nothing unfinished is left"
        assert server.stop() == 0
    finally:
        if server.is_running:
            server.kill()

    restored = ServerProcess(tmp_path / "second", arguments=ENABLED)
    snapshot.rename(tmp_path / "second" / "data")
    try:
        restored.start()
        assert counted(restored.url, "before") == {"0": STEPS, "1": STEPS, "2": STEPS}
        assert counted(restored.url, "after") == {}
        send(restored.url, "later")
        assert counted(restored.url, "later") == {"0": STEPS, "1": STEPS, "2": STEPS}
        assert restored.stop() == 0
    finally:
        if restored.is_running:
            restored.kill()


async def test_a_snapshot_holds_all_that_was_acknowledged_before_it(tmp_path: Path) -> None:
    """Every sample with its series, while writes go on."""

    async def opened(directory: Path) -> ChdbStore:
        return await ChdbStore.open(
            directory, options=StoreOptions(), clock=SystemClock(), registry=CollectorRegistry()
        )

    store = await opened(tmp_path / "telemetry")
    acknowledged: list[int] = []
    wants_more = True
    has_begun = asyncio.Event()

    async def write() -> None:
        while wants_more:
            number = len(acknowledged)
            rows = [(labels("up", batch=str(number), row=str(row)), NOW_MS + number, float(number)) for row in range(5)]
            await store.metrics.write_metrics(samples(*rows))
            acknowledged.append(number)
            if number == 20:
                has_begun.set()
            await asyncio.sleep(0)

    try:
        writer = asyncio.create_task(write())
        await has_begun.wait()
        before = len(acknowledged)
        name = await store.keeper.snapshot()
        wants_more = False
        await writer
    finally:
        await store.close()

    copy = await opened(tmp_path / "telemetry" / "snapshots" / name / "telemetry")
    try:
        assert copy.found_at_start == []
        found = await selected(copy, "__name__=up")
    finally:
        await copy.close()
    numbers = [int(value) for held in found.values() for _, value in held]
    assert {number: numbers.count(number) for number in range(before)} == dict.fromkeys(range(before), 5)
