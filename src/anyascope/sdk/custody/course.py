"""The course of a custody operation: where it stands, the trace it leaves, and how it ends."""

from __future__ import annotations

import logging
import os
import threading
import weakref
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from opentelemetry import baggage, trace
from opentelemetry import context as otel_context
from opentelemetry.context import Context
from opentelemetry.trace import NonRecordingSpan, Span, SpanContext, Status, StatusCode, TraceFlags

from anyascope.sdk.audit import audit_event
from anyascope.sdk.correlation import SPAN_ATTRIBUTE, sound_id
from anyascope.sdk.custody import measures
from anyascope.sdk.custody.state import NS_PER_MS, State
from anyascope.sdk.guard import report_misuse
from anyascope.sdk.logs import emit
from anyascope.sdk.operations import sources
from anyascope.sdk.operations.places import Place
from anyascope.sdk.operations.running import ERROR, SUCCESS, tracer

SPAN_NAME = "custody_operation"
STARTED = "started"
REOPENED = "reopened"
CONFIRMATION = "confirmation"
OUTCOMES = (SUCCESS, ERROR, "refused", "cancelled", "expired")
"""How an operation may end: it did what it should; it could not; a policy or a person said no; it was called off; it was
waited for in vain."""

MS_PER_S = 1_000
OPERATION_FIELD = "custody.operation"  # of an audit event: the kind of the operation that it is part of
STAGE_FIELD = "custody.stage"  # of a step's audit event

log = logging.getLogger("anyascope.operations")

_OURS = otel_context.create_key("anyascope-custody-operation")


