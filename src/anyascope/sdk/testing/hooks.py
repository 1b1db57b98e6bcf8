"""What a `conftest.py` may answer to the plugin."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from anyascope.sdk.testing.contracts import TelemetryContract


@pytest.hookspec
def pytest_telemetry_contracts(config: pytest.Config) -> Sequence[TelemetryContract]:  # type: ignore[empty-body]  # a question, answered by others
    """Contracts that every test of the project keeps, beside those of the option `telemetry_contracts`."""
