"""Compares what leaves our wallets with what was asked for, approved and signed, as each of them becomes known."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import structlog
from prometheus_client import CollectorRegistry, Counter, Histogram

from anyascope.clock import NS_PER_S, Clock, wait_for
from anyascope.custody.book import SpendBook, SpendPage
from anyascope.custody.docket import Common
from anyascope.custody.eras import Eras
from anyascope.custody.evidence import evidence_in, sights_in
from anyascope.custody.judging import Judge
from anyascope.custody.keeping import Keeper
from anyascope.custody.lookup import Lookup
from anyascope.custody.nouns import Item, SpendKey, State
from anyascope.custody.options import CustodyOptions
from anyascope.custody.reception import Reception
from anyascope.custody.records import RETRY_S, Records
from anyascope.custody.waiting import Pending
from anyascope.errors import ConflictError, NotFoundError, UnavailableError
from anyascope.model.logs import LogBatch
from anyascope.ports import Arrivals, ComponentHealth, HealthStatus, Intake
from anyascope.store.api.documents import DocumentStore
from anyascope.store.api.logs import LogReader

# A grace is 0.5 s to an hour.
JUDGED_BUCKETS_S = (0.05, 0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 5.0, 10.0, 30.0, 60.0, 600.0)

log = structlog.get_logger("anyascope.custody")


async def _no_coins() -> Mapping[str, str]:
    return {}


@dataclass(frozen=True, slots=True)
class Doors:
    """What the room works with; `coins` tells of which coin each node was, for spends that an earlier version kept without it."""

    intake: Intake
    arrivals: Arrivals
    logs: LogReader
    documents: DocumentStore
    coins: Callable[[], Awaitable[Mapping[str, str]]] = _no_coins


class Reconciliation:
    """Watches spends from start to stop, where the settings say so.

    Each spend waits for its grace at most; it is matched as soon as all is known, and told as unmatched where that does not
    come. `Reception` takes in what nodes tell, `Records` what services put on record, `Judge` compares the two, and `Keeper` keeps
    and tells what came of it; here they are started, driven one after the other, and asked.
    """

    def __init__(self, doors: Doors, *, options: CustodyOptions, clock: Clock, registry: CollectorRegistry) -> None:
        self._doors = doors
        self._options = options
        self._clock = clock
        self._book = SpendBook(doors.documents)
        self._lookup = Lookup(doors.logs)
        self._unsubscribe: Callable[[], None] | None = None
        self._task: asyncio.Task[None] | None = None
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
        self._common = Common(self._book, self._lookup, self._clock, self._options)
        self._docket = self._common.docket
        self._records = Records(self._common)
        self._keeper = Keeper(self._common, intake=self._doors.intake, judged_s=self._judged_s)
        self._judge = Judge(self._common, self._records, self._keeper)
        self._reception = Reception(
            self._common, self._judge, records=self._records, keeper=self._keeper, deferred=self._deferred
        )

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
        self._book.know_coins(await self._doors.coins())
        await self._reception.resume()
        for item in await self._book.open_items():
            self._take_up(item)
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Listen no longer. What waits is found again at the next start."""
        if self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        await self._records.stop()

    async def reload(self, options: CustodyOptions) -> None:
        """Judge by other settings from now on."""
        was_on, self._options, self._common.options = self._options.is_on, options, options
        if not was_on:
            await self.start()
            return
        if not options.is_on:
            await self.stop()
            await self._switch_off()
        else:
            await self._reception.enter_era()
        for pending in self._docket.pendings.all():
            if not options.covers(pending.spend.wallet):
                self._docket.pendings.remove(pending.spend.key)
        await self._keeper.report()

    async def _switch_off(self) -> None:
        """What is spent while it is off is nobody's concern later."""
        if await self._book.mark():
            await self._book.set_mark(0)
        if (await self._book.eras()).all:
            await self._book.set_eras(Eras())

    def _take_up(self, item: Item) -> None:
        """One of those that were open when the last process ended."""
        self._keeper.meet(item.spend)
        if not item.is_told:
            self._docket.untold[item.spend.key] = item
        if item.state is not State.UNMATCHED or not self._options.covers(item.spend.wallet):
            return
        pending = Pending(item, due_ns=0, late_ns=0)
        self._docket.pendings.put(pending)
        self._records.ask(pending)

    def _on_logs(self, batches: Sequence[LogBatch]) -> None:
        for batch in batches:
            self._reception.put(sights_in(batch))
            self._records.learn(evidence_in(batch))
        if self._reception.has_news or self._docket.has_touched:
            self._docket.wake.set()

    async def _run(self) -> None:
        while True:
            self._docket.wake.clear()
            try:
                await self._act()
                self._docket.trouble = ""
            except UnavailableError as error:
                self._docket.trouble = str(error)
                log.warning("reconciliation_deferred", detail=str(error))
                await self._clock.sleep(max(error.retry_after_s, RETRY_S))
                continue
            except Exception as error:
                # A fault of one look must not end the watch over all others.
                self._docket.trouble = f"a fault of the server: {type(error).__name__}: {error}"
                log.exception("reconciliation_failed")
                await self._clock.sleep(RETRY_S)
                continue
            await wait_for(self._docket.wake, clock=self._clock, timeout_s=self._wait_s())

    def _wait_s(self) -> float:
        mono_ns = self._clock.monotonic_ns()
        waiting = [each for each in self._docket.pendings.all() if each.item.state is State.WAITING]
        dues = [each.late_ns if each.asking and each.due_ns <= mono_ns else each.due_ns for each in waiting]
        return max(min([*dues, self._keeper.due_ns]) - mono_ns, 0) / NS_PER_S

    async def _act(self) -> None:
        """Every step, also where one before it failed: what cannot be taken in or told keeps nobody from being judged."""
        faults: list[Exception] = []
        for step in (self._keeper.tell_untold, self._reception.take_in, self._judge.judge, self._keep_up):
            try:
                await step()
            except Exception as fault:  # noqa: BLE001  # raised below, once the others have had their turn
                faults.append(fault)
        if faults:
            raise next((each for each in faults if not isinstance(each, UnavailableError)), faults[0])

    async def _keep_up(self) -> None:
        await self._keeper.keep_up(behind_ns=self._reception.behind_ns)

    # --- seen ---------------------------------------------------------------------------------------------------------

    async def spends(self, *, limit: int, cursor: str, state: State | None) -> SpendPage:
        """Spends, newest first, those that wait before all others.

        Raises:
            InvalidInputError: the limit is not 1 to `LIMIT_MAX`, or the cursor is not one of ours.
            UnavailableError: the store cannot be read.
        """
        waiting: list[Item] = []
        if not cursor and state in {None, State.WAITING}:
            pending = [each.item for each in self._docket.pendings.all() if each.item.state is State.WAITING]
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
        found = {
            key: pending.item for key in self._docket.pendings.about(ids) if (pending := self._docket.pendings.get(key))
        }
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
        pending = self._docket.pendings.get(key)
        item = pending.item if pending is not None else await self._book.find(key)
        if item is None:
            raise NotFoundError(f"no spend {key[1]} on {key[0]} is known")
        if item.state is not State.UNMATCHED:
            raise ConflictError(f"the spend is {item.state.value}, only an unmatched one can be accepted")
        now_ns = self._clock.now_ns()
        accepted = replace(item, state=State.ACCEPTED, accepted_by=by, note=note, matched_ns=now_ns, is_told=False)
        await self._book.keep([accepted])
        self._docket.pendings.remove(key)
        self._docket.settled.add(key)
        self._docket.untold[key] = accepted
        self._keeper.report_soon()
        self._docket.wake.set()
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
        if self._reception.is_full:
            message = f"{len(self._docket.pendings)} spends are open, further ones are judged once these are fewer"
            return (ComponentHealth("custody", "custody", HealthStatus.DEGRADED, message, "see who spends, and why"),)
        if self._docket.trouble:
            advice = "see the health of the store; spends are judged once it answers"
            return (ComponentHealth("custody", "custody", HealthStatus.DEGRADED, self._docket.trouble, advice),)
        pendings = self._docket.pendings.all()
        unmatched = sum(each.item.state is State.UNMATCHED for each in pendings)
        message = f"{len(pendings) - unmatched} spends wait, {unmatched} are unmatched"
        if self._reception.history_count:
            message += f", {self._reception.history_count} were made before their wallet was watched"
        return (ComponentHealth("custody", "custody", HealthStatus.HEALTHY, message),)
