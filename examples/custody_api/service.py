"""The custody service: withdrawals pass a policy and perhaps a person, are signed and broadcast, and every step is seen.

The steps wrap the real functions with the SDK's helpers: `custody_operation` makes one trace of everything that happens to
a withdrawal, over processes and hours; `trace_hsm_operation` and `trace_bitcoin_operation` measure, log and account for the
two that must not fail silently.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Mapping
from dataclasses import dataclass

import structlog
from book import CONFIRMATIONS_FINAL, Book, Part, State, Withdrawal
from faults import Faults
from node import Draft, Node, NodeError
from signer import Signer, SignerError

from anyascope.sdk import (
    AlertBuilders,
    AlertManager,
    BitcoinTransactionData,
    CustodyOperation,
    OperationFailed,
    TransactionFailed,
    custody_operation,
    resume_custody_operation,
    security_event,
    trace_bitcoin_operation,
    trace_hsm_operation,
)

log = structlog.get_logger("custody")

APPROVAL_ABOVE_SAT = 10_000_000  # a second person looks at what is larger
AMOUNT_SAT_MAX = 2_100_000_000_000_000  # all bitcoin that will ever be


class RefusedError(Exception):
    """The policy says no; the message is for the customer."""


class UnknownError(LookupError):
    """There is no such wallet or withdrawal."""


class NotNowError(Exception):
    """The withdrawal is not at the point for this."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the service is made with.

    Attributes:
        wallets: wallet id -> the id of its key in the signer.
        approver_token: what a second person shows.
    """

    wallets: Mapping[str, str]
    approver_token: str


class Custody:
    """The service's work, apart from HTTP."""

    def __init__(
        self,
        options: Options,
        *,
        node: Node,
        signer: Signer,
        book: Book,
        alerts: AlertManager,
        faults: Faults,
    ) -> None:
        self._options = options
        self._faults = faults
        self._alerts = alerts
        self.node = node
        self.signer = signer
        self.book = book

    async def start(self, *, resumes: bool = True) -> None:
        """Open the wallets, and go on with what a crash interrupted where `resumes` says so."""
        for wallet_id, key_id in self._options.wallets.items():
            key = await asyncio.to_thread(self.signer.public_key, key_id)
            await self.node.open_wallet(wallet_id, key)
        for withdrawal in self.book.withdrawals(State.SIGNED) if resumes else ():
            with resume_custody_operation(withdrawal.context) as operation:
                log.warning("withdrawal_taken_up_again", withdrawal_id=withdrawal.id)
                await self._broadcast(withdrawal, operation)

    @property
    def wallets(self) -> tuple[str, ...]:
        """The ids of the wallets."""
        return tuple(self._options.wallets)

    async def balance_sat(self, wallet_id: str) -> int:
        """Confirmed money of a wallet.

        Raises:
            UnknownError: there is no such wallet.
        """
        self._known(wallet_id)
        return await self.node.balance_sat(wallet_id)

    async def request(self, *, wallet_id: str, address: str, amount_sat: int) -> Withdrawal:
        """Take a withdrawal in, and carry it out where the policy wants no second person.

        Raises:
            UnknownError, RefusedError: nothing was sent.
            TransactionFailed, OperationFailed: it could not be carried out.
        """
        self._known(wallet_id)
        with custody_operation(
            "withdrawal",
            wallet_id=wallet_id,
            amount_sats=amount_sat,
            actor="customer",
            confirmations_wanted=CONFIRMATIONS_FINAL,
        ) as operation:
            withdrawal = self.book.add_withdrawal(
                wallet_id=wallet_id, address=address, amount_sat=amount_sat, context=operation.context
            )
            log.info("withdrawal_requested", withdrawal_id=withdrawal.id, wallet_id=wallet_id, amount_sat=amount_sat)
            try:
                with operation.step("policy"):
                    await self._check_policy(withdrawal)
            except RefusedError as error:
                self.book.change(withdrawal.id, state=State.REFUSED, reason=str(error))
                operation.finish("refused", error=error)
                raise
            if amount_sat > APPROVAL_ABOVE_SAT:
                return self.book.change(withdrawal.id, state=State.AWAITS_APPROVAL, context=operation.context)
            return await self._carry_out(withdrawal, operation)

    async def approve(self, withdrawal_id: str, *, token: str) -> Withdrawal:
        """A second person agrees.

        Raises:
            PermissionError: the token is wrong.
            UnknownError, NotNowError: nothing waits for approval here.
            TransactionFailed, OperationFailed: it could not be carried out.
        """
        withdrawal = self.book.withdrawal(withdrawal_id)
        if withdrawal is None:
            raise UnknownError(f"there is no withdrawal {withdrawal_id}")
        if not hmac.compare_digest(token.encode(), self._options.approver_token.encode()):
            security_event("approval_denied", "high", "custody-api", withdrawal_id=withdrawal_id)
            raise PermissionError("the approver's token is wrong")
        if withdrawal.state is not State.AWAITS_APPROVAL:
            raise NotNowError(f"withdrawal {withdrawal_id} is {withdrawal.state.value}, not awaiting approval")
        with resume_custody_operation(withdrawal.context) as operation:
            with operation.step("approval", actor="approver"):
                log.info("withdrawal_approved", withdrawal_id=withdrawal_id)
            return await self._carry_out(withdrawal, operation)

    async def bump(self, withdrawal_id: str) -> Withdrawal:
        """Pay a higher fee for one that no block has: the same payment, signed anew, under the same operation.

        Raises:
            UnknownError, NotNowError: nothing waits for a block here.
            TransactionFailed, OperationFailed: it could not be replaced; what was sent before stays.
        """
        withdrawal = self.book.withdrawal(withdrawal_id)
        if withdrawal is None:
            raise UnknownError(f"there is no withdrawal {withdrawal_id}")
        if withdrawal.state is not State.BROADCAST or withdrawal.confirmations:
            raise NotNowError(
                f"withdrawal {withdrawal_id} is {withdrawal.state.value}, nothing of it waits for a block"
            )
        with resume_custody_operation(withdrawal.context) as operation:
            with operation.step("signing"):
                withdrawal = await self._sign(withdrawal)
            log.info("withdrawal_bumped", withdrawal_id=withdrawal.id, replaces=withdrawal.txid)
            with operation.step("broadcast"):
                return await self._broadcast(withdrawal, operation)

    def _known(self, wallet_id: str) -> str:
        key_id = self._options.wallets.get(wallet_id)
        if key_id is None:
            raise UnknownError(f"there is no wallet {wallet_id}")
        return key_id

    async def _check_policy(self, withdrawal: Withdrawal) -> None:
        delay_s, fails = self._faults.delay_and_fate(Part.POLICY)
        await asyncio.sleep(delay_s)
        if fails:
            raise RefusedError("the policy refuses (ordered)")
        held_sat = await self.node.balance_sat(withdrawal.wallet_id)
        if held_sat < withdrawal.amount_sat:
            raise RefusedError(
                f"wallet {withdrawal.wallet_id} holds {held_sat} sat, {withdrawal.amount_sat} were asked for"
            )

    async def _carry_out(self, withdrawal: Withdrawal, operation: CustodyOperation) -> Withdrawal:
        """Sign, then send; what is signed is written down first, so that a crash never signs twice."""
        try:
            with operation.step("signing"):
                withdrawal = await self._sign(withdrawal)
            with operation.step("broadcast"):
                return await self._broadcast(withdrawal, operation)
        except (TransactionFailed, OperationFailed) as error:
            if withdrawal.state is not State.SIGNED:  # a signed one is sent again at the next start
                self.book.change(withdrawal.id, state=State.FAILED, reason=str(error))
                operation.finish("error", error=error)
            raise

    async def _sign(self, withdrawal: Withdrawal) -> Withdrawal:
        draft = await self._draft(withdrawal)
        key_id = self._options.wallets[withdrawal.wallet_id]
        signatures = [await asyncio.to_thread(self._sign_digest, key_id, digest) for digest in draft.digests]
        signed = await self.node.complete(withdrawal.wallet_id, draft, signatures)
        return self.book.change(withdrawal.id, state=State.SIGNED, signed=signed)

    async def _draft(self, withdrawal: Withdrawal) -> Draft:
        try:
            if withdrawal.txid:
                return await self.node.dearer(
                    withdrawal.wallet_id,
                    withdrawal.txid,
                    address=withdrawal.address,
                    amount_sat=withdrawal.amount_sat,
                )
            return await self.node.draft(
                withdrawal.wallet_id, address=withdrawal.address, amount_sat=withdrawal.amount_sat
            )
        except NodeError as error:
            raise TransactionFailed(str(error)) from error

    def _sign_digest(self, key_id: str, digest: bytes) -> bytes:
        provider = self.signer.provider
        with trace_hsm_operation("sign", key_id, provider) as signing:
            try:
                signature = self.signer.sign(key_id, digest)
            except SignerError as error:
                self._alerts.send_alert(AlertBuilders.hsm_operation_failed("sign", provider, str(error)))
                raise OperationFailed(str(error)) from error
            # By a name of it on record the transaction that carries it is known from one that was signed elsewhere.
            signing.set_signature(signature)
            return signature

    async def _broadcast(self, withdrawal: Withdrawal, operation: CustodyOperation) -> Withdrawal:
        # Before anybody can see it: who watches the chain then knows whose transaction it is.
        operation.set_transaction(self.node.txid(withdrawal.signed))
        data = BitcoinTransactionData(amount_sats=withdrawal.amount_sat)
        async with trace_bitcoin_operation("send", withdrawal.wallet_id, data) as sending:
            try:
                txid = await self.node.broadcast(withdrawal.signed)
            except NodeError as error:
                raise TransactionFailed(str(error)) from error
            sending.set_result(txid)
        log.info("withdrawal_broadcast", withdrawal_id=withdrawal.id, txid=txid)
        return self.book.change(withdrawal.id, state=State.BROADCAST, txid=txid, context=operation.context)
