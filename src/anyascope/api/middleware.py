"""What stands before every route: the log and count of requests, and the guards. Plain ASGI, outermost first.

A page of another site must not reach this server through a visitor's browser: the host that is asked for must be ours
(DNS rebinding), and what changes anything must come from our own page or from no page at all (cross-site requests).
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
from collections.abc import Iterable, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

import structlog
from prometheus_client import CollectorRegistry, Counter, Histogram
from starlette.routing import Mount
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from anyascope.api.cors import ALLOWED, Cors
from anyascope.api.problems import fault, plain_problem, problem_response
from anyascope.clock import NS_PER_S, Clock
from anyascope.ids import Ids

SLOW_S = 2.0  # a request that took longer is worth a line: the page calls it slow, too
HOST_CHARS_MAX = 255  # of DNS

LOOPBACK_NAMES: Final = frozenset(("localhost", "ip6-localhost", "localhost.localdomain"))
OPEN_PATHS: Final = frozenset(("/-/healthy", "/-/ready"))  # orchestrators ask without a token, and learn nothing else
# Those who call here cannot know a token: each request is signed, or brings a secret of its own, which is checked there.
OPEN_PREFIXES: Final = ("/callbacks/", "/heartbeats/", "/r/")
SAFE_METHODS: Final = frozenset(("GET", "HEAD", "OPTIONS"))
METHODS: Final = SAFE_METHODS | {"POST", "PUT", "PATCH", "DELETE"}
# Most answers take some milliseconds; the longest query may take 2 minutes.
DURATION_BUCKETS_S: Final = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0)

_REQUEST_ID = re.compile(r"[A-Za-z0-9_.:-]{1,64}", re.ASCII)
_CHALLENGE = 'Basic realm="anyascope: any name, and the token as password", charset="UTF-8"'

log = structlog.get_logger("anyascope.api")


class TokenCheck(Protocol):
    """Who knows the tokens."""

    def accepts(self, text: str) -> bool:
        """Whether this is one of them."""


@dataclass(frozen=True, slots=True)
class GuardOptions:
    """What requests may ask for.

    Attributes:
        hosts: names under which people reach the server, beside loopback's; an IP address needs none.
        external_url: the address that a reverse proxy shows, whose pages are ours; empty where there is none.
        cors_origin: a regular expression of the origins whose pages may ask Prometheus' API; empty for none.
    """

    hosts: tuple[str, ...] = ()
    external_url: str = ""
    cors_origin: str = ""


class HttpMetrics:
    """What is counted of requests; one for all faces of a server."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.requests = Counter(
            "anyascope_http_requests",
            "Requests answered, by route, method and status.",
            ["route", "method", "code"],
            registry=registry,
        )
        self.durations = Histogram(
            "anyascope_http_request_duration_seconds",
            "Time from a request to its answer's end, or to its beginning where the answer is a stream of events.",
            ["route"],
            buckets=DURATION_BUCKETS_S,
            registry=registry,
        )
        self.refused = Counter(
            "anyascope_http_refused",
            "Requests that a guard refused, by guard.",
            ["guard"],
            registry=registry,
        )
        for guard in ("host", "origin", "token"):
            self.refused.labels(guard)


def guarded(
    app: ASGIApp,
    *,
    options: GuardOptions,
    tokens: TokenCheck | None,
    metrics: HttpMetrics,
    clock: Clock,
    ids: Ids,
) -> ASGIApp:
    """The application behind all guards; without `tokens` everybody who reaches it may use it."""
    refused = metrics.refused
    inner = app if tokens is None else TokenGuard(app, tokens=tokens, refused=refused)
    inner = OriginGuard(inner, external_url=options.external_url, refused=refused)
    inner = Cors(inner, origin=options.cors_origin)
    external = urlsplit(options.external_url).hostname
    hosts = (*options.hosts, external) if external else options.hosts
    inner = HostGuard(inner, hosts=hosts, refused=refused)
    return RequestLog(inner, metrics=metrics, clock=clock, ids=ids)


class RequestLog:
    """Counts and times requests by route, names each, and turns what nobody caught into a 500 without a traceback."""

    def __init__(self, app: ASGIApp, *, metrics: HttpMetrics, clock: Clock, ids: Ids) -> None:
        self._app = app
        self._clock = clock
        self._ids = ids
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _given_id(scope) or self._ids.next()
        scope["anyascope.request_id"] = request_id
        answer = _Answer(send, request_id=request_id, clock=self._clock)
        try:
            with structlog.contextvars.bound_contextvars(request_id=request_id):
                await self._answer(scope, receive, answer)
        finally:
            self._count(scope, answer)

    async def _answer(self, scope: Scope, receive: Receive, answer: _Answer) -> None:
        try:
            await self._app(scope, receive, answer.send)
        except Exception:  # the last door: nothing stands outside it but the HTTP server
            log.exception("request_failed", path=scope["path"], method=scope["method"])
            if not answer.has_begun:
                await problem_response(fault(request_id=answer.request_id))(scope, receive, answer.send)

    def _count(self, scope: Scope, answer: _Answer) -> None:
        route = route_template(scope)
        method = scope["method"] if scope["method"] in METHODS else "other"
        duration_s = answer.duration_s()
        self._metrics.requests.labels(route, method, str(answer.status)).inc()
        self._metrics.durations.labels(route).observe(duration_s)
        if answer.status >= 500 or duration_s > SLOW_S:
            log.warning(
                "request_answered",
                route=route,
                method=method,
                status=answer.status,
                duration_ms=round(duration_s * 1000),
                request_id=answer.request_id,
            )


