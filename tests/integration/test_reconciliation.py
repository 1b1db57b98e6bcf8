"""A real node, a real token, the example as the service, and Slack: what was asked for is quiet, what was not pages."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest

from support.reconciliation_story import SAT_PER_BTC, Story, playing
from support.server import eventually

pytest.importorskip("pkcs11")
UNASKED = 3
GRACE = "8s"  # of what an honest service tells: its process, the server and the node may each be held up that long
LARGE_SAT = 12_000_000  # above what passes without a second person


def settled(story: Story, count: int) -> list[dict]:
    """All spends, once so many are judged."""

    def judged() -> list[dict] | None:
        found = [one for one in story.spends() if one["state"] != "waiting"]
        return found if len(found) >= count else None

    return eventually(judged, what=f"{count} spends are judged")


def bump(story: Story) -> tuple[dict, dict, dict]:
    """A withdrawal whose service pays a higher fee for it: as it was sent, and the spends of both transactions."""
    first = story.ask(90_000)
    eventually(lambda: spends_of(story, first["txid"]), what="the spend is judged")
    answer = httpx.post(f"{story.api.url}/withdrawals/{first['id']}/fee-bump")
    assert answer.is_success, answer.text
    txid = answer.json()["txid"]
    assert txid != first["txid"]
    eventually(lambda: spends_of(story, txid), what="the replacement is judged")

    def both() -> tuple[dict, dict]:
        """What each became, once both are known for what they are."""
        [replaced], [bumped] = spends_of(story, first["txid"]), spends_of(story, txid)
        assert replaced["is_gone"]
        assert bumped["rivals"]
        return replaced, bumped

    return first, *eventually(both, what="the first is gone, and the second is known to be its rival")


def spends_of(story: Story, txid: str) -> list[dict]:
    return [one for one in story.spends() if one["txid"] == txid and one["state"] != "waiting"]


@pytest.mark.long
def test_only_what_nobody_asked_for_pages(tmp_path: Path) -> None:
    """Withdrawals of the service match; a spend by the node's own wallet pages with txid, amount and wallet, over a kill once."""
    with playing(tmp_path, grace=GRACE) as story:
        honest = [story.withdraw(amount) for amount in (50_000, LARGE_SAT, 70_000, 80_000)]
        found = {one["txid"]: one for one in settled(story, len(honest))}
        assert [found[txid]["state"] for txid in honest] == ["matched"] * len(honest), found
        assert [found[txid]["amount_sats"] for txid in honest] == [50_000, LARGE_SAT, 70_000, 80_000]
        assert story.pages() == []

        first, replaced, bumped = bump(story)
        assert {one["signature"] for one in story.spends("matched")} == {"carried"}
        assert (replaced["txid"], replaced["is_gone"], replaced["state"]) == (first["txid"], True, "matched")
        assert (bumped["is_gone"], bumped["rivals"], bumped["amount_sats"]) == (False, [first["txid"]], 90_000)
        assert bumped["correlation_ids"] == replaced["correlation_ids"]
        assert bumped["fee_sats"] > replaced["fee_sats"]
        assert story.pages() == []

        amounts_sat = [1_000_000 + number for number in range(UNASKED)]
        stolen = [story.steal(amount_sat)[0] for amount_sat in amounts_sat]
        for txid, amount_sat in zip(stolen, amounts_sat, strict=True):
            text = json.dumps(story.page(txid))
            assert str(amount_sat) in text, text
            assert "treasury" in text
            assert "no request, no approval, no signature" in text
        assert {one["txid"] for one in story.spends("unmatched")} == set(stolen)

        waiting = story.ask(LARGE_SAT)
        eventually(lambda: story.is_on_record(waiting["id"]), what="the request is on record")
        eventually(story.is_all_told, what="that the pages were told is on record")
        story.server.kill()
        story.server.start()
        # The service waits longer and longer for a server that is away: what it tells meanwhile comes after the grace.
        other = story.ask(LARGE_SAT + 1)
        eventually(lambda: story.is_on_record(other["id"]), within_s=300, what="the service has found the server again")
        # Asked for before the server died, approved and signed after it: found in the store.
        approved = story.approve(waiting["id"])
        eventually(lambda: approved in {one["txid"] for one in story.spends("matched")}, what="its match")
        story.node.mine(1, to=story.miner)
        after = story.steal(SAT_PER_BTC // 100)[0]
        story.page(after)
        assert {one["txid"] for one in story.spends("unmatched")} == {*stolen, after}
        assert [len(story.pages(txid)) for txid in stolen] == [1] * UNASKED
        assert {one["state"] for one in story.spends() if one["txid"] in {*honest, approved, bumped["txid"]}} == {
            "matched"
        }

        url = f"{story.server.url}/api/anyascope/v1/custody/spends/regtest/{after}/accept"
        assert httpx.post(url, json={"by": "ann", "note": "by hand"}).json()["state"] == "accepted"
        eventually(lambda: len(story.pages(after)) == 2, what="the page ends")
