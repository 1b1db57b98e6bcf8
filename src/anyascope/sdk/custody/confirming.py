"""What the chain says about a custody operation's transaction, and what it takes back."""

from __future__ import annotations

import logging
from typing import Any

from opentelemetry.trace import Status, StatusCode

from anyascope.sdk.custody.course import CONFIRMATION, Course, log
from anyascope.sdk.custody.state import CONFIRMATIONS_MAX, HEIGHT_MAX, State, block_hash_of
from anyascope.sdk.guard import quoted, report_misuse
from anyascope.sdk.logs import emit
from anyascope.sdk.operations.running import SUCCESS


def confirm(
    operation: Course, confirmations: object, *, block_height: object = None, block_hash: object = None
) -> None:
    """Note the number of confirmations, as `CustodyOperation.confirmed` says."""
    number = _whole(confirmations, "confirmations", -CONFIRMATIONS_MAX, CONFIRMATIONS_MAX)
    if number is None:
        return
    height = None if block_height is None else _whole(block_height, "block_height", 0, HEIGHT_MAX)
    hash_ = block_hash_of(block_hash)
    if block_hash is not None and not hash_:
        report_misuse(f"block_hash must be hex digits, got {quoted(block_hash)}")
    if hash_ and hash_ == operation.state.block_hash and 0 < number < operation.state.confirmations:
        return  # the same block holds it: this node only lags behind the one that was asked before
    former, state = operation.note_confirmations(number, height, hash_)
    if former is state:
        return
    if lost := _lost(former, state):
        _tell_loss(operation, former, lost)
    if number != former.confirmations or lost:
        _tell(operation)
    _judge(operation, former)


def _whole(value: object, what: str, least: int, most: int) -> int | None:
    if type(value) is int and least <= value <= most:
        return value
    report_misuse(f"{what} must be a whole number from {least} to {most}, got {quoted(value)}")
    return None


def _lost(former: State, state: State) -> str:
    """How confirmations were lost; "" where none were."""
    if state.confirmations < former.confirmations:
        return f"{former.confirmations} confirmations became {state.confirmations}"
    if former.confirmations > 0 and former.block_hash and state.block_hash and former.block_hash != state.block_hash:
        return f"block {former.block_hash} gave way to {state.block_hash}"
    return ""


def _block(state: State) -> dict[str, Any]:
    said: dict[str, Any] = {"confirmations": state.confirmations}
    if state.block_height >= 0:
        said["block_height"] = state.block_height
    if state.block_hash:
        said["block_hash"] = state.block_hash
    return said


def _tell(operation: Course) -> None:
    said = _block(operation.state)
    with operation.here():
        span = operation.span("custody.confirmation", {f"custody.{name}": value for name, value in said.items()})
        span.set_status(Status(StatusCode.OK))
        span.end()
        emit(log, logging.INFO, "custody_operation_confirmed", **operation.fields(), **said)


def _tell_loss(operation: Course, former: State, lost: str) -> None:
    said = _block(operation.state)
    with operation.here():
        span = operation.span(
            "custody.confirmations_lost",
            {"error.message": lost, **{f"custody.{name}": value for name, value in said.items()}},
        )
        span.set_status(Status(StatusCode.ERROR, lost))
        span.end()
        emit(log, logging.ERROR, "custody_confirmations_lost", **operation.fields(), **said, error=lost)
        operation.audit(f"{operation.kind}.confirmations_lost", "event", outcome="error", error=lost)
    if former.outcome:
        operation.reopen(lost)


def _judge(operation: Course, former: State) -> None:
    """End the stage, and the operation, where it has what it waits for."""
    state = operation.state
    if state.confirmations >= max(state.wanted, 1) > former.confirmations:
        with operation.here():
            operation.stage_ended(CONFIRMATION)
    if state.wanted and state.confirmations >= state.wanted and not state.outcome:
        operation.finish(SUCCESS)
