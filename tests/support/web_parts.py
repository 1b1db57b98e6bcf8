"""What the small services of `web_apps` have in common."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Iterator

from anyascope.sdk.correlation import current_correlation_id
from anyascope.sdk.security import security_event

CHUNKS = 3


class Gate:
    """Lets a test hold a streamed answer open, and see what the application's work after an answer did."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.opened = threading.Event()


gate = Gate()


def note_failed_login() -> None:
    """What a login endpoint reports by itself."""
    security_event("failed_login", "medium", "login", user="satoshi")


def chunk(number: int) -> bytes:
    """A part of a streamed answer: it says under which id it was made."""
    return f"{number}:{current_correlation_id()};".encode()


async def chunks() -> AsyncIterator[bytes]:
    for number in range(CHUNKS):
        yield chunk(number)
        await asyncio.sleep(0)


async def broken_chunks() -> AsyncIterator[bytes]:
    yield b"begun"
    raise RuntimeError("broken in the middle")


async def endless_chunks() -> AsyncIterator[bytes]:
    while not gate.opened.is_set():
        yield b"x" * 65_536
        await asyncio.sleep(0.005)


def plain_chunks() -> Iterator[bytes]:
    for number in range(CHUNKS):
        yield chunk(number)


def plain_broken_chunks() -> Iterator[bytes]:
    yield b"begun"
    raise RuntimeError("broken in the middle")


def plain_endless_chunks() -> Iterator[bytes]:
    while not gate.opened.is_set():
        yield b"x" * 65_536
        time.sleep(0.005)
