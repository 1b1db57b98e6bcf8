"""Property tests of amounts, and of what spending coins costs."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from anyascope.collect.collectors.bitcoin.wallets.coins import coins_of
from anyascope.collect.collectors.bitcoin.wallets.inputs import OWN_SIGNATURES
from anyascope.collect.collectors.bitcoin.wallets.sweep import STANDARD_WEIGHT_MAX, sweep_of
from anyascope.wire.bitcoin.rpc import decode_answer_as
from anyascope.wire.bitcoin.wallet import Unspent

SATS_MAX = 2_100_000_000_000_000  # of all bitcoins
SCRIPTS = ("0014", "5120", "76a914", "0020", "a914")

amounts = st.integers(0, SATS_MAX)
rates = st.integers(1, 2_000_000)  # sats a thousand virtual bytes: 0.001 to 2000 sat/vB
coins = st.lists(st.tuples(st.integers(1, 10**7), st.sampled_from(SCRIPTS)), max_size=40).map(
    lambda pairs: coins_of([Unspent(sats / 1e8, script) for sats, script in pairs])
)
inputs = st.lists(st.tuples(st.sampled_from([OWN_SIGNATURES.of(each) for each in SCRIPTS]), st.integers(0, 5_000)))


@given(amounts)
def test_every_amount_comes_through_in_whole_sats(sats):
    """As the node writes it, with eight places, and as a reader may shorten it."""
    for text in (f"{sats // 10**8}.{sats % 10**8:08}", json.dumps(sats / 10**8)):
        [coin] = decode_answer_as(list[Unspent], 200, b'{"result":[{"amount":%s}]}' % text.encode())
        assert coin.sats == sats


@given(coins, rates, rates)
def test_a_higher_fee_never_costs_less(held, one, other):
    """Cost, and the number of coins that are not worth spending, grow with the fee."""
    low, high = sorted((one, other))
    sweep = sweep_of(held.inputs)
    assert sweep.cost_sats(low) <= sweep.cost_sats(high)
    assert held.dust(low).count <= held.dust(high).count
    assert held.dust(low).sats <= held.dust(high).sats


@given(coins, rates)
def test_a_coin_is_dust_or_worth_spending(held, rate):
    """Each is counted on one side, and by the definition: it holds less than its input costs."""
    dust = held.dust(rate)
    assert dust.count + sum(count for _, count in held.worthwhile(rate)) == held.count
    assert dust.count == sum(1 for each, sats in held.kinds for amount in sats if amount * 4_000 < each.weight * rate)


@given(inputs)
def test_every_input_is_spent_once_in_standard_transactions(wanted):
    """The inputs' weight is in the transactions, which add at most their frames, and none is too large to be relayed."""
    sweep = sweep_of(wanted)
    weight = sum(each.weight * count for each, count in wanted)
    frames = len(sweep.sizes_vbytes) * (4 * 43 + 2 + 3)
    empty_witnesses = sum(count for each, count in wanted if not each.is_segwit)
    assert weight <= 4 * sweep.vbytes <= weight + frames + empty_witnesses
    assert all(4 * size <= STANDARD_WEIGHT_MAX for size in sweep.sizes_vbytes)


@given(inputs, inputs)
def test_more_inputs_are_never_cheaper(some, more):
    """What is spent beside adds to the size."""
    assert sweep_of([*some, *more]).vbytes >= sweep_of(some).vbytes
