"""Whatever an operation is given, the host's function runs once and its answer passes; contexts read back as they were."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry import trace

from anyascope.sdk.audit import audit_event
from anyascope.sdk.correlation import current_correlation_id
from anyascope.sdk.custody import custody_operation, resume_custody_operation
from anyascope.sdk.custody.state import CONTEXT_CHARS_MAX, State, read, written
from anyascope.sdk.operations import trace_bitcoin_operation, trace_health_check, trace_hsm_operation
from anyascope.sdk.security import security_event
from anyascope.sdk.values import MESSAGE_CHARS_MAX, attribute
from support.odd_values import odd_values, random_values
from support.sdk_recorder import recording

MAKERS: tuple[tuple[Callable[..., Any], int], ...] = (
    (trace_bitcoin_operation, 3),
    (trace_hsm_operation, 3),
    (trace_health_check, 1),
)
DRAWS = 300  # of odd values for all arguments at once, an operation


class HostError(BaseException):
    """What the host raises, also where it is no `Exception`."""


def check_sync(decorated: Callable[[object], object], calls: list[object], answer: object) -> None:
    calls.clear()
    assert decorated(answer) is answer
    assert len(calls) == 1
    error = HostError()
    with pytest.raises(HostError) as caught:
        decorated(error)
    assert caught.value is error
    assert len(calls) == 2


@pytest.mark.parametrize(("make", "arguments"), MAKERS, ids=lambda value: getattr(value, "__name__", ""))
def test_odd_arguments_leave_the_hosts_function_as_it_is(make: Callable[..., Any], arguments: int) -> None:
    """Called exactly once, its result and its exception the very same objects, and nothing left in the context."""
    chance = random.Random(make.__name__)
    calls: list[object] = []

    def host(value: object) -> object:
        calls.append(value)
        if type(value) is HostError:
            raise value
        return value

    answers = odd_values()
    with recording():
        for _ in range(DRAWS):
            given_values = [value for _, value in random_values(chance, arguments)]
            check_sync(make(*given_values)(host), calls, chance.choice(answers)[1])
            assert current_correlation_id() == ""
        assert trace.get_current_span().get_span_context().trace_id == 0


async def test_odd_arguments_leave_the_hosts_coroutines_as_they_are() -> None:
    """As a function's, also while several run at once."""
    chance = random.Random("coroutines")
    calls: list[object] = []

    async def host(value: object) -> object:
        calls.append(value)
        await asyncio.sleep(0)
        return value

    with recording():
        for _ in range(DRAWS // 10):
            made = [make(*[value for _, value in random_values(chance, count)])(host) for make, count in MAKERS]
            answers = [chance.choice(odd_values())[1] for _ in made]
            found = await asyncio.gather(*(decorated(answer) for decorated, answer in zip(made, answers, strict=True)))
            assert all(one is answer for one, answer in zip(found, answers, strict=True))
    assert len(calls) == DRAWS // 10 * len(MAKERS)


@pytest.mark.parametrize(("make", "arguments"), MAKERS, ids=lambda value: getattr(value, "__name__", ""))
def test_odd_things_done_to_an_operation_stay_in_it(make: Callable[..., Any], arguments: int) -> None:
    """Results, attributes and failures of any type; the block ends as it would."""
    chance = random.Random(make.__name__)
    with recording() as recorder:
        for _ in range(DRAWS):
            with make(*["x"] * arguments) as operation:
                operation.set_result(random_values(chance, 1)[0][1])
                operation.set_attribute(*[value for _, value in random_values(chance, 2)])
                if chance.random() < 0.2:
                    operation.fail(random_values(chance, 1)[0][1])
        assert len(recorder.spans) == DRAWS
        for span in recorder.spans:
            for value in span.attributes.values():
                str(value).encode("utf-8")  # protobuf takes nothing else
                assert not isinstance(value, int) or -(2**63) <= value < 2**63


def test_odd_events_are_survived() -> None:
    """Audit and security events in every argument and field."""
    chance = random.Random("events")
    with recording() as recorder:
        for _ in range(DRAWS):
            one, two, three, four, five, six = (value for _, value in random_values(chance, 6))
            security_event(one, two, three, user=four, ip=five, odd=six)
            audit_event(one, phase=two, correlation_id=three, actor=four, resource=five, odd=six)
        assert len([line for line in recorder.lines if line.logger == "anyascope.security"]) == DRAWS
        assert len([line for line in recorder.lines if line.logger == "anyascope.audit"]) == DRAWS


def test_odd_custody_operations_are_survived() -> None:
    """In every argument, in steps, confirmations and ends; their context always reads back."""
    chance = random.Random("custody")
    with recording():
        for _ in range(DRAWS // 4):
            draw = [value for _, value in random_values(chance, 12)]
            operation = custody_operation(
                draw[0],
                wallet_id=draw[1],
                amount_sats=draw[2],
                reference=draw[3],
                actor=draw[4],
                confirmations_wanted=draw[5],
                correlation_id=draw[6],
                odd=draw[7],
            )
            with operation, operation.step(draw[8], actor=draw[9], odd=draw[10]):
                operation.set_transaction(draw[11])
            operation.confirmed(draw[0], block_height=draw[1], block_hash=draw[2])
            operation.finish(draw[3], error=draw[4], actor=draw[5])
            back = resume_custody_operation(operation.context)
            assert (back.trace_id, back.correlation_id) == (operation.trace_id, operation.correlation_id)
            assert back.context == operation.context
            assert len(operation.context) <= CONTEXT_CHARS_MAX


words = st.from_regex(r"[a-z0-9][a-z0-9_.-]{0,31}", fullmatch=True)
texts = st.text(st.characters(codec="utf-8"), max_size=64)
states = st.builds(
    State,
    trace_id=st.integers(1, 2**128 - 1),
    span_id=st.integers(1, 2**64 - 1),
    correlation_id=st.from_regex(r"[!-~]{1,42}", fullmatch=True),
    kind=words,
    started_ms=st.integers(0, 253_402_300_800_000),
    since_ms=st.integers(1, 253_402_300_800_000),
    stage=words | st.just(""),
    wallet_id=texts,
    reference=texts,
    txid=st.from_regex(r"[0-9a-f]{64}|", fullmatch=True),
    wanted=st.integers(0, 10_000_000),
    confirmations=st.integers(-10_000_000, 10_000_000),
    block_height=st.integers(-1, 100_000_000),
    block_hash=st.from_regex(r"[0-9a-f]{64}|", fullmatch=True),
    outcome=st.sampled_from(["", "success", "error", "refused", "cancelled", "expired"]),
    baggage=st.dictionaries(st.text(st.characters(codec="utf-8"), min_size=1, max_size=8), texts, max_size=4),
)


@settings(max_examples=300, deadline=None)
@given(states)
def test_a_context_reads_back_as_it_was(state: State) -> None:
    """Everything that joins and judges; of the rest as much as there is room for, and never something else."""
    text = written(state)
    assert len(text) <= CONTEXT_CHARS_MAX
    assert text.isascii()
    assert text.isprintable()
    assert not set(text) & set(" \"\\'`$&<>|(){}#")
    back = read(text)
    for name in ("trace_id", "span_id", "correlation_id", "kind", "started_ms", "stage", "wanted", "confirmations"):
        assert getattr(back, name) == getattr(state, name)
    for name in ("since_ms", "block_height", "block_hash", "outcome"):
        assert getattr(back, name) == getattr(state, name)
    for name in ("wallet_id", "reference", "txid"):
        assert getattr(back, name) in ("", getattr(state, name))
    assert back.baggage.items() <= state.baggage.items()
    assert read(written(back)) == back


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=600) | st.text(max_size=80).map(lambda text: f"anya1;{text}") | st.binary(max_size=40))
def test_any_text_may_come_as_a_context(text: object) -> None:
    """An operation is there to work with, whatever was stored."""
    with recording() as recorder, resume_custody_operation(text).step("signing"):  # type: ignore[arg-type]
        assert recorder.named() == ["custody_operation"]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(-1, 5), st.sampled_from(["aa", "bb", None])), max_size=12))
