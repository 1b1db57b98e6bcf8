"""What every web framework's integration is made of: one request is one `Exchange`.

A framework's module says when a request begins, which route it took, what was answered and when the last byte left; all that
follows from it (span, metrics, correlation, failed authentications) is here, once. Source: OpenTelemetry's semantic
conventions for HTTP server spans, 1.37.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

from opentelemetry import context as otel_context
from opentelemetry import propagate, trace
from opentelemetry.context import Context
from opentelemetry.trace import NonRecordingSpan, Span, SpanContext, SpanKind, Status, StatusCode
from prometheus_client import CollectorRegistry

from anyascope.clock import NS_PER_S, Clock, SystemClock
from anyascope.sdk.authentication import AuthenticationWatch
from anyascope.sdk.correlation import HEADER, SPAN_ATTRIBUTE, correlation
from anyascope.sdk.guard import guarded, report_misuse, tell_once
from anyascope.sdk.metrics import AnyaMetrics, trace_exemplar

UNMATCHED = "unmatched"  # requests for paths that no route has share one label value, whoever scans us
OTHER_METHOD = "_OTHER"  # OpenTelemetry's word for a method that HTTP does not know; a scanner invents them
CLIENT_CLOSED = 499  # nginx's status for a client that left before an answer; no server sends it
PATHS_MAX = 1_000  # of `skip` and `sample`; each request is compared with all of them
ATTRIBUTE_CHARS_MAX = 1_024  # of a path, a user agent or an address on a span; a client chooses them
METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE", "QUERY"))
SKIPPED_BY_DEFAULT = (
    "/metrics",
    "/healthz",
    "/-/healthy",
)  # asked every few seconds by machines, of interest to nobody

TRACER_NAME = "anyascope.sdk.http"
_SERVER_OF_HTTP = frozenset(("http.request.method", "http.method", "url.scheme", "http.scheme"))


@dataclass(frozen=True, slots=True)
class HttpOptions:
    """What a host may choose; see `instrument`."""

    registry: CollectorRegistry | None = None
    tracer_provider: trace.TracerProvider | None = None
    skip: tuple[str, ...] = SKIPPED_BY_DEFAULT
    sample: Mapping[str, float] = field(default_factory=dict)
    metrics_path: str | None = None
    auth_failures: frozenset[int] = frozenset((401,))
    template: Callable[[Any], object] | None = None


@dataclass(frozen=True, slots=True)
class Incoming:
    """A request as all servers describe it; header names in lower case, a repeated header's values joined by commas."""

    method: str
    path: str
    scheme: str = "http"
    headers: Mapping[str, str] = field(default_factory=dict)
    client: str = ""
    server: str = ""
    server_port: int | None = None
    protocol_version: str = ""


class HttpWatch:
    """Begins an exchange a request; one object an application.

    Args:
        options: what the host chose.
        clock: for durations and for the times of spans.
        chance: decides on the share of `options.sample`.
    """

    def __init__(
        self, options: HttpOptions, *, clock: Clock | None = None, chance: random.Random | None = None
    ) -> None:
        self.options = options
        self.clock = clock or SystemClock()
        self._chance = chance or random.Random()  # noqa: S311  # a share of requests, no secret
        provider = options.tracer_provider
        self.tracer = trace.get_tracer(TRACER_NAME) if provider is None else provider.get_tracer(TRACER_NAME)
        if options.registry is not None:
            self._own_metrics: AnyaMetrics | None = AnyaMetrics.init(options.registry)
        else:
            self._own_metrics = None

    def metrics(self) -> AnyaMetrics:
        """Those of the chosen registry, else the process's own of this moment."""
        return self._own_metrics or AnyaMetrics.global_()

    def is_skipped(self, path: str) -> bool:
        """Whether requests for this path are left alone."""
        return any(is_under(path, prefix) for prefix in self.options.skip)

    def is_metrics_page(self, path: str) -> bool:
        """Whether the page for a scraper is asked for, and is ours to give."""
        return self.options.metrics_path is not None and path == self.options.metrics_path

    @guarded(None)
    def begin(self, incoming: Incoming) -> Exchange:
        """Count the request in and start its span; `None`, with one log line, where that failed."""
        return Exchange(self, incoming)

    def is_left_out(self, path: str) -> bool:
        """Whether chance leaves this request without a span, by the share that `sample` gives to its path."""
        for prefix, share in self.options.sample.items():
            if is_under(path, prefix):
                return self._chance.random() >= share
        return False


