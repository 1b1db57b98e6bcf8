"""The guards and the log in front of all routes."""

from __future__ import annotations

import base64

import httpx
import pytest
from prometheus_client import CollectorRegistry
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route, Router

from anyascope.access.tokens import Tokens
from anyascope.api.middleware import GuardOptions, HttpMetrics, guarded, host_name
from anyascope.clock import ManualClock
from anyascope.ids import CountedIds
from anyascope.model.secret import Secret
from support.own_api import House

TOKEN = "0123456789abcdef0123456789abcdef"


async def well(_request):
    return PlainTextResponse("well")


async def fault(_request):
    raise ValueError("a secret detail")


class Guarded:
    """A small application behind the guards."""

    def __init__(self, *, token="", **options):
        self.registry = CollectorRegistry()
        self.clock = ManualClock()
        routes = [
            Route("/", well, methods=["GET", "POST"]),
            Route("/-/healthy", well),
            Route("/thing/{name}", well),
            Route("/fault", fault),
            Mount("/below", app=Router([Route("/thing/{name}", well)])),
        ]
        self.app = guarded(
            Router(routes),
            options=GuardOptions(**options),
            tokens=Tokens([Secret(token)], clock=self.clock) if token else None,
            metrics=HttpMetrics(self.registry),
            clock=self.clock,
            ids=CountedIds(),
        )

    async def ask(self, path="/", *, method="GET", **headers):
        transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:9470") as client:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            return await client.request(method, path, headers=named)

    def counted(self, name, **labels):
        return self.registry.get_sample_value(name, labels)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1:9470",
        "localhost",
        "LOCALHOST:9470",
        "[::1]:9470",
        "10.1.2.3",
        "grafana.localhost",
        "scope.example.org.",
    ],
)
async def test_our_own_names_and_addresses_are_served(host):
    """Loopback names, IP addresses and configured names lead here and cannot be bent to."""
    guarded = Guarded(hosts=("Scope.example.org",))
    assert (await guarded.ask(host=host)).status_code == 200


@pytest.mark.parametrize("host", ["evil.example.org", "127.0.0.1.evil.org", "localhost.evil.org", "[::g]", "1", "a b"])
async def test_a_foreign_name_is_refused(host):
    """A name that leads here by DNS rebinding gets nothing, and is counted."""
    guarded = Guarded()
    answer = await guarded.ask(host=host)
    assert (answer.status_code, answer.json()["code"]) == (421, "wrong_host")
    assert guarded.counted("anyascope_http_refused_total", guard="host") == 1


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"sec_fetch_site": "same-origin"}, 200),
        ({"sec_fetch_site": "none"}, 200),
        ({"sec_fetch_site": "same-site"}, 403),
        ({"sec_fetch_site": "cross-site", "origin": "http://evil.org"}, 403),
        ({"origin": "http://127.0.0.1:9470"}, 200),
        ({"origin": "http://127.0.0.1:3000"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://["}, 403),
        ({"origin": "https://scope.example.org", "sec_fetch_site": "cross-site"}, 200),
    ],
)
async def test_a_foreign_page_changes_nothing(headers, status):
    """What changes anything comes from our own page, from the proxy's address, or from no page."""
    guarded = Guarded(external_url="https://scope.example.org/anya")
    assert (await guarded.ask(method="POST", **headers)).status_code == status


async def test_a_foreign_page_may_link_to_us():
    """Reading is not refused; browsers keep the answer from the foreign page."""
    assert (await Guarded().ask(sec_fetch_site="cross-site")).status_code == 200


