"""Escalation policies on a manual clock: who is told what, to the second, until somebody answers."""

from __future__ import annotations

import pytest

from anyascope.alerting.fingerprint import fingerprint_of
from anyascope.clock import NS_PER_S
from anyascope.errors import UnavailableError
from anyascope.model.channels.webhook import WebhookOptions
from anyascope.model.labels import labels_of
from anyascope.model.receivers import Integration, Receiver
from anyascope.model.responses import ResponseAction
from anyascope.model.secret import Secret
from support.pages import House

CONFIG = """
route: {receiver: none, group_by: [cluster], group_wait: 30s, group_interval: 5m, repeat_interval: 4h}
receivers: [{name: none}, {name: team}]
inhibit_rules: [{source_matchers: [mutes=yes], target_matchers: [mutes!=yes], equal: [cluster]}]
"""
SHIPPED = "escalation: {shipped_policies: true}"
FAR_S = 1e7


def receiver(name: str, *kinds: str, send_resolved: bool = True) -> Receiver:
    options = WebhookOptions(Secret("http://sink"))
    return Receiver(
        name, tuple(Integration(f"{name}/{kind}/0", kind, options, send_resolved=send_resolved) for kind in kinds)
    )


PEOPLE = (receiver("team", "slack", "email"), receiver("night", "phone"))


def alert(name: str = "Down", *, severity: str = "critical", **labels: str) -> dict[str, str]:
    return {"alertname": name, "severity": severity, "cluster": "x", **labels}


def ident(labels: dict[str, str]) -> str:
    return fingerprint_of(labels_of(labels))


A, B = alert("A"), alert("B")


def house(config: str = CONFIG, *, escalation: str = SHIPPED, receivers=PEOPLE) -> House:
    return House(config, escalation=escalation, receivers=receivers)


def told(built: House) -> list[tuple[float, str, str]]:
    """When which kind of channel was told of which alerts; resolved ones have a minus."""
    found = []
    for key, channel in built.channels.items():
        for one in channel.sent:
            shown = ["" if each.is_firing else "-" for each in one.alerts]
            names = [dict(each.labels)["alertname"] for each in one.alerts]
            at_s = (one.created_ns - built.start_ns) / NS_PER_S
            found.append((at_s, key.split("/")[1], " ".join(map("".join, zip(shown, names, strict=True)))))
    return sorted(found)


async def answer(built: House, labels: dict[str, str], action: ResponseAction, **given):
    result = await built.responder.respond(ident(labels), action, by="alice", **given)
    await built.clock.advance(0)
    return result


# --- the shipped policies ---------------------------------------------------------------------------------------------


async def test_critical_calls_slack_and_email_each_5_minutes_and_the_phone_from_15_each_10():
    """At once Slack and e-mail, again every 5 minutes; after 15 minutes the phone, again every 10; to the second."""
    async with house() as built:
        await built.fire(A, for_s=FAR_S)
        await built.advance(to_s=2400)
        pages = [(float(s), kind, "A") for s in range(0, 2401, 300) for kind in ("email", "slack")]
        calls = [(float(s), "phone", "A") for s in (900, 1500, 2100)]
        assert told(built) == sorted(pages + calls)


async def test_default_tells_slack_once_and_again_when_the_deadline_is_missed():
    """High is told at once, and when nobody has acted within 15 minutes; then no more."""
    async with house() as built:
        await built.fire(alert("H", severity="high"), for_s=FAR_S)
        await built.advance(to_s=7200)
        assert told(built) == [(0, "slack", "H"), (900, "slack", "H")]
        care = built.responder.care_of(ident(alert("H", severity="high")))
        assert care.is_deadline_missed
        assert care.deadline_ns == built.start_ns + 900 * NS_PER_S


@pytest.mark.parametrize(("severity", "deadline_s"), [("medium", 3600), ("low", 86_400)])
async def test_each_severity_has_its_deadline(severity, deadline_s):
    """Whoever answers in time is left alone."""
    async with house() as built:
        late, timely = alert("L", severity=severity), alert("T", severity=severity, cluster="y")
        await built.fire(late, timely, for_s=FAR_S)
        await built.advance(to_s=deadline_s - 1)
        await answer(built, timely, ResponseAction.ACKNOWLEDGE)
        await built.advance(to_s=deadline_s)
        assert [one for one in told(built) if one[0] > 0] == [(deadline_s, "slack", "L")]
        assert not built.responder.care_of(ident(timely)).is_deadline_missed
        assert (
            built.registry.get_sample_value(
                "anyascope_alert_deadlines_total", {"severity": severity, "outcome": "missed"}
            )
            == 1
        )
        assert (
            built.registry.get_sample_value("anyascope_alert_deadlines_total", {"severity": severity, "outcome": "met"})
            == 1
        )


