"""Takes pictures of the pages, light and dark: those of `docs/images`.

    PYTHONPATH=src:tests python tests/e2e/screenshots.py --out docs/images
    PYTHONPATH=src:tests python tests/e2e/screenshots.py --out docs/images --custody
    PYTHONPATH=src:tests python tests/e2e/screenshots.py --out docs/images --objectives

Make them small with `pngquant` and `optipng` before they are committed.
Starts a server with the story of a custody service and lets it watch its host for some minutes, or takes the running
one of `--address`. Needs Playwright for Python and a Chromium (its path in CHROMIUM, default /usr/bin/chromium).
"""

from __future__ import annotations

import argparse
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlencode

import httpx
from playwright.sync_api import Page, expect, sync_playwright

from support import objectives_story, page_server
from support.custody_page import MINED_SAT_PER_VB, STRANGER, CustodyPage, custody_page

SETTLE_MS = 1_500  # charts are drawn after their data came
LOADED_MS = 60_000
EVALUATED_S = 130  # objectives are judged once a minute; an alert fires with the second time
SIZE = {"width": 1440, "height": 900}
CPU = 'sum by (mode) (rate(node_cpu_seconds_total{mode!="idle"}[1m]))'
NETWORK = "sum by (device) (rate(node_network_receive_bytes_total[1m]))"

VIEWS = {
    "now": "now",
    "metrics": "metrics?" + urlencode([("q", CPU), ("q", NETWORK), ("from", "-5m"), ("stacked", "1")]),
    "logs": "logs?" + urlencode({"fields": "1", "from": "-30m"}),
    "traces": "traces?" + urlencode({"service": "gateway"}),
    "alerts": "alerts",
}


CONFIG = """
rule_files: [rules.yml]
rules: {{default_pack: false}}  # how busy the machine is on which pictures are taken is no part of the story
escalation_policies:
  - name: signing
    severities: [critical]
    levels:
      - {{channels: [on-call/slack, team], repeat_interval: 5m}}
      - {{delay: 15m, channels: [phone], repeat_interval: 10m}}
    acknowledgement_timeout: 1h
  - name: default
    severities: [high, medium, low]
    levels: [{{channels: [slack]}}]
route:
  receiver: team
  group_by: [alertname]
  group_wait: 10s
  routes:
    - matchers: ['component=~"signer|hsm"']
      receiver: signers
      continue: true
      routes:
        - matchers: [severity="critical"]
          receiver: on-call
    - matchers: [category="data"]
      receiver: storage
      group_by: [component, category]
      mute_time_intervals: [nights]
time_intervals:
  - name: nights
    time_intervals: [{{times: [{{start_time: "22:00", end_time: "24:00"}}], years: ["2001"]}}]  # never now
receivers:
  - name: team
    slack_configs: [{{api_url: "{sink}/slack", channel: "#alerts"}}]
  - name: signers
    webhook_configs: [{{url: "{sink}/signers", send_resolved: false}}]
  - name: on-call
    slack_configs: [{{api_url: "{sink}/on-call", channel: "#on-call"}}]
    phone_configs: [{{to: ["+43720000000"], url: "{sink}/phone"}}]
  - name: storage
    webhook_configs: [{{url: "{sink}/storage"}}]
"""


class Taker(BaseHTTPRequestHandler):
    """Takes whatever is sent."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("content-length", 0)))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_args: object) -> None:
        """Nothing: the pictures tell."""


@contextmanager
def sink() -> Iterator[str]:
    """An address that takes every message."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Taker)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def tell_alert(server: page_server.Server, correlation: str) -> str:
    """An alert of the story that somebody has begun to work on; the answer is its id."""
    labels = {"alertname": "SigningSlow", "severity": "critical", "category": "performance", "component": "signer"}
    annotations = {
        "summary": "Signing takes longer than half a second",
        "description": "The 95th percentile of hsm-1 is above 500 ms; withdrawals begin to fail.",
        "runbook_url": "https://example.org/runbooks/signing",
        "correlation_id": correlation,
    }
    query = urlencode({"g0.expr": "hsm_sign_p95_seconds > 0.5"})
    alert = {
        "labels": labels,
        "annotations": annotations,
        "startsAt": datetime.fromtimestamp(time.time() - 140, UTC).isoformat(),
        "generatorURL": f"{server.address}/graph?{query}",
    }
    httpx.post(f"{server.address}/api/v2/alerts", json=[alert], timeout=60).raise_for_status()
    own = f"{server.address}/api/anyascope/v1"
    alerts = httpx.get(f"{own}/alerts", timeout=60).raise_for_status().json()["alerts"]
    found = next(str(one["id"]) for one in alerts if one["name"] == labels["alertname"])
    for act, said in (
        ("assign", {"by": "ada", "to": "ben"}),
        ("comment", {"by": "ben", "text": "The network card of hsm-1 reports errors.\nMoving its load to hsm-2."}),
    ):
        httpx.post(f"{own}/alerts/{found}/{act}", json=said, timeout=60).raise_for_status()
    backup = next(str(one["id"]) for one in alerts if one["name"] == "BackupLate")
    given = {"by": "ada", "note": "the disk is full, cleaning up", "for_s": 7200}
    httpx.post(f"{own}/alerts/{backup}/acknowledge", json=given, timeout=60).raise_for_status()
    return found


