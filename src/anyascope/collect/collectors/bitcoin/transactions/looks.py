"""Looks at one wallet: asks it and the mempool, and brings its book up to date."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from anyascope.clock import NS_PER_S, Clock
from anyascope.collect.collectors.bitcoin.client import RpcClient
from anyascope.collect.collectors.bitcoin.transactions.answers import (
    conflicts_of,
    depth_of,
    facts_of,
    rows_of,
    standing_of,
)
from anyascope.collect.collectors.bitcoin.transactions.book import (
    HEAD_KIND,
    SINCE_KIND,
    WalletBook,
    movements_of,
)
from anyascope.collect.collectors.bitcoin.transactions.former import find_former, owned_documents
from anyascope.collect.collectors.bitcoin.transactions.life import FORGET_AFTER_BLOCKS
from anyascope.collect.collectors.bitcoin.transactions.nouns import BlockPlace, Owned, Standing, Status
from anyascope.collect.collectors.bitcoin.transactions.pool import PoolEntry, effective_rate, entry_of
from anyascope.errors import UnavailableError
from anyascope.model.documents import Put
from anyascope.semconv.bitcoin_rpc import error_label
from anyascope.store.api.documents import DocumentStore
from anyascope.wire.bitcoin.rpc import INVALID_ANSWER, Refusal

log = structlog.get_logger("anyascope.collect")

NEWEST = (
    10  # entries of a look that a message of the mempool asks for: half a millisecond of the node, whatever it holds
)
NEWEST_MAX = 1_000  # entries that are asked for at most, where the newest ones are all news; also of what is usual
DETAILS_TOGETHER = 50  # transactions of one request: a wallet's lock is held for each alone, some 10 ms together
IGNORED_MAX = 50_000  # transactions that are known to be history, some 6 MB; beyond it they are asked for once more
POOL_ASKED_MAX = 500  # transactions of one look that are sought in the mempool; the newest
_UNKNOWN = error_label(-5)  # the wallet has no such transaction, the mempool or the chain no such entry
# The second: it lost the data of a block that is in no branch any more, of which it is to list the transactions.
_NO_SUCH_BLOCK = frozenset((_UNKNOWN, error_label(-32603)))
_TOO_MANY = frozenset((error_label(-1), error_label(-8), error_label(-32602)))  # so older nodes refuse an argument more
_LIST_OPTIONS = (1, True, True)  # confirmations; watch-only ones too; and those of blocks that left the best chain


class LookError(Exception):
    """The node or the wallet did not answer as it should; what was seen until then counts."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


@dataclass(frozen=True, slots=True)
class _Listed:
    """What a wallet lists since a block.

    Attributes:
        rows: by transaction.
        last: hash of the block that it goes up to.
        removed: what was in blocks that have left the best chain since then.
        start: the height above which all of the best chain is listed; None where it goes on from the last look.
    """

    rows: Mapping[str, Mapping[str, Any]]
    last: str
    removed: frozenset[str]
    start: int | None

    def has_lost(self, owned: Owned) -> bool:
        """Whether the block of a confirmed transaction that is not in the list left the best chain."""
        block = owned.standing.block
        is_above = self.start is not None and block is not None and block.height > self.start
        return owned.facts.txid in self.removed or is_above


