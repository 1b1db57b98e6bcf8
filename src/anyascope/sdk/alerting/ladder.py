"""When which level of a policy is told: pure, from the policy, the start and what was told already."""

from __future__ import annotations

from dataclasses import dataclass, replace

from anyascope.sdk.alerting.policy import EscalationLevel, EscalationPolicy

NEVER_TOLD = -1


@dataclass(frozen=True, slots=True)
class Turn:
    """One telling of one level.

    Attributes:
        level: from 0.
        repeat: 0 is the first telling, 1 the first repeat.
        channels: names of those to be told.
    """

    level: int
    repeat: int
    channels: tuple[str, ...]

    @property
    def name(self) -> str:
        """What tells it from the alert's other turns."""
        return f"{self.level}-{self.repeat}"


@dataclass(frozen=True, slots=True)
class Ladder:
    """How far an alert has climbed.

    Repeats stand on a grid: start + delay + n x interval, whenever somebody looks. Of several that were missed (the machine
    slept) the latest is told, once.

    Attributes:
        policy: its levels.
        started_ns: when the alert was sent; a time that never steps back.
        told: by level the latest repeat that was told; `NEVER_TOLD` before the first.
    """

    policy: EscalationPolicy
    started_ns: int
    told: tuple[int, ...]

    def due(self, now_ns: int) -> tuple[Turn, ...]:
        """The turns that are to be taken now, lower levels first; none twice."""
        turns = []
        for number, level in enumerate(self.policy.levels):
            repeat = self._latest(level, now_ns)
            if repeat > self.told[number]:
                turns.append(Turn(number, repeat, level.channels))
        return tuple(turns)

    def climbed(self, now_ns: int) -> Ladder:
        """The ladder after everything that is due now was told."""
        latest = (self._latest(level, now_ns) for level in self.policy.levels)
        return replace(self, told=tuple(max(pair) for pair in zip(self.told, latest, strict=True)))

    def next_ns(self) -> int | None:
        """When the next turn is due; None where there is none left."""
        times = [
            self.started_ns + level.delay_ns + (told + 1) * level.repeat_ns
            for level, told in zip(self.policy.levels, self.told, strict=True)
            if told == NEVER_TOLD or level.repeat_ns
        ]
        return min(times, default=None)

    def _latest(self, level: EscalationLevel, now_ns: int) -> int:
        """The latest repeat of a level whose time has come; `NEVER_TOLD` before its delay is over."""
        since_ns = now_ns - self.started_ns - level.delay_ns
        if since_ns < 0:
            return NEVER_TOLD
        return since_ns // level.repeat_ns if level.repeat_ns else 0


def ladder_of(policy: EscalationPolicy, *, started_ns: int) -> Ladder:
    """A ladder on which nothing was told yet."""
    return Ladder(policy, started_ns, (NEVER_TOLD,) * len(policy.levels))
