"""The courier: patience, order, records, and what a crash leaves."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import replace
from random import Random

import pytest
from prometheus_client import CollectorRegistry

from anyascope.clock import NS_PER_S, ManualClock
from anyascope.errors import UnavailableError
from anyascope.model.labels import labels_of
from anyascope.model.notifications import AttemptOutcome, DeliveryStatus
from anyascope.notify.channel import Outcome
from anyascope.notify.courier import Courier
from anyascope.notify.patience import CourierOptions, delay_s
from anyascope.ports import HealthStatus
from anyascope.store.documents import MemoryDocuments
from anyascope.wire.notification_documents import journal_entry_of
from support.notifications import AT_NS, SIGNING_FAILED, notification
from support.pages import OK, RecordingChannel

BUSY = Outcome(AttemptOutcome.RETRY, "503 Service Unavailable")
NEVER = Outcome(AttemptOutcome.FAILED, "404 Not Found")
HOOK, OTHER = "ops/webhook/0", "ops/slack/0"


class Post:
    """A courier with recording channels on a manual clock."""

    def __init__(self, **options):
        self.clock = ManualClock(AT_NS)
        self.documents = MemoryDocuments(clock=self.clock)
        self.channels = {HOOK: RecordingChannel(), OTHER: RecordingChannel()}
        self.options = CourierOptions(**options)
        self.registry = CollectorRegistry()
        self.courier = self.build()

    def build(self):
        self.registry = CollectorRegistry()
        return Courier(
            self.documents,
            self.channels,
            options=self.options,
            clock=self.clock,
            random=Random(7),
            registry=self.registry,
        )

    async def leave(self, *notifications):
        await self.documents.commit(self.courier.changes_for(notifications))
        self.courier.committed(notifications)
        await self.clock.advance(0)

    async def entry(self, identity="1"):
        document = await self.documents.get("notification", identity)
        return None if document is None else journal_entry_of(document)

    async def outbox(self):
        return [document.key for document in (await self.documents.page("outbox")).documents]

    def count(self, name, **labels):
        return self.registry.get_sample_value(name, labels)


def told(identity="1", *, group="g", key=HOOK, severity="high"):
    alert = replace(SIGNING_FAILED, labels=labels_of({"alertname": "A", "severity": severity}))
    return notification(alert, id=identity, group_key=group, integration=key, channel=key.split("/")[1])


@pytest.fixture
async def post():
    made = Post()
    await made.courier.start()
    yield made
    await made.courier.drain()


async def test_what_is_left_is_sent_and_recorded(post):
    """A notification goes out at once, leaves the outbox, and its journal entry says so."""
    await post.leave(told())
    assert [one.id for one in post.channels[HOOK].sent] == ["1"]
    assert await post.outbox() == []
    entry = await post.entry()
    assert entry.status is DeliveryStatus.SENT
    assert [(attempt.outcome.value, attempt.detail) for attempt in entry.attempts] == [("ok", "200 OK")]
    assert post.count("anyascope_notifications_total", channel="webhook", status="sent") == 1


async def test_a_failure_is_tried_again_with_growing_waits(post):
    """After each failure the wait doubles, spread by half, and every attempt is on record."""
    post.channels[HOOK].script = [BUSY] * 4
    await post.leave(told())
    await post.clock.advance(20)
    attempts = (await post.entry()).attempts
    assert [attempt.outcome.value for attempt in attempts] == ["retry"] * 4 + ["ok"]
    waits = [(b.at_ns - a.at_ns) / NS_PER_S for a, b in itertools.pairwise(attempts)]
    for wait, full in zip(waits, (1, 2, 4, 8), strict=True):
        assert full / 2 <= wait <= full
    assert await post.outbox() == []


async def test_a_refusal_is_final_and_on_record(post):
    """What the far end will never take is recorded as failed and not tried again."""
    post.channels[HOOK].script = [NEVER]
    await post.leave(told())
    await post.clock.advance(10_000)
    assert len(post.channels[HOOK].attempts) == 1
    assert (await post.entry()).status is DeliveryStatus.FAILED
    assert await post.outbox() == []
    assert post.count("anyascope_notifications_total", channel="webhook", status="failed") == 1


async def test_retry_after_holds_the_whole_lane(post):
    """A far end that asks for a pause has it, for all groups; other far ends go on."""
    post.channels[HOOK].script = [Outcome(AttemptOutcome.RETRY, "429", retry_after_s=60)]
    await post.leave(told("1", group="a"))
    await post.leave(told("2", group="b"), told("3", key=OTHER))
    assert len(post.channels[OTHER].sent) == 1
    await post.clock.advance(59)
    assert post.channels[HOOK].sent == []
    await post.clock.advance(2)
    assert {one.id for one in post.channels[HOOK].sent} == {"1", "2"}


async def test_it_gives_up_after_days_not_before(post):
    """A far end that never takes it is tried until the give-up age; then the entry says failed."""
    post.channels[HOOK].script = [BUSY] * 10_000
    await post.leave(told())
    await post.clock.advance(2.9 * 86_400)
    assert (await post.entry()).status is DeliveryStatus.QUEUED
    await post.clock.advance(0.2 * 86_400)
    entry = await post.entry()
    assert entry.status is DeliveryStatus.FAILED
    assert entry.attempts_made > 800
    assert len(entry.attempts) == 50
    assert entry.attempts[0].at_ns == AT_NS


async def test_a_groups_notifications_keep_their_order(post):
    """An end never overtakes its beginning, while other groups pass."""
    post.channels[HOOK].script = [BUSY]
    await post.leave(told("1", group="a"), told("2", group="a"), told("3", group="b"))
    assert [one.id for one in post.channels[HOOK].sent] == ["3"]
    await post.clock.advance(5)
    assert [one.id for one in post.channels[HOOK].sent] == ["3", "1", "2"]


async def test_the_more_severe_goes_first():
    """When more waits than may be under way, criticals do not queue behind the rest."""
    post = Post(lane_parallel=1)
    await post.leave(told("1", group="a", severity="low"), told("2", group="b", severity="critical"))
    await post.courier.start()
    await post.clock.advance(0)
    assert [one.id for one in post.channels[HOOK].sent] == ["2", "1"]
    await post.courier.drain()


async def test_a_slow_far_end_holds_up_no_other(post):
    """While one channel hangs, the others deliver."""
    hanging = asyncio.Event()

    async def hang(notification, *, done):
        await hanging.wait()
        return OK

    post.channels[HOOK].send = hang
    await post.leave(told("1"), told("2", key=OTHER))
    assert [one.id for one in post.channels[OTHER].sent] == ["2"]
    assert await post.outbox() == ["1"]
    hanging.set()
    await post.clock.advance(0)
    assert await post.outbox() == []


async def test_a_channel_that_breaks_loses_nothing(post):
    """An exception in a channel is an attempt that failed, and is tried again."""
    send = post.channels[HOOK].send

    async def break_once(notification, *, done):
        post.channels[HOOK].send = send
        raise RuntimeError("bug")

    post.channels[HOOK].send = break_once
    await post.leave(told())
    await post.clock.advance(5)
    assert [attempt.detail for attempt in (await post.entry()).attempts] == [
        "the channel broke: RuntimeError",
        "200 OK",
    ]


async def test_a_crash_leaves_everything_in_the_outbox(post):
    """What was not acknowledged goes out after a restart; what was is not sent again."""
    post.channels[HOOK].script = [BUSY] * 3
    await post.leave(told("1", group="a"))
    await post.leave(told("2", key=OTHER))
    await post.courier.drain()
    assert await post.outbox() == ["1"]
    post.channels = {HOOK: RecordingChannel(), OTHER: RecordingChannel()}
    second = post.build()
    await second.start()
    await post.clock.advance(0)
    assert [one.id for one in post.channels[HOOK].sent] == ["1"]
    assert post.channels[OTHER].sent == []
    assert (await post.entry("1")).attempts_made == 2
    await second.drain()


async def test_parts_are_recorded_one_by_one(post):
    """A notification in several parts goes on, after a failure or a crash, with the part that is not through."""
    seen = []

    async def send(notification, *, done):
        seen.append(sorted(done))
        if len(seen) == 2:
            return BUSY
        return Outcome(AttemptOutcome.OK, "ok", parts_done=(f"p{len(done)}",), is_more=len(done) < 2)

    post.channels[HOOK].send = send
    await post.leave(told())
    await post.clock.advance(5)
    assert seen == [[], ["p0"], ["p0"], ["p0", "p1"]]
    assert (await post.entry()).parts_done == ("p0", "p1", "p2")


async def test_a_send_whose_record_fails_is_not_repeated(post):
    """A store that cannot write holds up the record, never the far end with a second send."""
    commit, failures = post.documents.commit, 3

    async def failing(changes):
        nonlocal failures
        if failures and any(change.kind == "notification" for change in changes) and len(changes) == 2:
            failures -= 1
            raise UnavailableError("full disk", retry_after_s=1.0)
        await commit(changes)

    await post.documents.commit(post.courier.changes_for([told()]))
    post.documents.commit = failing
    post.courier.committed([told()])
    await post.clock.advance(10)
    assert len(post.channels[HOOK].attempts) == 1
    assert (await post.entry()).status is DeliveryStatus.SENT


async def test_a_receiver_that_is_gone_is_recorded(post):
    """What was meant for a channel that the settings no longer have is failed by name, not silently dropped."""
    await post.leave(told(key="gone/webhook/0"))
    entry = await post.entry()
    assert entry.status is DeliveryStatus.FAILED
    assert entry.attempts[0].detail == "receiver ops has no such channel any longer"


async def test_what_waits_for_a_receiver_that_goes_is_kept_whole(post):
    """A notification that waits for its next attempt when its channel is taken out of the settings becomes a dead letter."""
    post.channels[HOOK].script = [BUSY] * 100
    await post.leave(told())
    await post.clock.advance(30)
    await post.courier.reload({})
    await post.clock.advance(0)
    assert (await post.entry()).status is DeliveryStatus.FAILED

    new = RecordingChannel()
    await post.courier.reload({HOOK: new})
    await post.courier.replay("1", by="ann")
    await post.clock.advance(0)
    assert [one.id for one in new.sent] == ["1"]


async def test_a_reload_tries_at_once(post):
    """New settings may have mended what failed: waiting notifications do not sit out their pause."""
    old = post.channels[HOOK]
    old.script = [BUSY] * 100
    await post.leave(told())
    await post.clock.advance(600)
    new = RecordingChannel()
    await post.courier.reload({HOOK: new})
    await post.clock.advance(0)
    assert [one.id for one in new.sent] == ["1"]
    assert old.is_closed


async def test_a_reload_does_not_cut_what_is_under_way(post):
    """An attempt that runs ends on its old channel, which is closed afterwards."""
    old, going_on = post.channels[HOOK], asyncio.Event()
    send = old.send

    async def slow(notification, *, done):
        await going_on.wait()
        return await send(notification, done=done)

    old.send = slow
    await post.leave(told())
    new = RecordingChannel()
    await post.courier.reload({HOOK: new})
    await post.clock.advance(0)
    assert not old.is_closed
    going_on.set()
    await post.clock.advance(0)
    assert old.is_closed
    assert [one.id for one in old.sent] == ["1"]
    assert new.sent == []


async def test_health_tells_what_fails(post):
    """A channel in trouble is degraded, after five minutes unhealthy, and healthy again once it is through."""
    post.channels[HOOK].script = [BUSY] * 20
    assert {one.status for one in post.courier.health()} == {HealthStatus.HEALTHY}
    await post.leave(told())
    assert {one.component: one.status for one in post.courier.health()}[HOOK] is HealthStatus.DEGRADED
    await post.clock.advance(400)
    health = {one.component: one for one in post.courier.health()}[HOOK]
    assert health.status is HealthStatus.UNHEALTHY
    assert "503" in health.message
    assert post.count("anyascope_outbox_notifications") == 1
    assert post.count("anyascope_outbox_oldest_age_seconds") == 400
    await post.clock.advance(5000)
    assert {one.status for one in post.courier.health()} == {HealthStatus.HEALTHY}


async def test_the_journal_is_pruned(post):
    """Entries older than the journal's age are forgotten; what is still queued never is."""
    post.channels[OTHER].script = [BUSY] * 100_000
    await post.leave(told("1"))
    await post.leave(replace(told("2", key=OTHER)))
    post.clock._now_ns += 31 * 86_400 * NS_PER_S
    await post.courier._leftovers.prune(journal_s=30 * 86_400)
    assert await post.entry("1") is None
    assert await post.entry("2") is not None


@pytest.mark.parametrize(
    ("failures", "retry_after_s", "low", "high"),
    [(1, 0, 0.5, 1), (9, 0, 128, 256), (40, 0, 150, 300), (1, 90, 90, 90), (1, 1e9, 3600, 3600)],
)
def test_waits_are_bounded(failures, retry_after_s, low, high):
    """Waits double up to a limit, and obey the far end up to an hour."""
    wait = delay_s(CourierOptions(), failures=failures, retry_after_s=retry_after_s, random=Random(3))
    assert low <= wait <= high
