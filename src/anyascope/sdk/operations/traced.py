"""How an operation is put around the host's code: as decorator of any kind of function, and as `with` and `async with`.

One object may be applied, called and entered any number of times, at once and inside itself: what belongs to a run lives in
its `Operation`. The host's function is called exactly once a call, and what it gives or raises passes through.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from types import CoroutineType, TracebackType
from typing import Any, Generic, TypeVar, cast

from anyascope.sdk.guard import guarded, report_misuse, tell_once
from anyascope.sdk.operations.places import Entries
from anyascope.sdk.operations.running import Operation

F = TypeVar("F", bound=Callable[..., Any])
O = TypeVar("O", bound=Operation)  # noqa: E741  # an operation


class Traced(Generic[O]):
    """Base of the three kinds of operation."""

    __slots__ = ("_entries",)

    def __init__(self) -> None:
        self._entries: Entries[O] = Entries()

    def _make(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> O:
        """A run for a call with these arguments; they are empty for a block. Never raises, except under `strict()`."""
        raise NotImplementedError

    def __call__(self, function: F) -> F:
        """The function with an operation around each call; its signature and kind stay as they are."""
        kind: type = type(function)
        if kind is staticmethod or kind is classmethod:
            return cast("F", kind(self(function.__func__)))
        given: object = function
        if not callable(given) or issubclass(kind, type):
            report_misuse(f"an operation is put around a function, got a value of type {kind.__name__}")
            return function
        return cast("F", _named_as(function, self._wrapper(function)))

    def __enter__(self) -> O:
        operation = self._make((), {})
        operation.start()
        self._entries.enter(operation)
        return operation

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        operation = self._leave()
        if operation is not None:
            operation.end(error)

    async def __aenter__(self) -> O:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, trace)

    @guarded(None)
    def _leave(self) -> O | None:
        left = self._entries.leave()
        if left is None:
            report_misuse(f"{type(self).__name__} was left more often than it was entered")
            return None
        operation, is_here = left
        if not is_here:
            operation.forget_place()
        return operation

    def _wrapper(self, function: Callable[..., Any]) -> Callable[..., Any]:
        match _kind_of(function):
            case "async generator":
                return self._around_async_generator(function)
            case "generator":
                return self._around_generator(function)
            case "coroutine":
                return self._around_coroutine(function)
            case _:
                return self._around_function(function)

    def _around_function(self, function: Callable[..., Any]) -> Callable[..., Any]:
        make = self._make

        def call(*args: Any, **kwargs: Any) -> Any:
            operation = make(args, kwargs)
            operation.start()
            try:
                result = function(*args, **kwargs)
            except BaseException as error:
                operation.end(error)
                raise
            if type(result) is CoroutineType:
                operation.pause()
                return _awaited(operation, result)
            operation.set_result(result)
            operation.end()
            return result

        return call

    def _around_coroutine(self, function: Callable[..., Any]) -> Callable[..., Any]:
        make = self._make

        async def call(*args: Any, **kwargs: Any) -> Any:
            operation = make(args, kwargs)
            operation.start()
            try:
                result = await function(*args, **kwargs)
            except BaseException as error:
                operation.end(error)
                raise
            operation.set_result(result)
            operation.end()
            return result

        return call

    def _around_generator(self, function: Callable[..., Any]) -> Callable[..., Any]:
        make = self._make

        def call(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
            return (yield from _stepped(make(args, kwargs), function(*args, **kwargs)))

        return call

    def _around_async_generator(self, function: Callable[..., Any]) -> Callable[..., Any]:
        make = self._make

        async def call(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
            operation = make(args, kwargs)
            body = function(*args, **kwargs)
            step, value = body.asend, None
            operation.start()
            try:
                while True:
                    operation.resume()
                    try:
                        item = await step(value)
                    finally:
                        operation.pause()
                    try:
                        value, step = (yield item), body.asend
                    except GeneratorExit:
                        operation.resume()
                        await body.aclose()
                        raise
                    except BaseException as error:  # noqa: BLE001  # the body's to handle
                        value, step = error, body.athrow
            except StopAsyncIteration:
                operation.end()
            except BaseException as error:
                operation.end(error)
                raise

        return call


def _stepped(operation: Operation, body: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
    """The generator within its operation, which is current only while the body runs: between two steps the consumer works.

    Not in a context of its own: what the body sets in the host's context variables is meant for the consumer.
    """
    step: Callable[[Any], Any] = body.send
    value: Any = None
    operation.start()
    try:
        while True:
            operation.resume()
            try:
                item = step(value)
            finally:
                operation.pause()
            try:
                value, step = (yield item), body.send
            except GeneratorExit:
                operation.resume()
                body.close()
                raise
            except BaseException as error:  # noqa: BLE001  # the body's to handle
                value, step = error, body.throw
    except StopIteration as stop:
        operation.set_result(stop.value)
        operation.end()
        return stop.value
    except BaseException as error:
        operation.end(error)
        raise


async def _awaited(operation: Operation, coroutine: Coroutine[Any, Any, Any]) -> Any:
    """A coroutine that a plain function gave: the operation ends when it does."""
    operation.resume()
    try:
        result = await coroutine
    except BaseException as error:
        operation.end(error)
        raise
    operation.set_result(result)
    operation.end()
    return result


def _kind_of(function: Callable[..., Any]) -> str:
    """How calling it goes on; a callable that cannot be looked into is a plain function."""
    try:
        if inspect.isasyncgenfunction(function):
            return "async generator"
        if inspect.isgeneratorfunction(function):
            return "generator"
        call = getattr(function, "__call__", None)  # noqa: B004  # of an object whose call is asynchronous
        return "coroutine" if inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(call) else "function"
    except Exception:  # noqa: BLE001  # the host's own object
        return "function"


def _named_as(function: Callable[..., Any], wrapper: Callable[..., Any]) -> Callable[..., Any]:
    """The wrapper with the function's name, signature and documentation, as far as the function has them."""
    try:
        return functools.wraps(function)(wrapper)
    except Exception as error:  # noqa: BLE001  # a callable of the host's whose attributes cannot be read
        tell_once("naming a decorated function", error)
        return wrapper
