"""What the tests of delivery share."""

from __future__ import annotations

import pytest

from anyascope.sdk.delivery import doors
from anyascope.sdk.delivery.tally import Tally
from support.far_end import far_end


@pytest.fixture
def end():
    """A far end that takes everything, until it is told otherwise."""
    with far_end() as end:
        yield end


@pytest.fixture
def fresh(monkeypatch):
    """An account and a table of doors of this test alone; what it opened is closed."""
    tally = Tally()
    couriers = {}
    monkeypatch.setattr(doors, "_tally", tally)
    monkeypatch.setattr(doors, "_couriers", couriers)
    for name in ("_doors", "_latest", "_spools"):
        monkeypatch.setattr(doors, name, {})
    monkeypatch.setattr(doors, "_spool", None)
    yield tally
    for courier in couriers.values():
        for lane in courier.lanes:
            courier.remove(lane)
