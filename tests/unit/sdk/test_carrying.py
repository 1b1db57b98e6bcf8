"""Work that runs elsewhere goes on in the caller's trace."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import inspect
import logging
import multiprocessing
import pickle
import queue
import threading
import weakref
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any

import pytest
from opentelemetry import baggage, trace
from opentelemetry import context as otel_context
from opentelemetry.context import Context
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

from anyascope.sdk.correlation import correlation, current_correlation_id
from anyascope.sdk.guard import MisuseError, forget_told, strict
from anyascope.sdk.tracing import (
    ContextExecutor,
    carry,
    context_snapshot,
    instrument_executor,
    instrument_threading,
    resume,
    uninstrument_threading,
)
from support.tracing import Recorder

Seen = tuple[int, str, Any]
INSIDE: Seen = (7, "order-7", "zürich")
OUTSIDE: Seen = (0, "", None)
WITHIN_S = 60  # a deadline for what another thread or process does; a fork on a busy machine takes seconds


def seen(*_ignored: object) -> Seen:
    """What holds where this is called."""
    found = trace.get_current_span().get_span_context()
    return found.trace_id, current_correlation_id(), baggage.get_baggage("tenant")


def put_seen(target: Any) -> None:
    target.put(seen())


def raises() -> None:
    raise ValueError("the host's own")


@pytest.fixture
def in_trace() -> Iterator[None]:
    forget_told()
    span = NonRecordingSpan(SpanContext(7, 8, is_remote=False, trace_flags=TraceFlags(1)))
    token = otel_context.attach(baggage.set_baggage("tenant", "zürich", trace.set_span_in_context(span, Context())))
    with correlation("order-7"):
        yield
    otel_context.detach(token)


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as executor:
        executor.submit(seen).result()  # its threads began outside of everything
        yield executor


# --- threads ----------------------------------------------------------------------------------------------------------


def in_thread(function: Any) -> Any:
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(function()))
    thread.start()
    thread.join(WITHIN_S)
    return found[0]


def test_a_thread_has_no_trace_of_its_own(in_trace):
    """Which is why all this is here."""
    assert in_thread(seen) == OUTSIDE


def test_a_carried_function_goes_on_in_a_thread(in_trace):
    """Trace, correlation id and baggage."""
    assert in_thread(carry(seen)) == INSIDE


def test_what_was_carried_is_left_again(in_trace, pool):
    """The next task of the same thread is nobody's."""
    pool.submit(carry(seen)).result()
    assert {pool.submit(seen).result() for _ in range(4)} == {OUTSIDE}


def test_one_carried_function_runs_in_many_threads_at_once(in_trace):
    """Each call has the context for itself."""
    barrier = threading.Barrier(4, timeout=WITHIN_S)

    def together() -> Seen:
        barrier.wait()
        return seen()

    carried = carry(together)
    with ThreadPoolExecutor(4) as executor:
        found = [future.result() for future in [executor.submit(carried) for _ in range(4)]]
    assert found == [INSIDE] * 4


def test_results_and_exceptions_pass_unchanged(in_trace):
    """And so do arguments, names and signatures."""

    def add(first: int, *, second: int = 2) -> int:
        """Add."""
        return first + second

    carried = carry(add)
    assert carried(1, second=3) == 4
    assert (carried.__name__, carried.__doc__) == ("add", "Add.")
    assert inspect.signature(carried) == inspect.signature(add)
    with pytest.raises(ValueError, match="the host's own"):
        carry(raises)()


def test_a_carried_method_of_a_class_is_bound(in_trace):
    """As a function would be."""

    class Signer:
        name = "hsm"
        sign = carry(lambda self: (self.name, seen()))

    assert Signer().sign() == ("hsm", INSIDE)


@pytest.mark.parametrize("wrong", [None, 7, "text", object()])
def test_what_cannot_be_called_is_reported_and_given_back(wrong, caplog):
    """In tests it is an error."""
    forget_told()
    with caplog.at_level(logging.WARNING, logger="anyascope.sdk"):
        assert carry(wrong) is wrong
    assert "carry wants a function" in caplog.text
    with strict(), pytest.raises(MisuseError):
        carry(wrong)


