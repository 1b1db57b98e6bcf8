"""An operation is put around any kind of function and block, and changes nothing about it."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import inspect
import pickle
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from unittest.mock import AsyncMock

import pytest
from opentelemetry import trace

from anyascope.sdk.correlation import current_correlation_id
from anyascope.sdk.guard import MisuseError, strict
from anyascope.sdk.operations import BitcoinTransactionData, trace_bitcoin_operation, trace_hsm_operation
from anyascope.sdk.operations.traced import Traced
from support.sdk_recorder import Recorder, recording

TRACED = trace_bitcoin_operation("send", "hot-1")


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    with recording() as made:
        yield made


def current_id() -> int:
    return trace.get_current_span().get_span_context().span_id


@TRACED
def documented(amount: int, *, fee: float = 1.5) -> str:
    """Says what it was given."""
    return f"{amount} {fee}"


def test_a_decorated_function_keeps_its_name_signature_and_documentation(recorder: Recorder) -> None:
    """Frameworks that look at functions see the same one."""
    assert (documented.__name__, documented.__doc__) == ("documented", "Says what it was given.")
    assert str(inspect.signature(documented)) == "(amount: 'int', *, fee: 'float' = 1.5) -> 'str'"
    assert documented(3, fee=2.0) == "3 2.0"


def test_a_decorated_function_can_be_pickled(recorder: Recorder) -> None:
    """So that pools and queues can carry it."""
    assert pickle.loads(pickle.dumps(documented)) is documented


def test_kinds_of_functions_stay_what_they_are() -> None:
    """`await`, `async for`, `for` and the frameworks that ask first work as before."""

    async def coroutine() -> None: ...

    def generator() -> Iterator[int]:
        yield 1

    async def async_generator() -> AsyncIterator[int]:
        yield 1

    assert inspect.iscoroutinefunction(TRACED(coroutine))
    assert inspect.isgeneratorfunction(TRACED(generator))
    assert inspect.isasyncgenfunction(TRACED(async_generator))
    assert not inspect.iscoroutinefunction(TRACED(documented))


async def test_a_coroutine_function_is_within_its_span_until_it_ends(recorder: Recorder) -> None:
    """Also after it has waited."""
    seen: list[int] = []

    @TRACED
    async def send() -> str:
        await asyncio.sleep(0)
        seen.append(current_id())
        return "ab" * 32

    assert await send() == "ab" * 32
    assert seen == [recorder.span().get_span_context().span_id]
    assert recorder.span().attributes["transaction_id"] == "ab" * 32


async def test_a_coroutine_that_a_plain_function_gives_is_awaited_within_the_span(recorder: Recorder) -> None:
    """A decorator below ours that hides the coroutine function changes nothing."""

    @TRACED
    def send() -> object:
        async def later() -> int:
            await asyncio.sleep(0)
            return current_id()

        return later()

    assert recorder.spans == []
    within = await send()  # type: ignore[misc]
    assert within == recorder.span().get_span_context().span_id


async def test_an_object_with_an_asynchronous_call_is_awaited_within_the_span(recorder: Recorder) -> None:
    """Callables of any make."""

    class Sender:
        async def __call__(self) -> int:
            return current_id()

    assert await TRACED(Sender())() == recorder.span().get_span_context().span_id
    assert await TRACED(AsyncMock(return_value=7))() == 7


def test_a_generator_is_current_only_while_its_body_runs(recorder: Recorder) -> None:
    """What the consumer does between two items is not part of the operation; what is sent and returned passes."""
    inside: list[int] = []

    @TRACED
    def send() -> Iterator[str]:
        inside.append(current_id())
        answer = yield "first"
        inside.append(current_id())
        yield f"second {answer}"
        return "ab" * 32

    steps = send()
    assert next(steps) == "first"
    assert (current_id(), current_correlation_id()) == (0, "")
    assert steps.send("yes") == "second yes"
    with pytest.raises(StopIteration) as stop:
        next(steps)
    assert stop.value.value == "ab" * 32
    assert inside == [recorder.span().get_span_context().span_id] * 2
    assert recorder.span().attributes["transaction_id"] == "ab" * 32


def test_what_is_thrown_into_a_generator_reaches_its_body(recorder: Recorder) -> None:
    """It may go on as if nothing were around it."""

    @TRACED
    def send() -> Iterator[str]:
        with contextlib.suppress(ValueError):
            yield "first"
        yield "after"

    steps = send()
    next(steps)
    assert steps.throw(ValueError("no")) == "after"
    assert list(steps) == []
    assert recorder.span().attributes["operation.status"] == "success"


def test_a_generator_that_is_left_early_is_closed_and_told(recorder: Recorder) -> None:
    """Its own clean-up runs, within the span; that it did not finish is an error."""
    closed: list[int] = []

    @TRACED
    def send() -> Iterator[int]:
        try:
            yield 1
        finally:
            closed.append(current_id())

    steps = send()
    next(steps)
    steps.close()

    assert closed == [recorder.span().get_span_context().span_id]
    assert recorder.span().attributes["operation.status"] == "error"


def test_what_a_generator_sets_for_its_consumer_is_seen(recorder: Recorder) -> None:
    """Its context variables are the consumer's, as without an operation."""
    tenant: ContextVar[str] = ContextVar("tenant", default="")

    @contextlib.contextmanager
    @TRACED
    def as_tenant() -> Iterator[None]:
        tenant.set("acme")
        yield

    with as_tenant():
        assert tenant.get() == "acme"
        assert current_id() == 0


