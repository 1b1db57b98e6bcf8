"""What was known of a wallet under another name of its node: taken over where the wallet proves to be the same one.

A name in the settings says nothing of what a node is. Of a node that is not in them any more, on the same chain, with a wallet of the same
name, is taken what was known, if this wallet has the same transactions, and they moved the same: then what happened while nobody looked is news.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import quote, unquote

import msgspec

from anyascope.collect.collectors.bitcoin.client import RpcClient
from anyascope.collect.collectors.bitcoin.transactions.answers import facts_of
from anyascope.collect.collectors.bitcoin.transactions.book import HEAD_KIND, OWNED_KIND, Head, movements_of
from anyascope.collect.collectors.bitcoin.transactions.movements import Movement
from anyascope.collect.collectors.bitcoin.transactions.nouns import Facts, Owned
from anyascope.model.documents import Document
from anyascope.semconv.bitcoin_rpc import error_label
from anyascope.store.api.documents import DocumentStore, every_document
from anyascope.wire.bitcoin.rpc import Refusal
from anyascope.wire.shapes import shape_of

PROOFS = 20  # transactions, or movements where no transaction is kept: the newest
LISTED_MAX = 1_000  # entries of the wallet's list that movements are sought in
_UNKNOWN = error_label(-5)
Shape = TypeVar("Shape")


@dataclass(frozen=True, slots=True)
class Former:
    """What is kept of a wallet under the name `node`: its head and its transactions."""

    node: str
    head: Document
    owned: tuple[Document, ...]


async def find_former(
    documents: DocumentStore, client: RpcClient, wallet: str, *, genesis: str, configured: Collection[str]
) -> Former | Refusal | None:
    """The same wallet of a node that the settings do not have any more, looked at last; None where there is none.

    Args:
        client: of the wallet.
        configured: the nodes of the settings.

    Returns:
        A refusal where the wallet does not say what it has.
    """
    found: list[tuple[int, Document]] = []
    async for document in every_document(documents, HEAD_KIND):
        node, _, name = document.key.partition("/")
        head = _read(Head, document)
        if name != quote(wallet, safe="") or unquote(node) in configured or head is None:
            continue
        if head.genesis == genesis and head.since.hash:
            found.append((head.since.height, document))
    for _, document in sorted(found, key=lambda each: -each[0]):
        former = Former(
            unquote(document.key.partition("/")[0]), document, await owned_documents(documents, f"{document.key}/")
        )
        is_same = await _is_same(former, client)
        if isinstance(is_same, Refusal):
            return is_same
        if is_same:
            return former
    return None


async def owned_documents(documents: DocumentStore, prefix: str) -> tuple[Document, ...]:
    """What is kept of a wallet's transactions."""
    return tuple([each async for each in every_document(documents, OWNED_KIND, prefix=prefix)])


async def _is_same(former: Former, client: RpcClient) -> bool | Refusal:
    owned = [each for each in (_read(Owned, document) for document in former.owned) if each is not None]
    if owned:
        newest = sorted(owned, key=lambda each: -each.facts.received_s)[:PROOFS]
        return await _has_transactions([each.facts for each in newest], client)
    head = _read(Head, former.head)
    histories = head.histories.values() if head is not None else ()
    movements = sorted((each for history in histories for each in history.movements), key=lambda each: -each.time_s)
    return await _has_movements(movements[:PROOFS], client)


async def _has_transactions(known: Sequence[Facts], client: RpcClient) -> bool | Refusal:
    """Whether the wallet has most of them, and all that it has moved what they did: another one in the same transaction gets another share."""
    asked = [(facts.txid, True, True) for facts in known]
    same = 0
    for facts, told in zip(known, await client.call_each("gettransaction", asked, fine=(_UNKNOWN,)), strict=True):
        if isinstance(told, Refusal):
            if told.code != _UNKNOWN:
                return told
            continue
        found = facts_of(told) if isinstance(told, dict) else None
        if found is None or _moved(found) != _moved(facts):
            return False
        same += 1
    return 2 * same > len(known)


async def _has_movements(known: Sequence[Movement], client: RpcClient) -> bool | Refusal:
    if not known:
        return False  # nothing says that it is the same one
    entries = await client.call("listtransactions", "*", LISTED_MAX, 0, True)
    if isinstance(entries, Refusal):
        return entries
    movements, _ = movements_of(entries if isinstance(entries, list) else ())
    there = {(each.time_s, each.amount_sats) for found in movements.values() for each in found}
    return 2 * sum((each.time_s, each.amount_sats) in there for each in known) > len(known)


def _moved(facts: Facts) -> tuple[object, ...]:
    return facts.direction, facts.amount_sats, facts.spends_ours, facts.is_coinbase


def _read(shape: type[Shape], document: Document) -> Shape | None:
    try:
        return shape_of(shape).convert(dict(document.body))
    except msgspec.ValidationError:
        return None
