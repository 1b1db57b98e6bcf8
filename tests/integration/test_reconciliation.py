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
LARGE_SAT = 12_000_000  # above what passes without a second person


def settled(story: Story, count: int) -> list[dict]:
    """All spends, once so many are judged."""

    def judged() -> list[dict] | None:
        found = [one for one in story.spends() if one["state"] != "waiting"]
        return found if len(found) >= count else None

    return eventually(judged, within_s=60, what=f"{count} spends are judged")


def bump(story: Story) -> tuple[dict, dict, dict]:
    """A withdrawal whose service pays a higher fee for it: as it was sent, and the spends of both transactions."""
    first = story.ask(90_000)
    eventually(lambda: spends_of(story, first["txid"]), within_s=30, what="the spend is judged")
    answer = httpx.post(f"{story.api.url}/withdrawals/{first['id']}/fee-bump", timeout=30)
    assert answer.is_success, answer.text
    txid = answer.json()["txid"]
    assert txid != first["txid"]
    bumped = eventually(lambda: spends_of(story, txid), within_s=30, what="the replacement is judged")[0]
    replaced = eventually(
        lambda: [one for one in spends_of(story, first["txid"]) if one["is_gone"]],
        within_s=30,
        what="the first is gone",
    )[0]
    return first, replaced, bumped


def spends_of(story: Story, txid: str) -> list[dict]:
    return [one for one in story.spends() if one["txid"] == txid and one["state"] != "waiting"]


@pytest.mark.long
@pytest.mark.timeout(300)
def test_only_what_nobody_asked_for_pages(tmp_path: Path) -> None:
    """Withdrawals of the service match; a spend by the node's own wallet pages with txid, amount and wallet, over a kill once."""
    with playing(tmp_path) as story:
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

        latencies_s, stolen = [], []
        for number in range(UNASKED):
            amount_sat = 1_000_000 + number
            txid, at_s = story.steal(amount_sat)
            page = story.page(txid)
            text = json.dumps(page)
            assert str(amount_sat) in text, text
            assert "treasury" in text
            assert "no request, no approval, no signature" in text
            latencies_s.append(float(page["at"]) - at_s)
            stolen.append(txid)
        print("seconds from the node's answer to Slack:", [round(each, 2) for each in latencies_s])  # noqa: T201  # what is shown
        assert {one["txid"] for one in story.spends("unmatched")} == set(stolen)

        waiting = story.ask(LARGE_SAT)
        story.server.kill()
        story.server.start()
        # Asked for before the server died, approved and signed after it: found in the store.
        approved = story.approve(waiting["id"])
        eventually(lambda: approved in {one["txid"] for one in story.spends("matched")}, within_s=60, what="its match")
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
        eventually(lambda: len(story.pages(after)) == 2, within_s=60, what="the page ends")
