"""Which pages of other sites may ask Prometheus' API: none, until their origins are named.

Source: Prometheus, `--web.cors.origin` and its headers; WHATWG Fetch, "CORS protocol".
"""

from __future__ import annotations

from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from anyascope.store.labelindex import compile_whole

PREFIX: Final = "/api/v1/"
ALLOWED: Final = "anyascope.cross_origin"  # in the scope of a request from a page that may ask
GRANTS: Final = (
    (b"access-control-allow-headers", b"Accept, Authorization, Content-Type, Origin"),
    (b"access-control-allow-methods", b"GET, POST, OPTIONS"),
    (b"access-control-expose-headers", b"Date"),
)


class Cors:
    """Answers what browsers ask before a request of a foreign page, and lets such a page read the answer.

    Args:
        origin: a regular expression over the whole origin; empty for none.
    """

    def __init__(self, app: ASGIApp, *, origin: str) -> None:
        self._app = app
        self._origin = compile_whole(origin) if origin else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http" or not scope["path"].startswith(PREFIX):
            await self._app(scope, receive, send)
            return
        origin = Headers(scope=scope).get("origin", "")
        is_allowed = bool(origin) and self._origin is not None and self._origin.match(origin) is not None
        scope[ALLOWED] = is_allowed
        added = [(b"vary", b"Origin")]
        if is_allowed:
            added += [(b"access-control-allow-origin", origin.encode("latin-1")), *GRANTS]
        if scope["method"] == "OPTIONS":
            await send({"type": "http.response.start", "status": 204, "headers": added})
            await send({"type": "http.response.body", "body": b""})
            return

        async def with_grants(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), *added]}
            await send(message)

        await self._app(scope, receive, with_grants)
