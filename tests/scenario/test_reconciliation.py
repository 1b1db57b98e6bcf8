"""Spends against requests and signatures, over stores in memory, on a hand-turned clock."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from anyascope.custody import reception
from anyascope.custody.nouns import State
from anyascope.custody.options import CustodyOptions
from anyascope.errors import ConflictError, NotFoundError, UnavailableError
from anyascope.model.logs import LogBatch
from support.custody_house import CustodyHouse, node_event, running_house, txid

ALL = "request,approval,signature"


@pytest.fixture
async def house() -> AsyncIterator[CustodyHouse]:
    async with running_house() as made:
        yield made


async def test_an_honest_spend_is_matched_at_once_and_pages_nobody(house: CustodyHouse) -> None:
    """All is known before the node sees it: nothing waits, and the counter of matched ones grows from 0."""
    await house.asks("w1", 1)
    await house.sees(1)

    assert house.told() == [("matched", "1", ())]
    await house.advance(60)
    assert house.paging() == {}
    assert house.value("anya_custody_spends_total", result="matched", wallet="hot", chain="regtest") == 1
    counted = [batch.samples.values.tolist() for batch in house.pipe.batches]
    assert max(counted[0], default=0) == 0


async def test_a_spend_that_nobody_asked_for_pages_after_the_grace(house: CustodyHouse) -> None:
    """Not before; with what it lacks and how much it moves, once."""
    await house.sees(7, amount=123_456)
    await house.advance(0.4)
    assert house.paging() == {}
    assert house.value("anya_custody_waiting_spends") == 1
    await house.advance(0.2)

    assert house.paging() == {"7": ALL}
    assert house.value("anya_custody_unmatched_spend_sats", txid=txid(7)) == 123_456
    await house.sees(7, event="confirmed", in_block=True)
    await house.advance(600)
    assert house.told() == [("unmatched", "7", ("request", "approval", "signature"))]
    assert house.paging() == {"7": ALL}


@pytest.mark.parametrize("missing", ["begins", "step", "signs"])
async def test_each_of_the_three_can_be_what_lacks(house: CustodyHouse, missing: str) -> None:
    """Without one of them it pages and says which."""
    for what in ("begins", "step", "signs"):
        if what != missing:
            await getattr(house, what)("w1")
    await house.names("w1", 1)
    await house.sees(1)
    await house.advance(2)

    wanted = {"begins": "request,approval", "step": "approval", "signs": "signature"}
    assert house.paging() == {"1": wanted[missing]}


async def test_what_arrives_within_the_grace_settles_it(house: CustodyHouse) -> None:
    """The batches of an SDK may be slower than the node."""
    await house.sees(1)
    await house.advance(0.4)
    await house.asks("w1", 1)

    assert house.states() == [("matched", "1")]


async def test_what_arrives_after_the_page_ends_it_as_late(house: CustodyHouse) -> None:
    """The page ends, and it is told that it was late."""
    await house.begins("w1")
    await house.step("w1")
    await house.sees(1)
    await house.advance(2)
    assert house.paging() == {"1": ALL}
    await house.signs("w1", at_s=-2)
    await house.names("w1", 1)

    assert house.states() == [("unmatched", "1"), ("late", "1")]
    assert house.paging() == {}
    assert house.value("anya_custody_spends_total", result="late") == 1
    assert house.value("anya_custody_unmatched_spends") == 0


@pytest.mark.parametrize("outcome", ["refused", "cancelled", "expired"])
async def test_what_was_refused_before_the_spend_is_not_approved(house: CustodyHouse, outcome: str) -> None:
    """Although a policy had let it pass and the HSM had signed."""
    await house.asks("w1", 1)
    await house.ends("w1", outcome)
    await house.advance(5)
    await house.sees(1)
    await house.advance(2)

    assert house.paging() == {"1": "approval"}


async def test_a_person_who_denied_it_outweighs_the_policy(house: CustodyHouse) -> None:
    """A failed approval step; the same step gone well later approves."""
    for number, cid in ((1, "w1"), (2, "w2")):
        await house.asks(cid, number)
        await house.step(cid, "approval", outcome="error")
    await house.advance(1)
    await house.step("w2", "approval")
    await house.sees(1)
    await house.sees(2)
    await house.advance(2)

    assert house.paging() == {"1": "approval"}


async def test_a_signature_of_before_the_request_does_not_count(house: CustodyHouse) -> None:
    """Nor one of after the spend."""
    await house.begins("w1")
    await house.step("w1")
    await house.signs("w1", at_s=-60)
    await house.names("w1", 1)
    await house.sees(1)
    await house.advance(2)
    await house.advance(10)
    await house.signs("w1")

    assert house.paging() == {"1": "signature"}


async def test_more_than_was_asked_for_lacks_the_amount(house: CustodyHouse) -> None:
    """The amount is without the fee, as the node tells it: not a satoshi more."""
    await house.asks("w1", 1, amount=1_000)
    await house.asks("w2", 2, amount=1_000)
    await house.sees(1, amount=1_000)
    await house.sees(2, amount=1_001)
    await house.advance(2)

    assert house.paging() == {"2": "amount"}
    assert ("matched", "1") in house.states()


async def test_one_request_is_paid_once(house: CustodyHouse) -> None:
    """A second transaction under the same approval pages, although everything names it."""
    await house.asks("w1", 1)
    await house.sees(1)
    await house.signs("w1")
    await house.names("w1", 2)
    await house.sees(2)
    await house.advance(2)

    assert house.paging() == {"2": "amount"}


async def test_one_request_is_paid_once_over_a_restart(house: CustodyHouse) -> None:
    """What was paid before is found in the store."""
    await house.asks("w1", 1)
    await house.sees(1)
    await house.kill()
    await house.advance(60)
    await house.start()
    await house.advance(60)
    await house.signs("w1")
    await house.names("w1", 2)
    await house.sees(2)
    await house.advance(2)

    assert house.paging() == {"2": "amount"}


async def test_a_batch_is_covered_by_its_requests_together(house: CustodyHouse) -> None:
    """One transaction, three requests, one signature; each operation gets its event."""
    for cid in ("w1", "w2", "w3"):
        await house.begins(cid, amount=1_000)
        await house.step(cid)
        await house.names(cid, 1)
    await house.signs("w2")
    await house.sees(1, amount=3_000)

    assert house.states() == [("matched", "1")] * 3
    joined = {record.correlation_id for record in house.store._records if record.stream == "custody"}
    assert joined == {"w1", "w2", "w3"}


async def test_a_batch_with_an_unapproved_request_lacks_the_amount(house: CustodyHouse) -> None:
    """What was approved does not cover it."""
    for cid in ("w1", "w2"):
        await house.begins(cid, amount=1_000)
        await house.names(cid, 1)
    await house.step("w1")
    await house.signs("w1")
    await house.sees(1, amount=2_000)
    await house.advance(2)

    assert house.paging() == {"1": "amount"}


async def test_a_replacement_that_was_signed_again_inherits_the_request(house: CustodyHouse) -> None:
    """Although nobody told its new id; without a new signature it pages."""
    for number, cid in ((1, "w1"), (3, "w2")):
        await house.asks(cid, number)
        await house.sees(number)
    await house.advance(10)
    await house.signs("w1")
    await house.sees(2, replaces=txid(1))
    await house.sees(4, replaces=txid(3))
    await house.advance(2)

    assert house.paging() == {"4": "signature"}
    assert house.states().count(("matched", "2")) == 1


async def test_a_conflicted_transaction_frees_what_was_approved(house: CustodyHouse) -> None:
    """The second one carries out the request where the first moves nothing any more."""
    await house.asks("w1", 1)
    await house.sees(1)
    await house.sees(1, event="conflicted")
    await house.signs("w1")
    await house.names("w1", 2)
    await house.sees(2)
    await house.advance(2)

    assert house.paging() == {}
    assert house.states() == [("matched", "1"), ("matched", "2")]


async def test_two_nodes_and_two_wallets_are_one_spend(house: CustodyHouse) -> None:
    """Of the same chain and transaction."""
    await house.sees(1)
    await house.sees(1, wallet="hot-mirror")
    await house.advance(2)

    assert house.paging() == {"1": ALL}
    assert house.states() == [("unmatched", "1")]


async def test_a_signature_of_days_ago_is_found_in_the_store(house: CustodyHouse) -> None:
    """Over a restart, so that nothing of it is remembered; beyond the horizon it is not."""
    for number, cid in ((1, "w1"), (2, "w2")):
        await house.asks(cid, number)
        await house.kill()
        await house.advance(20 * 86_400)
        await house.start()
        await house.advance(60)
    await house.sees(1)
    await house.sees(2)
    await house.advance(2)

    assert house.paging() == {"1": ALL}
    assert house.states()[0] == ("matched", "2")


async def test_after_a_kill_nothing_is_told_twice_and_the_page_goes_on(house: CustodyHouse) -> None:
    """The open item is taken up; its match still ends it."""
    await house.sees(1)
    await house.advance(2)
    await house.kill()
    house.pipe.batches.clear()
    await house.start()

    assert house.paging() == {"1": ALL}
    await house.advance(600)
    assert house.states() == [("unmatched", "1")]
    await house.asks("w1", 1)
    await house.advance(1)
    assert house.paging() == {"1": "request,approval,signature"}  # asked for, and signed, long after the spend


async def test_an_event_that_a_crash_cut_off_is_told_by_the_next_process(house: CustodyHouse) -> None:
    """It was committed and not told; the store says whether it was."""
    await house.sees(1)
    real = house.pipe.logs

    async def fails(*_args: object, **_more: object) -> None:
        raise UnavailableError("cut off", retry_after_s=1e6)

    house.pipe.logs = fails  # type: ignore[method-assign,assignment]
    await house.advance(2)
    assert house.states() == []
    await house.kill()
    house.pipe.logs = real  # type: ignore[method-assign]
    await house.start()

    assert house.states() == [("unmatched", "1")]
    await house.kill()
    await house.start()
    assert house.states() == [("unmatched", "1")]


async def test_what_was_spent_while_the_server_was_down_is_looked_at(house: CustodyHouse) -> None:
    """The collector's record is in the store; the services' spools get the time to arrive."""
    await house.advance(10)
    await house.kill()
    await house.advance(20)
    await house.sees(1)
    await house.sees(2)
    await house.start()
    await house.advance(10)
    assert house.paging() == {}
    await house.asks("w1", 1, at_s=-11)
    await house.advance(20)

    assert house.paging() == {"2": ALL}
    assert ("matched", "1") in house.states()


async def test_only_the_wallets_that_were_named_must_reconcile() -> None:
    """And none where nothing was configured."""
    for options, paging in (
        (CustodyOptions(is_on=True, wallets=("custody-*", "cold")), {"2": ALL}),
        (CustodyOptions(), {}),
    ):
        house = CustodyHouse(options)
        await house.start()
        await house.sees(1, wallet="private")
        await house.sees(2, wallet="custody-hot")
        await house.advance(2)
        assert house.paging() == paging
        await house.kill()


async def test_a_reload_narrows_what_is_watched(house: CustodyHouse) -> None:
    """Pages of wallets that need not reconcile any more end; off ends all."""
    await house.sees(1, wallet="private")
    await house.sees(2)
    await house.advance(2)
    assert house.room is not None
    await house.room.reload(CustodyOptions(is_on=True, wallets=("hot",)))
    assert house.paging() == {"2": ALL}
    await house.room.reload(CustodyOptions())
    assert house.paging() == {}
    assert list(house.room.health()) == []


async def test_a_store_that_cannot_write_delays_the_page_and_does_not_lose_it(house: CustodyHouse) -> None:
    """It is told once the store can, and health says why not before."""
    await house.sees(1)
    house.pipe.error = UnavailableError("the disk is full", retry_after_s=1.0)
    await house.advance(5)
    assert house.room is not None
    assert "disk is full" in house.room.health()[0].message
    house.pipe.error = None
    await house.advance(3)

    assert house.paging() == {"1": ALL}
    assert house.states() == [("unmatched", "1")]


async def test_spends_are_listed_newest_first_by_pages(house: CustodyHouse) -> None:
    """What waits stands before all; a state filters."""
    for number in range(1, 6):
        if number % 2:
            await house.asks(f"w{number}", number)
        await house.sees(number)
        await house.advance(2)
    await house.sees(6)
    room = house.room
    assert room is not None
    first = await room.spends(limit=2, cursor="", state=None)
    second = await room.spends(limit=2, cursor=first.cursor, state=None)
    unmatched = await room.spends(limit=10, cursor="", state=State.UNMATCHED)

    assert [item.spend.txid for item in first.items] == [txid(6), txid(5), txid(4)]
    assert [item.spend.txid for item in second.items] == [txid(3), txid(2)]
    assert [(item.spend.txid, item.operation) for item in unmatched.items] == [(txid(4), ""), (txid(2), "")]
    assert second.items[0].operation == "withdrawal"


async def test_old_spends_are_forgotten(house: CustodyHouse) -> None:
    """After the horizon, also those that nobody ever explained."""
    await house.sees(1)
    await house.advance(2)
    await house.kill()
    house.pipe.batches.clear()
    await house.advance(31 * 86_400)
    await house.start()
    assert house.room is not None

    assert (await house.room.spends(limit=10, cursor="", state=None)).items == ()
    assert house.paging() == {}


async def test_a_person_may_accept_an_unmatched_spend(house: CustodyHouse) -> None:
    """The page ends, name and reason stay on record over a restart, and nothing else can be accepted."""
    await house.sees(1)
    await house.advance(2)
    room = house.room
    assert room is not None
    accepted = await room.accept(("regtest", txid(1)), by="ann", note="by hand")
    await house.advance(1)

    assert accepted.state is State.ACCEPTED
    assert house.paging() == {}
    assert house.states() == [("unmatched", "1"), ("accepted", "1")]
    with pytest.raises(ConflictError):
        await room.accept(("regtest", txid(1)), by="bob", note="again")
    with pytest.raises(NotFoundError):
        await room.accept(("regtest", txid(2)), by="bob", note="which?")
    await house.kill()
    await house.start()
    await house.sees(1, event="confirmed")
    await house.advance(60)
    assert house.room is not None
    [kept] = (await house.room.spends(limit=10, cursor="", state=None)).items
    assert (kept.accepted_by, kept.note, kept.is_told) == ("ann", "by hand", True)
    assert house.paging() == {}
    assert len(house.states()) == 2


async def test_what_was_spent_while_it_was_off_is_not_looked_at_later(house: CustodyHouse) -> None:
    """Who switches it off is not paged for that time when it is on again; what was open before still is."""
    await house.sees(1)
    await house.advance(2)
    await house.kill()
    house.options = CustodyOptions()
    await house.start()
    await house.sees(2)
    await house.advance(600)
    await house.kill()
    house.pipe.batches.clear()
    house.options = CustodyOptions(is_on=True)
    await house.start()
    await house.advance(60)

    assert house.paging() == {"1": ALL}


async def test_a_fault_of_one_look_does_not_end_the_watch(house: CustodyHouse, monkeypatch) -> None:
    """It is told by the health, and what waits is judged by the next look."""
    assert house.room is not None
    real, calls = house.room._book.find, []

    async def fails_once(key: object) -> object:
        calls.append(key)
        if len(calls) == 1:
            raise RuntimeError("a fault")
        return await real(key)  # type: ignore[arg-type]

    monkeypatch.setattr(house.room._book, "find", fails_once)
    await house.sees(1)
    assert "a fault" in house.room.health()[0].message
    await house.advance(3)

    assert house.paging() == {"1": ALL}
    assert house.room.health()[0].status.value == "healthy"


async def test_a_spend_that_cannot_be_looked_up_hides_no_other(house: CustodyHouse, monkeypatch) -> None:
    """Those beside it page within seconds, and after a kill it is still looked at."""
    assert house.room is not None
    real, broken = house.room._book.find, ("regtest", txid(1))

    async def fails_for_one(key: object) -> object:
        if key == broken:
            raise RuntimeError("a damaged document")
        return await real(key)  # type: ignore[arg-type]

    monkeypatch.setattr(house.room._book, "find", fails_for_one)
    await house.sees(1)
    await house.sees(2)
    await house.advance(3)
    assert house.paging() == {"2": ALL}
    assert "a damaged document" in house.room.health()[0].message
    await house.advance(600)
    await house.kill()
    await house.start()
    await house.advance(60)

    assert house.paging() == {"1": ALL, "2": ALL}


async def test_a_question_to_the_store_that_breaks_leaves_the_page_in_time(house: CustodyHouse, monkeypatch) -> None:
    """What is known by then decides, and the next question is asked as ever."""
    assert house.room is not None

    async def breaks(*_: object, **__: object) -> None:
        raise RuntimeError("a fault")

    with monkeypatch.context() as broken:
        broken.setattr(house.room._lookup, "evidence", breaks)
        await house.sees(1)
        await house.advance(1)
    assert house.paging() == {"1": ALL}
    await house.asks("w2", 2)
    await house.sees(2)

    assert ("matched", "2") in house.states()


async def test_a_burst_that_the_inbox_does_not_hold_is_read_from_the_store(house: CustodyHouse, monkeypatch) -> None:
    """None of it is lost."""
    monkeypatch.setattr(reception, "INBOX_MAX", 2)
    batch = LogBatch("bitcoin")
    for number in range(1, 6):
        batch.add(node_event("seen", number=number, amount=1_000, wallet="hot", at_ns=house.clock.now_ns()))
    await house.pipe.logs([batch], source="test")
    await house.advance(3)

    assert set(house.paging()) == {"1", "2", "3", "4", "5"}


async def test_a_deposit_asks_for_no_spend(house: CustodyHouse) -> None:
    """A payment between two of our wallets is a deposit of one, and a spend of the other that somebody must have asked for."""
    await house.begins("d1", kind="deposit")
    await house.step("d1")
    await house.signs("d1")
    await house.names("d1", 1)
    await house.sees(1)
    await house.advance(2)

    assert house.paging() == {"1": "request,approval"}


async def test_an_operation_without_an_amount_covers_nothing_that_leaves(house: CustodyHouse) -> None:
    """Whoever asks for no amount could be paid any; what stays in the wallet needs none."""
    await house.asks("w1", 1, amount=None)
    await house.asks("w2", 2, amount=None)
    await house.sees(1)
    await house.sees(2, amount=10**9, direction="internal")
    await house.advance(2)

    assert house.paging() == {"1": "amount"}
    assert house.states() == [("matched", "2"), ("unmatched", "1")]


async def test_where_no_amount_is_required_one_without_allows_any() -> None:
    """Services that cannot say it: `require_amount: false`."""
    house = CustodyHouse(options=CustodyOptions(is_on=True, require_amount=False))
    await house.start()
    await house.asks("w1", 1, amount=None)
    await house.sees(1, amount=10**9)

    assert house.states() == [("matched", "1")]
    await house.kill()


async def test_a_fee_that_nobody_would_pay_lacks_the_amount(house: CustodyHouse) -> None:
    """More than 0.1 bitcoin, which Core's wallet refuses by itself: money can be taken by a fee, too."""
    for number, fee in ((1, 10_000_000), (2, 10_000_001)):
        await house.asks(f"w{number}", number)
        await house.sees(number, fee_sats=fee)
    await house.advance(2)

    assert house.paging() == {"2": "amount"}


