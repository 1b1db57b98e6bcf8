"""The small service of `web_apps` in Django: its URL configuration."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse, StreamingHttpResponse
from django.urls import include, path
from django.views import View
from django.views.static import serve

from anyascope.sdk.correlation import current_correlation_id
from support import web_parts

static_folder = Path()


def wallet(request: HttpRequest, wallet_id: str) -> HttpResponse:
    return JsonResponse({"id": wallet_id, "correlation": current_correlation_id()})


class Wallets(View):
    def post(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse(status=201)


def broken(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("no")


def login(request: HttpRequest) -> HttpResponse:
    return HttpResponse(status=401)


def noted_login(request: HttpRequest) -> HttpResponse:
    web_parts.note_failed_login()
    return HttpResponse(status=401)


def forbidden(request: HttpRequest) -> HttpResponse:
    return HttpResponse(status=403)


def moved(request: HttpRequest) -> HttpResponse:
    return HttpResponse(status=302, headers={"Location": "/wallets/1"})


def _parts(request: HttpRequest, plain: Any, later: Any) -> Iterator[bytes] | AsyncIterator[bytes]:
    return later() if hasattr(request, "scope") else plain()


def stream(request: HttpRequest) -> HttpResponseBase:
    return StreamingHttpResponse(_parts(request, web_parts.plain_chunks, web_parts.chunks))


def stream_broken(request: HttpRequest) -> HttpResponseBase:
    return StreamingHttpResponse(_parts(request, web_parts.plain_broken_chunks, web_parts.broken_chunks))


def endless(request: HttpRequest) -> HttpResponseBase:
    return StreamingHttpResponse(_parts(request, web_parts.plain_endless_chunks, web_parts.endless_chunks))


def healthz(request: HttpRequest) -> HttpResponse:
    return HttpResponse("ok")


def item(request: HttpRequest, item_id: str) -> HttpResponse:
    return HttpResponse(item_id)


def static(request: HttpRequest, path: str) -> HttpResponseBase:
    if static_folder == Path():
        raise Http404
    return serve(request, path, document_root=str(static_folder))


urlpatterns = [
    path("wallets/<str:wallet_id>", wallet),
    path("wallets", Wallets.as_view()),
    path("broken", broken),
    path("login", login),
    path("noted-login", noted_login),
    path("forbidden", forbidden),
    path("moved", moved),
    path("stream", stream),
    path("stream-broken", stream_broken),
    path("endless", endless),
    path("healthz", healthz),
    path("sub/", include([path("items/<str:item_id>", item)])),
    path("static/<path:path>", static),
]
