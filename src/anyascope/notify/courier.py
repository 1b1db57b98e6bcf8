"""Sends what stands in the outbox, each integration in its own lane, until the far end has it or time is up."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random

import structlog
from prometheus_client import CollectorRegistry

from anyascope.clock import NS_PER_MS, NS_PER_S, Clock, wait_for
from anyascope.errors import UnavailableError
from anyascope.model.documents import Change, Delete, Put
from anyascope.model.notifications import Attempt, AttemptOutcome, DeliveryStatus, JournalEntry, Notification
from anyascope.notify.channel import Channel, Outcome
from anyascope.notify.lane import Item, Lane, item_of, new_entry, with_attempt
from anyascope.notify.patience import CourierOptions, delay_s
from anyascope.notify.tally import Tally
from anyascope.ports import ComponentHealth, HealthStatus
from anyascope.store.api.documents import DocumentStore, every_document
from anyascope.wire.notification_documents import (
    KIND_JOURNAL,
    KIND_OUTBOX,
    journal_body,
    journal_entry_of,
    notification_body,
    notification_of,
)

log = structlog.get_logger("anyascope.notify")

BODIES_RECOVERED_MAX = 1_000  # notifications kept whole in memory at start; the rest is read when its turn comes
PRUNE_EVERY_S = 3600.0
PRUNED_PER_COMMIT_MAX = 500  # one commit blocks the store for some milliseconds, not for a second
SLEEP_S_MAX = 60.0  # a wall clock that was set is noticed within a minute
DRAIN_S = 5.0  # of the 10 s in which the whole server stops
RECORD_RETRY_S_MIN = 0.1  # a store that cannot write says when to come back; never a busy loop
LATE_S = 300.0  # from this age on a notification that is not through makes its channel unhealthy


@dataclass(slots=True)
class _Route:
    """A lane with its channel and what runs in it."""

    key: str
    channel: Channel | None
    queue: Lane = field(default_factory=Lane)
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    runner: asyncio.Task[None] | None = None
    attempts: set[asyncio.Task[None]] = field(default_factory=set)
    trouble: str = ""  # how the last attempt failed; empty after one that went well
    since_ns: int = 0


class Courier:
    """Behind the `Outbox` port. Start it before `alerting`, so that what a crash left over goes out first.

    Args:
        documents: holds outbox and journal.
        channels: by integration key, such as `team/webhook/0`.
        options: its patience.
        clock: time.
        random: spreads the retries.
        registry: for the counters.
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
    ) -> None:
        self._documents = documents
        self._options = options
        self._clock = clock
        self._random = random
        self._routes = {key: _Route(key, channel) for key, channel in channels.items()}
        self._known: set[str] = set()  # ids that are in a lane
        self._is_running = False
        self._pruner: asyncio.Task[None] | None = None
        self._closing: set[asyncio.Task[None]] = set()
        self._tally = Tally(registry, depth=lambda: len(self._known), oldest_s=self._oldest_s)

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

    # --- life ---------------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Take up what the outbox holds, then send.

        Raises:
            UnavailableError: the store cannot be read.
        """
        recovered = 0
        async for document in every_document(self._documents, KIND_OUTBOX):
            if document.key in self._known:
                continue
            notification = notification_of(document)
            journal = await self._documents.get(KIND_JOURNAL, document.key)
            item = item_of(notification, journal_entry_of(journal) if journal is not None else None)
            if recovered >= BODIES_RECOVERED_MAX:
                item.notification = None
            self._enqueue(item)
            recovered += 1
        if recovered:
            log.warning("outbox_recovered", notifications=recovered)
        self._is_running = True
        for route in self._routes.values():
            self._run_route(route)
        self._pruner = asyncio.create_task(self._prune_regularly())

    async def drain(self, *, timeout_s: float = DRAIN_S) -> None:
        """Finish the attempts under way, within `timeout_s`, and stop. The rest stays in the outbox."""
        self._is_running = False
        runners = [route.runner for route in self._routes.values() if route.runner is not None]
        if self._pruner is not None:
            runners.append(self._pruner)
        for runner in runners:
            runner.cancel()
        attempts = [attempt for route in self._routes.values() for attempt in route.attempts]
        if attempts:
            await asyncio.wait(attempts, timeout=timeout_s)
        for attempt in attempts:
            attempt.cancel()
        await asyncio.gather(*runners, *attempts, *self._closing, return_exceptions=True)
        for route in self._routes.values():
            await _close(route.channel)

    async def reload(self, channels: Mapping[str, Channel]) -> None:
        """Use these channels from now on; what waits is tried at once, since the fault may be mended."""
        old = [route.channel for route in self._routes.values()]
        under_way = [attempt for route in self._routes.values() for attempt in route.attempts]
        for key in channels.keys() | self._routes.keys():
            route = self._routes.setdefault(key, _Route(key, None))
            route.channel, route.trouble = channels.get(key), ""
            route.queue.hurry(now_ns=self._clock.now_ns())
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

    def health(self) -> Sequence[ComponentHealth]:
        """How each integration's channel is."""
        now_ns = self._clock.now_ns()
        return [_health_of(route, now_ns=now_ns) for route in self._routes.values() if route.channel is not None]

    # --- lanes --------------------------------------------------------------------------------------------------------

    def _enqueue(self, item: Item) -> None:
        self._known.add(item.id)
        key = item.entry.integration
        route = self._routes.get(key)
        if route is None:
            route = self._routes[key] = _Route(key, None)
            if self._is_running:
                self._run_route(route)
        route.queue.push(item, now_ns=self._clock.now_ns())
        route.wake.set()

    def _run_route(self, route: _Route) -> None:
        if route.runner is None:
            route.runner = asyncio.create_task(self._serve(route))

    async def _serve(self, route: _Route) -> None:
        while True:
            route.wake.clear()
            now_ns = self._clock.now_ns()
            while route.queue.in_flight < self._options.lane_parallel:
                item = route.queue.pop(now_ns=now_ns)
                if item is None:
                    break
                attempt = asyncio.create_task(self._attempt(route, item))
                route.attempts.add(attempt)
                attempt.add_done_callback(route.attempts.discard)
            next_ns = route.queue.next_ns()
            if next_ns is None or route.queue.in_flight >= self._options.lane_parallel:
                await route.wake.wait()
            else:
                wait_s = min((next_ns - now_ns) / NS_PER_S, SLEEP_S_MAX)
                await wait_for(route.wake, clock=self._clock, timeout_s=wait_s)

    async def _attempt(self, route: _Route, item: Item) -> None:
        started_ns, began_ns = self._clock.now_ns(), self._clock.monotonic_ns()
        outcome = await self._send(route, item)
        took_ms = (self._clock.monotonic_ns() - began_ns) // NS_PER_MS
        attempt = Attempt(started_ns, outcome.kind, outcome.detail, duration_ms=took_ms)
        self._tally.attempted(item.entry.channel, outcome.kind, seconds=took_ms / 1000)
        await self._conclude(route, item, outcome, attempt)
        route.wake.set()

    async def _send(self, route: _Route, item: Item) -> Outcome:
        if route.channel is None:
            return Outcome(AttemptOutcome.FAILED, f"receiver {item.entry.receiver} has no such channel any longer")
        try:
            if item.notification is None:
                document = await self._documents.get(KIND_OUTBOX, item.id)
                if document is None:
                    return Outcome(AttemptOutcome.FAILED, "it is no longer in the outbox")
                item.notification = notification_of(document)
            async with asyncio.timeout(self._options.attempt_timeout_s):
                return await route.channel.send(item.notification, done=frozenset(item.entry.parts_done))
        except TimeoutError:
            return Outcome(AttemptOutcome.RETRY, f"no answer within {self._options.attempt_timeout_s:g} s")
        except UnavailableError as error:
            return Outcome(AttemptOutcome.RETRY, str(error), retry_after_s=error.retry_after_s)
        except Exception as error:  # whatever a channel's code does, the page is tried again
            log.exception("channel_broke", channel=item.entry.channel, notification=item.id)
            return Outcome(AttemptOutcome.RETRY, f"the channel broke: {type(error).__name__}")

    async def _conclude(self, route: _Route, item: Item, outcome: Outcome, attempt: Attempt) -> None:
        now_ns = self._clock.now_ns()
        status = self._status_after(item, outcome, now_ns=now_ns)
        item.entry = with_attempt(item.entry, attempt, status=status, parts_done=outcome.parts_done)
        changes: list[Change] = [Put(KIND_JOURNAL, item.id, journal_body(item.entry))]
        if status is not DeliveryStatus.QUEUED:
            changes.append(Delete(KIND_OUTBOX, item.id))
        # The record comes before everything else: a send that is not on record is done again after a crash.
        await self._record(changes)
        trouble = "" if outcome.kind is AttemptOutcome.OK else outcome.detail
        if bool(trouble) != bool(route.trouble):
            route.since_ns = now_ns
        route.trouble = trouble
        if status is not DeliveryStatus.QUEUED:
            self._known.discard(item.id)
            route.queue.settle(item, now_ns=now_ns)
            self._tell_end(item.entry, outcome)
        elif outcome.kind is AttemptOutcome.OK:
            item.failures = 0
            route.queue.retry(item, at_ns=now_ns)
        else:
            self._defer(route, item, outcome, now_ns=now_ns)

    async def _record(self, changes: Sequence[Change]) -> None:
        while True:
            try:
                await self._documents.commit(changes)
            except UnavailableError as error:
                # The send has happened: doing it again because its record failed would page twice. Wait for the store.
                log.warning("record_deferred", retry_after_s=error.retry_after_s)
                await self._clock.sleep(max(error.retry_after_s, RECORD_RETRY_S_MIN))
            else:
                return

    def _status_after(self, item: Item, outcome: Outcome, *, now_ns: int) -> DeliveryStatus:
        match outcome.kind:
            case AttemptOutcome.OK:
                return DeliveryStatus.QUEUED if outcome.is_more else DeliveryStatus.SENT
            case AttemptOutcome.FAILED:
                return DeliveryStatus.FAILED
            case AttemptOutcome.RETRY:
                is_old = now_ns - item.entry.at_ns >= self._options.give_up_s * NS_PER_S
                return DeliveryStatus.FAILED if is_old else DeliveryStatus.QUEUED

    def _defer(self, route: _Route, item: Item, outcome: Outcome, *, now_ns: int) -> None:
        item.failures += 1
        item.notification = None
        wait_s = delay_s(
            self._options, failures=item.failures, retry_after_s=outcome.retry_after_s, random=self._random
        )
        at_ns = now_ns + int(wait_s * NS_PER_S)
        if outcome.retry_after_s > 0:
            # It was not this message that was unwelcome but the pace: leave the far end alone altogether.
            route.queue.hold_ns = max(route.queue.hold_ns, at_ns)
        route.queue.retry(item, at_ns=at_ns)
        log.warning(
            "send_deferred",
            integration=route.key,
            notification=item.id,
            attempt=item.entry.attempts_made,
            retry_after_s=round(wait_s, 3),
            detail=outcome.detail,
        )

    def _tell_end(self, entry: JournalEntry, outcome: Outcome) -> None:
        self._tally.ended(entry.channel, entry.status, age_s=(self._clock.now_ns() - entry.at_ns) / NS_PER_S)
        keys = {"integration": entry.integration, "notification": entry.id, "attempts": entry.attempts_made}
        if entry.status is DeliveryStatus.SENT:
            log.info("notification_sent", **keys)
        else:
            log.error("notification_failed", **keys, detail=outcome.detail)

    def _oldest_s(self) -> float:
        made = [oldest for route in self._routes.values() if (oldest := route.queue.oldest_ns()) is not None]
        return (self._clock.now_ns() - min(made)) / NS_PER_S if made else 0.0

    # --- the journal's age --------------------------------------------------------------------------------------------

    async def _prune_regularly(self) -> None:
        while True:
            try:
                await self._prune()
            except UnavailableError as error:
                log.warning("journal_prune_deferred", detail=str(error))
            await self._clock.sleep(PRUNE_EVERY_S)

    async def _prune(self) -> None:
        oldest_ns = self._clock.now_ns() - int(self._options.journal_s * NS_PER_S)
        pruned: list[Change] = []
        async for document in every_document(self._documents, KIND_JOURNAL):
            # Keys sort by time, so the first young entry ends the search.
            entry = journal_entry_of(document)
            if entry.at_ns >= oldest_ns:
                break
            if entry.status is not DeliveryStatus.QUEUED:
                pruned.append(Delete(KIND_JOURNAL, entry.id))
        for start in range(0, len(pruned), PRUNED_PER_COMMIT_MAX):
            await self._documents.commit(pruned[start : start + PRUNED_PER_COMMIT_MAX])


async def _close(channel: Channel | None) -> None:
    if channel is None:
        return
    try:
        await channel.close()
    except Exception:  # a connection that cannot be closed must not keep the server from stopping
        log.warning("channel_not_closed", exc_info=True)


def _health_of(route: _Route, *, now_ns: int) -> ComponentHealth:
    oldest_ns = route.queue.oldest_ns()
    is_late = oldest_ns is not None and now_ns - oldest_ns > LATE_S * NS_PER_S
    if not route.trouble and not is_late:
        return ComponentHealth(route.key, "notify", HealthStatus.HEALTHY, since_ns=route.since_ns)
    return ComponentHealth(
        component=route.key,
        kind="notify",
        status=HealthStatus.UNHEALTHY if is_late else HealthStatus.DEGRADED,
        message=f"waiting: {len(route.queue)}; the last attempt: {route.trouble or 'under way'}",
        advice="see the attempts in the notification journal; mend the receiver's settings or the far end, then reload",
        since_ns=route.since_ns,
    )
