"""What became of a spend as log records, joined by the operation's correlation id, or else the transaction's id; pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from anyascope.custody.evidence import SPENT_PREFIX
from anyascope.custody.nouns import Item, State
from anyascope.model.attributes import AttributeValue, Resource
from anyascope.model.logs import LogBatch, LogRecord, Severity
from anyascope.semconv.coins import network_text, smallest_unit

STREAM = "custody"
OPERATIONS_MAX = 200  # of one spend, which get its event; more are a batch without a word for itself
NAMES: Mapping[State, str] = {state: f"{SPENT_PREFIX}{state.value}" for state in State}
_SEVERITIES = {
    State.MATCHED: Severity.INFO,
    State.UNMATCHED: Severity.ERROR,
    State.LATE: Severity.WARN,
    State.ACCEPTED: Severity.WARN,
    State.HISTORY: Severity.INFO,
}


def batch_of(items: list[Item]) -> LogBatch:
    """The events of judged spends."""
    batch = LogBatch(STREAM)
    for item in items:
        for record in records_of(item):
            batch.add(record)
    return batch


def records_of(item: Item) -> Iterator[LogRecord]:
    """One record an operation that the spend carries out; one where there is none."""
    spend = item.spend
    at_ns = item.matched_ns or item.settled_ns
    attributes: dict[str, AttributeValue] = {
        "bitcoin.chain": spend.chain,
        "bitcoin.wallet": spend.wallet,
        "bitcoin.node": spend.node,
        "bitcoin.transaction.id": spend.txid,
        "bitcoin.transaction.direction": spend.direction,
        "bitcoin.transaction.amount_sats": spend.amount_sats,
        "bitcoin.transaction.fee_sats": spend.fee_sats,
        "custody.spend.state": item.state.value,
        "custody.spend.lacks": [lack.value for lack in item.lacks],
    }
    if spend.coin:
        attributes["bitcoin.coin"] = spend.coin
    if item.proof is not None:
        attributes["custody.spend.signature"] = item.proof.value
    if item.accepted_by:
        attributes["custody.spend.accepted_by"] = item.accepted_by
    if item.operation:
        attributes["custody.spend.operation"] = item.operation
    severity = _SEVERITIES[item.state]
    for joined in item.correlation_ids[:OPERATIONS_MAX] or (spend.txid,):
        yield LogRecord(
            time_ns=at_ns,
            observed_ns=at_ns,
            body=body_of(item),
            event_name=NAMES[item.state],
            attributes=attributes,
            correlation_id=joined,
            severity_number=int(severity),
            severity_text=severity.name,
            resource=Resource({"service.name": "custody"}),
            stream=STREAM,
        )


def body_of(item: Item) -> str:
    """The spend in one sentence."""
    spend = item.spend
    amount = f"{spend.amount_sats} {smallest_unit(spend.coin)}"
    what = f"{amount} of wallet {spend.wallet} on {network_text(spend.coin, spend.chain)} by {spend.txid}"
    if item.state is State.UNMATCHED:
        return f"spent without {', '.join(lack.value for lack in item.lacks)}: {what}"
    if item.state is State.ACCEPTED:
        return f"accepted by {item.accepted_by} ({item.note}): {what}"
    if item.state is State.HISTORY:
        return f"made before its wallet was watched, not compared: {what}"
    late = " (known only after it was told as unmatched)" if item.state is State.LATE else ""
    return f"spent as asked for{late}: {what}"
