"""Silences through the own API."""

from __future__ import annotations

from dataclasses import replace

import pytest

from anyascope.clock import NS_PER_MS
from anyascope.model.alerts import AlertCategory, AlertSeverity
from anyascope.model.labels import labels_of
from anyascope.model.metrics import MetricBatch, SampleBatch
from anyascope.model.notifications import AlertStatus
from anyascope.model.status import RuleGroupView, RuleKind, RuleView
from support.own_api import House

HOST = [{"name": "instance", "op": "=", "value": "h1"}]
ASKED = {"matchers": HOST, "created_by": "ann", "comment": "disk swap", "for_s": 3600}


def firing(name, severity=AlertSeverity.CRITICAL, **labels):
    return AlertStatus(
        id=f"{name:0>16}",
        name=name,
        is_firing=True,
        severity=severity,
        category=AlertCategory.DATA,
        source="h1",
        title=name,
        labels=labels_of({"alertname": name, **labels}),
        annotations={},
        starts_ns=1,
    )


@pytest.fixture
def house():
    found = House()
    found.desk.known = [firing("Down", instance="h1"), firing("Slow", AlertSeverity.LOW, instance="h2")]
    rules = (RuleView(RuleKind.ALERTING, "Leak", "x > 0", labels=labels_of({"severity": "critical", "team": "hsm"})),)
    found.rule_groups = [RuleGroupView("keys", "r.yml", 60.0, rules)]
    return found


