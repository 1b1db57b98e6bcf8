"""The hand-over: what an Alertmanager is told, when, and again."""

from __future__ import annotations

import itertools
import json
from random import Random

from anyascope.sdk.alerting import AlertBuilders, EscalationState, SendOutcome
from anyascope.sdk.alerting.forward import Forwarder, addresses
from anyascope.sdk.delivery.answer import Answer, Verdict
from support.alerting import House, an_alert

TAKEN = Answer(Verdict.TAKEN)


class Target:
    """Remembers what it was posted; `answers` come first."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.answers: list[Answer] = []
        self.posts: list[tuple[float, list[dict]]] = []

    def send(self, data: bytes) -> Answer:
        answer = self.answers.pop(0) if self.answers else TAKEN
        self.posts.append((self.house.clock.s, json.loads(data)))
        return answer

    def close(self) -> None:
        pass

    def after_fork(self) -> None:
        pass


def handing(*channels: str) -> tuple[House, Target]:
    """A house whose one target remembers; without channels nobody else is told."""
    house = House(*channels or ("nobody",), forward_to="http://am.test:9093")
    target = Target(house)
    forwarder = Forwarder("am", target, generator_url="", random=Random(1))
    house.manager._desk.forwarders = (forwarder,)
    house.manager._desk._targets = frozenset(("am",))
    return house, target


def test_posts_at_once_and_each_minute_until_it_is_over():
    """A lease of four minutes, renewed each minute; then the end, repeated for a quarter of an hour."""
    house, target = handing()
    identity = house.send(an_alert())
    house.to(130)
    assert [at for at, _ in target.posts] == [0.0, 60.0, 120.0]
    assert {post[0]["endsAt"] for _, post in target.posts[:1]} == {"2023-11-14T22:17:20.000Z"}
    house.manager.resolve(identity)
    house.to(130 + 3_600)
    ends = [at for at, _ in target.posts[3:]]
    assert ends == [131.0 + 60 * n for n in range(len(ends))]
    assert 13 <= len(ends) <= 16
    assert {post[0]["endsAt"] for _, post in target.posts[3:]} == {"2023-11-14T22:15:30.000Z"}


def test_what_was_handed_over_counts_as_sent():
    """The first word and the end are on record, not each repeat; a policy's absent channels are the target's business."""
    house, _ = handing()
    identity = house.send(an_alert())
    house.to(200)
    status = house.manager.status(identity)
    assert status.state is EscalationState.SENT
    assert [(record.channel, record.outcome, record.level) for record in status.sends] == [("am", SendOutcome.OK, -1)]


def test_channels_are_told_beside():
    """With channels of its own the policy is followed, too."""
    house, target = handing("slack")
    house.send(an_alert())
    assert house.told == [(0.0, "slack", "0-0")]
    assert len(target.posts) == 1


def test_a_target_that_is_down_is_tried_again_with_a_growing_wait():
    """Nothing is lost, an outage is recorded once, and everything arrives when it is back."""
    house, target = handing()
    target.answers = [Answer(Verdict.UNREACHABLE, "ConnectionRefusedError")] * 6
    identity = house.send(an_alert())
    house.send(an_alert("Another", id="2"))
    house.to(200)
    times = [at for at, _ in target.posts]
    assert times[1] >= 0.5
    assert all(later - sooner <= 61 for sooner, later in itertools.pairwise(times))
    assert len(target.posts[6][1]) == 2
    outcomes = [record.outcome for record in house.manager.status(identity).sends]
    assert outcomes == [SendOutcome.RETRY, SendOutcome.OK]


def test_retry_after_is_kept_to():
    """A target that asks for quiet gets it."""
    house, target = handing()
    target.answers = [Answer(Verdict.LATER, "429", retry_after_s=45)]
    house.send(an_alert())
    house.to(50)
    assert [at for at, _ in target.posts] == [0.0, 45.0]


def test_an_alert_that_is_refused_does_not_keep_the_others():
    """After a refusal each goes alone; the one that is refused is left for some minutes."""
    house, target = handing()
    target.answers = [Answer(Verdict.REFUSED, "400"), Answer(Verdict.REFUSED, "400 bad label")]
    bad = house.manager.send_alert(an_alert(id="bad"))
    good = house.send(an_alert("Another", id="good"))
    assert [len(post) for _, post in target.posts] == [2, 1, 1]
    assert house.manager.status(bad).sends[0].outcome is SendOutcome.FAILED
    assert house.manager.status(good).state is EscalationState.SENT


def test_what_is_new_of_an_alert_is_posted_at_once_under_the_same_labels():
    """A balance that falls further is the same alert there, with a new description."""
    house, target = handing()
    house.send(AlertBuilders.bitcoin_low_balance("hot", 900, 1000))
    house.clock.s = 5
    house.send(AlertBuilders.bitcoin_low_balance("hot", 100, 1000))
    (_, (first,)), (at, (second,)) = target.posts
    assert at == 5
    assert first["labels"] == second["labels"]
    assert "100 sats" in second["annotations"]["description"]


def test_many_go_in_parts():
    """A post has a bounded number of alerts; ends go first."""
    house, target = handing()
    for number in range(150):
        house.manager.send_alert(an_alert(f"Trouble {number}", id=f"id-{number}"))
    house.manager.tick()
    assert [len(post) for _, post in target.posts] == [64, 64, 22]
    house.clock.s = 70
    house.manager.resolve("id-149")
    house.manager.tick()
    assert target.posts[3][1][0]["labels"]["alertname"] == "Trouble 149"


def test_what_nobody_sends_again_is_let_go():
    """An alert that was told to its end is posted for a quarter of an hour, then its lease runs out."""
    house, target = handing()
    house.send(an_alert(escalation_policy="default"))
    house.to(3_600, step_s=10)
    assert 900 <= target.posts[-1][0] <= 1_000
    assert house.manager.statuses() == ()


def test_addresses():
    """A base address gets Alertmanager's path, a whole one stays."""
    assert addresses(["http://a:9093/", "http://a/prefix", "http://a/api/v2/alerts"]) == [
        "http://a:9093/api/v2/alerts",
        "http://a/prefix/api/v2/alerts",
        "http://a/api/v2/alerts",
    ]
