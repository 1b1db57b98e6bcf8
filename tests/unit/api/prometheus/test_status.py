"""Targets, rules, alerts and the server itself, in Prometheus' shapes."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime

import pytest

from anyascope.api.prometheus.targets import global_url
from anyascope.api.prometheus.times import NEVER, format_ns
from anyascope.clock import NS_PER_S
from anyascope.model.alerts import AlertState
from anyascope.model.labels import labels_of
from anyascope.model.metrics import MetricMetadata, MetricType
from anyascope.model.status import (
    AlertView,
    DroppedTargetView,
    RuleGroupView,
    RuleHealth,
    RuleKind,
    RuleView,
    TargetHealth,
    TargetView,
)
from support.components import shared_path
from support.prometheus_api import NOW_S, SERVER, Told, client_of
from support.promql import store_of


def recorded(name: str) -> dict:
    return json.loads(shared_path(f"components/samples/prometheus-3.5/{name}.json").read_text())["data"]


def ns_of(text: str) -> int:
    """Nanoseconds of a recorded time, all nine digits."""
    head, _, fraction = text.removesuffix("Z").partition(".")
    return round(datetime.fromisoformat(f"{head}+00:00").timestamp()) * NS_PER_S + int(fraction.ljust(9, "0") or 0)


def alert_of(row: dict) -> AlertView:
    return AlertView(
        labels_of(row["labels"]),
        row["annotations"],
        AlertState(row["state"]),
        ns_of(row["activeAt"]),
        float(row["value"]),
    )


def rule_of(row: dict) -> RuleView:
    return RuleView(
        RuleKind(row["type"]),
        row["name"],
        row["query"],
        labels_of(row.get("labels", {})),
        RuleHealth(row["health"]),
        evaluation_time_s=row["evaluationTime"],
        last_evaluation_ns=ns_of(row["lastEvaluation"]),
        state=AlertState(row.get("state", "inactive")),
        hold_s=row.get("duration", 0),
        keep_firing_s=row.get("keepFiringFor", 0),
        annotations=row.get("annotations", {}),
        alerts=tuple(alert_of(alert) for alert in row.get("alerts", ())),
    )


def recorded_groups() -> list[RuleGroupView]:
    return [
        RuleGroupView(
            row["name"],
            row["file"],
            row["interval"],
            tuple(rule_of(rule) for rule in row["rules"]),
            row["limit"],
            row["evaluationTime"],
            ns_of(row["lastEvaluation"]),
        )
        for row in recorded("rules")["groups"]
    ]


def recorded_targets() -> list[TargetView]:
    return [
        TargetView(
            row["scrapePool"],
            row["scrapeUrl"],
            labels_of(row["labels"]),
            labels_of(row["discoveredLabels"]),
            row["globalUrl"],
            row["lastError"],
            ns_of(row["lastScrape"]),
            row["lastScrapeDuration"],
            TargetHealth(row["health"]),
            1_000,
            1_000,
        )
        for row in recorded("targets")["activeTargets"]
    ]


async def data_of(path: str, told: Told, *, alertmanagers: tuple[str, ...] = (), **parameters: str) -> dict:
    async with client_of(await store_of('load 1s\n    up{a="1"} 1'), told, alertmanagers=alertmanagers) as client:
        answer = await client.get(path, params=parameters)
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


async def test_targets_are_told_as_prometheus_does() -> None:
    """The recorded answer, whole."""
    expected = recorded("targets")
    expected["droppedTargetCounts"] = dict.fromkeys(expected["droppedTargetCounts"], 0)

    assert await data_of("targets", Told(recorded_targets())) == expected


async def test_targets_can_be_filtered() -> None:
    """By state and by pool."""
    told = Told(
        recorded_targets(),
        [
            DroppedTargetView("node", (("__address__", "x:1"),)),
            DroppedTargetView("node", (("__address__", "y:1"),), is_shown=False),
        ],
    )

    active = await data_of("targets", told, state="active", scrapePool="node")
    dropped = await data_of("targets", told, state="dropped")

    assert [row["scrapePool"] for row in active["activeTargets"]] == ["node"]
    assert active["droppedTargets"] == []
    assert dropped["activeTargets"] == []
    assert dropped["droppedTargets"] == [{"discoveredLabels": {"__address__": "x:1"}, "scrapePool": "node"}]
    assert dropped["droppedTargetCounts"] == {"dead": 0, "node": 2, "self": 0}
    assert active["droppedTargetCounts"] is None


async def test_pools_are_listed() -> None:
    """Each once."""
    assert await data_of("scrape_pools", Told(recorded_targets())) == {"scrapePools": ["dead", "node", "self"]}


async def test_rules_are_told_as_prometheus_does() -> None:
    """The recorded answer, whole."""
    assert await data_of("rules", Told(rule_groups=recorded_groups())) == recorded("rules")


async def test_rules_can_be_filtered() -> None:
    """By kind, name, group and file; alerts can be left out."""
    told = Told(rule_groups=recorded_groups())

    async def names(**parameters: str) -> list[str]:
        groups = (await data_of("rules", told, **parameters))["groups"]
        return [rule["name"] for group in groups for rule in group["rules"]]

    assert await names(type="alert") == ["TargetDown"]
    assert await names(type="record") == ["job:up:sum"]
    assert await names(**{"rule_name[]": "TargetDown"}) == ["TargetDown"]
    assert await names(**{"rule_group[]": "other"}) == []
    hidden = await data_of("rules", told, exclude_alerts="true")
    assert hidden["groups"][0]["rules"][1]["alerts"] is None


async def test_alerts_are_told_as_prometheus_does() -> None:
    """The recorded answer, whole."""
    assert await data_of("alerts", Told(rule_groups=recorded_groups())) == recorded("alerts")


async def test_an_error_of_a_rule_is_told() -> None:
    """Beside its health."""
    rule = RuleView(RuleKind.RECORDING, "a", "b", health=RuleHealth.ERR, last_error="it broke")
    [group] = (await data_of("rules", Told(rule_groups=[RuleGroupView("g", "f", 15, (rule,))])))["groups"]

    assert (group["rules"][0]["health"], group["rules"][0]["lastError"]) == ("err", "it broke")
    assert group["lastEvaluation"] == NEVER


async def test_alertmanagers_are_told_as_prometheus_does() -> None:
    """The recorded answer, whole."""
    expected = recorded("alertmanagers")
    urls = tuple(row["url"] for row in expected["activeAlertmanagers"])

    assert await data_of("alertmanagers", Told(), alertmanagers=urls) == expected


@pytest.mark.parametrize("name", ["buildinfo", "runtimeinfo", "tsdb"])
async def test_the_server_tells_of_itself_in_prometheus_words(name: str) -> None:
    """Every recorded field is there, with a value of the same kind."""
    told, expected = await data_of(f"status/{name}", Told()), recorded(f"status_{name}")

    assert {key: type(value) for key, value in told.items()} == {key: type(value) for key, value in expected.items()}


async def test_configuration_and_flags_are_told() -> None:
    """The configuration as YAML, the flags as text."""
    assert await data_of("status/config", Told()) == {"yaml": "global: {}\n"}
    assert await data_of("status/flags", Told(options={"listen": "x"})) == {"listen": "x"}


async def test_the_largest_families_are_told() -> None:
    """By metric, label and pair."""
    found = await data_of("status/tsdb", Told())

    assert found["headStats"]["numSeries"] == 1
    assert found["seriesCountByMetricName"] == [{"name": "up", "value": 1}]


@pytest.mark.parametrize(
    ("time_ns", "text"),
    [
        (0, NEVER),
        (NOW_S * NS_PER_S, "2026-11-23T09:19:46Z"),
        (NOW_S * NS_PER_S + 735_083_128, "2026-11-23T09:19:46.735083128Z"),
        (NOW_S * NS_PER_S + 500_000_000, "2026-11-23T09:19:46.5Z"),
    ],
)
def test_times_have_the_decimals_that_they_need(time_ns: int, text: str) -> None:
    """RFC 3339 as Go writes it."""
    assert format_ns(time_ns) == text


async def error_of(path: str, told: Told, **parameters: str) -> str:
    async with client_of(await store_of('load 1s\n    up{a="1"} 1'), told) as client:
        answer = await client.get(path, params=parameters)
    assert answer.status_code == 400, answer.text
    return answer.json()["error"]


def numbered_groups(count: int) -> list[RuleGroupView]:
    rule = RuleView(RuleKind.ALERTING, "A", "a  ==  1", labels=(("severity", "page"), ("who", "{{ $labels.who }}")))
    return [RuleGroupView(f"g{number}", "f.yml", 15, (rule,)) for number in reversed(range(count))]


async def test_groups_of_rules_come_in_pages() -> None:
    """Each answer names the first group of the next one; the last names none."""
    told = Told(rule_groups=numbered_groups(3))

    first = await data_of("rules", told, group_limit="2")
    second = await data_of("rules", told, group_limit="2", group_next_token=first["groupNextToken"])

    assert [group["name"] for group in first["groups"]] == ["g0", "g1"]
    assert [group["name"] for group in second["groups"]] == ["g2"]
    assert "groupNextToken" not in second


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"group_limit": "0"}, 'invalid parameter "group_limit": group_limit needs to be greater than 0'),
        ({"group_limit": "x"}, 'invalid parameter "group_limit": group_limit needs to be a valid number: strconv'),
        ({"group_next_token": "a"}, 'invalid parameter "group_next_token": group_limit needs to be present'),
        ({"group_limit": "1", "group_next_token": "a"}, 'invalid parameter "group_next_token": invalid group_next'),
        ({"match[]": "sum("}, '1:4: parse error: unexpected "("'),
        ({"match[]": "{}"}, "match[] must contain at least one non-empty matcher"),
        ({"exclude_alerts": "x"}, 'invalid parameter "exclude_alerts": error converting exclude_alerts'),
    ],
)
async def test_a_wrong_question_for_rules_is_named(parameters: dict[str, str], message: str) -> None:
    """In upstream's words."""
    assert (await error_of("rules", Told(rule_groups=numbered_groups(2)), **parameters)).startswith(message)


