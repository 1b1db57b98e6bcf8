"""One call of a client's, within its operation: plain, awaited or stepped through, and always made exactly once."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import Any, TypeVar

from anyascope.sdk.guard import guarded, is_strict, tell_once
from anyascope.sdk.operations.running import Operation
from anyascope.sdk.operations.traced import Traced

O = TypeVar("O", bound=Operation)  # noqa: E741  # an operation
Ended = Callable[[Operation, Any, BaseException | None], None]
"""Writes what a call gave or raised on its operation and ends it."""


def made(traced: Traced[O]) -> O:
    """A run of this operation that is begun, left for a while and ended by hand."""
    return traced._make((), {})  # `with` cannot be left for a while


def run(begin: Callable[[], Operation], call: Callable[[], Any], ended: Ended) -> Any:
    """What the call gives. An awaitable or, with `stepped`, an iterator stays one, and the operation lasts as long."""
    operation = begun(begin)
    try:
        result = call()
    except BaseException as error:
        end(operation, ended, None, error)
        raise
    if inspect.isawaitable(result):
        pause(operation)
        return _awaited(operation, result, ended)
    end(operation, ended, result, None)
    return result


async def run_later(begin: Callable[[], Operation], call: Callable[[], Awaitable[Any]], ended: Ended) -> Any:
    """As `run`, for a call that is known to be asynchronous: the operation begins when it is awaited."""
    operation = begun(begin)
    try:
        result = await call()
    except BaseException as error:
        end(operation, ended, None, error)
        raise
    end(operation, ended, result, None)
    return result


def stepped(begin: Callable[[], Operation], call: Callable[[], Iterable[Any]], ended: Ended) -> Iterator[Any]:
    """The items of an iterator, within one operation that is current only while the next item is made.

    It begins with the first step. A consumer that stops early has what it wanted: that is no error. `ended` gets the count.
    """
    operation = begun(begin)
    count = 0
    try:
        items = iter(call())
        while True:
            resume(operation)
            try:
                item = next(items)
            except StopIteration:
                break
            finally:
                pause(operation)
            count += 1
            yield item
    except GeneratorExit:
        end(operation, ended, count, None)
        raise
    except BaseException as error:
        end(operation, ended, None, error)
        raise
    end(operation, ended, count, None)


async def _awaited(operation: Operation | None, result: Awaitable[Any], ended: Ended) -> Any:
    resume(operation)
    try:
        given = await result
    except BaseException as error:
        end(operation, ended, None, error)
        raise
    end(operation, ended, given, None)
    return given


@guarded(None)
def begun(begin: Callable[[], Operation]) -> Operation:
    """The operation, started; `None` where that failed, and the call is made without."""
    operation = begin()
    operation.start()
    return operation


def end(operation: Operation | None, ended: Ended, result: Any, error: BaseException | None) -> None:
    """End the operation once, whatever becomes of its description."""
    if operation is None:
        return
    try:
        ended(operation, result, error)
    except Exception as fault:
        if is_strict():
            raise
        tell_once("describing a call", fault)
    finally:
        operation.end()


def resume(operation: Operation | None) -> None:
    """Make it current again."""
    if operation is not None:
        operation.resume()


def pause(operation: Operation | None) -> None:
    """Leave its context without ending it."""
    if operation is not None:
        operation.pause()