async def test_a_critical_that_nobody_answers_at_once_missed_its_deadline_and_keeps_its_ladder():
    """Its policy is what follows already: the phone rings after its 15 minutes, not sooner."""
    async with house() as built:
        await built.fire(A, for_s=FAR_S)
        await built.advance(to_s=899)
        assert built.responder.care_of(ident(A)).is_deadline_missed
        assert not [one for one in told(built) if one[1] == "phone"]
        story = await built.responder.story(ident(A))
        kinds = [(event.kind.value, (event.at_ns - built.start_ns) / NS_PER_S) for event in story.timeline]
        assert [one for one in kinds if one[0] != "notified"] == [
            ("fired", 0),
            ("escalated", 0),
            ("deadline_missed", 60),
        ]


async def test_without_policies_nothing_but_the_routes_acts():
    """Users of Alertmanager's configuration alone see Alertmanager's behaviour."""
    async with house(CONFIG.replace("receiver: none", "receiver: team"), escalation="") as built:
        await built.fire(alert("H", severity="high"), for_s=FAR_S)
        await built.advance(to_s=3000)
        assert told(built) == [(30, "email", "H"), (30, "slack", "H")]
        care = built.responder.care_of(ident(alert("H", severity="high")))
        assert (care.policy, care.deadline_ns, care.escalation) == ("", 0, None)


async def test_what_the_route_tells_the_policy_does_not_tell_again():
    """Both name the same Slack: one message, by whoever is first, and the policy's repeats."""
    async with house(CONFIG.replace("receiver: none", "receiver: team")) as built:
        await built.fire(A, for_s=FAR_S)
        await built.fire(alert("H", severity="high", cluster="y"), for_s=FAR_S)
        await built.advance(to_s=310)
        assert told(built) == [
            (0, "email", "A"),
            (0, "slack", "A"),
            (0, "slack", "H"),
            (30, "email", "H"),
            (300, "email", "A"),
            (300, "slack", "A"),
        ]


async def test_repeats_that_follow_each_other_soon_are_all_told():
    """What the route told counts for the first call, and for no repeat after it."""
    policy = (
        "escalation_policies: [{name: p, severities: [critical], levels: [{channels: [slack], repeat_interval: 10s}]}]"
    )
    async with house(CONFIG.replace("receiver: none", "receiver: team"), escalation=policy) as built:
        await built.fire(A, for_s=FAR_S)
        await built.advance(to_s=31)
        assert [s for s, kind, _ in told(built) if kind == "slack"] == [0, 10, 20, 30]


# --- answers ----------------------------------------------------------------------------------------------------------


async def test_an_acknowledgement_stops_it_and_the_end_is_told_to_all_that_were_called():
    """Nobody is called any longer; everybody who was hears of the recovery, the phone that the ladder reached too."""
    async with house() as built:
        await built.fire(A, for_s=FAR_S)
        await built.advance(to_s=901)
        result = await answer(built, A, ResponseAction.ACKNOWLEDGE)
        assert result.story.care.escalation.is_stopped
        assert result.story.care.escalation.level == 1
        await built.advance(to_s=20_000)
        assert max(one[0] for one in told(built)) == 900
        await built.resolve(A)
        assert told(built)[-3:] == [(20_000, "email", "-A"), (20_000, "phone", "-A"), (20_000, "slack", "-A")]


async def test_nobody_is_told_of_the_end_who_was_not_told_of_the_beginning():
    """The phone was never called."""
    async with house() as built:
        await built.fire(A, for_s=FAR_S)
        await built.advance(to_s=400)
        await built.resolve(A)
        await built.advance(to_s=2000)
        assert {kind for _, kind, names in told(built) if names == "-A"} == {"slack", "email"}


