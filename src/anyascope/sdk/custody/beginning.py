"""How a custody operation begins, and how it goes on in another process."""

from __future__ import annotations

import logging
import secrets
from typing import Any

from opentelemetry import baggage, trace
from opentelemetry import context as otel_context
from opentelemetry.context import Context
from opentelemetry.trace import Link, NonRecordingSpan, Span, SpanContext, Status, StatusCode, TraceFlags

from anyascope.sdk.correlation import SPAN_ATTRIBUTE, current_correlation_id
from anyascope.sdk.custody import measures
from anyascope.sdk.custody.course import SPAN_NAME, STARTED, Course, log
from anyascope.sdk.custody.operation import CustodyOperation
from anyascope.sdk.custody.state import (
    CONFIRMATIONS_MAX,
    IDENTIFIER_CHARS_MAX,
    NS_PER_MS,
    State,
    UnreadableError,
    fits,
    read,
    word_of,
)
from anyascope.sdk.guard import guarded, quoted, report_misuse
from anyascope.sdk.logs import emit
from anyascope.sdk.operations import sources
from anyascope.sdk.operations.running import tracer
from anyascope.sdk.tracing.sampling import kept
from anyascope.sdk.values import attribute, bounded, identifier, sats

BAGGAGE_MAX = 16  # entries that are carried, where there is room


def custody_operation(
    kind: str,
    *,
    wallet_id: str | None = None,
    amount_sats: int | None = None,
    coin: str | None = None,
    reference: str | None = None,
    actor: str | None = None,
    confirmations_wanted: int | None = None,
    correlation_id: str | None = None,
    own_trace: bool = False,
    **attributes: object,
) -> CustodyOperation:
    """Begin an operation that moves or could move funds; everything that belongs to it is one trace.

    It goes on in the current trace, so that the request which asks for it is part of it, and is kept whatever the sampling
    ratio is. A span `custody_operation` with all that is given here is sent at once.

    Args:
        kind: `withdrawal`, `deposit`, `sweep`, …: one of few.
        wallet_id: whose funds.
        amount_sats: how much, in the coin's smallest unit.
        coin: `bitcoin`, `litecoin`, …, where a service moves more than one: the request then covers nothing of another.
        reference: the host's own name for it, such as the withdrawal's number.
        actor: who wants it, for the audit.
        confirmations_wanted: with how many it is done; without it the host says so by `finish`.
        correlation_id: in the place of the current one, or of a new one.
        own_trace: begin a trace, and a correlation id, of its own, linked to the current one: for each of a batch.
        **attributes: more for the root span, of any type.
    """
    course = Course(_blank())
    _begin(
        course,
        kind,
        own_trace=own_trace,
        correlation_id=correlation_id,
        known={
            "wallet_id": wallet_id,
            "amount_sats": amount_sats,
            "coin": coin,
            "reference": reference,
            "confirmations_wanted": confirmations_wanted,
        },
        actor=actor,
        attributes=attributes,
    )
    return CustodyOperation(course)


def resume_custody_operation(context: str) -> CustodyOperation:
    """Go on with an operation in any process, by what its `context` said; as often as wanted.

    A text that is no context is misuse: an operation of kind `unknown` begins in its place, so that what follows is on
    record all the same.
    """
    try:
        return CustodyOperation(Course(read(context)))
    except UnreadableError as error:
        report_misuse(f"a custody operation cannot be resumed: {error}")
    return custody_operation("unknown")


def _blank() -> State:
    """What an operation is where even beginning it fails: joined by ids of its own, and traced by whoever resumes it."""
    now_ms = max(sources.now_ns() // NS_PER_MS, 0)
    return State(
        trace_id=secrets.randbits(128) | 1,
        span_id=secrets.randbits(64) | 1,
        correlation_id=sources.new_id(),
        kind="unknown",
        started_ms=now_ms,
        since_ms=now_ms,
    )


@guarded(None)
def _begin(
    course: Course,
    kind: str,
    *,
    own_trace: bool,
    correlation_id: str | None,
    known: dict[str, Any],
    actor: str | None,
    attributes: dict[str, object],
) -> None:
    state = course.change(
        kind=word_of(identifier(kind, "kind")),
        correlation_id=_joining(correlation_id, own_trace=own_trace) or course.correlation_id,
        wallet_id=_carried(known["wallet_id"], "wallet_id"),
        reference=_carried(known["reference"], "reference"),
        wanted=_wanted(known["confirmations_wanted"]),
        baggage=_carried_baggage(),
    )
    amount = sats(known["amount_sats"], "amount_sats")
    coin = _carried(known["coin"], "coin")
    said: dict[str, Any] = {name: attribute(name, value) for name, value in attributes.items()}
    said |= course.attributes()
    if amount is not None:
        said["amount_sats"] = amount
    if coin:
        said["coin"] = coin
    if state.wanted:
        said["custody.confirmations_wanted"] = state.wanted
    said |= {"security_level": "high", "security.classification": "restricted", "audit.required": "true"}
    said["compliance.level"] = "high"
    span = _root(said, own_trace=own_trace)
    span.set_status(Status(StatusCode.OK))
    made = span.get_span_context()
    if made.is_valid:
        course.change(trace_id=made.trace_id, span_id=made.span_id)
    # Rounded up: nothing that is told by these milliseconds begins before its parent, the root.
    now_ms = max(-(-sources.now_ns() // NS_PER_MS), 0)
    course.change(started_ms=now_ms, since_ms=now_ms)
    with course.here():
        measures.count(state.kind, STARTED)
        emit(log, logging.INFO, "custody_operation_started", **course.fields(), amount_sats=amount)
        course.audit(
            state.kind, "intent", outcome=None, actor=actor, amount_sats=amount, **({"coin": coin} if coin else {})
        )
    span.end()


def _root(attributes: dict[str, Any], *, own_trace: bool) -> Span:
    """The root span, kept whatever the sampler is set to."""
    current = trace.get_current_span().get_span_context()
    links = [Link(current)] if own_trace and current.is_valid else None
    around = Context() if own_trace else otel_context.get_current()
    span = tracer().start_span(SPAN_NAME, kept(around), attributes=attributes, links=links)
    made = span.get_span_context()
    if not made.is_valid or made.trace_flags.sampled:
        return span
    # A sampler that is not ours left it out. All that follow their parent keep what a caller has kept.
    caller = SpanContext(made.trace_id, made.span_id, is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED))
    again = trace.set_span_in_context(NonRecordingSpan(caller), around)
    return tracer().start_span(SPAN_NAME, again, attributes=attributes, links=links)


def _joining(correlation_id: object, *, own_trace: bool) -> str:
    """The id to work under; "" for a new one."""
    if correlation_id is not None:
        given = identifier(correlation_id, "correlation_id")
        if fits(given):
            return given
        report_misuse(f"correlation_id must have fewer characters, got {len(given)}")
    current = "" if own_trace else current_correlation_id()
    return current if current and fits(current) else ""


def _carried(value: object, what: str) -> str:
    return "" if value is None else bounded(identifier(value, what), IDENTIFIER_CHARS_MAX)


def _wanted(value: object) -> int:
    if value is None:
        return 0
    if type(value) is int and 0 < value <= CONFIRMATIONS_MAX:
        return value
    report_misuse(f"confirmations_wanted must be a whole number from 1, got {quoted(value)}")
    return 0


def _carried_baggage() -> dict[str, str]:
    entries = list(baggage.get_all().items())[:BAGGAGE_MAX]
    return {name: value for name, value in entries if isinstance(value, str) and name != SPAN_ATTRIBUTE}
