"""Objectives by the own API: what is left of each budget, how fast it burns, its alerts."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from anyascope.clock import NS_PER_MS
from anyascope.model.alerts import AlertCategory, AlertSeverity
from anyascope.model.labels import labels_of
from anyascope.model.metrics import STALE_NAN, MetricBatch, SampleBatch
from anyascope.model.notifications import AlertStatus
from anyascope.model.status import RuleGroupView, RuleKind, RuleView
from anyascope.rules.slo import Slo, Window, objective_of
from support.own_api import House


def group(name: str, *, by: tuple[str, ...] = (), error: str = "") -> RuleGroupView:
    """A group as an objective of 99.9 % over 30 days makes it."""
    slo = Slo(name, Decimal("99.9"), Window(30 * 86_400), "all_total", bad="bad_total", by=by, severities=("critical", "low"), line=4)  # fmt: skip
    rules = (RuleView(RuleKind.RECORDING, "x", "1", last_error=error),)
    return RuleGroupView(
        f"slo {name}", "rules/a.yml", 60.0, rules, last_evaluation_ns=10**18, objective=objective_of(slo)
    )


async def recorded(house: House, *figures: tuple[str, float, dict[str, str]]) -> None:
    now_ms = house.clock.now_ns() // NS_PER_MS
    rows = [(labels_of({"__name__": f"anya_slo_{name}", **labels}), now_ms, value) for name, value, labels in figures]
    await house.store.metrics.write_metrics(MetricBatch(SampleBatch.of(rows)))


async def ask(house: House) -> Any:
    async with house.client() as client:
        return (await client.get("/slos")).json()["slos"]


async def test_no_objective_is_an_empty_list() -> None:
    """Groups whose rules were written are none."""
    assert await ask(House(rule_groups=[RuleGroupView("g", "f", 60.0, ())])) == []


async def test_an_objective_tells_its_budget_and_how_fast_it_burns() -> None:
    """Each alert with its windows and their rates; what is not known is null."""
    house = House(rule_groups=[group("withdrawals")])
    mine = {"slo": "withdrawals", "component": "custody"}
    await recorded(
        house,
        ("error_ratio", 0.0004, mine),
        ("error_budget_remaining_ratio", 0.6, mine),
        ("covered_seconds", 86_400, mine),
        ("window_seconds", 2_592_000, mine),
        ("burn_rate", 2.5, mine | {"window": "1h"}),
        ("burn_rate", 0.5, mine | {"window": "5m"}),
    )
    [slo] = await ask(house)
    assert (slo["objective_ratio"], slo["window"], slo["window_s"], slo["window_blocks"]) == (
        0.999,
        "30d",
        2_592_000.0,
        None,
    )
    assert (slo["file"], slo["line"], slo["bad"], slo["error"]) == ("rules/a.yml", 4, "bad_total", "")
    [budget] = slo["budgets"]
    assert (budget["labels"], budget["error_ratio"], budget["remaining_ratio"], budget["covered_s"]) == (
        {},
        0.0004,
        0.6,
        86_400.0,
    )
    assert budget["burns"] == [
        {"severity": "critical", "factor": 14.4, "long_window": "1h", "short_window": "5m", "long_rate": 2.5, "short_rate": 0.5},
        {"severity": "low", "factor": 1.0, "long_window": "3d", "short_window": "6h", "long_rate": None, "short_rate": None},
    ]  # fmt: skip


async def test_each_value_of_its_labels_has_a_budget() -> None:
    """One that has ended is none; another objective's is not ours."""
    house = House(rule_groups=[group("api", by=("route",)), group("other")])
    for route, left in (("a", 0.9), ("b", -0.2)):
        await recorded(house, ("error_ratio", 0.1, {"slo": "api", "route": route}), ("error_budget_remaining_ratio", left, {"slo": "api", "route": route}))  # fmt: skip
    await recorded(house, ("error_ratio", STALE_NAN, {"slo": "api", "route": "gone"}))
    api, other = await ask(house)
    assert [(one["labels"], one["remaining_ratio"]) for one in api["budgets"]] == [
        ({"route": "a"}, 0.9),
        ({"route": "b"}, -0.2),
    ]
    assert (other["budgets"], other["window_s"]) == ([], 2_592_000.0)


async def test_its_own_alerts_and_faults_stand_with_it() -> None:
    """And nobody else's."""
    house = House(rule_groups=[group("withdrawals", error="many-to-many matching")])

    def alert(number: int, **labels: str) -> AlertStatus:
        return AlertStatus(f"{number:016x}", labels["alertname"], is_firing=True, severity=AlertSeverity.HIGH, category=AlertCategory.DATA, source="x", title="t", labels=labels_of(labels), annotations={}, starts_ns=1)  # fmt: skip

    house.desk.known = [
        alert(1, alertname="ErrorBudgetBurn", slo="withdrawals"),
        alert(2, alertname="ErrorBudgetBurn", slo="other"),
        alert(3, alertname="Other", slo="withdrawals"),
    ]
    [slo] = await ask(house)
    assert ([one["id"] for one in slo["alerts"]], slo["error"]) == ([f"{1:016x}"], "many-to-many matching")