# --- executors --------------------------------------------------------------------------------------------------------


def test_a_context_executor_carries_what_is_submitted_and_mapped(in_trace, pool):
    """Around any executor."""
    executor = ContextExecutor(pool)
    assert executor.submit(seen).result() == INSIDE
    assert list(executor.map(seen, range(3))) == [INSIDE] * 3
    with pytest.raises(ValueError, match="the host's own"):
        executor.submit(raises).result()


def test_an_instrumented_executor_is_the_same_one(in_trace, pool):
    """Once is enough, twice does no harm."""
    assert instrument_executor(instrument_executor(pool)) is pool
    assert pool.submit(seen).result() == INSIDE
    assert list(pool.map(seen, range(2))) == [INSIDE] * 2


def test_a_task_of_nobody_is_nobodys(pool):
    """It does not inherit from the one before it."""
    instrument_executor(pool)
    with correlation("order-8"):
        pool.submit(seen).result()
    assert pool.submit(seen).result() == OUTSIDE


def test_what_is_no_executor_is_reported(caplog):
    """And the work is done all the same."""
    forget_told()
    wrong: Any = 7
    with caplog.at_level(logging.WARNING, logger="anyascope.sdk"):
        assert instrument_executor(wrong) == 7
        with ContextExecutor(wrong) as executor:
            assert executor.submit(seen).result() == OUTSIDE
    assert "wants an executor" in caplog.text


# --- processes --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["spawn", "fork", "forkserver"])
def test_a_process_goes_on_in_the_callers_trace(in_trace, method):
    """However it is started; the function is pickled with its context, the answer comes through a real queue."""
    context = multiprocessing.get_context(method)
    answers: Any = context.Queue()
    process = context.Process(target=carry(put_seen), args=(answers,))
    process.start()
    assert answers.get(timeout=WITHIN_S) == INSIDE
    process.join(WITHIN_S)


def test_a_pool_of_processes_goes_on_in_the_callers_trace(in_trace):
    """Submitted and mapped, in chunks."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        executor = ContextExecutor(pool)
        assert executor.submit(seen).result(WITHIN_S) == INSIDE
        assert list(executor.map(seen, range(4), chunksize=2)) == [INSIDE] * 4


def receive_and_answer(messages: Any, answers: Any) -> None:
    _, snapshot = messages.get(timeout=WITHIN_S)
    with resume(snapshot):
        answers.put(seen())


def test_a_message_in_a_queue_between_processes_brings_its_trace(in_trace):
    """The snapshot lies beside the message."""
    context = multiprocessing.get_context("spawn")
    messages: Any = context.Queue()
    answers: Any = context.Queue()
    process = context.Process(target=receive_and_answer, args=(messages, answers))
    process.start()
    messages.put(("withdrawal 7", context_snapshot()))
    assert answers.get(timeout=WITHIN_S) == INSIDE
    process.join(WITHIN_S)


def test_a_message_in_a_queue_between_threads_brings_its_trace(in_trace):
    """The same, with `queue.Queue`."""
    messages: queue.Queue[str] = queue.Queue()
    messages.put(context_snapshot())

    def work() -> Seen:
        with resume(messages.get(timeout=WITHIN_S)):
            return seen()

    assert in_thread(work) == INSIDE


def test_a_carried_function_survives_pickling(in_trace):
    """With its context, in the process's own words."""
    assert pickle.loads(pickle.dumps(carry(seen)))() == INSIDE


# --- asyncio ----------------------------------------------------------------------------------------------------------


async def test_tasks_inherit_and_do_not_mix():
    """A hundred tasks, each in its own operation, meet only their own id."""

    async def operation(number: int) -> bool:
        with correlation(f"order-{number}") as own:
            for _ in range(5):
                await asyncio.sleep(0)
                if current_correlation_id() != own:
                    return False
        return current_correlation_id() == ""

    assert all(await asyncio.gather(*(operation(number) for number in range(100))))


