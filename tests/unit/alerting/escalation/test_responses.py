"""What people do about alerts: kept, shown, and obeyed, across a restart too."""

from __future__ import annotations

import pytest

from anyascope.alerting.fingerprint import fingerprint_of
from anyascope.clock import NS_PER_S
from anyascope.errors import ConflictError, InvalidInputError, NotFoundError, UnavailableError
from anyascope.model.alerts import Alert
from anyascope.model.labels import labels_of
from anyascope.model.responses import AlertEventKind, ResponseAction
from support.pages import House

CONFIG = """
route: {receiver: team, group_by: [alertname], group_wait: 10s, group_interval: 1m, repeat_interval: 5m}
receivers: [{name: team, webhook_configs: [{url: 'http://hook'}]}]
"""
A = {"alertname": "Down", "instance": "a", "severity": "warning"}
ID = fingerprint_of(labels_of(A))


async def events(house, alert_id=ID):
    story = await house.responder.story(alert_id)
    return [(event.kind.value, (event.at_ns - house.start_ns) / NS_PER_S, event.by) for event in story.timeline]


async def test_an_alerts_life_is_told_from_its_beginning():
    """Beginning, notifications, answers and end stand in its time line, oldest first, with who and when."""
    async with House(CONFIG) as house:
        await house.fire(A, for_s=1e6)
        await house.advance(to_s=12)
        await house.responder.respond(ID, ResponseAction.ACKNOWLEDGE, by="alice", note="on it")
        await house.responder.respond(ID, ResponseAction.ASSIGN, by="alice", to="bob")
        await house.responder.respond(ID, ResponseAction.COMMENT, by="bob", note="disk swapped")
        await house.restart()
        await house.advance(to_s=20)
        await house.resolve(A)
        await house.advance(to_s=200)
        assert await events(house) == [
            ("fired", 0, ""),
            ("notified", 10, ""),
            ("acknowledged", 12, "alice"),
            ("assigned", 12, "alice"),
            ("commented", 12, "bob"),
            ("resolved", 20, ""),
            ("notified", 70, ""),
        ]
        story = await house.responder.story(ID)
        assert story.care.assigned_to == "bob"
        assert story.timeline[2].text == "acknowledged it: on it"
        assert story.timeline[2].details == {"took_s": 12.0}
        assert story.timeline[1].details["status"] == "sent"
        assert story.timeline[-1].details["state"] == "resolved"


async def test_two_who_acknowledge_are_told_of_each_other():
    """The first stays the name on it; the second hears who that is, and the time line tells the first of the second."""
    async with House(CONFIG) as house:
        await house.fire(A, for_s=1e6)
        first = await house.responder.respond(ID, ResponseAction.ACKNOWLEDGE, by="alice")
        await house.advance(to_s=3)
        second = await house.responder.respond(ID, ResponseAction.ACKNOWLEDGE, by="bob")
        assert first.notice == ""
        assert second.notice == "alice acknowledged it 3s before you"
        assert second.story.care.acknowledgement.by == "alice"
        assert second.story.timeline[-1].text == "acknowledged it too, 3s after alice"


async def test_an_acknowledgement_lapses_and_can_be_taken_back():
    """One with a length is over when that has passed, also across a restart; one without stays until it is taken back."""
    async with House(CONFIG) as house:
        await house.fire(A, for_s=1e6)
        await house.responder.respond(ID, ResponseAction.ACKNOWLEDGE, by="alice", for_s=60)
        await house.restart()
        await house.advance(to_s=59)
        assert house.responder.care_of(ID).acknowledgement is not None
        await house.advance(to_s=60)
        assert house.responder.care_of(ID).acknowledgement is None
        await house.responder.respond(ID, ResponseAction.ACKNOWLEDGE, by="bob")
        await house.responder.respond(ID, ResponseAction.UNACKNOWLEDGE, by="bob")
        with pytest.raises(ConflictError, match="nobody"):
            await house.responder.respond(ID, ResponseAction.UNACKNOWLEDGE, by="bob")
        kinds = [kind for kind, _, _ in await events(house)]
        assert kinds == [
            "fired",
            "acknowledged",
            "notified",
            "acknowledgement_expired",
            "acknowledged",
            "unacknowledged",
        ]


async def test_a_snoozed_alert_is_quiet_and_its_end_is_told():
    """Nobody is told while it is snoozed; afterwards what fires still is told."""
    async with House(CONFIG) as house:
        await house.fire(A, for_s=1e6)
        await house.responder.respond(ID, ResponseAction.SNOOZE, by="alice", for_s=100)
        await house.advance(to_s=100)
        assert house.told() == []
        await house.advance(to_s=131)
        assert house.told() == [(130, "first notification", ["a"])]
        assert ("snooze_ended", 100, "") in await events(house)


async def test_what_somebody_resolved_stays_resolved_while_its_sender_tells_of_the_same_beginning():
    """A sender repeats itself each minute; only a new beginning, or a day, makes it fire again."""
    async with House(CONFIG) as house:
        began_ns = house.clock.now_ns()

        async def repeat(starts_ns=began_ns):
            ends_ns = house.clock.now_ns() + 400 * NS_PER_S
            await house.hand_over([Alert(labels_of(A), starts_ns=starts_ns, ends_ns=ends_ns)])

        await repeat()
        await house.advance(to_s=15)
        result = await house.responder.respond(ID, ResponseAction.RESOLVE, by="alice", note="false alarm")
        assert not result.story.alert.is_firing
        await repeat()
        assert not house.alerting.alerts()[0].is_firing
        await house.restart()
        await house.advance(to_s=80)
        await repeat()
        assert house.told() == [(10, "first notification", ["a"]), (70, "all alerts resolved", ["-a"])]
        await repeat(starts_ns=house.clock.now_ns())
        assert house.alerting.alerts()[0].is_firing
        kinds = [kind for kind, _, _ in await events(house)]
        assert kinds == ["fired", "notified", "resolved_by_hand", "notified", "refired"]


