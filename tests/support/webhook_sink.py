"""A webhook's far end in a process of its own: remembers when it was first told of each alert, and fails at random.

Run with a share of requests to fail and a seed; prints its port. `GET /` gives what it heard as JSON (see `Heard`).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import msgspec


@dataclass(frozen=True)
class Heard:
    """What arrived and was answered with 200, by the first part of the path.

    Attributes:
        firing: when an alert, by its label `instance`, was first told as firing; Unix seconds.
        resolved: the same, as resolved.
        ids: how often each `Idempotency-Key` was answered with 200.
        notifications: answered with 200.
        refused: answered with 500.
    """

    firing: dict[str, float]
    resolved: dict[str, float]
    ids: dict[str, int]
    notifications: int
    refused: int


@dataclass(frozen=True)
class WebhookSink:
    """A running sink."""

    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def heard(self, path: str) -> Heard:
        """What came below this path so far."""
        return Heard(**httpx.get(f"{self.url}/{path}", timeout=60).json())


@contextlib.contextmanager
def webhook_sink(*, failing: float = 0.0) -> Iterator[WebhookSink]:
    """A sink that answers this share of the requests with 500."""
    command = [sys.executable, str(Path(__file__).resolve()), str(failing)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield WebhookSink(int(process.stdout.readline()))
    finally:
        process.kill()
        process.wait()


def _nothing() -> dict[str, Any]:
    return {"firing": {}, "resolved": {}, "ids": {}, "notifications": 0, "refused": 0}


async def _main(failing: float) -> None:
    heard: dict[str, dict[str, Any]] = {}
    chance = random.Random(7)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                method, path, _ = head[0].split(" ")
                fields = {line.split(": ", 1)[0].lower(): line.split(": ", 1)[1] for line in head[1:] if ": " in line}
                body = await reader.readexactly(int(fields.get("content-length", "0")))
                mine = heard.setdefault(path.split("/")[1], _nothing())
                is_failing = method != "GET" and chance.random() < failing  # who looks changes nothing of what comes
                writer.write(_answer(method, fields, body, mine, is_failing=is_failing))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=1024, limit=2**24)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


def _answer(method: str, fields: dict[str, str], body: bytes, mine: dict[str, Any], *, is_failing: bool) -> bytes:
    if method == "GET":
        text = json.dumps(mine).encode()
        return b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (len(text), text)
    if is_failing:
        mine["refused"] += 1
        return b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\r\n"
    now_s = time.time()
    mine["notifications"] += 1
    if key := fields.get("idempotency-key"):
        mine["ids"][key] = mine["ids"].get(key, 0) + 1
    for alert in msgspec.json.decode(body)["alerts"]:
        mine[alert["status"]].setdefault(alert["labels"]["instance"], now_s)
    return b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"


if __name__ == "__main__":
    asyncio.run(_main(float(sys.argv[1])))
