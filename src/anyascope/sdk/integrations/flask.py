"""Flask: the WSGI middleware around the application, and the route and exceptions from its signals."""

from __future__ import annotations

from typing import Any

from anyascope.sdk.guard import guarded
from anyascope.sdk.integrations.http import Exchange
from anyascope.sdk.integrations.wsgi import EXCHANGE, WsgiMiddleware

EXTENSION = "anyascope"  # where Flask keeps what belongs to an extension


def instrument_flask(app: Any, **options: Any) -> Any:
    """Instrument a Flask application, with its blueprints and error handlers; Flask 2.3 or newer."""
    if EXTENSION in app.extensions:
        return app
    import flask  # noqa: PLC0415  # only where the host has it

    app.wsgi_app = WsgiMiddleware(app.wsgi_app, **options)
    app.extensions[EXTENSION] = app.wsgi_app
    # Signals live with the application: their receivers are functions of this module, and need no keeping.
    flask.request_started.connect(_started, app)
    flask.got_request_exception.connect(_failed, app)
    return app


@guarded(None)
def _started(_app: object, **_more: object) -> None:
    exchange = _exchange()
    if exchange is not None and exchange.route_later is None:
        exchange.route = _rule()


@guarded(None)
def _failed(_app: object, exception: BaseException | None = None, **_more: object) -> None:
    exchange = _exchange()
    if exchange is not None and exception is not None:
        exchange.fail(exception)


def _exchange() -> Exchange | None:
    import flask  # noqa: PLC0415  # only where the host has it

    found = flask.request.environ.get(EXCHANGE)
    return found if isinstance(found, Exchange) else None


def _rule() -> str | None:
    from flask.globals import request_ctx  # noqa: PLC0415  # only where the host has it

    request = request_ctx.request
    if request.url_rule is not None:
        return str(request.url_rule.rule)
    allowed = getattr(request.routing_exception, "valid_methods", None)
    if not allowed or request_ctx.url_adapter is None:
        return None
    rule, _ = request_ctx.url_adapter.match(method=next(iter(allowed)), return_rule=True)
    return str(rule.rule)