async def test_an_acknowledgement_that_times_out_calls_anew_from_the_first_level():
    """The policy says for how long an answer holds."""
    policy = """
escalation_policies:
  - name: p
    severities: [critical]
    levels: [{channels: [team/slack], repeat_interval: 5m}, {delay: 15m, channels: [phone]}]
    acknowledgement_timeout: 30m
"""
    async with house(escalation=policy) as built:
        await built.fire(A, for_s=FAR_S)
        await built.advance(to_s=10)
        await answer(built, A, ResponseAction.ACKNOWLEDGE)
        await built.advance(to_s=3000)
        anew = [(1810.0 + s, "slack", "A") for s in (0, 300, 600, 900)]
        assert told(built) == sorted([(0, "slack", "A"), *anew, (2710, "phone", "A")])


async def test_an_acknowledgement_taken_back_calls_anew():
    """At once, from the first level."""
    async with house() as built:
        await built.fire(A, for_s=FAR_S)
        await answer(built, A, ResponseAction.ACKNOWLEDGE)
        await built.advance(to_s=1000)
        await answer(built, A, ResponseAction.UNACKNOWLEDGE)
        await built.advance(to_s=1301)
        assert [s for s, kind, _ in told(built) if kind == "slack"] == [0, 1000, 1300]


async def test_a_snooze_that_ends_calls_anew():
    """Nobody hears of it until then."""
    async with house() as built:
        await built.fire(A, for_s=FAR_S)
        await built.advance(to_s=100)
        await answer(built, A, ResponseAction.SNOOZE, for_s=3600)
        await built.advance(to_s=4001)
        assert [s for s, kind, _ in told(built) if kind == "slack"] == [0, 3700, 4000]


async def test_what_is_resolved_by_hand_calls_nobody_and_its_end_is_told():
    """Also to the phone."""
    async with house() as built:
        await built.fire(A, for_s=FAR_S)
        await built.advance(to_s=950)
        await answer(built, A, ResponseAction.RESOLVE)
        await built.advance(to_s=4000)
        assert [one for one in told(built) if one[0] > 900] == [
            (950, "email", "-A"),
            (950, "phone", "-A"),
            (950, "slack", "-A"),
        ]


async def test_the_next_level_is_called_on_request():
    """Now instead of after its delay; where none is left, the last one again."""
    async with house() as built:
        await built.fire(A, for_s=FAR_S)
        await built.advance(to_s=60)
        await answer(built, A, ResponseAction.ESCALATE)
        await built.advance(to_s=100)
        await answer(built, A, ResponseAction.ESCALATE)
        await built.advance(to_s=701)
        assert [s for s, kind, _ in told(built) if kind == "phone"] == [60, 100, 700]


async def test_what_comes_and_goes_is_one_matter_to_people():
    """From the fourth beginning on neither ends nor returns are told; an acknowledgement holds; the end is told once calm."""
    high = alert("H", severity="high")
    async with house() as built:
        for start_s in (0, 120, 240, 360):
            await built.advance(to_s=start_s)
            await built.fire(high, for_s=FAR_S)
            await built.advance(to_s=start_s + 60)
            await built.resolve(high)
        await answer(built, high, ResponseAction.ACKNOWLEDGE)
        await built.advance(to_s=480)
        await built.fire(high, for_s=FAR_S)
        assert built.responder.care_of(ident(high)).acknowledgement.by == "alice"
        await built.advance(to_s=540)
        await built.resolve(high)
        await built.advance(to_s=4000)
        ends = [(60, "slack", "-H"), (180, "slack", "-H"), (300, "slack", "-H"), (1380, "slack", "-H")]
        assert told(built) == sorted([(float(s), "slack", "H") for s in (0, 120, 240, 360)] + ends)


# --- groups -----------------------------------------------------------------------------------------------------------


async def test_an_alert_that_joins_is_told_to_everybody_called_so_far_and_moves_no_times():
    """With the others, at once; the repeats stay where they were."""
    async with house() as built:
        await built.fire(A, for_s=FAR_S)
        await built.advance(to_s=950)
        await built.fire(B, for_s=FAR_S)
        await built.advance(to_s=1201)
        assert [one for one in told(built) if one[0] > 900] == [
            (950, "email", "A B"),
            (950, "phone", "A B"),
            (950, "slack", "A B"),
            (1200, "email", "A B"),
            (1200, "slack", "A B"),
        ]


