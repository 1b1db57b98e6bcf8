"""Whatever happens, the ladder is never silent while it should call, never calls after an answer, and survives restarts."""

from __future__ import annotations

import asyncio
import contextlib

from hypothesis import given, settings
from hypothesis import strategies as st

from anyascope.alerting.escalation.ladder import JOIN_GAP_S, NEVER, Climb, climb_of, judge, put_climb
from anyascope.alerting.fingerprint import fingerprint_of
from anyascope.clock import NS_PER_S
from anyascope.errors import ConflictError
from anyascope.model.channels.webhook import WebhookOptions
from anyascope.model.documents import Document
from anyascope.model.escalation import EscalationLevel, EscalationPolicy
from anyascope.model.labels import labels_of
from anyascope.model.receivers import Integration, Receiver
from anyascope.model.responses import ResponseAction
from anyascope.model.secret import Secret
from support.pages import House

S = NS_PER_S
levels = st.lists(st.tuples(st.integers(1, 40), st.sampled_from([0, 10, 15, 60])), min_size=1, max_size=3).map(
    lambda steps: tuple(
        EscalationLevel(float(sum(delay for delay, _ in steps[:number])), ("x",), float(repeat))
        for number, (_, repeat) in enumerate(steps)
    )
)
policies = levels.map(lambda found: EscalationPolicy("p", found))
# What the alerts a, b, c are like at each moment, and how long until the next.
moments = st.lists(st.tuples(st.sets(st.sampled_from("abc")), st.integers(1, 90)), min_size=1, max_size=12)


def walk(policy, script, *, restarts=()):
    """Look exactly when the ladder asks for it and when something changes: what was called when, at whole seconds."""
    climb, now_ns, told = Climb("g", "p"), 0, []
    for number, (active, wait_s) in enumerate(script):
        until_ns = now_ns + wait_s * S
        if number in restarts:
            put = put_climb(climb)
            climb = climb_of(Document(put.kind, put.key, dict(put.body)))
        while True:
            verdict = judge(climb, policy, active, now_ns=now_ns)
            climb = verdict.climb
            told.extend((now_ns // S, turn.level, turn.repeat, frozenset(active)) for turn in verdict.turns)
            if not verdict.next_ns or verdict.next_ns >= until_ns:
                break
            assert verdict.next_ns > now_ns, "the ladder asks to be looked at again at once, for ever"
            now_ns = verdict.next_ns
        now_ns = until_ns
    return told


@settings(max_examples=100, deadline=None)
@given(policies, moments)
def test_nobody_is_called_for_what_is_answered_and_everybody_for_what_is_not(policy, script):
    """Each stretch in which something is unanswered has every call of its grid, and no stretch without has any."""
    told = walk(policy, script)
    now_s, climbing_s = 0, None
    for active, wait_s in script:
        calls = [one for one in told if now_s <= one[0] < now_s + wait_s]
        if not active:
            assert calls == []
            climbing_s = None
        else:
            climbing_s = now_s if climbing_s is None else climbing_s
            for number, level in enumerate(policy.levels):
                begin_s = climbing_s + int(level.delay_s)
                grid = [begin_s] if not level.repeat_s else range(begin_s, now_s + wait_s, int(level.repeat_s))
                due = {at_s for at_s in grid if now_s <= at_s < now_s + wait_s}
                assert {at_s for at_s, of, repeat, _ in calls if of == number and repeat != NEVER} == due
            assert all(called == active for _, _, _, called in calls)
        now_s += wait_s


@settings(max_examples=100, deadline=None)
@given(policies, moments)
def test_whoever_joins_is_told_within_the_gap(policy, script):
    """An alert that fires unanswered for longer than the gap after the first call has been told."""
    told = walk(policy, script)
    now_s, since = 0, {}
    for active, wait_s in script:
        since = {name: since.get(name, now_s) for name in active}
        now_s += wait_s
        for name, from_s in since.items():
            if now_s - from_s > JOIN_GAP_S + policy.levels[0].delay_s + 1:
                assert any(name in called for at_s, _, _, called in told if from_s <= at_s < now_s)


@settings(max_examples=100, deadline=None)
@given(policies, moments, st.sets(st.integers(0, 11)))
def test_a_restart_at_any_time_changes_nothing(policy, script, restarts):
    """The stored climb is the whole climb."""
    assert walk(policy, script, restarts=restarts) == walk(policy, script)


# --- the whole room ---------------------------------------------------------------------------------------------------

CONFIG = """
route: {receiver: team, group_by: [cluster], group_wait: 10s, group_interval: 1m, repeat_interval: 4h}
receivers: [{name: team}]
"""
POLICY = """
escalation_policies:
  - name: p
    severities: [critical]
    levels: [{channels: [slack], repeat_interval: 1m}, {delay: 2m, channels: [phone], repeat_interval: 2m}]
    acknowledgement_timeout: 5m
"""
OPTIONS = WebhookOptions(Secret("http://sink"))
RECEIVERS = [
    Receiver("ops", (Integration("ops/slack/0", "slack", OPTIONS),)),
    Receiver("night", (Integration("night/phone/0", "phone", OPTIONS),)),
]
ALERTS = [{"alertname": name, "severity": "critical", "cluster": "x"} for name in "ABC"]
which = st.integers(0, 2)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("fire"), which),
        st.tuples(st.just("end"), which),
        st.tuples(st.just("acknowledge"), which),
        st.tuples(st.just("unacknowledge"), which),
        st.tuples(st.just("snooze"), which),
        st.tuples(st.just("resolve"), which),
        st.tuples(st.just("escalate"), which),
        st.tuples(st.just("wait"), st.sampled_from([1, 20, 61, 125, 310])),
    ),
    max_size=10,
)


async def live(script, *, crashes: bool) -> list[tuple[float, str, str]]:
    house = House(CONFIG, escalation=POLICY, receivers=RECEIVERS)
    await house.start()
    for kind, value in script:
        match kind:
            case "wait":
                await house.clock.advance(value)
            case "fire":
                await house.fire(ALERTS[value], for_s=1e7)
            case "end":
                await house.resolve(ALERTS[value])
            case _:
                given_s = 200.0 if kind == "snooze" else None
                alert_id = fingerprint_of(labels_of(ALERTS[value]))
                known = {alert.id for alert in house.alerting.alerts()}
                if alert_id in known:
                    with contextlib.suppress(ConflictError):
                        await house.responder.respond(alert_id, ResponseAction(kind), by="ann", for_s=given_s)
                    await house.clock.advance(0)
        if crashes:
            await house.restart()
    await house.clock.advance(400)
    for alert in ALERTS:
        await house.resolve(alert)
    await house.clock.advance(200)
    told = []
    for key, channel in house.channels.items():
        for one in channel.sent:
            names = " ".join(("" if a.is_firing else "-") + dict(a.labels)["alertname"] for a in one.alerts)
            told.append(((one.created_ns - house.start_ns) / S, key, names))
    await house.crash()
    return sorted(told, key=lambda one: one[0])


@settings(max_examples=15, deadline=None)
@given(steps)
def test_restarts_change_nothing_of_what_is_told_and_every_end_is_told(script):
    """A crash after every step tells the same people the same things at the same seconds; all hear that all is over."""

    async def scenario() -> None:
        plain = await live(script, crashes=False)
        assert await live(script, crashes=True) == plain
        believed: dict[tuple[str, str], bool] = {}
        for _, key, names in plain:
            believed.update({(key, name.removeprefix("-")): not name.startswith("-") for name in names.split()})
        assert not any(believed.values()), plain

    asyncio.run(scenario())