@pytest.fixture
async def client(house):
    series = labels_of({"__name__": "x", "instance": "h1"})
    await house.store.metrics.write_metrics(
        MetricBatch(SampleBatch.of([(series, house.clock.now_ns() // NS_PER_MS, 1.0)]))
    )
    async with house.client() as made:
        yield made


async def test_a_silence_is_made_and_shown(client):
    """With what it matches now, its warnings, and who made it when."""
    answer = await client.post("/silences", json=ASKED)
    made = answer.json()
    assert answer.status_code == 201
    assert (made["state"], made["matches_now"], made["created_by"], made["comment"]) == (
        "active",
        1,
        "ann",
        "disk swap",
    )
    assert made["warnings"] == [
        "mutes critical alerts that stand now: Down",
        "may mute critical alerts of these rules: Leak",
    ]
    assert [(line["by"], line["change"]) for line in made["history"]] == [("ann", "created")]
    assert (await client.get(f"/silences/{made['id']}")).json() == made
    assert (await client.get("/silences")).json() == {"silences": [made], "cursor": None}


async def test_a_silence_is_extended_cloned_and_expired(house, client):
    """Each change says who made it; the clone begins now; what is over can be cloned, not extended."""
    made = (await client.post("/silences", json=ASKED)).json()
    longer = (await client.post(f"/silences/{made['id']}/extend", json={"by": "bob", "for_s": 600})).json()
    assert longer["ends_at"].endswith("T23:23:20.000000000Z")  # an hour and ten minutes after 22:13:20
    await house.clock.advance(60)
    over = (await client.post(f"/silences/{made['id']}/expire", json={"by": "eve"})).json()
    assert (over["state"], over["warnings"]) == ("expired", [])
    assert [(line["by"], line["change"]) for line in over["history"]] == [
        ("ann", "created"), ("bob", "extended by 10m"), ("eve", "expired"),
    ]  # fmt: skip
    refused = await client.post(f"/silences/{made['id']}/extend", json={"by": "bob", "for_s": 600})
    assert refused.status_code == 409
    clone = (await client.post(f"/silences/{made['id']}/clone", json={"by": "bob", "for_s": 60})).json()
    assert (clone["state"], clone["matchers"], clone["comment"], clone["created_by"]) == (
        "active", HOST, "disk swap", "bob",
    )  # fmt: skip
    assert clone["history"][0]["change"] == f"cloned from {made['id']}"


async def test_a_recurring_silence_holds_in_its_windows(house, client):
    """Between them it is pending; it is shown as it was asked for."""
    window = {"start_time": "22:00", "end_time": "23:00", "weekdays": ["tuesday"], "location": "UTC"}
    made = (await client.post("/silences", json=ASKED | {"for_s": 864_000, "recurrence": window})).json()
    assert (made["state"], made["recurrence"]) == ("active", window)  # the clock stands at Tuesday, 22:13:20
    assert made["next_change_at"] == "2023-11-14T23:00:00.000000000Z"
    await house.clock.advance(3600)
    later = (await client.get(f"/silences/{made['id']}")).json()
    assert (later["state"], later["next_change_at"]) == ("pending", "2023-11-21T22:00:00.000000000Z")


async def test_a_preview_tells_what_matchers_hit(client):
    """Alerts that stand, rules that could make some, and warnings; nothing is stored."""
    asked = {"matchers": [{"name": "alertname", "op": "=~", "value": "Leak|Slow"}]}
    found = (await client.post("/silences/preview", json=asked)).json()
    assert [alert["name"] for alert in found["matching_now"]] == ["Slow"]
    assert found["would_match"] == [{"name": "Leak", "group": "keys", "severity": "critical", "is_certain": True}]
    assert found["warnings"] == ["mutes critical alerts of these rules: Leak"]
    assert (await client.get("/silences")).json()["silences"] == []


@pytest.mark.parametrize(
    ("label", "hits"),
    [
        ("team=hsm", [("Leak", True)]),
        ("instance=h1", [("Leak", False)]),
        ("instance=h2", []),
        ("owner=anybody", [("Owned", False)]),
    ],
)
async def test_a_preview_looks_at_the_series_that_rules_read(house, client, label, hits):
    """A label that only the data has is looked for there; one that a template makes may be anything."""
    owned = RuleView(RuleKind.ALERTING, "Owned", "vector(1)", labels=labels_of({"owner": "{{ $labels.team }}"}))
    (group,) = house.rule_groups
    house.rule_groups = [replace(group, rules=(*group.rules, owned))]
    name, value = label.split("=")
    asked = {"matchers": [{"name": name, "op": "=", "value": value}]}
    found = (await client.post("/silences/preview", json=asked)).json()["would_match"]
    assert [(hit["name"], hit["is_certain"]) for hit in found] == hits


async def test_silences_come_in_pages(client):
    """The cursor asks for the next page; a state may be asked for."""
    ids = [(await client.post("/silences", json=ASKED | {"for_s": 60 * n})).json()["id"] for n in (1, 2, 3)]
    first = (await client.get("/silences?limit=2")).json()
    rest = (await client.get("/silences", params={"limit": "2", "cursor": first["cursor"]})).json()
    assert [one["id"] for page in (first, rest) for one in page["silences"]] == ids
    assert rest["cursor"] is None
    assert (await client.get("/silences?state=expired")).json()["silences"] == []
    assert (await client.get("/silences?cursor=x")).status_code == 400


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"matchers": []}, "matchers"),
        ({"matchers": [{"name": "a", "op": "=~", "value": ".*"}]}, "matchers"),
        ({"matchers": [{"name": "a", "op": "=~", "value": "("}]}, "matchers[0]"),
        ({"created_by": " "}, "created_by"),
        ({"comment": ""}, "comment"),
        ({"for_s": None}, "ends_at"),
        ({"ends_at": "2099-01-01T00:00:00Z"}, "ends_at"),
        ({"for_s": None, "ends_at": "soon"}, "ends_at"),
        ({"for_s": None, "ends_at": "2001-01-01T00:00:00Z"}, "ends_at"),
        ({"starts_at": "9999-06-01T00:00:00Z", "for_s": 1e9}, "ends_at"),
        ({"for_s": None, "ends_at": "9999-12-31T23:59:59-10:00"}, "ends_at"),
        ({"for_s": 0}, "for_s"),
        ({"for_s": 1e300}, "for_s"),
        ({"recurrence": {"start_time": "9", "end_time": "10:00"}}, "recurrence.start_time"),
    ],
)
async def test_senseless_wishes_are_refused(client, changes, path):
    """400, and the field that is wrong."""
    answer = await client.post("/silences", json=ASKED | changes)
    assert (answer.status_code, answer.json()["path"]) == (400, path)


async def test_an_unknown_silence_is_not_found(client):
    """404 for each question and change."""
    assert (await client.get("/silences/x")).status_code == 404
    for change in ("extend", "clone", "expire"):
        assert (await client.post(f"/silences/x/{change}", json={"by": "a", "for_s": 1})).status_code == 404


async def test_secrets_are_taken_out_of_reasons(client):
    """What is stored holds no key."""
    key = "5HueCGU8rMjxEXxiPuD5BDku4MkFqeZyd4dZ1jvhTVqvbTLvyTJ"
    made = (await client.post("/silences", json=ASKED | {"comment": f"key {key}"})).json()
    assert key not in str(made)