async def test_alerts_that_trickle_in_are_told_together():
    """At most every 30 seconds, however many there are."""
    async with house() as built:
        await built.fire(A, for_s=FAR_S)
        for number in range(20):
            await built.advance(to_s=1 + number)
            await built.fire(alert(f"T{number:02}"), for_s=FAR_S)
        await built.advance(to_s=200)
        slack = [(s, names.count(" ") + 1) for s, kind, names in told(built) if kind == "slack"]
        assert slack == [(0, 1), (30, 21)]


async def test_a_large_group_is_looked_at_once_a_second(monkeypatch):
    """A storm of single posts costs a look a second, not a look a post; the first call waits for nothing."""
    monkeypatch.setattr("anyascope.alerting.escalation.ladders.LARGE_GROUP", 3)
    async with house() as built:
        looks = []
        look = built.escalation._ladders.look
        monkeypatch.setattr(
            built.escalation._ladders, "look", lambda *a, **k: (looks.append(k["now_ns"]), look(*a, **k))[1]
        )
        await built.fire(A, for_s=FAR_S)
        assert [one[1] for one in told(built)] == ["email", "slack"]
        for number in range(20):
            await built.fire(alert(f"T{number:02}"), for_s=FAR_S)
        await built.advance(to_s=10)
        assert len(looks) < 8
        await built.advance(to_s=31)
        assert [names.count(" ") + 1 for s, kind, names in told(built) if kind == "slack"] == [1, 21]


async def test_acknowledging_one_of_two_goes_on_for_the_other():
    """On the same grid, without the one that was answered; when both are, it stops."""
    async with house() as built:
        await built.fire(A, B, for_s=FAR_S)
        await built.advance(to_s=100)
        await answer(built, A, ResponseAction.ACKNOWLEDGE)
        await built.advance(to_s=400)
        await answer(built, B, ResponseAction.ACKNOWLEDGE)
        await built.advance(to_s=4000)
        assert [one for one in told(built) if one[1] == "slack"] == [(0, "slack", "A B"), (300, "slack", "B")]


async def test_one_of_two_that_ends_is_told_soon_and_the_last_at_once():
    """Whoever heard of both hears of both ends."""
    async with house() as built:
        await built.fire(A, B, for_s=FAR_S)
        await answer(built, A, ResponseAction.ACKNOWLEDGE)
        await answer(built, B, ResponseAction.ACKNOWLEDGE)
        await built.advance(to_s=100)
        await built.resolve(A)
        await built.advance(to_s=110)
        await built.resolve(B)
        assert [one for one in told(built) if one[1] == "slack"] == [
            (0, "slack", "A B"),
            (100, "slack", "B -A"),
            (110, "slack", "-B"),
        ]


async def test_policies_of_one_group_climb_side_by_side():
    """Each alert by its own policy."""
    async with house() as built:
        await built.fire(A, alert("H", severity="high"), for_s=FAR_S)
        await built.advance(to_s=301)
        assert told(built) == [
            (0, "email", "A"),
            (0, "slack", "A"),
            (0, "slack", "H"),
            (300, "email", "A"),
            (300, "slack", "A"),
        ]


# --- mutes ------------------------------------------------------------------------------------------------------------


async def test_a_muted_alert_calls_nobody_and_begins_anew_when_it_is_heard_again():
    """While another alert speaks for it the ladder is down; a deadline that passes meanwhile begins anew."""
    async with house() as built:
        high = alert("H", severity="high", mutes="no")
        await built.fire(alert("Cause", severity="low", mutes="yes"), for_s=FAR_S)
        await built.fire(high, for_s=FAR_S)
        await built.advance(to_s=1000)
        assert [one for one in told(built) if "H" in one[2]] == []
        assert not built.responder.care_of(ident(high)).is_deadline_missed
        await built.resolve(alert("Cause", severity="low", mutes="yes"))
        await built.advance(to_s=1700)
        assert [one for one in told(built) if one[0] > 0] == [(1000, "slack", "-Cause"), (1000, "slack", "H")]


