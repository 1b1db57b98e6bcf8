"""One custody operation as one trace, from the request to the last confirmation, over hours and processes."""

from __future__ import annotations

import logging
from types import TracebackType
from typing import Self

from opentelemetry import trace

from anyascope.sdk.correlation import SPAN_ATTRIBUTE, sound_id
from anyascope.sdk.custody.confirming import confirm
from anyascope.sdk.custody.course import OUTCOMES, Course, log
from anyascope.sdk.custody.state import written
from anyascope.sdk.custody.steps import CustodySteps
from anyascope.sdk.guard import guarded, quoted, report_misuse
from anyascope.sdk.logs import emit
from anyascope.sdk.operations.outcomes import error_text, transaction_id_in
from anyascope.sdk.operations.places import Entries, Place
from anyascope.sdk.operations.running import ERROR, SUCCESS
from anyascope.sdk.values import MESSAGE_CHARS_MAX, bounded, printed


class CustodyOperation:
    """A custody operation; made by `custody_operation` and `resume_custody_operation`.

    As a context manager it makes its trace and correlation id current, any number of times; leaving it ends nothing.
    """

    def __init__(self, course: Course) -> None:
        self._course = course
        self._entries: Entries[Place] = Entries()

    @property
    def context(self) -> str:
        """What another process needs to go on, as one line of at most 512 characters; store it after every change."""
        return written(self._course.state)

    @property
    def correlation_id(self) -> str:
        """What joins its spans, logs, exemplars, alerts and audit entries."""
        return self._course.correlation_id

    @property
    def trace_id(self) -> str:
        """32 lower-case hex digits."""
        return f"{self._course.state.trace_id:032x}"

    @property
    def kind(self) -> str:
        """What it is, such as `withdrawal`."""
        return self._course.kind

    @property
    def confirmations(self) -> int:
        """That were seen; 0 before the first, negative in conflict with the chain."""
        return self._course.state.confirmations

    @property
    def stage(self) -> str | None:
        """The last one that ended well; None before the first."""
        return self._course.state.stage or None

    @property
    def outcome(self) -> str | None:
        """How it ended; None while it is open."""
        return self._course.state.outcome or None

    def __repr__(self) -> str:
        return f"<CustodyOperation {self.kind} {self.outcome or 'open'} trace={self.trace_id} {self.correlation_id}>"

    def __enter__(self) -> Self:
        self._enter()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is not None:
            self._note_interruption(error)
        self._leave()

    async def __aenter__(self) -> Self:
        self._enter()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, traceback)

    def step(self, stage: str, *, actor: str | None = None, **attributes: object) -> CustodySteps:
        """One stage of it around a block or a function: a span `custody.<stage>`, a log line, an audit event, its duration.

        Args:
            stage: such as `policy`, `approval`, `signing`, `broadcast`, `confirmation`.
            actor: who does it, for the audit.
            **attributes: of the span, of any type.
        """
        return CustodySteps(self._course, stage, actor, attributes)

    @guarded(None)
    def confirmed(self, confirmations: int, *, block_height: int | None = None, block_hash: str | None = None) -> None:
        """Note how many confirmations the transaction has now; the same ones again change nothing.

        With fewer than before, or another block, confirmations were lost: that is told, and an operation that had ended
        is open again (fewer in the same block are a node that lags behind). With as many as it was begun with
        (`confirmations_wanted`) the operation ends with success.

        Args:
            confirmations: as the node says: 0 in the memory pool, negative in conflict with the chain.
            block_height: of the block that holds it.
            block_hash: of that block; with it a reorganisation is seen even where the number grew.
        """
        confirm(self._course, confirmations, block_height=block_height, block_hash=block_hash)

    @guarded(None)
    def set_transaction(self, transaction: object) -> None:
        """Note the transaction's id, in any form in which an operation may give it; later spans and the context carry it.

        A new one is put on record at once, as the audit event `<kind>.transaction`. Say it before the broadcast where the
        id is known by then (it is, of a signed transaction): the server's reconciliation then knows whose it is when a
        node first sees it.
        """
        txid = transaction_id_in(transaction)
        if txid is None:
            report_misuse(f"a transaction has an id, got {quoted(transaction)}")
            return
        self._course.note_transaction(txid)

    @guarded(None)
    def finish(
        self, outcome: str = SUCCESS, *, error: BaseException | str | None = None, actor: str | None = None
    ) -> None:
        """End it; a second time changes nothing.

        Args:
            outcome: one of `OUTCOMES`.
            error: why, where it did not succeed.
            actor: who ended it, for the audit.
        """
        if type(outcome) is not str or outcome not in OUTCOMES:
            report_misuse(f"outcome must be one of {', '.join(OUTCOMES)}, got {quoted(outcome)}")
            outcome = ERROR
        self._course.finish(outcome, error=_text_of(error), actor=actor)

    @guarded(None)
    def _enter(self) -> None:
        outer = trace.get_current_span()
        context = self._course.around()
        if outer.is_recording() and outer.get_span_context().trace_id != self._course.state.trace_id:
            # A worker's or a request's own trace points to the money's; the money's does not hang on it.
            outer.add_link(self._course.root(), {SPAN_ATTRIBUTE: self._course.correlation_id})
        self._entries.enter(Place(context, sound_id(self._course.correlation_id)))

    @guarded(None)
    def _leave(self) -> None:
        left = self._entries.leave()
        if left is not None and left[1]:
            left[0].leave()

    @guarded(None)
    def _note_interruption(self, error: BaseException) -> None:
        emit(
            log,
            logging.WARNING,
            "custody_operation_interrupted",
            **self._course.fields(),
            error=error_text(error),
            error_type=type(error).__name__,
            stage=self._course.state.stage,
        )


def _text_of(error: BaseException | str | None) -> str:
    if error is None:
        return ""
    return error_text(error) if isinstance(error, BaseException) else bounded(printed(error), MESSAGE_CHARS_MAX)
