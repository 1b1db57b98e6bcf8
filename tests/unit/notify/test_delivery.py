"""Delivery under trouble: breakers, fallbacks, storms, rates, dead letters, a full disk."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
from prometheus_client import CollectorRegistry

from anyascope.clock import NS_PER_S, ManualClock
from anyascope.errors import ConflictError, NotFoundError, UnavailableError
from anyascope.model.labels import labels_of
from anyascope.model.notifications import AttemptOutcome, ChannelState, DeliveryStatus, NotificationReason
from anyascope.notify.channel import Outcome
from anyascope.notify.courier import Courier
from anyascope.notify.pace import Rate
from anyascope.notify.patience import CourierOptions, Target
from anyascope.notify.receipts import Receipts
from anyascope.notify.storm import COMPONENTS_CHARS_MAX, SUMMARY_ALERTS_MAX, summaries_of
from anyascope.ports import HealthStatus
from anyascope.store.documents import MemoryDocuments
from anyascope.wire.notification_documents import journal_entry_of
from support.notifications import AT_NS, SIGNING_FAILED, ended, many, notification
from support.pages import RecordingChannel

BUSY = Outcome(AttemptOutcome.RETRY, "503 Service Unavailable")
NEVER = Outcome(AttemptOutcome.FAILED, "404 Not Found")
SLACK, MAIL, HOOK = "ops/slack/0", "night/email/0", "ops/webhook/0"
FALLBACK = {SLACK: (Target(MAIL, "email", "night"),)}


class FullDisk(MemoryDocuments):
    """Documents on a disk that can be full."""

    is_full = False

    async def commit(self, changes):
        if self.is_full:
            raise UnavailableError("database or disk is full", retry_after_s=1.0)
        await super().commit(changes)


class Post:
    """A courier with recording channels on a manual clock."""

    def __init__(self, **options):
        self.clock = ManualClock(AT_NS)
        self.documents = FullDisk(clock=self.clock)
        self.options = CourierOptions(**options)
        self.begin()

    def begin(self, *, receipts=None):
        self.channels = {key: RecordingChannel() for key in (SLACK, MAIL, HOOK)}
        self.registry = CollectorRegistry()
        self.courier = Courier(
            self.documents,
            self.channels,
            options=self.options,
            clock=self.clock,
            random=Random(7),
            registry=self.registry,
            receipts=receipts,
        )

    async def __aenter__(self):
        await self.courier.start()
        return self

    async def __aexit__(self, *_):
        await self.courier.drain()

    async def leave(self, *notifications):
        await self.documents.commit(self.courier.changes_for(notifications))
        self.courier.committed(notifications)
        await self.clock.advance(0)

    async def entry(self, identity):
        return journal_entry_of(await self.documents.get("notification", identity))

    async def outbox(self):
        return [document.key for document in (await self.documents.page("outbox")).documents]

    def sent(self, key):
        return [one.id for one in self.channels[key].sent]

    def channel(self, key):
        return {one.key: one for one in self.courier.channels()}[key]

    def count(self, name, **labels):
        return self.registry.get_sample_value(name, labels)


def told(number=1, *, key=SLACK, group=None, alerts=(SIGNING_FAILED,), **changes):
    kind = key.split("/")[1]
    identity = f"{number:032x}"
    return notification(*alerts, id=identity, group_key=group or f"g{number}", integration=key, channel=kind, **changes)


def identity(number):
    return f"{number:032x}"


def an_alert(component, fingerprint):
    return replace(
        SIGNING_FAILED,
        fingerprint=f"{fingerprint:016x}",
        labels=labels_of({"alertname": "Down", "severity": "high", "component": component}),
    )


# --- the breaker ------------------------------------------------------------------------------------------------------


async def test_three_failures_in_a_row_open_the_breaker_and_a_probe_closes_it():
    """Of a far end that is down only one notification at a time knocks; when it is back everything goes at once."""
    async with Post() as post:
        post.channels[SLACK].script = [BUSY] * 5
        await post.leave(*(told(number) for number in range(1, 5)))
        assert post.channel(SLACK).state is ChannelState.OPEN
        assert len(post.channels[SLACK].attempts) == 4  # they were under way at once
        await post.leave(told(5), told(6))
        await post.clock.advance(8)
        assert len(post.channels[SLACK].attempts) == 5
        assert {one.component: one.status for one in post.courier.health()}[SLACK] is HealthStatus.UNHEALTHY
        assert post.count("anyascope_channel_state", integration=SLACK, state="open") == 1
        await post.clock.advance(16)
        assert sorted(post.sent(SLACK)) == [identity(number) for number in range(1, 7)]
        assert post.channel(SLACK).state is ChannelState.HEALTHY
        assert post.count("anyascope_channel_state", integration=SLACK, state="open") == 0


async def test_a_far_end_that_is_down_is_probed_each_minute_at_the_least():
    """However long the outage, its end is noticed within a minute, and what is new then does not wait longer."""
    async with Post() as post:
        post.channels[SLACK].script = [BUSY] * 1000
        await post.leave(told(1))
        await post.clock.advance(7200)
        post.channels[SLACK].script = []
        await post.leave(told(2))
        await post.clock.advance(60)
        assert sorted(post.sent(SLACK)) == [identity(1), identity(2)]


async def test_refusals_and_a_slower_pace_do_not_open_the_breaker():
    """A far end that answers is not down, whatever it answers."""
    async with Post() as post:
        throttled = replace(BUSY, is_throttled=True)
        post.channels[SLACK].script = [NEVER, NEVER, NEVER, NEVER, throttled, throttled, throttled, throttled]
        await post.leave(*(told(number) for number in range(1, 9)))
        assert post.channel(SLACK).state is ChannelState.DEGRADED
        await post.clock.advance(2)
        assert len(post.sent(SLACK)) == 4


# --- the rate ---------------------------------------------------------------------------------------------------------


async def test_a_rate_spreads_what_is_too_much():
    """An integration with a rate sends a burst of it and then its share a second; nothing is lost."""
    async with Post(rates={HOOK: Rate(2, 10.0)}) as post:
        await post.leave(*(told(number, key=HOOK) for number in range(1, 6)))
        seen = []
        for second in range(20):
            seen.append((second, len(post.channels[HOOK].sent)))
            await post.clock.advance(1)
        assert [second for (second, count), (_, before) in zip(seen[1:], seen, strict=False) if count > before] == [
            5,
            10,
            15,
        ]
        assert seen[0] == (0, 2)


# --- fallbacks --------------------------------------------------------------------------------------------------------


async def test_a_fallback_is_told_at_once_when_a_channel_is_down():
    """Slack is down: mail at once, once, saying why; Slack has it too when it is back."""
    async with Post(fallbacks=FALLBACK) as post:
        post.channels[SLACK].script = [BUSY] * 6
        await post.leave(told(1))
        assert post.sent(MAIL) == []
        await post.clock.advance(3)
        (copy,) = post.channels[MAIL].sent
        assert (copy.receiver, copy.integration, copy.stands_in_for) == ("night", MAIL, SLACK)
        assert copy.notice == "You are told because ops/slack/0 cannot be reached."
        assert (await post.entry(identity(1))).copies == (copy.id,)
        assert (await post.entry(copy.id)).status is DeliveryStatus.SENT
        await post.leave(told(2))
        assert len(post.channels[MAIL].sent) == 2  # down already: no waiting at all
        await post.clock.advance(300)
        assert len(post.channels[MAIL].sent) == 2
        assert sorted(post.sent(SLACK)) == [identity(1), identity(2)]


async def test_a_fallback_is_told_of_what_was_refused():
    """What a far end will never take is told by another, in the same commit that records the failure."""
    async with Post(fallbacks=FALLBACK) as post:
        post.channels[SLACK].script = [NEVER]
        await post.leave(told(1))
        assert len(post.channels[MAIL].sent) == 1
        assert (await post.entry(identity(1))).status is DeliveryStatus.FAILED


async def test_who_heard_of_the_beginning_in_anothers_place_hears_of_the_end():
    """The recovery is told to the fallback too, after a restart as well, and only that one."""
    post = Post(fallbacks=FALLBACK)
    async with post:
        post.channels[SLACK].script = [BUSY] * 4
        await post.leave(told(1, group="a"))
        await post.clock.advance(30)
        assert (len(post.channels[SLACK].sent), len(post.channels[MAIL].sent)) == (1, 1)
    post.begin()
    over = {"alerts": (ended(SIGNING_FAILED),), "reason": NotificationReason.ALL_RESOLVED}
    async with post:
        await post.leave(told(2, group="b", **over), told(3, group="a", **over))
        assert sorted(post.sent(SLACK)) == [identity(2), identity(3)]
        assert [one.group_key for one in post.channels[MAIL].sent] == ["a"]
        await post.leave(told(4, group="a", **over))
        assert len(post.channels[MAIL].sent) == 1


async def test_a_crash_between_copy_and_send_makes_no_second_copy():
    """The copy's id comes from what it copies, and stands in the outbox with it."""
    post = Post(fallbacks=FALLBACK)
    async with post:
        post.channels[SLACK].script = [BUSY] * 100
        post.channels[MAIL].script = [BUSY] * 100
        await post.leave(told(1))
        await post.clock.advance(5)
        waiting = await post.outbox()
        assert len(waiting) == 2
    post.begin()
    async with post:
        post.channels[SLACK].script = [BUSY] * 100
        await post.clock.advance(60)
        assert set(post.sent(MAIL)) == set(waiting) - {identity(1)}


