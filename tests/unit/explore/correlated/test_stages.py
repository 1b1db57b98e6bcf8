"""How far an operation came, and what did not go straight on."""

from __future__ import annotations

import pytest

from anyascope.explore.correlated.nouns import Found
from anyascope.explore.correlated.stages import is_under_way, outcome_of, setbacks_in, stages_of
from anyascope.model.traces import SpanStatus
from support.operations import (
    OPERATION,
    SECOND_TXID,
    TXID,
    record,
    sighting,
    span,
    withdrawal_records,
    withdrawal_spans,
)


def found(*, records=(), spans=()):
    return Found([OPERATION], tuple(records), tuple(spans))


def told(**given):
    return [(one.name.value, one.state.value, one.detail) for one in stages_of(found(**given))]


def state_of(name, **given):
    return next((state, detail) for stage, state, detail in told(**given) if stage == name)


def setbacks(*records, spans=()):
    every = setbacks_in(found(records=records, spans=spans))
    return [(one.kind.value, one.txid, one.detail, one.is_over) for one in every]


def test_stages_are_passed_one_after_another():
    """What a person took to approve counts."""
    stages = stages_of(found(records=withdrawal_records(), spans=withdrawal_spans()))
    assert [(one.name.value, one.state.value, one.took_ns, one.detail) for one in stages] == [
        ("request", "done", None, "by customer"),
        ("approval", "done", 62_000_000_000, "by ada"),
        ("signing", "done", 2_000_000_000, ""),
        ("broadcast", "done", 2_000_000_000, ""),
        ("confirmation", "open", 535_000_000_000, "1 of 3, block 925,000"),
    ]


def test_what_was_passed_over_is_missing_and_what_may_come_waits():
    """A transaction that nobody asked for."""
    states = [state for _, state, _ in told(records=[sighting("seen", 5)])]
    assert states == ["missing", "missing", "missing", "done", "waiting"]


def test_a_service_without_the_sdk_is_followed_by_its_attributes():
    """As the guide of reconciliation lists them: no event has a name."""

    def said(second, action, phase, **more):
        about = {"audit.action": action, "audit.phase": phase} | {
            key.replace("__", "."): value for key, value in more.items()
        }
        return record("", second, said=about)

    records = [
        said(0, "withdrawal", "intent", custody__operation="withdrawal", amount_sats=5),
        said(1, "withdrawal.policy", "event", custody__stage="policy", audit__outcome="success"),
        said(2, "hsm_operation", "intent", operation="sign"),
        said(3, "hsm_operation", "outcome", operation="sign", audit__outcome="success"),
        sighting("seen", 5),
    ]
    assert [state for _, state, _ in told(records=records)] == ["done", "done", "done", "done", "waiting"]
    assert outcome_of(found(records=records)) == ""
    ends = said(9, "withdrawal", "outcome", custody__operation="withdrawal", audit__outcome="success")
    assert outcome_of(found(records=[*records, ends])) == "success"


def test_a_deposit_needs_no_request_of_ours():
    """Nothing of it is missing; one that a wallet of ours pays has a sender who must have asked."""
    direction = "bitcoin.transaction.direction"
    received = [
        sighting("seen", 5, **{direction: "deposit"}),
        sighting("confirmed", 9, height=7, **{direction: "deposit"}),
    ]
    assert told(records=received) == [("broadcast", "done", "seen by core-1"), ("confirmation", "done", "block 7")]
    paid = [*received, sighting("seen", 5, **{direction: "withdrawal"})]
    assert [state for _, state, _ in told(records=paid)] == ["missing", "missing", "missing", "done", "done"]


def test_a_stage_that_failed_and_worked_the_next_time_is_done():
    """The failed one is a setback that was made good; one that did not work again is not."""
    fails = span("custody.signing", 2, stage="signing", status=SpanStatus.ERROR, status_message="CKR_DEVICE_ERROR")
    again = span("custody.signing", 9, stage="signing")
    assert state_of("signing", spans=[fails]) == ("failed", "CKR_DEVICE_ERROR")
    assert state_of("signing", spans=[fails, again])[0] == "done"
    assert setbacks(spans=[fails]) == [("failed", "", "signing: CKR_DEVICE_ERROR", False)]
    assert setbacks(spans=[fails, again]) == [("failed", "", "signing: CKR_DEVICE_ERROR", True)]


