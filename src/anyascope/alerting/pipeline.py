"""Why an alert is not told now: a list of stages, each of which may mute it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from anyascope.alerting.calendar import TimeInterval, is_within
from anyascope.alerting.inhibition import Inhibitor
from anyascope.alerting.intake import HeldAlert
from anyascope.alerting.routing import Route


@dataclass(frozen=True, slots=True)
class Mute:
    """What keeps an alert quiet: the stage, and the ids or names of what it found."""

    stage: str
    by: tuple[str, ...]


class Stage(Protocol):
    """One reason for silence. Pure: asked at each look at a group and for the list of alerts."""

    name: str

    def muted_by(self, alert: HeldAlert, route: Route, *, now_ns: int) -> tuple[str, ...]:
        """What mutes this alert on this route now; empty where nothing does."""


class InhibitStage:
    """Quiet while another alert speaks for it."""

    name = "inhibited"

    def __init__(self, inhibitor: Inhibitor, *, is_firing: Callable[[str], bool]) -> None:
        self._inhibitor = inhibitor
        self._is_firing = is_firing

    def muted_by(self, alert: HeldAlert, route: Route, *, now_ns: int) -> tuple[str, ...]:  # noqa: ARG002
        return self._inhibitor.sources_of(alert.labels, is_firing=self._is_firing)


class CalendarStage:
    """Quiet outside the route's active times and inside its muted ones."""

    name = "muted"

    def __init__(self, intervals: Mapping[str, tuple[TimeInterval, ...]]) -> None:
        self._intervals = intervals

    def muted_by(self, alert: HeldAlert, route: Route, *, now_ns: int) -> tuple[str, ...]:  # noqa: ARG002
        active = route.active_time_intervals
        if active and not any(self._holds(name, now_ns) for name in active):
            return active
        return tuple(name for name in route.mute_time_intervals if self._holds(name, now_ns))

    def _holds(self, name: str, now_ns: int) -> bool:
        return is_within(self._intervals.get(name, ()), now_ns)


class SilenceTest(Protocol):
    """Knows the silences."""

    def silenced_by(self, alert: HeldAlert, *, now_ns: int) -> tuple[str, ...]:
        """Ids of the silences that hold for this alert now."""


class SilenceStage:
    """Quiet because somebody asked for it."""

    name = "silenced"

    def __init__(self, silences: SilenceTest) -> None:
        self._silences = silences

    def muted_by(self, alert: HeldAlert, route: Route, *, now_ns: int) -> tuple[str, ...]:  # noqa: ARG002
        return self._silences.silenced_by(alert, now_ns=now_ns)


def first_mute(stages: Sequence[Stage], alert: HeldAlert, route: Route, *, now_ns: int) -> Mute | None:
    """The first stage that mutes this alert on this route; None where it may be told."""
    for stage in stages:
        by = stage.muted_by(alert, route, now_ns=now_ns)
        if by:
            return Mute(stage.name, by)
    return None