# --- crashes, clocks, reloads -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("at_s", [0, 1, 299, 300, 899, 900, 901])
async def test_a_restart_in_mid_escalation_changes_nothing(at_s):
    """The same calls at the same seconds as without it."""
    async with house() as built:
        await built.fire(A, for_s=FAR_S)
        await built.advance(to_s=at_s)
        await built.restart()
        await built.advance(to_s=2000)
        expected = [(float(s), kind, "A") for s in range(0, 2000, 300) for kind in ("email", "slack")]
        assert told(built) == sorted([*expected, (900, "phone", "A"), (1500, "phone", "A")])


async def test_what_was_missed_while_the_server_was_down_is_told_once():
    """Of four repeats the latest, and the phone whose time has come."""
    async with house() as built:
        await built.fire(A, for_s=FAR_S)
        await built.crash()
        await built.clock.advance(1000)
        built._build()
        await built.start()
        await built.advance(to_s=1201)
        assert [one for one in told(built) if one[0] > 0] == [
            (1000, "email", "A"),
            (1000, "phone", "A"),
            (1000, "slack", "A"),
            (1200, "email", "A"),
            (1200, "slack", "A"),
        ]


async def test_a_deadline_outlives_a_restart():
    """Nothing of it is stored: the alert and its policy say when it is. A start with new policies gives the whole time."""
    high = alert("H", severity="high")
    async with house() as built:
        await built.fire(high, for_s=FAR_S)
        await built.advance(to_s=100)
        await built.restart()
        await built.advance(to_s=2000)
        assert told(built) == [(0, "slack", "H"), (900, "slack", "H")]
    async with house(escalation="") as built:
        await built.fire(high, for_s=FAR_S)
        await built.advance(to_s=2000)
        built.means = built.means_of(SHIPPED)
        await built.restart()
        await built.advance(to_s=2901)
        assert told(built) == [(2000, "slack", "H"), (2900, "slack", "H")]


async def test_an_end_that_a_crash_cut_off_is_told_after_it():
    """Also where no route told of the alert, and its group is gone."""
    async with house() as built:
        await built.fire(A, for_s=FAR_S)
        await built.advance(to_s=1000)
        await built.responder.respond(ident(A), ResponseAction.RESOLVE, by="alice")
        await built.restart()
        await built.advance(to_s=1001)
        assert {kind for _, kind, names in told(built) if names == "-A"} == {"slack", "email", "phone"}


async def test_people_are_called_while_nothing_can_be_stored():
    """A full disk does not take the ladder down; once it can be stored, a restart goes on from where it is."""
    async with house() as built:
        await built.fire(A, for_s=FAR_S)
        await built.advance(to_s=100)
        built.documents.trouble = UnavailableError("the disk is full", retry_after_s=1)
        await built.advance(to_s=901)
        calls = {(s, kind) for s, kind, _ in told(built)}
        assert {(300, "slack"), (600, "slack"), (900, "slack"), (900, "phone")} <= {
            (round(s), kind) for s, kind in calls
        }
        built.documents.trouble = None
        await built.advance(to_s=1000)
        await built.restart()
        await built.advance(to_s=1201)
        assert [one for one in told(built) if one[0] > 910] == [(1200, "email", "A"), (1200, "slack", "A")]


@pytest.mark.parametrize("by_s", [-7200.0, 7200.0])
async def test_a_clock_that_is_set_changes_no_wait(by_s):
    """Five minutes are five minutes, whatever the wall clock says."""
    async with house() as built:
        await built.fire(A, for_s=FAR_S)
        await built.clock.advance(100)
        built.clock.set_wall(by_s=by_s)
        built.start_ns += int(by_s * NS_PER_S)
        await built.clock.advance(1401)
        after = {round(s % 86400) for s, _, _ in told(built) if s > 0 and s != -by_s}
        assert after == {300, 600, 900, 1200, 1500}


async def test_a_clock_that_was_set_back_while_the_server_was_down_keeps_nobody_waiting():
    """What is stored lies hours ahead then: the ladder goes on from now."""
    async with house() as built:
        await built.fire(A, for_s=FAR_S)
        await built.advance(to_s=310)
        await built.crash()
        built.clock.set_wall(by_s=-7200.0)
        built.start_ns -= 7200 * NS_PER_S
        built._build()
        await built.start()
        await built.advance(to_s=1801)
        calls = {kind: [s for s, of, _ in told(built) if of == kind and s < 2000] for kind in ("slack", "phone")}
        assert calls == {"slack": [610, 910, 1210, 1510], "phone": [910, 1510]}


