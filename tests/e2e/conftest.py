"""A browser, a server that watches and one that has nothing; every page is checked for complaints at its end."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright

from anyascope.webui.assets import DIST, INDEX
from support import page_server as servers

CHROMIUM = Path(os.environ.get("CHROMIUM", "/usr/bin/chromium"))
FLAGS = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
BUSY = (
    "status of 503"  # a busy server says when to ask again, the page does, and the browser notes the answer as an error
)
PATIENCE_MS = 120_000  # a shared machine draws slowly; what is there comes at once
STORY_S = 900.0  # a story of 25 minutes is told anew then: pages show the last hour, also to a test that comes late

WATCH_POLICY = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) => {
  window.violations.push(`${event.violatedDirective}: ${event.blockedURI} ${event.sample}`);
});
"""


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium, or skip."""
    if not CHROMIUM.exists():
        pytest.skip("chromium is not installed: run `bash .ci/components` (or set CHROMIUM to its path)")
    if not (DIST / INDEX).is_file():
        pytest.skip("the page is not built: run `make web`")
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield started
        started.close()


class Watched:
    """A server with data of every kind, whose story is told anew once it is old."""

    def __init__(self, server: servers.Server) -> None:
        self._server = server
        self._told_s = time.monotonic()
        self._seeds = itertools.count(100)

    def server(self) -> servers.Server:
        if time.monotonic() - self._told_s > STORY_S:
            servers.tell_story(self._server, seed=next(self._seeds))
            self._told_s = time.monotonic()
        return self._server


@pytest.fixture(scope="session")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    with servers.watching(tmp_path_factory.mktemp("watching")) as server:
        yield Watched(server)


@pytest.fixture
def watching(watched: Watched) -> servers.Server:
    """A server with data of every kind. All tests share it: each finds what others left, and leaves what they find."""
    return watched.server()


@pytest.fixture(scope="session")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.Server]:
    """A server that collects nothing and was sent nothing."""
    with servers.running(tmp_path_factory.mktemp("empty"), "--no-collect") as server:
        yield server


class Complaints:
    """What a browser complains about while a page is used."""

    def __init__(self) -> None:
        self.found: list[str] = []
        self.expected: tuple[str, ...] = ()

    def watch(self, page: Page) -> None:
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.found.append(f"uncaught: {error}"))

    def expect(self, *texts: str) -> None:
        """Complaints with one of these texts belong to the test."""
        self.expected = texts

    def unexpected(self) -> list[str]:
        return [text for text in self.found if not any(known in text for known in (*self.expected, BUSY))]

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.found.append(f"console {message.type}: {message.text}")


@pytest.fixture
def complaints() -> Complaints:
    return Complaints()


@pytest.fixture
def open_context(browser: Browser) -> Iterator[Callable[..., BrowserContext]]:
    """Makes contexts with their own looks, closed at the end."""
    made: list[BrowserContext] = []

    def make(**options: object) -> BrowserContext:
        given = {"viewport": {"width": 1280, "height": 900}, "timezone_id": "Europe/Vienna", **options}
        context = browser.new_context(**given)  # type: ignore[arg-type]
        context.set_default_timeout(PATIENCE_MS)
        context.add_init_script(WATCH_POLICY)
        made.append(context)
        return context

    yield make
    for context in made:
        context.close()


@pytest.fixture
def page(open_context: Callable[..., BrowserContext], complaints: Complaints) -> Iterator[Page]:
    """A page whose console stays silent and which never breaks its policy."""
    opened = open_context().new_page()
    complaints.watch(opened)
    yield opened
    assert opened.evaluate("window.violations") == []
    assert complaints.unexpected() == []