class Exchange:
    """One request and its answer.

    `activate` and `deactivate` put its context on and off around the host's code, as often as a framework comes back to it;
    `complete` is the answer's last byte, `close` the end of all work for it. Each acts once, and none of these ever raises.
    """

    __slots__ = (
        "_active",
        "_authentication",
        "_context",
        "_correlated",
        "_ended_ns",
        "_is_closed",
        "_is_measured",
        "_metrics",
        "_owns_span",
        "_started_ns",
        "_started_utc_ns",
        "_token",
        "_watch",
        "correlation_id",
        "error",
        "incoming",
        "is_disconnected",
        "route",
        "route_later",
        "span",
        "status",
    )

    def __init__(self, watch: HttpWatch, incoming: Incoming) -> None:
        self._watch = watch
        self.incoming = incoming
        self.route: str | None = None
        self.route_later: Callable[[], object] | None = None
        self.status: int | None = None
        self.error: BaseException | None = None
        self.is_disconnected = False
        self._is_measured = self._is_closed = False
        self._ended_ns: int | None = None  # since the start
        self._token: Any = None
        self._correlated: AbstractContextManager[str] | None = None
        self._authentication = AuthenticationWatch()
        self._started_ns = watch.clock.monotonic_ns()
        self._started_utc_ns = watch.clock.now_ns()
        with correlation(incoming.headers.get(HEADER)) as self.correlation_id:
            self.span, self._owns_span, self._context = self._begin_span()
        self._metrics = watch.metrics()
        self._metrics.http_active_connections.inc()
        self._active = True

    # -- the host's code runs inside of these ------------------------------------------------------------------------

    @guarded(None)
    def activate(self) -> None:
        """Make the span and the correlation id current here."""
        self._token = otel_context.attach(self._context)
        self._correlated = correlation(self.correlation_id)
        self._correlated.__enter__()
        self._authentication.enter()

    def deactivate(self) -> None:
        """Put back what was current before `activate`."""
        correlated, self._correlated = self._correlated, None
        token, self._token = self._token, None
        try:
            if correlated is not None:
                self._authentication.leave()
                correlated.__exit__(None, None, None)
            if token is not None:
                otel_context.detach(token)
        except ValueError:
            pass  # closed from another context (a generator that was thrown away): that one never had ours
        except Exception as error:  # noqa: BLE001  # ours, never the host's
            tell_once("leaving a request", error)

    # -- what becomes known on the way ---------------------------------------------------------------------------------

    def fail(self, error: BaseException) -> None:
        """An exception ended the request, or a framework made an answer of it."""
        self.error = error

    @guarded(None)
    def answer(self, status: object) -> None:
        """The answer begins with this status."""
        self.status = int(str(status))
        if not self._owns_span:
            self._describe()  # whoever owns the span ends it with the last byte, before `close`

    @property
    def is_complete(self) -> bool:
        """Whether the answer's last byte was given away."""
        return self._ended_ns is not None

    @property
    def is_closed(self) -> bool:
        """Whether all work for the request is done."""
        return self._is_closed

    @guarded(None)
    def measure(self) -> None:
        """Count the request now; for a websocket, whose handshake is measured while the connection stays."""
        if self._is_measured:
            return
        self._is_measured = True
        self._settle()
        metrics, exemplar = self._metrics, trace_exemplar_of(self.span)
        method = method_of(self.incoming.method)
        endpoint = metrics.bounded_label("endpoint", self.route or UNMATCHED)
        metrics.http_requests_total.labels(method, endpoint, str(self.status)).inc(exemplar=exemplar)
        metrics.http_request_duration.labels(method, endpoint).observe(self._age_ns() / NS_PER_S, exemplar=exemplar)
        if self.status in self._watch.options.auth_failures and not self._authentication.noted:
            self._tell_failed_authentication(endpoint)

    def complete(self) -> None:
        """The answer's last byte was given away: measure it."""
        if self._ended_ns is None:
            self._ended_ns = self._age_ns()
            self._leave()
            self.measure()

    def close(self) -> None:
        """All work for the request is done, that after the answer too: end the span at the time of its last byte."""
        if self._is_closed:
            return
        self._is_closed = True
        self.complete()
        self._describe()
        self._end_span()

    # -- the parts -----------------------------------------------------------------------------------------------------

    def _begin_span(self) -> tuple[Span, bool, Context]:
        current = trace.get_current_span()
        if is_foreign_server_span(current):
            current.set_attribute(SPAN_ATTRIBUTE, self.correlation_id)
            return current, False, otel_context.get_current()
        outside = current.get_span_context().is_valid
        parent = otel_context.get_current() if outside else propagate.extract(self.incoming.headers)
        if not trace.get_current_span(parent).get_span_context().is_valid and self._watch.is_left_out(
            self.incoming.path
        ):
            parent = trace.set_span_in_context(unsampled(), parent)
        span = self._watch.tracer.start_span(
            method_of(self.incoming.method),
            context=parent,
            kind=SpanKind.SERVER,
            attributes=request_attributes(self.incoming, correlation_id=self.correlation_id),
            start_time=self._started_utc_ns,
        )
        return span, True, trace.set_span_in_context(span, parent)

    def _age_ns(self) -> int:
        return max(self._watch.clock.monotonic_ns() - self._started_ns, 0)

    @guarded(None)
    def _end_span(self) -> None:
        if self._owns_span:
            self.span.end(end_time=self._started_utc_ns + (self._ended_ns or 0))

    @guarded(None)
    def _leave(self) -> None:
        if self._active:
            self._active = False
            self._metrics.http_active_connections.dec()

    def _settle(self) -> None:
        """Find the route and the status now that both can be known."""
        if self.status is None:
            left = self.is_disconnected or type(self.error).__name__ in ("CancelledError", "GeneratorExit")
            self.status = CLIENT_CLOSED if left else 500
        self._find_route()

    def _find_route(self) -> None:
        if self.route is None and self.route_later is not None:
            try:
                found = self.route_later()
            except Exception as error:  # noqa: BLE001  # a framework whose inside changed; the path must not stand in its place
                tell_once("finding a request's route", error)
                return
            self.route = str(found) if found else None

    @guarded(None)
    def _describe(self) -> None:
        span = self.span
        if not span.is_recording():
            return
        self._find_route()
        if self.route:
            method = method_of(self.incoming.method)
            span.update_name(f"{'HTTP' if method == OTHER_METHOD else method} {self.route}")
            span.set_attribute("http.route", self.route)
        if self.status is not None:
            span.set_attribute("http.response.status_code", self.status)
        if self.is_disconnected:
            span.set_attribute("anya.http.client_disconnected", True)  # OpenTelemetry's signature
        if self.error is not None and self.status != CLIENT_CLOSED:
            span.record_exception(self.error)
            span.set_attribute("error.type", type(self.error).__qualname__)
            span.set_status(Status(StatusCode.ERROR))
        elif self.status is not None and self.status >= 500:  # a client's mistake is no error of the server's span
            span.set_attribute("error.type", str(self.status))
            span.set_status(Status(StatusCode.ERROR))

    def _tell_failed_authentication(self, endpoint: str) -> None:
        with trace.use_span(self.span, end_on_exit=False), correlation(self.correlation_id):
            from anyascope.sdk.security import security_event  # noqa: PLC0415  # loaded with the first failed login

            security_event(
                "authentication_failed",
                "medium",
                "api",
                ip=self.incoming.client,
                method=method_of(self.incoming.method),
                endpoint=endpoint,
                status_code=self.status,
                user_agent=self.incoming.headers.get("user-agent", "")[:ATTRIBUTE_CHARS_MAX],
            )


