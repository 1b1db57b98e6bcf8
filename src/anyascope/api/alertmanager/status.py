"""`status` and `receivers`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from anyascope.api.alertmanager.answers import API_VERSION, answer, resource
from anyascope.api.alertmanager.filters import Receivers, receiver_labels
from anyascope.wire.alertmanager_post import format_time
from anyascope.wire.go_json import go_json


@dataclass(frozen=True, slots=True)
class AlertmanagerView:
    """What the server says of itself to clients of an Alertmanager.

    Attributes:
        started_ns: UTC nanoseconds.
        version: of this program; stands where Alertmanager tells its revision.
        python_version: stands where it tells its Go version.
    """

    started_ns: int
    version: str
    python_version: str


class AlertmanagerSource(Protocol):
    """Tells of the server and its configuration."""

    def alertmanager(self) -> AlertmanagerView:
        """How it is now."""

    def alertmanager_yaml(self) -> str:
        """The part of the configuration that an Alertmanager has, as YAML, secrets replaced by `<secret>`."""

    def receivers(self) -> Receivers:
        """Their labels by name, in the order of the configuration."""


def status_routes(source: AlertmanagerSource) -> list[BaseRoute]:
    """`status` and `receivers`."""
    status = _Status(source)
    return [
        resource("status", {"GET": status.status}),
        resource("status/", {"GET": status.status}),
        resource("receivers", {"GET": status.receivers}),
    ]


class _Status:
    def __init__(self, source: AlertmanagerSource) -> None:
        self._source = source

    async def status(self, _request: Request) -> Response:
        """The configuration, the release, and since when: a cluster there is none."""
        view = self._source.alertmanager()
        version = {
            "branch": "anyascope",
            "buildDate": "",
            "buildUser": "",
            "goVersion": f"python{view.python_version}",
            "revision": view.version,
            "version": API_VERSION,
        }
        body = {
            "cluster": {"peers": [], "status": "disabled"},
            "config": {"original": self._source.alertmanager_yaml()},
            "uptime": format_time(view.started_ns),
            "versionInfo": version,
        }
        return answer(go_json(body))

    async def receivers(self, request: Request) -> Response:
        """The receivers whose labels match."""
        is_wanted = receiver_labels(request.query_params)
        found = self._source.receivers().items()
        return answer(go_json([{"labels": labels, "name": name} for name, labels in found if is_wanted(labels)]))
