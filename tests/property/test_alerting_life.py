"""Whatever happens, alerts are told, ends are told, and nothing is told twice."""

from __future__ import annotations

import asyncio
import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from anyascope.clock import NS_PER_S
from anyascope.model.notifications import AttemptOutcome, Notification, NotificationReason
from anyascope.notify.channel import Outcome
from anyascope.notify.patience import CourierOptions
from support.pages import House

WAIT_S, INTERVAL_S, REPEAT_S = 10, 60, 600
CONFIG = f"""
route: {{receiver: team, group_by: [cluster], group_wait: {WAIT_S}s, group_interval: {INTERVAL_S}s, repeat_interval: {REPEAT_S}s}}
receivers: [{{name: team, webhook_configs: [{{url: 'http://hook'}}]}}]
inhibit_rules: [{{source_matchers: [mutes=yes], target_matchers: [mutes!=yes], equal: [cluster]}}]
"""
ALERTS = [
    {"alertname": f"a{number}", "cluster": cluster, "severity": severity, "mutes": mutes}
    for number, (cluster, severity, mutes) in enumerate(
        itertools.product(("x", "y"), ("critical", "medium"), ("yes", "no"))
    )
]
FAR_S = 10_000_000

alerts = st.sets(st.sampled_from(range(len(ALERTS))), min_size=1, max_size=4)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("fire"), alerts),
        st.tuples(st.just("end"), alerts),
        st.tuples(st.just("wait"), st.sampled_from([0.5, 5, 15, 61, 130, 700])),
        st.tuples(st.just("crash"), st.booleans()),
        st.tuples(st.just("fail"), st.integers(1, 3)),
    ),
    max_size=12,
)


class HangingChannel:
    """Takes the message and dies before it can say so."""

    def __init__(self, inner):
        self.inner = inner

    async def send(self, notification, *, done):
        self.inner.attempts.append(notification)
        await asyncio.Event().wait()

    async def close(self):
        pass


async def live(script) -> tuple[House, set[int]]:
    """Run the steps; the alerts that fire in the end are given too."""
    house = House(CONFIG, courier=CourierOptions(backoff_max_s=4))
    await house.start()
    firing: set[int] = set()
    for kind, value in script:
        match kind:
            case "fire":
                firing |= value
                await house.fire(*(ALERTS[number] for number in value), for_s=FAR_S)
            case "end":
                firing -= value
                await house.resolve(*(ALERTS[number] for number in value))
            case "wait":
                await house.clock.advance(value)
            case "fail":
                (channel,) = house.channels.values()
                channel.script.extend([Outcome(AttemptOutcome.RETRY, "503")] * value)
            case "crash":
                await crash(house, mid_send=value)
    return house, firing


async def crash(house: House, *, mid_send: bool) -> None:
    """Die, in the middle of whatever is sent next where asked for, and come back."""
    ((key, channel),) = house.channels.items()
    if mid_send:
        await house.courier.reload({key: HangingChannel(channel)})
        await house.clock.advance(WAIT_S + 1)
    await house.restart()


def told_states(sent: list[Notification]) -> dict[str, bool]:
    """By alert, what the receiver believes after all of this."""
    believed: dict[str, bool] = {}
    for one in sent:
        believed.update({dict(alert.labels)["alertname"]: alert.is_firing for alert in one.alerts})
    return believed


def muted(firing: set[int]) -> set[int]:
    clusters = {ALERTS[number]["cluster"] for number in firing if ALERTS[number]["mutes"] == "yes"}
    return {number for number in firing if ALERTS[number]["mutes"] == "no" and ALERTS[number]["cluster"] in clusters}


@settings(max_examples=40, deadline=None)
@given(steps)
def test_every_start_and_every_end_is_told_once(script):
    """Across failures, crashes and inhibition the receiver ends up knowing the truth, and hears nothing twice."""

    async def scenario() -> None:
        house, firing = await live(script)
        (channel,) = house.channels.values()
        channel.script.clear()
        await house.clock.advance(WAIT_S + 2 * INTERVAL_S + 20)
        believed = told_states(channel.sent)
        for number in firing - muted(firing):
            assert believed.get(ALERTS[number]["alertname"]) is True, (ALERTS[number], script)
        await house.resolve(*ALERTS)
        await house.clock.advance(2 * INTERVAL_S + 20)
        assert not any(told_states(channel.sent).values())
        # A look that a restart delays stands for when it was due, up to an interval ago: repeats keep to that grid.
        late_s = INTERVAL_S if any(kind == "crash" for kind, _ in script) else 0
        check_nothing_twice(channel.sent, soon_s=REPEAT_S - late_s)
        assert (await house.documents.page("outbox")).documents == ()
        await house.crash()

    asyncio.run(scenario())


def check_nothing_twice(sent: list[Notification], *, soon_s: float) -> None:
    assert len({one.id for one in sent}) == len(sent)
    # A stable sort: ids of one millisecond have no order, what was sent has.
    for _, group in itertools.groupby(sorted(sent, key=lambda one: one.group_key), key=lambda one: one.group_key):
        for earlier, later in itertools.pairwise(group):
            is_same = contents(earlier) == contents(later)
            is_soon = later.created_ns - earlier.created_ns < soon_s * NS_PER_S
            assert not (is_same and is_soon), (earlier, later)
            if later.reason is NotificationReason.REPEAT:
                assert not is_soon


def contents(one: Notification) -> set[tuple[str, bool, int]]:
    return {(alert.fingerprint, alert.is_firing, alert.starts_ns) for alert in one.alerts}
