"""The HTTP applications: everything on the main address, and of it OTLP alone on OTLP's own port."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import BaseRoute, Mount
from starlette.types import ASGIApp, Receive, Scope, Send

from anyascope import webui
from anyascope.api.middleware import GuardOptions, HttpMetrics, TokenCheck, guarded
from anyascope.api.own import BASE_PATH
from anyascope.api.sdk import SAMPLING_PATHS, SDK_PATH
from anyascope.app.ground import Ground
from anyascope.sdk.integrations.asgi import TelemetryMiddleware

OTLP_PREFIX = "/v1/"
PROMETHEUS_OTLP_PREFIX = "/api/v1/otlp/"
REMOTE_WRITE_PATH = "/api/v1/write"
SDK_PREFIX = f"{BASE_PATH}{SDK_PATH}/"
# Storing what others send must not make us store more: their requests are counted, not traced. Streams last for ever.
UNTRACED = (
    *(OTLP_PREFIX, PROMETHEUS_OTLP_PREFIX, REMOTE_WRITE_PATH, SDK_PREFIX, *SAMPLING_PATHS),
    "/r/",  # its addresses hold what acts
    *("/metrics", "/-/", "/ui/", f"{BASE_PATH}/live", f"{BASE_PATH}/logs/tail"),
)


@dataclass(frozen=True, slots=True)
class Routes:
    """What the server answers."""

    otlp: Sequence[BaseRoute]
    prometheus: Sequence[BaseRoute]
    alertmanager: Sequence[BaseRoute]
    operations: Sequence[BaseRoute]
    own: FastAPI
    sampling: Sequence[BaseRoute] = ()
    callbacks: Sequence[BaseRoute] = ()


def main_application(
    routes: Routes, *, options: GuardOptions, tokens: TokenCheck | None, is_traced: bool, ground: Ground
) -> ASGIApp:
    """Everything, behind the guards."""
    inner: ASGIApp = Starlette(
        routes=[
            *routes.operations,
            *routes.otlp,
            *routes.prometheus,
            *routes.alertmanager,
            *routes.sampling,
            *routes.callbacks,
            Mount(BASE_PATH, routes.own),
            *webui.routes(),
        ]
    )
    if is_traced:
        # Its metrics go nowhere: the guards' request log counts every request, refused ones included.
        inner = TelemetryMiddleware(inner, registry=CollectorRegistry(), skip=UNTRACED)
    return guarded(
        inner, options=options, tokens=tokens, metrics=HttpMetrics(ground.registry), clock=ground.clock, ids=ground.ids
    )


class OtlpOnly:
    """The part of an application below `/v1/`, and what SDKs pull; other paths say where to look."""

    def __init__(self, application: ASGIApp, *, main_url: str) -> None:
        self._application = application
        self._main_url = main_url

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] == "http" and not self._is_served(scope["path"]):
            answer = PlainTextResponse(f"Only OTLP is served here; everything else is at {self._main_url}\n", 404)
            await answer(scope, receive, send)
            return
        await self._application(scope, receive, send)

    @staticmethod
    def _is_served(path: str) -> bool:
        return path.startswith((OTLP_PREFIX, SDK_PREFIX)) or path in SAMPLING_PATHS
