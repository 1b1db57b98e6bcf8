"""Setting a process's tracing up, once or again."""

from __future__ import annotations

import importlib.util
import os
import threading
import weakref
from typing import Any, Unpack

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanLimits, SpanProcessor, Tracer, TracerProvider
from opentelemetry.trace import ProxyTracerProvider

from anyascope.sdk.delivery import Transport, batch_span_processor
from anyascope.sdk.guard import guarded, report_misuse, tell_once
from anyascope.sdk.resource import service_resource
from anyascope.sdk.tracing.exporters import span_exporter
from anyascope.sdk.tracing.processors import ServiceProcessor
from anyascope.sdk.tracing.propagation import use_propagators
from anyascope.sdk.tracing.remote import LevelControl, RemoteControl, RemoteSettings
from anyascope.sdk.tracing.sampling import ServiceSampler
from anyascope.sdk.tracing.settings import (
    ATTRIBUTES_MAX,
    DEFAULT_ENVIRONMENT,
    DEFAULT_SERVICE,
    EVENTS_MAX,
    SAMPLE_RATIO,
    TracingOptions,
    TracingSettings,
    checked_ratio,
    checked_settings,
)


class ServiceTracerProvider(TracerProvider):
    """OpenTelemetry's provider, whose settings can be exchanged while its tracers are in use."""

    def __init__(self, settings: TracingSettings) -> None:
        self._limits = SpanLimits(max_events=settings.max_events, max_span_attributes=settings.max_attributes)
        self.service_sampler = ServiceSampler(settings.sample_ratio, limits=self._limits)
        self.road = ServiceProcessor(is_correlating=False)
        self._handed_out: weakref.WeakSet[Tracer] = weakref.WeakSet()
        self._settings = settings
        super().__init__(resource=_resource(settings), sampler=self.service_sampler, span_limits=self._limits)
        self.add_span_processor(self.road)
        _providers.add(self)
        _at_fork(self)

    def get_tracer(self, *args: Any, **kwargs: Any) -> trace.Tracer:
        """OpenTelemetry's own; the SDK remembers whom to tell of new settings."""
        tracer = super().get_tracer(*args, **kwargs)
        if isinstance(tracer, Tracer):
            self._handed_out.add(tracer)
        return tracer

    def adopt(self, settings: TracingSettings) -> None:
        """Go on with these settings; spans that are open keep what they began with."""
        if settings is self._settings:
            return
        self._limits.max_events = settings.max_events
        self._limits.max_span_attributes = settings.max_attributes
        self.service_sampler.keep(settings.sample_ratio)
        self._settings = settings
        self._become(_resource(settings))

    @guarded(None)
    def after_fork(self) -> None:
        """A child is an instance of its own, unless the operator named it."""
        self._become(_resource(self._settings))

    def _become(self, resource: Resource) -> None:
        self._resource = resource
        for tracer in list(self._handed_out):
            tracer.resource = resource


class _Installation:
    """Our part in one tracer provider.

    Args:
        road: what its spans pass.
        sampler: ours; None in a host's own provider, whose sampler stays.
        apart: the provider to use where the process's takes nothing of ours.
    """

    def __init__(
        self, road: ServiceProcessor, sampler: ServiceSampler | None, *, apart: ServiceTracerProvider | None = None
    ) -> None:
        self.road = road
        self.apart = apart
        self._sampler = sampler
        self._levels = LevelControl()
        self._remote: RemoteControl | None = None

    def end(self) -> None:
        """Ask no more, and leave what was asked for."""
        if self._remote is not None:
            self._remote.stop()
            self._heed(RemoteSettings())
        self._remote = None

    def ask_server(self, settings: TracingSettings) -> None:
        """Ask for settings where these want it, and no more as those before did."""
        self.end()
        if settings.remote is not None and not _is_disabled():
            self._remote = RemoteControl(settings.remote, self._heed)
            self._remote.start()

    def _heed(self, asked: RemoteSettings) -> None:
        if self._sampler is not None:
            self._sampler.heed(asked.sample_ratio)
        self._levels.heed(asked.log_level)


_providers: weakref.WeakSet[ServiceTracerProvider] = weakref.WeakSet()
_installations: weakref.WeakKeyDictionary[trace.TracerProvider, _Installation] = weakref.WeakKeyDictionary()
_lock = threading.RLock()


