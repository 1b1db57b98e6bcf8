"""The pages in a browser, on a real server: full, empty, failing; by keyboard, on a phone, light and dark."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest
from playwright.sync_api import BrowserContext, Locator, Page, Route, expect

from support import page_server as servers
from support.page_server import Server
from support.server import eventually

pytestmark = pytest.mark.e2e

PAGES = ("now", "metrics", "logs", "traces", "alerts")
SCROLLS_MAX = 1_200  # two minutes of a machine on which each page of rows takes its time
# The pointer's look, once what the mouse did is drawn.
POINTER = """element => new Promise(done =>
  requestAnimationFrame(() => requestAnimationFrame(() => done(element.style.cursor))))"""
# A word that stands for a moment only is noted when it appears.
AWAIT_WORD = """word => {
  window.appeared = new Promise(done => new MutationObserver(() => {
    if (document.body.innerText.includes(word)) done(true);
  }).observe(document.body, { childList: true, characterData: true, subtree: true }));
}"""
PRESSED_AGAIN_MS = 5_000  # the second key counts for a second only: who was held up between the two presses both again
BRUSHED_AGAIN_MS = 10_000  # long after what a brush does is seen
SAMPLED_MS = 180_000  # two samples of the server itself, and an evaluation
ALERTING = (
    "alerts/0123456789abcdef",
    "objectives",
    "silences",
    "routing",
    "routing?view=policies",
    "routing?view=channels",
)
CPU = 'sum by (mode) (rate(node_cpu_seconds_total{mode!="idle"}[1m]))'


def view(server: Server, path: str, **query: str | list[str]) -> str:
    return f"{server.pages}{path}?{urlencode(query, doseq=True)}" if query else f"{server.pages}{path}"


def queries(page: Page) -> dict[str, list[str]]:
    return parse_qs(urlsplit(page.url).query)


def zoom(page: Page) -> None:
    """Brush a stretch of the graph until the address has it: a graph that is drawn anew meanwhile forgets where a brush began."""

    def is_zoomed() -> bool:
        if "from=20" not in page.url:
            drag(page, page.locator(".as-chart .u-over"), start=0.4, end=0.7)
        expect(page).to_have_url(re.compile("from=20"), timeout=BRUSHED_AGAIN_MS)
        return True

    eventually(is_zoomed, what="a graph that is zoomed")


def drag(page: Page, over: Locator, *, start: float, end: float) -> None:
    """Brush from one share of an element's width to another."""
    over.scroll_into_view_if_needed()
    box = over.bounding_box()
    assert box is not None
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * start, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * (start + end) / 2, middle, steps=4)
    page.mouse.move(box["x"] + box["width"] * end, middle, steps=4)
    page.mouse.up()


def gateway_trace(server: Server) -> dict[str, Any]:
    """The newest withdrawal of the story."""
    answer = httpx.get(f"{server.address}/api/anyascope/v1/traces/search?service=gateway&limit=1", timeout=60)
    trace: dict[str, Any] = answer.raise_for_status().json()["traces"][0]
    return trace


def test_now_shows_the_state_of_everything(page: Page, watching: Server) -> None:
    """Now names the whole's state, lists each component, what fires, and this machine's four golden signals."""
    page.goto(view(watching, "now"))
    expect(page.get_by_test_id("overall")).to_have_text(re.compile("^(Healthy|Degraded|Unhealthy)$"))
    expect(page.get_by_role("region", name="Components").get_by_role("listitem").first).to_be_visible()
    expect(page.get_by_role("link", name="The signer hsm-1 does not answer")).to_be_visible()
    memory = page.get_by_role("region", name="Saturation").get_by_role("link", name=re.compile("Memory"))
    expect(memory).to_contain_text(re.compile(r"\d %"))
    expect(page.get_by_role("status").filter(has_text="Live")).to_be_visible()


def test_now_leads_to_the_query_behind_a_signal(page: Page, watching: Server) -> None:
    """A golden signal opens its own query in Metrics."""
    page.goto(view(watching, "now"))
    page.get_by_role("region", name="Saturation").get_by_role("link", name=re.compile("Memory")).click()
    expect(page.locator(".cm-content")).to_contain_text("node_memory_MemAvailable_bytes")