class WalletLooker:
    """One wallet of one node.

    Args:
        configured: the nodes of the settings; None where nothing is to be taken over from others.

    Attributes:
        book: what is known of its transactions.
        entries: those that wait for a block and were found in the mempool, as of the last look at them.
        absent_ns: since when (monotonic) one that waits was not found there.
    """

    def __init__(
        self,
        node: str,
        wallet: str,
        *,
        client: RpcClient,
        clock: Clock,
        configured: Collection[str] | None = None,
    ) -> None:
        self.wallet = wallet
        self._configured = configured
        self.book = WalletBook(node, wallet, now_s=self._now_s)
        self.entries: dict[str, PoolEntry] = {}
        self.absent_ns: dict[str, int] = {}
        self._node = client
        self.client = client.for_wallet(wallet)
        self._clock = clock
        self._ignored: set[str] = set()
        self._is_restored = False
        self._lists_change = True

    async def restore(self, documents: DocumentStore, *, genesis: str) -> None:
        """Take up what an earlier run kept of this wallet on this chain.

        Raises:
            UnavailableError: the store cannot be read.
            LookError: the wallet does not say whether it is one that another node had.
        """
        if not self._is_restored:
            head = await documents.get(HEAD_KIND, self.book.head_key)
            if head is not None:
                self.book.restore(head, await owned_documents(documents, self.book.prefix))
            elif self._configured is not None:
                await self._take_over(documents, genesis=genesis, configured=self._configured)
            self._is_restored = True
        if self.book.head.genesis not in ("", genesis):
            self.book.clear()
            self._ignored.clear()
        if not self.book.has_begun and not self.book.head.began_s:
            await self._begin_watch(documents, genesis=genesis)

    async def _take_over(self, documents: DocumentStore, *, genesis: str, configured: Collection[str]) -> None:
        """The node may have had another name: then what happened since is news, and what was before is known."""
        former = await find_former(documents, self.client, self.wallet, genesis=genesis, configured=configured)
        if isinstance(former, Refusal):
            raise LookError(former)
        if former is not None:
            self.book.take_over(former.head, former.owned)
            log.info("bitcoin_wallet_taken_over", wallet=self.wallet, formerly=former.node)

    async def _begin_watch(self, documents: DocumentStore, *, genesis: str) -> None:
        """Remember when the first look was tried, before it is: what comes after that is no history, whatever becomes of the look."""
        now_s, key = int(self._now_s()), self.book.since_key(genesis)
        known = await documents.get(SINCE_KIND, key)
        watched_s = known.body.get("watched_s") if known is not None else None
        self.book.begin_watch(
            genesis=genesis, now_s=now_s, watched_s=watched_s if isinstance(watched_s, int) else now_s
        )
        with contextlib.suppress(UnavailableError):  # a store that is full must not blind us
            news = [] if known is not None else [Put(SINCE_KIND, key, {"watched_s": now_s})]
            await documents.commit([*news, *self.book.changes()])
            self.book.written()

    async def is_set_back(self, height: int) -> bool:
        """Whether the node goes through blocks once more that were looked at (`reindex`, an older copy of its folder).

        Until it has them again it takes what is in them for unconfirmed, and nothing of that is news. A node that does not have what
        the wallet had is another one: what it says counts.
        """
        since = self.book.head.since
        if not self.book.has_begun or height >= since.height or not self.book.owned:
            return False
        if _or_none(await self._node.call("getblockheader", since.hash)) is not None:
            return False  # it was rolled back by hand
        newest = max(self.book.owned.values(), key=lambda owned: owned.facts.received_s)
        return _or_none(await self.client.call("gettransaction", newest.facts.txid)) is not None

    async def look_at_named(self, named: Collection[str], *, height: int) -> set[str]:
        """How those stand that messages named, anybody's: which of them this wallet does not have."""
        if not self.book.has_begun:
            return set(named)
        await self._settle(named, height=height)
        return {txid for txid in named if txid not in self.book.owned}

    async def look_at_newest(self, *, height: int) -> None:
        """What is new, by the wallet's own list."""
        if self.book.has_begun:
            await self._settle(await self._unknown_newest(), height=height, is_listed=True)

    async def look_at_open(self, *, height: int) -> None:
        """How those stand that wait, and what is new: where no block came."""
        waiting = sorted(self.book.open(), key=lambda owned: -owned.facts.received_s)[:POOL_ASKED_MAX]
        asked = [owned.facts.txid for owned in waiting]
        await self._settle([*await self._unknown_newest(), *asked], height=height, is_listed=True)

    async def look_at_all(self, *, genesis: str, height: int) -> None:
        """Everything since the block of the last such look, and what waits."""
        is_first = not self.book.has_begun
        listed = await self._since(height)
        rows = listed.rows
        standings, unknown = await self._split(rows)
        for row, pool in standings:
            self.book.follow(standing_of(row, pool), height=height)
        lost = [txid for txid, row in rows.items() if txid in self.book.owned and depth_of(row) < 0]
        missing = [txid for txid in self.book.owned if txid not in rows and self._is_doubtful(txid, listed)]
        if is_first:
            await self._learn_history()
        await self._settle([*unknown, *lost, *missing], height=height, is_listed=True)
        self.book.reach(BlockPlace(height, listed.last), genesis=genesis, listed=rows)

    # --- inside -------------------------------------------------------------------------------------------------------

    def _is_doubtful(self, txid: str, listed: _Listed) -> bool:
        """Whether one that is not in the list has to be asked for: a deposit that a block double-spends is in no list any more."""
        owned = self.book.owned[txid]
        match owned.standing.status:
            case Status.OPEN:
                return True
            case Status.CONFIRMED:
                return listed.has_lost(owned)
            case Status.REPLACED:
                # For good once a block has a bump that is ours, too; else its sender may be taking it back.
                by = self.book.owned.get(owned.standing.replaced_by)
                return by is None or by.standing.status is not Status.CONFIRMED
            case _:
                return False

    async def _since(self, height: int) -> _Listed:
        since = self.book.head.since.hash
        told = await self._list_since(since) if since else None
        start = None
        if told is None or (isinstance(told, Refusal) and told.code in _NO_SUCH_BLOCK):
            # The first look, or a block that the node does not have, such as one restored or synchronised anew: as far back
            # as a reorg could matter, of what was looked at.
            reached = self.book.head.since.height if since else height
            start = max(0, min(reached, height) - FORGET_AFTER_BLOCKS)
            told = await self._list_since(_or_raise(await self._node.call("getblockhash", start)))
        found = _or_raise(told)
        if not isinstance(found, dict) or not isinstance(found.get("lastblock"), str):
            raise LookError(Refusal(INVALID_ANSWER, "listsinceblock says no lastblock"))
        rows, removed = (rows_of(found.get(part) or ()) for part in ("transactions", "removed"))
        return _Listed(rows, found["lastblock"], frozenset(removed), start)

    async def _list_since(self, block: str) -> Any | Refusal:
        """With change where the node lists it (Core since 24): what pays nothing but change is in no list otherwise."""
        if self._lists_change:
            told = await self.client.call("listsinceblock", block, *_LIST_OPTIONS, True)
            if not isinstance(told, Refusal) or told.code not in _TOO_MANY:
                return told
            self._lists_change = False
        return await self.client.call("listsinceblock", block, *_LIST_OPTIONS)

    async def _split(
        self, rows: Mapping[str, Mapping[str, Any]]
    ) -> tuple[list[tuple[Mapping[str, Any], Collection[str]]], list[str]]:
        """The rows of known transactions with what of them is in the mempool, and the ids of the unknown.

        Without those whose place a block gave to others: a row does not say whom they paid.
        """
        known = [row for txid, row in rows.items() if txid in self.book.owned and depth_of(row) >= 0]
        waiting = sorted((row for row in known if depth_of(row) == 0), key=lambda row: -int(row.get("time") or 0))
        skipped = {str(row["txid"]) for row in waiting[POOL_ASKED_MAX:]}
        pool = await self._pool(waiting[:POOL_ASKED_MAX])
        unknown = [
            txid
            for txid, row in rows.items()
            if txid not in self.book.owned and not (txid in self._ignored and depth_of(row) == 0)
        ]
        return [(row, pool) for row in known if row["txid"] not in skipped], unknown

    async def _unknown_newest(self) -> list[str]:
        count = NEWEST
        while True:
            entries = _or_raise(await self.client.call("listtransactions", "*", count, 0, True))
            rows = rows_of(entries if isinstance(entries, list) else ())
            unknown = [txid for txid in rows if txid not in self.book.owned and txid not in self._ignored]
            is_all = not isinstance(entries, list) or len(entries) < count
            if is_all or len(unknown) < len(rows) or count >= NEWEST_MAX:
                return unknown
            count = min(4 * count, NEWEST_MAX)

    async def _settle(self, txids: Iterable[str], *, height: int, is_listed: bool = False) -> None:
        """Ask of each; also of those that the new ones may have replaced.

        Args:
            is_listed: whether they are of the wallet's lists, and not of what the mempool just told.
        """
        asked = list(dict.fromkeys(txids))
        rivals: list[str] = []
        for start in range(0, len(asked), DETAILS_TOGETHER):
            together = asked[start : start + DETAILS_TOGETHER]
            params = [(txid, True, True) for txid in together]
            told = await self.client.call_each("gettransaction", params, fine=(_UNKNOWN,))
            answers = {txid: _or_none(each) for txid, each in zip(together, told, strict=True)}
            pool = await self._pool([each for each in answers.values() if each is not None and depth_of(each) == 0])
            mined = await self._mined([each for each in answers.values() if each is not None and depth_of(each) < 0])
            standings = {
                txid: standing_of(answer, pool, mined) for txid, answer in answers.items() if answer is not None
            }
            old = await self._rescanned(standings.values()) if is_listed else set()
            for txid, answer in answers.items():
                if answer is not None and txid not in self.book.owned:
                    rivals += conflicts_of(answer)
                self._note(txid, answer, standings.get(txid), height=height, is_old=txid in old)
        again = [txid for txid in dict.fromkeys(rivals) if txid in self.book.owned and txid not in asked]
        if again:
            await self._settle(again, height=height)

    async def _mined(self, lost: Iterable[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
        """Those of the wallet's own that are in the place of these, in a block."""
        asked = list(dict.fromkeys(rival for answer in lost for rival in conflicts_of(answer)))[:POOL_ASKED_MAX]
        told = await self.client.call_each("gettransaction", [(txid,) for txid in asked], fine=(_UNKNOWN,))
        answers = {txid: _or_none(each) for txid, each in zip(asked, told, strict=True)}
        return {txid: answer for txid, answer in answers.items() if answer is not None and depth_of(answer) > 0}

    async def _rescanned(self, standings: Iterable[Standing]) -> set[str]:
        """Which unknown ones are in blocks that were looked at before: a rescan found them, for keys that were imported."""
        since = self.book.head.since
        found = {
            standing.txid
            for standing in standings
            if standing.txid not in self.book.owned and standing.block and 0 <= standing.block.height <= since.height
        }
        if not found or await self._node.call("getblockhash", since.height) != since.hash:
            return set()  # a reorg: they may be in blocks of the new branch
        return found

    def _note(
        self,
        txid: str,
        answer: Mapping[str, Any] | None,
        standing: Standing | None,
        *,
        height: int,
        is_old: bool,
    ) -> None:
        is_known = txid in self.book.owned
        if answer is None or standing is None:
            if is_known:
                self.book.lose(txid, height=height)
            return
        if is_known:
            self.book.follow(standing, height=height)
            return
        facts = facts_of(answer)
        if facts is None:
            raise LookError(Refusal(INVALID_ANSWER, "gettransaction says no amount"))
        self.book.meet(facts, standing, height=self._height_of(txid, height), now_s=self._now_s(), is_old=is_old)
        if txid in self.book.owned:
            self._ignored.discard(txid)
        else:
            if len(self._ignored) >= IGNORED_MAX:
                self._ignored.clear()
            self._ignored.add(txid)

    def _height_of(self, txid: str, height: int) -> int:
        """The tip's height when the node saw it; at a first look that is long ago."""
        entry = self.entries.get(txid)
        return min(height, entry.height) if entry is not None and entry.height >= 0 else height

    async def _pool(self, rows: Sequence[Mapping[str, Any]]) -> set[str]:
        """Which of these transactions, and of those that they conflict with, are in the mempool."""
        txids = [str(row["txid"]) for row in rows]
        asked = list(dict.fromkeys([*txids, *(rival for row in rows for rival in conflicts_of(row))]))
        found: set[str] = set()
        now_ns = self._clock.monotonic_ns()
        for start in range(0, len(asked), DETAILS_TOGETHER):
            together = asked[start : start + DETAILS_TOGETHER]
            told = await self._node.call_each("getmempoolentry", [(txid,) for txid in together], fine=(_UNKNOWN,))
            for txid, answer in zip(together, told, strict=True):
                entry = entry_of(_or_none(answer))
                if entry is None:
                    self.entries.pop(txid, None)
                    self.absent_ns.setdefault(txid, now_ns)
                else:
                    found.add(txid)
                    self.entries[txid] = entry
                    self.absent_ns.pop(txid, None)
        return found

    async def _learn_history(self) -> None:
        entries = _or_raise(await self.client.call("listtransactions", "*", NEWEST_MAX, 0, True))
        movements, since_s = movements_of(entries if isinstance(entries, list) else ())
        self.book.start_history(movements, since_s=since_s)

    def forget_pool(self) -> None:
        """Keep nothing of the mempool but of what waits."""
        waiting = {owned.facts.txid for owned in self.book.open()}
        self.entries = {txid: entry for txid, entry in self.entries.items() if txid in waiting}
        self.absent_ns = {txid: at for txid, at in self.absent_ns.items() if txid in waiting}

    def rate_of(self, entry: PoolEntry) -> float:
        """By which it will be mined, as far as its children are known: a child of the wallet's may pay for it."""
        return effective_rate(entry, [self.entries[each] for each in entry.spent_by if each in self.entries])

    def _now_s(self) -> float:
        return self._clock.now_ns() / NS_PER_S


def _is_unknown(told: object) -> bool:
    return isinstance(told, Refusal) and told.code == _UNKNOWN


def _or_raise(told: Any) -> Any:
    """The answer.

    Raises:
        LookError: it is a refusal.
    """
    if isinstance(told, Refusal):
        raise LookError(told)
    return told


def _or_none(told: Any) -> Mapping[str, Any] | None:
    """The answer; None where there is no such thing.

    Raises:
        LookError: it is another refusal, or no answer.
    """
    if _is_unknown(told):
        return None
    found = _or_raise(told)
    if not isinstance(found, dict):
        raise LookError(Refusal(INVALID_ANSWER, "an answer is no object"))
    return found