@guarded(None)
def initialize_tracing(
    service_name: str = DEFAULT_SERVICE,
    endpoint: str | None = None,
    *,
    protocol: str = "otlp_http",
    sample_ratio: float = SAMPLE_RATIO,
    max_events_per_span: int = EVENTS_MAX,
    max_attributes_per_span: int = ATTRIBUTES_MAX,
    environment: str = DEFAULT_ENVIRONMENT,
    version: str = "",
    **options: Unpack[TracingOptions],
) -> TracerProvider:
    """Set the process's tracer provider up and give it; `None`, with one log line, where that fails.

    A second call changes the settings of the first one's provider: tracers that are in use follow. Where the host has set a
    provider of its own, our road is added to it, and its resource, sampler and limits stay.

    Args:
        service_name: `service.name` of everything that is sent.
        endpoint: address of anyascope, a collector or Jaeger: a base (`http://host:4318`, for gRPC `host:4317`, for Jaeger
            `http://host:14268`) or a whole one (`http://host:14268/api/traces`); `off` sends nothing. By default what
            `OTEL_EXPORTER_OTLP_ENDPOINT` says, then this machine.
        protocol: `otlp_http`, `otlp_grpc` or `jaeger_thrift_http`.
        sample_ratio: share of new traces that are kept, 0 to 1; a caller's own decision is followed.
        max_events_per_span, max_attributes_per_span: beyond these a span drops and counts; ours are kept first.
        environment: `deployment.environment.name`, and the older `service.environment`.
        version: `service.version`.
        options: see `TracingOptions`.

    Spans leave from a background thread with a bounded queue: a server that is down or slow costs the host nothing.
    """
    settings = checked_settings(
        service_name=service_name,
        endpoint=endpoint,
        protocol=protocol,
        sample_ratio=sample_ratio,
        max_events=max_events_per_span,
        max_attributes=max_attributes_per_span,
        environment=environment,
        version=version,
        options=options,
    )
    if settings.propagators is not None:
        use_propagators(settings.propagators)
    if not settings.is_global:
        return _apart(settings)
    return _install(settings)


@guarded(None)
def set_sample_ratio(ratio: float) -> None:
    """Keep this share of new traces from now on, 0 to 1, in every tracer that `initialize_tracing` has set up."""
    wanted = checked_ratio(ratio)
    for provider in list(_providers):
        provider.service_sampler.keep(wanted)


@guarded(SAMPLE_RATIO)
def current_sample_ratio() -> float:
    """The share of new traces that are kept; 1 before `initialize_tracing`."""
    provider = trace.get_tracer_provider()
    return provider.service_sampler.ratio if isinstance(provider, ServiceTracerProvider) else SAMPLE_RATIO


def _install(settings: TracingSettings) -> TracerProvider:
    with _lock:
        existing = _processs_provider(settings)
        installation = _installations.get(existing)
        if installation is None:
            installation = _installations[existing] = _first(existing, settings)
        provider = installation.apart or existing
        if isinstance(provider, ServiceTracerProvider):
            provider.adopt(settings)
        former = installation.road.lead_to(_way_out(settings))
        installation.ask_server(settings)
    _retire(former)
    return provider  # type: ignore[return-value]  # a host's has all that we and callers ask of one


def _apart(settings: TracingSettings) -> TracerProvider:
    provider = ServiceTracerProvider(settings)
    installation = _installations[provider] = _Installation(provider.road, provider.service_sampler)
    installation.road.lead_to(_way_out(settings))
    installation.ask_server(settings)
    return provider


def _processs_provider(settings: TracingSettings) -> trace.TracerProvider:
    """The process's tracer provider; ours from now on where nobody has set one."""
    if isinstance(trace.get_tracer_provider(), ProxyTracerProvider):
        trace.set_tracer_provider(ServiceTracerProvider(settings))
    return trace.get_tracer_provider()


def _first(existing: trace.TracerProvider, settings: TracingSettings) -> _Installation:
    if isinstance(existing, ServiceTracerProvider):
        return _Installation(existing.road, existing.service_sampler)
    road = ServiceProcessor()
    add = getattr(existing, "add_span_processor", None)
    if add is not None:
        add(road)
        return _Installation(road, None)
    what = f"the host's tracer provider ({type(existing).__name__}) takes no span processor: its spans are not ours to send"
    tell_once(what, RuntimeError("a provider apart is used"))
    own = ServiceTracerProvider(settings)
    return _Installation(own.road, own.service_sampler, apart=own)


def _way_out(settings: TracingSettings) -> SpanProcessor | None:
    target = settings.target
    if target is None or _is_disabled():
        return None
    if target.transport is Transport.GRPC and importlib.util.find_spec("grpc") is None:
        report_misuse("protocol otlp_grpc needs gRPC: pip install 'anyascope[grpc]'; no spans are sent")
        return None
    from anyascope.sdk.redaction import redacting  # noqa: PLC0415  # its word lists load when spans are to be sent

    return batch_span_processor(redacting(span_exporter(target)))


def _retire(former: SpanProcessor | None) -> None:
    """Let the former road send what it still holds, without making anybody wait."""
    if former is not None:
        threading.Thread(target=former.shutdown, name="anyascope-retire", daemon=True).start()


def _is_disabled() -> bool:
    return os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"


def _resource(settings: TracingSettings) -> Resource:
    return service_resource(settings.service, environment=settings.environment, version=settings.version)


def _at_fork(provider: ServiceTracerProvider) -> None:
    """Tell this provider of forks, after OpenTelemetry's own handler, whose instance id would hide the operator's."""
    after_fork = weakref.WeakMethod(provider.after_fork)

    def in_child() -> None:
        tell = after_fork()
        if tell is not None:
            tell()

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=in_child)


def _unlock() -> None:
    global _lock  # noqa: PLW0603  # another thread of the parent may have held it
    _lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_unlock)
