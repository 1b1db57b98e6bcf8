"""The SDK's escalation under any order of alerts, answers, failures and looks at the clock."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from anyascope.sdk.alerting import EscalationLevel, EscalationPolicy, EscalationState, SendError, current_turn
from anyascope.sdk.alerting.ladder import NEVER_TOLD, ladder_of
from support.alerting import House, an_alert

CHANNELS = ("slack", "email", "phone")
LEVELS = st.lists(
    st.builds(
        EscalationLevel,
        st.integers(0, 2_000),
        st.lists(st.sampled_from(CHANNELS), min_size=1, unique=True),
        st.none() | st.integers(1, 700),
    ),
    min_size=1,
    max_size=4,
)
FAILURES = st.sampled_from([RuntimeError("down"), SendError("429", retry_after_s=40), SendError("404", is_final=True)])


@dataclass
class Model:
    """What must hold of one alert, by a plainer account than the code's."""

    policy: EscalationPolicy
    started: float
    ended: float | None = None
    looked: list[float] = field(default_factory=list)

    def owed(self, level: int) -> list[int]:
        """The repeats of a level that must have been told by a machine that never failed."""
        chosen = self.policy.levels[level]
        told: list[int] = []
        for at in self.looked:
            since = at - self.started - chosen.delay.total_seconds()
            if since < 0:
                continue
            latest = int(since // chosen.repeat_interval.total_seconds()) if chosen.repeat_interval else 0
            if not told or latest > told[-1]:
                told.append(latest)
        return told


class Escalation(RuleBasedStateMachine):
    """A driven manager beside the model."""

    def __init__(self) -> None:
        super().__init__()
        self.house = House(*CHANNELS)
        self.models: dict[str, Model] = {}
        self.sent: dict[str, list[tuple[float, str, str]]] = {}
        self.refused: dict[str, set[int]] = {}
        self.has_failed = False
        for channel in self.house.channels.values():
            self._spy(channel)

    def _spy(self, channel) -> None:
        original = channel.send_alert

        def send_alert(alert) -> None:
            model = self.models[alert.id]
            assert model.ended is None, "a send after the end"
            try:
                original(alert)
            except SendError as error:
                if error.is_final:
                    self.refused.setdefault(alert.id, set()).add(int(current_turn().partition("-")[0]))
                raise
            self.sent[alert.id].append(self.house.told[-1])

        channel.send_alert = send_alert

    def _look(self) -> None:
        for model in self.models.values():
            if model.ended is None:
                model.looked.append(self.house.clock.s)
        self.house.manager.tick()

    @rule(levels=LEVELS)
    def send(self, levels) -> None:
        number = len(self.models)
        policy = EscalationPolicy(f"p{number}", levels)
        self.house.manager.add_policy(policy)
        identity = f"id-{number}"
        self.models[identity] = Model(policy, self.house.clock.s)
        self.sent[identity] = []
        self.house.manager.send_alert(an_alert(f"Trouble {number}", id=identity, escalation_policy=policy.name))
        self._look()

    @rule(seconds=st.one_of(st.integers(1, 30), st.integers(1, 3_000)))
    def wait(self, seconds) -> None:
        self.house.clock.s += seconds
        self._look()

    @rule()
    def look_again(self) -> None:
        self._look()

    @rule(number=st.integers(0, 20), is_end=st.booleans(), looks=st.booleans())
    def answer(self, number, is_end, looks) -> None:
        identity = f"id-{number % (len(self.models) + 1)}"
        model, status = self.models.get(identity), self.house.manager.status(identity)
        done = self.house.manager.resolve(identity) if is_end else self.house.manager.acknowledge(identity, "ada")
        if model is None or status is None:  # never sent, or told to its end and forgotten
            assert not done
            return
        is_open = status.state in (EscalationState.PENDING, EscalationState.SENT)
        assert is_open is (model.ended is None)
        assert done is (is_open or (is_end and status.state is EscalationState.ACKNOWLEDGED))
        model.ended = self.house.clock.s if model.ended is None else model.ended
        if looks:
            self._look()

    @rule(name=st.sampled_from(CHANNELS), failures=st.lists(FAILURES, min_size=1, max_size=3))
    def break_channel(self, name, failures) -> None:
        self.has_failed = True
        self.house.channels[name].answers.extend(failures)

    @invariant()
    def none_is_told_twice(self) -> None:
        for sent in self.sent.values():
            turns = [(name, turn) for _, name, turn in sent]
            assert len(turns) == len(set(turns)), "the same level and repeat told twice"
            for name in CHANNELS:
                by_level: dict[str, list[float]] = {}
                for at, channel, turn in sent:
                    if channel == name:
                        by_level.setdefault(turn.partition("-")[0], []).append(at)
                assert all(len(times) == len(set(times)) for times in by_level.values()), "two of a level at once"

    @invariant()
    def none_is_missed(self) -> None:
        if self.has_failed:
            return
        for identity, model in self.models.items():
            for number, level in enumerate(model.policy.levels):
                for name in level.channels:
                    told = [
                        int(turn.partition("-")[2])
                        for _, channel, turn in self.sent[identity]
                        if channel == name and turn.startswith(f"{number}-")
                    ]
                    assert told == model.owed(number)

    def teardown(self) -> None:
        """Once the channels work again, everything that is owed and not over arrives."""
        for channel in self.house.channels.values():
            channel.answers.clear()
        for _ in range(3):
            self.house.clock.s += 3_000
            self._look()
        for identity, model in self.models.items():
            if model.ended is None:
                levels = {int(turn.partition("-")[0]) for _, _, turn in self.sent[identity]}
                status = self.house.manager.status(identity)
                assert levels | self.refused.get(identity, set()) >= set(range(len(model.policy.levels)))
                assert status is None or status.state in (EscalationState.SENT, EscalationState.PENDING)


TestEscalation = Escalation.TestCase
TestEscalation.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)


def test_a_ladder_that_is_looked_at_each_second_tells_the_grid():
    """The pure scheduler alone: with a look a second every repeat is told at its own second."""
    policy = EscalationPolicy("p", [EscalationLevel(3, "a", 4), EscalationLevel(10, "b")])
    ladder, told = ladder_of(policy, started_ns=0), []
    assert ladder.told == (NEVER_TOLD, NEVER_TOLD)
    for second in range(20):
        turns = ladder.due(second * 10**9)
        told.extend((second, turn.name) for turn in turns)
        ladder = ladder.climbed(second * 10**9)
        assert (ladder.next_ns() or 10**18) > second * 10**9
    assert told == [(3, "0-0"), (7, "0-1"), (10, "1-0"), (11, "0-2"), (15, "0-3"), (19, "0-4")]