async def test_rules_are_found_by_their_labels() -> None:
    """What a template will say matches nothing; expressions are told as upstream writes them."""
    told = Told(rule_groups=numbered_groups(1))

    found = await data_of("rules", told, **{"match[]": '{severity=~"p.*"}'})
    missed = await data_of("rules", told, **{"match[]": '{who!=""}'})

    assert [rule["query"] for group in found["groups"] for rule in group["rules"]] == ["a == 1"]
    assert missed["groups"] == []


async def test_targets_tell_what_their_metrics_mean() -> None:
    """Of all, of those whose labels match, or of one metric, whose name is then left out."""
    known = (
        MetricMetadata("up", MetricType.GAUGE, "Whether."),
        MetricMetadata("x_total", MetricType.COUNTER, "How many."),
    )
    views = [replace(view, metadata=known) for view in recorded_targets()]
    told = Told(views)

    every = await data_of("targets/metadata", told)
    one = await data_of("targets/metadata", told, match_target='{job="node"}', metric="x_total")

    assert len(every) == len(known) * len(views)
    labels = next(dict(view.labels) for view in views if view.scrape_pool == "node")
    assert one == [{"target": labels, "type": "counter", "help": "How many.", "unit": ""}]
    assert await data_of("targets/metadata", told, limit="0") == []
    assert len(await data_of("targets/metadata", told, limit="1")) == len(known)
    assert (await error_of("targets/metadata", told, limit="x")) == "limit must be a number"