async def test_what_several_wallets_pay_together_is_added_up(house: CustodyHouse) -> None:
    """Each tells what it lost: 600 and 500 are 1,100, of which 1,000 were asked for; a part of the fee is in it."""
    fee = 100_000
    for number, second in ((1, 400), (2, 400 + fee), (3, 401 + fee)):
        await house.asks(f"w{number}", number)
        await house.sees(number, amount=600, wallet="hot", shares_inputs=True, fee_sats=0)
        await house.sees(number, amount=second, wallet="warm", shares_inputs=True, fee_sats=0)
    await house.advance(2)

    assert house.paging() == {"3": "amount"}


async def test_a_joint_spend_waits_for_all_its_wallets(house: CustodyHouse) -> None:
    """The first one's part alone would be covered: it is not judged before the grace is over."""
    await house.asks("w1", 1, amount=1_000)
    await house.sees(1, amount=900, wallet="hot", shares_inputs=True, fee_sats=0)
    await house.advance(0.3)
    assert house.states() == []
    await house.sees(1, amount=200_000, wallet="warm", shares_inputs=True, fee_sats=0)
    await house.advance(2)

    assert house.paging() == {"1": "amount"}


async def test_of_a_joint_spend_a_wallet_that_gains_is_subtracted(house: CustodyHouse) -> None:
    """A payment between two wallets that both put coins in: 900,000 go from one, 700,000 come to the other."""
    await house.asks("w1", 1, amount=150_000)
    await house.sees(1, amount=900_000, wallet="hot", shares_inputs=True, fee_sats=0)
    await house.sees(1, amount=700_000, wallet="warm", shares_inputs=True, fee_sats=0, direction="deposit")
    await house.advance(2)

    assert house.paging() == {}


