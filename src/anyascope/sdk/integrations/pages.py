"""The page that a Prometheus scrapes, for frameworks that speak neither WSGI nor ASGI to their middlewares."""

from __future__ import annotations

from dataclasses import dataclass

from prometheus_client import CollectorRegistry

from anyascope.sdk.metrics import metrics_wsgi_app


@dataclass(frozen=True, slots=True)
class Page:
    """An answer, whole."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


def rendered_metrics(registry: CollectorRegistry, *, accept: str) -> Page:
    """The page of this registry in the form that `accept` asks for."""
    started: list[tuple[str, list[tuple[str, str]]]] = []

    def start_response(status: str, headers: list[tuple[str, str]], *_: object) -> None:
        started.append((status, headers))

    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "QUERY_STRING": "", "HTTP_ACCEPT": accept}
    body = b"".join(metrics_wsgi_app(registry)(environ, start_response))
    status, headers = started[-1]
    return Page(int(status[:3]), tuple(headers), body)