def test_a_query_is_typed_completed_and_drawn(page: Page, watching: Server) -> None:
    """A metric's name is completed from the server's own, Ctrl-Enter runs the query, the address holds it."""
    page.goto(view(watching, "metrics"))
    page.locator(".cm-content").click()
    page.keyboard.type("node_memory_MemAv")
    expect(page.locator(".cm-tooltip-autocomplete")).to_contain_text("node_memory_MemAvailable_bytes")
    page.keyboard.press("Escape")
    page.keyboard.type("ailable_bytes")
    # With the list of names open or not: Escape would leave the editor where it is not.
    page.locator(".cm-content").press("Control+Enter")
    expect(page.locator(".as-chart canvas")).to_be_visible()
    expect(page.locator(".as-legend tbody tr")).to_have_count(1)
    expect(page.locator(".as-legend tbody td").nth(1)).to_contain_text("iB")
    assert queries(page)["q"] == ["node_memory_MemAvailable_bytes"]


def test_a_brush_zooms_and_back_undoes_it(page: Page, watching: Server) -> None:
    """A stretch that is brushed becomes the range in the address; going back shows the range before."""
    page.goto(view(watching, "metrics", q=CPU, **{"from": "-15m"}))
    zoom(page)
    page.go_back()
    expect(page).to_have_url(re.compile("from=-15m"))
    expect(page.get_by_test_id("range")).to_contain_text("Last 15 minutes")


def test_events_are_drawn_on_the_graphs(page: Page, watching: Server) -> None:
    """A chosen kind is drawn and listed; the list and the mark lead to the operation; what was not chosen is not there."""
    ago_s = 300
    send_event(watching, "bitcoin.block.connected", "block 941 of main at a", ago_s=ago_s, block="e2e0941")
    send_event(watching, "hsm.down", "HSM e2e: does not answer", ago_s=120)
    page.goto(view(watching, "metrics", q="up", **{"from": "-10m"}))
    expect(page.locator(".as-chart canvas")).to_be_visible()
    events = page.get_by_role("region", name="Events")
    expect(events.get_by_text("as a list")).to_have_count(0)
    events.get_by_role("button", name="Blocks").click()
    expect(page).to_have_url(re.compile("events=blocks"))
    expect(events.get_by_role("button", name="Blocks")).to_contain_text("1")
    events.get_by_text("1 event, as a list").focus()
    page.keyboard.press("Enter")
    expect(events.get_by_role("list", name="Events drawn").get_by_role("link")).to_have_text(["block 941 of main at a"])
    eventually(lambda: is_pointed_at(page, ago_s=ago_s, range_s=600), what="an event that is drawn near its time")
    expect(page.locator(".as-tip")).to_contain_text("block 941 of main at a")
    page.mouse.down()
    page.mouse.up()
    expect(page).to_have_url(re.compile("correlation/e2e0941"))


def is_pointed_at(page: Page, *, ago_s: float, range_s: float) -> bool:
    """Move over the graph, around where the event is, until its pointer says that a click opens it."""
    over = page.locator(".as-chart .u-over")
    over.scroll_into_view_if_needed()
    box = over.bounding_box()
    assert box is not None
    middle = box["x"] + box["width"] * (1 - ago_s / range_s)
    for aside in range(0, round(box["width"] / 2), 4):  # the graph has moved on since the event was sent
        for place in (middle - aside, middle + aside):
            page.mouse.move(place, box["y"] + box["height"] / 2)
            if over.evaluate(POINTER) == "pointer":
                return True
    return False


