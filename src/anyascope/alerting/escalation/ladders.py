"""All climbs: which group is to be looked at when, and what looks at them come to, ready to be stored."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from anyascope.alerting.book import Book
from anyascope.alerting.escalation.calls import Called, Caller, Scene
from anyascope.alerting.escalation.care import Care
from anyascope.alerting.escalation.ladder import KIND_CLIMB, Climb, climb_of, put_climb
from anyascope.alerting.grouping import Group, Told, first_look, put_group
from anyascope.alerting.intake import HeldAlert
from anyascope.alerting.routing import group_id as group_id_of
from anyascope.alerting.routing import group_key
from anyascope.alerting.steps import Look
from anyascope.clock import NS_PER_S
from anyascope.model.documents import Change, Delete, Json
from anyascope.model.escalation import EscalationPolicy
from anyascope.model.notifications import Notification
from anyascope.model.responses import AlertEvent, AlertEventKind, EscalationStatus
from anyascope.store.api.documents import DocumentStore, every_document

LARGE_GROUP = 500  # alerts: a look at them takes some milliseconds
LARGE_GAP_S = 1.0  # a storm of single posts into a large group is looked at this often, not once a post
GAP_NS = int(LARGE_GAP_S * NS_PER_S)

CareOf: TypeAlias = Callable[[str], "Care | None"]


@dataclass(slots=True)
class Looked:
    """What looks at groups come to; `hold` once it is stored."""

    now_ns: int = 0
    calls: list[Called] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    told: dict[str, Mapping[str, Told]] = field(default_factory=dict)
    notifications: list[tuple[str, Notification]] = field(default_factory=list)
    events: list[tuple[str, AlertEvent, Sequence[str]]] = field(default_factory=list)
    groups: set[str] = field(default_factory=set)
    gone: set[str] = field(default_factory=set)


class Ladders:
    """Climbs by id, and the groups that are due."""

    def __init__(self) -> None:
        self._climbs: dict[str, Climb] = {}
        self._of_group: dict[str, set[str]] = defaultdict(set)
        self._calls: dict[str, Called] = {}
        self._due: dict[str, int] = {}
        self._heap: list[tuple[int, str]] = []
        self._large_ns: dict[str, int] = {}  # when large groups were looked at last

    async def load(self, documents: DocumentStore, *, now_ns: int) -> None:
        """Read what is stored. A climb of the future was stored before the wall clock was set back: it goes on from now."""
        async for document in every_document(documents, KIND_CLIMB):
            climb = climb_of(document)
            self._hold(climb.moved(by_ns=min(now_ns - climb.last_ns, 0)))

    # --- times --------------------------------------------------------------------------------------------------------

    def next_ns(self) -> int | None:
        """When a group is due; None where none is."""
        while self._heap:
            at_ns, group_id = self._heap[0]
            if self._due.get(group_id) == at_ns:
                return at_ns
            heapq.heappop(self._heap)
        return None

    def wake(self, group_ids: Iterable[str], *, at_ns: int) -> None:
        """Look at these groups at this time, or sooner."""
        for group_id in group_ids:
            wanted_ns = max(at_ns, self._large_ns.get(group_id, -GAP_NS) + GAP_NS)
            known_ns = self._due.get(group_id)
            if known_ns is None or wanted_ns < known_ns:
                self._schedule(group_id, wanted_ns)

    def due(self, *, now_ns: int) -> set[str]:
        """Groups whose time has come."""
        found, places = set(), [0]
        while places:
            place = places.pop()
            if place < len(self._heap) and self._heap[place][0] <= now_ns:
                # What lies below a place of a heap is due no sooner.
                at_ns, group_id = self._heap[place]
                places += [2 * place + 1, 2 * place + 2]
                if self._due.get(group_id) == at_ns:
                    found.add(group_id)
        return found

    def _schedule(self, group_id: str, at_ns: int) -> None:
        self._due[group_id] = at_ns
        heapq.heappush(self._heap, (at_ns, group_id))

    # --- looks --------------------------------------------------------------------------------------------------------

    def look(
        self,
        book: Book,
        group_ids: Collection[str],
        policies: Mapping[str, EscalationPolicy],
        caller: Caller,
        *,
        care_of: CareOf,
        pressed: Collection[str] = (),
        looks: Mapping[str, Look],
        now_ns: int,
    ) -> Looked:
        """Look at these groups. Nothing is changed.

        Args:
            care_of: how people stand to an alert, as it will be.
            pressed: ids of the climbs whose next level is wanted now.
            looks: the desk's own looks of this step, by group: what they tell is told.
        """
        done = Looked(now_ns)
        for group_id in group_ids:
            done.groups.add(group_id)
            group = book.groups.get(group_id) or self._past_group(book, group_id, now_ns=now_ns)
            if group is None:
                done.gone |= self._of_group.get(group_id, set())
                continue
            look = looks.get(group_id)
            members = self._members(book, group, care_of)
            if not members:
                continue
            told: Mapping[str, Told] = group.told if look is None else look.decision.told
            muted = book.muted(group, now_ns=now_ns)
            own = {one.key: one for one in book.integrations_of(group)}
            for name, alerts in members.items():
                policy = policies.get(name)
                climb = self._climbs.get(f"{group_id}-{name}") or self._adopted(book, group_id, name, alerts)
                if policy is None:
                    done.gone.add(climb.id)
                    continue
                cares = {fingerprint: care_of(fingerprint) for fingerprint in alerts}
                answered = {fp for fp, care in cares.items() if care is not None and care.is_held}
                scene = Scene(group, alerts, answered, muted, told, own, now_ns)
                called = caller.look(scene, climb, policy, is_pressed=climb.id in pressed)
                self._note(done, scene, called)
                told = told if called.told is None else called.told
            if told is not (group.told if look is None else look.decision.told):
                timing = group.timing if look is None else look.timing
                done.changes.append(put_group(group, timing, told))
                done.told[group_id] = told
        done.changes.extend(Delete(KIND_CLIMB, identity) for identity in done.gone if identity in self._climbs)
        return done

    def hold(self, book: Book, done: Looked) -> None:
        """What was decided is stored: hold what follows."""
        for group_id in done.groups:
            self._due.pop(group_id, None)
            self._large_ns.pop(group_id, None)
            group = book.groups.get(group_id)
            if group is not None and len(group.alerts) > LARGE_GROUP:
                self._large_ns[group_id] = done.now_ns
        for identity in done.gone:
            climb = self._climbs.pop(identity, None)
            self._calls.pop(identity, None)
            if climb is not None:
                self._of_group[climb.group_id].discard(identity)
        for called in done.calls:
            climb = called.climb
            self._calls[climb.id] = called
            self._hold(climb)
            if called.look_ns:
                self.wake([climb.group_id], at_ns=called.look_ns)
        for group_id, told in done.told.items():
            group = book.groups.get(group_id)
            if group is not None:
                group.told = told

    def moved(self, *, by_ns: int) -> list[Climb]:
        """Every climb after the wall clock was set; hold them with `hold_moved`."""
        return [climb.moved(by_ns=by_ns) for climb in self._climbs.values() if climb.is_climbing]

    def hold_moved(self, moved: Iterable[Climb], *, by_ns: int) -> None:
        """They are stored."""
        for climb in moved:
            self._hold(climb)
        calls = self._calls.items()
        self._calls = {
            identity: replace(called, call_ns=called.call_ns + by_ns if called.call_ns else 0)
            for identity, called in calls
        }
        self._large_ns.clear()
        due, self._heap = self._due, []
        for group_id, at_ns in due.items():
            self._schedule(group_id, at_ns + by_ns)

    def status(self, group_id: str, policy: EscalationPolicy, fingerprint: str) -> EscalationStatus:
        """How far an alert's policy has climbed."""
        identity = f"{group_id}-{policy.name}"
        climb, called = self._climbs.get(identity), self._calls.get(identity)
        is_active = called is not None and fingerprint in called.active
        return EscalationStatus(
            level=climb.level if climb is not None else -1,
            levels=len(policy.levels),
            next_ns=called.call_ns if called is not None and is_active else 0,
            is_stopped=not is_active,
        )

    def groups(self) -> Collection[str]:
        """Those that have a climb."""
        return [group_id for group_id, climbs in self._of_group.items() if climbs]

    @staticmethod
    def changes_of(climbs: Iterable[Climb]) -> list[Change]:
        """What stores these."""
        return [put_climb(climb) for climb in climbs]

    def has(self, group_id: str, policy: str) -> bool:
        """Whether anybody was called for these."""
        return f"{group_id}-{policy}" in self._climbs

    def climbing(self) -> int:
        """How many groups call people now."""
        return sum(climb.is_climbing for climb in self._climbs.values())

    # --- inside -------------------------------------------------------------------------------------------------------

    def _members(self, book: Book, group: Group, care_of: CareOf) -> dict[str, dict[str, HeldAlert]]:
        """The group's alerts by policy, of those that it is the first group of; climbs without any are here too."""
        found: dict[str, dict[str, HeldAlert]] = {
            self._climbs[identity].policy: {} for identity in self._of_group.get(group.id, ())
        }
        for identity in self._of_group.get(group.id, ()):
            climb = self._climbs[identity]
            found[climb.policy].update(self._ended(book, group, climb))
        for fingerprint, alert in group.alerts.items():
            care = care_of(fingerprint)
            if care is not None and care.policy and book.routes_of(alert)[0] is group.route:
                found.setdefault(care.policy, {})[fingerprint] = alert
        return found

    @staticmethod
    def _ended(book: Book, group: Group, climb: Climb) -> dict[str, HeldAlert]:
        """Alerts whose end is to be told though the group has let go of them: it did not tell of them itself."""
        reached = {fingerprint for alerts in climb.reached.values() for fingerprint in alerts}
        return {fp: book.alerts[fp] for fp in reached - group.alerts.keys() if fp in book.alerts}

    def _past_group(self, book: Book, group_id: str, *, now_ns: int) -> Group | None:
        """A group that is gone, as its alerts say it was, where somebody is still to be told that they ended."""
        for identity in self._of_group.get(group_id, ()):
            for alerts in self._climbs[identity].reached.values():
                for alert in (book.alerts[fp] for fp in sorted(alerts) if fp in book.alerts):
                    route = book.routes_of(alert)[0]
                    labels = route.group_labels(alert.labels)
                    key = group_key(route, labels)
                    if group_id_of(key, route.receiver) == group_id:
                        return Group(group_id, key, route, labels, first_look(alert, route, now_ns=now_ns))
        return None

    def _adopted(self, book: Book, group_id: str, policy: str, alerts: Collection[str]) -> Climb:
        """The climb of a new group: that of a group that went with a change of the routes, where one has these alerts."""
        for climb in self._climbs.values():
            if climb.policy == policy and climb.heard & set(alerts) and climb.group_id not in book.groups:
                return replace(climb, group_id=group_id)
        return Climb(group_id, policy)

    def _note(self, done: Looked, scene: Scene, called: Called) -> None:
        climb = called.climb
        if not climb.is_climbing and not climb.reached and not scene.firing():
            done.gone.add(climb.id)
        else:
            done.calls.append(called)
            if climb != self._climbs.get(climb.id):
                done.changes.append(put_climb(climb))
        done.notifications.extend((scene.group.id, one) for one in called.notifications)
        for level, keys in called.reached:
            text = f"level {level + 1} of policy {climb.policy}: {', '.join(keys) or 'nobody'}"
            details: dict[str, Json] = {"policy": climb.policy, "level": level, "integrations": [*keys]}
            event = AlertEvent(scene.now_ns, AlertEventKind.ESCALATED, "", text, details)
            done.events.append((scene.group.id, event, sorted(called.active)))

    def _hold(self, climb: Climb) -> None:
        self._climbs[climb.id] = climb
        self._of_group[climb.group_id].add(climb.id)
