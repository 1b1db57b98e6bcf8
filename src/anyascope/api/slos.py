"""Service level objectives out: what was promised, what is left of the budget, and how fast it burns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from fastapi import APIRouter
from starlette.responses import Response

from anyascope.api.alerts import RulesSource, all_alerts
from anyascope.api.encode import json_response
from anyascope.api.params import answers
from anyascope.api.render import time_or_none
from anyascope.clock import NS_PER_MS, Clock
from anyascope.frames.samples import SampleFrame
from anyascope.model.labels import Labels, Matcher, MatchOp
from anyascope.model.metrics import is_stale
from anyascope.model.objectives import BurnAlert, Objective
from anyascope.model.status import RuleGroupView
from anyascope.ports import AlertDesk, AlertResponder
from anyascope.rules.slo import ALERT, BURN_RATE, ERROR_RATIO, LABEL_SLO, LABEL_WINDOW
from anyascope.semconv.alerts import LABEL_ALERTNAME
from anyascope.store.api.metrics import MetricReader, Selection
from anyascope.wire.own_api import AlertView
from anyascope.wire.own_slos import BudgetView, BurnView, SlosView, SloView

LOOKBACK_MS = 300_000  # after which a query takes a series for ended; objectives are judged at least as often
SERIES_MAX = 20_000  # of all objectives; one has 15, and as many for each value of its `by`
REMAINING, COVERED = "anya_slo_error_budget_remaining_ratio", "anya_slo_covered_seconds"
WINDOW_S, WINDOW_BLOCKS = "anya_slo_window_seconds", "anya_slo_window_blocks"
_NAMES = (ERROR_RATIO, REMAINING, COVERED, WINDOW_S, WINDOW_BLOCKS, BURN_RATE)


def slos_router(
    rules: RulesSource, desk: AlertDesk, responder: AlertResponder, *, metrics: MetricReader, clock: Clock
) -> APIRouter:
    """The route `/slos`."""
    router = APIRouter(tags=["rules"])

    @router.get(
        "/slos",
        operation_id="listSlos",
        summary="Service level objectives: what is left of each budget, how fast it burns, and its alerts",
        response_model=SlosView,
        responses=answers(problems=()),
    )
    async def list_slos() -> Response:
        """In the order of the rule files; figures as the last evaluation recorded them."""
        groups = [group for group in rules.groups() if group.objective is not None]
        if not groups:
            return json_response(SlosView(slos=[]))
        now_ms = clock.now_ns() // NS_PER_MS
        matchers = (Matcher("__name__", MatchOp.REGEX, "|".join(_NAMES)), Matcher(LABEL_SLO, MatchOp.NOT_EQUAL, ""))
        selection = Selection(matchers, start_ms=now_ms - LOOKBACK_MS, end_ms=now_ms, series_max=SERIES_MAX)
        figures = _Figures(await metrics.select(selection))
        alerts = all_alerts(desk, rules, responder, about=_is_burn)
        return json_response(SlosView(slos=[_slo_view(group, figures, alerts) for group in groups]))

    return router


def _is_burn(labels: Labels, _annotations: Mapping[str, str], _joined: str) -> bool:
    return dict(labels).get(LABEL_ALERTNAME) == ALERT


class _Figures:
    """The newest value of each series, by objective and by what tells its budgets apart."""

    def __init__(self, frame: SampleFrame) -> None:
        self._values: dict[tuple[str, str, str, Labels], float] = {}
        self._keys: dict[str, dict[Labels, None]] = {}
        ended = is_stale(frame.values)
        for row, labels in enumerate(frame.labels):
            at = int(frame.offsets[row + 1]) - 1
            if at >= int(frame.offsets[row]) and not ended[at]:
                self._add(dict(labels), float(frame.values[at]))

    def _add(self, labels: dict[str, str], value: float) -> None:
        name, slo, window = (labels.pop(label, "") for label in ("__name__", LABEL_SLO, LABEL_WINDOW))
        key = tuple(sorted(labels.items()))
        self._values[name, slo, window, key] = value
        if name == ERROR_RATIO:
            self._keys.setdefault(slo, {})[key] = None

    def budgets(self, slo: str) -> Sequence[Labels]:
        """What tells the budgets of an objective apart; nothing where none was judged."""
        return list(self._keys.get(slo, ()))

    def value(self, name: str, slo: str, key: Labels, *, window: str = "") -> float | None:
        """The newest value; None where there is none."""
        return self._values.get((name, slo, window, key))

    def any_of(self, name: str, slo: str) -> float | None:
        """The value of a series of which an objective has one, whatever its other labels are."""
        return next((value for (known, of, _, _), value in self._values.items() if (known, of) == (name, slo)), None)


def _slo_view(group: RuleGroupView, figures: _Figures, alerts: Iterable[AlertView]) -> SloView:
    objective = group.objective
    assert objective is not None
    name = objective.name
    return SloView(
        name=name,
        objective_ratio=objective.objective_ratio,
        window=objective.window,
        window_s=figures.any_of(WINDOW_S, name) or float(objective.window_s),
        window_blocks=figures.any_of(WINDOW_BLOCKS, name),
        total=objective.total,
        bad=objective.bad,
        good=objective.good,
        by=list(objective.by),
        file=group.file,
        line=objective.line,
        error=next((rule.last_error for rule in group.rules if rule.last_error), ""),
        evaluated_at=time_or_none(group.last_evaluation_ns),
        budgets=[_budget_view(objective, figures, key) for key in figures.budgets(name)],
        alerts=[alert for alert in alerts if alert.labels.get(LABEL_SLO) == name],
    )


def _budget_view(objective: Objective, figures: _Figures, key: Labels) -> BudgetView:
    name = objective.name
    return BudgetView(
        labels={label: value for label, value in key if label in objective.by},
        error_ratio=figures.value(ERROR_RATIO, name, key),
        remaining_ratio=figures.value(REMAINING, name, key),
        covered_s=figures.value(COVERED, name, key),
        burns=[_burn_view(burn, name, figures, key) for burn in objective.burns],
    )


def _burn_view(burn: BurnAlert, name: str, figures: _Figures, key: Labels) -> BurnView:
    return BurnView(
        severity=burn.severity,
        factor=burn.factor,
        long_window=burn.long_window,
        short_window=burn.short_window,
        long_rate=figures.value(BURN_RATE, name, key, window=burn.long_window),
        short_rate=figures.value(BURN_RATE, name, key, window=burn.short_window),
    )