async def test_an_async_generator_is_current_only_while_its_body_runs(recorder: Recorder) -> None:
    """As a generator; what is sent and thrown into it passes."""
    inside: list[int] = []

    @TRACED
    async def send() -> AsyncIterator[str]:
        inside.append(current_id())
        answer = yield "first"
        with contextlib.suppress(ValueError):
            yield f"second {answer}"
        inside.append(current_id())
        yield "third"

    steps = send()
    assert await anext(steps) == "first"
    assert current_id() == 0
    assert await steps.asend("yes") == "second yes"
    assert await steps.athrow(ValueError()) == "third"
    assert [item async for item in steps] == []
    assert inside == [recorder.span().get_span_context().span_id] * 2


async def test_an_async_generator_that_is_closed_is_told(recorder: Recorder) -> None:
    """Its clean-up may wait."""
    closed: list[str] = []

    @TRACED
    async def send() -> AsyncIterator[int]:
        try:
            yield 1
        finally:
            await asyncio.sleep(0)
            closed.append("closed")

    steps = send()
    await anext(steps)
    await steps.aclose()

    assert closed == ["closed"]
    assert recorder.span().attributes["operation.status"] == "error"


def test_methods_of_every_kind_may_be_decorated(recorder: Recorder) -> None:
    """On either side of `staticmethod` and `classmethod`."""

    class Wallet:
        name = "hot-1"

        @trace_bitcoin_operation("send", wallet_id=lambda self, amount: self.name)
        def send(self, amount: int) -> int:
            return amount

        @TRACED
        @staticmethod
        def outside(amount: int) -> int:
            return amount

        @classmethod
        @TRACED
        def within(cls, amount: int) -> int:
            return amount

        @TRACED
        @classmethod
        def above(cls, amount: int) -> str:
            return f"{cls.__name__} {amount}"

    wallet = Wallet()
    assert (wallet.send(1), wallet.outside(2), Wallet.within(3), Wallet.above(4)) == (1, 2, 3, "Wallet 4")
    assert [span.attributes["wallet_id"] for span in recorder.spans] == ["hot-1"] * 4


def test_values_are_found_by_the_arguments_of_the_call(recorder: Recorder) -> None:
    """Wallet, data and key are asked for at each call."""

    @trace_bitcoin_operation(
        "send",
        wallet_id=lambda wallet, sats: wallet,
        transaction_data=lambda wallet, sats: BitcoinTransactionData(amount_sats=sats),
    )
    def send(wallet: str, sats: int) -> None: ...

    @trace_hsm_operation("sign", key_id=lambda key, digest: key, hsm_provider="softhsm")
    def sign(key: str, digest: bytes) -> None: ...

    send("cold", sats=7)
    sign("withdrawals", b"x")

    assert recorder.spans[0].attributes["wallet_id"] == "cold"
    assert recorder.spans[0].attributes["amount_sats"] == 7
    assert recorder.spans[1].attributes["key_id"] == "withdrawals"


def test_a_value_that_cannot_be_found_costs_only_itself(recorder: Recorder) -> None:
    """The host's function is called, and the rest is recorded."""
    send = trace_bitcoin_operation("send", wallet_id=lambda: 1 / 0)(lambda: 5)

    assert send() == 5
    assert recorder.span().attributes["wallet_id"] == "unknown"


def test_an_operation_may_run_within_itself(recorder: Recorder) -> None:
    """The inner run is a child of the outer one, as function and as block."""

    @TRACED
    def send(depth: int) -> None:
        if depth:
            send(depth - 1)

    send(2)
    inner, middle, outer = recorder.spans
    assert inner.parent.span_id == middle.get_span_context().span_id
    assert middle.parent.span_id == outer.get_span_context().span_id
    recorder.exporter.clear()

    with TRACED as outside, TRACED as inside:
        assert current_id() == inside.span.get_span_context().span_id
    assert [span.get_span_context() for span in recorder.spans] == [
        inside.span.get_span_context(),
        outside.span.get_span_context(),
    ]