def send_event(server: Server, name: str, text: str, *, ago_s: float, block: str = "") -> None:
    """An event as the collectors tell it; with a block, its correlation id is the block's hash."""
    told = {"bitcoin.block.hash": block, "bitcoin.node": "a", "correlation_id": block} if block else {}
    record = {
        "timeUnixNano": str(time.time_ns() - round(ago_s * 1e9)),
        "severityNumber": 9 if block else 17,
        "eventName": name,
        "body": {"stringValue": text},
        "attributes": [{"key": key, "value": {"stringValue": value}} for key, value in told.items()],
    }
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": name.partition(".")[0]}}]}
    body = {"resourceLogs": [{"resource": resource, "scopeLogs": [{"logRecords": [record]}]}]}
    httpx.post(f"{server.address}/v1/logs", json=body, timeout=60).raise_for_status()


def test_a_series_is_shown_alone(page: Page, watching: Server) -> None:
    """A click on the legend isolates a series, a second click brings the others back."""
    page.goto(view(watching, "metrics", q=CPU, **{"from": "-15m"}))
    names = page.locator(".as-legend-name")
    names.first.click()
    expect(names.first).to_have_attribute("aria-pressed", "true")
    expect(page.locator('.as-legend tr[data-faded="true"]')).not_to_have_count(0)
    names.first.click()
    expect(page.locator('.as-legend tr[data-faded="true"]')).to_have_count(0)


def test_several_queries_and_the_table(page: Page, watching: Server) -> None:
    """A link with two queries shows both, as tables where it says so."""
    page.goto(view(watching, "metrics", q=["up", "node_load1"], view="table"))
    expect(page.get_by_role("region", name="Query")).to_have_count(2)
    expect(page.get_by_text(re.compile(r"^node_load1\{"))).to_be_visible()
    page.get_by_role("button", name="Remove this query").first.click()
    expect(page.get_by_role("region", name="Query")).to_have_count(1)
    assert queries(page)["q"] == ["node_load1"]


def test_a_mistake_is_shown_in_its_place(page: Page, watching: Server, complaints: Any) -> None:
    """A query that cannot be read is answered with line, column and a mark below the mistake."""
    complaints.expect("400 (Bad Request)")
    page.goto(view(watching, "metrics", q="sum(rate(up[5m])"))
    alert = page.get_by_role("region", name="Query").get_by_role("alert")
    expect(alert).to_contain_text(re.compile(r"Line 1, column \d+"))
    expect(alert.locator("pre")).to_contain_text("^")


def test_a_link_of_prometheus_opens_here(page: Page, watching: Server) -> None:
    """The link on every alert, in the form of Prometheus' own page, shows its query."""
    page.goto(f"{watching.address}/graph?g0.expr=up&g0.tab=1")
    expect(page).to_have_url(re.compile(r"/ui/metrics\?q=up&view=table"))
    expect(page.get_by_role("columnheader", name="Exact")).to_be_visible()


def test_logs_are_searched_filtered_and_opened(page: Page, watching: Server) -> None:
    """A search shows its rows and histogram; a row opens with its fields; a field's button becomes a filter."""
    page.goto(view(watching, "logs", q="signing failed"))
    row = page.locator(".as-log-row").first
    expect(row).to_contain_text("CKR_DEVICE_ERROR")
    expect(page.locator(".as-histogram canvas")).to_be_visible()
    row.click()
    page.get_by_role("button", name=re.compile(r"^Only attributes\.wallet")).first.click()
    expect(page).to_have_url(re.compile(r"attributes\.wallet:cold-\d"))
    expect(page.locator(".as-log-row").first).to_contain_text("CKR_DEVICE_ERROR")


def test_a_link_to_a_row_opens_it(page: Page, watching: Server) -> None:
    """Whoever follows the link of a row sees that row, opened, among its neighbours."""
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(view(watching, "logs", q="signing failed"))
    page.locator(".as-log-row").nth(1).click()
    instant = page.locator(".as-log-details time").get_attribute("datetime")
    page.evaluate(AWAIT_WORD, "Copied")
    page.get_by_role("button", name="Copy link").click()
    assert page.evaluate("window.appeared")
    page.goto(page.evaluate("navigator.clipboard.readText()"))
    expect(page.locator(".as-log-details")).to_have_count(1)
    expect(page.locator(".as-log-details time")).to_have_attribute("datetime", str(instant))


