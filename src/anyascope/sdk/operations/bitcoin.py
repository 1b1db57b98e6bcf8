"""Bitcoin operations: what moves or could move coins."""

from __future__ import annotations

import logging
from typing import Any

from anyascope.sdk.metrics.recording import count_transaction
from anyascope.sdk.operations import measures
from anyascope.sdk.operations.arguments import Arguments, Data, Given, Name, asked, transaction_of
from anyascope.sdk.operations.outcomes import transaction_id_in
from anyascope.sdk.operations.running import ERROR, SUCCESS, Operation
from anyascope.sdk.operations.traced import Traced
from anyascope.sdk.operations.types import BitcoinTransactionData
from anyascope.sdk.values import UNKNOWN

SPAN_NAME = "bitcoin_operation"


class BitcoinOperation(Operation):
    """One run of a Bitcoin operation."""

    __slots__ = ("_arguments", "_declared", "_known", "operation_type", "transaction", "wallet_id")

    def __init__(self, declared: BitcoinOperations, arguments: Arguments) -> None:
        super().__init__()
        self.operation_type = UNKNOWN
        self.wallet_id = UNKNOWN
        self.transaction: BitcoinTransactionData | None = None
        self._declared = declared
        self._arguments = arguments
        self._known: dict[str, Any] = {}

    def _begin(self) -> None:
        declared, arguments = self._declared, self._arguments
        operation_type = self.operation_type = declared.operation_type.name(arguments)
        wallet_id = self.wallet_id = declared.wallet_id.name(arguments)
        transaction = self.transaction = declared.transaction(arguments)
        known = self._known = {"operation": operation_type, "wallet_id": wallet_id}
        if transaction is not None:
            if transaction.txid is not None:
                known["transaction_id"] = transaction.txid
            if transaction.amount_sats is not None:
                known["amount_sats"] = transaction.amount_sats
            if transaction.fee_rate_sat_per_vb is not None:
                known["fee_rate"] = transaction.fee_rate_sat_per_vb
        self._open(
            SPAN_NAME,
            {
                **known,
                "security_level": "high",
                "security.classification": "restricted",
                "compliance.level": "high",
            },
        )
        self._say(logging.INFO, "bitcoin_operation_started", dict(known))

    def _mark(self) -> None:
        known, marks = self._known, {"operation.status": ERROR if self._failed else SUCCESS}
        txid = transaction_id_in(self._result)
        if txid is not None:
            known["transaction_id"] = marks["transaction_id"] = txid
        if self._failed:
            known["error"] = marks["error.message"] = self._error_text()
        self._mark_outcome(marks, error=marks.get("error.message"))

    def _measure(self) -> None:
        count_transaction(
            measures.bitcoin.metrics,
            self.operation_type,
            self.wallet_id,
            ERROR if self._failed else SUCCESS,
            self.duration_s,
            self.transaction.amount_sats if self.transaction is not None else None,
            self._exemplar("correlation_id", self.correlation_id),
        )

    def _tell(self) -> None:
        said = {**self._known, "duration_ms": self.duration_ms}
        if self._failed:
            self._say(logging.ERROR, "bitcoin_operation_failed", said)
        else:
            self._say(logging.INFO, "bitcoin_operation_succeeded", said)


class BitcoinOperations(Traced[BitcoinOperation]):
    """What `trace_bitcoin_operation` gives."""

    __slots__ = ("_ask", "_transaction", "operation_type", "wallet_id")

    def __init__(self, operation_type: Name, wallet_id: Name, transaction_data: Data) -> None:
        super().__init__()
        self.operation_type = Given(operation_type, "operation_type")
        self.wallet_id = Given(wallet_id, "wallet_id")
        self._ask = transaction_data if callable(transaction_data) else None
        self._transaction = transaction_of(transaction_data) if self._ask is None else None

    def transaction(self, arguments: Arguments) -> BitcoinTransactionData | None:
        """What is known of the transaction of a call with these arguments."""
        if self._ask is None:
            return self._transaction
        return transaction_of(asked(self._ask, arguments, "transaction_data"))

    def _make(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> BitcoinOperation:
        return BitcoinOperation(self, (args, kwargs))


def trace_bitcoin_operation(operation_type: Name, wallet_id: Name, transaction_data: Data = None) -> BitcoinOperations:
    """A span `bitcoin_operation`, log lines and metrics around the caller's real function or block.

        @trace_bitcoin_operation("send", wallet_id=lambda request: request.wallet_id)
        async def send(request: Request) -> str: ...

        with trace_bitcoin_operation("send", "hot", BitcoinTransactionData(amount_sats=50_000)) as operation:
            operation.set_result(node.send(...))

    Args:
        operation_type: such as `send`, `receive`, `sign`. A successful `send` lowers the wallet's balance by the amount, a
            successful `receive` raises it.
        wallet_id: whose coins; the operator's name for it, never a key.
        transaction_data: what is known before it begins.

    Each may be a function of the decorated function's arguments (of none for a block). The transaction's id is taken from
    the result: a txid, a tuple that begins with one, or an object or mapping with `txid` or `transaction_id`.
    """
    return BitcoinOperations(operation_type, wallet_id, transaction_data)