def test_names_of_spans_stand_for_stages_that_a_service_does_not_have():
    """Of services without our SDK."""
    names = ["POST /withdrawals", "withdrawal.approve", "withdrawal.sign", "sendrawtransaction"]
    spans = [span(name, second) for second, name in enumerate(names)]
    assert [state for _, state, _ in told(spans=spans)] == ["done", "done", "done", "done", "waiting"]


def test_what_is_no_operation_has_no_stages():
    """A line of a log."""
    assert told(records=[record("", 0)]) == []
    assert not is_under_way([], "")


def test_a_reorg_takes_the_confirmation_back_until_the_next_block():
    """The newest count holds, not the largest."""
    mined, lost = sighting("confirmed", 10, height=101), sighting("unconfirmed", 20, height=101)
    records = [sighting("seen", 5), mined, lost]
    assert state_of("confirmation", records=records) == ("open", "lost block 101 in a reorg")
    assert setbacks(*records) == [("reorged", TXID, "lost block 101", False)]
    again = [*records, sighting("confirmed", 30, height=102)]
    assert state_of("confirmation", records=again) == ("done", "block 102")
    assert setbacks(*again) == [("reorged", TXID, "lost block 101", True)]


def test_the_newest_count_of_confirmations_holds():
    """A reorg makes them fewer."""
    counts = [span("custody.confirmation", second, said={"custody.confirmations": number, "custody.confirmations_wanted": 3}) for second, number in ((1, 2), (5, 0))]  # fmt: skip
    assert state_of("confirmation", spans=counts) == ("open", "")
    assert state_of("confirmation", spans=counts[:1]) == ("open", "2 of 3")


@pytest.mark.parametrize("event", ["replaced", "conflicted", "abandoned"])
def test_a_transaction_that_is_gone_cannot_confirm(event):
    """Unless another of the operation may."""
    gone = [sighting("seen", 1), sighting(event, 9)]
    assert state_of("confirmation", records=gone) == ("failed", f"transaction {event}")
    other = sighting("seen", 9, txid=SECOND_TXID)
    assert state_of("confirmation", records=[*gone, other])[0] == "waiting"


def test_a_replacement_that_is_mined_makes_the_replacing_good():
    """And ends that the first was stuck."""
    records = [
        sighting("seen", 1),
        sighting("stuck", 2),
        sighting("replaced", 3, **{"bitcoin.transaction.replaced_by": SECOND_TXID}),
        sighting("seen", 3, txid=SECOND_TXID),
    ]
    by = f"by {SECOND_TXID}"
    assert setbacks(*records) == [
        ("stuck", TXID, "told by core-1", True),
        ("replaced", TXID, by, False),
    ]
    mined = sighting("confirmed", 9, txid=SECOND_TXID, height=7)
    assert setbacks(*records, mined)[1] == ("replaced", TXID, by, True)


def test_a_setback_that_two_nodes_tell_is_one():
    """The first word of it counts."""
    assert len(setbacks(sighting("stuck", 2), sighting("stuck", 3))) == 1


def test_an_operation_is_under_way_until_it_says_how_it_ended():
    """A reorg opens it again."""
    begun = withdrawal_records()
    end = {"audit.action": "withdrawal", "custody.operation": "withdrawal", "audit.phase": "outcome"}
    ended = record("audit.withdrawal.outcome", 700, said=end | {"audit.outcome": "success"})
    reopened = record("audit.withdrawal.event", 800, said=end | {"audit.phase": "event", "audit.outcome": "reopened"})

    def follow(*more):
        one = found(records=[*begun, *more], spans=withdrawal_spans())
        return outcome_of(one), is_under_way(stages_of(one), outcome_of(one))

    assert follow() == ("", True)
    assert follow(ended) == ("success", False)
    assert follow(ended, reopened) == ("", True)
