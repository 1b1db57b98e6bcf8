"""Pages by script: the n-th request of a client for a path gets the path's n-th answer, the last one from then on."""

from __future__ import annotations

import asyncio
import gzip
import time
from collections import Counter
from dataclasses import dataclass, field

from support.collecting import Request

TEXT = "text/plain; version=0.0.4"
OPEN = "application/openmetrics-text; version=1.0.0"
AGO_MS = 800  # more than a request takes on a loaded machine, less than an interval
PROTOBUF = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"


@dataclass(frozen=True)
class Page:
    """An answer. `NOW` in the body becomes a moment ago, in milliseconds.

    Attributes:
        kind: None for no Content-Type.
        is_silent: nothing is answered at all.
        cut: so many bytes of the body are left out at the end.
    """

    body: bytes = b""
    kind: str | None = TEXT
    status: str = "200 OK"
    headers: str = ""
    is_silent: bool = False
    is_zipped: bool = False
    cut: int = 0


@dataclass
class Script:
    """Answers of a server, by path."""

    pages: dict[str, list[Page]]
    asked: Counter[tuple[str, str]] = field(default_factory=Counter)
    accepted: dict[tuple[str, str], str] = field(default_factory=dict)

    async def serve(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter, request: Request) -> None:
        """One answer; a handler of `ScriptedTarget`."""
        client = "theirs" if "Prometheus" in request.headers["user-agent"] else "ours"
        pages = self.pages[request.path]
        page = pages[min(self.asked[client, request.path], len(pages) - 1)]
        self.asked[client, request.path] += 1
        self.accepted[client, request.path] = request.headers["accept"]
        if page.is_silent:
            await asyncio.sleep(5)
            writer.transport.abort()
            return
        body = page.body.replace(b"NOW", b"%d" % (time.time_ns() // 1_000_000 - AGO_MS))
        headers = page.headers + (f"Content-Type: {page.kind}\r\n" if page.kind is not None else "")
        if page.is_zipped:
            body, headers = gzip.compress(body), f"{headers}Content-Encoding: gzip\r\n"
        body = body[: len(body) - page.cut]
        writer.write(f"HTTP/1.1 {page.status}\r\nContent-Length: {len(body)}\r\n{headers}\r\n".encode() + body)
