"""Log records as evidence: what the SDK really writes, and what it is read as."""

from __future__ import annotations

from dataclasses import replace

import pytest

from anyascope.custody.evidence import evidence_in, evidence_of, sight_of, sights_in
from anyascope.custody.nouns import Evidence, EvidenceKind
from anyascope.model.logs import LogBatch, LogRecord
from anyascope.sdk.custody import custody_operation
from anyascope.sdk.operations import trace_hsm_operation
from support.custody_house import audit, node_event, txid
from support.sdk_recorder import recording


def told_by_sdk(correlation_id: str) -> list[Evidence]:
    """What is read from all that the SDK writes about a withdrawal that is signed, and then refused."""
    with recording() as recorder:
        operation = custody_operation("withdrawal", wallet_id="hot", amount_sats=5_000, correlation_id=correlation_id)
        with operation:
            with operation.step("policy"):
                pass
            with operation.step("approval") as step:
                step.fail("denied")
            with trace_hsm_operation("sign", "key-1", "softhsm"):
                pass
            with trace_hsm_operation("sign", "key-1", "softhsm") as failed:
                failed.fail("locked")
            with trace_hsm_operation("random", "key-1", "softhsm"):
                pass
            operation.set_transaction(txid(9))
        operation.finish("refused")
    records = [
        LogRecord(1, line.event, attributes=line.fields, correlation_id=line.ids["correlation_id"], stream="otlp")
        for line in recorder.lines
        if line.logger == "anyascope.audit"
    ]
    batch = LogBatch("otlp")
    for record in records:
        batch.add(record)
    return list(evidence_in(batch))


def test_the_sdks_own_records_are_read() -> None:
    """Beginning, steps, the one signature that succeeded, the transaction, the end: nothing else counts."""
    found = {each for each in told_by_sdk("c1") if each.kind is not EvidenceKind.NAMED}

    assert found == {
        Evidence(EvidenceKind.BEGAN, "c1", 1, "withdrawal", amount_sats=5_000),
        Evidence(EvidenceKind.STEP, "c1", 1, "policy", is_well=True),
        Evidence(EvidenceKind.STEP, "c1", 1, "approval", is_well=False),
        Evidence(EvidenceKind.SIGNED, "c1", 1, "key-1"),
        Evidence(EvidenceKind.ENDED, "c1", 1, "refused"),
    }
    assert Evidence(EvidenceKind.NAMED, "c1", 1, txid=txid(9)) in told_by_sdk("c1")


@pytest.mark.parametrize(
    "said",
    [
        audit("login", "intent"),
        audit("withdrawal", "intent"),
        audit("hsm_operation", "intent", operation="sign"),
        {"audit.action": 5, "audit.phase": None},
        {"transaction_id": 5},
        {},
    ],
    ids=["another's audit", "no operation of the SDK", "an intent alone", "odd types", "an odd id", "nothing"],
)
def test_what_is_no_evidence_is_passed_over(said: dict) -> None:
    """Whatever services put into their records."""
    assert list(evidence_of(LogRecord(1, "", attributes=said, correlation_id="c1"))) == []


def test_operations_that_begin_with_sign_are_signatures() -> None:
    """`sign_psbt` is one; `signal` and `verify` are none."""
    for operation, count in (("sign_psbt", 1), ("signal", 0), ("verify", 0)):
        said = audit("hsm_operation", "outcome", outcome="success", operation=operation)
        assert len(list(evidence_of(LogRecord(1, "", attributes=said, correlation_id="c1")))) == count


def test_a_record_without_a_correlation_id_joins_nothing() -> None:
    """Evidence belongs to an operation."""
    assert list(evidence_of(LogRecord(1, "", attributes=audit("w", "intent", custody__operation="w")))) == []


def test_any_record_may_name_the_transaction() -> None:
    """Such as the line of a send, which says it after the broadcast."""
    record = LogRecord(5, "bitcoin_operation_succeeded", attributes={"transaction_id": txid(1)}, correlation_id="c1")

    assert list(evidence_of(record)) == [Evidence(EvidenceKind.NAMED, "c1", 5, txid=txid(1))]


def test_a_node_tells_spends() -> None:
    """Amounts are told without their sign; a block's height only where it is in one."""
    sight = sight_of(node_event("seen", number=3, amount=-70, wallet="hot", at_ns=8, replaces=txid(2)))
    assert sight is not None
    spend = sight.spend
    assert (spend.key, spend.wallet, spend.amount_sats, spend.fee_sats) == (("regtest", txid(3)), "hot", 70, 200)
    assert (spend.seen_ns, spend.replaces, spend.height, sight.is_gone) == (8, txid(2), -1, False)
    gone = sight_of(node_event("conflicted", number=3, amount=1, wallet="hot", at_ns=8))
    assert gone is not None
    assert gone.is_gone


@pytest.mark.parametrize(
    "change",
    [
        {"bitcoin.transaction.spends_ours": False},
        {"bitcoin.transaction.spends_ours": "true"},
        {"bitcoin.transaction.id": None},
        {"bitcoin.wallet": ""},
        {"bitcoin.chain": 5},
    ],
)
def test_what_spends_nothing_of_ours_is_no_spend(change: dict) -> None:
    """Deposits, and records that lack what a spend is known by."""
    record = node_event("seen", number=3, amount=1, wallet="hot", at_ns=8)
    assert sight_of(replace(record, attributes={**record.attributes, **change})) is None


def test_nodes_and_services_are_kept_apart() -> None:
    """A service cannot tell a spend, and a node's record names no operation."""
    spoofed = LogBatch("otlp")
    spoofed.add(replace(node_event("seen", number=3, amount=1, wallet="hot", at_ns=8), stream="otlp"))
    node = LogBatch("bitcoin")
    node.add(node_event("seen", number=3, amount=1, wallet="hot", at_ns=8))

    assert list(sights_in(spoofed)) == []
    assert len(list(sights_in(node))) == 1
    assert list(evidence_in(node)) == []
