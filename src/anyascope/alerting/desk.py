"""Takes alerts over, looks at each group when it is due, and leaves what must be said in the outbox."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

import structlog
from prometheus_client import CollectorRegistry

from anyascope.alerting.book import Book
from anyascope.alerting.gather import Gatherer, Post
from anyascope.alerting.grouping import KIND_GROUP, Group, GroupRecord, group_of, put_group
from anyascope.alerting.intake import KIND_ALERT, HeldAlert, alert_of, fault_of, put_alert, take_over
from anyascope.alerting.journal import read_journal
from anyascope.alerting.looking import changes_of, look_at
from anyascope.alerting.pipeline import Stage
from anyascope.alerting.settings import AlertingOptions
from anyascope.alerting.silence_watch import NoteEvent, SilenceWatch
from anyascope.alerting.silences import Silences
from anyascope.alerting.steps import NO_STEP, Follower, Followers, Heard, Look, Step, together
from anyascope.alerting.tally import Tally
from anyascope.alerting.unsaved import Unsaved, is_urgent, is_urgent_look
from anyascope.clock import NS_PER_S, Clock, WallWatch, wait_for
from anyascope.errors import InvalidInputError, UnavailableError
from anyascope.ids import Ids
from anyascope.model.alerts import Alert
from anyascope.model.documents import Change, Delete
from anyascope.model.notifications import AlertGroupStatus, AlertStatus, DeliveryStatus, JournalPage
from anyascope.ports import ComponentHealth, HealthStatus, Outbox
from anyascope.store.api.documents import DocumentStore, every_document

T = TypeVar("T")

log = structlog.get_logger("anyascope.alerting")

GROUPS_PER_COMMIT_MAX = 20  # some 20 ms; answers of far ends and posts that wait meanwhile come in between
SLEEP_S_MAX = 60.0  # a wall clock that was set is noticed within a minute
TIDY_EVERY_S = 60.0
RETRY_AFTER_S = 1.0
COUNTED_FOR_S = 0.1  # a scrape asks five times in a row; counting 100,000 alerts takes 20 ms


class Alerting:
    """Behind the `AlertSink` and `AlertDesk` ports.

    Args:
        documents: holds alerts, groups and silences.
        outbox: takes what must be said.
        options: routes, receivers and the rest of the settings.
        clock: time.
        ids: names notifications and silences.
        registry: for the counters.
        followers: take part in the steps, such as escalation.
        note: what stores an event in an alert's time line; None where there is none.
        stages: further reasons why an alert is not told, such as a snooze.
    """

    def __init__(
        self,
        documents: DocumentStore,
        outbox: Outbox,
        *,
        options: AlertingOptions,
        clock: Clock,
        ids: Ids,
        registry: CollectorRegistry,
        followers: Sequence[Follower] = (),
        note: NoteEvent | None = None,
        stages: Sequence[Stage] = (),
    ) -> None:
        self._documents = documents
        self._outbox = outbox
        self._options = options
        self._clock = clock
        self._ids = ids
        self._wake = asyncio.Event()
        self.silences = Silences(documents, clock=clock, ids=ids, changed=self._wake.set)
        self._stages = tuple(stages)
        watches = [SilenceWatch(self.silences, note)] if note is not None else []
        self._followers = Followers((*followers, *watches))
        self._book = self._new_book(options, alerts=(), records=(), now_ns=clock.now_ns())
        self._tally = Tally(registry, count=self._count)
        self._gatherer = Gatherer(self._take)
        self._changing = asyncio.Lock()  # memory and store change together, one change at a time
        self._task: asyncio.Task[None] | None = None
        self._wall = WallWatch(clock)
        self._unsaved = Unsaved()
        self._trouble = ""
        self._tidied_ns = clock.monotonic_ns()
        self._counts: Mapping[str, int] = {}
        self._counted_ns = 0

    # --- life ---------------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Read what is stored, then look at groups as they fall due. The outbox must have started.

        Raises:
            UnavailableError: the store cannot be read.
        """
        await self.silences.load()
        now_ns = self._clock.now_ns()
        grace_s = self._options.resolve_timeout_s
        stored = every_document(self._documents, KIND_ALERT)
        alerts = [alert_of(document, now_ns=now_ns, grace_s=grace_s) async for document in stored]
        records = [group_of(document) async for document in every_document(self._documents, KIND_GROUP)]
        self._book = self._new_book(self._options, alerts=alerts, records=records, now_ns=now_ns)
        await self._delete_groups(self._book.orphans)
        if alerts:
            log.info("alerts_recovered", alerts=len(alerts), groups=len(self._book.groups))
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Look at groups no longer; what is held stays stored."""
        await self._gatherer.finish()
        if self._task is not None:
            # A commit under way is finished first: its notifications must reach the courier in this life.
            async with self._changing:
                self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def reload(self, options: AlertingOptions) -> None:
        """Route by these options from now on. Groups that exist in both keep their times and what was told."""
        async with self._changing:
            await self._mind_the_clock()
            now_ns = self._clock.now_ns()
            alerts, records = self._book.alerts.values(), self._book.records()
            book = self._new_book(options, alerts=alerts, records=records, now_ns=now_ns)
            await self._delete_groups(book.orphans)
            self._options, self._book = options, book
        self._wake.set()
        log.info("alerting_reloaded", receivers=len(options.receivers), groups=len(book.groups))

    def _new_book(
        self,
        options: AlertingOptions,
        *,
        alerts: Iterable[HeldAlert],
        records: Iterable[GroupRecord],
        now_ns: int,
    ) -> Book:
        return Book(options, silences=self.silences, stages=self._stages, alerts=alerts, records=records, now_ns=now_ns)

    # --- the ports ----------------------------------------------------------------------------------------------------

    async def receive(self, alerts: Sequence[Alert]) -> None:
        """Take over these alerts: once this returns they survive `kill -9`.

        Raises:
            InvalidInputError: some are no alerts; the others were taken over all the same.
            UnavailableError: the store cannot write, or too many alerts are held; none was taken over.
        """
        faults = [f"alerts[{index}]: {fault}" for index, alert in enumerate(alerts) if (fault := fault_of(alert))]
        sound = [alert for alert in alerts if not fault_of(alert)] if faults else alerts
        await self._gatherer.hand_over(sound)
        if faults:
            raise InvalidInputError("; ".join(faults))

    async def change(self, decide: Callable[[Book, int], Step]) -> None:
        """Take a step that somebody asked for (an acknowledgement, say): decided, committed and held under the lock.

        Args:
            decide: given what is known and the time; changes nothing, and may raise to refuse.

        Raises:
            UnavailableError: the store cannot write; nothing was done.
        """
        async with self._changing:
            await self._mind_the_clock()
            now_ns = self._clock.now_ns()
            await self._commit(decide(self._book, now_ns), [], now_ns=now_ns)
        self._wake.set()

    def ask(self, question: Callable[[Book, int], T]) -> T:
        """What the answer to this is, given what is known and the time. It changes nothing."""
        return question(self._book, self._clock.now_ns())

    def alerts(self) -> Sequence[AlertStatus]:
        """Firing and lately resolved alerts: firing ones first, then the most severe, then the newest."""
        return self._book.statuses(now_ns=self._clock.now_ns())

    def suppressed(self) -> tuple[int, int]:
        """How many alerts fire, and how many of these are silenced or inhibited."""
        return self._book.suppressed(now_ns=self._clock.now_ns())

    def groups(self) -> Sequence[AlertGroupStatus]:
        """Which alerts are told together, to whom; in no order."""
        return self._book.group_statuses(now_ns=self._clock.now_ns())

    async def notifications(
        self, *, limit: int = 100, cursor: str = "", receiver: str = "", status: DeliveryStatus | None = None
    ) -> JournalPage:
        """The journal, newest first; see `read_journal`."""
        return await read_journal(self._documents, limit=limit, cursor=cursor, receiver=receiver, status=status)

    def health(self) -> Sequence[ComponentHealth]:
        """Whether groups can be looked at and decisions be stored."""
        if self._trouble:
            advice = "see the store's health; critical alerts are told from memory, all others once it can write"
            return (ComponentHealth("alerting", "alerting", HealthStatus.UNHEALTHY, self._trouble, advice),)
        firing = self._count()["firing"]
        message = f"firing: {firing}, groups: {len(self._book.groups)}"
        return (ComponentHealth("alerting", "alerting", HealthStatus.HEALTHY, message),)

    # --- in -----------------------------------------------------------------------------------------------------------

    async def _take(self, posts: Sequence[Post]) -> Sequence[Exception | None]:
        async with self._changing:
            await self._mind_the_clock()
            now_ns, held = self._clock.now_ns(), self._book.alerts
            timeout_ns = int(self._options.resolve_timeout_s * NS_PER_S)
            taken = take_over(held, (post.alerts for post in posts), now_ns=now_ns, resolve_timeout_ns=timeout_ns)
            overruled = await self._store(taken.news, now_ns=now_ns)
            for alert in taken.alerts.values():
                if alert.fingerprint not in overruled:
                    self._book.put(alert, now_ns=now_ns)
            self._tally.received(taken.alerts.values(), now_ns=now_ns)
        self._tally.refused.inc(sum(len(post.alerts) for post, no in zip(posts, taken.faults, strict=True) if no))
        self._wake.set()
        return taken.faults

    async def _store(self, news: Mapping[str, HeldAlert], *, now_ns: int) -> frozenset[str]:
        """Make news durable. Gives the alerts on which a follower has the last word.

        Raises:
            UnavailableError: the store cannot write; critical alerts are held, and told, all the same.
        """
        if not news and not self._unsaved:
            return frozenset()
        step = self._heard(news.values(), now_ns=now_ns)
        try:
            # Answer after the commit, so that whoever handed an alert over may forget it.
            await self._commit(step, [put_alert(alert) for alert in news.values()], now_ns=now_ns)
        except UnavailableError:
            urgent = [alert for alert in news.values() if is_urgent(alert, now_ns=now_ns)]
            if urgent:
                step = self._heard(urgent, now_ns=now_ns)
                self._do_without_store(replace(step, alerts=[*urgent, *step.alerts]), [], now_ns=now_ns)
                self._wake.set()
            raise
        # What a follower says stands: somebody ended by hand what its sender goes on telling of, perhaps.
        return frozenset(alert.fingerprint for alert in step.alerts)

    def _heard(self, news: Iterable[HeldAlert], *, now_ns: int) -> Step:
        heard = [Heard(self._book.alerts.get(alert.fingerprint), alert) for alert in news]
        return self._followers.on_heard(self._book, heard, now_ns=now_ns) if heard else NO_STEP

    # --- out ----------------------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            try:
                await self._step()
                await self._tidy()
                self._trouble = ""
            except UnavailableError as error:
                self._trouble = f"the store cannot write: {error}"
                log.warning("alerting_deferred", detail=str(error), retry_after_s=error.retry_after_s)
            except Exception:
                # Whatever breaks, alerts must go on being told; the groups concerned were postponed.
                self._trouble = "a look at the groups broke, see the log"
                log.exception("alerting_broke")
            now_ns = self._clock.now_ns()
            times = [at_ns for at_ns in (self._book.next_ns(), self._followers.next_ns()) if at_ns is not None]
            longest_s = RETRY_AFTER_S if self._unsaved else SLEEP_S_MAX
            wait_s = min([longest_s, *((at_ns - now_ns) / NS_PER_S for at_ns in times)])
            await wait_for(self._wake, clock=self._clock, timeout_s=wait_s)

    async def _step(self) -> None:
        """Look at the groups that are due, and let the followers do what is due."""
        async with self._changing:
            await self._mind_the_clock()
            now_ns, began = self._clock.now_ns(), time.perf_counter()
            due = self._book.due(now_ns=now_ns, limit=GROUPS_PER_COMMIT_MAX)
            next_ns = self._followers.next_ns()
            if not due and (next_ns is None or next_ns > now_ns) and not self._unsaved:
                return
            looks = [self._look(group, now_ns=now_ns) for group in due]
            try:
                step = self._step_of(looks, now_ns=now_ns)
                await self._commit(step, changes_of(self._book, looks), now_ns=now_ns, looks=looks)
            except UnavailableError as error:
                told = self._tell_urgent(looks, now_ns=now_ns)
                self._postpone(
                    [group for group in due if group.id not in told], now_ns=now_ns, by_s=error.retry_after_s
                )
                raise
            except BaseException:
                self._postpone(due, now_ns=now_ns, by_s=RETRY_AFTER_S)
                raise
            self._tally.looked(step.notifications, groups=len(due), seconds=time.perf_counter() - began)

    def _look(self, group: Group, *, now_ns: int) -> Look:
        return look_at(self._book, group, ids=self._ids, external_url=self._options.external_url, now_ns=now_ns)

    def _step_of(self, looks: Sequence[Look], *, now_ns: int) -> Step:
        own = Step(notifications=[one for look in looks for one in look.notifications])
        asked = [self._followers.on_looked(self._book, looks, now_ns=now_ns)] if looks else []
        return together([own, *asked, self._followers.on_due(self._book, now_ns=now_ns)])

    async def _commit(self, step: Step, changes: Sequence[Change], *, now_ns: int, looks: Sequence[Look] = ()) -> None:
        """Make a step durable, then hold it. Under the lock."""
        everything = [*self._unsaved.changes(), *changes, *_changes_of(step)]
        if step.notifications:
            everything.extend(self._outbox.changes_for(step.notifications))
        if everything:
            # One commit for who was told and for what is to be sent: neither exists without the other.
            await self._documents.commit(everything)
            self._unsaved.stored()
        self._hold(step, looks, now_ns=now_ns)
        self._outbox.committed(step.notifications)

    def _hold(self, step: Step, looks: Sequence[Look], *, now_ns: int) -> None:
        for look in looks:
            self._book.apply(look.group, look.decision, look.timing)
        for alert in step.alerts:
            self._book.put(alert, now_ns=now_ns)
        step.hold()

    def _tell_urgent(self, looks: Sequence[Look], *, now_ns: int) -> frozenset[str]:
        """The store cannot write: groups with critical alerts are told from memory. Gives their ids."""
        urgent = [look for look in looks if is_urgent_look(look)]
        step = self._step_of(urgent, now_ns=now_ns)
        if step.notifications:
            self._do_without_store(step, urgent, now_ns=now_ns)
        return frozenset(look.group.id for look in urgent)

    def _do_without_store(self, step: Step, looks: Sequence[Look], *, now_ns: int) -> None:
        """Hold a step that is stored later, with the next commit that succeeds."""
        self._unsaved.hold([*changes_of(self._book, looks), *_changes_of(step)])
        self._hold(step, looks, now_ns=now_ns)
        self._outbox.undurable(step.notifications)
        log.error("told_from_memory", notifications=len(step.notifications), unsaved=len(self._unsaved))

    async def _mind_the_clock(self) -> None:
        """Where the wall clock was set, keep the length of what is waited for. Under the lock, before all else."""
        by_ns, now_ns = self._wall.moved_ns(), self._clock.now_ns()
        if not by_ns:
            return
        log.warning("clock_was_set", by_s=round(by_ns / NS_PER_S, 3))
        step = self._followers.on_clock_set(by_ns=by_ns, now_ns=now_ns)
        self._book.move(by_ns=by_ns, now_ns=now_ns)
        step.hold()
        changes: list[Change] = [*step.changes]
        changes.extend(put_alert(alert) for alert in self._book.alerts.values() if alert.is_firing(now_ns))
        changes.extend(put_group(group, group.timing, group.told) for group in self._book.groups.values() if group.told)
        try:
            await self._documents.commit(changes)
        except UnavailableError as error:
            # Only a restart before these are written again would see the old times.
            log.warning("clock_change_not_stored", detail=str(error))

    def _postpone(self, groups: Sequence[Group], *, now_ns: int, by_s: float) -> None:
        until_ns = now_ns + int(max(by_s, RETRY_AFTER_S) * NS_PER_S)
        for group in groups:
            group.timing = group.timing.postponed(until_ns=until_ns)
            self._book.schedule(group)
        self._followers.pause(until_ns=until_ns)

    async def _tidy(self) -> None:
        """Forget, once a minute, what ended long ago."""
        if self._clock.monotonic_ns() - self._tidied_ns < TIDY_EVERY_S * NS_PER_S:
            return
        self._tidied_ns = self._clock.monotonic_ns()
        async with self._changing:
            old = self._book.old(now_ns=self._clock.now_ns())
            if old:
                await self._documents.commit([Delete(KIND_ALERT, fingerprint) for fingerprint in old])
                self._book.forget(old)
        await self.silences.prune()

    async def _delete_groups(self, ids: Sequence[str]) -> None:
        if ids:
            await self._documents.commit([Delete(KIND_GROUP, identity) for identity in ids])

    def _count(self) -> Mapping[str, int]:
        now_ns = self._clock.now_ns()
        if not 0 <= now_ns - self._counted_ns < COUNTED_FOR_S * NS_PER_S:
            self._counts, self._counted_ns = self._book.counts(now_ns=now_ns), now_ns
        return self._counts


def _changes_of(step: Step) -> list[Change]:
    return [*step.changes, *(put_alert(alert) for alert in step.alerts)]