# --- storms -----------------------------------------------------------------------------------------------------------


async def test_a_storm_becomes_a_few_messages_that_name_every_component():
    """Thousands of alerts in hundreds of groups are told in a few messages; each entry says in which."""
    async with Post() as post:
        await post.leave(*(told(n, alerts=(an_alert(f"node-{n}", n),)) for n in range(1, 1201)))
        await post.clock.advance(1)
        messages = post.channels[SLACK].sent
        assert len(messages) < 10
        assert {alert.fingerprint for one in messages for alert in one.alerts} == {f"{n:016x}" for n in range(1, 1201)}
        summaries = {one.id: one for one in messages if one.merges}
        named = "".join(one.notice for one in summaries.values())
        entries = [await post.entry(identity(n)) for n in range(1, 1201)]
        assert {entry.status for entry in entries} == {DeliveryStatus.SENT}
        for n, entry in enumerate(entries, start=1):
            assert entry.told_in in summaries or identity(n) in post.sent(SLACK)
            assert not entry.told_in or f"node-{n}" in named
        assert await post.outbox() == []
        assert post.count("anyascope_notifications_merged_total", channel="slack") == sum(
            len(one.merges) for one in summaries.values()
        )
        assert post.count("anyascope_outbox_notifications") == 0


async def test_programs_are_told_each_notification():
    """A webhook's far end keeps a state for each group: nothing is merged for it."""
    async with Post() as post:
        await post.leave(*(told(number, key=HOOK) for number in range(1, 201)))
        await post.clock.advance(1)
        assert len(post.sent(HOOK)) == 200


