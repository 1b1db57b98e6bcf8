"""An alert in a browser, on a real server: found, opened, answered, silenced; where it goes, and how its channels do."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from playwright.sync_api import Page, expect

from support.page_server import Server

pytestmark = pytest.mark.e2e

OWN = "/api/anyascope/v1"


def view(server: Server, path: str, **query: str | list[str]) -> str:
    return f"{server.pages}{path}?{urlencode(query, doseq=True)}" if query else f"{server.pages}{path}"


def fire(server: Server, name: str, **labels: str) -> str:
    """Post an alert that fires from now on; the answer is its id."""
    given = {"alertname": name, "severity": "high", "component": "vault", "category": "security", **labels}
    annotations = {"summary": f"{name} is on fire", "runbook_url": "https://example.org/runbooks/vault"}
    body = [
        {"labels": given, "annotations": annotations, "generatorURL": f"{server.address}/graph?g0.expr=up+%3D%3D+0"}
    ]
    httpx.post(f"{server.address}/api/v2/alerts", json=body, timeout=30).raise_for_status()
    alerts = httpx.get(f"{server.address}{OWN}/alerts", timeout=30).raise_for_status().json()["alerts"]
    return next(str(alert["id"]) for alert in alerts if alert["name"] == name)


def story(server: Server, alert_id: str) -> dict[str, Any]:
    answer: dict[str, Any] = httpx.get(f"{server.address}{OWN}/alerts/{alert_id}", timeout=30).raise_for_status().json()
    return answer


def test_alerts_are_narrowed_and_grouped(page: Page, watching: Server) -> None:
    """A pressed value of a facet narrows the list and stands in the address; groups and words do too."""
    fire(watching, "FacetTried", component="facet-vault")
    page.goto(view(watching, "alerts"))
    cards = page.get_by_test_id("alert")
    expect(cards.filter(has_text="SignerDown")).to_contain_text("critical")
    page.get_by_role("group", name="component").get_by_role("button", name=re.compile("facet-vault")).click()
    expect(cards).to_have_count(1)
    expect(page).to_have_url(re.compile("component=facet-vault"))
    page.get_by_role("button", name="Take all filters away").click()
    page.get_by_role("textbox", name="Filter alerts").fill("FacetTried")
    expect(cards).to_have_count(1)
    page.get_by_label("Group by").select_option("name")
    expect(page.get_by_role("region", name="FacetTried", exact=True)).to_be_visible()
    assert "group=name" in page.url


def test_an_alert_shows_what_it_carries(page: Page, watching: Server) -> None:
    """The page of an alert has its annotations, its runbook, and the graph of its rule's query."""
    page.goto(view(watching, "alerts"))
    page.get_by_role("link", name="The signer hsm-1 does not answer").click()
    expect(page).to_have_url(re.compile(r"/ui/alerts/[0-9a-f]{16}$"))
    expect(page.get_by_role("region", name="The alert")).to_contain_text("No signature for 60 s.")
    expect(page.get_by_role("link", name="Runbook", exact=True)).to_have_attribute(
        "href", "https://example.org/runbooks/signer"
    )
    graph = page.get_by_role("region", name="Graph")
    expect(graph).to_contain_text("vector(1) > 0")
    expect(graph.locator("canvas")).to_be_visible()
    expect(page.get_by_role("region", name="Time line").locator('[data-kind="fired"]')).to_be_visible()


def test_an_alert_is_acknowledged_and_spoken_of(page: Page, watching: Server) -> None:
    """Who acknowledges is asked for a name once; it stands on the alert and in its time line, and can be taken back."""
    alert = fire(watching, "AcknowledgeTried")
    page.goto(view(watching, f"alerts/{alert}"))
    page.get_by_role("button", name="Acknowledge").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("textbox", name="Your name").fill("ada")
    dialog.get_by_role("textbox", name="Note").fill("on it")
    dialog.get_by_role("button", name="Acknowledge").click()
    expect(dialog).to_have_count(0)
    line = page.get_by_role("region", name="Time line")
    expect(line.locator('[data-kind="acknowledged"]')).to_contain_text("by ada")
    expect(page.get_by_role("region", name="The alert")).to_contain_text("ada")
    line.get_by_role("textbox", name="Comment").fill("swapped the card")
    line.get_by_role("button", name="Comment").click()
    expect(line.locator('[data-kind="commented"]')).to_contain_text("swapped the card")
    page.get_by_role("button", name="Take back").click()
    dialog.get_by_role("button", name="Take back").click()
    expect(line.locator('[data-kind="unacknowledged"]')).to_be_visible()
    kinds = [event["kind"] for event in story(watching, alert)["timeline"]]
    assert [kind for kind in kinds if "acknowledged" in kind or kind == "commented"] == [
        "acknowledged",
        "commented",
        "unacknowledged",
    ]


def test_many_are_acknowledged_by_keyboard(page: Page, watching: Server) -> None:
    """`j` walks to an alert, `x` selects it, `a` acknowledges all that are selected."""
    ids = [fire(watching, name) for name in ("BulkTriedOne", "BulkTriedTwo")]
    page.goto(view(watching, "alerts", filter="BulkTried"))
    expect(page.get_by_test_id("alert")).to_have_count(2)
    for key in "jxjx":
        page.keyboard.press(key)
    expect(page.get_by_role("region", name="Selected alerts")).to_contain_text("2 selected")
    page.keyboard.press("a")
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("textbox", name="Your name").fill("ada")
    dialog.get_by_role("button", name="Acknowledge").click()
    expect(page.get_by_text("2 acknowledged.")).to_be_visible()
    for alert in ids:
        assert story(watching, alert)["alert"]["acknowledgement"]["by"] == "ada"


def test_the_way_of_an_alert_lights_up(page: Page, watching: Server) -> None:
    """Typed labels lead through the tree to the route that takes them; an alert's page leads there with its own."""
    page.goto(view(watching, "routing"))
    page.get_by_role("textbox", name="Labels").fill('severity=critical component="signer"')
    page.get_by_role("button", name="Try").click()
    expect(page.get_by_test_id("taken")).to_contain_text("on-call")
    taken = page.locator('.as-route[data-state="taken"]')
    expect(taken).to_have_count(1)
    expect(taken).to_contain_text("severity")
    expect(page).to_have_url(re.compile("labels=severity"))
    page.get_by_role("textbox", name="Labels").fill("critical")
    page.get_by_role("button", name="Try").click()
    expect(page.get_by_text("no label: critical")).to_be_visible()