def test_levels_narrow_the_rows(page: Page, watching: Server) -> None:
    """A pressed level shows only its rows, and stands in the address."""
    page.goto(view(watching, "logs"))
    # Rows are buttons, too: a row of an error begins with the same word.
    page.get_by_role("group", name="Levels").get_by_role("button", name=re.compile("^ERROR")).click()
    expect(page).to_have_url(re.compile("sev=ERROR"))
    expect(page.locator(".as-log-level").first).to_have_text("ERROR")
    expect(page.locator(".as-log-level").filter(has_not_text="ERROR")).to_have_count(0)


def test_fields_show_their_values(page: Page, watching: Server) -> None:
    """The sidebar lists the fields; an opened one its most frequent values, and a value filters."""
    page.goto(view(watching, "logs", fields="1", q="service:custody"))
    fields = page.get_by_role("complementary", name="Fields")
    fields.get_by_role("button", name=re.compile(r"^attributes\.wallet")).click()
    fields.locator(".as-value").filter(has_text="cold-1").click()
    expect(page).to_have_url(re.compile(r"attributes\.wallet:cold-1"))


def test_older_rows_come_while_scrolling(page: Page, watching: Server) -> None:
    """The end of a page of rows is followed by the next one, until that is all; few of them exist at a time."""
    page.goto(view(watching, "logs", q="wallet:*"))
    expect(page.locator(".as-log-foot")).to_contain_text("more below")
    for _ in range(SCROLLS_MAX):
        page.mouse.wheel(0, 20_000)
        if "that is all" in page.locator(".as-log-foot").inner_text():
            break
        page.wait_for_timeout(100)
    expect(page.locator(".as-log-foot")).to_contain_text("that is all")
    assert page.locator(".as-log-row").count() < 150


def test_new_rows_appear_live(page: Page, watching: Server) -> None:
    """A row that is stored now appears in the live tail; while paused it waits."""
    page.goto(view(watching, "logs", live="1", q="service:tail-test"))
    expect(page.get_by_role("status").filter(has_text="Live: 0 rows")).to_be_visible()
    send_log(watching, "the first")
    expect(page.locator(".as-log-row").filter(has_text="the first")).to_be_visible()
    page.get_by_role("button", name="Pause").click()
    send_log(watching, "the second")
    expect(page.get_by_text("Paused: 1 row waits")).to_be_visible()
    page.get_by_role("button", name="Go on").click()
    expect(page.locator(".as-log-row").filter(has_text="the second")).to_be_visible()


def send_log(server: Server, text: str) -> None:
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "tail-test"}}]}
    record = {"severityNumber": 9, "body": {"stringValue": text}}
    body = {"resourceLogs": [{"resource": resource, "scopeLogs": [{"logRecords": [record]}]}]}
    httpx.post(f"{server.address}/v1/logs", json=body, timeout=60).raise_for_status()


def test_traces_are_searched(page: Page, watching: Server) -> None:
    """A search by service and status lists its traces with their lengths, and draws them over time."""
    page.goto(view(watching, "traces", service="gateway", status="error"))
    items = page.get_by_test_id("trace")
    expect(items.first).to_contain_text("POST /withdrawals")
    expect(items.first).to_contain_text("error")
    expect(page.locator(".as-scatter-point").first).to_be_visible()


def test_a_trace_is_a_waterfall(page: Page, watching: Server) -> None:
    """A trace shows its spans as a tree; a span opens with its details; a collapsed one hides what is below."""
    trace = gateway_trace(watching)
    page.goto(view(watching, f"traces/{trace['trace_id']}"))
    rows = page.get_by_role("treeitem")
    expect(rows).to_have_count(trace["spans"])
    page.get_by_role("button", name="policy.check").first.click()
    expect(page.locator(".as-span-details")).to_contain_text("anya.wallet")
    expect(page).to_have_url(re.compile("span="))
    page.get_by_role("button", name="Collapse all").click()
    expect(rows).to_have_count(1)
    page.get_by_role("button", name="Expand", exact=True).click()
    expect(rows).not_to_have_count(1)


