"""The service's tests: withdrawals do what they should, and are on record whole.

    pytest -p anyascope.sdk.testing.plugin examples/custody_api

`contracts.toml` says what must be on record of every withdrawal; a test in which one lacks its span, metric, log line or
audit event fails and names what is missing.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from random import Random

import pytest
from book import Book, Failure, Part, State
from faults import Faults, FaultyNode, FaultySigner
from service import APPROVAL_ABOVE_SAT, Custody, Options, RefusedError
from standins import StandInNode, StandInSigner
from watcher import Watcher

from anyascope.sdk import AlertManager, OperationFailed
from anyascope.sdk.testing import Captured

TOKEN = "second-person"  # noqa: S105 -- of the test
ADDRESS = "standin1somebody"
BLOCK_EVERY_S = 0.05
OPTIONS = Options({"hot-1": "hot-1-key"}, TOKEN)
WITHDRAWALS = pytest.mark.telemetry_contract(
    "custody_withdrawal", "withdrawal_on_record", "bitcoin_operation", "hsm_operation"
)


@pytest.fixture
def custody(tmp_path: Path) -> Custody:
    """The service over stand-ins, its chain a block every 50 ms."""
    book = Book(tmp_path / "book.sqlite")
    faults = Faults(book, Random(1))
    return Custody(
        OPTIONS,
        node=FaultyNode(StandInNode(tmp_path / "chain.sqlite", block_every_s=BLOCK_EVERY_S), faults),
        signer=FaultySigner(StandInSigner(), faults),
        book=book,
        alerts=AlertManager(),
        faults=faults,
    )


@WITHDRAWALS
def test_a_small_withdrawal_is_sent_at_once(custody: Custody, telemetry: Captured) -> None:
    """Below the limit nobody is asked; the transaction's id is on the span."""

    async def withdraw() -> str:
        await custody.start()
        return (await custody.request(wallet_id="hot-1", address=ADDRESS, amount_sat=5_000)).txid

    txid = asyncio.run(withdraw())

    assert telemetry.span("bitcoin_operation", operation="send").attributes["transaction_id"] == txid


@WITHDRAWALS
def test_a_large_one_waits_for_a_second_person(custody: Custody) -> None:
    """Above the limit it is signed only after a person with the token agreed."""

    async def withdraw() -> tuple[State, State]:
        await custody.start()
        asked = await custody.request(wallet_id="hot-1", address=ADDRESS, amount_sat=APPROVAL_ABOVE_SAT + 1)
        with pytest.raises(PermissionError):
            await custody.approve(asked.id, token="guessed")  # noqa: S106 -- of the test
        return asked.state, (await custody.approve(asked.id, token=TOKEN)).state

    assert asyncio.run(withdraw()) == (State.AWAITS_APPROVAL, State.BROADCAST)


@pytest.mark.telemetry_contract("custody_withdrawal", "withdrawal_on_record", "hsm_operation")
def test_a_failed_signature_is_told_and_nothing_is_sent(custody: Custody, telemetry: Captured) -> None:
    """The withdrawal has failed, and somebody is alerted."""
    custody.book.order_failure(Failure(Part.SIGNER, 1.0, 0.0))

    async def withdraw() -> None:
        await custody.start()
        await custody.request(wallet_id="hot-1", address=ADDRESS, amount_sat=5_000)

    with pytest.raises(OperationFailed):
        asyncio.run(withdraw())
    assert [one.state for one in custody.book.newest()] == [State.FAILED]
    assert telemetry.span("hsm_operation").attributes["operation.status"] == "error"


@pytest.mark.telemetry_contract("custody_withdrawal")
def test_what_the_policy_refuses_is_neither_signed_nor_sent(custody: Custody) -> None:
    """More than the wallet holds is refused before anything is signed."""

    async def withdraw() -> None:
        await custody.start()
        await custody.request(wallet_id="hot-1", address=ADDRESS, amount_sat=10**15)

    with pytest.raises(RefusedError, match="holds"):
        asyncio.run(withdraw())


@WITHDRAWALS
def test_the_watcher_follows_it_to_the_last_confirmation(custody: Custody, telemetry: Captured) -> None:
    """Another part goes on with the same trace, by what lies beside the withdrawal."""

    async def withdraw() -> None:
        await custody.start()
        asked = await custody.request(wallet_id="hot-1", address=ADDRESS, amount_sat=5_000)
        watcher = Watcher(
            custody.wallets, node=custody.node, signer=custody.signer, book=custody.book, alerts=AlertManager()
        )
        async with asyncio.timeout(20):
            while (known := custody.book.withdrawal(asked.id)) is None or known.state is not State.CONFIRMED:
                await watcher.round()

    asyncio.run(withdraw())

    lifetime = telemetry.span("custody_operation.lifetime", operation="withdrawal")
    assert lifetime.attributes["operation.status"] == "success"
