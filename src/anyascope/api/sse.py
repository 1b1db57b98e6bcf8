"""Server-sent events: bounded in number, kept alive, ended together when the server stops.

Source: WHATWG HTML, "Server-sent events".
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Final

from prometheus_client import CollectorRegistry, Gauge
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from anyascope.errors import UnavailableError

STREAMS_MAX = 100  # open at a time: each is a connection and a task; a team's open pages are some dozens
KEEP_ALIVE_S = 15.0  # under the 30 s after which proxies commonly cut a silent connection
BUSY_RETRY_AFTER_S = 10.0

# Told first: the answer's head leaves at once, and a browser waits 2 s before it connects again.
OPENING: Final = b"retry: 2000\n\n"
KEEP_ALIVE: Final = b": \n\n"


def event(name: str, data: bytes) -> bytes:
    """One event; `data` is JSON on one line."""
    return b"event: %b\ndata: %b\n\n" % (name.encode(), data)


class Stream:
    """One reader's connection: woken when there is something to say, closed when the server stops."""

    def __init__(self, *, keep_alive_s: float) -> None:
        self._wake = asyncio.Event()
        self._keep_alive_s = keep_alive_s
        self.is_closed = False

    def wake(self) -> None:
        """There is something to say."""
        self._wake.set()

    def close(self) -> None:
        """Nothing more will be said."""
        self.is_closed = True
        self._wake.set()

    async def woken(self, *, within_s: float | None = None) -> bool:
        """True as soon as there is something to say, False after `within_s` (or the keep-alive's time) of silence."""
        try:
            async with asyncio.timeout(self._keep_alive_s if within_s is None else within_s):
                await self._wake.wait()
        except TimeoutError:
            return False
        self._wake.clear()
        return True


class Streams:
    """All open streams of the server."""

    def __init__(
        self, *, registry: CollectorRegistry, streams_max: int = STREAMS_MAX, keep_alive_s: float = KEEP_ALIVE_S
    ) -> None:
        self._open: set[Stream] = set()
        self._streams_max = streams_max
        self._keep_alive_s = keep_alive_s
        self._is_closing = False
        gauge = Gauge("anyascope_event_streams", "Open streams of server-sent events.", registry=registry)
        gauge.set_function(lambda: len(self._open))

    def open(self) -> Stream:
        """A stream for one more reader; `release` it when the reader is gone.

        Raises:
            UnavailableError: there are too many, or the server is stopping.
        """
        if self._is_closing or len(self._open) >= self._streams_max:
            raise UnavailableError(
                f"{len(self._open)} event streams are open, at most {self._streams_max} may be: close some pages",
                retry_after_s=BUSY_RETRY_AFTER_S,
            )
        stream = Stream(keep_alive_s=self._keep_alive_s)
        self._open.add(stream)
        return stream

    def release(self, stream: Stream) -> None:
        """The reader is gone."""
        self._open.discard(stream)

    def close(self) -> None:
        """End all streams, and open no more."""
        self._is_closing = True
        for stream in self._open:
            stream.close()


class EventStreamResponse(Response):
    """Sends what `chunks` gives until it ends or the reader goes; `chunks` is closed and the stream released then."""

    media_type = "text/event-stream"

    def __init__(self, chunks: AsyncGenerator[bytes, None], *, stream: Stream, streams: Streams) -> None:
        # nginx buffers answers unless it is told not to.
        super().__init__(headers={"cache-control": "no-store", "x-accel-buffering": "no"})
        del self.headers["content-length"]
        self._chunks = chunks
        self._stream = stream
        self._streams = streams

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002  # ASGI
        tasks = {asyncio.create_task(self._send_all(send)), asyncio.create_task(_gone(receive))}
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._chunks.aclose()
            self._streams.release(self._stream)
        for task in done:
            task.result()

    async def _send_all(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        # A reader who goes while something is being sent is no fault of ours.
        with contextlib.suppress(OSError):
            await _pass_on(self._chunks, send)


async def _pass_on(chunks: AsyncIterator[bytes], send: Send) -> None:
    async for chunk in chunks:
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