async def test_what_is_still_told_of_after_a_day_fires_again():
    """Nobody's word silences a fault for ever."""
    async with House(CONFIG) as house:
        alert = Alert(labels_of(A), starts_ns=house.clock.now_ns(), ends_ns=house.clock.now_ns() + 10**15)
        await house.hand_over([alert])
        await house.responder.respond(ID, ResponseAction.RESOLVE, by="alice")
        await house.clock.advance(86_399)
        await house.hand_over([alert])
        assert not any(one.is_firing for one in house.alerting.alerts())
        await house.clock.advance(1)
        await house.hand_over([alert])
        assert house.alerting.alerts()[0].is_firing


async def test_an_end_that_nobody_told_of_stands_in_the_time_line():
    """A sender that fell silent ends its alert too."""
    async with House(CONFIG) as house:
        await house.fire(A, for_s=30)
        await house.advance(to_s=100)
        assert ("resolved", 30, "") in await events(house)


async def test_a_new_episode_begins_without_the_answers_of_the_old_one():
    """Whoever acknowledged last week has not acknowledged this."""
    async with House(CONFIG) as house:
        await house.fire(A, for_s=1e6)
        await house.responder.respond(ID, ResponseAction.ACKNOWLEDGE, by="alice")
        await house.resolve(A)
        assert house.responder.care_of(ID).acknowledgement.by == "alice"
        await house.clock.advance(1)
        await house.fire(A, for_s=1e6)
        assert house.responder.care_of(ID).acknowledgement is None
        assert [kind for kind, _, _ in await events(house)] == ["fired", "acknowledged", "resolved", "refired"]


@pytest.mark.parametrize(
    ("action", "given", "message"),
    [
        (ResponseAction.ACKNOWLEDGE, {"by": " "}, "by: must not be empty"),
        (ResponseAction.ACKNOWLEDGE, {"by": "a", "for_s": 0.5}, "for_s: must be 1 to 2592000 seconds, got 0.5"),
        (
            ResponseAction.ACKNOWLEDGE,
            {"by": "a", "for_s": float("nan")},
            "for_s: must be 1 to 2592000 seconds, got nan",
        ),
        (ResponseAction.ACKNOWLEDGE, {"by": "a" * 201}, "by: has 201 characters, at most 200 are kept"),
        (ResponseAction.ACKNOWLEDGE, {"by": "a\x1b[2J"}, "by: must not hold control characters"),
        (ResponseAction.SNOOZE, {"by": "a"}, "for_s: a snooze needs a length"),
        (ResponseAction.COMMENT, {"by": "a"}, "text: a comment needs a text"),
        (ResponseAction.ASSIGN, {"by": "a"}, "to: must not be empty"),
    ],
)
async def test_what_cannot_be_done_is_said(action, given, message):
    """The field and what is wrong with it."""
    async with House(CONFIG) as house:
        await house.fire(A, for_s=1e6)
        with pytest.raises(InvalidInputError) as caught:
            await house.responder.respond(ID, action, **given)
        assert str(caught.value) == message


async def test_an_alert_that_is_not_there_or_over_is_no_matter_of_answers():
    """404 and 409; a comment on what is over is welcome."""
    async with House(CONFIG) as house:
        with pytest.raises(NotFoundError):
            await house.responder.respond("feed", ResponseAction.ACKNOWLEDGE, by="alice")
        await house.fire(A, for_s=1e6)
        await house.resolve(A)
        for action in (ResponseAction.ACKNOWLEDGE, ResponseAction.RESOLVE, ResponseAction.ESCALATE):
            with pytest.raises(ConflictError):
                await house.responder.respond(ID, action, by="alice")
        result = await house.responder.respond(ID, ResponseAction.COMMENT, by="alice", note="it was the switch")
        assert result.story.timeline[-1].kind is AlertEventKind.COMMENTED


async def test_an_answer_that_cannot_be_stored_was_not_given():
    """Nothing is held that a restart would forget."""
    async with House(CONFIG) as house:
        await house.fire(A, for_s=1e6)
        house.documents.trouble = UnavailableError("the disk is full", retry_after_s=1)
        with pytest.raises(UnavailableError):
            await house.responder.respond(ID, ResponseAction.ACKNOWLEDGE, by="alice")
        house.documents.trouble = None
        assert house.responder.care_of(ID).acknowledgement is None


async def test_a_clock_that_is_set_leaves_the_length_of_a_snooze_alone():
    """An hour is an hour, whatever the wall clock says."""
    async with House(CONFIG) as house:
        await house.fire(A, for_s=1e6)
        await house.responder.respond(ID, ResponseAction.SNOOZE, by="alice", for_s=3600)
        house.clock.set_wall(by_s=7200)
        await house.clock.advance(3500)
        assert house.responder.care_of(ID).snoozed_until_ns
        house.clock.set_wall(by_s=-7200)
        await house.clock.advance(101)
        assert not house.responder.care_of(ID).snoozed_until_ns
