"""What `alerting` knows: alerts, and the groups that the routes put them in. In memory, without side effects."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from anyascope.alerting.grouping import Decision, Group, GroupRecord, Timing, decide, first_look
from anyascope.alerting.inhibition import Inhibitor
from anyascope.alerting.intake import HeldAlert, ended
from anyascope.alerting.pipeline import CalendarStage, InhibitStage, SilenceStage, SilenceTest, Stage, first_mute
from anyascope.alerting.routing import Route, build_routes, group_id, group_key
from anyascope.alerting.settings import AlertingOptions
from anyascope.clock import NS_PER_S
from anyascope.model.labels import Labels
from anyascope.model.notifications import AlertGroupStatus, AlertStatus
from anyascope.model.receivers import Integration
from anyascope.semconv.alerts import LABEL_ALERTNAME, category_of, component_of, title_of, traits_of

RESOLVED_KEPT_S = 15 * 60.0  # people look at what has just ended; Prometheus repeats an end for as long
GROUPS_REMEMBERED_MAX = 20_000  # naming a group takes 10 µs, and each of its alerts asks
ROUTES_REMEMBERED_MAX = 100_000  # alerts repeat each minute; finding the routes of one takes 20 µs


class Book:
    """Alerts by fingerprint, groups by id, and when each group is next to be looked at.

    Args:
        options: routes, receivers, rules of inhibition, calendar.
        silences: asked whether an alert is silenced.
        stages: further reasons why an alert is not told.
        records: what earlier was told of which group.
        now_ns: the time at which `alerts` are put in.
    """

    def __init__(
        self,
        options: AlertingOptions,
        *,
        silences: SilenceTest,
        stages: Sequence[Stage] = (),
        alerts: Iterable[HeldAlert],
        records: Iterable[GroupRecord],
        now_ns: int,
    ) -> None:
        self.alerts: dict[str, HeldAlert] = {}
        self.groups: dict[str, Group] = {}
        self._root = build_routes(options.route)
        self._integrations = {name: receiver.integrations for name, receiver in options.receivers.items()}
        self._groups_of: dict[str, set[str]] = defaultdict(set)
        self._routes_of: dict[Labels, tuple[Route, ...]] = {}
        self._names: dict[tuple[Route, Labels], tuple[str, str]] = {}
        self._heap: list[tuple[int, str]] = []
        self._inhibitor = Inhibitor(options.inhibit_rules)
        self._now_ns = now_ns
        self._calendar = CalendarStage(options.time_intervals)
        self._stages: tuple[Stage, ...] = (
            InhibitStage(self._inhibitor, is_firing=self._is_firing_now),
            self._calendar,
            SilenceStage(silences),
            *stages,
        )
        self._records = {record.id: record for record in records}
        # The alert that was heard first founds its group.
        for alert in sorted(alerts, key=lambda one: one.received_ns):
            self.put(alert, now_ns=now_ns)
        self.orphans = tuple(self._records)  # ids of records that no alert belongs to any longer
        self._records = {}

    def put(self, alert: HeldAlert, *, now_ns: int) -> None:
        """Hold an alert, or what is new of it, and put it in its groups."""
        self.alerts[alert.fingerprint] = alert
        if alert.is_firing(now_ns):
            self._inhibitor.put(alert.fingerprint, alert.labels)
        else:
            self._inhibitor.drop(alert.fingerprint, alert.labels)
        for route in self.routes_of(alert):
            group = self._group_for(alert, route, now_ns=now_ns)
            if group is None:
                continue
            is_new, timing = not group.alerts, group.timing
            group.insert(alert, now_ns=now_ns)
            self._groups_of[alert.fingerprint].add(group.id)
            if is_new or group.timing != timing:
                self.schedule(group)

    def routes_of(self, alert: HeldAlert) -> tuple[Route, ...]:
        """The routes that an alert takes."""
        found = self._routes_of.get(alert.labels)
        if found is None:
            if len(self._routes_of) >= ROUTES_REMEMBERED_MAX:
                self._routes_of.clear()
            found = self._routes_of[alert.labels] = tuple(self._root.matching(dict(alert.labels)))
        return found

    def _group_for(self, alert: HeldAlert, route: Route, *, now_ns: int) -> Group | None:
        """The alert's group on a route. One that has ended makes no group: it matters only to those who know of it."""
        labels = route.group_labels(alert.labels)
        key, identity = self._name_of(route, labels)
        group = self.groups.get(identity)
        fingerprint = alert.fingerprint
        if group is not None:
            is_wanted = alert.is_firing(now_ns) or fingerprint in group.alerts or group.is_told(fingerprint)
            return group if is_wanted else None
        record = self._records.get(identity)
        if record is None:
            if not alert.is_firing(now_ns):
                return None
            group = Group(identity, key, route, labels, first_look(alert, route, now_ns=now_ns))
        else:
            timing = record.timing.bounded(route, now_ns=now_ns)
            told = {key: replace(one, at_ns=min(one.at_ns, now_ns)) for key, one in record.told.items()}
            group = Group(identity, key, route, labels, timing, told=told)
            if not alert.is_firing(now_ns) and not group.is_told(fingerprint):
                return None
            del self._records[identity]
        self.groups[identity] = group
        return group

    def _name_of(self, route: Route, labels: Labels) -> tuple[str, str]:
        """Key and id of a group."""
        found = self._names.get((route, labels))
        if found is None:
            if len(self._names) >= GROUPS_REMEMBERED_MAX:
                self._names.clear()
            key = group_key(route, labels)
            found = self._names[route, labels] = (key, group_id(key, route.receiver))
        return found

    # --- times --------------------------------------------------------------------------------------------------------

    def schedule(self, group: Group) -> None:
        """Take note of when a group is next to be looked at."""
        heapq.heappush(self._heap, (group.timing.next_ns, group.id))

    def next_ns(self) -> int | None:
        """When the next group is due; None where there is none."""
        while self._heap:
            at_ns, identity = self._heap[0]
            group = self.groups.get(identity)
            if group is not None and group.timing.next_ns == at_ns:
                return at_ns
            heapq.heappop(self._heap)  # its time was changed, or it is gone
        return None

    def due(self, *, now_ns: int, limit: int) -> list[Group]:
        """Groups that are due, soonest first; each must be given a new time."""
        found: dict[str, Group] = {}
        while len(found) < limit:
            at_ns = self.next_ns()
            if at_ns is None or at_ns > now_ns:
                break
            _, identity = heapq.heappop(self._heap)
            found[identity] = self.groups[identity]
        return list(found.values())

    def move(self, *, by_ns: int, now_ns: int) -> None:
        """The wall clock was set, and is at `now_ns`: what lies ahead moves along, so that waits keep their length."""
        for fingerprint, alert in self.alerts.items():
            moved = replace(alert, pulse=alert.pulse.moved(by_ns=by_ns))
            if alert.is_firing(now_ns - by_ns):
                moved = replace(moved, ends_ns=alert.ends_ns + by_ns, received_ns=alert.received_ns + by_ns)
            self.alerts[fingerprint] = moved
        for group in self.groups.values():
            group.alerts = {fingerprint: self.alerts[fingerprint] for fingerprint in group.alerts}
            group.told = {key: replace(told, at_ns=told.at_ns + by_ns) for key, told in group.told.items()}
            group.timing = group.timing.moved(by_ns=by_ns)
        self._heap = [(group.timing.next_ns, group.id) for group in self.groups.values()]
        heapq.heapify(self._heap)

    # --- looking at groups --------------------------------------------------------------------------------------------

    def integrations_of(self, group: Group) -> Sequence[Integration]:
        """The channels of the group's receiver."""
        return self._integrations.get(group.route.receiver, ())

    def look(self, group: Group, *, now_ns: int) -> Decision:
        """What a look at the group now comes to. Nothing is changed."""
        return decide(group, self.integrations_of(group), muted=self.muted(group, now_ns=now_ns), now_ns=now_ns)

    def muted(self, group: Group, *, now_ns: int) -> frozenset[str]:
        """Fingerprints of the group's alerts that are not to be told now."""
        self._now_ns = now_ns
        return frozenset(
            fingerprint
            for fingerprint, alert in group.alerts.items()
            if first_mute(self._stages, alert, group.route, now_ns=now_ns) is not None
        )

    def apply(self, group: Group, decision: Decision, timing: Timing) -> None:
        """The decision is on record: hold what follows from it."""
        group.told, group.timing = decision.told, timing
        for fingerprint in decision.dropped:
            alert = group.alerts.pop(fingerprint)
            self.alerts[fingerprint] = ended(alert)
            self._inhibitor.drop(fingerprint, alert.labels)
            self._groups_of[fingerprint].discard(group.id)
        if group.alerts:
            self.schedule(group)
        else:
            del self.groups[group.id]

    def is_left_empty(self, group: Group, decision: Decision) -> bool:
        """Whether nothing of the group is left to remember after this."""
        return group.alerts.keys() <= decision.dropped

    def _is_firing_now(self, fingerprint: str) -> bool:
        alert = self.alerts.get(fingerprint)
        return alert is not None and alert.is_firing(self._now_ns)

    # --- memory -------------------------------------------------------------------------------------------------------

    def old(self, *, now_ns: int) -> list[str]:
        """Fingerprints of alerts that ended long ago and wait in no group."""
        oldest_ns = now_ns - int(RESOLVED_KEPT_S * NS_PER_S)
        return [fp for fp, alert in self.alerts.items() if alert.ends_ns < oldest_ns and not self._groups_of.get(fp)]

    def forget(self, fingerprints: Iterable[str]) -> None:
        """Hold these alerts no longer."""
        for fingerprint in fingerprints:
            alert = self.alerts.pop(fingerprint)
            self._groups_of.pop(fingerprint, None)
            self._routes_of.pop(alert.labels, None)

    def records(self) -> Iterator[GroupRecord]:
        """What a new book needs to know of the groups."""
        return (GroupRecord(group.id, group.timing, group.told) for group in self.groups.values())

    def counts(self, *, now_ns: int) -> dict[str, int]:
        """How many alerts fire, have ended and flap, and how many groups there are."""
        firing = flapping = 0
        for alert in self.alerts.values():
            firing += alert.ends_ns > now_ns
            flapping += alert.pulse.calm_ns > now_ns
        ended_count = len(self.alerts) - firing
        return {"firing": firing, "resolved": ended_count, "flapping": flapping, "groups": len(self.groups)}

    # --- for people ---------------------------------------------------------------------------------------------------

    def statuses(self, *, now_ns: int) -> list[AlertStatus]:
        """Every alert that is held, firing ones first, then the most severe, then the newest."""
        self._now_ns = now_ns
        ordered = sorted(
            self.alerts.values(),
            key=lambda alert: (not alert.is_firing(now_ns), traits_of(alert.severity).rank, -alert.starts_ns),
        )
        return [self._status(alert, now_ns=now_ns) for alert in ordered]

    def suppressed(self, *, now_ns: int) -> tuple[int, int]:
        """How many alerts fire, and how many of these are silenced or inhibited. 2 µs an alert."""
        self._now_ns = now_ns
        stages = [stage for stage in self._stages if stage.name in (InhibitStage.name, SilenceStage.name)]
        firing = [alert for alert in self.alerts.values() if alert.is_firing(now_ns)]
        muted = sum(any(stage.muted_by(alert, self._root, now_ns=now_ns) for stage in stages) for alert in firing)
        return len(firing), muted

    def group_statuses(self, *, now_ns: int) -> list[AlertGroupStatus]:
        """Every group with those of its alerts that fire, in no order."""
        self._now_ns = now_ns
        return [self._group_status(group, now_ns=now_ns) for group in self.groups.values()]

    def _group_status(self, group: Group, *, now_ns: int) -> AlertGroupStatus:
        return AlertGroupStatus(
            labels=group.labels,
            receiver=group.route.receiver,
            route_labels=group.route.labels,
            alerts=tuple(
                replace(
                    self._status(alert, now_ns=now_ns),
                    muted_by=self._calendar.muted_by(alert, group.route, now_ns=now_ns),
                )
                for alert in group.alerts.values()
                if alert.is_firing(now_ns)
            ),
        )

    def status(self, fingerprint: str, *, now_ns: int) -> AlertStatus | None:
        """One alert; None where it is not held."""
        self._now_ns = now_ns
        alert = self.alerts.get(fingerprint)
        return None if alert is None else self._status(alert, now_ns=now_ns)

    def _status(self, alert: HeldAlert, *, now_ns: int) -> AlertStatus:
        is_firing = alert.is_firing(now_ns)
        routes = self.routes_of(alert)
        mutes = self._mutes(alert, routes, now_ns=now_ns) if is_firing else {}
        return AlertStatus(
            id=alert.fingerprint,
            name=dict(alert.labels).get(LABEL_ALERTNAME, ""),
            is_firing=is_firing,
            severity=alert.severity,
            category=category_of(alert.labels),
            source=component_of(alert.labels),
            title=title_of(alert.labels, alert.annotations),
            labels=alert.labels,
            annotations=alert.annotations,
            starts_ns=alert.starts_ns,
            ends_ns=0 if is_firing else alert.ends_ns,
            expires_ns=alert.ends_ns if is_firing else 0,
            updated_ns=alert.updated_ns,
            generator_url=alert.generator_url,
            correlation_id=alert.correlation_id,
            receivers=tuple(route.receiver for route in routes),
            silenced_by=mutes.get(SilenceStage.name, ()),
            inhibited_by=mutes.get(InhibitStage.name, ()),
            muted_by=mutes.get(CalendarStage.name, ()),
            is_flapping=alert.pulse.is_flapping(now_ns),
        )

    def _mutes(self, alert: HeldAlert, routes: Sequence[Route], *, now_ns: int) -> Mapping[str, tuple[str, ...]]:
        """By stage, what mutes the alert on all of its routes."""
        found: dict[str, tuple[str, ...]] = {}
        for stage in self._stages:
            by_route = [stage.muted_by(alert, route, now_ns=now_ns) for route in routes]
            if by_route and all(by_route):
                found[stage.name] = tuple(dict.fromkeys(name for names in by_route for name in names))
        return found
