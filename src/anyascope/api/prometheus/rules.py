"""`rules`, `alerts`, `alertmanagers`: what is judged, and what was found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from anyascope.api.prometheus.answers import endpoint, success
from anyascope.api.prometheus.forms import Form
from anyascope.api.prometheus.times import format_ns
from anyascope.errors import InvalidInputError
from anyascope.model.status import AlertView, RuleGroupView, RuleKind, RuleView
from anyascope.promql.numbers import format_exponent

KINDS = {"alert": RuleKind.ALERTING, "record": RuleKind.RECORDING}


class RulesSource(Protocol):
    """Tells of rules."""

    def groups(self) -> Sequence[RuleGroupView]:
        """All groups, in the order of their files."""


def rules_routes(source: RulesSource, alertmanagers: Sequence[str] = ()) -> list[BaseRoute]:
    """The routes that tell of rules and alerts; `alertmanagers` are addresses to which alerts are forwarded."""
    handlers = _Rules(source, alertmanagers)
    return [
        Route("/api/v1/rules", endpoint(handlers.rules), methods=["GET"]),
        Route("/api/v1/alerts", endpoint(handlers.alerts), methods=["GET"]),
        Route("/api/v1/alertmanagers", endpoint(handlers.alertmanagers), methods=["GET"]),
    ]


class _Rules:
    def __init__(self, source: RulesSource, alertmanagers: Sequence[str]) -> None:
        self._source = source
        self._alertmanagers = alertmanagers

    async def rules(self, form: Form) -> Response:
        kind_name = form.text("type").lower()
        if kind_name and kind_name not in KINDS:
            raise InvalidInputError(f'invalid parameter "type": not supported value "{kind_name}"')
        hides_alerts = form.text("exclude_alerts").lower() in {"true", "1", "t"}
        names = {name: set(form.texts(name)) for name in ("rule_name[]", "rule_group[]", "file[]")}
        groups = []
        for group in self._source.groups():
            if not _wanted(names["rule_group[]"], group.name) or not _wanted(names["file[]"], group.file):
                continue
            rules = [
                _rule(rule, hides_alerts=hides_alerts)
                for rule in group.rules
                if _wanted(names["rule_name[]"], rule.name) and (not kind_name or rule.kind is KINDS[kind_name])
            ]
            if rules or not (kind_name or names["rule_name[]"]):
                groups.append(_group(group, rules))
        return success({"groups": groups})

    async def alerts(self, _form: Form) -> Response:
        found = [
            _alert(alert)
            for group in self._source.groups()
            for rule in group.rules
            if rule.kind is RuleKind.ALERTING
            for alert in rule.alerts
        ]
        return success({"alerts": found})

    async def alertmanagers(self, _form: Form) -> Response:
        active = [{"url": url} for url in self._alertmanagers]
        return success({"activeAlertmanagers": active, "droppedAlertmanagers": []})


def _wanted(names: set[str], name: str) -> bool:
    return not names or name in names


def _group(group: RuleGroupView, rules: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {
        "name": group.name,
        "file": group.file,
        "rules": rules,
        "interval": group.interval_s,
        "limit": group.limit,
        "evaluationTime": group.evaluation_time_s,
        "lastEvaluation": format_ns(group.last_evaluation_ns),
    }


def _rule(rule: RuleView, *, hides_alerts: bool) -> dict[str, Any]:
    ending: dict[str, Any] = {"health": rule.health.value}
    if rule.last_error:
        ending["lastError"] = rule.last_error
    ending |= {
        "evaluationTime": rule.evaluation_time_s,
        "lastEvaluation": format_ns(rule.last_evaluation_ns),
        "type": rule.kind.value,
    }
    if rule.kind is RuleKind.RECORDING:
        labels = {"labels": dict(rule.labels)} if rule.labels else {}
        return {"name": rule.name, "query": rule.query, **labels, **ending}
    return {
        "state": rule.state.value,
        "name": rule.name,
        "query": rule.query,
        "duration": rule.hold_s,
        "keepFiringFor": rule.keep_firing_s,
        "labels": dict(rule.labels),
        "annotations": dict(rule.annotations),
        "alerts": [] if hides_alerts else [_alert(alert) for alert in rule.alerts],
        **ending,
    }


def _alert(alert: AlertView) -> dict[str, Any]:
    found: dict[str, Any] = {
        "labels": dict(alert.labels),
        "annotations": dict(alert.annotations),
        "state": alert.state.value,
        "activeAt": format_ns(alert.active_ns),
    }
    if alert.keep_firing_since_ns:
        found["keepFiringSince"] = format_ns(alert.keep_firing_since_ns)
    found["value"] = format_exponent(alert.value)
    return found
