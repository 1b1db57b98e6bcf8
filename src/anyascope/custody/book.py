"""Spends as documents: judged ones by time, each found by its chain and txid, and which of them are open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from anyascope.custody.eras import Era, Eras
from anyascope.custody.nouns import Item, Lack, Proof, Spend, SpendKey, State
from anyascope.errors import InvalidInputError
from anyascope.model.documents import Change, Delete, Document, Json, Put
from anyascope.store.api.documents import DocumentStore, every_document

KIND_SPEND = "custody-spend"  # by time
KIND_KEY = "custody-spend-key"  # chain/txid -> the key of the one above
KIND_OPEN = "custody-spend-open"  # those that are unmatched, or whose event may not be stored yet; keys as the first
KIND_MARK = "custody-mark"  # one document: until when everything that nodes told has been looked at
MARK_KEY = "nodes"
ERAS_KEY = "eras"  # of the same kind: since when which wallets are compared
LIMIT_MAX = 1_000  # spends an answer
SCANNED_MAX = 20_000  # looked at for one answer, so that a rare filter does not read a month at once
PRUNE_PAGE = 500  # read and deleted at a time
CORRELATIONS_KEPT = 200  # of one spend
_READ = 500


@dataclass(frozen=True, slots=True)
class SpendPage:
    """Spends, newest first; `cursor` is empty at the end."""

    items: tuple[Item, ...]
    cursor: str = ""


class SpendBook:
    """Keeps judged spends; every method raises `UnavailableError` where the store cannot be used."""

    def __init__(self, documents: DocumentStore) -> None:
        self._documents = documents
        self._coins: Mapping[str, str] = {}

    def know_coins(self, coins: Mapping[str, str]) -> None:
        """Of which coin each node was, by name: an earlier version kept spends without it."""
        self._coins = coins

    async def keep(self, items: Sequence[Item]) -> None:
        """Make these durable, all or none; once this returns they survive `kill -9`."""
        changes: list[Change] = []
        for item in items:
            key = key_of(item.spend)
            changes.append(Put(KIND_SPEND, key, _body(item)))
            changes.append(Put(KIND_KEY, _name(item.spend.key), {"key": key}))
            is_open = item.state is State.UNMATCHED or not item.is_told
            changes.append(Put(KIND_OPEN, key, {}) if is_open else Delete(KIND_OPEN, key))
        if changes:
            await self._documents.commit(changes)

    async def find(self, key: SpendKey) -> Item | None:
        """A judged spend; None where there is none."""
        named = await self._documents.get(KIND_KEY, _name(key))
        return None if named is None else await self._read(str(named.body["key"]))

    async def open_items(self) -> list[Item]:
        """All that are unmatched, or whose event may not be stored."""
        keys = [document.key async for document in every_document(self._documents, KIND_OPEN)]
        found = [await self._read(key) for key in keys]
        return [item for item in found if item is not None]

    async def page(self, *, limit: int, cursor: str, state: State | None) -> SpendPage:
        """Judged spends, newest first. An answer may be short and have a cursor.

        Raises:
            InvalidInputError: the limit is not 1 to `LIMIT_MAX`, or the cursor is not one of ours.
        """
        if not 1 <= limit <= LIMIT_MAX:
            raise InvalidInputError(f"limit must be 1 to {LIMIT_MAX}, got {limit}", path="limit")
        if cursor and not (cursor[:_TIME_DIGITS].isdigit() and cursor.isascii() and cursor.isprintable()):
            raise InvalidInputError("cursor is not one that an answer gave", path="cursor")
        found: list[Item] = []
        scanned = 0
        while scanned < SCANNED_MAX:
            page = await self._documents.page(KIND_SPEND, after=cursor, limit=_READ, descending=True)
            for document in page.documents:
                scanned, cursor = scanned + 1, document.key
                item = self._item(document)
                if state not in {None, item.state}:
                    continue
                found.append(item)
                if len(found) == limit:
                    is_last = not page.next_key and document is page.documents[-1]
                    return SpendPage(tuple(found), "" if is_last else cursor)
            if not page.next_key:
                return SpendPage(tuple(found))
        return SpendPage(tuple(found), cursor)

    async def mark(self) -> int:
        """Until when everything that nodes told has been looked at; 0 where nothing ever was."""
        document = await self._documents.get(KIND_MARK, MARK_KEY)
        return 0 if document is None else _whole(document.body, "until_ns")

    async def set_mark(self, until_ns: int) -> None:
        """Remember that time."""
        await self._documents.commit([Put(KIND_MARK, MARK_KEY, {"until_ns": until_ns})])

    async def eras(self) -> Eras:
        """Since when which wallets are compared."""
        document = await self._documents.get(KIND_MARK, ERAS_KEY)
        told = document.body["eras"] if document is not None else []
        assert isinstance(told, list)  # we wrote it
        return Eras(
            Era(_whole(each, "from_ns"), tuple(_texts(each, "wallets"))) for each in told if isinstance(each, dict)
        )

    async def set_eras(self, eras: Eras) -> None:
        """Remember them."""
        told: list[Json] = [{"from_ns": each.from_ns, "wallets": list(each.wallets)} for each in eras.all]
        await self._documents.commit([Put(KIND_MARK, ERAS_KEY, {"eras": told})])

    async def prune(self, *, before_ns: int) -> list[SpendKey]:
        """Forget what was seen before; which those were."""
        gone: list[SpendKey] = []
        while True:
            page = await self._documents.page(KIND_SPEND, limit=PRUNE_PAGE)
            old = [item for item in map(self._item, page.documents) if item.spend.seen_ns < before_ns]
            if not old:
                return gone
            changes: list[Change] = []
            for item in old:
                key = key_of(item.spend)
                changes += [Delete(KIND_SPEND, key), Delete(KIND_OPEN, key), Delete(KIND_KEY, _name(item.spend.key))]
            await self._documents.commit(changes)
            gone += [item.spend.key for item in old]
            if len(old) < len(page.documents) or not page.next_key:
                return gone

    async def _read(self, key: str) -> Item | None:
        document = await self._documents.get(KIND_SPEND, key)
        return None if document is None else self._item(document)

    def _item(self, document: Document) -> Item:
        item = _item(document)
        if "coin" in document.body:
            return item
        return replace(item, spend=replace(item.spend, coin=self._coins.get(item.spend.node, "")))


def key_of(spend: Spend) -> str:
    """A key that sorts by time."""
    return f"{spend.seen_ns:0{_TIME_DIGITS}d}/{_name(spend.key)}"


_TIME_DIGITS = 19  # nanoseconds until the year 2262


def _name(key: SpendKey) -> str:
    return "/".join(key)


def _body(item: Item) -> dict[str, Json]:
    spend = item.spend
    return {
        "chain": spend.chain,
        "txid": spend.txid,
        "wallet": spend.wallet,
        "node": spend.node,
        "direction": spend.direction,
        "amount_sats": spend.amount_sats,
        "fee_sats": spend.fee_sats,
        "seen_ns": spend.seen_ns,
        "replaces": spend.replaces,
        "height": spend.height,
        "shares_inputs": spend.shares_inputs,
        "rivals": list(spend.rivals),
        "signatures": list(spend.signatures),
        "coin": spend.coin,
        "state": item.state.value,
        "lacks": [lack.value for lack in item.lacks],
        "correlation_ids": list(item.correlation_ids[:CORRELATIONS_KEPT]),
        "operation": item.operation,
        "settled_ns": item.settled_ns,
        "matched_ns": item.matched_ns,
        "is_gone": item.is_gone,
        "is_told": item.is_told,
        "proof": item.proof.value if item.proof is not None else "",
        "accepted_by": item.accepted_by,
        "note": item.note,
    }


def _item(document: Document) -> Item:
    body = document.body
    spend = Spend(
        str(body["chain"]),
        str(body["txid"]),
        str(body["wallet"]),
        amount_sats=_whole(body, "amount_sats"),
        seen_ns=_whole(body, "seen_ns"),
        node=str(body["node"]),
        direction=str(body["direction"]),
        fee_sats=_whole(body, "fee_sats"),
        replaces=str(body["replaces"]),
        height=_whole(body, "height"),
        shares_inputs=body.get("shares_inputs") is True,
        rivals=tuple(_texts(body, "rivals")),
        signatures=tuple(_texts(body, "signatures")),
        coin=str(body.get("coin", "")),
    )
    return Item(
        spend,
        State(body["state"]),
        lacks=tuple(Lack(each) for each in _texts(body, "lacks")),
        correlation_ids=tuple(_texts(body, "correlation_ids")),
        operation=str(body["operation"]),
        settled_ns=_whole(body, "settled_ns"),
        matched_ns=_whole(body, "matched_ns"),
        is_gone=body["is_gone"] is True,
        is_told=body["is_told"] is True,
        proof=Proof(body["proof"]) if body.get("proof") else None,
        accepted_by=str(body["accepted_by"]),
        note=str(body["note"]),
    )


def _whole(body: Mapping[str, Json], name: str) -> int:
    value = body[name]
    assert isinstance(value, int)  # we wrote it
    return value


def _texts(body: Mapping[str, Json], name: str) -> list[str]:
    value = body.get(name, [])  # an earlier version did not write all of them
    assert isinstance(value, list)  # we wrote it
    return [str(each) for each in value]
