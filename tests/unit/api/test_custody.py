"""Spends by the own API: listed by pages and states, and accepted by somebody with a reason."""

from __future__ import annotations

from dataclasses import replace

import pytest

from anyascope.clock import NS_PER_S
from anyascope.custody.nouns import Item, Lack, Proof, Spend, State
from support.custody_house import txid
from support.own_api import House, Spends


def item(number: int, state: State) -> Item:
    lacks = (Lack.REQUEST, Lack.SIGNATURE) if state is State.UNMATCHED else ()
    joined, operation, proof = (("c1",), "withdrawal", Proof.TOLD) if state is State.MATCHED else ((), "", None)
    spend = Spend("main", txid(number), "hot", 5_000, number * NS_PER_S, node="core", fee_sats=7, replaces=txid(9))
    spend = replace(spend, rivals=(txid(9), txid(8)))
    return Item(spend, state, lacks=lacks, correlation_ids=joined, operation=operation, proof=proof, settled_ns=1)


def house() -> House:
    states = (State.WAITING, State.UNMATCHED, State.MATCHED, State.MATCHED)
    return House(spend_desk=Spends([item(4 - number, state) for number, state in enumerate(states)]))


async def test_spends_are_listed_by_pages_and_states() -> None:
    """Amounts are sats, times are RFC 3339, what is not known yet is null."""
    async with house().client() as client:
        first = (await client.get("/custody/spends", params={"limit": 3})).json()
        second = (await client.get("/custody/spends", params={"limit": 3, "cursor": first["cursor"]})).json()
        unmatched = (await client.get("/custody/spends", params={"state": "unmatched"})).json()

    assert [one["state"] for one in first["spends"]] == ["waiting", "unmatched", "matched"]
    assert ([one["txid"] for one in second["spends"]], second["cursor"]) == ([txid(1)], None)
    [told] = unmatched["spends"]
    assert told["lacks"] == ["request", "signature"]
    assert (told["amount_sats"], told["fee_sats"], told["wallet"], told["replaces"]) == (5_000, 7, "hot", txid(9))
    assert (told["rivals"], told["signature"]) == ([txid(9), txid(8)], "")
    assert first["spends"][2]["signature"] == "told"
    assert (told["seen_at"], told["matched_at"]) == ("1970-01-01T00:00:03.000000000Z", None)


@pytest.mark.parametrize("asked", [{"limit": 0}, {"limit": 1_001}, {"state": "lost"}])
async def test_wrong_parameters_are_named(asked: dict) -> None:
    """With a 400 that says which."""
    async with house().client() as client:
        answer = await client.get("/custody/spends", params=asked)
    assert answer.status_code == 400
    assert next(iter(asked)) in answer.text


async def test_an_unmatched_spend_is_accepted_by_somebody_with_a_reason() -> None:
    """Once; what is not unmatched is a conflict, and what is not known is not found."""
    async with house().client() as client:
        body = {"by": " ann ", "note": "by hand"}
        accepted = await client.post(f"/custody/spends/main/{txid(3)}/accept", json=body)
        assert (accepted.status_code, accepted.json()["state"], accepted.json()["accepted_by"]) == (
            200,
            "accepted",
            "ann",
        )
        assert (await client.post(f"/custody/spends/main/{txid(3)}/accept", json=body)).status_code == 409
        assert (await client.post(f"/custody/spends/test/{txid(3)}/accept", json=body)).status_code == 404
        for lacking in ({"by": "ann", "note": " "}, {"by": "", "note": "x"}, {"by": "ann"}):
            assert (await client.post(f"/custody/spends/main/{txid(3)}/accept", json=lacking)).status_code == 400
