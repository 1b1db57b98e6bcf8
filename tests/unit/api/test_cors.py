"""Pages of other sites: none, until their origins are named."""

from __future__ import annotations

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from anyascope.api.cors import ALLOWED, Cors


async def answer(allowed: str, path: str, *, method: str = "GET", **headers: str) -> httpx.Response:
    async def told(request: Request) -> PlainTextResponse:
        return PlainTextResponse(str(request.scope.get(ALLOWED)))

    app = Cors(Starlette(routes=[Route("/{path:path}", told, methods=["GET", "POST"])]), origin=allowed)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://here") as client:
        return await client.request(method, path, headers=headers)


def grants(found: httpx.Response) -> list[str]:
    return sorted(name for name in found.headers if name.startswith("access-control"))


async def test_an_origin_that_fits_may_read() -> None:
    """The whole origin must fit; the grants are upstream's."""
    found = await answer("https?://grafana[.]test", "/api/v1/query", origin="http://grafana.test")

    assert found.headers["access-control-allow-origin"] == "http://grafana.test"
    assert found.headers["access-control-allow-methods"] == "GET, POST, OPTIONS"
    assert found.headers["vary"] == "Origin"
    assert found.text == "True"


@pytest.mark.parametrize(
    ("pattern", "path", "origin"),
    [
        ("", "/api/v1/query", "http://grafana.test"),
        ("http://grafana.test", "/api/v1/query", "http://grafana.test.evil"),
        (".*", "/api/anyascope/v1/logs", "http://grafana.test"),
        (".*", "/api/v1/query", ""),
    ],
)
async def test_nobody_else_may(pattern: str, path: str, origin: str) -> None:
    """Without a pattern, with another origin, on another API, or without an origin."""
    assert not grants(await answer(pattern, path, origin=origin))


async def test_what_browsers_ask_before_is_answered_without_the_routes() -> None:
    """With grants for those who may, without for others."""
    allowed = await answer("http://a", "/api/v1/query", method="OPTIONS", origin="http://a")
    refused = await answer("http://a", "/api/v1/query", method="OPTIONS", origin="http://b")

    assert (allowed.status_code, refused.status_code) == (204, 204)
    assert len(grants(allowed)) == 4
    assert not grants(refused)