class _Answer:
    """One answer on its way out: gets the request's id, and is watched for its status and its end."""

    def __init__(self, send: Send, *, request_id: str, clock: Clock) -> None:
        self._send = send
        self._clock = clock
        self._began_ns = clock.monotonic_ns()
        self._ended_ns: int | None = None
        self.request_id = request_id
        self.status = STATUS_GONE
        self.has_begun = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.has_begun = True
            self.status = message["status"]
            headers = list(message.get("headers", ()))
            names = {name.lower(): value for name, value in headers}
            if names.get(b"content-type", b"").startswith(b"text/event-stream"):
                self._ended_ns = self._clock.monotonic_ns()
            headers.append((b"x-request-id", self.request_id.encode()))
            if b"x-content-type-options" not in names:
                headers.append((b"x-content-type-options", b"nosniff"))
            message = {**message, "headers": headers}
        await self._send(message)

    def duration_s(self) -> float:
        ended_ns = self._clock.monotonic_ns() if self._ended_ns is None else self._ended_ns
        return (ended_ns - self._began_ns) / NS_PER_S


STATUS_GONE = 499  # as nginx counts a client that left before the answer


class HostGuard:
    """Refuses requests for a host that is not ours.

    A name that others control can be made to lead to this machine (DNS rebinding); an IP address cannot.
    """

    def __init__(self, app: ASGIApp, *, hosts: Iterable[str], refused: Counter) -> None:
        self._app = app
        self._hosts = LOOPBACK_NAMES | {host.lower().rstrip(".") for host in hosts}
        self._refused = refused.labels("host")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not self._is_ours(host := _header(scope, b"host")):
            self._refused.inc()
            problem = plain_problem(
                421,
                f"this server is not {host[:HOST_CHARS_MAX]!r}: ask for 127.0.0.1, or name the host in server.hosts",
                code="wrong_host",
                request_id=_request_id(scope),
            )
            await problem_response(problem)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _is_ours(self, host: str) -> bool:
        name = host_name(host)
        if not host or name in self._hosts or name.endswith(".localhost"):
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True


class OriginGuard:
    """Refuses what changes anything when a page of another origin asks for it.

    Browsers say where a request comes from (`Sec-Fetch-Site`, older ones `Origin`); other programs say neither.
    Source: W3C Fetch Metadata; OWASP, "Cross-Site Request Forgery Prevention".
    """

    def __init__(self, app: ASGIApp, *, external_url: str, refused: Counter) -> None:
        self._app = app
        external = urlsplit(external_url)
        self._external_origin = f"{external.scheme}://{external.netloc}".lower() if external.netloc else ""
        self._refused = refused.labels("origin")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] not in SAFE_METHODS and not self._is_own(scope):
            self._refused.inc()
            problem = plain_problem(
                403,
                "a page of another site may not do this; behind a reverse proxy set server.external_url",
                code="cross_site",
                request_id=_request_id(scope),
            )
            await problem_response(problem)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _is_own(self, scope: Scope) -> bool:
        if scope.get(ALLOWED):
            return True
        origin = _header(scope, b"origin").lower()
        if origin and origin == self._external_origin:
            return True
        site = _header(scope, b"sec-fetch-site").lower()
        if site:
            return site in ("same-origin", "none")
        # An origin is a scheme and a host with its port, never a path (RFC 6454); anything else is nobody's.
        return not origin or origin.partition("://")[2] == _header(scope, b"host").lower()


class TokenGuard:
    """Asks for a token: `Authorization: Bearer`, or as the password of Basic, which is how browsers ask a person."""

    def __init__(self, app: ASGIApp, *, tokens: TokenCheck, refused: Counter) -> None:
        self._app = app
        self._tokens = tokens
        self._refused = refused.labels("token")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in OPEN_PATHS or scope["path"].startswith(OPEN_PREFIXES):
            await self._app(scope, receive, send)
            return
        given = _given_token(_header(scope, b"authorization"))
        if given and self._tokens.accepts(given):
            await self._app(scope, receive, send)
            return
        self._refused.inc()
        found = "the token is not one of this server's" if given else "a token is needed: Authorization: Bearer …"
        problem = plain_problem(401, found, request_id=_request_id(scope))
        await problem_response(problem, headers={"www-authenticate": _CHALLENGE})(scope, receive, send)


def route_template(scope: MutableMapping[str, Any]) -> str:
    """The route that answered, with its parameters' names: as many values as there are routes. Known after the answer."""
    route = scope.get("route")
    path = getattr(route, "path", None)
    if path is None:
        return "unmatched"
    root = scope.get("root_path", "")
    return f"{root}/*" if isinstance(route, Mount) else f"{root}{path}"


def host_name(host: str) -> str:
    """The name in a Host header, in lower case, without port, brackets and a final dot."""
    name = host.strip().lower()
    if name.startswith("["):
        return name[1:].partition("]")[0]
    return name.partition(":")[0].rstrip(".")


def _header(scope: Scope, wanted: bytes) -> str:
    headers: Sequence[tuple[bytes, bytes]] = scope["headers"]
    return next((value.decode("latin-1") for name, value in headers if name == wanted), "")


def _request_id(scope: Scope) -> str:
    return str(scope.get("anyascope.request_id", ""))


def _given_id(scope: Scope) -> str:
    given = _header(scope, b"x-request-id")
    return given if _REQUEST_ID.fullmatch(given) else ""


def _given_token(authorization: str) -> str:
    scheme, _, value = authorization.partition(" ")
    match scheme.lower():
        case "bearer":
            return value.strip()
        case "basic":
            try:
                return base64.b64decode(value.strip(), validate=True).decode().partition(":")[2]
            except (ValueError, binascii.Error):
                return ""
        case _:
            return ""
