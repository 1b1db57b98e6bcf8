"""Packs and runbooks through the API."""

from __future__ import annotations

import pytest

from anyascope import packs
from anyascope.model.status import RuleGroupView, RuleKind, RuleView
from support.own_api import House


def alerting(name, **annotations):
    return RuleView(RuleKind.ALERTING, name, "up == 0", (("severity", "high"),), hold_s=60.0, annotations=annotations)


def group(file, *rules):
    return RuleGroupView("g", file, 60.0, rules)


@pytest.fixture
def house():
    down = alerting("Down", description="{{ $labels.job }} is down.", runbook="Start it.")
    return House(
        rule_groups=[
            group("mine.yml", down, alerting("Silent"), RuleView(RuleKind.RECORDING, "a:b", "up")),
            group("hsm:rules.yml", alerting("HsmDown", runbook="Switch it on.")),
        ],
        packs_on=("hsm",),
    )


async def test_packs_say_which_are_on(house):
    """Each with its rules, and those of them that are not judged though it is on."""
    async with house.client() as client:
        found = {pack["name"]: pack for pack in (await client.get("/packs")).json()["packs"]}
    assert set(found) == set(packs.names())
    hsm = found["hsm"]
    assert (hsm["is_on"], hsm["dashboard_uid"]) == (True, "anyascope-hsm")
    assert hsm["left_out"] == [name for name in hsm["rules"] if name != "HsmDown"]
    assert "custody-critical" in hsm["policies"]
    assert all(pack["left_out"] == [] for pack in found.values() if not pack["is_on"])


async def test_runbooks_are_listed(house):
    """Those of packs, and those that are made of a rule's annotation; a rule without one has none."""
    async with house.client() as client:
        found = {each["alertname"]: each for each in (await client.get("/runbooks")).json()["runbooks"]}
    assert found["HsmDown"] == {
        "alertname": "HsmDown",
        "title": "HsmDown: the HSM does not answer",
        "pack": "hsm",
    }
    assert found["Down"] == {"alertname": "Down", "title": "Down", "pack": ""}
    assert "Silent" not in found


async def test_a_runbook_is_a_page(house):
    """As it was written, with the rule as it is judged."""
    async with house.client() as client:
        found = (await client.get("/runbooks/HsmDown")).json()
    assert found["markdown"] == packs.runbooks()["HsmDown"].markdown
    assert found["rules"] == [{"expr": "up == 0", "hold_s": 60.0, "hold_blocks": "", "labels": {"severity": "high"}}]


async def test_a_page_is_made_of_an_annotation(house):
    """What its description and runbook say, under headings."""
    async with house.client() as client:
        found = (await client.get("/runbooks/Down")).json()
    assert found["markdown"] == "# Down\n\n{{ $labels.job }} is down.\n\n## What to do\n\nStart it.\n"


@pytest.mark.parametrize("name", ["Silent", "Nothing"])
async def test_no_runbook(house, name):
    """It is said how to get one."""
    async with house.client() as client:
        answer = await client.get(f"/runbooks/{name}")
    assert answer.status_code == 404
    assert answer.json()["detail"] == f"no runbook is called '{name}': give its rule an annotation `runbook`"
