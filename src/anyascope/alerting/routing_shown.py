"""The tree of routes for people: whole, and as an alert with certain labels goes through it."""

from __future__ import annotations

from collections.abc import Mapping

from anyascope.alerting.escalation.policy import Directory, choose_policy
from anyascope.alerting.matchers import format_matcher
from anyascope.alerting.routing import Route, RouteSettings, build_routes, group_key
from anyascope.alerting.settings import AlertingOptions
from anyascope.model.escalation import EscalationOptions, EscalationPolicy
from anyascope.model.labels import labels_of
from anyascope.model.receivers import Receiver
from anyascope.semconv.alerts import LABEL_ESCALATION_POLICY, severity_of
from anyascope.wire.own_api import (
    CalledLevelView,
    IntegrationView,
    MatchedRouteView,
    ReceiverView,
    RouteView,
    RoutingTestView,
    RoutingView,
)

ROOT_ID = "0"


def routing_view(options: AlertingOptions) -> RoutingView:
    """The whole tree with everything inherited written out, and all receivers in file order."""
    return RoutingView(
        route=_route_view(options.route, build_routes(options.route), ROOT_ID),
        receivers=[
            ReceiverView(name=receiver.name, integrations=_integrations(receiver))
            for receiver in options.receivers.values()
        ],
    )


def routes_for(
    options: AlertingOptions, labels: Mapping[str, str], escalation: EscalationOptions | None = None
) -> RoutingTestView:
    """The routes that an alert with these labels takes, in order, and whom an escalation policy would call."""
    root, directory = build_routes(options.route), Directory(options.receivers)
    policies = escalation.policies if escalation is not None else {}
    places = dict(_places(options.route, root, ROOT_ID, ()))
    matched: list[MatchedRouteView] = []
    for route in root.matching(labels):
        place, path = places[id(route)]
        group_labels = route.group_labels(labels_of(labels))
        receiver = options.receivers.get(route.receiver, Receiver(route.receiver))
        policy = choose_policy(
            policies,
            labels=labels_of(labels),
            annotations={},
            route_labels=route.labels,
            severity=severity_of(labels_of(labels)),
        )
        matched.append(
            MatchedRouteView(
                id=place,
                receiver=route.receiver,
                path=[list(matchers) for matchers in path],
                group_key=group_key(route, group_labels),
                group_labels=dict(group_labels),
                group_wait_s=route.group_wait_s,
                group_interval_s=route.group_interval_s,
                repeat_interval_s=route.repeat_interval_s,
                mute_time_intervals=list(route.mute_time_intervals),
                active_time_intervals=list(route.active_time_intervals),
                labels=dict(route.labels),
                integrations=_integrations(receiver),
                policy=policy.name if policy is not None else None,
                levels=_levels(policy, directory, route.receiver),
            )
        )
    return RoutingTestView(routes=matched)


def _route_view(settings: RouteSettings, route: Route, place: str) -> RouteView:
    children = zip(settings.routes, route.routes, strict=True)
    return {
        "id": place,
        "receiver": route.receiver,
        "matchers": [format_matcher(matcher) for matcher in settings.matchers],
        "group_by": sorted(route.group_by),
        "group_by_all": route.group_by_all,
        "group_wait_s": route.group_wait_s,
        "group_interval_s": route.group_interval_s,
        "repeat_interval_s": route.repeat_interval_s,
        "continue": route.goes_on,
        "mute_time_intervals": list(route.mute_time_intervals),
        "active_time_intervals": list(route.active_time_intervals),
        "labels": dict(route.labels),
        "policy": dict(route.labels).get(LABEL_ESCALATION_POLICY),
        "routes": [_route_view(inner, below, f"{place}/{index}") for index, (inner, below) in enumerate(children)],
    }


_Place = tuple[str, tuple[tuple[str, ...], ...]]


def _places(
    settings: RouteSettings, route: Route, place: str, path: tuple[tuple[str, ...], ...]
) -> list[tuple[int, _Place]]:
    """Where each route stands, by its identity: routes are compared by nothing else."""
    found = [(id(route), (place, path))]
    for index, (inner, below) in enumerate(zip(settings.routes, route.routes, strict=True)):
        matchers = tuple(format_matcher(matcher) for matcher in inner.matchers)
        found += _places(inner, below, f"{place}/{index}", (*path, matchers))
    return found


def _levels(policy: EscalationPolicy | None, directory: Directory, receiver: str) -> list[CalledLevelView]:
    return [
        CalledLevelView(
            delay_s=level.delay_s,
            repeat_s=level.repeat_s or None,
            channels=[
                target.integration.key
                for channel in level.channels
                for target in directory.targets(channel, receiver=receiver)
            ],
        )
        for level in (policy.levels if policy is not None else ())
    ]


def _integrations(receiver: Receiver) -> list[IntegrationView]:
    return [
        IntegrationView(kind=each.kind, key=each.key, send_resolved=each.send_resolved)
        for each in receiver.integrations
    ]
