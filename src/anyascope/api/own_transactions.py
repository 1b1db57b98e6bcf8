"""Own Bitcoin transactions out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from fastapi import APIRouter
from starlette.responses import Response

from anyascope.api.encode import json_response
from anyascope.api.params import answers
from anyascope.api.render import time_or_none
from anyascope.model.own_transactions import OpenTransaction
from anyascope.wire.own_transactions import FeeBumpView, OwnTransactionsView, OwnTransactionView


class TransactionsSource(Protocol):
    """Who watches wallets."""

    def bitcoin_transactions(self) -> Sequence[OpenTransaction]:
        """What waits, by node and wallet, the oldest first; quick, never raises."""


def transactions_router(source: TransactionsSource) -> APIRouter:
    """The route `/bitcoin/transactions`."""
    router = APIRouter(tags=["bitcoin"])

    @router.get(
        "/bitcoin/transactions",
        operation_id="listBitcoinTransactions",
        summary="Own transactions that wait for a block, or lost theirs, and what would free the stuck ones",
        response_model=OwnTransactionsView,
        responses=answers(problems=()),
    )
    async def list_transactions() -> Response:
        """As the last look found them: once an interval, and at each message of the node. Nothing is signed or sent."""
        return json_response(transactions_view(source.bitcoin_transactions()))

    return router


def transactions_view(found: Sequence[OpenTransaction]) -> OwnTransactionsView:
    """Transactions as the API shows them."""
    return OwnTransactionsView(transactions=[_view(each) for each in found])


def _view(each: OpenTransaction) -> OwnTransactionView:
    bump = each.bump
    return OwnTransactionView(
        chain=each.chain,
        node=each.node,
        wallet=each.wallet,
        txid=each.txid,
        direction=each.direction,  # type: ignore[arg-type]
        status=each.status,  # type: ignore[arg-type]
        amount_sats=each.amount_sats,
        fee_sats=each.fee_sats,
        seen_at=time_or_none(each.seen_ns),
        age_blocks=each.age_blocks,
        is_in_mempool=each.is_in_mempool,
        is_stuck=each.is_stuck,
        is_reopened=each.is_reopened,
        rate_sat_per_vb=each.rate_sat_per_vb,
        market_sat_per_vb=each.market_sat_per_vb,
        bump=None
        if bump is None
        else FeeBumpView(
            kind=bump.kind,  # type: ignore[arg-type]
            fee_rate_sat_per_vb=bump.fee_rate_sat_per_vb,
            fee_sats=bump.fee_sats,
            extra_sats=bump.extra_sats,
            command=bump.command,
            child_vsize=bump.child_vsize,
            note=bump.note,
        ),
        lacks=each.lacks,
        is_evicted=each.is_evicted,
        coin=each.coin,
    )
