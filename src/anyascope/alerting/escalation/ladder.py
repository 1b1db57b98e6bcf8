"""When which level of a policy is told about a group's alerts: pure, from the policy, what was told, and the time."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace

from anyascope.clock import NS_PER_S
from anyascope.model.documents import Document, Json, Put
from anyascope.model.escalation import EscalationPolicy

KIND_CLIMB = "escalation"
NEVER = -1  # the repeat of a level that was not told yet
JOIN_GAP_S = 30.0  # alerts that trickle into a group that escalates are told together, at most this often


@dataclass(frozen=True, slots=True)
class Climb:
    """How far the alerts of one group that share a policy have climbed.

    Repeats stand on a grid: a level's beginning + n x its interval, whenever somebody looks. Of several that were missed (the
    machine slept) the latest is told, once.

    Attributes:
        begins_ns: by level, when it is told first; empty while nobody is called.
        told: by level the latest repeat that was told, or `NEVER`.
        heard: fingerprints of alerts that every level reached so far was told of.
        last_ns: when anything was told last; 0 before.
        reached: by integration, the alerts that it was told fire and not yet that they ended.
    """

    group_id: str
    policy: str
    begins_ns: tuple[int, ...] = ()
    told: tuple[int, ...] = ()
    heard: frozenset[str] = frozenset()
    last_ns: int = 0
    reached: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """What it is stored under."""
        return f"{self.group_id}-{self.policy}"

    @property
    def is_climbing(self) -> bool:
        """Whether somebody is being called."""
        return bool(self.begins_ns)

    @property
    def level(self) -> int:
        """The highest level that was told; -1 before the first."""
        return max((number for number, repeat in enumerate(self.told) if repeat != NEVER), default=-1)

    def moved(self, *, by_ns: int) -> Climb:
        """After the wall clock was set."""
        begins_ns = tuple(at_ns + by_ns for at_ns in self.begins_ns)
        return replace(self, begins_ns=begins_ns, last_ns=self.last_ns + by_ns if self.last_ns else 0)

    def stopped(self) -> Climb:
        """Nobody is called any longer; whoever was told is remembered, to be told of the end, and how far it came."""
        return replace(self, begins_ns=(), heard=frozenset())


@dataclass(frozen=True, slots=True)
class Turn:
    """One telling of one level. `repeat` is `NEVER` where only alerts that joined are to be told."""

    level: int
    repeat: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a look at a climb comes to: whom to call now, the climb afterwards, and when to look again (0: never)."""

    turns: tuple[Turn, ...]
    climb: Climb
    next_ns: int


def judge(
    climb: Climb, policy: EscalationPolicy, active: AbstractSet[str], *, now_ns: int, is_pressed: bool = False
) -> Verdict:
    """Whom to call now about these alerts. Nothing is changed.

    Args:
        active: fingerprints of the alerts that fire, that nobody has answered and nothing mutes.
        is_pressed: somebody wants the next level now, or a deadline was missed.
    """
    if not active:
        return Verdict((), climb.stopped() if climb.is_climbing else climb, 0)
    if not climb.is_climbing:
        begins_ns = tuple(now_ns + _ns(level.delay_s) for level in policy.levels)
        climb = replace(climb, begins_ns=begins_ns, told=(NEVER,) * len(begins_ns), heard=frozenset())
    if is_pressed:
        climb = _pressed(climb, now_ns=now_ns)
    due = [_latest(climb, policy, number, now_ns) for number in range(len(policy.levels))]
    turns = {number: Turn(number, repeat) for number, repeat in enumerate(due) if repeat > climb.told[number]}
    if not active <= climb.heard and (turns or now_ns - climb.last_ns >= _ns(JOIN_GAP_S)):
        for number, repeat in enumerate(climb.told):
            if repeat != NEVER:
                turns.setdefault(number, Turn(number, NEVER))
    told = tuple(max(pair) for pair in zip(climb.told, due, strict=True))
    heard = frozenset(active) if turns else climb.heard & active
    after = replace(climb, told=told, heard=heard, last_ns=now_ns if turns else climb.last_ns)
    return Verdict(tuple(turns[number] for number in sorted(turns)), after, next_ns(after, policy, active))


