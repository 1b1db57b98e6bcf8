"""Alertmanager's configuration, read strictly, with the place of every mistake."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from anyascope.alerting.calendar import TimeInterval, read_time_interval
from anyascope.alerting.inhibition import InhibitRule
from anyascope.alerting.label_names import go_quoted, is_classic_label_name, is_label_name
from anyascope.alerting.matchers import compile_whole, parse_matchers
from anyascope.alerting.receivers.inherited import RESOLVE_TIMEOUT_S, read_global
from anyascope.alerting.receivers.registry import read_receivers
from anyascope.alerting.routing import RouteSettings
from anyascope.alerting.settings_unused import read_unused
from anyascope.errors import InvalidInputError
from anyascope.model.labels import Matcher, MatchOp
from anyascope.model.receivers import Receiver
from anyascope.wire.settings import Section, read_settings
from anyascope.wire.settings_words import GoWords

DEFAULT_RECEIVER = "default"


@dataclass(frozen=True, slots=True)
class AlertingOptions:
    """Everything that `alerting` needs to know.

    The defaults serve a server without receivers: alerts are grouped by name and source, shown and kept, told to nobody.

    Attributes:
        templates: paths with wildcards of template files, for `notify`.
        resolve_timeout_s: how long an alert without an end counts as firing after it was last heard of.
        external_url: where people reach this server; goes into messages.
    """

    route: RouteSettings = field(
        default_factory=lambda: RouteSettings(receiver=DEFAULT_RECEIVER, group_by=("alertname", "component"))
    )
    receivers: Mapping[str, Receiver] = field(default_factory=lambda: {DEFAULT_RECEIVER: Receiver(DEFAULT_RECEIVER)})
    inhibit_rules: tuple[InhibitRule, ...] = ()
    time_intervals: Mapping[str, tuple[TimeInterval, ...]] = field(default_factory=dict)
    templates: tuple[str, ...] = ()
    resolve_timeout_s: float = RESOLVE_TIMEOUT_S
    external_url: str = ""


def read_alertmanager_file(text: str, *, file: str) -> AlertingOptions:
    """A whole `alertmanager.yml`.

    Raises:
        SettingsError: with every mistake, its line and its path.
    """
    section = read_settings(text, file=file, words=GoWords())
    options = read_alerting(section, required=True)
    read_unused(section)
    section.done()
    section.raise_if_wrong()
    return options


def read_alerting(
    section: Section, *, required: bool = False, other_global_fields: Collection[str] = ()
) -> AlertingOptions:
    """The alerting part of a configuration file; the caller says `done` and `raise_if_wrong`.

    Args:
        section: the top of the file.
        required: whether a missing `route` is a mistake, as in a file that is about alerting alone.
        other_global_fields: what else `global` may hold, such as Prometheus' fields; not looked at.
    """
    shared = section.section("global")
    for name in other_global_fields:
        shared.plain(name)
    inherited = read_global(shared)
    shared.done()
    receivers = read_receivers(section, inherited)
    intervals = _read_intervals(section)
    rules = tuple(_read_inhibit_rule(entry) for entry in section.sections("inhibit_rules"))
    templates = tuple(str(section.beside(pattern)) for pattern in section.texts("templates"))
    route = _read_root(section, receivers, intervals, required=required or bool(receivers))
    if route is None:
        default = AlertingOptions()
        route, receivers = default.route, receivers or dict(default.receivers)
    return AlertingOptions(
        route=route,
        receivers=receivers,
        inhibit_rules=rules,
        time_intervals=intervals,
        templates=templates,
        resolve_timeout_s=inherited.resolve_timeout_s,
    )


# --- routes -----------------------------------------------------------------------------------------------------------


def _read_root(
    section: Section,
    receivers: Mapping[str, Receiver],
    intervals: Mapping[str, tuple[TimeInterval, ...]],
    *,
    required: bool,
) -> RouteSettings | None:
    if not section.has("route"):
        section.section("route")
        if required:
            section.wrong("no routes provided" if section.names() else "no route provided in config")
        return None
    root = section.section("route")
    route = read_route(root, receivers, intervals)
    if not route.receiver:
        root.wrong("root route must specify a default receiver")
    if route.matchers:
        root.wrong("root route must not have any matchers")
    if route.mute_time_intervals:
        root.wrong("root route must not have any mute time intervals")
    if route.active_time_intervals:
        root.wrong("root route must not have any active time intervals")
    if route.goes_on:
        root.wrong("cannot have continue in root route")
    return route


def read_route(
    section: Section, receivers: Mapping[str, Receiver] | None, intervals: Mapping[str, object] | None
) -> RouteSettings:
    """A route and those below it. Where `receivers` or `intervals` is None, names are not looked up."""
    receiver = section.text("receiver", "") or None
    if receiver is not None and receivers is not None and receiver not in receivers:
        section.wrong(f"undefined receiver {go_quoted(receiver)} used in route", name="receiver")
    group_by = _read_group_by(section)
    muted, active = section.texts("mute_time_intervals"), section.texts("active_time_intervals")
    for name in (*active, *muted):
        if intervals is not None and name not in intervals:
            section.wrong(f"undefined time interval {go_quoted(name)} used in route")
    route = RouteSettings(
        receiver=receiver,
        matchers=_read_matchers(section, ""),
        group_by=None if group_by is None else tuple(name for name in group_by if name != "..."),
        match_all=group_by is not None and "..." in group_by,
        group_wait_s=section.duration_s("group_wait", None),
        group_interval_s=_read_positive(section, "group_interval"),
        repeat_interval_s=_read_positive(section, "repeat_interval"),
        mute_time_intervals=muted,
        active_time_intervals=active,
        labels=_read_route_labels(section),
        goes_on=section.boolean("continue", False),
        routes=tuple(read_route(entry, receivers, intervals) for entry in section.sections("routes", "*config.Route")),
    )
    section.done()
    return route


def _read_group_by(section: Section) -> tuple[str, ...] | None:
    """None where the parent's counts; an empty list is one group of all alerts."""
    if not section.has("group_by"):
        return None
    names = section.texts("group_by")
    labels = [name for name in names if name != "..."]
    if labels and "..." in names:
        section.wrong("cannot have wildcard group_by (`...`) and other labels at the same time", name="group_by")
    seen: set[str] = set()
    for name in labels:
        if not is_label_name(name):
            section.wrong(f"invalid label name {go_quoted(name)} in group_by list", name="group_by")
        elif name in seen:
            section.wrong(f"duplicated label {go_quoted(name)} in group_by", name="group_by")
        seen.add(name)
    return names


