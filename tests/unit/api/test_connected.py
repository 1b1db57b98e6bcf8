"""Work ends when its client leaves."""

from __future__ import annotations

import asyncio

import pytest
from starlette.responses import Response

from anyascope.api.connected import WATCH_AFTER_S, while_connected


async def stays() -> dict:
    await asyncio.Event().wait()
    raise AssertionError("never")


async def test_work_is_answered() -> None:
    """Quick or slow, as long as the client is there."""

    async def work(wait_s: float) -> Response:
        await asyncio.sleep(wait_s)
        return Response("done")

    for wait_s in (0.0, WATCH_AFTER_S * 2):
        assert (await while_connected(stays, work(wait_s))).body == b"done"


async def test_work_ends_when_the_client_leaves() -> None:
    """It is cancelled, whatever it does then."""
    ended = asyncio.Event()

    async def work() -> Response:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        raise AssertionError("never")

    messages = [{"type": "http.request"}, {"type": "http.disconnect"}]

    async def leaves() -> dict:
        return messages.pop(0)

    async with asyncio.timeout(60):
        assert (await while_connected(leaves, work())).status_code == 499
        await ended.wait()


async def test_errors_of_the_work_come_out() -> None:
    """As if it had been awaited."""

    async def work() -> Response:
        await asyncio.sleep(WATCH_AFTER_S * 2)
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await while_connected(stays, work())


async def test_work_is_cancelled_with_its_request() -> None:
    """A server that stops leaves nothing behind."""
    ended = asyncio.Event()

    async def work() -> Response:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        raise AssertionError("never")

    task = asyncio.create_task(while_connected(stays, work()))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with asyncio.timeout(60):
        await ended.wait()
