"""An alert in a browser, on a real server: found, opened, answered, silenced; where it goes, and how its channels do."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from playwright.sync_api import BrowserContext, Page, expect

from support.page_server import Server
from support.server import eventually

pytestmark = pytest.mark.e2e

OWN = "/api/anyascope/v1"


def view(server: Server, path: str, **query: str | list[str]) -> str:
    return f"{server.pages}{path}?{urlencode(query, doseq=True)}" if query else f"{server.pages}{path}"


def fire(
    server: Server, name: str, *, labels: dict[str, str] | None = None, annotations: dict[str, str] | None = None
) -> str:
    """Post an alert that fires from now on; the answer is its id."""
    given = {"alertname": name, "severity": "high", "component": "vault", "category": "security", **(labels or {})}
    said = {"summary": f"{name} is on fire", **(annotations or {})}
    body = [{"labels": given, "annotations": said, "generatorURL": f"{server.address}/graph?g0.expr=up+%3D%3D+0"}]
    httpx.post(f"{server.address}/api/v2/alerts", json=body, timeout=60).raise_for_status()
    alerts = f"{server.address}{OWN}/alerts"

    def identity() -> str:
        found = httpx.get(alerts, timeout=60).raise_for_status().json()["alerts"]
        return next(str(alert["id"]) for alert in found if alert["name"] == name)

    return eventually(identity, what=f"the alert {name}")


def story(server: Server, alert_id: str) -> dict[str, Any]:
    answer: dict[str, Any] = httpx.get(f"{server.address}{OWN}/alerts/{alert_id}", timeout=60).raise_for_status().json()
    return answer


def test_alerts_are_narrowed_and_grouped(page: Page, watching: Server) -> None:
    """A pressed value of a facet narrows the list and stands in the address; groups and words do too."""
    fire(watching, "FacetTried", labels={"component": "facet-vault"})
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


def test_an_alert_shows_how_far_it_is_escalated(page: Page, watching: Server) -> None:
    """With the time until the next level."""
    alert = fire(watching, "EscalationTried", labels={"severity": "critical"})
    page.goto(view(watching, f"alerts/{alert}"))
    expect(page.get_by_role("region", name="Escalation")).to_contain_text("level 1 of 2, next in")


def test_an_alert_leads_to_its_logs_and_traces(page: Page, watching: Server) -> None:
    """Logs and traces with the correlation id of an alert stand on its page; without one, errors of its component."""
    own = f"{watching.address}{OWN}/traces"
    newest = httpx.get(f"{own}/search?service=gateway&limit=1", timeout=60).raise_for_status().json()["traces"][0]
    spans = httpx.get(f"{own}/{newest['trace_id']}", timeout=60).raise_for_status().json()["spans"]
    alert = fire(watching, "CorrelationTried", annotations={"correlation_id": spans[0]["correlation_id"]})
    page.goto(view(watching, f"alerts/{alert}"))
    expect(page.get_by_role("region", name="Related logs")).to_contain_text("sat requested")
    page.get_by_role("region", name="Related traces").get_by_text("POST /withdrawals").click()
    expect(page).to_have_url(re.compile(f"/traces/{newest['trace_id']}$"))
    other = fire(watching, "ComponentTried", labels={"component": "signer"})
    page.goto(view(watching, f"alerts/{other}"))
    expect(page.get_by_role("region", name="Related logs")).to_contain_text("CKR_DEVICE_ERROR")


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


def test_a_link_opens_the_form_and_the_second_is_told_of_the_first(page: Page, watching: Server) -> None:
    """A link may name an act; whoever acknowledges what another took meanwhile is told so."""
    alert = fire(watching, "NoticeTried")
    page.goto(view(watching, f"alerts/{alert}", do="acknowledge"))
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("textbox", name="Your name").fill("ada")
    own = f"{watching.address}{OWN}/alerts/{alert}/acknowledge"
    httpx.post(own, json={"by": "ben"}, timeout=60).raise_for_status()
    expect(page.get_by_role("region", name="The alert")).to_contain_text("ben")  # behind the form, which stays
    dialog.get_by_role("button", name="Acknowledge").click()
    expect(page.get_by_role("region", name="The alert").get_by_role("status")).to_contain_text("ben")
    expect(page).not_to_have_url(re.compile("do="))


def test_an_alert_is_assigned_snoozed_and_resolved(page: Page, watching: Server) -> None:
    """Each act is seen on the alert at once."""
    alert = fire(watching, "ActsTried")
    page.goto(view(watching, f"alerts/{alert}"))
    head, dialog = page.get_by_role("region", name="The alert"), page.get_by_role("dialog")
    head.get_by_role("button", name="Assign").click()
    dialog.get_by_role("textbox", name="Your name").fill("ada")
    dialog.get_by_role("textbox", name="To").fill("ben")
    dialog.get_by_role("button", name="Assign").click()
    expect(head).to_contain_text("assigned to ben")
    head.get_by_role("button", name="Snooze").click()
    expect(dialog.get_by_role("textbox", name="Your name")).to_have_value("ada")
    dialog.get_by_role("button", name="15 min").click()
    dialog.get_by_role("button", name="Snooze").click()
    expect(head).to_contain_text("snoozed until")
    head.get_by_role("button", name="Resolve").click()
    dialog.get_by_role("button", name="Resolve").click()
    expect(head.get_by_test_id("state")).to_have_text("resolved")


def test_the_time_line_is_taken_away(page: Page, watching: Server) -> None:
    """The export links download what the page shows."""
    alert = fire(watching, "ExportTried")
    page.goto(view(watching, f"alerts/{alert}"))
    with page.expect_download() as download:
        page.get_by_role("region", name="Time line").get_by_role("link", name="csv").click()
    assert download.value.suggested_filename.endswith(".csv")
    assert "fired" in download.value.path().read_text()


def test_a_phone_shows_an_alert(open_context: Callable[..., BrowserContext], watching: Server) -> None:
    """At 375 pixels the alert and its forms stay within the screen."""
    long = {"a_label_that_is_long": "x" * 120, "b" * 80: "y"}
    alert = fire(watching, "PhoneTried", labels=long, annotations={"summary": "PhoneTried_" + "s" * 160})
    page = open_context(viewport={"width": 375, "height": 812}, is_mobile=True, has_touch=True).new_page()
    page.goto(view(watching, f"alerts/{alert}"))
    expect(page.get_by_role("region", name="The alert")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == 375
    page.get_by_role("button", name="Acknowledge").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == 375
    page.goto(view(watching, "alerts", filter="PhoneTried"))
    expect(page.get_by_test_id("alert")).to_have_count(1)
    assert page.evaluate("document.documentElement.scrollWidth") == 375


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


def test_an_alert_is_silenced_from_its_page(page: Page, watching: Server) -> None:
    """The form is filled from the alert and shows what it hits; once made, it can be extended and ended."""
    alert = fire(watching, "SilenceTried", labels={"severity": "critical"})
    page.goto(view(watching, f"alerts/{alert}"))
    page.get_by_role("button", name="Silence", exact=True).click()
    expect(page.get_by_test_id("hits-now")).to_contain_text("SilenceTried is on fire")
    expect(page.get_by_role("region", name="Preview")).to_contain_text(re.compile("critical"))
    page.get_by_role("button", name="1 h", exact=True).click()
    page.get_by_role("textbox", name="Your name").fill("ada")
    page.get_by_role("textbox", name="Why").fill("the card is swapped")
    page.get_by_role("button", name="Silence", exact=True).click()
    card = page.get_by_test_id("silence").filter(has_text="SilenceTried")
    expect(card).to_contain_text("the card is swapped")
    expect(card).to_contain_text("1 alert now")
    card.get_by_role("button", name="Extend").click()
    page.get_by_role("dialog").get_by_role("button", name="Extend").click()
    expect(card.locator(".as-silence-history li")).to_have_count(2)
    page.goto(view(watching, f"alerts/{alert}"))
    expect(page.get_by_role("region", name="The alert")).to_contain_text("silenced")
    page.get_by_role("region", name="Labels").get_by_role("link", name=re.compile("^[0-9a-f]{8}-")).click()
    card.get_by_role("button", name="Expire").click()
    page.get_by_role("dialog").get_by_role("button", name="Expire").click()
    expect(card).to_contain_text("expired")


def test_the_preview_follows_the_form(page: Page, watching: Server) -> None:
    """What is typed is previewed without being asked; the draft stands in the address."""
    fire(watching, "PreviewTried", labels={"wallet": "cold-7"})
    page.goto(view(watching, "silences/new"))
    page.get_by_role("combobox", name="Label").fill("wallet")
    page.get_by_role("combobox", name="Value").fill("cold-7")
    expect(page.get_by_test_id("hits-now")).to_contain_text("PreviewTried")
    page.get_by_role("combobox", name="Value").fill("cold-8")
    expect(page.get_by_test_id("hits-now")).not_to_contain_text("PreviewTried")
    expect(page).to_have_url(re.compile("m=wallet"))
    expect(page.get_by_role("button", name="Silence", exact=True)).to_be_disabled()


def test_the_way_of_an_alert_lights_up(page: Page, watching: Server) -> None:
    """Typed labels lead through the tree to the route that takes them; an alert's page leads there with its own."""
    page.goto(view(watching, "routing"))
    page.get_by_role("textbox", name="Labels").fill('severity=critical component="signer"')
    page.get_by_role("button", name="Try", exact=True).click()
    expect(page.get_by_test_id("taken")).to_contain_text("on-call")
    expect(page.get_by_test_id("taken")).to_contain_text("the policy critical calls")
    taken = page.locator('.as-route[data-state="taken"]')
    expect(taken).to_have_count(1)
    expect(taken).to_contain_text("severity")
    expect(page).to_have_url(re.compile("labels=severity"))
    page.get_by_role("textbox", name="Labels").fill("critical")
    page.get_by_role("button", name="Try", exact=True).click()
    expect(page.get_by_text("no label: critical")).to_be_visible()


def test_policies_are_pictures(page: Page, watching: Server) -> None:
    """The shipped policies stand with each level over time."""
    page.goto(view(watching, "routing", view="policies"))
    critical = page.get_by_role("region", name="Policy critical")
    expect(critical).to_contain_text("then every 5 min")
    expect(critical).to_contain_text("after 15 min, then every 10 min")


def test_channels_say_how_they_do(page: Page, watching: Server) -> None:
    """A channel whose far end is away is shown with its last failure."""
    page.goto(view(watching, "routing", view="channels"))
    row = page.get_by_role("region", name="Channels").get_by_role("row").filter(has_text="webhook").first
    expect(row).to_contain_text(re.compile("degraded|cut off"))
    expect(row).to_contain_text("ConnectError")
    expect(page.get_by_role("region", name="Dead letters")).to_contain_text("None")