def test_a_span_is_found_and_leads_to_its_logs(page: Page, watching: Server) -> None:
    """A search within the trace goes to its match; the link to logs shows the rows of that trace."""
    trace = gateway_trace(watching)
    page.goto(view(watching, f"traces/{trace['trace_id']}"))
    page.get_by_role("textbox", name="Find in this trace").fill("hsm.sign")
    page.keyboard.press("Enter")
    expect(page.locator('.as-span-row[aria-selected="true"]')).to_contain_text("hsm.sign")
    page.get_by_role("link", name="Logs of this trace").click()
    expect(page).to_have_url(re.compile(f"trace_id:{trace['trace_id']}"))
    expect(page.locator(".as-log-row").first).to_be_visible()


def test_ten_thousand_spans_scroll(page: Page, watching: Server) -> None:
    """A trace of 10,000 spans opens, and its end is reached, with only the rows on the screen in the page."""
    trace_id = "a" * 31 + "1"
    httpx.post(f"{watching.address}/v1/traces", json=large_trace(trace_id, 10_000), timeout=60).raise_for_status()
    page.goto(view(watching, f"traces/{trace_id}"))
    expect(page.get_by_text("Find in 10,000 spans")).to_have_count(0)  # it is a placeholder, not a text
    expect(page.get_by_placeholder("Find in 10,000 spans")).to_be_visible()
    page.get_by_role("textbox", name="Find in this trace").fill("step 9999")
    page.keyboard.press("Enter")
    expect(page.locator('.as-span-row[aria-selected="true"]')).to_contain_text("step 9999")
    assert page.get_by_role("treeitem").count() < 200


