"""Server-sent events."""

from __future__ import annotations

import asyncio

import pytest
from prometheus_client import CollectorRegistry

from anyascope.api.sse import OPENING, EventStreamResponse, Streams, event
from anyascope.errors import UnavailableError


class Connection:
    """An ASGI connection by hand."""

    def __init__(self):
        self.sent = []
        self.has_body = asyncio.Event()
        self.is_gone = asyncio.Event()

    async def receive(self):
        await self.is_gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message):
        self.sent.append(message)
        if message["type"] == "http.response.body":
            self.has_body.set()


async def test_streams_are_bounded_in_number():
    """One more than there may be is refused with a time to come again; a released one makes room."""
    registry = CollectorRegistry()
    streams = Streams(registry=registry, streams_max=1)
    stream = streams.open()
    with pytest.raises(UnavailableError) as caught:
        streams.open()
    assert caught.value.retry_after_s > 0
    assert registry.get_sample_value("anyascope_event_streams") == 1
    streams.release(stream)
    streams.open()


async def test_a_stopping_server_ends_all_streams_and_opens_none():
    """A reader does not hold the server's end up."""
    streams = Streams(registry=CollectorRegistry())
    stream = streams.open()
    streams.close()
    assert stream.is_closed
    assert await stream.woken()
    with pytest.raises(UnavailableError):
        streams.open()


async def test_a_response_ends_and_releases_its_stream_when_the_reader_goes():
    """The generator is closed, wherever it stands."""
    streams = Streams(registry=CollectorRegistry(), streams_max=1)
    stream = streams.open()
    closed = asyncio.Event()

    async def chunks():
        try:
            yield OPENING
            await stream.woken()
        finally:
            closed.set()

    connection = Connection()
    response = EventStreamResponse(chunks(), stream=stream, streams=streams)
    served = asyncio.create_task(response({"type": "http"}, connection.receive, connection.send))
    await asyncio.wait_for(connection.has_body.wait(), 60)
    connection.is_gone.set()
    await asyncio.wait_for(served, 60)
    assert closed.is_set()
    assert connection.sent[1]["body"] == OPENING
    streams.open()


async def test_a_fault_of_the_generator_comes_out_and_releases_the_stream():
    """Nobody swallows a fault, and it costs no stream."""
    streams = Streams(registry=CollectorRegistry(), streams_max=1)

    async def chunks():
        yield OPENING
        raise ValueError("fault")

    connection = Connection()
    response = EventStreamResponse(chunks(), stream=streams.open(), streams=streams)
    with pytest.raises(ValueError, match="fault"):
        await response({"type": "http"}, connection.receive, connection.send)
    streams.open()


def test_an_event_is_two_lines():
    """A name and one line of data."""
    assert event("row", b"{}") == b"event: row\ndata: {}\n\n"
