"""Unit tests of coins."""

from __future__ import annotations

from anyascope.collect.collectors.bitcoin.wallets.coins import Coins, Dust, coins_of
from anyascope.wire.bitcoin.rpc import Refusal, decode_answer_as
from anyascope.wire.bitcoin.wallet import Unspent

SEGWIT, LEGACY = "0014" + "00" * 20, "76a914" + "00" * 20 + "88ac"


def coins(*sats: int, script: str = SEGWIT) -> Coins:
    return coins_of([Unspent(each / 1e8, script) for each in sats])


def test_coins_are_counted_by_size():
    """What others sent and no block confirms is no coin to spend."""
    found = coins_of(
        [Unspent(0.00001, SEGWIT), Unspent(0.00001001, LEGACY), Unspent(50.0, ""), Unspent(1.0, SEGWIT, safe=False)]
    )
    assert (found.count, found.sats, found.assumed) == (3, 5_000_002_001, 1)
    assert found.counts_up_to((1_000, 10_000, 10**9, 10**10)) == [1, 2, 2, 3]
    assert coins().count == coins().sats == 0


def test_dust_costs_more_than_it_holds():
    """A P2WPKH input of 67.75 vB at 10 sat/vB costs 677.5 sats."""
    found = coins(100, 677, 678, 10_000)
    assert found.dust(10_000) == Dust(2, 777)
    assert sum(count for _, count in found.worthwhile(10_000)) == 2
    assert coins(67, 68).dust(1_000).count == 1
    assert coins(146, 147, script=LEGACY).dust(1_000).count == 1  # 147 vB at 1: what it holds pays for it


def test_an_answer_is_decoded_in_its_shape():
    """Fields that are not needed are passed over; another shape is a refusal."""
    body = b'{"result":[{"txid":"ab","amount":0.10000001,"scriptPubKey":"0014","safe":true}],"error":null,"id":0}'
    [coin] = decode_answer_as(list[Unspent], 200, body)
    assert coin.sats == 10_000_001
    wrong = decode_answer_as(list[Unspent], 200, b'{"result":[{"amount":"x"}],"error":null,"id":0}')
    assert isinstance(wrong, Refusal)
    assert wrong.code == "invalid_answer"
    none = decode_answer_as(list[Unspent], 200, b'{"result":null,"error":null,"id":0}')
    assert isinstance(none, Refusal)
    gone = decode_answer_as(list[Unspent], 500, b'{"result":null,"error":{"code":-18,"message":"no"},"id":0}')
    assert gone == Refusal("wallet_not_found", "no")
    assert decode_answer_as(list[Unspent], 401, b"").code == "unauthorized"
    assert decode_answer_as(list[Unspent], 200, b'{"result":[{"amo').code == "invalid_answer"