async def test_pools_without_targets_are_listed() -> None:
    """As configured."""
    assert await data_of("scrape_pools", Told(pools=("b", "a"))) == {"scrapePools": ["a", "b"]}


async def test_a_refused_reload_is_a_notification() -> None:
    """It says why, and when."""
    view = replace(SERVER, reload_error="it broke", reload_failed_ns=NOW_S * NS_PER_S)

    [found] = await data_of("notifications", Told(view=view))

    assert found == {
        "text": "Configuration reload has failed: it broke",
        "date": "2026-11-23T09:19:46Z",
        "active": True,
    }
    assert await data_of("notifications", Told()) == []
    assert await data_of("status/walreplay", Told()) == {"min": 0, "max": 0, "current": 0}


async def test_labels_are_counted_whole_however_few_are_told() -> None:
    """The limit cuts lists, not sums; it must be positive."""
    found = await data_of("status/tsdb", Told(), limit="1")

    assert found["headStats"]["numLabelPairs"] == 2
    assert found["memoryInBytesByLabelName"] == [{"name": "__name__", "value": 12}]
    for limit in ("0", "-1", "x", "9" * 5000):
        assert await error_of("status/tsdb", Told(), limit=limit) == "limit must be a positive number"


@pytest.mark.parametrize(
    ("url", "reach", "expected"),
    [
        ("http://127.0.0.1:9100/metrics", "https://scope.example/a", "http://scope.example:9100/metrics"),
        ("http://localhost/metrics?x=1", "https://scope.example", "http://scope.example/metrics?x=1"),
        ("http://[::1]:9100/metrics", "http://[2001:db8::1]:9470", "http://[2001:db8::1]:9100/metrics"),
        ("http://node:9100/metrics", "https://scope.example", "http://node:9100/metrics"),
        ("http://127.0.0.1:9100/metrics", "", "http://127.0.0.1:9100/metrics"),
    ],
)
def test_targets_on_this_machine_have_its_name_for_others(url: str, reach: str, expected: str) -> None:
    """Only where that name is known, and the port stays the target's."""
    assert global_url(url, reach) == expected


async def test_rules_that_count_blocks_say_so_beside_prometheus_own_fields() -> None:
    """`duration` stays a number, which is 0; `activeAtHeight` is where the alert began. Without blocks neither is there."""
    alert = AlertView((), {}, AlertState.PENDING, 1, 1.0, active_height=900_000)
    rule = RuleView(RuleKind.ALERTING, "A", "x", hold_blocks="3 blocks", keep_firing_blocks="1 block", alerts=(alert,))
    groups = [
        RuleGroupView("g", "r.yml", 60.0, (rule, replace(rule, hold_blocks="", keep_firing_blocks="", alerts=())))
    ]

    found = await data_of("rules", Told(rule_groups=groups))

    counting, plain = found["groups"][0]["rules"]
    assert (counting["duration"], counting["durationBlocks"]) == (0, "3 blocks")
    assert (counting["keepFiringFor"], counting["keepFiringForBlocks"]) == (0, "1 block")
    assert counting["alerts"][0]["activeAtHeight"] == 900_000
    assert not {"durationBlocks", "keepFiringForBlocks"} & plain.keys()