def next_ns(climb: Climb, policy: EscalationPolicy, active: AbstractSet[str]) -> int:
    """When somebody is to be called next about these alerts; 0 where nobody is."""
    if not climb.is_climbing or not active:
        return 0
    times = [
        begins_ns + (told + 1) * _ns(level.repeat_s)
        for begins_ns, told, level in zip(climb.begins_ns, climb.told, policy.levels, strict=True)
        if told == NEVER or level.repeat_s
    ]
    if climb.level >= 0 and not active <= climb.heard:
        times.append(climb.last_ns + _ns(JOIN_GAP_S))
    return min(times, default=0)


def fitted(climb: Climb, policy: EscalationPolicy) -> Climb:
    """The climb on a policy whose levels may have changed since: it goes on from where it is."""
    count = len(policy.levels)
    if not climb.is_climbing or len(climb.begins_ns) == count:
        return climb
    start_ns = climb.begins_ns[0]
    added = tuple(start_ns + _ns(level.delay_s - policy.levels[0].delay_s) for level in policy.levels)
    begins_ns = (climb.begins_ns + added[len(climb.begins_ns) :])[:count]
    return replace(climb, begins_ns=begins_ns, told=(climb.told + (NEVER,) * count)[:count])


def _pressed(climb: Climb, *, now_ns: int) -> Climb:
    """The first level that was not told yet begins now; where all were, the last begins anew."""
    waiting = [number for number, repeat in enumerate(climb.told) if repeat == NEVER]
    number = waiting[0] if waiting else len(climb.told) - 1
    begins_ns, told = list(climb.begins_ns), list(climb.told)
    begins_ns[number], told[number] = min(now_ns, begins_ns[number]) if waiting else now_ns, NEVER
    return replace(climb, begins_ns=tuple(begins_ns), told=tuple(told))


def _latest(climb: Climb, policy: EscalationPolicy, number: int, now_ns: int) -> int:
    """The latest repeat of a level whose time has come; `NEVER` before its delay is over."""
    since_ns = now_ns - climb.begins_ns[number]
    if since_ns < 0:
        return NEVER
    repeat_ns = _ns(policy.levels[number].repeat_s)
    return since_ns // repeat_ns if repeat_ns else 0


def _ns(seconds: float) -> int:
    return round(seconds * NS_PER_S)


# --- documents --------------------------------------------------------------------------------------------------------


def put_climb(climb: Climb) -> Put:
    """What stores it."""
    body: dict[str, Json] = {
        "group_id": climb.group_id,
        "policy": climb.policy,
        "begins_ns": [*climb.begins_ns],
        "told": [*climb.told],
        "heard": [*sorted(climb.heard)],
        "last_ns": climb.last_ns,
        "reached": {key: [*sorted(alerts)] for key, alerts in climb.reached.items()},
    }
    return Put(KIND_CLIMB, climb.id, body)


def climb_of(document: Document) -> Climb:
    """The climb that was stored."""
    body = document.body
    last_ns, reached = body["last_ns"], body["reached"]
    assert isinstance(last_ns, int)  # we wrote it
    assert isinstance(reached, dict)
    return Climb(
        group_id=str(body["group_id"]),
        policy=str(body["policy"]),
        begins_ns=_integers(body["begins_ns"]),
        told=_integers(body["told"]),
        heard=_texts(body["heard"]),
        last_ns=last_ns,
        reached={key: _texts(alerts) for key, alerts in reached.items()},
    )


def _integers(value: Json) -> tuple[int, ...]:
    assert isinstance(value, list)  # we wrote it
    return tuple(number for number in value if isinstance(number, int))


def _texts(value: Json) -> frozenset[str]:
    assert isinstance(value, list)  # we wrote it
    return frozenset(map(str, value))
