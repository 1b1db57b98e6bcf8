"""What a wallet answers about its transactions, as nouns; pure.

Source: Bitcoin Core `src/wallet/rpc/transactions.cpp`: `gettransaction`, `listtransactions` and `listsinceblock` share the fields
that say how a transaction stands. Litecoin 0.21 has them but for `mempoolconflicts`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from anyascope.collect.collectors.bitcoin.sheet import sats
from anyascope.collect.collectors.bitcoin.transactions.nouns import (
    INPUTS_TOLD_MAX,
    RIVALS_TOLD_MAX,
    SIGNATURES_TOLD_MAX,
    BlockPlace,
    Direction,
    Facts,
    Standing,
    Status,
)
from anyascope.collect.collectors.bitcoin.transactions.signatures import signatures_in

Answer = Mapping[str, Any]

_COINBASE = frozenset(("generate", "immature", "orphan"))


def rows_of(entries: Iterable[object]) -> dict[str, dict[str, Any]]:
    """By transaction, the oldest first, from the entries of `listtransactions` or `listsinceblock`: one an output."""
    rows: dict[str, dict[str, Any]] = {}
    for entry in entries:
        if isinstance(entry, dict) and isinstance(entry.get("txid"), str):
            rows.setdefault(entry["txid"], {}).update(entry)
    return rows


def depth_of(answer: Answer) -> int:
    """Its confirmations; below 0 where a block has another in its place."""
    return _whole(answer.get("confirmations"))


def standing_of(answer: Answer, pool: Collection[str], mined: Mapping[str, Answer] | None = None) -> Standing:
    """How a transaction stands, by an entry of a list or by `gettransaction`.

    Args:
        pool: what of it, and of the transactions that it conflicts with, is known to be in the mempool.
        mined: `gettransaction` of those that it conflicts with, and that are in a block.
    """
    txid, depth = str(answer.get("txid", "")), depth_of(answer)
    if depth > 0:
        return Standing(txid, Status.CONFIRMED, _block_of(answer))
    if depth < 0:
        return _lost(answer, mined or {})
    by = _replacement(answer, pool)
    if txid in pool:
        return Standing(txid, Status.OPEN, is_in_pool=True)
    if _is_abandoned(answer):
        return Standing(txid, Status.ABANDONED)
    return Standing(txid, Status.REPLACED if by else Status.OPEN, replaced_by=by)


def _lost(answer: Answer, mined: Mapping[str, Answer]) -> Standing:
    """A block has another one in its place.

    A fee bump is one that the wallet made, or one that pays the same, also where nobody saw it wait. What pays somebody else is a
    double spend, also where the wallet has both: whoever else has its keys made it.
    """
    rivals = [each for each in conflicts_of(answer) if each in mined]
    bump = answer.get("replaced_by_txid") or next((each for each in rivals if _pays_as(answer, mined[each])), "")
    if bump:
        return Standing(str(answer.get("txid", "")), Status.REPLACED, replaced_by=str(bump))
    return Standing(str(answer.get("txid", "")), Status.CONFLICTED, replaced_by=next(iter(rivals), ""))


def _pays_as(answer: Answer, other: Answer) -> bool:
    """Whether the other pays all whom this one pays, or nobody but ourselves: a bump, or a payment that we took back.

    A bump may take its fee from what they get; of what came to us it has to bring all.
    """
    if "fee" in answer:
        paid = _paid_to(other)
        return not paid or (bool(_paid_to(answer)) and _paid_to(answer) <= paid)
    return (sats(other.get("amount")) or 0) >= (sats(answer.get("amount")) or 0)


def _paid_to(answer: Answer) -> frozenset[str]:
    """The addresses of others that it pays."""
    details = [each for each in _list(answer.get("details")) if isinstance(each, dict)]
    ours = {each.get("vout") for each in details if _is_receive(each)}
    sent = (each for each in details if each.get("category") == "send" and each.get("vout") not in ours)
    return frozenset(str(each.get("address", "")) for each in sent)


def facts_of(answer: Answer) -> Facts | None:
    """What does not change of a transaction, by `gettransaction` with its inputs decoded; None where it is no such answer."""
    txid, net = answer.get("txid"), sats(answer.get("amount"))
    if not isinstance(txid, str) or net is None:
        return None
    details = [each for each in _list(answer.get("details")) if isinstance(each, dict)]
    spends_ours = "fee" in answer
    decoded = _mapping(answer.get("decoded"))
    vins = [each for each in _list(decoded.get("vin")) if isinstance(each, dict) and "txid" in each]
    fee = sats(answer.get("fee"))
    # A wallet that pays for some of the inputs only cannot know the fee: what it says then has the wrong sign, and its amount
    # is all that goes to others. Together they are what it gained or lost.
    shares_inputs = fee is not None and fee > 0
    direction, amount = _movement(net + fee if shares_inputs and fee else net, details, spends_ours=spends_ours)
    return Facts(
        txid,
        direction,
        amount,
        fee_sats=-fee if fee is not None and not shares_inputs else None,
        spends_ours=spends_ours,
        shares_inputs=shares_inputs,
        rivals=tuple(conflicts_of(answer)[:RIVALS_TOLD_MAX]),
        signatures=signatures_in(vins[:INPUTS_TOLD_MAX])[:SIGNATURES_TOLD_MAX] if spends_ours else (),
        inputs=tuple(f"{each['txid']}:{each.get('vout', 0)}" for each in vins[:INPUTS_TOLD_MAX]),
        replaces=str(answer.get("replaces_txid") or ""),
        is_signalling=answer.get("bip125-replaceable") == "yes",
        is_coinbase=is_coinbase(answer),
        received_s=_whole(answer.get("timereceived")) or _whole(answer.get("time")),
        vsize=_whole(decoded.get("vsize")),
    )


def is_coinbase(answer: Answer) -> bool:
    """Whether it is what a miner earned."""
    return bool(answer.get("generated")) or answer.get("category") in _COINBASE


def _movement(net: int, details: list[dict[str, Any]], *, spends_ours: bool) -> tuple[Direction, int]:
    """By the net amount, which the fee is no part of."""
    if not spends_ours:
        received = sum(sats(each.get("amount")) or 0 for each in details if each.get("category") != "send")
        return Direction.DEPOSIT, max(net, received)  # the net of an immature or orphaned coinbase is 0
    if net == 0:
        return Direction.INTERNAL, sum(sats(each.get("amount")) or 0 for each in details if _is_receive(each))
    return (Direction.WITHDRAWAL, -net) if net < 0 else (Direction.DEPOSIT, net)


def _is_receive(detail: Answer) -> bool:
    return detail.get("category") == "receive"


def _block_of(answer: Answer) -> BlockPlace:
    height = answer.get("blockheight")
    return BlockPlace(height if isinstance(height, int) else -1, str(answer.get("blockhash", "")))


def _replacement(answer: Answer, pool: Collection[str]) -> str:
    """What stands in its place: as a bump of the wallet's own said, or what the mempool has of the same inputs."""
    if by := answer.get("replaced_by_txid"):
        return str(by)
    told = _list(answer.get("mempoolconflicts"))  # since 27; a transaction before that is only known to conflict
    found = told or [each for each in _list(answer.get("walletconflicts")) if each in pool]
    return str(found[0]) if found else ""


def conflicts_of(answer: Answer) -> list[str]:
    """The wallet's other transactions that spend one of the same outputs."""
    return [str(each) for each in _list(answer.get("walletconflicts"))]


def _is_abandoned(answer: Answer) -> bool:
    told = [answer, *(each for each in _list(answer.get("details")) if isinstance(each, dict))]
    # A coinbase whose block left the best chain is worth nothing; nodes until 24 do not call it abandoned.
    return any(each.get("abandoned") is True or each.get("category") == "orphan" for each in told)


def _whole(value: object) -> int:
    return value if isinstance(value, int) else 0


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _mapping(value: object) -> Answer:
    return value if isinstance(value, dict) else {}
