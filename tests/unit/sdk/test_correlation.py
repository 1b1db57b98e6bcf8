"""The id that joins one operation's signals."""

from __future__ import annotations

import asyncio
import contextvars
import uuid

import pytest
from opentelemetry import context as otel_context

from anyascope.sdk.correlation import CONTEXT_KEY, correlation, current_correlation_id
from anyascope.sdk.guard import MisuseError, strict


def test_holds_inside_and_not_after():
    """The id holds in the block and is gone after it; an inner block has its own."""
    with correlation("outer"):
        with correlation("inner"):
            assert current_correlation_id() == "inner"
        assert current_correlation_id() == "outer"
    assert current_correlation_id() == ""


@pytest.mark.parametrize("unsound", [None, "", "x" * 129, "a b", "line\nbreak", "ünïcode"])
def test_an_unsound_id_is_replaced(unsound):
    """An id that is missing, too long or not printable gives way to a new UUID."""
    with correlation(unsound) as chosen:
        assert uuid.UUID(chosen).version == 4


async def test_each_task_has_its_own():
    """Tasks that run at once do not see each other's id, also by `async with`."""

    async def work(name: str) -> str:
        async with correlation(name):
            await asyncio.sleep(0)
            return current_correlation_id()

    names = [f"c-{number}" for number in range(20)]
    assert await asyncio.gather(*map(work, names)) == names
    assert current_correlation_id() == ""


def test_a_secret_is_no_id():
    """A token that somebody sends as an id would stand on every line: a new one stands in its place."""
    secret = "5HueCGU8rMjxEXxiPuD5BDku4MkFqeZyd4dZ1jvhTVqvbTLvyTJ"
    with correlation(secret) as chosen:
        assert chosen != secret


def test_leaving_in_another_context_does_no_harm():
    """A generator that is closed elsewhere leaves the id that holds there alone."""

    def steps():
        with correlation("inner"):
            yield

    generator = steps()
    contextvars.copy_context().run(next, generator)
    with correlation("outer"):
        generator.close()
        assert current_correlation_id() == "outer"


def test_an_id_that_came_with_a_message_holds():
    """What a propagator took out of a message is the id, until code says another."""
    token = otel_context.attach(otel_context.set_value(CONTEXT_KEY, "from-a-message"))
    try:
        assert current_correlation_id() == "from-a-message"
        with correlation("c-1"):
            assert current_correlation_id() == "c-1"
    finally:
        otel_context.detach(token)


@pytest.mark.parametrize("odd", [7, b"c-1", ["c-1"], object()])
def test_what_is_no_text_is_misuse(odd):
    """An id that is no text raises in tests and is replaced in production."""
    with strict(), pytest.raises(MisuseError, match="correlation id is a text"):
        correlation(odd)
    with correlation(odd) as chosen:
        assert uuid.UUID(chosen).version == 4
