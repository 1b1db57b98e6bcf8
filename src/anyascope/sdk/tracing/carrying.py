"""Work that runs elsewhere goes on in the caller's trace: threads, pools, processes, tasks and generators."""

from __future__ import annotations

import concurrent.futures.thread
import contextlib
import contextvars
import functools
import inspect
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any, Generic, ParamSpec, TypeVar, cast

from opentelemetry import context as otel_context
from opentelemetry.context import Context

from anyascope.sdk.correlation import current_correlation_id
from anyascope.sdk.guard import guarded, quoted, report_misuse
from anyascope.sdk.options import checked_flag, checked_number
from anyascope.sdk.tracing.propagation import Active, read_snapshot, snapshot_of
from anyascope.sdk.tracing.stepping import stepped, stepping_async

P = ParamSpec("P")
R = TypeVar("R")
F = TypeVar("F", bound=Callable[..., Any])
E = TypeVar("E", bound=Executor)

# Threads that serve everybody must not stay in the trace that happened to start them.
_THREADS_APART = ("anyascope-", "Otel")


class Carried(Generic[P, R]):
    """A function that runs in the trace, baggage and correlation id that held where it was made.

    It can be pickled where the function can be: for `multiprocessing` and process pools.
    """

    def __init__(self, function: Callable[P, R], context: Context, correlation_id: str) -> None:
        self.function = function
        self.context = context
        self.correlation_id = correlation_id
        with contextlib.suppress(Exception):  # whatever the attributes of the host's callable raise
            functools.update_wrapper(cast("Any", self), function, updated=())

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        with Active(self.context, self.correlation_id):
            return self.function(*args, **kwargs)

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        return self if instance is None else functools.partial(cast("Callable[..., R]", self), instance)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return _revived, (self.function, snapshot_of(self.context, self.correlation_id))


def _revived(function: Callable[P, R], snapshot: str) -> Carried[P, R]:
    return Carried(function, *read_snapshot(snapshot))


def carry(function: F) -> F:
    """The function, which goes on in the caller's trace, baggage and correlation id wherever and whenever it is called.

    For `threading.Thread(target=carry(work))`, `executor.submit(carry(work))`, `loop.run_in_executor(None, carry(work))`,
    `multiprocessing.Process(target=carry(work))`. Coroutine functions and generator functions stay what they are; a
    generator's context does not leak to who steps it. What cannot be called is reported and given back.
    """
    if not _is_callable(function):
        report_misuse(f"carry wants a function, got {quoted(function)}")
        return function
    return cast("F", _carried(function, otel_context.get_current(), current_correlation_id()))


def _carried(function: Callable[..., Any], context: Context, correlation_id: str) -> Callable[..., Any]:
    with contextlib.suppress(Exception):  # a callable of the host's that hides even its class is called as it is
        if inspect.iscoroutinefunction(function):
            return _carried_coroutine(function, context, correlation_id)
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            return _carried_generator(function, context, correlation_id)
    return Carried(function, context, correlation_id)


def _carried_coroutine(function: Callable[..., Any], context: Context, correlation_id: str) -> Callable[..., Any]:
    @functools.wraps(function)
    async def call(*args: Any, **kwargs: Any) -> Any:
        with Active(context, correlation_id):
            return await function(*args, **kwargs)

    return call