def http_options(**given: Any) -> HttpOptions:
    """The options as given; one that cannot be used is reported and left at its default."""
    sound: dict[str, Any] = {}
    for name, value in given.items():
        read = _READERS.get(name)
        if read is None:
            report_misuse(f"instrument() has no option {name!r}; there are {', '.join(_READERS)}")
            continue
        try:
            sound[name] = read(value)
        except Exception:  # noqa: BLE001  # any type may come; what it was is said below
            report_misuse(f"the option {name} of instrument() cannot be a {type(value).__name__} of this form; ignored")
    return HttpOptions(**sound)


def method_of(method: str) -> str:
    """The method as a label: one that HTTP does not know is `_OTHER`."""
    return method if method in METHODS else OTHER_METHOD


def is_under(path: str, prefix: str) -> bool:
    """Whether `path` is `prefix` itself or lies below it; `/` is only itself."""
    return path == prefix or (prefix != "/" and path.startswith(prefix.rstrip("/") + "/"))


def request_attributes(incoming: Incoming, *, correlation_id: str) -> dict[str, str | int]:
    """What is known of a request before it is served. The query is left out: people put tokens there."""
    method = method_of(incoming.method)
    attributes: dict[str, str | int] = {
        "http.request.method": method,
        "url.path": incoming.path[:ATTRIBUTE_CHARS_MAX],
        "url.scheme": incoming.scheme,
        SPAN_ATTRIBUTE: correlation_id,
    }
    if method == OTHER_METHOD:
        attributes["http.request.method_original"] = incoming.method[:ATTRIBUTE_CHARS_MAX]
    for name, value in (
        ("client.address", incoming.client),
        ("server.address", incoming.server),
        ("network.protocol.version", incoming.protocol_version),
        ("user_agent.original", incoming.headers.get("user-agent", "")),
    ):
        if value:
            attributes[name] = value[:ATTRIBUTE_CHARS_MAX]
    if incoming.server_port:
        attributes["server.port"] = incoming.server_port
    return attributes