async def test_an_executor_of_the_loop_goes_on_with_carry(pool):
    """`run_in_executor` carries nothing by itself, `to_thread` does."""
    loop = asyncio.get_running_loop()
    with correlation("order-7"):
        assert (await loop.run_in_executor(pool, seen))[1] == ""
        assert (await loop.run_in_executor(pool, carry(seen)))[1] == "order-7"
        assert (await loop.run_in_executor(ContextExecutor(pool), seen))[1] == "order-7"
        assert (await asyncio.to_thread(seen))[1] == "order-7"


async def test_the_loops_default_executor_can_be_instrumented():
    """`set_default_executor` wants a real thread pool, and gets one."""
    loop = asyncio.get_running_loop()
    loop.set_default_executor(instrument_executor(ThreadPoolExecutor(1)))
    with correlation("order-7"):
        assert (await loop.run_in_executor(None, seen))[1] == "order-7"


async def test_a_carried_coroutine_function_goes_on_elsewhere():
    """It stays a coroutine function, and its context holds across awaits and ends with it."""

    async def work() -> str:
        await asyncio.sleep(0)
        return current_correlation_id()

    with correlation("order-7"):
        carried = carry(work)
    assert inspect.iscoroutinefunction(carried)
    assert await carried() == "order-7"
    assert current_correlation_id() == ""


async def test_call_soon_from_another_thread_goes_on_with_carry():
    """A callback of a foreign thread."""
    loop, found = asyncio.get_running_loop(), asyncio.Queue[Seen]()
    with correlation("order-7"):
        callback = carry(lambda: found.put_nowait(seen()))
    threading.Thread(target=loop.call_soon_threadsafe, args=(callback,)).start()
    assert (await asyncio.wait_for(found.get(), WITHIN_S))[1] == "order-7"


# --- generators -------------------------------------------------------------------------------------------------------


def test_a_carried_generator_runs_in_its_trace_and_does_not_leak_it(in_trace):
    """Neither the context that it was made in nor what it makes current itself."""
    recorder = Recorder()

    def work() -> Iterator[tuple[Seen, str]]:
        with recorder.tracer.start_as_current_span("inside"):
            yield seen(), "first"
            yield seen(), "second"

    carried = carry(work)
    token = otel_context.attach(Context())
    for (trace_id, correlation_id, tenant), _ in carried():
        assert (trace_id, correlation_id, tenant) == INSIDE
        assert trace.get_current_span().get_span_context().trace_id == 0
    otel_context.detach(token)
    assert recorder.spans["inside"].parent.span_id == 8


def test_a_generator_left_halfway_ends_its_span(in_trace):
    """Closed by hand and by the garbage collector."""
    recorder = Recorder()

    def work() -> Iterator[int]:
        with recorder.tracer.start_as_current_span("inside"):
            yield 1
            yield 2

    generator = carry(work)()
    next(generator)
    generator.close()
    assert "inside" in recorder.spans
    recorder.memory.clear()
    abandoned = carry(work)()
    next(abandoned)
    del abandoned
    gc.collect()
    assert "inside" in recorder.spans


def test_what_is_sent_thrown_and_returned_passes_a_carried_generator(in_trace):
    """It is the host's generator in every way."""

    def work() -> Any:
        got = yield "first"
        try:
            yield got
        except KeyError as error:
            yield error.args[0]
        return "end"

    generator = carry(work)()
    assert next(generator) == "first"
    assert generator.send("sent") == "sent"
    assert generator.throw(KeyError("thrown")) == "thrown"
    with pytest.raises(StopIteration) as stop:
        next(generator)
    assert stop.value.value == "end"
    assert list(carry(lambda: iter(()))()) == []


