"""What is known of one wallet's transactions: kept over restarts, brought up to date by what the wallet answers; no calls here."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import quote

import msgspec

from anyascope.collect.collectors.bitcoin.transactions.ended import OUTCOMES, Ended, noted
from anyascope.collect.collectors.bitcoin.transactions.life import (
    FORGET_AFTER_BLOCKS,
    Happening,
    Kind,
    begin,
    is_over,
    proceed,
)
from anyascope.collect.collectors.bitcoin.transactions.movements import (
    UNUSUAL_MAX,
    History,
    Movement,
    Unusual,
)
from anyascope.collect.collectors.bitcoin.transactions.nouns import (
    RIVALS_TOLD_MAX,
    BlockPlace,
    Direction,
    Facts,
    Owned,
    Standing,
    Status,
)
from anyascope.model.documents import Change, Delete, Document, Json, Put
from anyascope.wire.shapes import shape_of

HEAD_KIND = "collect.bitcoin.wallet"
SINCE_KIND = "collect.bitcoin.wallet-since"  # since when a wallet is watched, whichever node has it
OWNED_KIND = "collect.bitcoin.transaction"
EXPIRED_S = 14 * 86_400  # Core's mempoolexpiry: what is older and in no mempool is history
MOVED = (Direction.DEPOSIT, Direction.WITHDRAWAL)


@dataclass(slots=True)
class Counts:
    """What happened so far; kept, so that a restart of the server makes no gap. By direction, or by how it ended."""

    seen: dict[str, int] = field(default_factory=lambda: {each.value: 0 for each in Direction})
    moved_sats: dict[str, int] = field(default_factory=lambda: {each.value: 0 for each in Direction})
    reorged: dict[str, int] = field(default_factory=lambda: {each.value: 0 for each in Direction})
    ended: dict[str, int] = field(default_factory=lambda: dict.fromkeys(OUTCOMES.values(), 0))


@dataclass(slots=True)
class Head:
    """What is kept of a wallet beside its transactions.

    Attributes:
        genesis: of the chain that this is about.
        since: the last block that was looked at, and its height; an empty hash is none.
        began_s: when the first look at the wallet on this node was tried; seconds of UTC, 0 where it is not known.
        watched_s: the same, on whichever node it was tried first; never later.
        ended: transactions that ended without a block lately.
        unusual: transactions that are told by themselves, since they were unusual lately.
    """

    genesis: str = ""
    since: BlockPlace = field(default_factory=lambda: BlockPlace(-1, ""))
    counts: Counts = field(default_factory=Counts)
    histories: dict[str, History] = field(default_factory=dict)
    began_s: int = 0
    watched_s: int = 0
    ended: tuple[Ended, ...] = ()
    unusual: tuple[Unusual, ...] = ()


class WalletBook:
    """One wallet of one node.

    What happened waits in `happened` until somebody takes it. What was changed is written by `changes`, and counts as written
    after `written`: written after what happened was told, nothing is lost by a crash between the two, and told twice at most.

    Args:
        now_s: seconds of UTC.
    """

    def __init__(self, node: str, wallet: str, *, now_s: Callable[[], float]) -> None:
        self._now_s = now_s
        self._key = f"{quote(node, safe='')}/{quote(wallet, safe='')}"
        self.head = Head()
        self.owned: dict[str, Owned] = {}
        self.happened: list[Happening] = []
        self._dirty: set[str] = set()
        self._is_head_dirty = False
        self._left: list[Change] = []

    @property
    def head_key(self) -> str:
        """The document of the head."""
        return self._key

    @property
    def prefix(self) -> str:
        """What the documents of its transactions begin with."""
        return f"{self._key}/"

    @property
    def has_begun(self) -> bool:
        """Whether the wallet was looked at before: only then is what is new there news."""
        return bool(self.head.since.hash)

    def open(self) -> list[Owned]:
        """Those that wait for a block."""
        return [owned for owned in self.owned.values() if owned.is_open]

    def since_key(self, genesis: str) -> str:
        """The document that says since when the wallet is watched on any node of this chain."""
        return f"{genesis}/{self._key.partition('/')[2]}"

    def begin_watch(self, *, genesis: str, now_s: int, watched_s: int) -> None:
        """The first look is about to be tried; `watched_s` is when another node's was, `now_s` where there was none."""
        self.head.genesis, self.head.began_s, self.head.watched_s = genesis, now_s, min(now_s, watched_s)
        self._is_head_dirty = True

    # --- looks --------------------------------------------------------------------------------------------------------

    def meet(self, facts: Facts, standing: Standing, *, height: int, now_s: float, is_old: bool = False) -> None:
        """A transaction that is not known; it happened to nobody where it is older than the watch.

        Args:
            is_old: whether it is in a block that was looked at before, so that a rescan must have found it.
        """
        assert facts.txid not in self.owned
        if self._is_history(facts, standing, now_s=now_s):
            return
        # Both: by the clocks alone, one of a node that goes behind ours would make history of what comes after the first look.
        is_history = is_old or (not self.has_begun and facts.received_s < self.head.watched_s)
        owned, happenings = begin(facts, standing, height=height, is_history=is_history)
        self._set(owned)
        if is_old:
            return
        if self.has_begun or 0 < self.head.began_s <= facts.received_s:
            self._count_new(facts)
            self._tell(happenings)

    def follow(self, standing: Standing, *, height: int) -> None:
        """A transaction that is known, as it stands now."""
        owned, happenings = proceed(self.owned[standing.txid], standing, height=height)
        self.owned[standing.txid] = owned
        if happenings:
            self._set(owned)
            self._tell(happenings)

    def lose(self, txid: str, *, height: int) -> None:
        """The wallet knows it no more: its owner took it out, or it is another wallet of the same name."""
        self.follow(Standing(txid, Status.ABANDONED), height=height)
        del self.owned[txid]
        self._dirty.add(txid)

    def judge(self, owned: Owned) -> None:
        """Take over what was found of its fee: `below_since`, `is_stuck` and `is_evicted`."""
        known = self.owned[owned.facts.txid]
        if owned != known:
            self._set(owned)
        if owned.is_stuck != known.is_stuck:
            self._tell([Happening(Kind.STUCK if owned.is_stuck else Kind.UNSTUCK, owned)])
        elif owned.is_evicted and not known.is_evicted:
            self._tell([Happening(Kind.STUCK, owned)])  # worse than it was: nobody may have it any more

    def reach(self, block: BlockPlace, *, genesis: str, listed: Collection[str]) -> None:
        """Everything up to this block was looked at; forget what is over, and in no list of the wallet any more."""
        self.head.genesis, self.head.since = genesis, block
        self._is_head_dirty = True
        over = [
            txid for txid, owned in self.owned.items() if txid not in listed and is_over(owned, height=block.height)
        ]
        for txid in over:
            del self.owned[txid]
            self._dirty.add(txid)

    def start_history(self, movements: Mapping[Direction, Iterable[Movement]], *, since_s: int) -> None:
        """What moved before the watch began: what is usual is known from the first day on."""
        for direction in MOVED:
            history = History(since_s=since_s, is_watched_for_rest=direction is Direction.WITHDRAWAL)
            for movement in movements.get(direction, ()):
                history = history.added(movement)
            self.head.histories[direction.value] = history

    # --- keeping ------------------------------------------------------------------------------------------------------

    def changes(self) -> list[Change]:
        """What has to be written."""
        found: list[Change] = [*self._left]
        if self._is_head_dirty:
            found.append(Put(HEAD_KIND, self._key, _to_json(self.head)))
        for txid in sorted(self._dirty):
            owned, key = self.owned.get(txid), self.prefix + txid
            found.append(Delete(OWNED_KIND, key) if owned is None else Put(OWNED_KIND, key, _to_json(owned)))
        return found

    def written(self) -> None:
        """All `changes` are durable."""
        self._dirty.clear()
        self._is_head_dirty = False
        self._left.clear()

    def restore(self, head: Document, owned: Iterable[Document]) -> None:
        """Take up what an earlier run kept; what has another form is left out, and the look begins anew without a head."""
        try:
            self.head = shape_of(Head).convert(dict(head.body))
        except msgspec.ValidationError:
            return
        for document in owned:
            try:
                known = shape_of(Owned).convert(dict(document.body))
            except msgspec.ValidationError:
                continue
            self.owned[known.facts.txid] = known

    def take_over(self, head: Document, owned: Sequence[Document]) -> None:
        """Go on from what was kept of the same wallet under another name of its node, where nothing is kept any more then."""
        self.restore(head, owned)
        self._dirty |= set(self.owned)
        self._is_head_dirty = True
        self._left = [Delete(HEAD_KIND, head.key), *(Delete(OWNED_KIND, each.key) for each in owned)]

    def clear(self) -> None:
        """Begin anew: it is another chain's wallet of the same name."""
        self._dirty |= set(self.owned)
        self.owned.clear()
        self.head, self._is_head_dirty = Head(), True

    # --- inside -------------------------------------------------------------------------------------------------------

    def _set(self, owned: Owned) -> None:
        self.owned[owned.facts.txid] = owned
        self._dirty.add(owned.facts.txid)

    def _is_history(self, facts: Facts, standing: Standing, *, now_s: float) -> bool:
        if standing.block is not None:
            # A rescan brings up what is long since in blocks that were looked at.
            return self.has_begun and 0 <= standing.block.height <= self.head.since.height - FORGET_AFTER_BLOCKS
        return not standing.is_in_pool and now_s - facts.received_s > EXPIRED_S

    def _count_new(self, facts: Facts) -> None:
        replaced = self.owned.get(facts.replaces)
        # A replacement moves what the replaced one would have moved: only what is more is counted.
        amount = max(0, facts.amount_sats - (replaced.facts.amount_sats if replaced is not None else 0))
        counts, direction = self.head.counts, facts.direction.value
        counts.seen[direction] += 1
        counts.moved_sats[direction] += amount
        history = self.head.histories.get(direction)
        if history is not None and amount > 0 and not facts.is_coinbase:
            movement = history.scored(Movement(facts.received_s, amount))
            if history.stands_out(movement):
                self._note_unusual(Unusual(facts.txid, direction, movement.score, movement.time_s))
            self.head.histories[direction] = history.added(movement)
        self._is_head_dirty = True

    def _note_unusual(self, found: Unusual) -> None:
        left = [each for each in self.head.unusual if each.is_told(now_s=self._now_s())]
        self.head.unusual = (*left, found)[:UNUSUAL_MAX]

    def _tell(self, happenings: Sequence[Happening]) -> None:
        self.happened += happenings
        counts = self.head.counts
        for each in happenings:
            if each.kind is Kind.UNCONFIRMED:
                counts.reorged[each.owned.facts.direction.value] += 1
            elif each.kind in OUTCOMES:
                counts.ended[OUTCOMES[each.kind]] += 1
            ended = noted(self.head.ended, each, now_s=int(self._now_s()))
            self.head.ended = tuple(one for one in ended if not self._has_come(one.replaced_by))
            self._is_head_dirty = True

    def _has_come(self, txid: str) -> bool:
        """Whether a block has a transaction, or what took its place in turn."""
        for _ in range(RIVALS_TOLD_MAX):
            owned = self.owned.get(txid)
            if owned is None or owned.standing.status is Status.CONFIRMED:
                return owned is not None
            txid = owned.standing.replaced_by
        return False


