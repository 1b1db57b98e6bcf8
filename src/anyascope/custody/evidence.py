"""Reads log records: what services put on record about custody operations, and which transactions nodes have seen; pure.

Source: the audit events of `anyascope.sdk` (docs/guide/reconciliation.md), and the own-transaction events of the Bitcoin collector.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from anyascope.custody.nouns import DEPOSIT, INTERNAL, Evidence, EvidenceKind, Spend
from anyascope.model.attributes import Attributes, AttributeValue
from anyascope.model.logs import LogBatch, LogRecord
from anyascope.semconv.coins import coin_named, coin_of_label

NODE_STREAM = "bitcoin"
TRANSACTION_EVENTS = "bitcoin.transaction."
AUDIT_ACTION, AUDIT_PHASE, AUDIT_OUTCOME = "audit.action", "audit.phase", "audit.outcome"
OPERATION, STAGE = "custody.operation", "custody.stage"
TRANSACTION = "transaction_id"
HSM_ACTION, SIGN, SIGNATURE_NAME = "hsm_operation", "sign", "signature_name"
SPENT_EVENTS = frozenset(("custody.spend.matched", "custody.spend.late"))
SPENT_PREFIX = "custody.spend."
TXID = "bitcoin.transaction.id"
NODE_COIN = "bitcoin.coin"
REQUEST_COIN = "coin"

_ALIVE = frozenset(("seen", "confirmed", "unconfirmed", "stuck", "unstuck"))
_GONE = frozenset(("replaced", "conflicted", "abandoned"))


@dataclass(frozen=True, slots=True)
class Sight:
    """What a node says of one of our transactions.

    Attributes:
        is_gone: it moves nothing any more.
        is_first: it was not known to the watch before.
        is_history: the wallet had it before the watch over it began.
        received_s: when the wallet saw it first, by the node's clock; seconds of UTC, 0 where it is not told.
    """

    spend: Spend
    is_gone: bool
    is_first: bool = False
    is_history: bool = False
    received_s: int = 0


def sights_in(batch: LogBatch) -> Iterator[Sight]:
    """The spends of a batch; nothing where it is of another stream."""
    if batch.stream != NODE_STREAM:
        return
    for row, name in enumerate(batch.event_names):
        if name.startswith(TRANSACTION_EVENTS) and (sight := sight_of(batch.record(row))) is not None:
            yield sight


def sight_of(record: LogRecord) -> Sight | None:
    """What one record says of a transaction that spends our outputs; None where it is none."""
    said, event = record.attributes, record.event_name.removeprefix(TRANSACTION_EVENTS)
    txid, chain, wallet = (_text(said.get(name)) for name in (TXID, "bitcoin.chain", "bitcoin.wallet"))
    spends_ours = said.get("bitcoin.transaction.spends_ours") is True
    if not (spends_ours and txid and chain and wallet and event in _ALIVE | _GONE):
        return None
    height = _whole(said.get("bitcoin.block.height"))
    spend = Spend(
        chain,
        txid,
        wallet,
        amount_sats=abs(_whole(said.get("bitcoin.transaction.amount_sats")) or 0),
        seen_ns=record.time_ns,
        node=_text(said.get("bitcoin.node")),
        direction=_text(said.get("bitcoin.transaction.direction")),
        fee_sats=abs(_whole(said.get("bitcoin.transaction.fee_sats")) or 0),
        replaces=_text(said.get("bitcoin.transaction.replaces")),
        height=-1 if height is None or said.get("bitcoin.transaction.in_block") is not True else height,
        shares_inputs=said.get("bitcoin.transaction.shares_inputs") is True,
        rivals=_texts(said.get("bitcoin.transaction.rivals")),
        signatures=_texts(said.get("bitcoin.transaction.signatures")),
        coin=_text(said.get(NODE_COIN)),
    )
    return Sight(
        spend,
        is_gone=event in _GONE,
        is_first=event == "seen",
        is_history=said.get("bitcoin.transaction.history") is True,
        received_s=_whole(said.get("bitcoin.transaction.received_s")) or 0,
    )


def evidence_in(batch: LogBatch) -> Iterator[Evidence]:
    """What a batch puts on record; quick where it holds none, since every log record passes here."""
    if batch.stream == NODE_STREAM:
        return
    for row, said in enumerate(batch.attributes):
        if AUDIT_ACTION in said or TRANSACTION in said or TXID in said:
            yield from evidence_of(batch.record(row))


def evidence_of(record: LogRecord) -> Iterator[Evidence]:
    """What one record puts on record about the correlation id that it carries."""
    joined, said = record.correlation_id, record.attributes
    if not joined:
        return
    at_ns = record.time_ns
    if record.event_name in SPENT_EVENTS:
        stays = _text(said.get("bitcoin.transaction.direction")) in (DEPOSIT, INTERNAL)
        amount_sats = 0 if stays else _whole(said.get("bitcoin.transaction.amount_sats"))
        txid, coin = _text(said.get(TXID)), coin_of_label(_text(said.get(NODE_COIN)))
        yield Evidence(EvidenceKind.SPENT, joined, at_ns, amount_sats=amount_sats, txid=txid, coin=coin)
        return
    if txid := _text(said.get(TRANSACTION)):
        yield Evidence(EvidenceKind.NAMED, joined, at_ns, txid=txid)
    if AUDIT_ACTION in said:
        yield from _audited(joined, at_ns, said)


def _audited(joined: str, at_ns: int, said: Attributes) -> Iterator[Evidence]:
    action, phase, outcome = (_text(said.get(name)) for name in (AUDIT_ACTION, AUDIT_PHASE, AUDIT_OUTCOME))
    if action == HSM_ACTION:
        operation = _text(said.get("operation"))
        is_signature = operation == SIGN or operation.startswith(f"{SIGN}_")  # such as `sign_psbt`
        if phase == "outcome" and outcome == "success" and is_signature:
            key, name = _text(said.get("audit.resource")), _text(said.get(SIGNATURE_NAME))
            yield Evidence(EvidenceKind.SIGNED, joined, at_ns, key, signature=name)
        return
    operation, stage = _text(said.get(OPERATION)), _text(said.get(STAGE))
    if not operation:
        return
    if stage:
        yield Evidence(EvidenceKind.STEP, joined, at_ns, stage, is_well=outcome == "success")
    elif action == operation and phase == "intent":
        amount_sats, coin = _whole(said.get("amount_sats")), coin_named(_text(said.get(REQUEST_COIN)))
        yield Evidence(EvidenceKind.BEGAN, joined, at_ns, operation, amount_sats=amount_sats, coin=coin)
    elif action == operation and outcome:
        yield Evidence(EvidenceKind.ENDED, joined, at_ns, outcome)


def _text(value: AttributeValue) -> str:
    return value if isinstance(value, str) else ""


def _texts(value: AttributeValue) -> tuple[str, ...]:
    return tuple(each for each in value if isinstance(each, str)) if isinstance(value, list | tuple) else ()


def _whole(value: AttributeValue) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