def test_an_operation_is_done_just_when_it_has_what_it_wants(reports: list[tuple[int, str | None]]) -> None:
    """Whatever nodes say in whatever order, and through a stored context at each time."""
    with recording() as recorder:
        stored = custody_operation("withdrawal", confirmations_wanted=3).context
        for confirmations, block in reports:
            operation = resume_custody_operation(stored)
            operation.confirmed(confirmations, block_hash=block)
            stored = operation.context
            assert (operation.outcome == "success") == (operation.confirmations >= 3)
        ended = recorder.value("anya_custody_operations_total", kind="withdrawal", status="success") or 0
        opened = recorder.value("anya_custody_operations_total", kind="withdrawal", status="reopened") or 0
        assert ended - opened == (resume_custody_operation(stored).outcome == "success")


@settings(max_examples=300, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
        max_leaves=12,
    )
)
def test_any_value_becomes_an_attribute(value: object) -> None:
    """Of a kind that OpenTelemetry takes, bounded, and fit for the wire."""
    found = attribute("note", value)
    items = found if isinstance(found, list) else [found]
    assert len({type(item) for item in items}) <= 1
    for item in items:
        assert isinstance(item, str | bool | int | float)
        if isinstance(item, str):
            assert len(item) <= MESSAGE_CHARS_MAX
            item.encode("utf-8")
        elif isinstance(item, int):
            assert -(2**63) <= item < 2**63
