"""One stage of a custody operation."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from anyascope.sdk.correlation import sound_id
from anyascope.sdk.custody.course import STAGE_FIELD, Course, log
from anyascope.sdk.custody.state import word_of
from anyascope.sdk.guard import guarded
from anyascope.sdk.logs import emit
from anyascope.sdk.operations.running import ERROR, SUCCESS, Operation
from anyascope.sdk.operations.traced import Traced
from anyascope.sdk.values import IDENTIFIER_CHARS_MAX, attribute, bounded, identifier


class CustodyStep(Operation):
    """One run of a stage."""

    __slots__ = ("_declared", "_message", "_waited_s")

    def __init__(self, declared: CustodySteps) -> None:
        super().__init__()
        self._declared = declared
        self._message = ""
        self._waited_s = 0.0

    def _begin(self) -> None:
        declared, operation = self._declared, self._declared.operation
        self._open(
            f"custody.{declared.stage}",
            {**declared.attributes, **operation.attributes(), "custody.stage": declared.stage},
            correlation_id=sound_id(operation.correlation_id),
            context=operation.around(),
        )

    def _mark(self) -> None:
        declared = self._declared
        if self._failed:
            message = self._message = self._error_text()
            self._mark_outcome({"operation.status": ERROR, "error.message": message}, error=message)
        else:
            self._waited_s = declared.operation.stage_ended(declared.stage)
            self._mark_outcome({"operation.status": SUCCESS, "custody.elapsed_s": self._waited_s})
        declared.operation.audit(
            f"{declared.operation.kind}.{declared.stage}",
            "event",
            outcome=ERROR if self._failed else SUCCESS,
            actor=declared.actor,
            **{STAGE_FIELD: declared.stage, **({"error": self._message} if self._message else {})},
        )

    def _measure(self) -> None:
        """Nothing more: a stage's duration is recorded where it ends well."""

    def _tell(self) -> None:
        declared = self._declared
        said = {**declared.operation.fields(), "stage": declared.stage, "duration_ms": self.duration_ms}
        if self._failed:
            emit(log, logging.ERROR, "custody_step_failed", **said, error=self._message)
        else:
            emit(log, logging.INFO, "custody_step_succeeded", **said, elapsed_s=self._waited_s)


class CustodySteps(Traced[CustodyStep]):
    """What `CustodyOperation.step` gives."""

    __slots__ = ("actor", "attributes", "operation", "stage")

    def __init__(self, operation: Course, stage: str, actor: str | None, attributes: Mapping[str, object]) -> None:
        super().__init__()
        self.operation = operation
        self.stage = "unknown"
        self.actor: str | None = None
        self.attributes: dict[str, Any] = {}
        self._read(stage, actor, attributes)

    @guarded(None)
    def _read(self, stage: str, actor: str | None, attributes: Mapping[str, object]) -> None:
        self.stage = word_of(identifier(stage, "stage"))
        self.actor = None if actor is None else identifier(actor, "actor")
        self.attributes = {
            bounded(name, IDENTIFIER_CHARS_MAX): attribute(name, value) for name, value in attributes.items()
        }

    def _make(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> CustodyStep:  # noqa: ARG002  # a stage is the same at every call
        return CustodyStep(self)
