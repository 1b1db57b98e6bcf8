"""Clients and stores, by OpenTelemetry's own instrumentations: each is used where it is installed.

The correlation id goes out with each request, in the header or the message's metadata, by the propagator that all of them use.
"""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any

from opentelemetry import context as otel_context
from opentelemetry.context import Context
from opentelemetry.propagate import get_global_textmap, set_global_textmap
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.propagators.textmap import (
    CarrierT,
    Getter,
    Setter,
    TextMapPropagator,
    default_getter,
    default_setter,
)
from opentelemetry.trace import TracerProvider

from anyascope.sdk.correlation import CONTEXT_KEY, HEADER, current_correlation_id
from anyascope.sdk.guard import guarded, report_misuse

_HOME = "opentelemetry.instrumentation"
# library -> (its module, the module of its instrumentation, the classes there)
_LIBRARIES: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "aiohttp": ("aiohttp", "aiohttp_client", ("AioHttpClientInstrumentor",)),
    "celery": ("celery", "celery", ("CeleryInstrumentor",)),
    "grpc": (
        "grpc",
        "grpc",
        ("GrpcInstrumentorClient", "GrpcInstrumentorServer", "GrpcAioInstrumentorClient", "GrpcAioInstrumentorServer"),
    ),
    "httpx": ("httpx", "httpx", ("HTTPXClientInstrumentor",)),
    "redis": ("redis", "redis", ("RedisInstrumentor",)),
    "requests": ("requests", "requests", ("RequestsInstrumentor",)),
    "sqlalchemy": ("sqlalchemy", "sqlalchemy", ("SQLAlchemyInstrumentor",)),
}
# Their instrumentation refuses versions newer than it knows of, with which our tests see it work: SQLAlchemy 2.1.
_TESTED_BEYOND = frozenset(("sqlalchemy",))


class CorrelationPropagator(TextMapPropagator):
    """Writes the current correlation id into what leaves, and takes it out of what comes in."""

    def inject(
        self, carrier: CarrierT, context: Context | None = None, setter: Setter[CarrierT] = default_setter
    ) -> None:
        _ = context
        correlation_id = current_correlation_id()
        if correlation_id:
            setter.set(carrier, HEADER, correlation_id)

    def extract(
        self, carrier: CarrierT, context: Context | None = None, getter: Getter[CarrierT] = default_getter
    ) -> Context:
        base = context if context is not None else otel_context.get_current()
        found = getter.get(carrier, HEADER)
        return otel_context.set_value(CONTEXT_KEY, found[0], base) if found else base

    @property
    def fields(self) -> set[str]:
        return {HEADER}


@guarded(())
def instrument_clients(*names: str, tracer_provider: TracerProvider | None = None) -> tuple[str, ...]:
    """Trace the calls of these client libraries in the whole process, and give the names of those that are.

    Args:
        names: of `aiohttp`, `celery`, `grpc`, `httpx`, `redis`, `requests`, `sqlalchemy`; none for all that are installed.
        tracer_provider: the process's own by default; OpenTelemetry's instrumentation of synchronous gRPC channels always
            takes that one.

    A library that is named but not installed, or whose instrumentation is missing, is one log line that says what to install.
    """
    given: tuple[object, ...] = names
    known = [name for name in _LIBRARIES if any(type(one) is str and one == name for one in given)]
    if len(known) < len(names):
        report_misuse(f"instrument_clients() knows {', '.join(_LIBRARIES)}, and was given something else too")
    wanted = [name for name in _LIBRARIES if name in known or (not names and _is_installed(_LIBRARIES[name][0]))]
    done = tuple(name for name in wanted if _instrument_library(name, tracer_provider))
    if done:
        carry_correlation()
    return done


@guarded(None)
def carry_correlation() -> None:
    """Let the correlation id leave with whatever OpenTelemetry's instrumentations send, from now on."""
    current = get_global_textmap()
    known = getattr(current, "_propagators", (current,))
    if not any(isinstance(one, CorrelationPropagator) for one in known):
        set_global_textmap(CompositePropagator([*known, CorrelationPropagator()]))


@guarded(False)  # the default: it was not instrumented
def _instrument_library(name: str, tracer_provider: TracerProvider | None = None) -> bool:
    library, home, classes = _LIBRARIES[name]
    if not _is_installed(library):
        report_misuse(f"{name} cannot be traced: it is not installed in this environment")
        return False
    module = _instrumentation(home, name)
    if module is None:
        return False
    instrumentors = [getattr(module, kind)() for kind in classes]
    for instrumentor in instrumentors:
        if not instrumentor.is_instrumented_by_opentelemetry:
            instrumentor.instrument(tracer_provider=tracer_provider, skip_dep_check=name in _TESTED_BEYOND)
    done = all(instrumentor.is_instrumented_by_opentelemetry for instrumentor in instrumentors)
    if not done:
        report_misuse(
            f"{name} cannot be traced: its instrumentation wants {instrumentors[0].instrumentation_dependencies()}, "
            "and another version is installed"
        )
    return done


