"""`rules`, `alerts`, `alertmanagers`: what is judged, and what was found."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from anyascope.api.prometheus.answers import endpoint, success
from anyascope.api.prometheus.forms import WHOLE_MAX, Form
from anyascope.api.prometheus.selectors import matcher_sets, selects
from anyascope.api.prometheus.times import format_ns
from anyascope.errors import AnyascopeError, InvalidInputError
from anyascope.model.labels import labels_of
from anyascope.model.status import AlertView, RuleGroupView, RuleKind, RuleView
from anyascope.promql.engine import Engine
from anyascope.promql.layout import on_one_line
from anyascope.promql.numbers import format_exponent

KINDS = {"alert": RuleKind.ALERTING, "record": RuleKind.RECORDING}

Wanted = Callable[[RuleView], bool]


class RulesSource(Protocol):
    """Tells of rules."""

    def groups(self) -> Sequence[RuleGroupView]:
        """All groups, in the order of their files."""


def rules_routes(engine: Engine, source: RulesSource, alertmanagers: Sequence[str] = ()) -> list[BaseRoute]:
    """The routes that tell of rules and alerts; `alertmanagers` are addresses to which alerts are forwarded."""
    handlers = _Rules(engine, source, alertmanagers)
    return [
        Route("/api/v1/rules", endpoint(handlers.rules), methods=["GET"]),
        Route("/api/v1/alerts", endpoint(handlers.alerts), methods=["GET"]),
        Route("/api/v1/alertmanagers", endpoint(handlers.alertmanagers), methods=["GET"]),
    ]


class _Rules:
    def __init__(self, engine: Engine, source: RulesSource, alertmanagers: Sequence[str]) -> None:
        self._engine = engine
        self._source = source
        self._alertmanagers = alertmanagers

    async def rules(self, form: Form) -> Response:
        is_wanted = self._wanted(form)
        hides_alerts = form.boolean("exclude_alerts")
        size, token = _page_of(form)
        named, files = set(form.texts("rule_group[]")), set(form.texts("file[]"))
        answer: dict[str, Any] = {"groups": []}
        has_begun = not token
        for group in sorted(self._source.groups(), key=lambda group: (group.file, group.name)):
            own_token = _token_of(group)
            if has_begun and len(answer["groups"]) == size:
                answer["groupNextToken"] = own_token
                break
            has_begun = has_begun or own_token == token
            if not has_begun or not _is_named(named, group.name) or not _is_named(files, group.file):
                continue
            rules = [self._rule(rule, hides_alerts=hides_alerts) for rule in group.rules if is_wanted(rule)]
            if rules:
                answer["groups"].append(_group(group, rules))
        if not has_begun:
            raise InvalidInputError(
                f"invalid parameter \"group_next_token\": invalid group_next_token '{token}'. were rule groups changed?"
            )
        return success(answer)

    def _wanted(self, form: Form) -> Wanted:
        """What the parameters ask of a rule."""
        kind_name = form.text("type").lower()
        if kind_name and kind_name not in KINDS:
            raise InvalidInputError(f'invalid parameter "type": not supported value "{kind_name}"')
        sets = matcher_sets(form.texts("match[]"))
        names = set(form.texts("rule_name[]"))

        def is_wanted(rule: RuleView) -> bool:
            if kind_name and rule.kind is not KINDS[kind_name]:
                return False
            # What a template will say is not known: such a label matches nothing.
            plain = labels_of((name, value) for name, value in rule.labels if "{{" not in value)
            return _is_named(names, rule.name) and (not sets or any(selects(matchers, plain) for matchers in sets))

        return is_wanted

    def _rule(self, rule: RuleView, *, hides_alerts: bool) -> dict[str, Any]:
        ending: dict[str, Any] = {"health": rule.health.value}
        if rule.last_error:
            ending["lastError"] = rule.last_error
        ending |= {
            "evaluationTime": rule.evaluation_time_s,
            "lastEvaluation": format_ns(rule.last_evaluation_ns),
            "type": rule.kind.value,
        }
        query = self._query(rule.query)
        if rule.kind is RuleKind.RECORDING:
            labels = {"labels": dict(rule.labels)} if rule.labels else {}
            return {"name": rule.name, "query": query, **labels, **ending}
        return {
            "state": rule.state.value,
            "name": rule.name,
            "query": query,
            "duration": _number(rule.hold_s),
            "keepFiringFor": _number(rule.keep_firing_s),
            **_in_blocks(rule),
            "labels": dict(rule.labels),
            "annotations": dict(rule.annotations),
            "alerts": None if hides_alerts else [_alert(alert) for alert in rule.alerts],
            **ending,
        }

    def _query(self, text: str) -> str:
        """The expression as upstream writes it, on one line."""
        try:
            return on_one_line(self._engine.parse(text).text)
        except AnyascopeError:
            return text

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


def _page_of(form: Form) -> tuple[int, str]:
    """How many groups at most (-1 is all), and the token of the first."""
    text, token = form.text("group_limit"), form.text("group_next_token")
    if not text:
        if token:
            raise InvalidInputError(
                'invalid parameter "group_next_token": group_limit needs to be present in order to paginate over the groups'
            )
        return -1, ""
    try:
        size = int(text)
    except ValueError as error:
        told = f'group_limit needs to be a valid number: strconv.ParseInt: parsing "{text}": invalid syntax'
        raise InvalidInputError(f'invalid parameter "group_limit": {told}') from error
    if not 0 < size <= WHOLE_MAX:
        raise InvalidInputError('invalid parameter "group_limit": group_limit needs to be greater than 0')
    return size, token


def _token_of(group: RuleGroupView) -> str:
    # Upstream's own, so that a client may go on at the other one.
    return hashlib.sha1(f"{group.file};{group.name}".encode(), usedforsecurity=False).hexdigest()


def _is_named(names: set[str], name: str) -> bool:
    return not names or name in names


def _number(value: float) -> float:
    """Whole numbers without a point, as Go writes them."""
    return int(value) if float(value).is_integer() else value


def _group(group: RuleGroupView, rules: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {
        "name": group.name,
        "file": group.file,
        "rules": rules,
        "interval": _number(group.interval_s),
        "limit": group.limit,
        "evaluationTime": group.evaluation_time_s,
        "lastEvaluation": format_ns(group.last_evaluation_ns),
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
    if alert.active_height is not None:
        found["activeAtHeight"] = alert.active_height
    found["value"] = format_exponent(alert.value)
    return found


def _in_blocks(rule: RuleView) -> dict[str, str]:
    """`for` and `keep_firing_for` in blocks, which upstream does not have: its own fields are 0 then."""
    told = {"durationBlocks": rule.hold_blocks, "keepFiringForBlocks": rule.keep_firing_blocks}
    return {name: text for name, text in told.items() if text}
