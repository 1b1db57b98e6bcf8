"""One custody operation as one trace, from the request to the last confirmation, over hours and processes."""

from __future__ import annotations

import logging
from types import TracebackType
from typing import Self

from opentelemetry import trace

from anyascope.sdk.correlation import SPAN_ATTRIBUTE
from anyascope.sdk.custody.confirming import confirm
from anyascope.sdk.custody.course import Course, log
from anyascope.sdk.custody.state import State
from anyascope.sdk.custody.steps import CustodySteps
from anyascope.sdk.guard import guarded
from anyascope.sdk.logs import emit
from anyascope.sdk.operations.outcomes import error_text
from anyascope.sdk.operations.places import Entries, Place


class CustodyOperation(Course):
    """A custody operation; made by `custody_operation` and `resume_custody_operation`.

    As a context manager it makes its trace and correlation id current, any number of times; leaving it ends nothing.
    """

    def __init__(self, state: State) -> None:
        super().__init__(state)
        self._entries: Entries[Place] = Entries()

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
        return CustodySteps(self, stage, actor, attributes)

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
        confirm(self, confirmations, block_height=block_height, block_hash=block_hash)

    @guarded(None)
    def _enter(self) -> None:
        outer = trace.get_current_span()
        context = self.around()
        if outer.is_recording() and outer.get_span_context().trace_id != self._state.trace_id:
            # A worker's or a request's own trace points to the money's; the money's does not hang on it.
            outer.add_link(self.root(), {SPAN_ATTRIBUTE: self._state.correlation_id})
        self._entries.enter(Place(context, self._state.correlation_id))

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
            **self.fields(),
            error=error_text(error),
            error_type=type(error).__name__,
            stage=self._state.stage,
        )
