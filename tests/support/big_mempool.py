"""A mempool of thousands, on a real node: coins that anybody may spend need no signatures, and what spends them is read from a file."""

from __future__ import annotations

import time
from collections.abc import Sequence
from hashlib import sha256

from support.regtest import RegtestNode

UNCHECKED = ("-checkmempool=0", "-checkblockindex=0")  # on regtest a node goes through all of them at each change
ANYBODY = b"\x51"  # OP_TRUE
SCRIPT = b"\x00\x20" + sha256(ANYBODY).digest()  # P2WSH of it: nodes relay what spends it
COIN_SATS = 500_000
COINS_TOGETHER = 2_000  # outputs of one transaction: 86 kB of the 100 that nodes relay
OUTPUT_FEE_SATS = 1_000  # 43 bytes each
CHAIN_MAX = 25  # Core's limit of ancestors
VSIZE = 96  # of one input and one output of these


def fill_mempool(node: RegtestNode, count: int, *, rates: Sequence[float], chained: int = 0, oldest_s: int = 0) -> None:
    """Bring so many transactions into the mempool.

    Args:
        node: has a wallet `miner` with some 50 bitcoins a ten thousand of them.
        rates: what they pay in turn, in sats a virtual byte.
        chained: how many of them hang on each other, in chains of CHAIN_MAX; these are the newest.
        oldest_s: how long ago the first came; the others between it and now.
    """
    chains = chained // CHAIN_MAX
    coins = _make_coins(node, count - chains * (CHAIN_MAX - 1))
    raws = [_spend(coin, round(rates[at % len(rates)] * VSIZE))[0] for at, coin in enumerate(coins[chains:])]
    for at in range(chains):
        coin = coins[at]
        for _ in range(CHAIN_MAX):
            raw, coin = _spend(coin, round(rates[at % len(rates)] * VSIZE))
            raws.append(raw)
    _load(node, raws, oldest_s=oldest_s)
    assert node.call("getmempoolinfo")["size"] == count


def _make_coins(node: RegtestNode, count: int) -> list[tuple[str, int, int]]:
    """Confirmed ones: transaction, output and sats."""
    coins: list[tuple[str, int, int]] = []
    miner = node.call("getrawchangeaddress", wallet="miner")
    address = node.call("decodescript", SCRIPT.hex())["address"]
    while len(coins) < count:
        number = min(COINS_TOGETHER, count - len(coins))
        amount = number * (COIN_SATS + OUTPUT_FEE_SATS)
        paid = node.call("sendtoaddress", address, f"{amount / 1e8:.8f}", wallet="miner")
        outputs = node.call("gettransaction", paid, False, True, wallet="miner")["decoded"]["vout"]
        node.mine(1, to=miner)  # together they would be more than nodes take unconfirmed
        vout = next(each["n"] for each in outputs if each["scriptPubKey"]["hex"] == SCRIPT.hex())
        raw = _raw((paid, vout), [COIN_SATS] * number)
        txid = node.call("sendrawtransaction", raw, 0)
        coins += [(txid, at, COIN_SATS) for at in range(number)]
    node.mine(1, to=miner)
    return coins


def _spend(coin: tuple[str, int, int], fee_sats: int) -> tuple[str, tuple[str, int, int]]:
    txid, vout, sats = coin
    raw = _raw((txid, vout), [sats - fee_sats])
    return raw, (_txid((txid, vout), [sats - fee_sats]), 0, sats - fee_sats)


def _inside(coin: tuple[str, int], amounts: Sequence[int]) -> bytes:
    txid, vout = coin
    spent = bytes.fromhex(txid)[::-1] + vout.to_bytes(4, "little") + b"\x00" + b"\xfd\xff\xff\xff"
    count = bytes([len(amounts)]) if len(amounts) < 253 else b"\xfd" + len(amounts).to_bytes(2, "little")
    paid = b"".join(sats.to_bytes(8, "little") + bytes([len(SCRIPT)]) + SCRIPT for sats in amounts)
    return b"\x01" + spent + count + paid


def _raw(coin: tuple[str, int], amounts: Sequence[int]) -> str:
    witness = b"\x01" + bytes([len(ANYBODY)]) + ANYBODY
    return (b"\x02\0\0\0" + b"\0\x01" + _inside(coin, amounts) + witness + b"\0\0\0\0").hex()


def _txid(coin: tuple[str, int], amounts: Sequence[int]) -> str:
    bare = b"\x02\0\0\0" + _inside(coin, amounts) + b"\0\0\0\0"
    return sha256(sha256(bare).digest()).digest()[::-1].hex()


def _load(node: RegtestNode, raws: Sequence[str], *, oldest_s: int) -> None:
    """From a file, as a node keeps its mempool over a restart: sent one by one, each waits for a thread of the node.

    Source: Bitcoin Core `src/node/mempool_persist.cpp`, version 1.
    """
    now_s = round(time.time())
    entries = b"".join(
        bytes.fromhex(raw) + (now_s - oldest_s + oldest_s * at // len(raws)).to_bytes(8, "little") + bytes(8)
        for at, raw in enumerate(raws)
    )
    path = node.data / "made-mempool.dat"
    path.write_bytes((1).to_bytes(8, "little") + len(raws).to_bytes(8, "little") + entries + b"\0\0")
    node.call("importmempool", str(path), {"use_current_time": False})