def _read_positive(section: Section, name: str) -> float | None:
    seconds = section.duration_s(name, None)
    if seconds is not None and seconds <= 0:
        section.wrong(f"{name} cannot be zero", name=name)
    return seconds


def _read_route_labels(section: Section) -> tuple[tuple[str, str], ...]:
    labels = section.text_map("labels")
    for name in labels:
        if not is_label_name(name):
            section.wrong(f"invalid label name {go_quoted(name)} in route labels", name="labels")
    return tuple(sorted(labels.items()))


def _read_matchers(section: Section, prefix: str) -> tuple[Matcher, ...]:
    """`match`, `match_re` and `matchers`, or those with a prefix such as `source_`."""
    found = [*_read_match(section.section(f"{prefix}match")), *_read_match_re(section.section(f"{prefix}match_re"))]
    for text in section.texts(f"{prefix}matchers"):
        try:
            found.extend(parse_matchers(text))
        except InvalidInputError as error:
            section.wrong(error.message, name=f"{prefix}matchers")
    return tuple(found)


def _read_match(section: Section) -> Iterator[Matcher]:
    for name in section.names():
        value = section.text(name, "")
        if is_classic_label_name(name):
            yield Matcher(name, MatchOp.EQUAL, value)
        else:
            section.wrong(f"invalid label name {go_quoted(name)}", name=name)


def _read_match_re(section: Section) -> Iterator[Matcher]:
    for name in section.names():
        value = section.text(name, None)
        if not is_classic_label_name(name):
            section.wrong(f"invalid label name {go_quoted(name)}", name=name)
        elif value is None:
            section.wrong(f"invalid regexp value for {go_quoted(name)}", name=name)
        else:
            try:
                compile_whole(value)
            except InvalidInputError as error:
                section.wrong(error.message, name=name)
                continue
            # The old form shows its anchors wherever it is printed, and so in group keys.
            yield Matcher(name, MatchOp.REGEX, f"^(?:{value})$")


# --- inhibition and times ---------------------------------------------------------------------------------------------


def _read_inhibit_rule(section: Section) -> InhibitRule:
    equal = section.texts("equal")
    for name in equal:
        if not is_label_name(name):
            section.wrong(f"invalid label name {go_quoted(name)} in equal list", name="equal")
    rule = InhibitRule(
        source=_read_matchers(section, "source_"),
        target=_read_matchers(section, "target_"),
        equal=tuple(equal),
        name=section.text("name", ""),
    )
    section.done("common.plain")
    return rule


def _read_intervals(section: Section) -> dict[str, tuple[TimeInterval, ...]]:
    found: dict[str, tuple[TimeInterval, ...]] = {}
    for field_name, kind in (("mute_time_intervals", "mute time interval"), ("time_intervals", "time interval")):
        for entry in section.sections(field_name):
            name = entry.text("name", "")
            if not name:
                entry.wrong(f"missing name in {kind}")
            elif name in found:
                entry.wrong(f"{kind} {go_quoted(name)} is not unique", name="name")
            intervals = tuple(read_time_interval(inner) for inner in entry.sections("time_intervals"))
            entry.done()
            found.setdefault(name, intervals)
    return found