async def test_a_carried_async_generator_does_not_leak():
    """Awaits inside of it, and tasks that it starts, see its context; who iterates sees its own."""
    found: list[str] = []

    async def work() -> AsyncIterator[str]:
        with correlation("own"):
            for _ in range(3):
                await asyncio.sleep(0)
                found.append(await asyncio.create_task(_current()))
                yield current_correlation_id()

    async def _current() -> str:
        return current_correlation_id()

    with correlation("order-7"):
        carried = carry(work)
    assert inspect.isasyncgenfunction(carried)
    outside = [current_correlation_id() async for _ in carried()]
    assert (outside, found) == ([""] * 3, ["own"] * 3)


async def test_an_async_generator_is_cancelled_closed_and_thrown_into():
    """Its `finally` runs each time, and what it raises arrives."""
    ended: list[str] = []

    async def work() -> AsyncIterator[int]:
        try:
            yield 1
            await asyncio.sleep(3_600)
            yield 2
        finally:
            ended.append(current_correlation_id())

    with correlation("order-7"):
        carried: Any = carry(work)
    generator = carried()
    assert await anext(generator) == 1
    await generator.aclose()
    thrown = carried()
    await anext(thrown)
    with pytest.raises(KeyError):
        await thrown.athrow(KeyError("host"))
    waiting = carried()
    await anext(waiting)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(anext(waiting), 0.01)
    assert ended == ["order-7"] * 3


async def test_what_is_sent_and_thrown_passes_a_carried_async_generator():
    """It is the host's generator in every way."""

    async def work() -> Any:
        got = yield "first"
        try:
            yield got
        except KeyError as error:
            yield error.args[0]

    generator: Any = carry(work)()
    assert await anext(generator) == "first"
    assert await generator.asend("sent") == "sent"
    assert await generator.athrow(KeyError("thrown")) == "thrown"
    with pytest.raises(StopAsyncIteration):
        await anext(generator)


# --- threading as a whole ---------------------------------------------------------------------------------------------


@pytest.fixture
def _instrumented() -> Iterator[None]:
    instrument_threading()
    instrument_threading()
    yield
    uninstrument_threading()


@pytest.mark.usefixtures("_instrumented")
def test_instrumented_threads_timers_and_pools_go_on(in_trace, pool):
    """Also of subclasses with a `run` of their own."""

    class Own(threading.Thread):
        def run(self) -> None:
            self.found = seen()

    own = Own()
    own.start()
    own.join(WITHIN_S)
    answers: queue.Queue[Seen] = queue.Queue()
    timer = threading.Timer(0, put_seen, (answers,))
    timer.start()
    assert own.found == in_thread(seen) == answers.get(timeout=WITHIN_S) == INSIDE
    assert pool.submit(seen).result() == INSIDE


@pytest.mark.usefixtures("_instrumented")
def test_a_worker_does_not_stay_in_the_trace_that_started_it():
    """The pool's first task starts its thread; the second is nobody's."""
    with ThreadPoolExecutor(1) as pool:
        with correlation("order-7"):
            assert pool.submit(seen).result()[1] == "order-7"
        assert pool.submit(seen).result() == OUTSIDE


@pytest.mark.usefixtures("_instrumented")
def test_a_thread_that_has_ended_holds_nothing(in_trace):
    """The wrapper goes with the run."""
    thread = threading.Thread(target=seen)
    thread.start()
    thread.join(WITHIN_S)
    watched = weakref.ref(thread)
    del thread
    gc.collect()
    assert watched() is None


def test_uninstrumented_threading_is_as_it_was(in_trace):
    """Nothing is left."""
    before: tuple[Any, Any] = (threading.Thread.start, ThreadPoolExecutor.submit)
    instrument_threading()
    uninstrument_threading()
    uninstrument_threading()
    assert (threading.Thread.start, ThreadPoolExecutor.submit) == before
    assert in_thread(seen) == OUTSIDE


def test_other_context_variables_are_the_threads_own(in_trace):
    """We carry what is ours, and leave the host's to the host."""
    hosts: contextvars.ContextVar[str] = contextvars.ContextVar("hosts", default="default")
    hosts.set("caller")
    assert in_thread(carry(hosts.get)) == "default"
    assert isinstance(ContextExecutor(ThreadPoolExecutor(1)), Executor)
