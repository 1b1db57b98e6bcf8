"""Watched wallets out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from fastapi import APIRouter
from starlette.responses import Response

from anyascope.api.encode import json_response
from anyascope.api.params import answers
from anyascope.api.render import time_or_none
from anyascope.model.wallets import WalletCoins, WalletConsolidation, WalletFee, WalletFunds, WalletSight
from anyascope.wire.own_wallets import (
    BitcoinWalletsView,
    BitcoinWalletView,
    CoinSizesView,
    ConsolidationView,
    SlowCallView,
    WalletCoinsView,
    WalletFeeView,
    WalletFundsView,
)


class WalletsSource(Protocol):
    """Who watches wallets."""

    def bitcoin_wallets(self) -> Sequence[WalletSight]:
        """All of them, node by node; quick, never raises."""


def wallets_router(wallets: WalletsSource) -> APIRouter:
    """The route `/bitcoin/wallets`."""
    router = APIRouter(tags=["bitcoin"])

    @router.get(
        "/bitcoin/wallets",
        operation_id="listBitcoinWallets",
        summary="Each watched wallet: its funds, its coins, what spending and putting them together costs today",
        response_model=BitcoinWalletsView,
        responses=answers(problems=()),
    )
    async def list_wallets() -> Response:
        """As the last look found them, once an interval; the wallets of a node that does not answer are not there."""
        return json_response(wallets_view(wallets.bitcoin_wallets()))

    return router


def wallets_view(wallets: Sequence[WalletSight]) -> BitcoinWalletsView:
    """Wallets as the API shows them."""
    return BitcoinWalletsView(wallets=[_wallet_view(wallet) for wallet in wallets])


def _wallet_view(wallet: WalletSight) -> BitcoinWalletView:
    return BitcoinWalletView(
        node=wallet.node,
        chain=wallet.chain,
        name=wallet.name,
        looked_at=time_or_none(wallet.looked_ns),
        is_loaded=wallet.is_loaded,
        fault=wallet.fault,
        funds=_funds_view(wallet.funds),
        fee=_fee_view(wallet.fee),
        coins=_coins_view(wallet.coins),
        keypool_size=wallet.keypool_size,
        is_locked=wallet.is_locked,
        is_scanning=wallet.is_scanning,
        slow_calls=[
            SlowCallView(method=call.method, took_s=call.took_s, rest_s=call.rest_s) for call in wallet.slow_calls
        ],
        coin=wallet.coin,
    )


def _funds_view(funds: WalletFunds | None) -> WalletFundsView | None:
    if funds is None:
        return None
    return WalletFundsView(
        trusted_sats=funds.trusted_sats, pending_sats=funds.pending_sats, immature_sats=funds.immature_sats
    )


def _fee_view(fee: WalletFee | None) -> WalletFeeView | None:
    if fee is None:
        return None
    return WalletFeeView(
        sat_per_vb=fee.sat_per_vb,
        source="estimate" if fee.source == "estimate" else "minimum",
        median_sat_per_vb=fee.median_sat_per_vb,
        cheap_sat_per_vb=fee.cheap_sat_per_vb,
        known_hours=fee.known_hours,
    )


def _coins_view(coins: WalletCoins | None) -> WalletCoinsView | None:
    if coins is None:
        return None
    return WalletCoinsView(
        listed_at=time_or_none(coins.listed_ns),
        coins=coins.count,
        sats=coins.sats,
        sizes=[CoinSizesView(up_to_sats=bound, coins=count) for bound, count in coins.counts],
        dust_coins=coins.dust,
        dust_sats=coins.dust_sats,
        spend_vbytes=coins.vbytes,
        spend_transactions=coins.transactions,
        spend_cost_sats=coins.cost_sats,
        inputs_assumed=coins.assumed,
        consolidation=_consolidation_view(coins.consolidation),
    )


def _consolidation_view(found: WalletConsolidation | None) -> ConsolidationView | None:
    if found is None:
        return None
    return ConsolidationView(
        is_advised=found.is_advised,
        coins=found.coins,
        transactions=found.transactions,
        cost_sats=found.cost_sats,
        saving_sats=found.saving_sats,
    )
