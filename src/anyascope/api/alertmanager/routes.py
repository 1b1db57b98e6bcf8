"""All of Alertmanager's API, put together from its resources."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from prometheus_client import CollectorRegistry
from starlette.routing import BaseRoute

from anyascope.api.alertmanager.alerts import AlertBoard, Cleaner, alerts_routes
from anyascope.api.alertmanager.answers import nothing_else
from anyascope.api.alertmanager.silences import SilenceBook, silences_routes
from anyascope.api.alertmanager.status import AlertmanagerSource, status_routes


class Board(AlertBoard, Protocol):
    """Who knows alerts and silences."""

    @property
    def silences(self) -> SilenceBook:
        """Who keeps the silences."""


@dataclass(frozen=True, slots=True)
class AlertmanagerParts:
    """What the API asks."""

    board: Board
    cleaner: Cleaner
    status: AlertmanagerSource
    registry: CollectorRegistry


def alertmanager_routes(parts: AlertmanagerParts) -> list[BaseRoute]:
    """Everything below `/api/v2`."""
    return [
        *status_routes(parts.status),
        *silences_routes(parts.board.silences, parts.cleaner),
        *alerts_routes(parts.board, parts.cleaner, parts.registry, parts.status.receivers),
        nothing_else(),
    ]
