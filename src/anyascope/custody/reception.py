"""What arrives: nodes tell of transactions, and each spend among them is taken in once."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import replace

from prometheus_client import Counter

from anyascope.clock import NS_PER_S
from anyascope.custody.docket import Common
from anyascope.custody.eras import Eras
from anyascope.custody.evidence import Sight
from anyascope.custody.judging import Judge
from anyascope.custody.keeping import OVERLAP_NS, Keeper
from anyascope.custody.nouns import Item, Spend, SpendKey, State
from anyascope.custody.records import Records
from anyascope.custody.waiting import Pending

OPEN_MAX = (
    20_000  # spends that wait or are unmatched, some 40 MB; what is beyond it is read from the store again afterwards
)
INBOX_MAX = (
    20_000  # transactions that wait to be taken in, some 40 MB; more than a burst of blocks holds of anybody's own
)
HEARD_S_MIN = 0.2  # of the grace that is left at least when a spend is heard of
LOOKUP_LATE_S = 5.0  # a store that takes longer does not keep people from being told
CATCH_UP_S_MAX = 30.0  # the longest that an SDK leaves a server alone that was down
CATCH_UP_MORE_S = 2.0


class Reception:
    """Takes in what nodes tell, now and since the mark.

    Attributes:
        history_count: spends of before their wallet was watched, in this run.
    """

    def __init__(self, common: Common, judge: Judge, *, records: Records, keeper: Keeper, deferred: Counter) -> None:
        self._common = common
        self._docket = common.docket
        self._judge = judge
        self._records = records
        self._keeper = keeper
        self._deferred = deferred
        self._inbox: deque[Sight] = deque()
        self._eras = Eras()
        self._catch_up_ns = 0
        self._unread_ns = 0  # since when what nodes told has to be read again; 0 where nothing has
        self.history_count = 0

    @property
    def has_news(self) -> bool:
        """Whether something waits to be taken in."""
        return bool(self._inbox)

    @property
    def is_full(self) -> bool:
        """Whether spends are read again only once fewer are open."""
        return bool(self._unread_ns) and len(self._docket.pendings) >= OPEN_MAX // 2

    @property
    def behind_ns(self) -> int:
        """Since when not everything that nodes told is taken in; 0 where all is."""
        times = [sight.spend.seen_ns for sight in self._inbox]
        return min([*times, self._unread_ns] if self._unread_ns else times, default=0)

    def put(self, sights: Iterable[Sight]) -> None:
        """Take these in with the next look; what there is no room for is read from the store again."""
        for sight in sights:
            if len(self._inbox) < INBOX_MAX:
                self._inbox.append(sight)
            else:
                self._defer(sight.spend)

    def _defer(self, spend: Spend) -> None:
        self._deferred.inc()
        self._read_again_since(spend.seen_ns)

    def _read_again_since(self, time_ns: int) -> None:
        self._unread_ns = min(self._unread_ns or time_ns, time_ns)

    async def resume(self) -> None:
        """Find out what was missed, and since when which wallets are compared."""
        now_ns, mono_ns = self._common.clock.now_ns(), self._common.clock.monotonic_ns()
        mark_ns = await self._common.book.mark()
        self._eras = await self._common.book.eras()
        await self.enter_era()
        if mark_ns:
            down_s = max(now_ns - mark_ns, 0) / NS_PER_S
            self._catch_up_ns = mono_ns + int(min(down_s + CATCH_UP_MORE_S, CATCH_UP_S_MAX) * NS_PER_S)
            self._read_again_since(mark_ns - OVERLAP_NS)

    async def take_in(self) -> None:
        """All that waits."""
        if self._unread_ns and not self.is_full:
            await self._read_again()
        while self._inbox:
            sight = self._inbox.popleft()
            try:
                await self._see(sight)
            except BaseException:
                self._inbox.append(sight)  # again, behind the others: they need not wait for it
                raise

    async def enter_era(self) -> None:
        """Remember since when which wallets are compared, over restarts."""
        eras = Eras(self._eras.all)
        if eras.begin(self._common.options.wallets, now_ns=self._common.clock.now_ns()):
            await self._common.book.set_eras(eras)
            self._eras = eras

    async def _read_again(self) -> None:
        """Look at what nodes told since a time; what is known already changes nothing."""
        since_ns, self._unread_ns = self._unread_ns, 0
        try:
            async for sight in self._common.lookup.sights(
                start_ns=since_ns, end_ns=self._common.clock.now_ns() + NS_PER_S
            ):
                await self._see(sight)
        except BaseException:
            self._read_again_since(since_ns)
            raise

    async def _see(self, sight: Sight) -> None:
        """A node told of a transaction."""
        spend, key = sight.spend, sight.spend.key
        if not self._common.options.covers(spend.wallet):
            return
        pending = self._docket.pendings.get(key)
        if sight.is_gone:
            await self._note_standing(key, pending, is_gone=True)
            return
        if spend.txid in self._docket.gone:
            await self._note_standing(key, pending, is_gone=False)
        if pending is not None:
            if pending.item.state is State.WAITING:
                pending.see(spend)
            return
        if key in self._docket.settled:
            return
        if await self._common.book.find(key) is not None:
            self._docket.settled.add(key)
        elif self._is_history(sight):
            await self._keep_history(spend)
        elif len(self._docket.pendings) >= OPEN_MAX:
            self._defer(spend)
        else:
            await self._await(spend)

    def _is_history(self, sight: Sight) -> bool:
        """Whether the wallet had it before anybody watched the wallet, or compared its spends."""
        if sight.is_history:
            return True
        since_ns, spend = self._eras.since_ns(sight.spend.wallet), sight.spend
        is_old = sight.received_s > 0 and (sight.received_s + 1) * NS_PER_S <= since_ns  # told in whole seconds
        # A node whose clock goes behind ours says of what is new that it is old.
        return is_old and (not sight.is_first or spend.seen_ns < since_ns)

    async def _keep_history(self, spend: Spend) -> None:
        """Put it on record; its request cannot be, so nobody is told of it."""
        self.history_count += 1
        self._keeper.meet(spend)
        await self._keeper.settle([Item(spend, State.HISTORY, settled_ns=self._common.clock.now_ns())])

    async def _await(self, spend: Spend) -> None:
        """A new spend: settled at once where all is known, else it waits."""
        if self._keeper.meet(spend):
            await self._keeper.report()
        inherited: tuple[str, ...] = ()
        if spend.replaces:
            replaced = (spend.chain, spend.replaces)
            former = await self._common.book.find(replaced)
            inherited = former.correlation_ids if former is not None else ()
            await self._note_standing(replaced, self._docket.pendings.get(replaced), is_gone=True)
        due_ns = max(self._common.clock.monotonic_ns() + self._rest_ns(spend), self._catch_up_ns)
        pending = Pending(Item(spend), due_ns, due_ns + int(LOOKUP_LATE_S * NS_PER_S), inherited)
        self._docket.pendings.put(pending)
        self._docket.touch([spend.key])
        if self._records.strangers(pending) or not self._judge.verdict(pending).is_matched:
            self._keeper.report_soon()  # that it waits is news
            self._records.ask(pending)

    def _rest_ns(self, spend: Spend) -> int:
        """What is left of the grace: it began when the node was asked, and storing that took as long as storing evidence does."""
        grace_ns = int(self._common.options.grace_s * NS_PER_S)
        left_ns = grace_ns - max(self._common.clock.now_ns() - spend.seen_ns, 0)
        return max(left_ns, min(grace_ns, int(HEARD_S_MIN * NS_PER_S)))

    async def _note_standing(self, key: SpendKey, pending: Pending | None, *, is_gone: bool) -> None:
        """A transaction moves nothing any more, or does again: what was approved is free for another, or is not."""
        txid = key[1]
        (self._docket.gone.add if is_gone else self._docket.gone.discard)(txid)
        item = pending.item if pending is not None else await self._common.book.find(key)
        if item is None or item.is_gone is is_gone:
            return
        changed = replace(item, is_gone=is_gone)
        if pending is not None:
            pending.item = changed
        if changed.state is not State.WAITING:
            await self._common.book.keep([changed])
        self._docket.touch_all()
