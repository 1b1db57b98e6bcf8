"""Sends what stands in the outbox, each integration in its own lane, until the far end has it or time is up."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from random import Random

import structlog
from prometheus_client import CollectorRegistry

from anyascope.clock import NS_PER_MS, NS_PER_S, Clock, wait_for
from anyascope.errors import UnavailableError
from anyascope.model.documents import Change, Delete, Put
from anyascope.model.notifications import (
    Attempt,
    AttemptOutcome,
    ChannelReport,
    DeliveryStatus,
    JournalEntry,
    Notification,
)
from anyascope.notify.breaker import Breaker
from anyascope.notify.channel import Channel, Outcome
from anyascope.notify.dead import DeadLetters
from anyascope.notify.door import Door
from anyascope.notify.lane import Item, item_of, new_entry, with_attempt
from anyascope.notify.leftovers import Leftovers
from anyascope.notify.pace import Pace
from anyascope.notify.patience import CourierOptions, delay_s, probe_delay_s
from anyascope.notify.receipts import Receipts
from anyascope.notify.records import Records
from anyascope.notify.relief import Relief
from anyascope.notify.remarks import with_remark
from anyascope.notify.route import Route
from anyascope.notify.tally import Tally
from anyascope.ports import ComponentHealth, HealthStatus
from anyascope.store.api.documents import DocumentStore
from anyascope.wire.notification_documents import (
    KIND_DEAD,
    KIND_JOURNAL,
    KIND_OUTBOX,
    journal_body,
    journal_entry_of,
    notification_body,
    notification_of,
)

log = structlog.get_logger("anyascope.notify")

SLEEP_S_MAX = 60.0  # a wall clock that was set is noticed within a minute
DRAIN_S = 5.0  # of the 10 s in which the whole server stops
ARRIVED = Outcome(AttemptOutcome.OK, "it had arrived when the server was killed")
BROKEN_RETRY_S = 10.0  # after a fault of ours, which will hardly be gone sooner
FROM_MEMORY = "Sent from memory: the server cannot write its journal now (see its health)."


class Courier:
    """Behind the `Outbox` port. Start it before `alerting`, so that what a crash left over goes out first.

    Waits and ages go by the clock that is not set; what is written down has the time of day.

    Args:
        documents: holds outbox and journal.
        channels: by integration key, such as `team/webhook/0`.
        options: its patience.
        clock: time.
        random: spreads the retries.
        registry: for the counters.
        receipts: notes at once what far ends have taken; without a directory nowhere.
    """

    def __init__(
        self,
        documents: DocumentStore,
        channels: Mapping[str, Channel],
        *,
        options: CourierOptions,
        clock: Clock,
        random: Random,
        registry: CollectorRegistry,
        receipts: Receipts | None = None,
    ) -> None:
        self._receipts = receipts or Receipts(None)
        self._door = Door(clock)
        self._options = options
        self._clock = clock
        self._random = random
        self._routes: dict[str, Route] = {}
        self._known: set[str] = set()  # ids that are in a lane
        self._is_running = False
        self._closing: set[asyncio.Task[None]] = set()
        self._tally = Tally(
            registry,
            depth=lambda: len(self._known),
            oldest_s=self._oldest_s,
            held=lambda: len(self._records),
            channels=self.channels,
        )
        self._records = Records(documents, clock=clock, tally=self._tally)
        self._relief = Relief(self._records, clock=clock, tally=self._tally)
        self._leftovers = Leftovers(documents, self._records, clock=clock, receipts=self._receipts)
        self._dead = DeadLetters(documents, self._records, clock=clock)
        for key, channel in channels.items():
            self._routes[key] = self._route(key, channel)

    # --- the port -----------------------------------------------------------------------------------------------------

    def changes_for(self, notifications: Sequence[Notification]) -> Sequence[Change]:
        """What makes these durable: an outbox and a journal document each."""
        changes: list[Change] = []
        for notification in notifications:
            changes.append(Put(KIND_OUTBOX, notification.id, notification_body(notification)))
            changes.append(Put(KIND_JOURNAL, notification.id, journal_body(new_entry(notification))))
        return changes

    def committed(self, notifications: Sequence[Notification]) -> None:
        """They are durable: send them."""
        for notification in notifications:
            self._enqueue(item_of(notification))

    def undurable(self, notifications: Sequence[Notification]) -> None:
        """The store cannot write: send them from memory, and make them durable once it can."""
        self._records.hold(self.changes_for(notifications))
        self.committed(notifications)

    # --- life ---------------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Take up what the outbox holds, then send.

        Raises:
            UnavailableError: the store cannot be read.
        """
        await self._relief.load()
        for key, count in (await self._dead.load()).items():
            self._routes.setdefault(key, self._route(key, None)).dead = count
        async for item in self._leftovers.take_up():
            if item.id not in self._known:
                self._enqueue(item)
        self._is_running = True
        for route in self._routes.values():
            self._run_route(route)
        self._leftovers.start_pruning(lambda: self._options.journal_s)

    async def drain(self, *, timeout_s: float = DRAIN_S) -> None:
        """Finish the attempts under way, within `timeout_s`, and stop. The rest stays in the outbox."""
        self._is_running = False
        runners = [route.runner for route in self._routes.values() if route.runner is not None]
        for runner in runners:
            runner.cancel()
        attempts = [attempt for route in self._routes.values() for attempt in route.attempts]
        cut: set[asyncio.Task[None]] = set()
        if attempts:
            _, cut = await asyncio.wait(attempts, timeout=timeout_s)
        for attempt in cut:
            attempt.cancel()
        await asyncio.gather(*runners, *attempts, *self._closing, return_exceptions=True)
        await self._leftovers.stop(is_clean=not cut)
        await self._records.close()
        self._receipts.close()
        for route in self._routes.values():
            await _close(route.channel)

    async def reload(self, channels: Mapping[str, Channel], *, options: CourierOptions | None = None) -> None:
        """Use these channels from now on; what waits is tried at once, since the fault may be mended."""
        self._options = options or self._options
        old = [route.channel for route in self._routes.values()]
        under_way = [attempt for route in self._routes.values() for attempt in route.attempts]
        for key in channels.keys() | self._routes.keys():
            route = self._routes.setdefault(key, self._route(key, None))
            route.channel, route.trouble, route.asked_ns = channels.get(key), "", 0
            route.breaker, route.pace = self._breaker(), Pace(self._options.rates.get(key))
            route.lane.hurry(now_ns=self._clock.monotonic_ns())
            route.fresh = route.lane.items()
            if self._is_running:
                self._run_route(route)
            route.wake.set()
        closing = asyncio.create_task(self._retire(old, under_way))
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)

    async def _retire(self, channels: Sequence[Channel | None], attempts: Sequence[asyncio.Task[None]]) -> None:
        # A connection that is cut under way would be tried again, and the far end be told twice.
        await asyncio.gather(*attempts, return_exceptions=True)
        for channel in channels:
            await _close(channel)

    # --- what people ask ----------------------------------------------------------------------------------------------

    def health(self) -> Sequence[ComponentHealth]:
        """How each integration's channel is, and whether the journal can be written."""
        now_ns = self._clock.now_ns()
        found = [route.health(now_ns=now_ns) for route in self._routes.values() if route.channel is not None]
        if self._records.behind_since_ns:
            found.append(
                ComponentHealth(
                    component="notification journal",
                    kind="notify",
                    status=HealthStatus.UNHEALTHY,
                    message=f"sending goes on from memory, {len(self._records)} records wait: {self._records.fault}",
                    advice="free some disk; what waits is written as soon as that is possible, and lost by a crash before",
                    since_ns=self._records.behind_since_ns,
                )
            )
        return found

    def channels(self) -> Sequence[ChannelReport]:
        """Every integration, by key; one that the settings no longer have only while something is left of it."""
        return [
            self._routes[key].report()
            for key in sorted(self._routes)
            if self._routes[key].channel is not None or len(self._routes[key].lane) or self._routes[key].dead
        ]

    async def entry(self, identity: str) -> JournalEntry | None:
        """What the journal says of a notification; None where it does not know it.

        Raises:
            UnavailableError: the store cannot be read.
        """
        document = await self._records.read(KIND_JOURNAL, identity)
        return journal_entry_of(document) if document is not None else None

    async def replay(self, identity: str, *, by: str) -> JournalEntry:
        """Send a dead letter again, under its old id, so that a far end which has it after all can tell.

        Raises:
            NotFoundError: the journal has no such notification.
            ConflictError: it did not fail, was told by another, or is no longer held whole.
            UnavailableError: the store cannot be used now.
        """
        notification, entry = await self._dead.revive(identity, by=by)
        self._routes[entry.integration].dead -= 1
        self._enqueue(item_of(notification, entry))
        log.info("notification_replayed", notification=identity, by=by)
        return entry

    # --- lanes --------------------------------------------------------------------------------------------------------

    def _breaker(self) -> Breaker:
        return Breaker(self._options.breaker_failures)

    def _route(self, key: str, channel: Channel | None) -> Route:
        return Route(key, channel, self._breaker(), Pace(self._options.rates.get(key)))

    def _enqueue(self, item: Item) -> None:
        self._known.add(item.id)
        key = item.entry.integration
        route = self._routes.get(key)
        if route is None:
            route = self._routes[key] = self._route(key, None)
            if self._is_running:
                self._run_route(route)
        now_ns = self._clock.monotonic_ns()
        # What was left over has its age; from now on only time that goes by counts, whatever the wall clock does.
        item.since_ns = now_ns - max(self._clock.now_ns() - item.entry.queued_ns, 0)
        route.lane.push(item, now_ns=now_ns)
        route.fresh.append(item)
        route.wake.set()

    def _run_route(self, route: Route) -> None:
        if route.runner is None:
            route.runner = asyncio.create_task(self._serve(route))

    async def _serve(self, route: Route) -> None:
        while True:
            route.wake.clear()
            await self._relieve(route)
            now_ns = self._clock.monotonic_ns()
            while route.lane.in_flight < route.parallel(self._options) and route.hold_ns() <= now_ns:
                item = route.lane.pop(now_ns=now_ns)
                if item is None:
                    break
                route.pace = route.pace.sent(now_ns=now_ns)
                attempt = asyncio.create_task(self._attempt(route, item))
                route.attempts.add(attempt)
                attempt.add_done_callback(route.attempts.discard)
            next_ns = route.lane.next_ns()
            if next_ns is None or route.lane.in_flight >= route.parallel(self._options):
                await route.wake.wait()
            else:
                wait_s = min((max(next_ns, route.hold_ns()) - now_ns) / NS_PER_S, SLEEP_S_MAX)
                await wait_for(route.wake, clock=self._clock, timeout_s=wait_s)

    async def _relieve(self, route: Route) -> None:
        """A lane that stands still tells the fallbacks, and one that overflows is merged."""
        try:
            change = await self._relief.merge(route, self._options)
            self._known = self._known - change.merged | change.summaries if change.merged else self._known
            for copy in await self._relief.copies(route, self._options):
                self._enqueue(item_of(copy))
        except UnavailableError as error:
            log.warning("relief_deferred", integration=route.key, detail=str(error))
        except Exception:  # a lane must not stand still, whatever broke
            log.exception("relief_broke", integration=route.key)

    async def _attempt(self, route: Route, item: Item) -> None:
        if item.is_doubtful:
            item.is_doubtful = False
            self._tally.doubtful.labels(item.entry.channel).inc()
        async with self._door.passage(route.key):
            # Waiting at the door is no part of the attempt: its duration is what the far end took.
            started_ns, began_ns = self._clock.now_ns(), self._clock.monotonic_ns()
            outcome = ARRIVED if item.is_taken else await self._send(route, item)
            took_ms = (self._clock.monotonic_ns() - began_ns) // NS_PER_MS
        attempt = Attempt(started_ns, outcome.kind, outcome.detail, duration_ms=took_ms)
        self._tally.attempted(item.entry.channel, outcome.kind, seconds=took_ms / 1000)
        try:
            await self._conclude(route, item, outcome, attempt)
        except Exception:  # a lane must not stand still, whatever broke
            log.exception("conclusion_broke", integration=route.key, notification=item.id)
            if item.is_under_way:
                route.lane.retry(item, at_ns=self._clock.monotonic_ns() + int(BROKEN_RETRY_S * NS_PER_S))
        route.wake.set()

    async def _send(self, route: Route, item: Item) -> Outcome:
        try:
            # Read before anything else: what fails for want of a channel is kept whole, for whoever sends it again.
            notification = await self._whole(item)
            if notification is None:
                return Outcome(AttemptOutcome.FAILED, "it is no longer in the outbox")
            if route.channel is None:
                return Outcome(AttemptOutcome.FAILED, f"receiver {item.entry.receiver} has no such channel any longer")
            notification = with_remark(notification, FROM_MEMORY if self._records.behind_since_ns else "")
            async with asyncio.timeout(self._options.attempt_timeout_s):
                return await route.channel.send(notification, done=frozenset(item.entry.parts_done))
        except TimeoutError:
            return Outcome(AttemptOutcome.RETRY, f"no answer within {self._options.attempt_timeout_s:g} s")
        except UnavailableError as error:
            return Outcome(AttemptOutcome.RETRY, str(error), retry_after_s=error.retry_after_s)
        except Exception as error:  # whatever a channel's code does, the page is tried again
            log.exception("channel_broke", channel=item.entry.channel, notification=item.id)
            return Outcome(AttemptOutcome.RETRY, f"the channel broke: {type(error).__name__}")

    async def _whole(self, item: Item) -> Notification | None:
        if item.notification is None:
            document = await self._records.read(KIND_OUTBOX, item.id)
            item.notification = notification_of(document) if document is not None else None
        return item.notification

    async def _conclude(self, route: Route, item: Item, outcome: Outcome, attempt: Attempt) -> None:
        now_ns = self._clock.monotonic_ns()
        status = self._status_after(item, outcome, now_ns=now_ns)
        if status is DeliveryStatus.SENT:
            self._receipts.note(item.id)
        item.entry = with_attempt(item.entry, attempt, status=status, parts_done=outcome.parts_done)
        changes: list[Change] = []
        copies: Sequence[Notification] = ()
        if status is DeliveryStatus.FAILED and item.notification is not None:
            copies, changes = self._relief.copies_of(route, item, item.notification, self._options)
            changes.append(Put(KIND_DEAD, item.id, notification_body(item.notification)))
            route.dead += 1
        changes.append(Put(KIND_JOURNAL, item.id, journal_body(item.entry)))
        if status is not DeliveryStatus.QUEUED:
            changes.append(Delete(KIND_OUTBOX, item.id))
            changes.extend(await self._relief.endings(item))
        # The record comes before everything else: a send that is not on record is done again after a crash.
        await self._records.write(changes)
        for copy in copies:
            self._enqueue(item_of(copy))
        self._hear(route, outcome, now_ns=now_ns)
        if status is not DeliveryStatus.QUEUED:
            self._known.discard(item.id)
            route.lane.settle(item, now_ns=now_ns)
            self._tell_end(item.entry, outcome)
        elif outcome.kind is AttemptOutcome.OK:
            item.failures = 0
            route.lane.retry(item, at_ns=now_ns)
        else:
            self._defer(route, item, outcome, now_ns=now_ns)

    def _status_after(self, item: Item, outcome: Outcome, *, now_ns: int) -> DeliveryStatus:
        match outcome.kind:
            case AttemptOutcome.OK:
                return DeliveryStatus.QUEUED if outcome.is_more else DeliveryStatus.SENT
            case AttemptOutcome.FAILED:
                return DeliveryStatus.FAILED
            case AttemptOutcome.RETRY:
                is_old = now_ns - item.since_ns >= self._options.give_up_s * NS_PER_S
                return DeliveryStatus.FAILED if is_old else DeliveryStatus.QUEUED

    def _hear(self, route: Route, outcome: Outcome, *, now_ns: int) -> None:
        """What the attempt says of the far end: it is well, or down, or asks for a pause."""
        was_open = route.breaker.is_open
        if outcome.kind is AttemptOutcome.OK:
            breaker, trouble = route.breaker.succeeded(), ""
        else:
            breaker, trouble = route.breaker, outcome.detail
            if outcome.kind is AttemptOutcome.RETRY and not outcome.is_throttled:
                wait_s = probe_delay_s(
                    self._options,
                    failures=breaker.failures + 1,
                    retry_after_s=outcome.retry_after_s,
                    random=self._random,
                )
                breaker = breaker.failed(now_ns=now_ns, wait_s=wait_s)
            elif outcome.kind is AttemptOutcome.FAILED:
                breaker = breaker.succeeded()  # it answers: what it refused was this message
        route.heard(breaker, trouble=trouble, now_ns=self._clock.now_ns())
        if breaker.is_open and not was_open:
            route.fresh = route.lane.items()
            log.error("channel_down", integration=route.key, failures=breaker.failures, detail=outcome.detail)
        elif was_open and not breaker.is_open:
            route.lane.hurry(now_ns=now_ns)
            log.info("channel_back", integration=route.key, waiting=len(route.lane))

    def _defer(self, route: Route, item: Item, outcome: Outcome, *, now_ns: int) -> None:
        item.failures += 1
        item.notification = None
        wait_s = delay_s(
            self._options, failures=item.failures, retry_after_s=outcome.retry_after_s, random=self._random
        )
        at_ns = now_ns + int(wait_s * NS_PER_S)
        if outcome.retry_after_s > 0:
            # It was not this message that was unwelcome but the pace: leave the far end alone altogether.
            route.asked_ns = max(route.asked_ns, at_ns)
        # Of a far end that is down everything waits for the next probe, whichever notification that will be.
        route.lane.retry(item, at_ns=now_ns if route.breaker.is_open else at_ns)
        log.warning(
            "send_deferred",
            integration=route.key,
            notification=item.id,
            attempt=item.entry.attempts_made,
            retry_after_s=round(wait_s, 3),
            detail=outcome.detail,
        )

    def _tell_end(self, entry: JournalEntry, outcome: Outcome) -> None:
        age_s = (self._clock.now_ns() - entry.at_ns) / NS_PER_S
        self._tally.ended(
            entry.channel, entry.status, age_s=age_s, detail=outcome.detail, is_unanswered=outcome.is_unanswered
        )
        keys = {"integration": entry.integration, "notification": entry.id, "attempts": entry.attempts_made}
        if entry.status is DeliveryStatus.SENT:
            log.info("notification_sent", **keys)
        else:
            log.error("notification_failed", **keys, detail=outcome.detail)

    def _oldest_s(self) -> float:
        made = [oldest for route in self._routes.values() if (oldest := route.lane.oldest_ns()) is not None]
        return (self._clock.now_ns() - min(made)) / NS_PER_S if made else 0.0


async def _close(channel: Channel | None) -> None:
    if channel is None:
        return
    try:
        await channel.close()
    except Exception:  # a connection that cannot be closed must not keep the server from stopping
        log.warning("channel_not_closed", exc_info=True)