async def test_an_end_does_not_overtake_the_summary_of_its_beginning():
    """While a summary waits, what comes of its groups waits behind it."""
    async with Post() as post:
        post.channels[SLACK].script = [BUSY] * 8
        await post.leave(*(told(n, group=f"g{n}", alerts=(an_alert(f"c{n}", n),)) for n in range(1, 61)))
        await post.leave(told(100, group="g60", alerts=(ended(an_alert("c60", 60)),)))
        await post.clock.advance(300)
        order = [one.id for one in post.channels[SLACK].sent if any(a.fingerprint == f"{60:016x}" for a in one.alerts)]
        assert order[-1] == identity(100)
        assert len(order) == 2


async def test_a_summary_that_fails_is_one_dead_letter_for_all():
    """Its entries say failed; sending it again tells them all."""
    async with Post() as post:
        post.channels[SLACK].script = [BUSY] * 4 + [NEVER] * 100
        await post.leave(*(told(n, alerts=(an_alert(f"c{n}", n),)) for n in range(1, 101)))
        await post.clock.advance(60)
        entry = await post.entry(identity(100))
        assert entry.status is DeliveryStatus.FAILED
        with pytest.raises(ConflictError, match=entry.told_in):
            await post.courier.replay(identity(100), by="anna")
        post.channels[SLACK].script = []
        await post.courier.replay(entry.told_in, by="anna")
        await post.clock.advance(1)
        assert (await post.entry(identity(100))).status is DeliveryStatus.SENT


def test_summaries_are_bounded_and_complete():
    """No summary holds too many alerts or names; together they hold all, whatever the sizes, with the newest states."""
    tellings = [
        told(n, alerts=tuple(an_alert(f"component-{n}-" + "x" * 50, n * 10 + k) for k in range(9))) for n in range(900)
    ]
    tellings.append(told(901, alerts=(ended(an_alert("component-1", 10)),)))
    made = summaries_of(tellings, now_ns=AT_NS)
    assert all(len(one.alerts) <= SUMMARY_ALERTS_MAX and len(one.notice) < COMPONENTS_CHARS_MAX + 200 for one in made)
    assert [identity for one in made for identity in one.merges] == [one.id for one in tellings]
    assert {alert.fingerprint for one in made for alert in one.alerts} == {
        alert.fingerprint for one in tellings for alert in one.alerts
    }
    assert made == summaries_of(tellings, now_ns=AT_NS)
    (small,) = summaries_of([told(1, alerts=many(4)), told(2, alerts=(ended(many(4)[0]),))], now_ns=AT_NS)
    assert [alert.is_firing for alert in small.alerts] == [True, True, True, False]


