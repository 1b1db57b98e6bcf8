"""The second process: follows the chain for confirmations and deposits, and tells how the parts are."""

from __future__ import annotations

import asyncio
import time
from typing import TypeAlias

import psutil
import structlog
from book import CONFIRMATIONS_FINAL, Book, Deposit, State, Withdrawal
from node import Node, NodeError, Receipt, Tip
from signer import Signer, SignerError

from anyascope.sdk import (
    AlertBuilders,
    AlertManager,
    AnyaMetrics,
    BitcoinMetricsCollector,
    BitcoinTransactionData,
    HealthStatus,
    HsmMetricsCollector,
    SystemMetricsCollector,
    custody_operation,
    resume_custody_operation,
    trace_bitcoin_operation,
    trace_health_check,
)

log = structlog.get_logger("custody.watcher")

BALANCE_LOW_SAT = 20_000_000  # somebody should refill the wallet
MAIN_WALLET = "main"  # the label `wallet_type` of balances
Health: TypeAlias = tuple[HealthStatus, str]
WATCHED_AFTER_FINAL_S = 3_600.0  # a reorganisation may take back what was final


class Watcher:
    """Looks at everything once a `round`.

    Args:
        wallets: their ids.
        node, signer, book: as the service has them.
        alerts: told of low balances and parts that are not well.
    """

    def __init__(
        self, wallets: tuple[str, ...], *, node: Node, signer: Signer, book: Book, alerts: AlertManager
    ) -> None:
        self._wallets = wallets
        self._node = node
        self._signer = signer
        self._book = book
        self._alerts = alerts
        self._bitcoin = BitcoinMetricsCollector()
        self._hsm = HsmMetricsCollector()
        self._system = SystemMetricsCollector()
        self._process = psutil.Process()

    async def watch(self, *, every_s: float) -> None:
        """Look again and again, until cancelled."""
        while True:
            await self.round()
            await asyncio.sleep(every_s)

    async def round(self) -> None:
        """Look at everything once; a node that does not answer is told, and asked again at the next round."""
        try:
            tip = await self._look_at_node()
            for wallet_id in self._wallets:
                await self._look_at_wallet(wallet_id)
            for withdrawal in self._open_withdrawals():
                await self._follow(withdrawal)
        except NodeError as error:
            tip = None
            log.warning("round_given_up", error=str(error))
        await self._tell_health(tip)

    async def _look_at_node(self) -> Tip:
        tip = await self._node.tip()
        self._bitcoin.update_blockchain_state(tip.height, tip.mempool_transactions)
        return tip

    async def _look_at_wallet(self, wallet_id: str) -> None:
        held_sat = await self._node.balance_sat(wallet_id)
        AnyaMetrics.global_().bitcoin_wallet_balance_sats.labels(wallet_id, MAIN_WALLET).set(held_sat)
        if held_sat < BALANCE_LOW_SAT:
            self._alerts.send_alert(AlertBuilders.bitcoin_low_balance(wallet_id, held_sat, BALANCE_LOW_SAT))
        for receipt in await self._node.receipts(wallet_id):
            self._note_receipt(receipt)

    def _open_withdrawals(self) -> list[Withdrawal]:
        recent_s = time.time() - WATCHED_AFTER_FINAL_S
        final = [one for one in self._book.withdrawals(State.CONFIRMED) if one.changed_s > recent_s]
        return [*self._book.withdrawals(State.BROADCAST), *final]

    async def _follow(self, withdrawal: Withdrawal) -> None:
        """Go on with a withdrawal's trace where its standing in the chain has changed."""
        standing = await self._node.standing(withdrawal.wallet_id, withdrawal.txid)
        number = max(standing.confirmations, 0)
        is_news = (number, standing.block_hash) != (withdrawal.confirmations, withdrawal.block_hash)
        is_settled = min(number, withdrawal.confirmations) >= CONFIRMATIONS_FINAL
        if not is_news or (is_settled and standing.block_hash == withdrawal.block_hash):
            return
        with resume_custody_operation(withdrawal.context) as operation:
            operation.confirmed(
                standing.confirmations,
                block_height=standing.height if number else None,
                block_hash=standing.block_hash or None,
            )
            self._book.change(
                withdrawal.id,
                state=State.CONFIRMED if number >= CONFIRMATIONS_FINAL else State.BROADCAST,
                confirmations=number,
                block_hash=standing.block_hash,
                context=operation.context,
            )

    def _note_receipt(self, receipt: Receipt) -> None:
        """Each deposit is a custody operation of its own, from its first sight to its last confirmation."""
        number = min(max(receipt.confirmations, 0), CONFIRMATIONS_FINAL)
        known = self._book.deposit(receipt.txid, receipt.wallet_id)
        if known is not None and known.confirmations == number:
            return
        if known is None:
            operation = custody_operation(
                "deposit",
                wallet_id=receipt.wallet_id,
                amount_sats=receipt.amount_sat,
                confirmations_wanted=CONFIRMATIONS_FINAL,
                own_trace=True,
            )
            data = BitcoinTransactionData(txid=receipt.txid, amount_sats=receipt.amount_sat)
            with operation, trace_bitcoin_operation("receive", receipt.wallet_id, data):
                operation.set_transaction(receipt.txid)
        else:
            operation = resume_custody_operation(known.context)
        if number:
            with operation:
                operation.confirmed(number)
        kept = Deposit(receipt.txid, receipt.wallet_id, receipt.amount_sat, number, operation.context)
        self._book.keep_deposit(kept)

    # --- how the parts are --------------------------------------------------------------------------------------------

    async def _tell_health(self, tip: Tip | None) -> None:
        results = {"node": self._check_node(tip), "hsm": await asyncio.to_thread(self._check_signer)}
        for component, (status, _) in results.items():
            if status is not HealthStatus.HEALTHY:
                self._alerts.send_alert(AlertBuilders.system_health_degraded(component, 0.0))
        score = sum(status is HealthStatus.HEALTHY for status, _ in results.values()) / len(results)
        self._system.update_system_health_score(score)
        self._system.update_system_resources(self._process.memory_info().rss, self._process.cpu_percent())

    @trace_health_check("node")
    def _check_node(self, tip: Tip | None) -> Health:
        return (HealthStatus.HEALTHY, "") if tip is not None else (HealthStatus.UNHEALTHY, "the node does not answer")

    @trace_health_check("hsm")
    def _check_signer(self) -> Health:
        try:
            self._hsm.update_active_keys(self._signer.active_keys())
        except SignerError as error:
            return HealthStatus.UNHEALTHY, str(error)
        return HealthStatus.HEALTHY, ""
