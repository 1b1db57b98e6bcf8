"""What is done for a lane that does not keep up: fallbacks are told, and storms merged. Each step is one commit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import structlog

from anyascope.clock import Clock
from anyascope.errors import UnavailableError
from anyascope.model.documents import Change, Delete, Put
from anyascope.model.notifications import Notification
from anyascope.notify.fallback import KIND_DIVERSION, Diversion, copy_for, diversion_of, tells_an_end
from anyascope.notify.lane import Item, item_of, new_entry
from anyascope.notify.patience import CourierOptions
from anyascope.notify.records import Records
from anyascope.notify.route import Route
from anyascope.notify.storm import MERGED_KINDS, summaries_of
from anyascope.notify.tally import Tally
from anyascope.wire.notification_documents import (
    KIND_JOURNAL,
    KIND_OUTBOX,
    journal_body,
    journal_entry_of,
    notification_body,
    notification_of,
)

COPIED_AT_ONCE_MAX = 100  # of a lane of thousands; the rest at the next look, which follows at once

COPIES_NAMED_MAX = 20  # of a summary's entry; each merged one names its own

log = structlog.get_logger("anyascope.notify")


@dataclass(frozen=True, slots=True)
class Merged:
    """Ids of what was merged, and of the summaries that stand in its place."""

    merged: frozenset[str] = frozenset()
    summaries: frozenset[str] = frozenset()


NOTHING_MERGED: Final = Merged()


class Relief:
    """Decides with the lane, writes, and hands back what the courier must send."""

    def __init__(self, records: Records, *, clock: Clock, tally: Tally) -> None:
        self._records = records
        self._clock = clock
        self._tally = tally
        self._diverted: dict[str, Diversion] = {}

    async def load(self) -> None:
        """Read whose fallbacks must still be told of an end.

        Raises:
            UnavailableError: the store cannot be read.
        """
        async for document in self._records.every(KIND_DIVERSION):
            self._diverted[document.key] = diversion_of(document)

    # --- fallbacks ----------------------------------------------------------------------------------------------------

    async def copies(self, route: Route, options: CourierOptions) -> Sequence[Notification]:
        """What the fallbacks of this lane must be told now; it is durable.

        Raises:
            UnavailableError: a notification cannot be read.
        """
        looked, route.fresh = route.fresh, []
        if not looked or not options.fallbacks.get(route.key):
            return ()
        wanted = [item for item in looked if not item.entry.copies and self._is_diverted(route, item)]
        if len(wanted) > COPIED_AT_ONCE_MAX:
            route.fresh = wanted[COPIED_AT_ONCE_MAX:]
            route.wake.set()
        try:
            whole = [(item, await self._whole(item)) for item in wanted[:COPIED_AT_ONCE_MAX]]
        except UnavailableError:
            route.fresh = [*wanted[:COPIED_AT_ONCE_MAX], *route.fresh]
            raise
        copies: list[Notification] = []
        changes: list[Change] = []
        for item, notification in whole:
            if notification is None or item.entry.copies or not route.lane.has(item):
                continue  # it went through while it was read
            made, with_it = self.copies_of(route, item, notification, options)
            copies += made
            changes += [*with_it, Put(KIND_JOURNAL, item.id, journal_body(item.entry))]
        if changes:
            await self._records.write(changes)
            log.warning("fallback_told", integration=route.key, notifications=len(copies))
        return copies

    def copies_of(
        self, route: Route, item: Item, notification: Notification, options: CourierOptions
    ) -> tuple[list[Notification], list[Change]]:
        """The fallbacks' notifications for one, with all that makes them durable; the caller writes its own entry.

        None where there are no fallbacks, or they were told already.
        """
        targets = options.fallbacks.get(route.key, ())
        if not targets or item.entry.copies:
            return [], []
        copies = [copy_for(notification, target) for target in targets]
        item.entry = replace(item.entry, copies=tuple(copy.id for copy in copies))
        changes: list[Change] = []
        for copy in copies:
            changes.append(Put(KIND_OUTBOX, copy.id, notification_body(copy)))
            changes.append(Put(KIND_JOURNAL, copy.id, journal_body(new_entry(copy))))
        for group_key in notification.covers or (notification.group_key,):
            diversion = Diversion(route.key, group_key, self._clock.now_ns())
            if notification.is_firing:
                self._diverted[diversion.key] = diversion
                changes.append(Put(KIND_DIVERSION, diversion.key, diversion.body()))
            else:
                self._diverted.pop(diversion.key, None)
                changes.append(Delete(KIND_DIVERSION, diversion.key))
        self._tally.diverted.labels(route.kind).inc()
        return copies, changes

    def _is_diverted(self, route: Route, item: Item) -> bool:
        if route.breaker.is_open:
            return True
        # Those who were told of the beginning in this channel's place are told of the end too, once it is back.
        if not self._diverted or not tells_an_end(item.entry):
            return False
        return Diversion(route.key, item.entry.group_key, 0).key in self._diverted

    # --- storms -------------------------------------------------------------------------------------------------------

    async def merge(self, route: Route, options: CourierOptions) -> Merged:
        """Merge what waits where it is too much. The summaries stand in the lane in place of what they tell.

        Raises:
            UnavailableError: a notification cannot be read; nothing was merged.
        """
        limit = options.storm_waiting_max
        if not limit or route.kind not in MERGED_KINDS or route.lane.waiting <= limit:
            return NOTHING_MERGED
        taken = route.lane.take()
        try:
            return await self._merged(route, taken)
        except BaseException:
            # Whatever broke, what was taken goes back to its place: it is told one by one.
            for item in taken:
                route.lane.push(item, now_ns=self._clock.monotonic_ns())
            raise

    async def _merged(self, route: Route, taken: list[Item]) -> Merged:
        now_ns, mono_ns = self._clock.now_ns(), self._clock.monotonic_ns()
        whole = {item.id: notification for item in taken if (notification := await self._whole(item)) is not None}
        merged = [item for item in taken if item.id in whole] if len(whole) > 1 else []
        gone = frozenset(item.id for item in merged)
        summaries: list[Item] = []
        # What the fallbacks know already must not be told them again in a summary.
        for part in (
            [item for item in merged if item.entry.copies],
            [item for item in merged if not item.entry.copies],
        ):
            for summary in summaries_of([whole[item.id] for item in part], now_ns=now_ns):
                summaries.append(item_of(summary))
                summaries[-1].since_ns = min(item.since_ns for item in part)
                summaries[-1].entry = replace(summaries[-1].entry, copies=_copies(part))
        if merged:
            await self._records.write(_changes(merged, summaries))
            self._tally.merged.labels(route.kind).inc(len(merged))
            log.warning("storm_merged", integration=route.key, notifications=len(merged), summaries=len(summaries))
        for item in (*(item for item in taken if item.id not in gone), *summaries):
            route.lane.push(item, now_ns=mono_ns)
        route.fresh = [*(item for item in route.fresh if item.id not in gone), *summaries]
        return Merged(gone, frozenset(item.id for item in summaries))

    async def _whole(self, item: Item) -> Notification | None:
        if item.notification is None:
            document = await self._records.read(KIND_OUTBOX, item.id)
            item.notification = notification_of(document) if document is not None else None
        return item.notification

    async def endings(self, item: Item) -> Sequence[Change]:
        """What the end of a summary means for the entries of those that it told.

        Where they cannot be read now, they go on saying in which summary they were told, and that it is queued.
        """
        if not item.entry.merged:
            return ()
        changes: list[Change] = []
        try:
            summary = await self._whole(item)
            for identity in summary.merges if summary is not None else ():
                changes.extend(await self._ending(identity, item))
        except UnavailableError as error:
            log.warning("merged_entries_not_read", notification=item.id, detail=str(error))
        return changes

    async def _ending(self, identity: str, item: Item) -> Sequence[Change]:
        document = await self._records.read(KIND_JOURNAL, identity)
        if document is None:
            return ()  # the journal has forgotten it
        entry = replace(journal_entry_of(document), told_in=item.id, status=item.entry.status)
        return (Put(KIND_JOURNAL, identity, journal_body(entry)),)


def _copies(part: Sequence[Item]) -> tuple[str, ...]:
    every = dict.fromkeys(copy for item in part for copy in item.entry.copies)
    return tuple(every)[:COPIES_NAMED_MAX]


def _changes(merged: Sequence[Item], summaries: Sequence[Item]) -> list[Change]:
    changes: list[Change] = []
    told_in: dict[str, str] = {}
    for item in summaries:
        assert item.notification is not None  # it was just made
        told_in |= dict.fromkeys(item.notification.merges, item.id)
        changes.append(Put(KIND_OUTBOX, item.id, notification_body(item.notification)))
        changes.append(Put(KIND_JOURNAL, item.id, journal_body(item.entry)))
    for item in merged:
        entry = replace(item.entry, told_in=told_in[item.id])
        changes += [Put(KIND_JOURNAL, item.id, journal_body(entry)), Delete(KIND_OUTBOX, item.id)]
    return changes
