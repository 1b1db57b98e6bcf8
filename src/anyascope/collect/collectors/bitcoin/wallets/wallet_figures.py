"""A wallet's figures: from what is known of it to what is told."""

from __future__ import annotations

from dataclasses import replace

from anyascope.clock import NS_PER_S
from anyascope.collect.collectors.bitcoin.sheet import Sheet
from anyascope.collect.collectors.bitcoin.wallets.coins import SIZES_SATS, Coins
from anyascope.collect.collectors.bitcoin.wallets.consolidation import consolidation_of
from anyascope.collect.collectors.bitcoin.wallets.fees import Fee, Market
from anyascope.collect.collectors.bitcoin.wallets.sweep import KVB, sweep_of
from anyascope.model.wallets import WalletCoins, WalletConsolidation, WalletFee, WalletSight

_SIZES = "anya_bitcoin_wallet_utxo_sats"


def coins_sight(coins: Coins, fee: Fee | None, market: Market | None, *, listed_ns: int) -> WalletCoins:
    """What is said of coins at today's fee; without a fee, what needs none."""
    sweep = sweep_of(coins.inputs)
    counts = tuple(zip(SIZES_SATS, coins.counts_up_to(), strict=True))
    known = WalletCoins(
        listed_ns, coins.count, coins.sats, counts, sweep.vbytes, len(sweep.sizes_vbytes), assumed=coins.assumed
    )
    if fee is None:
        return known
    dust, found = coins.dust(fee.sat_per_kvb), consolidation_of(coins, fee, market)
    return replace(
        known,
        cost_sats=sweep.cost_sats(fee.sat_per_kvb),
        dust=dust.count,
        dust_sats=dust.sats,
        consolidation=WalletConsolidation(
            found.is_advised, found.coins, found.transactions, found.cost_sats, found.saving_sats
        ),
    )


def fee_sight(fee: Fee, market: Market | None, known_hours: int) -> WalletFee:
    """Today's fee, in sats a virtual byte."""
    if market is None:
        return WalletFee(fee.sat_per_vb, fee.source, known_hours=known_hours)
    return WalletFee(fee.sat_per_vb, fee.source, market.median / KVB, market.cheap / KVB, known_hours)


def tell_wallet(sheet: Sheet, sight: WalletSight, *, now_ns: int) -> None:
    """A wallet's points."""
    label = ("wallet", sight.name)
    text = "Whether a wallet is loaded; 0 where the settings name one that is not."
    sheet.gauge("anya_bitcoin_wallet_loaded", text, float(sight.is_loaded), label)
    if sight.funds is not None:
        funds = sight.funds
        text = "What a wallet holds: confirmed or its own change, sent by others and not confirmed, mined lately."
        for state, amount in (
            ("trusted", funds.trusted_sats),
            ("pending", funds.pending_sats),
            ("immature", funds.immature_sats),
        ):
            sheet.gauge("anya_bitcoin_wallet_funds_sats", text, amount, label, ("state", state))
    text = "Keys that were made in advance."
    sheet.gauge("anya_bitcoin_wallet_keypool_size", text, sight.keypool_size, label)
    if sight.fee is not None:
        text = "Today's fee rate, at which spending is reckoned."
        sheet.gauge("anya_bitcoin_wallet_fee_rate_sat_per_vb", text, sight.fee.sat_per_vb, label)
    for call in sight.slow_calls:
        text = "How long a call is not made again, since it took the node more than 0.2 s."
        sheet.gauge("anya_bitcoin_wallet_call_rest_seconds", text, call.rest_s, label, ("method", call.method))
    if sight.coins is not None:
        _tell_coins(sheet, sight.coins, label, now_ns=now_ns)


def tell_readable(sheet: Sheet, sight: WalletSight) -> None:
    """Whether what is told of a loaded wallet is all, and of now."""
    if sight.is_loaded:
        text = "Whether a loaded wallet told all that it was asked for at the last look."
        sheet.gauge("anya_bitcoin_wallet_readable", text, float(not sight.fault), ("wallet", sight.name))


def _tell_coins(sheet: Sheet, coins: WalletCoins, label: tuple[str, str], *, now_ns: int) -> None:
    sheet.gauge("anya_bitcoin_wallet_utxos", "Coins that a wallet can spend.", coins.count, label)
    text = "How long ago the node listed the coins."
    sheet.gauge("anya_bitcoin_wallet_utxos_age_seconds", text, (now_ns - coins.listed_ns) / NS_PER_S, label)
    text = "Coins by what they hold."
    for bound, count in coins.counts:
        sheet.bucket(_SIZES, text, "_bucket", count, label, ("le", str(bound)))
    sheet.bucket(_SIZES, text, "_bucket", coins.count, label, ("le", "+Inf"))
    sheet.bucket(_SIZES, text, "_sum", coins.sats, label)
    sheet.bucket(_SIZES, text, "_count", coins.count, label)
    text = "Coins that cost more to spend than they hold, at today's fee."
    sheet.gauge("anya_bitcoin_wallet_dust_utxos", text, coins.dust, label)
    text = "What coins hold that cost more to spend than that, at today's fee."
    sheet.gauge("anya_bitcoin_wallet_dust_sats", text, coins.dust_sats, label)
    text = "Virtual bytes of the transactions that spend the whole wallet, each into one output."
    sheet.gauge("anya_bitcoin_wallet_spend_vbytes", text, coins.vbytes, label)
    text = "What spending the whole wallet costs at today's fee."
    sheet.gauge("anya_bitcoin_wallet_spend_cost_sats", text, coins.cost_sats, label)
    if coins.consolidation is not None:
        _tell_consolidation(sheet, coins.consolidation, label)


def _tell_consolidation(sheet: Sheet, found: WalletConsolidation, label: tuple[str, str]) -> None:
    text = "Whether now is a good moment to put the coins together."
    sheet.gauge("anya_bitcoin_wallet_consolidation_advised", text, float(found.is_advised), label)
    text = "What putting together all coins that are no dust costs at today's fee."
    sheet.gauge("anya_bitcoin_wallet_consolidation_cost_sats", text, found.cost_sats, label)
    text = "What that saves against spending the coins one by one at the median fee of the last days."
    sheet.gauge("anya_bitcoin_wallet_consolidation_saving_sats", text, found.saving_sats, label)