async def test_rivals_take_nothing_from_what_was_approved(house: CustodyHouse) -> None:
    """A service's own fee bump, which the node's wallet does not know for one: at most one of the two is ever mined."""
    await house.asks("w1", 1)
    await house.sees(1)
    await house.advance(1)
    await house.signs("w1")
    await house.names("w1", 2)
    await house.sees(2, rivals=[txid(1)])
    await house.advance(1)
    await house.names("w1", 3)
    await house.sees(3, rivals=[txid(1), txid(2)])
    await house.advance(2)

    assert house.states() == [("matched", "1"), ("matched", "2"), ("unmatched", "3")]
    assert house.paging() == {"3": "signature"}  # two signatures were made, and this is the third transaction


async def test_bumps_in_a_row_inherit_from_the_first(house: CustodyHouse) -> None:
    """Only the first was named, and all three are seen at once, such as after an outage: none pages."""
    await house.asks("w1", 1)
    for _ in range(2):
        await house.advance(1)
        await house.signs("w1")
    for number in (3, 2, 1):  # the youngest first
        others = [txid(other) for other in (1, 2, 3) if other != number]
        await house.sees(number, rivals=others, replaces=txid(number - 1) if number > 1 else "")
    await house.advance(2)

    assert house.paging() == {}
    assert sorted(house.states()) == [("matched", "1"), ("matched", "2"), ("matched", "3")]