class Course:
    """What a custody operation is and does, for its steps and confirmations to work on.

    Its spans are sent as they end: the root is short and ends at once, steps and confirmations are its children, and when all
    is over one span tells of the whole time. So a trace that is hours old has no open span, and no span without its parent.
    """

    def __init__(self, state: State) -> None:
        self._state = state
        self._lock = threading.RLock()
        _all.add(self)

    @property
    def state(self) -> State:
        """As it stands now."""
        return self._state

    @property
    def kind(self) -> str:
        """What it is."""
        return self._state.kind

    @property
    def correlation_id(self) -> str:
        """What joins everything that belongs to it."""
        return self._state.correlation_id

    def finish(self, outcome: str, *, error: str = "", actor: str | None = None) -> None:
        """End it with one of `OUTCOMES`; a second time changes nothing."""
        with self._lock:
            former = self._state.outcome
            if not former:
                self.change(outcome=outcome)
        if not former:
            self._tell_end(outcome, error, actor)
        elif former != outcome:
            report_misuse(f"a custody operation that ended with {former} cannot end with {outcome}")

    def change(self, **fields: Any) -> State:
        """Put these fields in the place of the former ones."""
        with self._lock:
            self._state = replace(self._state, **fields)
            return self._state

    def after_fork(self) -> None:
        """A lock that another thread of the parent may have held."""
        self._lock = threading.RLock()

    def note_transaction(self, txid: str) -> None:
        """Which transaction it is; on record at once, so that whoever sees it on the chain knows whose it is."""
        with self._lock:
            is_news = txid != self._state.txid
            self.change(txid=txid)
        if is_news:
            with self.here():
                self.audit(f"{self.kind}.transaction", "event", outcome=None)

    def note_confirmations(self, number: int, height: int | None, block_hash: str) -> tuple[State, State]:
        """The state before and after; the same one where nothing is new."""
        with self._lock:
            former = self._state
            block = former if number > 0 else replace(former, block_height=-1, block_hash="")
            state = replace(
                former,
                confirmations=number,
                block_height=block.block_height if height is None else height,
                block_hash=block_hash or block.block_hash,
            )
            self._state = former if state == former else state
            return former, self._state

    def root(self) -> SpanContext:
        """The root span as parents are named, always kept: its decision was made when the operation began."""
        state = self._state
        return SpanContext(state.trace_id, state.span_id, is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED))

    def around(self) -> Context:
        """The context for a span of it: the current one inside of its own block, else its root's."""
        current = otel_context.get_current()
        if otel_context.get_value(_OURS, current) == self._state.span_id:
            return current
        context = trace.set_span_in_context(
            NonRecordingSpan(self.root()), otel_context.set_value(_OURS, self._state.span_id)
        )
        for name, value in self._state.baggage.items():
            context = baggage.set_baggage(name, value, context)
        return context

    def attributes(self) -> dict[str, Any]:
        """What all its spans say."""
        state = self._state
        known = {
            SPAN_ATTRIBUTE: state.correlation_id,
            "operation": state.kind,
            "wallet_id": state.wallet_id,
            "transaction_id": state.txid,
            "custody.reference": state.reference,
        }
        return {name: value for name, value in known.items() if value}

    def fields(self) -> dict[str, Any]:
        """What all its log lines say."""
        state = self._state
        known = {
            "operation": state.kind,
            "wallet_id": state.wallet_id,
            "transaction_id": state.txid,
            "reference": state.reference,
        }
        return {name: value for name, value in known.items() if value}

    def span(self, name: str, attributes: Mapping[str, Any], *, start_ns: int | None = None) -> Span:
        """A span of it that has begun."""
        return tracer().start_span(
            name, self.around(), attributes={**self.attributes(), **attributes}, start_time=start_ns
        )

    def audit(
        self, action: str, phase: str, *, outcome: str | None, actor: str | None = None, **fields: object
    ) -> None:
        """Put on record what was done about it, so that a reader needs no other record to know what it belongs to."""
        state = self._state
        known = {"wallet_id": state.wallet_id, "transaction_id": state.txid}
        audit_event(
            action,
            phase=phase,
            correlation_id=state.correlation_id,
            actor=actor,
            resource=state.reference or state.wallet_id or None,
            outcome=outcome,
            **{OPERATION_FIELD: state.kind, **{name: value for name, value in known.items() if value}, **fields},
        )

    def stage_ended(self, stage: str) -> float:
        """Note that a stage ended well; seconds since the one before it, 0 where the clock was set back."""
        now_ms = sources.now_ns() // NS_PER_MS
        with self._lock:
            waited_ms = max(now_ms - self._state.since_ms, 0)
            self.change(stage=stage, since_ms=max(now_ms, 0))
        measures.stage(self.kind, stage, waited_ms / MS_PER_S)
        return waited_ms / MS_PER_S

    def reopen(self, reason: str) -> None:
        """It had ended, and what it had reached is gone."""
        former = self._state.outcome
        self.change(outcome="")
        with self.here():
            measures.count(self.kind, REOPENED)
            emit(log, logging.ERROR, "custody_operation_reopened", **self.fields(), outcome=former, reason=reason)
            self.audit(self.kind, "event", outcome=REOPENED, reason=reason)

    def here(self) -> Here:
        """A block in which it is current."""
        return Here(self)

    def _tell_end(self, outcome: str, error: str, actor: str | None) -> None:
        state = self._state
        now_ns = sources.now_ns()
        start_ns = min(state.started_ms * NS_PER_MS, now_ns)
        with self.here():
            span = self.span(
                f"{SPAN_NAME}.lifetime",
                {
                    "operation.status": outcome,
                    "custody.confirmations": state.confirmations,
                    "custody.duration_s": (now_ns - start_ns) / (NS_PER_MS * MS_PER_S),
                    **({"error.message": error} if error else {}),
                },
                start_ns=start_ns,
            )
            span.set_status(Status(StatusCode.ERROR, error or outcome) if outcome == ERROR else Status(StatusCode.OK))
            measures.count(state.kind, outcome)
            level = logging.INFO if outcome == SUCCESS else logging.ERROR if outcome == ERROR else logging.WARNING
            said = {"error": error} if error else {}
            emit(log, level, "custody_operation_finished", **self.fields(), outcome=outcome, **said)
            self.audit(state.kind, "outcome", outcome=outcome, actor=actor, **said)
            span.end(now_ns)


_all: weakref.WeakSet[Course] = weakref.WeakSet()


def _in_child() -> None:
    for course in list(_all):
        course.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)


class Here:
    """An operation made current for a few lines of ours."""

    __slots__ = ("_operation", "_place")

    def __init__(self, operation: Course) -> None:
        self._operation = operation

    def __enter__(self) -> None:
        self._place = Place(self._operation.around(), sound_id(self._operation.correlation_id))

    def __exit__(self, *_error: object) -> None:
        self._place.leave()
