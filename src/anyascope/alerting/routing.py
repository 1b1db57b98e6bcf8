"""The tree of routes: which receivers an alert goes to, and which alerts are told together."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from anyascope.alerting.matchers import LabelTest, compile_matchers, format_matchers
from anyascope.model.labels import Labels, Matcher, MatchOp

GROUP_WAIT_S = 30.0
GROUP_INTERVAL_S = 300.0
REPEAT_INTERVAL_S = 4 * 3600.0


@dataclass(frozen=True, slots=True)
class RouteSettings:
    """A route as it is written; None stands for "as the parent has it".

    Attributes:
        match_all: a group for each label set (`group_by: ['...']`).
        goes_on: whether later siblings are tried too (`continue`).
    """

    receiver: str | None = None
    matchers: tuple[Matcher, ...] = ()
    group_by: tuple[str, ...] | None = None
    match_all: bool = False
    group_wait_s: float | None = None
    group_interval_s: float | None = None
    repeat_interval_s: float | None = None
    mute_time_intervals: tuple[str, ...] = ()
    active_time_intervals: tuple[str, ...] = ()
    labels: Labels = ()
    goes_on: bool = False
    routes: tuple[RouteSettings, ...] = ()


class RouteIndex:
    """Which of a route's children can match a label set at all: of hundreds of teams' routes most are never tried."""

    def __init__(self, routes: Sequence[RouteSettings]) -> None:
        self._by_value: dict[str, dict[str, list[int]]] = {}
        self._always: list[int] = []
        for number, route in enumerate(routes):
            key = _demanded(route.matchers)
            if key is None:
                self._always.append(number)
            else:
                self._by_value.setdefault(key.name, {}).setdefault(key.value, []).append(number)

    def candidates(self, labels: Mapping[str, str]) -> Sequence[int]:
        """Positions of the children that may match, in order."""
        found = [
            numbers for name, by_value in self._by_value.items() if (numbers := by_value.get(labels.get(name, "")))
        ]
        if not found:
            return self._always
        if len(found) == 1 and not self._always:
            return found[0]
        return sorted([*self._always, *(number for numbers in found for number in numbers)])


def _demanded(matchers: Iterable[Matcher]) -> Matcher | None:
    """A matcher that wants one label to have one value, which every match of the route must have."""
    return next((matcher for matcher in matchers if matcher.op is MatchOp.EQUAL and matcher.value), None)


@dataclass(frozen=True, slots=True, eq=False)
class Route:
    """A route with everything that it inherits written out.

    Attributes:
        key: the matchers from the root down, joined by `/`; opens a group key.
        index: finds the candidates among `routes`.
    """

    key: str
    receiver: str
    group_by: frozenset[str]
    group_by_all: bool
    group_wait_s: float
    group_interval_s: float
    repeat_interval_s: float
    mute_time_intervals: tuple[str, ...]
    active_time_intervals: tuple[str, ...]
    labels: Labels
    goes_on: bool
    test: LabelTest
    routes: tuple[Route, ...] = field(default_factory=tuple)
    index: RouteIndex = field(default_factory=lambda: RouteIndex(()))

    def matching(self, labels: Mapping[str, str]) -> list[Route]:
        """The deepest matching routes, in order: a route stands for itself only where none of its children matches."""
        if not self.test(labels):
            return []
        found: list[Route] = []
        for number in self.index.candidates(labels):
            route = self.routes[number]
            below = route.matching(labels)
            found.extend(below)
            if below and not route.goes_on:
                break
        return found or [self]

    def walk(self) -> Iterator[Route]:
        """This route, then those below it, depth first."""
        yield self
        for route in self.routes:
            yield from route.walk()

    def group_labels(self, labels: Labels) -> Labels:
        """Those of the alert's labels that name its group."""
        if self.group_by_all:
            return labels
        return tuple(pair for pair in labels if pair[0] in self.group_by)


def build_routes(settings: RouteSettings) -> Route:
    """The tree with all defaults and inheritance applied."""
    defaults = Route(
        key="",
        receiver="",
        group_by=frozenset(),
        group_by_all=False,
        group_wait_s=GROUP_WAIT_S,
        group_interval_s=GROUP_INTERVAL_S,
        repeat_interval_s=REPEAT_INTERVAL_S,
        mute_time_intervals=(),
        active_time_intervals=(),
        labels=(),
        goes_on=False,
        test=compile_matchers(()),
    )
    return _build(settings, defaults)


def _build(settings: RouteSettings, parent: Route) -> Route:
    own = format_matchers(settings.matchers)
    group_by, group_by_all = parent.group_by, parent.group_by_all
    if settings.group_by is not None or settings.match_all:
        group_by, group_by_all = frozenset(settings.group_by or ()), settings.match_all
    route = Route(
        key=f"{parent.key}/{own}" if parent.key else own,
        receiver=settings.receiver or parent.receiver,
        group_by=group_by,
        group_by_all=group_by_all,
        group_wait_s=_given(settings.group_wait_s, parent.group_wait_s),
        group_interval_s=_given(settings.group_interval_s, parent.group_interval_s),
        repeat_interval_s=_given(settings.repeat_interval_s, parent.repeat_interval_s),
        # Time intervals are not inherited, as in Alertmanager: they belong to the route that names them.
        mute_time_intervals=settings.mute_time_intervals,
        active_time_intervals=settings.active_time_intervals,
        labels=tuple(sorted((dict(parent.labels) | dict(settings.labels)).items())),
        goes_on=settings.goes_on,
        test=compile_matchers(settings.matchers),
    )
    children = tuple(_build(child, route) for child in settings.routes)
    return replace(route, routes=children, index=RouteIndex(settings.routes))


def _given(value: float | None, default: float) -> float:
    return default if value is None else value


def group_key(route: Route, group_labels: Labels) -> str:
    """Alertmanager's name of a group, such as `{}/{team="a"}:{alertname="x"}`."""
    inner = ", ".join(f"{name}={_quote(value)}" for name, value in group_labels)
    return f"{route.key}:{{{inner}}}"


def group_id(key: str, receiver: str) -> str:
    """What a group is stored under: 32 hex digits of its key and receiver."""
    return hashlib.blake2b(f"{key}\x00{receiver}".encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _quote(text: str) -> str:
    # Go's %q and JSON agree on everything but the escapes of control characters, which label values do not have.
    return json.dumps(text, ensure_ascii=False)
