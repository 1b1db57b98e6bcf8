"""Who publishes where, over real sockets on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
import zmq
import zmq.asyncio

from anyascope.collect.collectors.bitcoin.feed import BlockFeed
from support.ports import free_port

TRIES = 3_000  # of 10 ms: half a minute, of a machine that does other work beside


@pytest.fixture
async def feed() -> AsyncIterator[BlockFeed]:
    """A feed that hears."""
    found = BlockFeed("n", lambda: None)
    running = asyncio.create_task(found.run())
    await asyncio.sleep(0)
    yield found
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def until(is_so: Callable[[], bool]) -> None:
    for _ in range(TRIES):
        if is_so():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("did not come true")


async def test_an_address_where_nobody_publishes_is_known(feed):
    """Until somebody does, and again once they are gone; without an address there is nothing to reach."""
    address = f"tcp://127.0.0.1:{free_port()}"
    assert feed.unreached == ""
    feed.listen_to([address])
    assert feed.unreached == address
    with zmq.asyncio.Context() as context:
        publisher = context.socket(zmq.PUB)
        publisher.bind(address)
        await until(lambda: feed.unreached == "")
        publisher.close(linger=0)
        await until(lambda: feed.unreached == address)
    feed.listen_to([])
    assert feed.unreached == ""
