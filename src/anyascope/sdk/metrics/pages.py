"""The page that a Prometheus scrapes, as an ASGI and as a WSGI application.

Both speak the Prometheus text format and OpenMetrics, which carries exemplars, as the scraper prefers. In multiprocess mode
(`PROMETHEUS_MULTIPROC_DIR`) they show what all processes counted, whichever of them answers.
"""

from __future__ import annotations

import gzip
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any
from urllib.parse import parse_qs

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder, gzip_accepted
from prometheus_client.metrics_core import Metric

from anyascope.sdk.guard import tell_once
from anyascope.sdk.metrics.reading import read_all
from anyascope.sdk.metrics.registries import sound_registry

GZIP_LEVEL = 5  # two thirds of the time of level 9 for one percent more bytes
_METHODS = "GET, HEAD, OPTIONS"
_END = b"# EOF\n"

Scope = Any
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
AsgiApplication = Callable[[Scope, Receive, Send], Awaitable[None]]
WsgiApplication = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class Answer:
    """What a request for the page gets."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: str, headers: list[tuple[str, str]], body: bytes = b"") -> None:
        self.status = status
        self.headers = headers
        self.body = body


def metrics_app(registry: CollectorRegistry | None = None) -> AsgiApplication:
    """What answers a scrape, as an ASGI application to mount at `/metrics`.

    Args:
        registry: None for `prometheus_client.REGISTRY`; in multiprocess mode all registries of all processes are shown.

    The page is made in a thread, so that no request of the host waits for it.
    """
    shown = sound_registry(registry)

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _live(receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1000})
            return
        headers = [
            (name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in scope.get("headers", ())
        ]
        accept, encoding = (
            ",".join(value for name, value in headers if name == wanted) for wanted in ("accept", "accept-encoding")
        )
        query = scope.get("query_string", b"").decode("latin-1")
        answer = await _apart(lambda: answer_of(shown, scope.get("method", "GET"), accept, encoding, query=query))
        listed = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers]
        await send({"type": "http.response.start", "status": int(answer.status[:3]), "headers": listed})
        await send({"type": "http.response.body", "body": answer.body})

    return application


def metrics_wsgi_app(registry: CollectorRegistry | None = None) -> WsgiApplication:
    """What answers a scrape, as a WSGI application to mount at `/metrics`; see `metrics_app`."""
    shown = sound_registry(registry)

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        answer = answer_of(
            shown,
            environ.get("REQUEST_METHOD", "GET"),
            environ.get("HTTP_ACCEPT", ""),
            environ.get("HTTP_ACCEPT_ENCODING", ""),
            query=environ.get("QUERY_STRING", ""),
        )
        start_response(answer.status, answer.headers)
        return [answer.body]

    return application


def answer_of(registry: CollectorRegistry, method: str, accept: str, encoding: str, *, query: str = "") -> Answer:
    """The page, or what else a request gets.

    Args:
        registry: what is shown.
        method: of the request.
        accept: the header of that name; `application/openmetrics-text` gets exemplars.
        encoding: the header `Accept-Encoding`.
        query: `name[]=…` restricts the page to samples of these names.
    """
    if method == "OPTIONS":
        return Answer("200 OK", [("Allow", _METHODS)])
    if method not in ("GET", "HEAD"):
        return Answer("405 Method Not Allowed", [("Allow", _METHODS)], b"the page of metrics is read by GET\n")
    encode, content_type = choose_encoder(accept)
    names = frozenset(parse_qs(query).get("name[]", ()))
    body = _encoded(_chosen(read_all(registry), names), encode)
    headers = [("Content-Type", content_type), ("Vary", "Accept, Accept-Encoding")]
    if gzip_accepted(encoding):
        body = gzip.compress(body, compresslevel=GZIP_LEVEL)
        headers.append(("Content-Encoding", "gzip"))
    headers.append(("Content-Length", str(len(body))))
    return Answer("200 OK", headers, b"" if method == "HEAD" else body)


class _Families:
    """Families as `prometheus_client`'s encoders want them."""

    def __init__(self, families: Sequence[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def _chosen(families: Sequence[Metric], names: frozenset[str]) -> Sequence[Metric]:
    if not names:
        return families
    restricted = (family._restricted_metric(names) for family in families)  # type: ignore[no-untyped-call]  # noqa: SLF001  # as its registry does
    return [family for family in restricted if family]


def _encoded(families: Sequence[Metric], encode: Callable[[Any], bytes]) -> bytes:
    try:
        return encode(_Families(families))
    except Exception as error:  # noqa: BLE001  # one family of the host's that cannot be written must not hide the others
        tell_once("writing the page of metrics", error)
    pages = [_encoded_alone(family, encode) for family in families]
    end = _END if encode(_Families(())).endswith(_END) else b""
    return b"".join(page.removesuffix(_END) for page in pages) + end


def _encoded_alone(family: Metric, encode: Callable[[Any], bytes]) -> bytes:
    try:
        return encode(_Families((family,)))
    except Exception as error:  # noqa: BLE001  # see above
        tell_once(f"writing the metric {family.name}", error)
        return b""


async def _apart(make: Callable[[], Answer]) -> Answer:
    """`make()` in a thread where the loop is asyncio's, else here."""
    import asyncio  # noqa: PLC0415  # there already where it is needed, and slow to load where it is not

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return make()
    return await asyncio.to_thread(make)


async def _live(receive: Receive, send: Send) -> None:
    """The life of an application that a server runs by itself."""
    while True:
        kind = (await receive())["type"]
        await send({"type": f"{kind}.complete"})
        if kind == "lifespan.shutdown":
            return