def _instrumentation(home: str, name: str) -> Any:
    """The module of OpenTelemetry's instrumentation; `None`, with one line that says what to install, without it."""
    try:
        return importlib.import_module(f"{_HOME}.{home}")
    except ImportError:
        package = home.replace("_", "-")
        report_misuse(
            f"{name} cannot be traced: pip install 'anyascope[clients]', or opentelemetry-instrumentation-{package}"
        )
        return None


def _is_installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False


# -- one client of a library ------------------------------------------------------------------------------------------------


def instrument_httpx(client: Any, *, tracer_provider: TracerProvider | None = None) -> Any:
    """Trace the requests of this `httpx.Client` or `AsyncClient`."""
    module = _instrumentation("httpx", "httpx")
    if module is not None and not getattr(client, "_is_instrumented_by_opentelemetry", False):
        module.HTTPXClientInstrumentor.instrument_client(client, tracer_provider=tracer_provider)
        carry_correlation()
    return client


def instrument_requests(session: Any, *, tracer_provider: TracerProvider | None = None) -> Any:
    """Trace the requests of this and every other `requests.Session`: OpenTelemetry's instrumentation knows no single one."""
    instrument_clients("requests", tracer_provider=tracer_provider)
    return session


def instrument_celery(app: Any, *, tracer_provider: TracerProvider | None = None) -> Any:
    """Trace the tasks of this and every other Celery application of the process, where they are sent and where they run."""
    instrument_clients("celery", tracer_provider=tracer_provider)
    return app


def instrument_aiohttp_session(session: Any, *, tracer_provider: TracerProvider | None = None) -> Any:
    """Trace the requests of this `aiohttp.ClientSession`."""
    module = _instrumentation("aiohttp_client", "aiohttp")
    if module is None or any(_is_of(one, _HOME) for one in _listeners(session)):
        return session
    config = module.create_trace_config(tracer_provider=tracer_provider)
    config.freeze()
    session._trace_configs.append(config)  # noqa: SLF001  # aiohttp takes them at construction only
    carry_correlation()
    return session


def instrument_engine(engine: Any, *, tracer_provider: TracerProvider | None = None) -> Any:
    """Trace the statements of this SQLAlchemy engine; their parameters are not recorded."""
    module = _instrumentation("sqlalchemy", "sqlalchemy")
    real = getattr(engine, "sync_engine", engine)
    if module is None or any(_is_of(one, _HOME) for one in real.dispatch.before_cursor_execute):
        return engine
    from opentelemetry import metrics, trace  # noqa: PLC0415  # beside the instrumentation that needs them

    tracer = trace.get_tracer(f"{_HOME}.sqlalchemy", tracer_provider=tracer_provider)
    usage = metrics.get_meter(f"{_HOME}.sqlalchemy").create_up_down_counter("db.client.connections.usage")
    importlib.import_module(f"{_HOME}.sqlalchemy.engine").EngineTracer(tracer, real, usage)
    return engine


def instrument_redis(client: Any, *, tracer_provider: TracerProvider | None = None) -> Any:
    """Trace the commands of this Redis client; their values are not recorded."""
    module = _instrumentation("redis", "redis")
    if module is not None and not hasattr(client.execute_command, "__wrapped__"):
        module.RedisInstrumentor.instrument_client(client, tracer_provider=tracer_provider)
    return client


def instrument_channel(channel: Any, *, tracer_provider: TracerProvider | None = None) -> Any:
    """A gRPC channel whose calls are traced; it stands in the given one's place."""
    module = _instrumentation("grpc", "grpc")
    if module is None or _is_of(channel, _HOME):
        return channel
    carry_correlation()
    # OpenTelemetry's interceptors are none of gRPC's own: they come with their own way to put them on.
    extension = importlib.import_module(f"{_HOME}.grpc.grpcext")
    return extension.intercept_channel(channel, module.client_interceptor(tracer_provider=tracer_provider))


def _listeners(session: Any) -> list[Any]:
    return [listener for config in session.trace_configs for listener in config.on_request_start]


def _is_of(thing: object, package: str) -> bool:
    module = getattr(thing, "__module__", None) or type(thing).__module__
    return str(module).startswith(package)
