"""Takes pictures of the five pages, light and dark: those of `docs/images`.

    PYTHONPATH=src:tests python tests/e2e/screenshots.py --out docs/images

Starts a server with the story of a custody service and lets it watch its host for some minutes, or takes the running
one of `--address`. Needs Playwright for Python and a Chromium (its path in CHROMIUM, default /usr/bin/chromium).
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlencode

from playwright.sync_api import Page, sync_playwright

from support import page_server

SETTLE_MS = 1_500  # charts are drawn after their data came
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


def open_first_trace(page: Page, address: str) -> None:
    """Go from the list of failed withdrawals to the newest of them, with its failed span opened."""
    page.goto(address + "traces?service=gateway&status=error")
    page.get_by_test_id("trace").first.click()
    page.get_by_role("button", name="hsm.sign").first.click()
    page.locator(".as-span-row").nth(1).wait_for()


def take(address: str, out: Path) -> None:
    """Write `<view>-<scheme>.png` for every view."""
    out.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=os.environ.get("CHROMIUM", "/usr/bin/chromium"),
            args=["--no-sandbox", "--disable-dev-shm-usage"],
        )
        for scheme in ("light", "dark"):
            context = browser.new_context(viewport=SIZE, color_scheme=scheme, timezone_id="Europe/Vienna")
            page = context.new_page()
            for name, view in VIEWS.items():
                page.goto(address + view)
                page.wait_for_timeout(SETTLE_MS)
                page.screenshot(path=out / f"{name}-{scheme}.png")
            open_first_trace(page, address)
            page.wait_for_timeout(SETTLE_MS)
            page.screenshot(path=out / f"trace-{scheme}.png")
            context.close()
        phone = browser.new_context(viewport={"width": 375, "height": 812}, color_scheme="dark", is_mobile=True)
        page = phone.new_page()
        page.goto(address + "now")
        page.wait_for_timeout(SETTLE_MS)
        page.screenshot(path=out / "now-phone.png")
        browser.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Pictures of the pages of a running server.")
    parser.add_argument("--address", default="", help="such as http://127.0.0.1:9470/ui/")
    parser.add_argument("--out", type=Path, default=Path("docs/images"))
    parser.add_argument(
        "--watch-s", type=int, default=900, help="how long an own server watches before it is looked at"
    )
    given = parser.parse_args()
    if given.address:
        take(given.address, given.out)
    else:
        with TemporaryDirectory() as folder, page_server.watching(Path(folder)) as server:
            time.sleep(given.watch_s)
            page_server.tell_story(server, seed=11)
            take(server.pages, given.out)