@pytest.mark.parametrize(
    ("authorization", "status"),
    [
        (f"Bearer {TOKEN}", 200),
        (f"bearer  {TOKEN}", 200),
        ("Basic " + base64.b64encode(f"anybody:{TOKEN}".encode()).decode(), 200),
        ("Basic " + base64.b64encode(b"anybody:wrong").decode(), 401),
        ("Basic !!", 401),
        ("Basic /w==", 401),
        ("Bearer wrong", 401),
        ("Bearer", 401),
        ("Digest x", 401),
        ("", 401),
    ],
)
async def test_a_token_opens_the_door(authorization, status):
    """A program sends it as a bearer's, a browser as a password."""
    guarded = Guarded(token=TOKEN)
    answer = await guarded.ask(authorization=authorization)
    assert answer.status_code == status
    assert ("www-authenticate" in answer.headers) == (status == 401)
    assert guarded.counted("anyascope_http_refused_total", guard="token") == (status == 401)


async def test_liveness_needs_no_token():
    """An orchestrator asks without one."""
    assert (await Guarded(token=TOKEN).ask("/-/healthy")).status_code == 200


async def test_requests_are_counted_by_route_and_not_by_path():
    """Labels have as many values as there are routes, mounted ones and missing ones included."""
    guarded = Guarded()
    for path in ("/thing/a", "/thing/b", "/below/thing/c", "/nope", "/below/nope"):
        await guarded.ask(path)
    await guarded.ask(method="BREW")
    count = guarded.counted
    assert count("anyascope_http_requests_total", route="/thing/{name}", method="GET", code="200") == 2
    assert count("anyascope_http_requests_total", route="/below/thing/{name}", method="GET", code="200") == 1
    assert count("anyascope_http_requests_total", route="unmatched", method="GET", code="404") == 1
    assert count("anyascope_http_requests_total", route="/below/*", method="GET", code="404") == 1
    assert count("anyascope_http_requests_total", route="/", method="other", code="405") == 1
    assert count("anyascope_http_request_duration_seconds_count", route="/thing/{name}") == 2


async def test_a_fault_is_a_500_without_a_word_of_what_it_was():
    """The answer has an id that the log knows; the fault itself stands in the log alone."""
    guarded = Guarded()
    answer = await guarded.ask("/fault")
    assert answer.status_code == 500
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
    assert "secret" not in answer.text
    assert guarded.counted("anyascope_http_requests_total", route="/fault", method="GET", code="500") == 1


async def test_a_request_keeps_the_id_that_it_came_with():
    """A proxy's id is taken over if it looks like one; anything else is replaced."""
    guarded = Guarded()
    assert (await guarded.ask(x_request_id="abc-1")).headers["x-request-id"] == "abc-1"
    assert (await guarded.ask(x_request_id="a b<script>")).headers["x-request-id"] == f"{1:032x}"


async def test_answers_are_not_sniffed():
    """A browser takes an answer for what it says it is."""
    assert (await Guarded().ask()).headers["x-content-type-options"] == "nosniff"


async def test_other_scopes_pass():
    """A server's lifespan messages are none of the guards' business."""
    seen = []

    async def app(scope, receive, send):
        seen.append(scope["type"])

    house = House()
    outer = guarded(
        app,
        options=GuardOptions(),
        tokens=Tokens([Secret(TOKEN)], clock=house.clock),
        metrics=house.http_metrics,
        clock=house.clock,
        ids=CountedIds(),
    )
    await outer({"type": "lifespan"}, None, None)
    assert seen == ["lifespan"]


@pytest.mark.parametrize(
    ("host", "name"), [("A.b:80", "a.b"), ("[::1]:80", "::1"), ("a.b.", "a.b"), ("", ""), (" h ", "h")]
)
def test_a_host_header_holds_a_name(host, name):
    """Port, brackets, case and a final dot do not belong to it."""
    assert host_name(host) == name


async def test_callbacks_ask_no_token():
    """Services that call back know no token of ours: what they send is signed, and checked behind the guard."""
    for path, status in (("/callbacks/slack", 404), ("/heartbeats/a", 404), ("/r/x", 404), ("/callback", 401)):
        async with House().client(tokens=Tokens([Secret(TOKEN)], clock=ManualClock())) as client:
            assert (await client.post(f"http://127.0.0.1:9470{path}")).status_code == status
