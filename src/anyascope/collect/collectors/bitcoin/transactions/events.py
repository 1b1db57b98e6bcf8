"""What happens to own transactions as log records, joined by the transaction's id as correlation id; pure."""

from __future__ import annotations

from anyascope.collect.collectors.bitcoin.events import STREAM
from anyascope.collect.collectors.bitcoin.transactions.life import Happening, Kind
from anyascope.model.attributes import AttributeValue, Resource
from anyascope.model.logs import LogRecord, Severity
from anyascope.semconv.coins import network_text, smallest_unit

_SEVERITIES = {
    Kind.UNCONFIRMED: Severity.WARN,
    Kind.CONFLICTED: Severity.WARN,
    Kind.STUCK: Severity.WARN,
}
_WORDS = {
    Kind.SEEN: "seen",
    Kind.CONFIRMED: "confirmed",
    Kind.UNCONFIRMED: "lost its confirmations",
    Kind.REPLACED: "replaced",
    Kind.CONFLICTED: "conflicts with a block",
    Kind.ABANDONED: "abandoned",
    Kind.STUCK: "stuck",
    Kind.UNSTUCK: "no longer stuck",
}


def record_of(happening: Happening, *, node: str, chain: str, coin: str, wallet: str, now_ns: int) -> LogRecord:
    """One record of one thing that happened.

    Args:
        coin: of `networks.Network`; empty for Bitcoin.
        wallet: the label of the wallet.
    """
    owned = happening.owned
    facts, standing, block = owned.facts, owned.standing, happening.block
    attributes: dict[str, AttributeValue] = {
        "bitcoin.node": node,
        "bitcoin.chain": chain,
        "bitcoin.wallet": wallet,
        "bitcoin.transaction.id": facts.txid,
        "bitcoin.transaction.direction": facts.direction.value,
        "bitcoin.transaction.amount_sats": facts.amount_sats,
        "bitcoin.transaction.spends_ours": facts.spends_ours,
        "bitcoin.transaction.inputs": list(facts.inputs),
        "bitcoin.transaction.in_block": standing.block is not None,
        "bitcoin.transaction.received_s": facts.received_s,
    }
    if coin:
        attributes["bitcoin.coin"] = coin
    if owned.is_history:
        attributes["bitcoin.transaction.history"] = True
    if facts.fee_sats is not None:
        attributes["bitcoin.transaction.fee_sats"] = facts.fee_sats
    if block is not None:
        attributes["bitcoin.block.height"] = block.height
        attributes["bitcoin.block.hash"] = block.hash
    if facts.shares_inputs:
        attributes["bitcoin.transaction.shares_inputs"] = True
    if facts.replaces:
        attributes["bitcoin.transaction.replaces"] = facts.replaces
    if facts.signatures:
        attributes["bitcoin.transaction.signatures"] = list(facts.signatures)
    if facts.rivals:
        attributes["bitcoin.transaction.rivals"] = list(facts.rivals)
    if happening.kind is Kind.STUCK:
        attributes["bitcoin.transaction.stuck_by"] = "eviction" if owned.is_evicted else "fee_rate"
    if standing.replaced_by:
        attributes["bitcoin.transaction.replaced_by"] = standing.replaced_by
    if happening.is_again:
        attributes["bitcoin.transaction.again"] = True
    severity = _SEVERITIES.get(happening.kind, Severity.INFO)
    return LogRecord(
        time_ns=now_ns,
        observed_ns=now_ns,
        body=_body(happening, coin=coin, chain=chain, wallet=wallet),
        event_name=f"bitcoin.transaction.{happening.kind.value}",
        attributes=attributes,
        correlation_id=facts.txid,
        severity_number=int(severity),
        severity_text=severity.name,
        resource=Resource({"service.name": "bitcoin"}),
        stream=STREAM,
    )


def _body(happening: Happening, *, coin: str, chain: str, wallet: str) -> str:
    facts, block = happening.owned.facts, happening.block
    words = _WORDS[happening.kind] + (" again" if happening.is_again else "")
    if happening.kind is Kind.STUCK:
        words += ": it left the mempool" if happening.owned.is_evicted else ": it pays less than the market"
    place = f" in block {block.height}" if block is not None and happening.kind is not Kind.UNCONFIRMED else ""
    lost = f" of block {block.height}" if block is not None and happening.kind is Kind.UNCONFIRMED else ""
    what = f"{facts.direction.value} of {facts.amount_sats} {smallest_unit(coin)} {words}{place}{lost}"
    return f"{what}: wallet {wallet} on {network_text(coin, chain)}, {facts.txid}"