def alert_views(alert: str) -> dict[str, str]:
    """The pictures that need the alert of the story."""
    silence = {
        "m": ['component="signer"', 'severity=~"critical|high"'],
        "for": "2h",
        "comment": "The card of hsm-1 is swapped",
    }
    labels = {"labels": "alertname=SigningSlow severity=critical component=signer"}
    return {
        "alert": f"alerts/{alert}",
        "silence": f"silences/new?{urlencode(silence, doseq=True)}",
        "routing": f"routing?{urlencode(labels)}",
        "policies": "routing?view=policies",
    }


def custody_views(custody: CustodyPage) -> dict[str, str]:
    """Pictures of custody: a withdrawal that was asked for, a spend that was not, a payment that is stuck."""
    dear, cheap = 20 * MINED_SAT_PER_VB, MINED_SAT_PER_VB / 2
    for _ in range(3):
        custody.pay(custody.miner, 0.01, sat_per_vb=dear)
        custody.mine()
    withdrawal = custody.withdraw()
    custody.pay(STRANGER, 0.3, sat_per_vb=cheap)
    for number in range(10):
        time.sleep(3)  # a look of its own for each block
        custody.pay(custody.miner, 0.01, sat_per_vb=dear)
        custody.mine()
        if number == 5:
            custody.pay(STRANGER, 0.1, sat_per_vb=dear, wallet="custody-cold")
    time.sleep(10)
    return {"custody": "custody", "correlation": f"correlation/{withdrawal}", "runbook": "runbooks/HsmDown"}


def open_first_trace(page: Page, address: str) -> None:
    """Go from the list of failed withdrawals to the newest of them, with its failed span opened."""
    page.goto(address + "traces?service=gateway&status=error")
    page.get_by_test_id("trace").first.click()
    page.get_by_role("button", name="hsm.sign").first.click()
    page.locator(".as-span-row").nth(1).wait_for()


def settle(page: Page) -> None:
    """Wait until nothing is on its way: code, answers, figures, charts."""
    page.wait_for_timeout(SETTLE_MS)
    expect(page.locator(".as-state-loading")).to_have_count(0, timeout=LOADED_MS)
    expect(page.locator(".as-tile-value", has_text="…")).to_have_count(0, timeout=LOADED_MS)
    page.wait_for_timeout(SETTLE_MS)


def take(address: str, out: Path, views: dict[str, str], *, phone: tuple[str, ...] = ("now",)) -> None:
    """Write `<view>-<scheme>.png` for every view, and of a trace where traces are among them; `<view>-phone.png` of some."""
    out.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=os.environ.get("CHROMIUM", "/usr/bin/chromium"),
            args=["--no-sandbox", "--disable-dev-shm-usage"],
        )
        for scheme in ("light", "dark"):
            context = browser.new_context(viewport=SIZE, color_scheme=scheme, timezone_id="Europe/Vienna")
            page = context.new_page()
            for name, view in views.items():
                page.goto(address + view)
                settle(page)
                page.screenshot(path=out / f"{name}-{scheme}.png")
            if "traces" in views:
                open_first_trace(page, address)
                page.wait_for_timeout(SETTLE_MS)
                page.screenshot(path=out / f"trace-{scheme}.png")
            context.close()
        small = browser.new_context(viewport={"width": 375, "height": 812}, color_scheme="dark", is_mobile=True)
        page = small.new_page()
        for name in phone:
            page.goto(address + views[name])
            settle(page)
            page.screenshot(path=out / f"{name}-phone.png")
        browser.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Pictures of the pages of a running server.")
    parser.add_argument("--address", default="", help="such as http://127.0.0.1:9470/ui/")
    parser.add_argument("--out", type=Path, default=Path("docs/images"))
    parser.add_argument(
        "--watch-s", type=int, default=900, help="how long an own server watches before it is looked at"
    )
    parser.add_argument("--custody", action="store_true", help="those of custody, beside a real node and a real token")
    parser.add_argument("--objectives", action="store_true", help="that of objectives, after a week of them")
    given = parser.parse_args()
    if given.custody:
        with TemporaryDirectory() as folder, custody_page(Path(folder), nodes=2) as custody:
            take(custody.server.pages, given.out, custody_views(custody), phone=("custody",))
    elif given.objectives:
        with TemporaryDirectory() as folder:
            Path(folder, "rules.yml").write_text(objectives_story.RULES)
            config = Path(folder, "anyascope.yml")
            config.write_text("rule_files: [rules.yml]\n")
            with page_server.running(Path(folder), "--config", str(config), "--no-collect") as server:
                objectives_story.tell_objectives(server.address)
                time.sleep(EVALUATED_S)
                take(server.pages, given.out, {"objectives": "objectives"}, phone=())
    elif given.address:
        take(given.address, given.out, VIEWS)
    else:
        with (
            TemporaryDirectory() as folder,
            sink() as far_end,
            page_server.watching(Path(folder), CONFIG.format(sink=far_end)) as server,
        ):
            time.sleep(given.watch_s)
            story = page_server.tell_story(server, seed=11)
            httpx.post(f"{server.address}/v1/metrics", json=story.metrics_body(), timeout=60).raise_for_status()
            alert = tell_alert(server, story.failed[0])
            take(server.pages, given.out, {**VIEWS, **alert_views(alert)}, phone=("now", "alert"))
