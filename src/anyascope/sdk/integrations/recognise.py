"""Recognises what it is given and hands it to the module that knows it."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from typing import Any, TypeVar

from anyascope.sdk.guard import is_strict, report_misuse, tell_once

T = TypeVar("T")

_ROOM = "anyascope.sdk.integrations"
# (module, class) anywhere among a thing's classes -> (our module, its function). By name: nothing is imported to find out.
_WAYS: dict[tuple[str, str], tuple[str, str]] = {
    ("starlette.applications", "Starlette"): ("asgi", "instrument_starlette"),
    ("litestar.app", "Litestar"): ("asgi", "instrument_litestar"),
    ("flask.app", "Flask"): ("flask", "instrument_flask"),
    ("django.core.handlers.base", "BaseHandler"): ("django", "instrument_django"),
    ("builtins", "list"): ("django", "instrument_django"),
    ("builtins", "tuple"): ("django", "instrument_django"),
    ("aiohttp.web_app", "Application"): ("aiohttp", "instrument_aiohttp"),
    ("httpx", "Client"): ("libraries", "instrument_httpx"),
    ("httpx", "AsyncClient"): ("libraries", "instrument_httpx"),
    ("requests.sessions", "Session"): ("libraries", "instrument_requests"),
    ("aiohttp.client", "ClientSession"): ("libraries", "instrument_aiohttp_session"),
    ("sqlalchemy.engine.base", "Engine"): ("libraries", "instrument_engine"),
    ("sqlalchemy.ext.asyncio.engine", "AsyncEngine"): ("libraries", "instrument_engine"),
    ("redis.client", "Redis"): ("libraries", "instrument_redis"),
    ("redis.asyncio.client", "Redis"): ("libraries", "instrument_redis"),
    ("celery.app.base", "Celery"): ("libraries", "instrument_celery"),
    ("grpc", "Channel"): ("libraries", "instrument_channel"),
    ("pkcs11._pkcs11", "lib"): ("pkcs11", "instrument_pkcs11"),
    ("pkcs11.types", "Token"): ("pkcs11", "instrument_pkcs11"),
    ("pkcs11.types", "Session"): ("pkcs11", "instrument_pkcs11"),
    ("bitcoin.rpc", "BaseProxy"): ("bitcoin_rpc", "instrument_bitcoin_rpc"),
    ("bitcoinrpc.authproxy", "AuthServiceProxy"): ("bitcoin_rpc", "instrument_bitcoin_rpc"),
}
_KNOWN = (
    "FastAPI, Starlette, Litestar, Flask, Django, aiohttp.web, any ASGI or WSGI application, and clients of httpx, requests, "
    "aiohttp, SQLAlchemy, Redis, Celery, gRPC, python-pkcs11 and python-bitcoinlib"
)


def instrument(thing: T, **options: Any) -> T:
    """Make this application, client or store traced, measured and correlated; give it back, or what stands in its place.

    Applications of FastAPI, Starlette, Litestar, Flask, Django and aiohttp are changed and given back. Any other ASGI or WSGI
    application is wrapped: `app = instrument(app)`. A second call changes nothing. What is not recognised is reported and
    given back as it is.

    Args:
        thing: an application, a client, a store, a PKCS#11 library, token or session, or Django's `MIDDLEWARE` list.
        options: of an application: `registry` (prometheus_client's, the process's own by default), `tracer_provider`, `skip`
            (paths that are left alone, with all below them), `sample` (path -> share of 0 to 1 of its requests that get a span,
            where the caller has not decided; metrics count all of them), `metrics_path` (where the page for a scraper is to be
            served), `auth_failures` (statuses that are failed authentications, 401 by default), `template` (a function of
            the request as the framework has it, which gives its route's template).
            Of a client: `tracer_provider`. Of PKCS#11: `provider`. Of a node: `wallet_id`.
    """
    try:
        way = _way_for(thing)
        if way is None:
            report_misuse(
                f"instrument() does not know a {type(thing).__module__}.{type(thing).__qualname__}; it knows {_KNOWN}"
            )
            return thing
        if not _fits(way, thing, options):
            return thing
        instrumented: T = way(thing, **options)
    except Exception as error:
        if is_strict():
            raise
        tell_once("instrument", error)
        return thing
    return instrumented


def _fits(way: Callable[..., Any], thing: object, options: dict[str, Any]) -> bool:
    try:
        inspect.signature(way).bind(thing, **options)
    except TypeError as error:
        report_misuse(f"instrument() of a {type(thing).__qualname__}: {error}")
        return False
    return True


def _way_for(thing: Any) -> Callable[..., Any] | None:
    if issubclass(type(thing), type):  # `isinstance` would ask the object itself, which may raise
        return None
    for kind in type(thing).__mro__:
        found = _WAYS.get((str(kind.__module__), kind.__name__))
        if found is not None:
            way: Callable[..., Any] = getattr(importlib.import_module(f"{_ROOM}.{found[0]}"), found[1])
            return way
    return _protocol_of(thing)


def _protocol_of(thing: Any) -> Callable[..., Any] | None:
    """By what its call looks like: `async (scope, receive, send)` is ASGI, `(environ, start_response)` is WSGI."""
    if not callable(thing):
        return None
    call = thing if inspect.isroutine(thing) else type(thing).__call__
    try:
        wanted = [
            parameter
            for parameter in inspect.signature(thing).parameters.values()
            if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
            and parameter.default is parameter.empty
        ]
    except (TypeError, ValueError):
        return None
    if len(wanted) == 3 and (inspect.iscoroutinefunction(call) or wanted[0].name == "scope"):
        from anyascope.sdk.integrations.asgi import instrument_asgi  # noqa: PLC0415  # only what is needed is loaded

        return instrument_asgi
    if len(wanted) == 2 and not inspect.iscoroutinefunction(call):
        from anyascope.sdk.integrations.wsgi import instrument_wsgi  # noqa: PLC0415  # only what is needed is loaded

        return instrument_wsgi
    return None