async def test_a_reload_goes_on_where_it_was_and_a_new_policy_acts_on_what_fires():
    """Policies that are switched on call people for alerts that fire already."""
    async with house(escalation="") as built:
        await built.fire(A, for_s=FAR_S)
        await built.advance(to_s=100)
        assert told(built) == []
        await built.reload_escalation(SHIPPED)
        assert told(built) == [(100, "email", "A"), (100, "slack", "A")]
        await built.reload_escalation(SHIPPED)
        await built.advance(to_s=401)
        assert [one for one in told(built) if one[0] > 100] == [(400, "email", "A"), (400, "slack", "A")]
        await built.reload_escalation("")
        await built.advance(to_s=2000)
        assert max(one[0] for one in told(built)) == 400


async def test_routes_that_change_do_not_start_the_ladder_anew():
    """The alert is in another group then; whoever was told is not told again, and the phone rings at its time."""
    async with house() as built:
        await built.fire(A, for_s=FAR_S)
        await built.advance(to_s=310)
        other = House(CONFIG.replace("[cluster]", "[alertname]"), receivers=PEOPLE).options
        await built.reload(other)
        await built.alerting.change(built.escalation.reload(built.means))
        await built.advance(to_s=901)
        assert [one for one in told(built) if one[0] > 300] == [
            (600, "email", "A"),
            (600, "slack", "A"),
            (900, "email", "A"),
            (900, "phone", "A"),
            (900, "slack", "A"),
        ]


async def test_an_alert_names_its_policy():
    """By label, by its rule's annotation, by its route's labels; an unknown name counts as none."""
    policies = """
escalation_policies:
  - {name: mail, levels: [{channels: [team/email]}]}
  - {name: call, levels: [{channels: [phone]}]}
  - {name: chat, severities: [critical, high, medium, low], levels: [{channels: [slack]}]}
"""
    config = CONFIG.replace(
        "repeat_interval: 4h}",
        "repeat_interval: 4h, routes: [{matchers: [team=night], labels: {escalation_policy: call}}]}",
    )
    async with house(config, escalation=policies) as built:
        await built.fire(alert("Label", escalation_policy="mail", team="night"), for_s=FAR_S)
        await built.fire(alert("Rule"), for_s=FAR_S, annotations={"escalation_policy": "mail"})
        await built.fire(alert("Route", team="night"), for_s=FAR_S)
        await built.fire(alert("Wrong", cluster="y", escalation_policy="nobody"), for_s=FAR_S)
        await built.advance(to_s=31)
        of = {names: kind for _, kind, names in told(built)}
        assert of == {"Label": "email", "Rule": "email", "Route": "phone", "Wrong": "slack"}


async def test_what_a_shipped_policy_cannot_tell_is_said():
    """Without a phone the second level tells nobody, and health says so."""
    async with house(receivers=PEOPLE[:1]) as built:
        (word,) = built.escalation.health()
        assert (word.status.value, word.message) == ("degraded", "nobody to tell: critical: phone")
        await built.fire(A, for_s=FAR_S)
        await built.advance(to_s=901)
        assert {kind for _, kind, _ in told(built)} == {"slack", "email"}


async def test_a_dozen_stuck_transactions_are_one_message_and_a_later_one_is_told():
    """Each is an alert of its own; by the default grouping those of one look are told together, and the end of one is told."""
    config = CONFIG.replace("group_by: [cluster]", "group_by: [alertname, component]")
    stuck = [alert("WalletTransactionStuck", severity="high", component="wallet", txid=f"{n:02}") for n in range(13)]
    async with house(config) as built:
        await built.fire(*stuck[:12], for_s=FAR_S)
        await built.advance(to_s=100)
        await built.fire(stuck[12], for_s=FAR_S)
        await built.advance(to_s=200)
        await built.resolve(stuck[0])
        await built.advance(to_s=300)
        slack = [names for _, kind, names in told(built) if kind == "slack"]
        firing = [names.count(" WalletTransactionStuck") + names.startswith("Wallet") for names in slack]
        assert firing == [12, 13, 12]
        assert [names.count("-WalletTransactionStuck") for names in slack] == [0, 0, 1]
