"""What SDKs pull: settings of ours for ours, and Jaeger's remote sampling for those of other languages."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Header, Query
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from anyascope.api.encode import encode
from anyascope.api.params import NAME_CHARS_MAX, answers
from anyascope.model.sdk import SdkSettings
from anyascope.wire.own_api import SdkSettingsView

SdkSource = Callable[[], SdkSettings]

SDK_PATH = "/sdk"  # below the own API; OTLP's own port answers it too, since an SDK may know that one alone
SAMPLING_PATHS = ("/sampling", "/api/sampling")  # Jaeger's agent has the first, its collector the second
ETAG_CHARS = 16  # of a digest of some fifty bytes
ETAGS_CHARS_MAX = 1_024  # of `If-None-Match`; a client has one, or a few behind caches
SAMPLE_RATIO = 1.0  # where nothing is configured: what our own SDK does, and what a small service wants

# A cache in between may keep it, and has to ask each time whether it still holds.
_REVALIDATE = {"cache-control": "private, no-cache", "vary": "authorization"}


def sdk_router(source: SdkSource) -> APIRouter:
    """The route `/sdk/settings`."""
    router = APIRouter(tags=["sdk"])

    @router.get(
        f"{SDK_PATH}/settings",
        operation_id="getSdkSettings",
        summary="What a service's SDK is asked to do",
        response_model=SdkSettingsView,
        responses={**answers(), 304: {"description": "As the `ETag` that was sent says; no body."}},
    )
    async def get_settings(
        service: Annotated[
            str, Query(min_length=1, max_length=NAME_CHARS_MAX, description="`service.name`.", examples=["custody"])
        ],
        if_none_match: Annotated[
            str, Header(max_length=ETAGS_CHARS_MAX, description="The `ETag` of the last answer.")
        ] = "",
    ) -> Response:
        """Share of traces to keep and least log level; null leaves it to the service. As `sdk` of the configuration says."""
        asked = source().of(service)
        body = encode(SdkSettingsView(service=service, sample_ratio=asked.sample_ratio, log_level=asked.log_level))
        headers = {**_REVALIDATE, "etag": _etag(body)}
        if _is_known(if_none_match, headers["etag"]):
            return Response(status_code=304, headers=headers)
        return Response(body, media_type="application/json", headers=headers)

    return router


def sampling_routes(source: SdkSource) -> list[BaseRoute]:
    """Jaeger's remote sampling over HTTP, `GET /sampling?service=`, with the probabilistic strategy.

    Source: jaeger-idl, `sampling.thrift`; Jaeger's "Remote Sampling" API.
    """

    async def strategy(request: Request) -> Response:
        services = request.query_params.getlist("service")
        if len(services) != 1 or not 0 < len(services[0]) <= NAME_CHARS_MAX:
            return PlainTextResponse("'service' parameter must be provided once\n", status_code=400)
        ratio = source().of(services[0]).sample_ratio
        document = {
            "strategyType": "PROBABILISTIC",
            "probabilisticSampling": {"samplingRate": SAMPLE_RATIO if ratio is None else ratio},
        }
        return Response(json.dumps(document), media_type="application/json", headers=_REVALIDATE)

    return [Route(path, strategy, methods=["GET"]) for path in SAMPLING_PATHS]


def _etag(body: bytes) -> str:
    return f'"{hashlib.sha256(body).hexdigest()[:ETAG_CHARS]}"'


def _is_known(if_none_match: str, etag: str) -> bool:
    """Whether the caller has this answer already (RFC 9110, weak comparison)."""
    return any(tag.strip().removeprefix("W/") in (etag, "*") for tag in if_none_match.split(","))
