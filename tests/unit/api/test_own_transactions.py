"""The resource /bitcoin/transactions."""

from __future__ import annotations

from anyascope.model.own_transactions import FeeBump, OpenTransaction
from support.own_api import House

WAITS = {
    "chain": "main",
    "node": "core-1",
    "wallet": "hot",
    "txid": "aa",
    "direction": "withdrawal",
    "status": "open",
    "amount_sats": 5,
    "fee_sats": None,
    "age_blocks": 7,
    "is_in_mempool": False,
    "is_stuck": True,
    "is_reopened": True,
    "coin": "litecoin",
}


async def transactions_of(house: House) -> list[dict]:
    async with house.client() as client:
        answer = await client.get("/bitcoin/transactions")
    assert answer.status_code == 200
    return answer.json()["transactions"]


async def test_nothing_waits():
    """An empty list."""
    assert await transactions_of(House()) == []


async def test_what_waits_is_told_with_what_frees_it():
    """Whole sats; what is not known is null; the bump as it was found."""
    bump = FeeBump("cpfp", 12.5, 900, 900, "bitcoin-cli …", child_vsize=110, note="unlock the wallet first")
    stuck = OpenTransaction(**WAITS, seen_ns=0, market_sat_per_vb=12.5, bump=bump)
    lost = OpenTransaction(**{**WAITS, "txid": "bb"}, seen_ns=1_000_000_000, lacks="no child", is_evicted=True)
    [first, second] = await transactions_of(House(transactions=[stuck, lost]))
    assert first == {
        **WAITS,
        "seen_at": None,
        "rate_sat_per_vb": None,
        "market_sat_per_vb": 12.5,
        "bump": {
            "kind": "cpfp",
            "fee_rate_sat_per_vb": 12.5,
            "fee_sats": 900,
            "extra_sats": 900,
            "command": "bitcoin-cli …",
            "child_vsize": 110,
            "note": "unlock the wallet first",
        },
        "lacks": "",
        "is_evicted": False,
    }
    assert (second["txid"], second["bump"], second["lacks"], second["is_evicted"]) == ("bb", None, "no child", True)
    assert second["seen_at"] == "1970-01-01T00:00:01.000000000Z"