def _to_json(body: object) -> dict[str, Json]:
    return cast("dict[str, Json]", msgspec.to_builtins(body))


def movements_of(entries: Iterable[Any]) -> tuple[dict[Direction, list[Movement]], int]:
    """What moved, from entries of `listtransactions`, and when the first of it did (seconds of UTC; 0 where nothing)."""
    sums: dict[tuple[str, Direction], tuple[int, int]] = {}
    for entry in entries:
        if not isinstance(entry, dict) or entry.get("abandoned") or entry.get("category") not in ("send", "receive"):
            continue
        if isinstance(entry.get("fee"), (int, float)) and entry["fee"] > 0:
            continue  # others pay, too: what it sends is not all ours
        amount, time_s = entry.get("amount"), entry.get("timereceived") or entry.get("time")
        if not isinstance(amount, (int, float)) or not isinstance(time_s, int) or entry.get("confirmations", 0) < 0:
            continue
        direction = Direction.WITHDRAWAL if entry["category"] == "send" else Direction.DEPOSIT
        key = (str(entry.get("txid")), direction)
        sums[key] = (sums.get(key, (0, 0))[0] + abs(round(amount * 100_000_000)), time_s)
    found: dict[Direction, list[Movement]] = {each: [] for each in MOVED}
    for (txid, direction), (amount_sats, time_s) in sums.items():
        if direction is Direction.DEPOSIT and (txid, Direction.WITHDRAWAL) in sums:
            continue  # change, or a movement within the wallet
        found[direction].append(Movement(time_s, amount_sats))
    since_s = min((each.time_s for movements in found.values() for each in movements), default=0)
    return {each: sorted(found[each], key=lambda m: m.time_s) for each in MOVED}, since_s
