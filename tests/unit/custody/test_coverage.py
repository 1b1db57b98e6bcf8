"""Whether the wallets that must reconcile are watched at all."""

from __future__ import annotations

import pytest

from anyascope.clock import ManualClock
from anyascope.custody.coverage import WAIT_S, Coverage
from anyascope.custody.options import CustodyOptions
from anyascope.ports import ComponentHealth


def told(options: CustodyOptions, wallets: list[str], *, clock: ManualClock | None = None) -> list[ComponentHealth]:
    return list(Coverage(lambda: options, wallets=lambda: wallets, clock=clock or ManualClock()).health())


def test_nothing_is_told_while_it_is_off() -> None:
    """Who reconciles nothing has no such component."""
    assert told(CustodyOptions(), ["hot"]) == []


def test_wallets_that_reconcile_are_named() -> None:
    """Only those; others are watched without it."""
    [found] = told(CustodyOptions(is_on=True, wallets=("custody-*",)), ["custody-hot", "own"])
    assert (found.status.value, found.message) == ("healthy", "reconciled: custody-hot")


@pytest.mark.parametrize(
    ("patterns", "message"),
    [
        (("custody-*",), "no watched wallet is reconciled; no watched wallet is called custody-*"),
        (("hot", "clod"), "reconciled: hot; no watched wallet is called clod"),
    ],
)
def test_a_name_that_no_wallet_has_is_told(patterns: tuple[str, ...], message: str) -> None:
    """With the names that are there: a misspelt one would never page."""
    [found] = told(CustodyOptions(is_on=True, wallets=patterns), ["hot", "cold", "hot"])
    assert (found.status.value, found.message) == ("degraded", message)
    assert found.advice == "mend custody.wallets, or load the wallet on its node; watched are cold, hot"


def test_a_wallet_that_is_unloaded_is_told_while_it_must_reconcile() -> None:
    """Its name fits a pattern that others fit, too: without it nobody would know that its spends are not seen."""
    wallets, options = ["hot-1", "hot-2", "own"], CustodyOptions(is_on=True, wallets=("hot-*",))
    coverage = Coverage(lambda: options, wallets=lambda: wallets, clock=ManualClock())
    assert [part.status.value for part in coverage.health()] == ["healthy"]
    wallets[1:] = []
    [found] = coverage.health()
    assert found.status.value == "degraded"
    assert found.message == "reconciled: hot-1; no longer watched, so that no spend of it can be seen: hot-2"
    assert "load the wallet" in found.advice
    wallets.append("hot-2")
    assert [part.message for part in coverage.health()] == ["reconciled: hot-1, hot-2"]
    wallets.remove("hot-2")
    options = CustodyOptions(is_on=True, wallets=("hot-1",))
    assert [part.message for part in coverage.health()] == ["reconciled: hot-1"]


async def test_no_wallet_at_all_is_told_once_there_was_time_to_look() -> None:
    """A node is asked for its wallets only after it answered."""
    clock = ManualClock()
    coverage = Coverage(lambda: CustodyOptions(is_on=True), wallets=list, clock=clock)
    assert [part.status.value for part in coverage.health()] == ["healthy"]
    await clock.advance(WAIT_S + 1)
    [found] = coverage.health()
    assert (found.status.value, found.message) == ("degraded", "no wallet is watched: no spend can be seen")
    assert "loadwallet" in found.advice
