"""The routes of the page: its files, every address of it, and the links that Prometheus' own page would answer.

The page lives below `ui/`, because `/metrics`, `/api` and `/v1` belong to the protocols that the server speaks.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from html import escape
from pathlib import Path
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from anyascope.webui.assets import DIST, INDEX, Asset, load

# Placeholders that the build leaves in index.html.
NONCE_PLACE = "__ANYASCOPE_NONCE__"
BASE_PLACE = "__ANYASCOPE_BASE__"

NONCE_BYTES = 16  # 128 bits, what CSP level 3 asks for
GRAPH_QUERIES_MAX = 20  # as many panels as a link of Prometheus' page is read for
ASSET_MAX_AGE_S = 31_536_000  # a year, the longest that caches honour
PLAIN_MAX_AGE_S = 3_600  # icons and the manifest keep their names over releases

NOT_BUILT = (
    "<!doctype html><title>anyascope</title><p>The page is not built. Run <code>make web</code>, then start again."
)

_COMMON_HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}


def content_security_policy(nonce: str) -> str:
    """What the page may do: its own scripts and styles, its own server, nothing inline, nothing foreign.

    Style elements carry `nonce` because the component library and the query editor make theirs while running; markup
    is never made from text (`trusted-types` allows one policy, which refuses everything that holds a `<`).

    Source: W3C Content Security Policy Level 3; W3C Trusted Types.
    """
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            f"style-src 'self' 'nonce-{nonce}'",
            "img-src 'self' data:",
            "font-src 'self'",
            "connect-src 'self'",
            "manifest-src 'self'",
            "base-uri 'self'",
            "form-action 'none'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types default",
        )
    )


def routes(*, base: str = "/", dist: Path = DIST) -> list[BaseRoute]:
    """Routes of the page, to stand after all others: `base` itself, `graph`, `runbooks/NAME` and everything below `ui/`.

    Args:
        base: path under which a browser reaches this server; starts and ends with `/`.
        dist: folder of the built page; where it holds none, every address says how to build it.

    Returns:
        Starlette routes for GET and HEAD.
    """
    assert base.startswith("/"), f"base must start with /, got {base}"
    assert base.endswith("/"), f"base must end with /, got {base}"
    page = _Page(load(dist), base=f"{base}ui/")
    return [
        Route(base, page.home),
        Route(f"{base}graph", page.graph),
        Route(f"{base}runbooks/{{name}}", page.runbook),
        Route(f"{base}ui", page.home),
        Route(f"{base}ui/{{path:path}}", page.file),
    ]


class _Page:
    """Answers for the files of one build."""

    def __init__(self, assets: Mapping[str, Asset], *, base: str) -> None:
        self._assets = {name: asset for name, asset in assets.items() if name != INDEX}
        self._base = base
        index = assets.get(INDEX)
        self._index = None if index is None else index.body.decode().replace(BASE_PLACE, escape(base))

    async def home(self, _request: Request) -> Response:
        return RedirectResponse(self._base, status_code=307, headers=_COMMON_HEADERS)

    async def graph(self, request: Request) -> Response:
        """Prometheus' own link to a query (`generatorURL` of every alert) leads to the same query here."""
        given = request.query_params
        expressions = [given.get(f"g{number}.expr") for number in range(GRAPH_QUERIES_MAX)]
        wanted = [("q", expression) for expression in expressions if expression]
        if "g0.range_input" in given:
            wanted.append(("from", f"-{given['g0.range_input']}"))
        if given.get("g0.tab") == "1":
            wanted.append(("view", "table"))
        return RedirectResponse(f"{self._base}metrics?{urlencode(wanted)}", status_code=307, headers=_COMMON_HEADERS)

    async def runbook(self, request: Request) -> Response:
        """The short address of a runbook, as alerts carry it."""
        name = quote(request.path_params["name"], safe="")
        return RedirectResponse(f"{self._base}runbooks/{name}", status_code=307, headers=_COMMON_HEADERS)

    async def file(self, request: Request) -> Response:
        if self._index is None:
            return HTMLResponse(NOT_BUILT, status_code=503, headers={**_COMMON_HEADERS, "cache-control": "no-store"})
        name: str = request.path_params["path"]
        asset = self._assets.get(name)
        if asset is not None:
            return _answer(asset, request.headers)
        if name.startswith("assets/"):
            # A stale page asks for a chunk of an older build: the page would not run as JavaScript.
            return PlainTextResponse("no such file of the page", status_code=404, headers=_COMMON_HEADERS)
        return self._render_index()

    def _render_index(self) -> Response:
        assert self._index is not None
        nonce = secrets.token_urlsafe(NONCE_BYTES)
        headers = {
            **_COMMON_HEADERS,
            "content-security-policy": content_security_policy(nonce),
            # A nonce that a cache would hand out twice were none.
            "cache-control": "no-store",
        }
        return HTMLResponse(self._index.replace(NONCE_PLACE, nonce), headers=headers)


def _answer(asset: Asset, asked: Mapping[str, str]) -> Response:
    packed = asset.gzipped if _accepts_gzip(asked.get("accept-encoding", "")) else None
    etag = f'"{asset.etag}{"-gzip" if packed is not None else ""}"'
    age = f"max-age={ASSET_MAX_AGE_S}, immutable" if asset.is_immutable else f"max-age={PLAIN_MAX_AGE_S}"
    headers = {**_COMMON_HEADERS, "etag": etag, "cache-control": f"public, {age}", "vary": "accept-encoding"}
    if _matches(asked.get("if-none-match", ""), etag):
        return Response(status_code=304, headers=headers)
    if packed is not None:
        headers["content-encoding"] = "gzip"
    body = asset.body if packed is None else packed
    return Response(body, media_type=asset.media_type, headers=headers)


def _accepts_gzip(header: str) -> bool:
    """Whether `Accept-Encoding` names gzip (or `*`) with a weight above zero."""
    for item in header.lower().split(","):
        coding, _, parameter = item.partition(";")
        if coding.strip() in {"gzip", "*"}:
            weight = parameter.strip().removeprefix("q=")
            return not weight or weight.strip("0.") != ""
    return False


def _matches(header: str, etag: str) -> bool:
    """Whether `If-None-Match` names `etag`, by weak comparison as RFC 9110 section 13.1.2 asks for."""
    given = {item.strip().removeprefix("W/") for item in header.split(",")}
    return etag in given or "*" in given