async def test_a_payment_that_took_the_place_of_another_takes_its_own_request(house: CustodyHouse) -> None:
    """The coins of a cancelled withdrawal pay another one, and the first is paid again later: nothing is told of it."""
    await house.asks("w1", 1, amount=2_000)
    await house.sees(1, amount=2_000)
    await house.asks("w2", 2, amount=1_000, at_s=0.1)
    await house.sees(2, amount=1_000, at_s=0.2, replaces=txid(1))
    await house.sees(1, amount=2_000, event="replaced")
    await house.advance(1)
    await house.signs("w1")
    await house.names("w1", 3)
    await house.sees(3, amount=2_000)
    await house.advance(2)

    assert house.paging() == {}
    assert house.states() == [("matched", "1"), ("matched", "2"), ("matched", "3")]


async def test_a_transaction_that_was_signed_elsewhere_lacks_the_signature(house: CustodyHouse) -> None:
    """The HSM made a signature under this request, and the transaction carries another: a copied key, a swapped transaction."""
    for number in (1, 2, 3):
        await house.begins(f"w{number}")
        await house.step(f"w{number}")
        await house.signs(f"w{number}", name="aa" if number < 3 else None)
        await house.names(f"w{number}", number)
    await house.sees(1, signatures=["aa", "bb"])
    await house.sees(2, signatures=["bb"])
    await house.sees(3, signatures=["bb"])
    await house.advance(2)

    assert house.paging() == {"2": "signature"}
    proofs = {
        str(record.attributes["bitcoin.transaction.id"]).lstrip("0"): record.attributes.get("custody.spend.signature")
        for record in house.store._records
        if record.stream == "custody"
    }
    assert proofs == {"1": "carried", "2": None, "3": "told"}