def is_foreign_server_span(span: Span) -> bool:
    """Whether somebody else's instrumentation has begun the server span of this request already.

    One of ours is another request's: a service that calls itself within the process.
    """
    if not span.is_recording() or getattr(span, "kind", None) is not SpanKind.SERVER:
        return False
    scope = getattr(span, "instrumentation_scope", None)
    if str(getattr(scope, "name", "")).startswith("anyascope.sdk"):
        return False
    return not _SERVER_OF_HTTP.isdisjoint(getattr(span, "attributes", None) or ())


def unsampled() -> Span:
    """A parent, of a new trace, whose children are not kept."""
    generate = random.SystemRandom().getrandbits
    return NonRecordingSpan(SpanContext(generate(128) | 1, generate(64) | 1, is_remote=False))


def trace_exemplar_of(span: Span) -> dict[str, str] | None:
    """`trace_exemplar` of a span that need not be current."""
    with trace.use_span(span, end_on_exit=False, record_exception=False, set_status_on_exception=False):
        return trace_exemplar()


def _registry(value: object) -> CollectorRegistry | None:
    if value is not None and not isinstance(value, CollectorRegistry):
        raise TypeError
    return value


def _paths(value: Any) -> tuple[str, ...]:
    paths = (value,) if isinstance(value, str) else tuple(value)
    if len(paths) > PATHS_MAX or not all(isinstance(path, str) and path.startswith("/") for path in paths):
        raise ValueError
    return paths


def _shares(value: Any) -> dict[str, float]:
    shares = {path: float(share) for path, share in dict(value).items()}
    _paths(shares)
    if not all(0.0 <= share <= 1.0 for share in shares.values()):
        raise ValueError
    return shares


def _page(value: Any) -> str | None:
    return None if value is None else _paths(value)[0]


def _provider(value: Any) -> trace.TracerProvider | None:
    if value is not None and not callable(getattr(value, "get_tracer", None)):
        raise TypeError
    found: trace.TracerProvider | None = value
    return found


def _callable(value: Any) -> Callable[[Any], object] | None:
    if value is not None and not callable(value):
        raise TypeError
    found: Callable[[Any], object] | None = value
    return found


_READERS: dict[str, Callable[[Any], object]] = {
    "registry": _registry,
    "tracer_provider": _provider,
    "skip": _paths,
    "sample": _shares,
    "metrics_path": _page,
    "auth_failures": lambda value: frozenset(int(status) for status in value),
    "template": _callable,
}
