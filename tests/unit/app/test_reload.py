"""Exchanging the configuration: as a whole, or not at all."""

from __future__ import annotations

from dataclasses import replace

import pytest

from anyascope.app.plan import read_plan
from anyascope.app.reload import Plan, Reloads
from anyascope.clock import ManualClock
from anyascope.config.load import Sources
from anyascope.errors import AnyascopeError, InvalidInputError, UnavailableError


@pytest.fixture(scope="module")
def old() -> Plan:
    return read_plan(Sources())


class Rooms:
    """Remembers the plans that they were given; says no to those that `refuses` names."""

    def __init__(self) -> None:
        self.given: list[Plan] = []
        self.refuses: dict[str, Exception] = {}

    async def apply(self, plan: Plan) -> None:
        self.given.append(plan)
        if plan.settings.log_level.value in self.refuses:
            raise self.refuses[plan.settings.log_level.value]


def another(plan: Plan, level: str) -> Plan:
    settings = plan.settings
    return replace(plan, settings=replace(settings, log_level=type(settings.log_level)(level)))


def made(old: Plan, new: Plan) -> tuple[Reloads, Rooms]:
    reloads, rooms = Reloads(old, read=lambda: new, clock=ManualClock()), Rooms()
    reloads.applies_by(rooms.apply)
    return reloads, rooms


async def test_a_plan_is_put_into_force(old: Plan) -> None:
    """Every room has it, and it is the one that counts."""
    new = another(old, "warning")
    reloads, rooms = made(old, new)
    await reloads.reload()
    assert rooms.given == [new]
    assert reloads.settings is new.settings
    assert reloads.error == ""


@pytest.mark.parametrize("fault", [UnavailableError("the store cannot write", retry_after_s=1.0), RuntimeError("odd")])
async def test_what_a_room_cannot_take_is_taken_back(old: Plan, fault: Exception) -> None:
    """Rooms that have it already go back to the plan before; the error says why, whatever was raised."""
    new = another(old, "warning")
    reloads, rooms = made(old, new)
    rooms.refuses["warning"] = fault
    with pytest.raises(AnyascopeError, match=str(fault)):
        await reloads.reload()
    assert rooms.given == [new, old]
    assert reloads.settings is old.settings
    assert str(fault) in reloads.error


async def test_a_plan_that_cannot_be_read_changes_nothing(old: Plan) -> None:
    """No room hears of it."""

    def broken() -> Plan:
        raise InvalidInputError("a mistake")

    reloads, rooms = Reloads(old, read=broken, clock=ManualClock()), Rooms()
    reloads.applies_by(rooms.apply)
    with pytest.raises(InvalidInputError):
        await reloads.reload()
    assert rooms.given == []
    assert reloads.error == "a mistake"


async def test_a_fault_while_reading_is_told(old: Plan) -> None:
    """A fault of ours in reading is an error of the reload too, which `doctor` shows; the old plan stays."""

    def broken() -> Plan:
        raise RuntimeError("odd")

    reloads, rooms = Reloads(old, read=broken, clock=ManualClock()), Rooms()
    reloads.applies_by(rooms.apply)
    with pytest.raises(AnyascopeError, match="could not be read"):
        await reloads.reload()
    assert rooms.given == []
    assert "odd" in reloads.error
