"""Generators that run in a context of their own: what they make current between two steps is not seen by who steps them."""

from __future__ import annotations

import functools
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import AbstractContextManager
from contextvars import Context
from typing import Any, TypeVar

Y = TypeVar("Y")
S = TypeVar("S")
R = TypeVar("R")


def stepped(context: Context, generator: Generator[Y, S, R]) -> Generator[Y, S, R]:
    """The generator, each step of which runs in `context`; what is sent and thrown into it passes through."""
    try:
        item = context.run(next, generator)
        while True:
            try:
                sent = yield item
            except GeneratorExit:
                context.run(generator.close)
                raise
            except BaseException as error:  # noqa: BLE001  # the generator's to handle
                item = context.run(generator.throw, error)
            else:
                item = context.run(generator.send, sent)
    except StopIteration as stop:
        result: R = stop.value
        return result


def stepping_async(
    function: Callable[..., AsyncGenerator[Any, Any]], own_context: Callable[[], AbstractContextManager[Context]]
) -> Callable[..., AsyncGenerator[Any, Any]]:
    """The asynchronous generator function, whose generators run, their awaits too, each in a context of its own.

    Args:
        function: makes the generators.
        own_context: gives the context of one of them, and takes it back at its end.
    """

    @functools.wraps(function)
    async def steps(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        with own_context() as context:
            generator = function(*args, **kwargs)
            try:
                item = await _Within(context, generator.__anext__())
                while True:
                    try:
                        sent = yield item
                    except GeneratorExit:
                        await _Within(context, generator.aclose())
                        raise
                    except BaseException as error:  # noqa: BLE001  # the generator's to handle
                        item = await _Within(context, generator.athrow(error))
                    else:
                        item = await _Within(context, generator.asend(sent))
            except StopAsyncIteration:
                return

    return steps


class _Within(Awaitable[R]):
    """An awaitable, each step of which runs in a context."""

    def __init__(self, context: Context, awaitable: Awaitable[R]) -> None:
        self._context = context
        self._awaitable = awaitable

    def __await__(self) -> Generator[Any, Any, R]:
        return stepped(self._context, self._awaitable.__await__())