# --- dead letters -----------------------------------------------------------------------------------------------------


async def test_a_dead_letter_is_sent_again_under_its_own_id():
    """What failed is kept whole, over a restart, and sent again on request; the entry says who wanted it."""
    post = Post()
    async with post:
        post.channels[SLACK].script = [NEVER]
        await post.leave(told(1))
        assert post.channel(SLACK).dead == 1
    post.begin()
    async with post:
        assert post.channel(SLACK).dead == 1
        entry = await post.courier.replay(identity(1), by="anna")
        assert (entry.status, entry.replays[0].by) == (DeliveryStatus.QUEUED, "anna")
        await post.clock.advance(0)
        assert post.sent(SLACK) == [identity(1)]
        assert post.channel(SLACK).dead == 0
        entry = await post.entry(identity(1))
        assert [one.outcome.value for one in entry.attempts] == ["failed", "ok"]
        with pytest.raises(ConflictError, match="this one is sent"):
            await post.courier.replay(identity(1), by="anna")
        with pytest.raises(NotFoundError):
            await post.courier.replay(identity(2), by="anna")


async def test_a_replayed_letter_has_its_full_time_again():
    """The days until it is given up count from the replay on."""
    async with Post(give_up_s=100.0) as post:
        post.channels[SLACK].script = [BUSY] * 1000
        await post.leave(told(1))
        await post.clock.advance(200)
        assert (await post.entry(identity(1))).status is DeliveryStatus.FAILED
        await post.courier.replay(identity(1), by="anna")
        await post.clock.advance(61)
        assert (await post.entry(identity(1))).status is DeliveryStatus.QUEUED


# --- a full disk, and crashes -----------------------------------------------------------------------------------------


async def test_a_full_disk_does_not_stop_sending():
    """What cannot be written is sent from memory and says so; the journal catches up once there is room."""
    async with Post() as post:
        post.channels[HOOK].script = [BUSY, BUSY]
        post.documents.is_full = True
        post.courier.undurable([told(number, key=HOOK, group="g") for number in range(1, 11)])
        await post.clock.advance(5)
        assert post.sent(HOOK) == [identity(number) for number in range(1, 11)]
        assert post.channels[HOOK].sent[0].alerts[0].annotations["delivery_notice"].startswith("Sent from memory")
        sick = {one.component: one for one in post.courier.health()}["notification journal"]
        assert (sick.status, "disk is full" in sick.message) == (HealthStatus.UNHEALTHY, True)
        assert post.count("anyascope_notification_records_held") > 0
        post.documents.is_full = False
        await post.clock.advance(2)
        assert (await post.entry(identity(10))).status is DeliveryStatus.SENT
        assert (await post.entry(identity(1))).attempts_made == 3
        assert await post.outbox() == []
        assert "notification journal" not in {one.component for one in post.courier.health()}
        await post.leave(told(11, key=HOOK))
        assert "delivery_notice" not in post.channels[HOOK].sent[-1].alerts[0].annotations


async def test_what_may_have_arrived_before_a_crash_is_counted():
    """After a kill what is sent again is counted as doubtful; after an orderly stop nothing is."""
    post = Post()
    await post.courier.start()
    post.channels[HOOK].script = [BUSY] * 10
    await post.leave(told(1, key=HOOK))
    killed = post.courier
    post.begin()
    async with post:
        await post.clock.advance(0)
        assert post.sent(HOOK) == [identity(1)]
        assert post.count("anyascope_notifications_doubtful_total", channel="webhook") == 1
    await killed.drain()
    post.begin()
    async with post:
        await post.leave(told(2, key=HOOK))
        assert post.count("anyascope_notifications_doubtful_total", channel="webhook") is None


async def test_nothing_is_lost_by_kills_in_the_middle_of_everything():
    """Killed at any moment of an outage with a storm, fallbacks and a rate, each alert is told, by Slack and by mail."""
    random = Random(11)
    post = Post(fallbacks=FALLBACK, storm_waiting_max=5)
    seen: dict[str, set[str]] = {SLACK: set(), MAIL: set()}
    number = 0
    for life in range(12):
        post.begin()
        for channel in post.channels.values():
            channel.script = [random.choice([BUSY, BUSY, Outcome(AttemptOutcome.OK, "ok")]) for _ in range(20)]
        await post.courier.start()
        for _ in range(random.randrange(12)):
            number += 1
            await post.leave(told(number, alerts=(an_alert(f"c{number}", number),)))
        await post.clock.advance(random.random() * 20)
        for key, told_of in seen.items():
            told_of.update(alert.fingerprint for one in post.channels[key].sent for alert in one.alerts)
        for task in _tasks_of(post.courier):
            task.cancel()
        assert life < 12
    post.begin()
    async with post:
        await post.clock.advance(600)
        for key, told_of in seen.items():
            told_of.update(alert.fingerprint for one in post.channels[key].sent for alert in one.alerts)
    assert seen[SLACK] == {f"{n:016x}" for n in range(1, number + 1)}
    assert await post.outbox() == []