async def test_one_operation_runs_in_many_tasks_at_once(recorder: Recorder) -> None:
    """As block and as function: each task has its own run."""

    @TRACED
    async def send(number: int) -> str:
        mine = current_id()
        await asyncio.sleep(0)
        async with TRACED as operation:
            await asyncio.sleep(0)
            operation.set_result(f"tx{number}")
        assert current_id() == mine
        return f"outer{number}"

    await asyncio.gather(*(send(number) for number in range(50)))

    assert {span.attributes["transaction_id"] for span in recorder.spans} == {
        *(f"tx{number}" for number in range(50)),
        *(f"outer{number}" for number in range(50)),
    }
    assert len({span.get_span_context().trace_id for span in recorder.spans}) == 50


def test_one_operation_runs_in_many_threads_at_once(recorder: Recorder) -> None:
    """As block: each thread leaves the run that it entered."""
    gate = threading.Barrier(8)

    def send(number: int) -> bool:
        gate.wait()
        done = []
        for turn in range(25):
            with TRACED as operation:
                operation.set_result(f"tx{number}-{turn}")
                done.append(operation.span.get_span_context().span_id == current_id())
        return all(done)

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(send, range(8)))
    assert len({span.attributes["transaction_id"] for span in recorder.spans}) == 200


async def test_a_block_may_be_left_in_another_task(recorder: Recorder, caplog: pytest.LogCaptureFixture) -> None:
    """As frameworks leave fixtures and dependencies; nothing is told twice and nothing is complained of."""
    entered = await asyncio.create_task(TRACED.__aenter__())
    entered.set_result("tx")
    await asyncio.create_task(TRACED.__aexit__(None, None, None))

    assert recorder.span().attributes["transaction_id"] == "tx"
    assert [record for record in caplog.records if record.name.startswith("opentelemetry")] == []


def test_the_exception_passes_as_the_same_object(recorder: Recorder) -> None:
    """Not wrapped, not copied, with its cause."""
    error = LookupError("mine")
    error.__cause__ = KeyError("why")

    @TRACED
    def send() -> None:
        raise error

    with pytest.raises(LookupError) as caught:
        send()
    assert caught.value is error
    assert isinstance(error.__cause__, KeyError)


def test_what_is_no_function_is_given_back(recorder: Recorder) -> None:
    """Wrong use is told, and changes nothing; in tests it raises."""
    assert TRACED(7) == 7  # type: ignore[type-var]
    assert TRACED(int) is int
    with strict(), pytest.raises(MisuseError):
        TRACED(7)  # type: ignore[type-var]


def test_partials_keep_working(recorder: Recorder) -> None:
    """A callable without a name has an operation too."""
    assert TRACED(functools.partial(int, "12"))() == 12
    assert len(recorder.spans) == 1


def test_a_fault_of_ours_leaves_the_call_as_it_was(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever part of an operation breaks, the host's function is called once and its result passes."""
    calls = []
    send = TRACED(lambda: calls.append(1) or "result")
    for part in ("_open", "_mark", "_measure", "_tell", "_close"):
        with monkeypatch.context() as patch:
            for kind in _family(type(TRACED._make((), {}))):
                if part in kind.__dict__ and part != "_close":
                    patch.setattr(kind, part, _broken)
            assert send() == "result"
    assert len(calls) == 5
    assert (current_id(), current_correlation_id()) == (0, "")


def _family(kind: type) -> tuple[type, ...]:
    return kind.__mro__[:-1]


def _broken(*_args: object, **_kwargs: object) -> None:
    raise RuntimeError("ours")


def test_without_tracing_everything_else_is_there(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines, metrics and the correlation id, also between a generator's steps."""
    monkeypatch.setattr(trace, "get_tracer_provider", trace.NoOpTracerProvider)
    inside: list[str] = []

    @TRACED
    def send() -> Iterator[int]:
        for number in range(2):
            inside.append(current_correlation_id())
            yield number

    assert list(send()) == [0, 1]
    assert len(set(inside)) == 1
    assert inside[0] == recorder.line("bitcoin_operation_succeeded").ids["correlation_id"]
    assert recorder.value("anya_bitcoin_transactions_total", **LABELS) == 1


LABELS = {"operation_type": "send", "status": "success", "wallet_id": "hot-1"}


def test_leaving_more_often_than_entering_is_told(recorder: Recorder) -> None:
    """In tests it raises; in production nothing happens."""
    TRACED.__exit__(None, None, None)
    with strict(), pytest.raises(MisuseError):
        TRACED.__exit__(None, None, None)
    assert isinstance(TRACED, Traced)
