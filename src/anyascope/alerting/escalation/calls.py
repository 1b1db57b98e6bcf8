"""One look at a group's climb: who is called, who is told of the end, and what is remembered of it. Pure but for ids."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace

from anyascope.alerting.escalation.ladder import JOIN_GAP_S, NEVER, Climb, Turn, fitted, judge
from anyascope.alerting.escalation.policy import Directory, Target
from anyascope.alerting.grouping import Group, Told, notified
from anyascope.alerting.intake import HeldAlert
from anyascope.clock import NS_PER_S
from anyascope.ids import Ids
from anyascope.model.escalation import EscalationPolicy
from anyascope.model.notifications import Notification, NotificationReason
from anyascope.model.receivers import Integration

MUTED_LOOK_S = 15.0  # how soon it is noticed that a silence or another mute is over


@dataclass(frozen=True, slots=True)
class Scene:
    """What is known of a group when it is looked at.

    Attributes:
        alerts: those of the group that share the policy, ended ones included.
        answered: those of them that somebody's answer keeps quiet.
        muted: those that a silence, another alert or the calendar keeps quiet.
        told: what the group's own receiver was told, by integration.
        own: the integrations of the group's own receiver, by key.
    """

    group: Group
    alerts: Mapping[str, HeldAlert]
    answered: AbstractSet[str]
    muted: AbstractSet[str]
    told: Mapping[str, Told]
    own: Mapping[str, Integration]
    now_ns: int

    def firing(self) -> frozenset[str]:
        """Those that channels hear of as firing: what comes and goes, too."""
        return frozenset(fp for fp, alert in self.alerts.items() if alert.is_told_as_firing(self.now_ns))


@dataclass(frozen=True, slots=True)
class Called:
    """What a look comes to.

    Attributes:
        climb: as it is afterwards.
        active: the alerts that it is about now.
        call_ns: when somebody is called next; 0 where nobody is.
        look_ns: when to look again; 0 where there is no need.
        told: what the group's own receiver was told, afterwards; None where that did not change.
        reached: the levels that were told for the first time, with the integrations.
    """

    climb: Climb
    active: frozenset[str]
    call_ns: int
    look_ns: int
    notifications: tuple[Notification, ...] = ()
    told: Mapping[str, Told] | None = None
    reached: tuple[tuple[int, tuple[str, ...]], ...] = ()


@dataclass(slots=True)
class _Draft:
    """A look under way."""

    told: dict[str, Told]
    reached: dict[str, frozenset[str]]
    notifications: list[Notification] = field(default_factory=list)
    late_ns: int = 0


class Caller:
    """Turns what the ladder decides into notifications.

    Args:
        directory: whom names stand for.
        external_url: where people reach this server.
    """

    def __init__(self, directory: Directory, *, ids: Ids, external_url: str) -> None:
        self._directory = directory
        self._ids = ids
        self._external_url = external_url

    def look(self, scene: Scene, climb: Climb, policy: EscalationPolicy, *, is_pressed: bool = False) -> Called:
        """What is to be done about these alerts now. Nothing is changed."""
        firing = scene.firing()
        active = firing - scene.muted - scene.answered
        verdict = judge(fitted(climb, policy), policy, active, now_ns=scene.now_ns, is_pressed=is_pressed)
        draft = _Draft(dict(scene.told), dict(climb.reached))
        targets = self._targets(verdict.turns, policy, scene)
        for turn, target in targets.values():
            self._call(draft, scene, target, turn, policy=policy, active=active)
        after_ns = verdict.climb.last_ns
        for key in [key for key, alerts in draft.reached.items() if not alerts <= firing]:
            self._tell_end(draft, scene, key, firing=firing, last_ns=climb.last_ns, policy=policy)
        look_times = [verdict.next_ns, draft.late_ns, _next_look(scene, firing)]
        return Called(
            climb=replace(
                verdict.climb, reached=draft.reached, last_ns=scene.now_ns if draft.notifications else after_ns
            ),
            active=active,
            call_ns=verdict.next_ns,
            look_ns=min((at_ns for at_ns in look_times if at_ns), default=0),
            notifications=tuple(draft.notifications),
            told=draft.told if draft.told != scene.told else None,
            reached=tuple(
                (turn.level, tuple(key for key, (of, _) in targets.items() if of.level == turn.level))
                for turn in verdict.turns
                if turn.repeat == 0
            ),
        )

    def _targets(self, turns: Sequence[Turn], policy: EscalationPolicy, scene: Scene) -> dict[str, tuple[Turn, Target]]:
        """Whom these turns reach: who is on several levels is called once, for the highest."""
        found: dict[str, tuple[Turn, Target]] = {}
        for turn in turns:
            for channel in policy.levels[turn.level].channels:
                for target in self._directory.targets(channel, receiver=scene.group.route.receiver):
                    found[target.integration.key] = (turn, target)
        return found

    def _call(
        self,
        draft: _Draft,
        scene: Scene,
        target: Target,
        turn: Turn,
        *,
        policy: EscalationPolicy,
        active: frozenset[str],
    ) -> None:
        key = target.integration.key
        own = scene.own.get(key)
        told = scene.told.get(key) if own is not None else None
        if not self._has_heard(told, turn, policy=policy, active=active, now_ns=scene.now_ns):
            known = told or Told(firing=draft.reached.get(key, frozenset()))
            reason = _reason(turn)
            alerts = [scene.alerts[fingerprint] for fingerprint in active]
            draft.notifications.append(
                self._notification(scene, target, reason, alerts, told=known, policy=policy.name, level=turn.level)
            )
            if own is not None:
                held = told or Told()
                draft.told[key] = replace(held, firing=held.firing | active, at_ns=scene.now_ns)
        if policy.send_resolved and (own is None or not own.send_resolved):
            # The ends of these nobody else tells.
            draft.reached[key] = draft.reached.get(key, frozenset()) | active

    @staticmethod
    def _has_heard(
        told: Told | None, turn: Turn, *, policy: EscalationPolicy, active: frozenset[str], now_ns: int
    ) -> bool:
        """Whether the route told a channel of all these alerts: just now, or at any time where they only joined."""
        if told is None or not active <= told.firing:
            return False
        repeat_s = policy.levels[turn.level].repeat_s
        gap_s = min(JOIN_GAP_S, repeat_s / 2 or JOIN_GAP_S)
        return turn.repeat == NEVER or now_ns - told.at_ns < gap_s * NS_PER_S

    def _tell_end(
        self,
        draft: _Draft,
        scene: Scene,
        key: str,
        *,
        firing: frozenset[str],
        last_ns: int,
        policy: EscalationPolicy,
    ) -> None:
        """Tell a channel what has ended of what the ladder told it; alerts that left the group are forgotten."""
        reached = draft.reached[key]
        ended = (reached - firing) & scene.alerts.keys()
        still = reached & firing
        target = self._directory.target(key)
        wait_until_ns = last_ns + int(JOIN_GAP_S * NS_PER_S)
        if ended and target is not None and not ended & scene.muted and (not still or wait_until_ns <= scene.now_ns):
            reason = NotificationReason.SOME_RESOLVED if still else NotificationReason.ALL_RESOLVED
            is_called = any(one.integration == key for one in draft.notifications)
            # Who is being told of what fires is not told of it twice.
            alerts = [scene.alerts[fingerprint] for fingerprint in (ended if is_called else ended | still)]
            known = Told(firing=reached)
            draft.notifications.append(
                self._notification(scene, target, reason, alerts, told=known, policy=policy.name, level=NEVER)
            )
            ended = frozenset()
        elif target is None:
            ended = frozenset()
        elif ended & scene.muted:
            draft.late_ns = scene.now_ns + int(MUTED_LOOK_S * NS_PER_S)
        elif ended:
            draft.late_ns = wait_until_ns
        if still or ended:
            draft.reached[key] = still | ended
        else:
            del draft.reached[key]

    def _notification(
        self,
        scene: Scene,
        target: Target,
        reason: NotificationReason,
        alerts: Sequence[HeldAlert],
        *,
        told: Told,
        policy: str,
        level: int,
    ) -> Notification:
        group = scene.group
        return Notification(
            id=self._ids.next(),
            created_ns=scene.now_ns,
            receiver=target.receiver,
            channel=target.integration.kind,
            integration=target.integration.key,
            group_key=group.key,
            reason=reason,
            alerts=notified(alerts, told, now_ns=scene.now_ns),
            group_labels=group.labels,
            route_labels=group.route.labels,
            external_url=self._external_url,
            policy=policy,
            level=level,
        )


def _reason(turn: Turn) -> NotificationReason:
    if turn.repeat == NEVER:
        return NotificationReason.NEW_ALERTS
    return NotificationReason.ESCALATION_REPEAT if turn.repeat else NotificationReason.ESCALATED


def _next_look(scene: Scene, firing: frozenset[str]) -> int:
    """When the scene may change by itself: an alert of which nothing is heard ends, a mute is over."""
    fire = (scene.alerts[fingerprint] for fingerprint in firing)
    times = [max(alert.ends_ns, alert.pulse.calm_ns) for alert in fire]
    if firing & scene.muted:
        times.append(scene.now_ns + int(MUTED_LOOK_S * NS_PER_S))
    return min(times, default=0)
