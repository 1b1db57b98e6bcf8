"""The page behind a link: opening it does nothing, its button does one thing."""

from __future__ import annotations

import re

import httpx
import pytest
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette

from anyascope.api.links import link_routes
from anyascope.api.middleware import GuardOptions, HttpMetrics, guarded
from anyascope.clock import ManualClock
from anyascope.errors import UnavailableError
from anyascope.ids import CountedIds
from anyascope.model.alerts import AlertCategory, AlertSeverity
from anyascope.model.notifications import AlertStatus
from anyascope.model.responses import LinkSight, LinkState, ResponseAction

S = 1_000_000_000
ALERT = AlertStatus(
    id="0123456789abcdef",
    name="Down",
    is_firing=True,
    severity=AlertSeverity.CRITICAL,
    category=AlertCategory.AVAILABILITY,
    source="signer",
    title="<b>The signer</b> is down",
    labels=(("alertname", "Down"),),
    annotations={},
    starts_ns=100 * S,
)


class Links:
    """Says what it is told to, and remembers what it was asked."""

    def __init__(self, state: LinkState = LinkState.READY, **more) -> None:
        self.sight = LinkSight(state, **({"action": ResponseAction.ACKNOWLEDGE, "alert": ALERT} | more))
        self.used: list[tuple[str, str]] = []
        self.error: Exception | None = None

    async def look(self, token: str) -> LinkSight:
        return self.sight

    async def use(self, token: str, *, by: str) -> LinkSight:
        if self.error:
            raise self.error
        self.used.append((token, by))
        return LinkSight(LinkState.DONE, self.sight.action, ALERT, "team by email", by, 200 * S, "bob was first")


class NoToken:
    def accepts(self, text: str) -> bool:
        return False


async def ask(links: Links, method: str = "GET", **given) -> httpx.Response:
    clock = ManualClock()
    app = guarded(
        Starlette(routes=link_routes(links)),
        options=GuardOptions(external_url="https://anya.example.org"),
        tokens=NoToken(),
        metrics=HttpMetrics(CollectorRegistry()),
        clock=clock,
        ids=CountedIds(),
    )
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="https://anya.example.org") as client:
        return await client.request(method, "/r/abc", **given)


async def test_opening_a_link_shows_one_button_and_does_nothing():
    """A scanner of mail that opens every link acknowledges nothing; no token of the server is asked for."""
    links = Links(recipient="team by email")
    for method in ("GET", "HEAD"):
        answer = await ask(links, method)
        assert answer.status_code == 200
    answer = await ask(links)
    assert links.used == []
    assert len(re.findall("<button>", answer.text)) == 1
    assert '<form method="post">' in answer.text
    assert "Acknowledge this alert?" in answer.text
    assert "&lt;b&gt;The signer&lt;/b&gt; is down" in answer.text
    assert "team by email" in answer.text


async def test_the_page_keeps_its_address_to_itself():
    """No scripts, nothing from elsewhere, no referrer for others, nothing stored, no frames."""
    answer = await ask(Links())
    assert "<script" not in answer.text
    assert "src=" not in answer.text
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "form-action 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["referrer-policy"] == "same-origin"
    assert answer.headers["cache-control"] == "no-store"


async def test_the_button_acts_and_says_who_what_and_when():
    """With the name that was given, and whoever was first."""
    links = Links()
    answer = await ask(links, "POST", data={"by": "Ann <ops>"}, headers={"origin": "https://anya.example.org"})
    assert answer.status_code == 200
    assert links.used == [("abc", "Ann <ops>")]
    assert "Acknowledged" in answer.text
    assert "Ann &lt;ops&gt;, 1970-01-01 00:03:20 UTC" in answer.text
    assert "bob was first" in answer.text
    assert "<form" not in answer.text


async def test_a_page_of_another_site_cannot_press_the_button():
    """Whoever has the link may use it, in their own browser."""
    links = Links()
    answer = await ask(links, "POST", headers={"origin": "https://evil.example.org"})
    assert answer.status_code == 403
    assert links.used == []


@pytest.mark.parametrize(
    ("state", "status", "words"),
    [
        (LinkState.FORGED, 403, "no link of this server"),
        (LinkState.EXPIRED, 410, "has expired"),
        (LinkState.USED, 409, "used already"),
        (LinkState.OVER, 409, "is over"),
    ],
)
async def test_what_does_not_act_is_said_clearly(state, status, words):
    """With a status of its own, and no button."""
    more = {"action": None, "alert": None} if state is LinkState.FORGED else {}
    answer = await ask(Links(state, by="alice", at_ns=S, **more))
    assert answer.status_code == status
    assert words in answer.text
    assert "<button>" not in answer.text


async def test_a_store_that_cannot_write_is_said():
    """The person knows that nothing was done."""
    links = Links()
    links.error = UnavailableError("the disk is full", retry_after_s=1)
    answer = await ask(links, "POST")
    assert answer.status_code == 503
    assert "the disk is full" in answer.text
