"""Events of an HSM on their way to the intake."""

from __future__ import annotations

import asyncio

import pytest

from anyascope.clock import ManualClock
from anyascope.collect.collectors.hsm.events import EVENTS_WAITING_MAX, HsmEvents
from anyascope.collect.collectors.hsm.findings import Finding, Trouble
from anyascope.collect.hsm_options import HsmOptions, RemoteOptions, SignerKind
from support.collecting import RecordingIntake


class SlowIntake(RecordingIntake):
    """Takes what it is given once it may."""

    def __init__(self) -> None:
        super().__init__()
        self.may_store = asyncio.Event()

    async def logs(self, batches, *, source):
        await self.may_store.wait()
        return await super().logs(batches, source=source)


def scene() -> tuple[HsmEvents, SlowIntake]:
    intake = SlowIntake()
    options = HsmOptions("core", "vault", RemoteOptions(SignerKind.VAULT, "http://127.0.0.1:1"))
    return HsmEvents(options, intake=intake, clock=ManualClock()), intake


def trouble(number: int) -> Finding:
    return Finding("gone", "look", troubles=(Trouble("hsm.key_missing", f"k{number}"),))


def told(intake: RecordingIntake) -> list[str]:
    return [record.event_name for record in intake.log_records]


async def test_what_happens_while_events_are_stored_is_told_once() -> None:
    """A person who accepts a token hands events in beside a round that does."""
    events, intake = scene()
    events.note([trouble(1)], None)
    first = asyncio.create_task(events.hand_in())
    await asyncio.sleep(0)
    events.note([trouble(1), trouble(2)], None)
    second = asyncio.create_task(events.hand_in())
    await asyncio.sleep(0)
    intake.may_store.set()
    await asyncio.gather(first, second)
    await events.hand_in()

    assert told(intake) == ["hsm.key_missing", "hsm.key_missing"]


@pytest.mark.parametrize("is_cancelled", [False, True])
async def test_what_was_not_stored_goes_with_the_next(*, is_cancelled: bool) -> None:
    """Refused by the intake, or cut off: none is lost, and they keep their order."""
    events, intake = scene()
    intake.refusals = 0 if is_cancelled else 1
    events.note([trouble(1)], None)
    running = asyncio.create_task(events.hand_in())
    await asyncio.sleep(0)
    events.note([trouble(1), trouble(2)], None)
    if is_cancelled:
        running.cancel()
    intake.may_store.set()
    await asyncio.gather(running, return_exceptions=True)
    assert told(intake) == []
    await events.hand_in()

    assert [record.attributes for record in intake.log_records] == [
        {"hsm.name": "core", "hsm.provider": "vault"} for _ in range(2)
    ]


async def test_an_intake_that_stays_full_costs_no_memory() -> None:
    """The newest events stay."""
    events, intake = scene()
    intake.refusals = 10
    intake.may_store.set()
    for number in range(EVENTS_WAITING_MAX + 5):
        events.note([trouble(n) for n in range(number + 1)][-1:], None)
    await events.hand_in()
    intake.refusals = 0
    await events.hand_in()

    assert len(intake.log_records) == EVENTS_WAITING_MAX