async def test_who_asked_for_a_signature_and_who_made_it_tell_of_one(house: CustodyHouse) -> None:
    """The service's word without a name beside the module's with one, of the same key, adds nothing; of another key it does."""
    for number, key in ((1, "k"), (2, "another signer's")):
        await house.begins(f"w{number}")
        await house.step(f"w{number}")
        await house.signs(f"w{number}", name="aa")
        await house.signs(f"w{number}", key=key)
        await house.names(f"w{number}", number)
        await house.sees(number, signatures=["bb"])
    await house.advance(2)

    assert house.paging() == {"1": "signature"}


async def test_more_open_spends_than_there_is_room_for_are_judged_later(house: CustodyHouse, monkeypatch) -> None:
    """They are read from the store again once there are fewer; none is lost, and health says why they wait."""
    monkeypatch.setattr(reception, "OPEN_MAX", 4)
    for number in range(1, 7):
        await house.sees(number)
    await house.advance(2)
    room = house.room
    assert room is not None
    assert set(house.paging()) == {"1", "2", "3", "4"}
    assert room.health()[0].status.value == "degraded"
    for number in range(1, 4):
        await room.accept(("regtest", txid(number)), by="ann", note="known")
    await house.advance(20)

    assert set(house.paging()) == {"4", "5", "6"}


