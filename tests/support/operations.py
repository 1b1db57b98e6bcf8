"""One withdrawal as its service, its node and its alerts tell it, for tests of what follows an operation."""

from __future__ import annotations

from anyascope.clock import NS_PER_S
from anyascope.model.attributes import Resource
from anyascope.model.logs import LogRecord
from anyascope.model.traces import Span, SpanStatus

OPERATION = "8f14e45f-ceea-467f-a8f2-3d5c1d9d3a11"
TXID, SECOND_TXID = "ab" * 32, "cd" * 32
TRACE = b"\x5b" * 16
BEGIN_NS = 1_700_000_000 * NS_PER_S - 3_600 * NS_PER_S  # an hour before the manual clock


def at(second: float) -> int:
    return BEGIN_NS + round(second * NS_PER_S)


def record(event_name: str, second: float, *, joined: str = OPERATION, stream: str = "otlp", **more) -> LogRecord:
    """A record; `said` are its attributes."""
    given = {"body": "", "severity_number": 9, "resource": Resource({"service.name": "custody"})} | more
    attributes = given.pop("said", {})
    return LogRecord(
        time_ns=at(second), event_name=event_name, correlation_id=joined, stream=stream, attributes=attributes, **given
    )


def sighting(event: str, second: float, *, txid: str = TXID, height: int | None = None, **said) -> LogRecord:
    """What a node tells of a transaction."""
    about = {"bitcoin.node": "core-1", "bitcoin.chain": "regtest", "bitcoin.transaction.id": txid}
    if height is not None:
        about["bitcoin.block.height"] = height
    return record(f"bitcoin.transaction.{event}", second, joined=txid, stream="bitcoin", said=about | said)


def span(name: str, second: float, *, stage: str = "", took_s: float = 1, number: int = 0, **more) -> Span:
    """A span of the operation; `said` are its attributes."""
    said = ({"custody.stage": stage} if stage else {}) | more.pop("said", {})
    return Span(
        trace_id=TRACE,
        span_id=(number or round(second * 10) + 1).to_bytes(8, "big"),
        name=name,
        start_ns=at(second),
        duration_ns=round(took_s * NS_PER_S),
        attributes=said,
        resource=Resource({"service.name": "custody"}),
        **{"correlation_id": OPERATION, "status": SpanStatus.OK} | more,
    )


def withdrawal_spans() -> list[Span]:
    """From the request to the first of three confirmations."""
    counted = {"custody.confirmations": 1, "custody.confirmations_wanted": 3, "custody.block_height": 925_000}
    return [
        span("POST /withdrawals", 0),
        span("custody.policy", 1, stage="policy"),
        span("custody.approval", 61, stage="approval"),
        span("custody.signing", 63, stage="signing"),
        span("custody.broadcast", 65, stage="broadcast", said={"transaction_id": TXID}),
        span("custody.confirmation", 600, said=counted),
    ]


def withdrawal_records() -> list[LogRecord]:
    """What is on record of it."""
    approved = {"audit.actor": "ada", "audit.outcome": "success"}
    return [
        record("audit.withdrawal.intent", 0, said={"audit.phase": "intent", "audit.actor": "customer"}),
        record("audit.withdrawal.approval.event", 62, said=approved, trace_id=TRACE),
        record("audit.withdrawal.transaction.event", 64, said={"transaction_id": TXID}),
    ]
