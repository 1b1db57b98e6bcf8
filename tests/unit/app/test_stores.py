"""Closing what everything is kept in."""

from __future__ import annotations

import pytest

from anyascope.app.stores import Stores
from anyascope.errors import UnavailableError


class Closes:
    def __init__(self, fault: Exception | None = None) -> None:
        self.fault = fault
        self.is_closed = False

    async def close(self) -> None:
        self.is_closed = True
        if self.fault is not None:
            raise self.fault


async def test_telemetry_is_closed_where_control_state_cannot_be() -> None:
    """A database that went away keeps the data directory from nobody; the fault is told all the same."""
    telemetry, documents = Closes(), Closes(UnavailableError("the database is gone", retry_after_s=1.0))
    with pytest.raises(UnavailableError):
        await Stores(telemetry, documents).close()
    assert telemetry.is_closed
