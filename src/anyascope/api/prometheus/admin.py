"""`admin/tsdb/*`: deleting series, cleaning up after that, and snapshots; off until somebody turns it on.

Source: Prometheus, "TSDB Admin APIs".
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

import structlog
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from anyascope.api.prometheus.answers import Handler, disabled, endpoint, success
from anyascope.api.prometheus.forms import TIME_MAX_MS, TIME_MIN_MS, Form
from anyascope.api.prometheus.selectors import matcher_sets
from anyascope.errors import InvalidInputError
from anyascope.model.labels import Matcher
from anyascope.store.api.metrics import MetricReader

log = structlog.get_logger("anyascope.api.prometheus")


class StoreAdmin(Protocol):
    """What may be done to the store as a whole."""

    async def clean(self) -> None:
        """Return once what was deleted is gone from the disk."""

    async def snapshot(self, *, skips_head: bool = False) -> str:
        """Make a consistent copy of the store; its name below the directory of snapshots."""


def admin_routes(reader: MetricReader, admin: StoreAdmin, *, is_enabled: bool) -> list[BaseRoute]:
    """The routes below `admin/tsdb`; where they are not enabled, each says so."""
    handlers = _Admin(reader, admin)
    actions: dict[str, Handler] = {
        "delete_series": handlers.delete_series,
        "clean_tombstones": handlers.clean_tombstones,
        "snapshot": handlers.snapshot,
    }
    return [
        Route(f"/api/v1/admin/tsdb/{name}", endpoint(action if is_enabled else _refused), methods=["POST", "PUT"])
        for name, action in actions.items()
    ]


async def _refused(_form: Form) -> Response:
    return disabled("admin APIs disabled")


class _Admin:
    def __init__(self, reader: MetricReader, admin: StoreAdmin) -> None:
        self._reader = reader
        self._admin = admin
        self._running: set[asyncio.Task[None]] = set()

    async def delete_series(self, form: Form) -> Response:
        """`delete_series`: the samples are gone when this answers."""
        texts = form.texts("match[]")
        if not texts:
            raise InvalidInputError("no match[] parameter provided")
        start_ms, end_ms = form.time_ms("start", TIME_MIN_MS), form.time_ms("end", TIME_MAX_MS)
        sets = matcher_sets(texts, parameter="match[]")
        if start_ms <= end_ms:
            # Shielded: a deletion is never left half done because its caller went away.
            task = asyncio.create_task(self._delete(sets, texts, start_ms=start_ms, end_ms=end_ms))
            self._running.add(task)
            task.add_done_callback(self._running.discard)
            await asyncio.shield(task)
        return Response(status_code=204)

    async def _delete(
        self, sets: Sequence[Sequence[Matcher]], texts: Sequence[str], *, start_ms: int, end_ms: int
    ) -> None:
        touched = await self._reader.delete(sets, start_ms=start_ms, end_ms=end_ms)
        log.info("series_deleted", match=list(texts), start_ms=start_ms, end_ms=end_ms, series=touched)

    async def clean_tombstones(self, _form: Form) -> Response:
        """`clean_tombstones`."""
        await self._admin.clean()
        return Response(status_code=204)

    async def snapshot(self, form: Form) -> Response:
        """`snapshot`."""
        try:
            skips_head = form.boolean("skip_head")
        except InvalidInputError as error:
            told = error.message.replace("error converting skip_head", "unable to parse boolean")
            raise InvalidInputError(told) from error
        name = await self._admin.snapshot(skips_head=skips_head)
        log.info("snapshot_made", name=name, skips_head=skips_head)
        return success({"name": name})