def _tasks_of(courier):
    for route in courier._routes.values():
        yield from (task for task in (route.runner, *route.attempts) if task is not None)


async def test_the_wait_for_a_rate_is_no_busy_loop():
    """A lane that waits for its rate sleeps until then."""
    async with Post(rates={HOOK: Rate(1, 3600.0)}) as post:
        await post.leave(told(1, key=HOOK), told(2, key=HOOK))
        await post.clock.advance(3599)
        assert len(post.sent(HOOK)) == 1
        await post.clock.advance(1)
        assert len(post.sent(HOOK)) == 2
        assert post.clock.now_ns() == AT_NS + 3600 * NS_PER_S


@pytest.mark.parametrize("by_s", [-7200.0, 7200.0, 40 * 86_400.0])
async def test_a_clock_that_is_set_changes_no_wait_and_gives_nothing_up(by_s):
    """The wall clock may jump by hours or weeks: a retry comes when it would have come, and nothing has failed."""
    async with Post() as post:
        post.channels[HOOK].script = [BUSY, BUSY]
        await post.leave(told(1, key=HOOK))
        post.clock.set_wall(by_s=by_s)
        await post.clock.advance(0.4)
        assert len(post.channels[HOOK].attempts) == 1
        await post.clock.advance(2.7)
        assert post.sent(HOOK) == [identity(1)]


async def test_a_lane_survives_whatever_breaks(monkeypatch):
    """A fault in merging or in a conclusion is logged; what was waiting is sent all the same."""
    from anyascope.notify import relief

    async with Post(storm_waiting_max=2) as post:
        summaries, endings = relief.summaries_of, post.courier._relief.endings

        def broken_summaries(*_, **__):
            monkeypatch.setattr(relief, "summaries_of", summaries)
            raise RuntimeError("bug")

        monkeypatch.setattr(relief, "summaries_of", broken_summaries)
        await post.leave(*(told(number, alerts=(an_alert(f"c{number}", number),)) for number in range(1, 9)))
        await post.clock.advance(1)
        told_of = {alert.fingerprint for one in post.channels[SLACK].sent for alert in one.alerts}
        assert told_of == {f"{number:016x}" for number in range(1, 9)}

        async def broken_endings(item):
            post.courier._relief.endings = endings
            raise RuntimeError("bug")

        post.courier._relief.endings = broken_endings
        await post.leave(told(101))
        await post.clock.advance(11)
        assert (await post.entry(identity(101))).status is DeliveryStatus.SENT


async def test_what_cannot_be_read_is_told_to_the_fallback_later():
    """A store that cannot be read defers the fallback and loses none of it."""
    async with Post(fallbacks=FALLBACK) as post:
        post.channels[SLACK].script = [BUSY] * 1000
        read = post.courier._records.read

        async def unreadable(kind, key):
            raise UnavailableError("locked", retry_after_s=1.0)

        await post.leave(told(1), told(2), told(3))
        post.courier._records.read = unreadable
        await post.clock.advance(30)
        post.courier._records.read = read
        await post.clock.advance(120)
        assert len({one.id for one in post.channels[MAIL].sent}) == 3


async def test_a_summary_that_had_arrived_before_a_kill_ends_all_that_it_told(tmp_path):
    """What the far end took is not sent again after a kill, and the entries that it told are through."""
    post = Post()
    await post.courier.start()
    post.channels[SLACK].script = [BUSY] * 1000
    await post.leave(*(told(n, alerts=(an_alert(f"c{n}", n),)) for n in range(1, 101)))
    await post.clock.advance(1)
    (summary,) = [one for one in await post.outbox() if len(one) == 32 and int(one, 16) > 200]
    for task in _tasks_of(post.courier):
        task.cancel()
    (tmp_path / "receipts").write_text(f"{summary}\n")
    post.begin(receipts=Receipts(tmp_path))
    async with post:
        await post.clock.advance(5)
        assert summary not in post.sent(SLACK)
        assert (await post.entry(identity(100))).status is DeliveryStatus.SENT
