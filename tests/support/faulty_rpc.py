"""A door in front of a real node's RPC that can misbehave, and a relay of its ZMQ messages that loses some."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import ssl
import struct
from collections import Counter
from collections.abc import Awaitable, Callable, Collection
from typing import Self
from urllib.parse import urlsplit

import zmq
import zmq.asyncio

from support.collecting import Request, ScriptedTarget
from support.ports import free_port

CHUNK = b"x" * 65_536

Real = Callable[[], Awaitable[tuple[str, bytes]]]
"""Asks the node itself: its status line's status, and its body."""

Fault = Callable[[asyncio.StreamWriter, Real], Awaitable[None]]
"""What the door does with a request instead of passing it."""


class FaultyDoor:
    """A running door to the node at `target`; `fault` is what it does with calls of `only` (all where empty) from now on.

    Attributes:
        asked: how often each method came.
    """

    def __init__(self, target: str, *, tls: ssl.SSLContext | None = None) -> None:
        self._to = urlsplit(target)
        self._server = ScriptedTarget(self._handle, tls=tls)
        self.fault: Fault | None = None
        self.only: Collection[str] = ()
        self.asked: Counter[str] = Counter()

    async def __aenter__(self) -> Self:
        await self._server.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._server.__aexit__(*error)

    @property
    def url(self) -> str:
        return self._server.url.removesuffix("/metrics")

    async def _handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: Request) -> None:
        body = await reader.readexactly(int(request.headers.get("content-length", 0)))
        calls = json.loads(body)
        method = (calls[0] if isinstance(calls, list) else calls)["method"]
        self.asked[method] += 1

        async def real() -> tuple[str, bytes]:
            return await self._pass(request, body)

        if self.fault is not None and (not self.only or method in self.only):
            await self.fault(writer, real)
        else:
            answer(writer, *await real())

    async def _pass(self, request: Request, body: bytes) -> tuple[str, bytes]:
        reader, writer = await asyncio.open_connection(self._to.hostname, self._to.port)
        try:
            head = [f"POST {request.path} HTTP/1.1", "Host: node", "Connection: close", f"Content-Length: {len(body)}"]
            if "authorization" in request.headers:
                head.append(f"Authorization: {request.headers['authorization']}")
            writer.write("\r\n".join([*head, "", ""]).encode() + body)
            told, _, told_body = (await reader.read()).partition(b"\r\n\r\n")
            return told.split(b"\r\n", 1)[0].decode().partition(" ")[2], told_body
        finally:
            writer.close()


def answer(writer: asyncio.StreamWriter, status: str, body: bytes) -> None:
    """A whole answer."""
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body)


# --- what a door may do -----------------------------------------------------------------------------------------------


def answers(status: str, body: bytes = b"") -> Fault:
    """Another answer than the node's."""

    async def fault(writer: asyncio.StreamWriter, _: Real) -> None:
        answer(writer, status, body)

    return fault


def delays(seconds: float) -> Fault:
    """The node's answer, later."""

    async def fault(writer: asyncio.StreamWriter, real: Real) -> None:
        await asyncio.sleep(seconds)
        answer(writer, *await real())

    return fault


async def hangs(writer: asyncio.StreamWriter, _: Real) -> None:
    """No answer, until the other end gives up."""
    await writer.wait_closed()


async def cuts(writer: asyncio.StreamWriter, real: Real) -> None:
    """Half of the answer, then the connection ends."""
    status, body = await real()
    head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body[: len(body) // 2])
    writer.close()


async def truncates(writer: asyncio.StreamWriter, real: Real) -> None:
    """Half of the JSON, in an answer that is whole as HTTP."""
    status, body = await real()
    answer(writer, status, body[: len(body) // 2])


async def closes(writer: asyncio.StreamWriter, _: Real) -> None:
    """The connection ends without an answer."""
    writer.close()


async def resets(writer: asyncio.StreamWriter, _: Real) -> None:
    """The connection is reset."""
    found = writer.get_extra_info("socket")
    found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def babbles(writer: asyncio.StreamWriter, _: Real) -> None:
    """Something that is no HTTP."""
    writer.write(b"\x15\x03\x03\x00\x02\x02\x46SSH-2.0-other\r\n")
    writer.close()


async def floods(writer: asyncio.StreamWriter, _: Real) -> None:
    """A body without end."""
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n[")
    while not writer.is_closing():
        writer.write(CHUNK)
        await writer.drain()


async def drips(writer: asyncio.StreamWriter, real: Real) -> None:
    """The node's answer, a byte at a time."""
    status, body = await real()
    writer.write(f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n".encode())
    for at in range(len(body)):
        if writer.is_closing():
            return
        writer.write(body[at : at + 1])
        await writer.drain()
        await asyncio.sleep(0.05)


class ZmqRelay:
    """Passes a node's messages on, number by number; those that come while `is_losing` are lost."""

    def __init__(self, target: str) -> None:
        self._target = target
        self._context = zmq.asyncio.Context()
        self._task: asyncio.Task[None] | None = None
        self._node: zmq.asyncio.Socket | None = None
        self._public: zmq.asyncio.Socket | None = None
        self.address = f"tcp://127.0.0.1:{free_port()}"
        self.is_losing = False
        self.lost: Counter[str] = Counter()

    async def __aenter__(self) -> Self:
        self._node = self._context.socket(zmq.SUB)
        self._node.subscribe(b"")
        self._node.connect(self._target)
        self.open()
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._context.destroy(linger=0)

    def open(self) -> None:
        """Listen."""
        self._public = self._context.socket(zmq.PUB)
        self._public.bind(self.address)

    def shut(self) -> None:
        """Go away; messages that come now are lost."""
        assert self._public is not None
        self._public.close(linger=0)
        self._public = None

    async def _run(self) -> None:
        assert self._node is not None
        while True:
            frames = await self._node.recv_multipart()
            if self.is_losing or self._public is None:
                self.lost[frames[0].decode()] += 1
                continue
            with contextlib.suppress(zmq.ZMQError):
                await self._public.send_multipart(frames)
