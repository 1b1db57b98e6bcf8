"""Records, spans and measurements as one time line; ids in what they name."""

from __future__ import annotations

import pytest

from anyascope.clock import NS_PER_MS, NS_PER_S
from anyascope.errors import InvalidInputError
from anyascope.explore.correlated.entries import DETAIL_CHARS_MAX, entries_of, in_order
from anyascope.explore.correlated.ids import ID_CHARS_MAX, Names, checked_id, txids_in
from anyascope.explore.correlated.nouns import Found
from anyascope.explore.correlated.search import AROUND_NS, Stretch, stretches_around
from anyascope.model.metrics import Exemplar
from anyascope.model.traces import SpanStatus
from support.operations import OPERATION, SECOND_TXID, TXID, at, record, sighting, span


def line(**found):
    return in_order(entries_of(Found([OPERATION], **found)))


def test_everything_stands_in_its_order_with_its_kind():
    """Where it leads comes with it."""
    series = (
        ("__name__", "anya_hsm_operation_duration_seconds_bucket"),
        ("job", "custody"),
        ("le", "1"),
        ("operation_type", "sign"),
    )
    measured = Exemplar(series, at(2.5) // NS_PER_MS, 0.25, (("correlation_id", OPERATION), ("span_id", "0a")))
    entries = line(
        spans=[span("custody.signing", 2, status=SpanStatus.ERROR, number=1)],
        records=[
            record("audit.withdrawal.intent", 1, said={"audit.actor": "ann", "audit.phase": "intent", "n": [1, 2]}),
            record("custody.spend.unmatched", 4, stream="custody", severity_number=17),
            sighting("seen", 3),
            record("", 5, body="plain", severity_number=0, severity_text="error"),
        ],
        exemplars=[measured],
    )
    assert [(one.kind.value, one.title, one.is_bad) for one in entries] == [
        ("audit", "audit.withdrawal.intent", False),
        ("span", "custody.signing", True),
        ("metric", "anya_hsm_operation_duration_seconds = 0.25", False),
        ("chain", "bitcoin.transaction.seen", False),
        ("custody", "custody.spend.unmatched", True),
        ("log", "plain", True),
    ]
    audit, signed, metric = entries[:3]
    assert audit.detail == "audit.actor=ann n=[1,2]"
    assert (signed.span_id, signed.duration_ns) == (f"{1:016x}", NS_PER_S)
    assert (metric.metric, metric.span_id, metric.detail) == (series[0][1], "0a", "operation_type=sign")


def test_what_is_long_is_cut():
    """A record of a megabyte is no line."""
    [entry] = line(records=[record("x", 0, said={"psbt": "a" * 10_000})])
    assert (len(entry.detail), entry.detail[-1]) == (DETAIL_CHARS_MAX, "…")


@pytest.mark.parametrize("text", ["", "  ", "a" * (ID_CHARS_MAX + 1), "a\x1bb", "a\nb"])
def test_what_cannot_be_an_id_is_refused(text):
    """By its place in the request."""
    with pytest.raises(InvalidInputError) as refused:
        checked_id(text)
    assert refused.value.path == "id"


def test_a_transactions_id_is_taken_in_any_case():
    """Some programs write it in capitals; an operation's is left as it is."""
    assert checked_id(f" {TXID.upper()} ") == TXID
    assert checked_id(OPERATION.upper()) == OPERATION.upper()
    assert checked_id("a" * ID_CHARS_MAX) == "a" * ID_CHARS_MAX


def test_transactions_are_found_under_every_name():
    """Each once; what is no transaction's id is none."""
    named = [{"txid": TXID}, {"bitcoin.transaction.id": TXID}, {"txid": "9720fb5e"}, {"transaction_id": 7}]
    assert txids_in([*named, {"bitcoin.transaction.replaces": SECOND_TXID}]) == [TXID, SECOND_TXID]


@pytest.mark.parametrize(
    ("text", "is_in"),
    [
        (TXID, True),
        (f"stuck: {TXID} (8 blocks)", True),
        (f"{TXID}ab", False),
        (f"x-{OPERATION}", False),
        (f"see {OPERATION}.", True),
        ("op-1", True),
        ("of op-1", False),  # so short an id may stand anywhere by chance
    ],
)
def test_ids_are_found_in_sentences(text, is_in):
    """Whole, and only long ones."""
    assert Names([OPERATION, TXID, "op-1"]).are_in(["", text]) is is_in


def test_times_that_lie_close_are_one_stretch():
    """Touching counts; no more than the most."""
    gap = 3 * AROUND_NS
    stretches, is_cut = stretches_around([gap, 0, 2 * AROUND_NS // 3])
    assert (stretches, is_cut) == (
        [Stretch(-AROUND_NS, 2 * AROUND_NS // 3 + AROUND_NS), Stretch(gap - AROUND_NS, gap + AROUND_NS)],
        False,
    )
    many, is_cut = stretches_around(range(0, 10 * gap, gap))
    assert (len(many), is_cut) == (5, True)
    assert stretches_around([]) == ([], False)
