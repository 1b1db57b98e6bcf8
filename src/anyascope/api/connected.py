"""Work that ends when nobody waits for its result any more."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from starlette.responses import Response
from starlette.types import Receive

from anyascope.api.middleware import STATUS_GONE

WATCH_AFTER_S = 0.05  # most answers are there by then, and need no watching


async def while_connected(receive: Receive, work: Coroutine[Any, Any, Response]) -> Response:
    """What the work answers; where the client leaves first the work is cancelled, and nobody sees the answer.

    Args:
        receive: of a request whose body was read.
        work: is to be cancelled by `asyncio.CancelledError`.
    """
    task = asyncio.ensure_future(work)
    try:
        done, _ = await asyncio.wait({task}, timeout=WATCH_AFTER_S)
        if not done:
            leaving = asyncio.ensure_future(_left(receive))
            try:
                await asyncio.wait({task, leaving}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                leaving.cancel()
        return task.result() if task.done() else Response(status_code=STATUS_GONE)
    finally:
        task.add_done_callback(_forget)
        task.cancel()
        del task  # an error would hold this frame, and this frame the error: until somebody looks for garbage


def _forget(task: asyncio.Future[Response]) -> None:
    """Take what a cancelled piece of work still had to say; whoever asked is gone."""
    if not task.cancelled():
        task.exception()


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
