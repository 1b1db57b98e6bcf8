"""The one thread that talks to a far end, driven by hand."""

from __future__ import annotations

from random import Random

import pytest

from anyascope.sdk.delivery.answer import Answer, Verdict, judge_status
from anyascope.sdk.delivery.backlog import Body, MemoryBacklog
from anyascope.sdk.delivery.courier import IDLE_S, ODD_ATTEMPTS_MAX, Courier, Lane
from anyascope.sdk.delivery.patience import BACKOFF_FIRST_S, BACKOFF_MAX_S, RETRY_AFTER_S_MAX
from anyascope.sdk.delivery.tally import Tally

TAKEN = Answer(Verdict.TAKEN)
DOWN = Answer(Verdict.UNREACHABLE, "refused")
REFUSED = Answer(Verdict.REFUSED, "400 no")


def later(retry_after_s: float = 0.0, *, is_odd: bool = False) -> Answer:
    return Answer(Verdict.LATER, "503", retry_after_s=retry_after_s, is_odd=is_odd)


class Script:
    """A far end that answers as told, the last answer for ever."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.sent = []

    def send(self, data):
        self.sent.append(data)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return answer(data) if callable(answer) else answer

    def close(self):
        pass

    def after_fork(self):
        pass


class House:
    """A courier on a clock that stands still."""

    def __init__(self):
        self.now_s = 1000.0
        self.tally = Tally()
        self.aside = []
        self.courier = Courier("far", tally=self.tally, now_s=lambda: self.now_s, random=Random(1))

    def lane(self, script, *, signal="traces", joins=True):
        lane = Lane(
            signal,
            MemoryBacklog(signal=signal, tally=self.tally),
            script,
            joins=joins,
            set_aside=lambda _signal, body: self.aside.append(body.data),
        )
        self.courier.add(lane)
        return lane

    def stats(self, signal="traces"):
        return self.tally.stats()[signal]


@pytest.fixture
def house():
    made = House()
    yield made
    for lane in made.courier.lanes:
        made.courier.remove(lane)


def put(lane, *bodies):
    for body in bodies:
        lane.backlog.put(Body(body, 1))


def test_what_is_taken_is_gone_and_counted(house):
    """A body that the far end took leaves the backlog and counts as exported."""
    script = Script(TAKEN)
    lane = house.lane(script)
    put(lane, b"a")
    assert house.courier.step() == 0
    assert house.courier.step() == IDLE_S
    assert script.sent == [b"a"]
    assert lane.backlog.waiting() == (0, 0)
    assert house.stats().exported == 1


def test_otlp_bodies_travel_together(house):
    """Bodies that may be joined go as one, others one by one."""
    joined, single = Script(TAKEN), Script(TAKEN)
    put(house.lane(joined), b"a", b"b")
    put(house.lane(single, joins=False, signal="alerts"), b"a", b"b")
    while house.courier.step() == 0:
        pass
    assert joined.sent == [b"ab"]
    assert single.sent == [b"a", b"b"]


def test_an_unreachable_far_end_is_left_alone_for_longer_each_time(house):
    """Waits double from the first to the longest, spread by half, and end with the first success."""
    script = Script(DOWN)
    lane = house.lane(script)
    put(lane, b"a")
    waits = []
    for _ in range(10):
        house.courier.step()
        waits.append(house.courier.step())
        house.now_s += waits[-1]
    for number, wait in enumerate(waits):
        longest = min(BACKOFF_FIRST_S * 2**number, BACKOFF_MAX_S)
        assert longest / 2 <= wait <= longest
    assert len(script.sent) == 10
    assert house.courier.outage.failures == 10
    script.answers = [TAKEN]
    house.courier.step()
    assert house.courier.outage.failures == 0


def test_while_it_is_unreachable_no_signal_is_tried(house):
    """One attempt tells for all signals of a far end."""
    traces, logs = Script(DOWN), Script(DOWN)
    put(house.lane(traces), b"a")
    put(house.lane(logs, signal="logs"), b"b")
    house.courier.step()
    house.courier.step()
    assert (len(traces.sent), len(logs.sent)) == (1, 0)


def test_retry_after_is_obeyed_to_the_second(house):
    """Nothing is sent before the time that the far end named, and it is sent then."""
    script = Script(later(90), TAKEN)
    put(house.lane(script), b"a")
    house.courier.step()
    house.now_s += 89.9
    house.courier.step()
    assert len(script.sent) == 1
    house.now_s += 0.1
    house.courier.step()
    assert script.sent == [b"a", b"a"]


def test_a_flush_does_not_break_into_the_quiet_that_was_asked_for(house):
    """What the far end asked for holds also when we are in a hurry; our own back-off does not."""
    asked, own = Script(later(90)), Script(later(0))
    put(house.lane(asked), b"a")
    put(house.lane(own, signal="logs"), b"b")
    house.courier.step()
    house.courier.flush(0)
    house.courier.step()
    assert (len(asked.sent), len(own.sent)) == (1, 2)


def test_an_absurd_retry_after_is_capped(house):
    """A far end that asks for a year is asked again within the hour."""
    put(house.lane(Script(later(3e7))), b"a")
    house.courier.step()
    assert house.courier.lanes[0].patience.not_before_s == house.now_s + RETRY_AFTER_S_MAX


def test_one_busy_signal_does_not_hold_up_the_others(house):
    """503 for traces leaves logs alone."""
    logs = Script(TAKEN)
    put(house.lane(Script(later(60))), b"a")
    put(house.lane(logs, signal="logs"), b"b")
    house.courier.step()
    assert logs.sent == [b"b"]


def test_what_is_refused_is_set_aside_once(house):
    """A 4xx is not tried again; the body is kept for people and counted."""
    script = Script(REFUSED)
    lane = house.lane(script)
    put(lane, b"bad")
    while house.courier.step() == 0:
        pass
    assert script.sent == [b"bad"]
    assert house.aside == [b"bad"]
    assert house.stats().dropped == {"refused": 1}
    assert lane.backlog.waiting() == (0, 0)


def test_one_bad_body_costs_no_other(house):
    """A joined body that is refused is taken apart: only the culprit is set aside."""
    script = Script(lambda data: REFUSED if b"bad" in data else TAKEN)
    lane = house.lane(script)
    put(lane, b"good1", b"bad", b"good2")
    while house.courier.step() == 0:
        pass
    assert house.aside == [b"bad"]
    assert house.stats().exported == 2
    put(lane, b"c", b"d")
    house.courier.step()
    assert script.sent[-1] == b"cd"


def test_a_fault_of_the_far_end_at_one_body_does_not_last_for_ever(house):
    """A body at which it fails with 500 is tried some times and then set aside; what stands behind it goes on."""
    script = Script(lambda data: later(is_odd=True) if data == b"bad" else TAKEN)
    lane = house.lane(script, joins=False)
    put(lane, b"bad", b"good")
    for _ in range(40):
        house.courier.step()
        house.now_s += BACKOFF_MAX_S
    assert script.sent == [b"bad"] * ODD_ATTEMPTS_MAX + [b"good"]
    assert house.aside == [b"bad"]


def test_a_partial_success_counts_both_ways(house):
    """Items that the far end left out are dropped, the others exported."""
    lane = house.lane(Script(Answer(Verdict.TAKEN, rejected=2)))
    lane.backlog.put(Body(b"a", 5))
    house.courier.step()
    assert (house.stats().exported, house.stats().dropped) == (3, {"refused": 2})


@pytest.mark.parametrize("answer", [TAKEN, REFUSED])
def test_what_waits_no_longer_is_in_the_account(house, monkeypatch, answer):
    """A flush on another thread ends when nothing waits, and its caller may ask for the account at once."""
    lane = house.lane(Script(answer))
    done, counted = lane.backlog.done, []

    def watched(count):
        if count:
            counted.append(house.stats().exported + sum(house.stats().dropped.values()))
        done(count)

    monkeypatch.setattr(lane.backlog, "done", watched)
    put(lane, b"a")
    house.courier.step()
    assert counted == [1]


def test_memory_is_bounded_while_nothing_can_be_sent(house):
    """Beyond its bytes a backlog loses its oldest bodies, and counts their items; the one on its way is not counted twice."""
    backlog = MemoryBacklog(signal="traces", tally=house.tally, bytes_max=100)
    for number in range(20):
        backlog.put(Body(bytes([number]) * 10, 3))
    assert backlog.waiting() == (30, 100)
    taken = backlog.take(10)
    backlog.put(Body(b"x" * 90, 1))
    backlog.done(1)
    assert taken[0].data == bytes([10]) * 10
    assert backlog.waiting() == (1, 90)
    assert house.stats().dropped == {"outbox_full": 19 * 3}


def test_what_came_back_keeps_its_place(house):
    """Bodies that were not sent are the next ones again, in their order."""
    backlog = MemoryBacklog(signal="traces", tally=house.tally)
    for data in (b"a", b"b", b"c"):
        backlog.put(Body(data, 1))
    backlog.take(2)
    backlog.done(1)
    assert [body.data for body in backlog.take(100)] == [b"b", b"c"]


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        (200, Verdict.TAKEN),
        (204, Verdict.TAKEN),
        (301, Verdict.REFUSED),
        (400, Verdict.REFUSED),
        (401, Verdict.REFUSED),
        (404, Verdict.REFUSED),
        (408, Verdict.LATER),
        (413, Verdict.REFUSED),
        (425, Verdict.LATER),
        (429, Verdict.LATER),
        (500, Verdict.LATER),
        (502, Verdict.LATER),
        (503, Verdict.LATER),
        (504, Verdict.LATER),
        (599, Verdict.LATER),
    ],
)
def test_what_a_status_means(status, verdict):
    """2xx is taken, 408, 425, 429 and 5xx later, all else refused."""
    assert judge_status(status) is verdict