def _carried_generator(function: Callable[..., Any], context: Context, correlation_id: str) -> Callable[..., Any]:
    @contextlib.contextmanager
    def own_context() -> Iterator[contextvars.Context]:
        own, active = contextvars.copy_context(), Active(context, correlation_id)
        own.run(active.__enter__)
        try:
            yield own
        finally:
            own.run(active.__exit__, None, None, None)

    if inspect.isasyncgenfunction(function):
        return stepping_async(function, own_context)

    @functools.wraps(function)
    def steps(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        with own_context() as own:
            return (yield from stepped(own, function(*args, **kwargs)))

    return steps


class ContextExecutor(Executor):
    """An executor whose work goes on in the trace of who submits it.

    Args:
        executor: a thread or process pool; who made it still shuts it down, or this does.
    """

    def __init__(self, executor: Executor) -> None:
        if _submit_of(executor) is None:
            report_misuse(f"ContextExecutor wants an executor, got {quoted(executor)}; one thread is used")
            executor = ThreadPoolExecutor(1, thread_name_prefix="anyascope-executor")
        self._executor = executor

    def submit(self, function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        return self._executor.submit(_for_pool(function), *args, **kwargs)

    def map(
        self, function: Callable[..., R], *iterables: Iterable[Any], timeout: float | None = None, chunksize: int = 1
    ) -> Iterator[R]:
        if timeout is not None:
            timeout = checked_number("timeout", timeout, threading.TIMEOUT_MAX, above=-1.0)
        return self._executor.map(_for_pool(function), *iterables, timeout=timeout, chunksize=chunksize)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT001, FBT002  # Executor's own
        self._executor.shutdown(
            wait=checked_flag("wait", wait, default=True),
            cancel_futures=checked_flag("cancel_futures", cancel_futures, default=False),
        )


def instrument_executor(executor: E) -> E:
    """The same executor, whose work goes on in the trace of who submits it; for `loop.set_default_executor` and the like."""
    submit = _submit_of(executor)
    if submit is None:
        report_misuse(f"instrument_executor wants an executor, got {quoted(executor)}")
        return executor
    if not getattr(submit, "carries_context", False):
        _replace_submit(executor, submit)
    return executor


def _submit_of(executor: object) -> Callable[..., Any] | None:
    try:
        submit = getattr(executor, "submit", None)
    except Exception:  # noqa: BLE001  # an object of the host's that refuses to be asked
        return None
    return submit if callable(submit) else None


@guarded(None)
def _replace_submit(executor: Any, submit: Callable[..., Any]) -> None:
    @functools.wraps(submit)
    def carrying_submit(function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        return submit(_for_pool(function), *args, **kwargs)

    carrying_submit.carries_context = True  # type: ignore[attr-defined]  # so that it is done once
    executor.submit = carrying_submit


def _for_pool(function: Callable[..., Any]) -> Callable[..., Any]:
    """`carry`, but for what a pool will refuse in its own words, and what carries its own."""
    if type(function) is Carried or not _is_callable(function):
        return function
    return Carried(function, otel_context.get_current(), current_correlation_id())


def _is_callable(function: object) -> bool:
    """Whether a host that does not check types gave us a function."""
    return callable(function)


class _Threading:
    """The two methods that are replaced while threads are instrumented."""

    def __init__(self) -> None:
        self.start: Callable[[threading.Thread], None] = threading.Thread.start
        self.submit: Callable[..., Future[Any]] = ThreadPoolExecutor.submit


_replaced: _Threading | None = None


@guarded(None)
def instrument_threading() -> None:
    """From now on each thread, timer and `ThreadPoolExecutor` task of the process goes on in the trace of who started it."""
    global _replaced  # noqa: PLW0603  # a switch of the whole process
    if _replaced is not None:
        return
    _replaced = originals = _Threading()

    @functools.wraps(originals.start)
    def start(thread: threading.Thread) -> None:
        _bind(thread)
        originals.start(thread)

    @functools.wraps(originals.submit)
    def submit(pool: ThreadPoolExecutor, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        return originals.submit(pool, _for_pool(function), *args, **kwargs)

    threading.Thread.start = start  # type: ignore[method-assign, assignment]
    ThreadPoolExecutor.submit = submit  # type: ignore[method-assign, assignment]


@guarded(None)
def uninstrument_threading() -> None:
    """Undo `instrument_threading`; what runs already goes on as it began."""
    global _replaced  # noqa: PLW0603  # a switch of the whole process
    if _replaced is not None:
        threading.Thread.start = _replaced.start  # type: ignore[method-assign, assignment]
        ThreadPoolExecutor.submit = _replaced.submit  # type: ignore[method-assign]
        _replaced = None


@guarded(None)
def _bind(thread: threading.Thread) -> None:
    target = getattr(thread, "_target", None)
    # A pool's workers outlive the task that started them; each task carries its own trace.
    is_apart = thread.name.startswith(_THREADS_APART) or target is concurrent.futures.thread._worker  # noqa: SLF001
    if is_apart or thread.ident is not None:
        return
    run = Carried(thread.run, otel_context.get_current(), current_correlation_id())

    def run_once() -> None:
        try:
            run()
        finally:
            thread.__dict__.pop("run", None)  # the thread must not hold itself

    thread.run = run_once  # type: ignore[method-assign]