def large_trace(trace_id: str, count: int) -> dict[str, Any]:
    start = time.time_ns() - 10_000_000_000
    spans = [
        {
            "traceId": trace_id,
            "spanId": f"{index + 1:016x}",
            "parentSpanId": "" if index == 0 else f"{(index - 1) // 8 + 1:016x}",
            "name": f"step {index}",
            "startTimeUnixNano": str(start + index * 100_000),
            "endTimeUnixNano": str(start + index * 100_000 + 5_000_000),
        }
        for index in range(count)
    ]
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "large"}}]}
    return {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": spans}]}]}


def test_the_history_has_every_attempt(page: Page, watching: Server) -> None:
    """A notification that nobody took stands there with its attempts."""
    page.goto(view(watching, "alerts", tab="history"))
    expect(page.get_by_role("cell", name=re.compile("team")).first).to_be_visible()
    attempts, older = page.locator(".as-attempts"), page.get_by_role("button", name="Older notifications")

    def is_tried() -> bool:
        # Of a far end that is away only the first ones are tried at once: what other tests told since may fill a page.
        if attempts.count() == 0 and older.count() == 1:
            older.click()
        return attempts.count() > 0

    eventually(is_tried, what="a notification that was tried")
    expect(attempts.last).to_contain_text("retry")


def test_an_objective_shows_what_is_left_of_its_budget(page: Page, watching: Server) -> None:
    """As a bar with its words, with its burns and where it is written; its graph leads to the series."""
    page.goto(view(watching, "objectives"))
    one = page.get_by_role("article", name="Objective own-answers")
    expect(one).to_contain_text("99 % good over 1d")
    expect(one.get_by_test_id("budget-left")).to_contain_text("of the budget left", timeout=SAMPLED_MS)
    expect(one.get_by_role("meter", name="Error budget left")).to_be_visible()
    expect(one.get_by_role("row").filter(has_text="critical")).to_contain_text("14.4")
    one.get_by_text("rules.yml, line").click()
    expect(one).to_contain_text("bad: anyascope_http_requests_total")
    one.get_by_role("link", name="Open in Metrics").click()
    expect(page).to_have_url(re.compile("/metrics"))
    expect(page.locator(".cm-content").first).to_contain_text("anya_slo_error_budget_remaining_ratio")


def test_without_an_objective_the_page_says_how_to_write_one(page: Page, empty: Server) -> None:
    """With lines to start from."""
    page.goto(view(empty, "objectives"))
    expect(page.get_by_text("No objective yet")).to_be_visible()
    expect(page.locator("pre")).to_contain_text("slos:")


def test_rules_show_their_state(page: Page, watching: Server) -> None:
    """The rules stand by group with their queries and states; a filter finds one."""
    page.goto(view(watching, "alerts", tab="rules"))
    page.get_by_role("textbox", name="Filter rules").fill("SignerDown")
    expect(page.locator(".as-rules tbody tr")).to_have_count(1)
    expect(page.locator(".as-rules")).to_contain_text("firing")


EMPTY = {
    "logs": "No logs in this range",
    "traces": "No traces in this range",
    "alerts?tab=history": "Nothing was told to anybody yet",
    "metrics": "Ask for a metric",
    "metrics?q=up": "No series in this range",
    "traces/5b8aa5a2d2c872e8321cf37308d69df2": "There is no such trace",
    "alerts/0123456789abcdef": "There is no such alert",
    "silences": "Nothing is silenced",
    "silences/new": "Nothing chosen yet",
    "routing": "Nobody is told of anything yet",
    "routing?view=policies": "No policy acts",
    "routing?view=channels": "No channel is configured",
    "nowhere": "There is no such page",
}


@pytest.mark.parametrize("path", EMPTY)
def test_nothing_says_what_to_do(page: Page, empty: Server, complaints: Any, path: str) -> None:
    """Where there is nothing yet, the page says so and names the next step."""
    complaints.expect("404 (Not Found)")
    page.goto(empty.pages + path)
    expect(page.get_by_role("heading", name=EMPTY[path])).to_be_visible()


@pytest.mark.parametrize("path", ["now", "logs", "traces", "alerts", "metrics?q=up", "alerts?tab=rules", *ALERTING])
def test_a_failure_says_what_to_do(page: Page, watching: Server, complaints: Any, path: str) -> None:
    """When the server refuses, the page shows its words and the next step; the navigation stays."""
    complaints.expect("500 (Internal Server Error)", "EventSource")
    refuse = {
        "type": "about:blank",
        "title": "Internal",
        "status": 500,
        "detail": "the store is away",
        "code": "internal",
    }

    def answer(route: Route) -> None:
        route.fulfill(status=500, json=refuse, content_type="application/problem+json")

    page.route("**/api/**", answer)
    page.goto(watching.pages + path)
    expect(page.get_by_role("alert").first).to_contain_text("the store is away")
    expect(page.get_by_role("alert").first).to_contain_text("log says more")
    expect(page.get_by_role("link", name="Traces", exact=True)).to_be_visible()


def test_a_server_that_is_away_is_told_on_every_page(
    open_context: Callable[..., BrowserContext], tmp_path: Path
) -> None:
    """Since when; nothing is called healthy meanwhile; and once it is back, all is as before without a hand."""
    page = open_context().new_page()
    away = page.get_by_test_id("away")
    with servers.running(tmp_path, "--no-collect") as server:
        page.goto(view(server, "now"))
        expect(page.get_by_role("status").filter(has_text="Live")).to_be_visible()
        expect(page.get_by_test_id("overall")).not_to_have_text("Unknown")
        expect(away).to_have_count(0)
    expect(away).to_contain_text("Disconnected since")
    expect(page.get_by_test_id("overall")).to_have_text("Unknown")
    with servers.running(tmp_path, "--no-collect", port=urlsplit(server.address).port):
        expect(away).to_have_count(0)
        expect(page.get_by_test_id("overall")).not_to_have_text("Unknown")
        expect(page.get_by_role("status").filter(has_text="Live")).to_be_visible()


def test_loading_is_told(page: Page, watching: Server) -> None:
    """Until the answer comes, the page says what it waits for."""
    page.route("**/logs/search?*", lambda route: None)  # never answered
    page.goto(view(watching, "logs"))
    expect(page.get_by_role("status", name="Loading logs")).to_be_visible()


def test_the_keyboard_reaches_everything(page: Page, watching: Server) -> None:
    """The first Tab offers to skip the navigation, `g` and a letter change the page, `/` and `?` do what they say."""
    page.goto(view(watching, "now"))
    expect(page.get_by_test_id("overall")).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("main")).to_be_focused()
    pages = ("Metrics", "Logs", "Traces", "Alerts", "Silences", "Routing", "Now")
    for key, name in zip("mltasrn", pages, strict=True):
        go_to(page, key, name)
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_contain_text("Go to Logs")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    go_to(page, "l", "Logs")
    expect(page.get_by_role("textbox", name="Search the logs")).to_be_visible()
    page.keyboard.press("/")
    expect(page.get_by_role("textbox", name="Search the logs")).to_be_focused()