async def test_spends_of_an_operation_are_found_by_any_of_its_ids(house: CustodyHouse) -> None:
    """Open ones by txid or correlation id, settled ones by their key; the newest first."""
    await house.begins("w2")
    await house.names("w2", 2)
    await house.asks("w1", 1)
    await house.sees(1)
    await house.advance(1)
    await house.sees(2)
    room = house.room
    assert room is not None
    waiting = await room.related([txid(2)], [])
    assert [(one.spend.txid, one.state) for one in waiting] == [(txid(2), State.WAITING)]
    await house.advance(2)
    both = await room.related(["w2"], [("regtest", txid(1)), ("regtest", txid(2)), ("main", txid(9))])

    assert [(one.spend.txid, one.state) for one in both] == [(txid(2), State.UNMATCHED), (txid(1), State.MATCHED)]
    assert await room.related(["w9"], []) == []


async def test_withdrawals_of_before_the_very_first_look_are_history(house: CustodyHouse) -> None:
    """21 of them page nobody, are told once each over a restart, and health says how many."""
    for number in range(1, 22):
        await house.sees(number, event="confirmed", in_block=True, history=True)
    await house.advance(60)

    assert house.paging() == {}
    assert house.states() == [("history", str(txid(number)).lstrip("0")) for number in range(1, 22)]
    assert house.room is not None
    page = await house.room.spends(limit=100, cursor="", state=State.HISTORY)
    assert len(page.items) == 21
    assert "21 were made before their wallet was watched" in house.room.health()[0].message
    await house.kill()
    await house.start()
    await house.sees(1, event="unconfirmed", history=True)
    await house.advance(60)
    assert len(house.states()) == 21
    assert house.paging() == {}
    assert house.value("anya_custody_unmatched_spends", wallet="hot") in (None, 0)


