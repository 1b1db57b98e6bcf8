"""Compares what leaves our wallets with what was asked for, approved and signed, as each of them becomes known."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Collection, Coroutine, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import structlog
from prometheus_client import CollectorRegistry, Counter, Histogram

from anyascope.clock import NS_PER_MS, NS_PER_S, Clock, wait_for
from anyascope.custody.book import SpendBook, SpendPage
from anyascope.custody.eras import Eras
from anyascope.custody.events import NAMES, batch_of
from anyascope.custody.evidence import Sight, evidence_in, sights_in
from anyascope.custody.figures import Figures
from anyascope.custody.ledger import Ledger
from anyascope.custody.lookup import Lookup
from anyascope.custody.matching import CLOCK_SKEW_NS, Policy, judge
from anyascope.custody.nouns import Evidence, EvidenceKind, Item, Spend, SpendKey, State, Verdict
from anyascope.custody.options import CustodyOptions
from anyascope.custody.settling import judged, spent_by
from anyascope.custody.waiting import Lately, Pending, Pendings
from anyascope.errors import AnyascopeError, ConflictError, NotFoundError, UnavailableError
from anyascope.model.logs import LogBatch
from anyascope.ports import Arrivals, ComponentHealth, HealthStatus, Intake
from anyascope.store.api.documents import DocumentStore
from anyascope.store.api.logs import LogReader

SOURCE = "custody"
OPEN_MAX = (
    20_000  # spends that wait or are unmatched, some 40 MB; what is beyond it is read from the store again afterwards
)
SETTLED_MAX = 50_000  # spends whose further events need no look at the store
LOOKUPS_MAX = 4  # questions to the store at once, so that a burst of spends leaves it to others too
HEARD_S_MIN = 0.2  # of the grace that is left at least when a spend is heard of
LOOKUP_LATE_S = 5.0  # a store that takes longer does not keep people from being told
# A grace is 0.5 s to an hour.
JUDGED_BUCKETS_S = (0.05, 0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 5.0, 10.0, 30.0, 60.0, 600.0)
REPORT_EVERY_S = 15.0  # within the five minutes after which a query takes a series for ended
MARK_EVERY_S = 5.0  # a kill costs as much longer a wait at the next start
OVERLAP_NS = 60 * NS_PER_S  # of reading again: a record is stored some time after the time that it carries
CATCH_UP_S_MAX = 30.0  # the longest that an SDK leaves a server alone that was down
CATCH_UP_MORE_S = 2.0
PRUNE_EVERY_S = 6 * 3_600.0
RETRY_S = 1.0  # a store that cannot write may do so by then

log = structlog.get_logger("anyascope.custody")


@dataclass(frozen=True, slots=True)
class Doors:
    """What the room works with."""

    intake: Intake
    arrivals: Arrivals
    logs: LogReader
    documents: DocumentStore


class Reconciliation:
    """Watches spends from start to stop, where the settings say so.

    Each spend waits for its grace at most; it is matched as soon as all is known, and told as unmatched where that does not
    come. Its event is told after the commit, so that nothing is told twice and nothing is forgotten by a crash.
    """

    def __init__(self, doors: Doors, *, options: CustodyOptions, clock: Clock, registry: CollectorRegistry) -> None:
        self._doors = doors
        self._options = options
        self._clock = clock
        self._book = SpendBook(doors.documents)
        self._lookup = Lookup(doors.logs)
        self._lookups = asyncio.Semaphore(LOOKUPS_MAX)
        self._deferred = Counter(
            "anyascope_custody_deferred_spends",
            "Spends that were read from the store again later, since too many waited.",
            registry=registry,
        )
        self._judged_s = Histogram(
            "anyascope_custody_spend_judgement_seconds",
            "From a node's telling of a spend until it was matched, or told as unmatched when its grace was over.",
            buckets=JUDGED_BUCKETS_S,
            registry=registry,
        )
        self._forget()

    def _forget(self) -> None:
        self._ledger = Ledger()
        self._eras = Eras()
        self._history_count = 0  # in this run
        self._figures = Figures()
        self._pendings = Pendings()
        self._settled: Lately[SpendKey] = Lately(SETTLED_MAX)
        self._gone: Lately[str] = Lately(SETTLED_MAX)
        self._inbox: deque[Sight] = deque()
        self._touched: set[SpendKey] = set()
        self._untold: dict[SpendKey, Item] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._unsubscribe: Callable[[], None] | None = None
        self._wake = asyncio.Event()
        self._since_ns = self._clock.now_ns()  # when it began to listen
        self._catch_up_ns = 0
        self._unread_ns = 0  # since when spends have to be read again; 0 where none has
        self._report_due_ns = self._mark_due_ns = self._prune_due_ns = 0
        self._trouble = ""

    # --- life ---------------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Take up what is open, look at what was missed, and listen from now on; nothing where it is off.

        Raises:
            UnavailableError: the store cannot be read.
        """
        if not self._options.is_on:
            await self._switch_off()
            return
        self._forget()
        self._unsubscribe = self._doors.arrivals.on_logs(self._on_logs)
        now_ns, mono_ns = self._clock.now_ns(), self._clock.monotonic_ns()
        mark_ns = await self._book.mark()
        self._eras = await self._book.eras()
        await self._enter_era()
        if mark_ns:
            down_s = max(now_ns - mark_ns, 0) / NS_PER_S
            self._catch_up_ns = mono_ns + int(min(down_s + CATCH_UP_MORE_S, CATCH_UP_S_MAX) * NS_PER_S)
            self._unread_ns = mark_ns - OVERLAP_NS
        for item in await self._book.open_items():
            self._take_up(item)
        self._start(self._run())

    async def stop(self) -> None:
        """Listen no longer. What waits is found again at the next start."""
        if self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None
        tasks, self._tasks = list(self._tasks), set()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def reload(self, options: CustodyOptions) -> None:
        """Judge by other settings from now on."""
        was_on, self._options = self._options.is_on, options
        if not was_on:
            await self.start()
            return
        if not options.is_on:
            await self.stop()
            await self._switch_off()
        else:
            await self._enter_era()
        for pending in self._pendings.all():
            if not options.covers(pending.spend.wallet):
                self._pendings.remove(pending.spend.key)
        await self._report()

    async def _switch_off(self) -> None:
        """What is spent while it is off is nobody's concern later."""
        if await self._book.mark():
            await self._book.set_mark(0)
        self._eras = Eras()
        if (await self._book.eras()).all:
            await self._book.set_eras(self._eras)

    async def _enter_era(self) -> None:
        """Remember since when which wallets are compared, over restarts."""
        eras = Eras(self._eras.all)
        if eras.begin(self._options.wallets, now_ns=self._clock.now_ns()):
            await self._book.set_eras(eras)
            self._eras = eras

    def _take_up(self, item: Item) -> None:
        """One of those that were open when the last process ended."""
        self._figures.meet(item.spend)
        if not item.is_told:
            self._untold[item.spend.key] = item
        if item.state is not State.UNMATCHED or not self._options.covers(item.spend.wallet):
            return
        pending = Pending(item, due_ns=0, late_ns=0)
        self._pendings.put(pending)
        self._ask(pending)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # --- what arrives -------------------------------------------------------------------------------------------------

    def _on_logs(self, batches: Sequence[LogBatch]) -> None:
        for batch in batches:
            self._inbox.extend(sights_in(batch))
            self._learn(evidence_in(batch))
        if self._inbox or self._touched:
            self._wake.set()

    def _learn(self, evidence: Iterable[Evidence]) -> None:
        news = self._ledger.add(evidence)
        for joined in news:
            self._touched |= self._pendings.about((joined, *self._ledger.names(joined)))

    def _ask(self, pending: Pending) -> None:
        """Ask the store what it has on record about a spend, and about the operations that have come to name it."""
        joined = {*self._ledger.dossiers_of(pending.spend, pending.inherited), *pending.item.correlation_ids}
        pending.asked |= joined
        pending.asking += 1
        self._start(self._look_up(pending.spend, tuple(joined)))

    async def _look_up(self, spend: Spend, joined: Sequence[str]) -> None:
        while self._pendings.get(spend.key) is not None:
            try:
                async with self._lookups:
                    found = await self._lookup.evidence(spend, joined, horizon_s=self._options.horizon_s)
                    await self._note_gone(spend, found)
            except AnyascopeError as error:
                self._trouble = f"the store cannot be asked: {error}"
                await self._clock.sleep(RETRY_S)
                continue
            self._learn(found)
            if (pending := self._pendings.get(spend.key)) is not None:
                pending.answered |= {*joined, *(each.correlation_id for each in found)}
                pending.asking -= 1
            self._touched.add(spend.key)
            self._wake.set()
            return

    async def _note_gone(self, spend: Spend, found: Iterable[Evidence]) -> None:
        """Learn which other spends of the same operations move nothing any more."""
        for txid in sorted({each.txid for each in found if each.kind is EvidenceKind.SPENT} - {spend.txid}):
            item = await self._book.find((spend.chain, txid))
            if item is not None and item.is_gone:
                self._gone.add(txid)

    # --- the one that acts --------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            try:
                await self._act()
                self._trouble = ""
            except UnavailableError as error:
                self._trouble = str(error)
                log.warning("reconciliation_deferred", detail=str(error))
                await self._clock.sleep(max(error.retry_after_s, RETRY_S))
                continue
            except Exception as error:
                # A fault of one look must not end the watch over all others.
                self._trouble = f"a fault of the server: {type(error).__name__}: {error}"
                log.exception("reconciliation_failed")
                await self._clock.sleep(RETRY_S)
                continue
            await wait_for(self._wake, clock=self._clock, timeout_s=self._wait_s())

    def _wait_s(self) -> float:
        mono_ns = self._clock.monotonic_ns()
        waiting = [each for each in self._pendings.all() if each.item.state is State.WAITING]
        dues = [each.late_ns if each.asking and each.due_ns <= mono_ns else each.due_ns for each in waiting]
        dues += [self._report_due_ns, self._mark_due_ns, self._prune_due_ns]
        return max(min(dues) - mono_ns, 0) / NS_PER_S

    async def _act(self) -> None:
        await self._tell(list(self._untold.values()))
        if self._unread_ns and len(self._pendings) < OPEN_MAX // 2:
            await self._read_again()
        while self._inbox:
            sight = self._inbox.popleft()
            try:
                await self._see(sight)
            except BaseException:
                self._inbox.append(sight)  # again, behind the others: they need not wait for it
                raise
        await self._judge()
        mono_ns = self._clock.monotonic_ns()
        if self._prune_due_ns <= mono_ns:
            await self._prune()
        if self._report_due_ns <= mono_ns:
            await self._report()
        if self._mark_due_ns <= mono_ns:
            await self._mark()

    async def _read_again(self) -> None:
        """Look at what nodes told since a time; what is known already changes nothing."""
        since_ns, self._unread_ns = self._unread_ns, 0
        try:
            async for sight in self._lookup.sights(start_ns=since_ns, end_ns=self._clock.now_ns() + NS_PER_S):
                await self._see(sight)
        except BaseException:
            self._unread_ns = since_ns
            raise

    async def _see(self, sight: Sight) -> None:
        """A node told of a transaction."""
        spend, key = sight.spend, sight.spend.key
        if not self._options.covers(spend.wallet):
            return
        pending = self._pendings.get(key)
        if sight.is_gone:
            await self._note_standing(key, pending, is_gone=True)
            return
        if spend.txid in self._gone:
            await self._note_standing(key, pending, is_gone=False)
        if pending is not None:
            if pending.item.state is State.WAITING:
                pending.see(spend)
            return
        if key in self._settled:
            return
        if await self._book.find(key) is not None:
            self._settled.add(key)
        elif self._is_history(sight):
            await self._keep_history(spend)
        elif len(self._pendings) >= OPEN_MAX:
            self._deferred.inc()
            self._unread_ns = min(self._unread_ns or spend.seen_ns, spend.seen_ns)
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
        self._history_count += 1
        self._figures.meet(spend)
        await self._settle([Item(spend, State.HISTORY, settled_ns=self._clock.now_ns())])

    async def _await(self, spend: Spend) -> None:
        """A new spend: settled at once where all is known, else it waits."""
        if self._figures.meet(spend):
            await self._report()
        inherited: tuple[str, ...] = ()
        if spend.replaces:
            replaced = (spend.chain, spend.replaces)
            former = await self._book.find(replaced)
            inherited = former.correlation_ids if former is not None else ()
            await self._note_standing(replaced, self._pendings.get(replaced), is_gone=True)
        due_ns = max(self._clock.monotonic_ns() + self._rest_ns(spend), self._catch_up_ns)
        pending = Pending(Item(spend), due_ns, due_ns + int(LOOKUP_LATE_S * NS_PER_S), inherited)
        self._pendings.put(pending)
        self._touched.add(spend.key)
        if self._strangers(pending) or not self._verdict(pending).is_matched:
            self._report_due_ns = 0  # that it waits is news
            self._ask(pending)

    def _rest_ns(self, spend: Spend) -> int:
        """What is left of the grace: it began when the node was asked, and storing that took as long as storing evidence does."""
        grace_ns = int(self._options.grace_s * NS_PER_S)
        left_ns = grace_ns - max(self._clock.now_ns() - spend.seen_ns, 0)
        return max(left_ns, min(grace_ns, int(HEARD_S_MIN * NS_PER_S)))

    async def _note_standing(self, key: SpendKey, pending: Pending | None, *, is_gone: bool) -> None:
        """A transaction moves nothing any more, or does again: what was approved is free for another, or is not."""
        txid = key[1]
        (self._gone.add if is_gone else self._gone.discard)(txid)
        item = pending.item if pending is not None else await self._book.find(key)
        if item is None or item.is_gone is is_gone:
            return
        changed = replace(item, is_gone=is_gone)
        if pending is not None:
            pending.item = changed
        if changed.state is not State.WAITING:
            await self._book.keep([changed])
        self._touched |= {each.spend.key for each in self._pendings.all()}

    # --- judging ------------------------------------------------------------------------------------------------------

    def _verdict(self, pending: Pending) -> Verdict:
        dossiers = self._ledger.dossiers_of(pending.spend, pending.inherited)
        spent = {each.txid for dossier in dossiers.values() for each in dossier if each.kind is EvidenceKind.SPENT}
        return judge(
            pending.spend,
            dossiers,
            Policy(
                self._options.approval_steps,
                require_amount=self._options.require_amount,
                fee_sats_max=self._options.fee_sats_max,
            ),
            gone={txid for txid in spent if txid in self._gone},
        )

    def _strangers(self, pending: Pending) -> set[str]:
        """Operations that name the spend and began before this room listened: more of them may lie in the store."""
        dossiers = self._ledger.dossiers_of(pending.spend, pending.inherited)
        begun = (each for one in dossiers.values() for each in one if each.kind is EvidenceKind.BEGAN)
        heard = {each.correlation_id for each in begun if each.at_ns > self._since_ns + CLOCK_SKEW_NS}
        return dossiers.keys() - heard - pending.answered

    async def _judge(self) -> None:
        """Settle what can be settled: matched where all is there, unmatched where the grace is over."""
        now_ns, mono_ns = self._clock.now_ns(), self._clock.monotonic_ns()
        touched, self._touched = self._touched, set()
        settled: list[Item] = []
        for pending in self._pendings.elders_first():
            is_due = pending.item.state is State.WAITING and pending.due_ns <= mono_ns
            if not is_due and pending.spend.key not in touched:
                continue
            strangers = self._strangers(pending)
            if strangers - pending.asked:
                self._ask(pending)
            verdict = self._verdict(pending)
            is_overdue = is_due and (not pending.asking or pending.late_ns <= mono_ns)
            # Of one that several pay for the amount is known once all wallets were asked: within the grace.
            is_whole = is_due or not pending.spend.shares_inputs
            if is_overdue or (verdict.is_matched and not strangers and (is_whole or not _waits(pending))):
                settled.append(judged(pending.item, verdict, now_ns=now_ns))
                if verdict.is_matched:
                    # At once, so that another spend of the same operation in this very look finds it.
                    self._ledger.add(spent_by(settled[-1]))
                    self._hand_down(settled[-1])
        if settled:
            try:
                await self._settle(settled)
            except BaseException:
                self._touched |= touched | {item.spend.key for item in settled}
                raise

    def _hand_down(self, item: Item) -> None:
        """Who replaces it, and waits, inherits its requests: of several bumps in a row perhaps only the first was named."""
        for heir in self._pendings.heirs_of(item.spend.key):
            if not set(item.correlation_ids) <= set(heir.inherited):
                heir.inherited = tuple(dict.fromkeys((*heir.inherited, *item.correlation_ids)))
                self._pendings.put(heir)  # found by these, too, from now on
                self._touched.add(heir.spend.key)
                self._wake.set()

    async def _settle(self, items: Sequence[Item]) -> None:
        for item in items:
            self._figures.count(item.spend, item.state.value)
            if item.state not in (State.LATE, State.HISTORY):
                self._judged_s.observe(max(item.settled_ns - item.spend.seen_ns, 0) / NS_PER_S)
            self._untold[item.spend.key] = item
            self._settled.add(item.spend.key)
            if item.state is State.UNMATCHED:
                pending = self._pendings.get(item.spend.key)
                assert pending is not None
                self._pendings.put(replace(pending, item=item))
                log.warning("spend_unmatched", txid=item.spend.txid, wallet=item.spend.wallet, chain=item.spend.chain)
            else:
                self._pendings.remove(item.spend.key)
        # Rules, which tell people, read the figures: they need not wait for the record. After a crash in between the spend is found
        # again, and its alert is the same one. The event comes after both, so that it is told once, as it was found.
        outcomes = await asyncio.gather(self._book.keep(items), self._report(), return_exceptions=True)
        for fault in outcomes:
            if fault is not None:
                raise fault  # what is untold is kept with the next look
        await self._tell(items, is_fresh=True)

    async def _tell(self, items: Sequence[Item], *, is_fresh: bool = False) -> None:
        """Store the events of these, each once: after a crash the store knows whether it has them."""
        if not items:
            return
        end_ns = self._clock.now_ns() + OVERLAP_NS
        fresh = []
        for item in items:
            start_ns = min(item.settled_ns, item.spend.seen_ns) - OVERLAP_NS
            if is_fresh or not await self._lookup.is_told(
                (NAMES[item.state],), item.spend.txid, start_ns=start_ns, end_ns=end_ns
            ):
                fresh.append(item)
        if fresh:
            await self._doors.intake.logs([batch_of(fresh)], source=SOURCE)
        told = [replace(item, is_told=True) for item in items]
        await self._book.keep(told)
        for item in told:
            self._untold.pop(item.spend.key, None)
            if (pending := self._pendings.get(item.spend.key)) is not None:
                pending.item = replace(pending.item, is_told=True)

    # --- told and kept ------------------------------------------------------------------------------------------------

    async def _report(self) -> None:
        pendings = self._pendings.all()
        batch = self._figures.report(
            open_items=[each.item for each in pendings if each.item.state is State.UNMATCHED],
            waiting=[each.spend for each in pendings if each.item.state is State.WAITING],
            time_ms=self._clock.now_ns() // NS_PER_MS,
        )
        self._report_due_ns = self._clock.monotonic_ns()  # again at once where it cannot be stored
        if batch.rows:
            await self._doors.intake.metrics(batch, source=SOURCE)
        self._figures.stored(batch)
        self._report_due_ns = self._clock.monotonic_ns() + int(REPORT_EVERY_S * NS_PER_S)

    async def _mark(self) -> None:
        waiting = [each.spend.seen_ns for each in self._pendings.all() if each.item.state is State.WAITING]
        unread = [self._unread_ns] if self._unread_ns else []
        await self._book.set_mark(min([self._clock.now_ns(), *waiting, *unread]))
        self._mark_due_ns = self._clock.monotonic_ns() + int(MARK_EVERY_S * NS_PER_S)

    async def _prune(self) -> None:
        before_ns = self._clock.now_ns() - int(self._options.horizon_s * NS_PER_S)
        for key in await self._book.prune(before_ns=before_ns):
            self._pendings.remove(key)
            self._report_due_ns = 0
            self._untold.pop(key, None)
        self._prune_due_ns = self._clock.monotonic_ns() + int(PRUNE_EVERY_S * NS_PER_S)

    # --- seen ---------------------------------------------------------------------------------------------------------

    async def spends(self, *, limit: int, cursor: str, state: State | None) -> SpendPage:
        """Spends, newest first, those that wait before all others.

        Raises:
            InvalidInputError: the limit is not 1 to `LIMIT_MAX`, or the cursor is not one of ours.
            UnavailableError: the store cannot be read.
        """
        waiting: list[Item] = []
        if not cursor and state in {None, State.WAITING}:
            pending = [each.item for each in self._pendings.all() if each.item.state is State.WAITING]
            waiting = sorted(pending, key=lambda item: item.spend.seen_ns, reverse=True)
        if state is State.WAITING:
            return SpendPage(tuple(waiting[:limit]))
        page = await self._book.page(limit=limit, cursor=cursor, state=state)
        return SpendPage((*waiting, *page.items), page.cursor)

    async def related(self, ids: Collection[str], keys: Collection[SpendKey]) -> Sequence[Item]:
        """Spends that are open and about one of these txids or correlation ids, and those of these keys; newest first.

        Raises:
            UnavailableError: the store cannot be read.
        """
        found = {key: pending.item for key in self._pendings.about(ids) if (pending := self._pendings.get(key))}
        for key in keys:
            if key not in found and (item := await self._book.find(key)) is not None:
                found[key] = item
        return sorted(found.values(), key=lambda item: item.spend.seen_ns, reverse=True)

    async def accept(self, key: SpendKey, *, by: str, note: str) -> Item:
        """Take an unmatched spend for one that is in order; once this returns it survives `kill -9`, and its page ends.

        Args:
            by: the person who says so; `note` is why.

        Raises:
            NotFoundError: there is no such spend.
            ConflictError: it is not unmatched.
            UnavailableError: it cannot be kept now.
        """
        pending = self._pendings.get(key)
        item = pending.item if pending is not None else await self._book.find(key)
        if item is None:
            raise NotFoundError(f"no spend {key[1]} on {key[0]} is known")
        if item.state is not State.UNMATCHED:
            raise ConflictError(f"the spend is {item.state.value}, only an unmatched one can be accepted")
        now_ns = self._clock.now_ns()
        accepted = replace(item, state=State.ACCEPTED, accepted_by=by, note=note, matched_ns=now_ns, is_told=False)
        await self._book.keep([accepted])
        self._pendings.remove(key)
        self._settled.add(key)
        self._untold[key] = accepted
        self._report_due_ns = 0
        self._wake.set()
        log.info("spend_accepted", txid=key[1], chain=key[0], by=by)
        return accepted

    @property
    def options(self) -> CustodyOptions:
        """Those in force."""
        return self._options

    def health(self) -> Sequence[ComponentHealth]:
        """Nothing while it is off."""
        if not self._options.is_on:
            return ()
        if self._unread_ns and len(self._pendings) >= OPEN_MAX // 2:
            message = f"{len(self._pendings)} spends are open, further ones are judged once these are fewer"
            return (ComponentHealth("custody", "custody", HealthStatus.DEGRADED, message, "see who spends, and why"),)
        if self._trouble:
            advice = "see the health of the store; spends are judged once it answers"
            return (ComponentHealth("custody", "custody", HealthStatus.DEGRADED, self._trouble, advice),)
        pendings = self._pendings.all()
        unmatched = sum(each.item.state is State.UNMATCHED for each in pendings)
        message = f"{len(pendings) - unmatched} spends wait, {unmatched} are unmatched"
        if self._history_count:
            message += f", {self._history_count} were made before their wallet was watched"
        return (ComponentHealth("custody", "custody", HealthStatus.HEALTHY, message),)


def _waits(pending: Pending) -> bool:
    return pending.item.state is State.WAITING