def go_to(page: Page, key: str, name: str) -> None:
    """Press `g` and the letter of a page until it is there."""

    def is_there() -> bool:
        page.keyboard.press("g")
        page.keyboard.press(key)
        expect(page.get_by_role("heading", level=1)).to_have_text(name, timeout=PRESSED_AGAIN_MS)
        return True

    eventually(is_there, what=f"the page {name}")


def test_the_focus_is_seen(page: Page, watching: Server) -> None:
    """What has the focus by keyboard has a visible outline."""
    page.goto(view(watching, "now"))
    link = page.get_by_role("link", name="Metrics", exact=True)
    expect(link).to_be_visible()
    for _ in range(4):
        page.keyboard.press("Tab")
        if link.evaluate("element => element === document.activeElement"):
            break
    assert link.evaluate("element => getComputedStyle(element).outlineStyle") == "solid"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_follow_the_system(open_context: Callable[..., BrowserContext], watching: Server, scheme: str) -> None:
    """Without a choice the page is as light or dark as the system; a choice is kept."""
    page = open_context(color_scheme=scheme).new_page()
    page.goto(view(watching, "now"))
    root = page.locator("html")
    expect(root).to_have_attribute("data-mantine-color-scheme", scheme)
    tool = page.get_by_test_id("scheme")
    while scheme == root.get_attribute("data-mantine-color-scheme"):
        before = tool.get_attribute("aria-label")
        tool.click()
        expect(tool).not_to_have_attribute("aria-label", str(before))
    page.reload()
    expect(root).not_to_have_attribute("data-mantine-color-scheme", scheme)


@pytest.mark.parametrize(
    "path",
    [
        *PAGES,
        *ALERTING[1:],
        "silences/new",
        "alerts?tab=history",
        "alerts?tab=rules",
        "metrics?q=up",
        "metrics?q=up&events=blocks,hsm",
        "logs?fields=1",
    ],
)
def test_a_phone_shows_every_page(open_context: Callable[..., BrowserContext], watching: Server, path: str) -> None:
    """At 375 pixels nothing sticks out sideways, and every page can be reached."""
    page = open_context(viewport={"width": 375, "height": 812}, is_mobile=True, has_touch=True).new_page()
    page.goto(watching.pages + path)
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    page.wait_for_load_state("load")
    expect(page.locator(".as-state-loading")).to_have_count(0)
    assert page.evaluate("document.documentElement.scrollWidth") == 375
    for name in ("Now", "Metrics", "Logs", "Traces", "Alerts"):
        expect(
            page.get_by_role("navigation", name="Pages").get_by_role("link", name=re.compile(f"^{name}"))
        ).to_be_visible()


def test_the_zone_is_written_and_can_be_changed(page: Page, watching: Server) -> None:
    """Times carry the reader's zone, and UTC once it is asked for, also after a reload."""
    page.goto(view(watching, "logs"))
    expect(page.get_by_test_id("range")).to_contain_text(re.compile(r"UTC\+0[12]:00"))
    page.get_by_role("button", name=re.compile("^Times in")).click()
    expect(page.get_by_test_id("range")).not_to_contain_text("+0")
    page.reload()
    expect(page.get_by_test_id("range")).not_to_contain_text("+0")