async def test_a_thief_that_bumps_a_withdrawal_of_history_pages(house: CustodyHouse) -> None:
    """What replaces it came later."""
    await house.sees(1, event="stuck", history=True)
    await house.sees(2, replaces=txid(1))
    await house.advance(2)

    assert house.paging() == {"2": ALL}


def _now_s(house: CustodyHouse) -> int:
    return house.clock.now_ns() // 1_000_000_000


async def test_switched_on_later_what_waited_is_history() -> None:
    """A thief gains nothing: neither afterwards, nor while the server is down, nor with a node whose clock goes behind."""
    house = CustodyHouse(options=CustodyOptions())
    await house.start()
    old_s = _now_s(house)
    await house.sees(1, received_s=old_s)
    await house.advance(60)
    assert house.room is not None
    await house.room.reload(CustodyOptions(is_on=True))
    house.options = CustodyOptions(is_on=True)
    await house.sees(1, event="confirmed", received_s=old_s)
    await house.sees(2, received_s=old_s)  # new to the watch, whatever the node's clock says
    await house.advance(60)
    assert house.paging() == {"2": ALL}
    stolen_s = _now_s(house)
    await house.kill()
    await house.advance(3_600)
    await house.start()
    await house.sees(3, event="confirmed", received_s=stolen_s)
    await house.sees(4, event="confirmed", received_s=old_s)
    await house.advance(60)

    assert house.paging() == {"2": ALL, "3": ALL}
    assert house.states().count(("history", "1")) == 1
    assert house.states().count(("history", "4")) == 1
    await house.kill()


@pytest.mark.parametrize("is_restarted", [False, True])
async def test_a_wallet_that_must_reconcile_later_begins_then(*, is_restarted: bool) -> None:
    """What it had waiting is history; of one that had to before nothing is, whatever the settings say now."""
    house = CustodyHouse(options=CustodyOptions(is_on=True, wallets=("hot",)))
    await house.start()
    await house.advance(10)
    old_s = _now_s(house)
    await house.sees(1, wallet="warm", received_s=old_s)
    await house.advance(600)
    assert house.room is not None
    house.options = CustodyOptions(is_on=True, wallets=("hot", "w*"))
    if is_restarted:
        await house.kill()
        await house.start()
    else:
        await house.room.reload(house.options)
    await house.sees(1, wallet="warm", event="confirmed", received_s=old_s)
    await house.sees(2, wallet="hot", event="confirmed", received_s=old_s)
    await house.advance(60)

    assert house.paging() == {"2": ALL}
    assert ("history", "1") in house.states()
    await house.kill()


async def test_switched_off_and_on_it_begins_anew() -> None:
    """What was spent meanwhile is nobody's concern later."""
    house = CustodyHouse()
    await house.start()
    assert house.room is not None
    await house.room.reload(CustodyOptions())
    await house.advance(10)
    between_s = _now_s(house)
    await house.advance(10)
    await house.room.reload(CustodyOptions(is_on=True))
    await house.sees(1, event="confirmed", received_s=between_s)
    await house.advance(60)

    assert house.paging() == {}
    await house.kill()
