"""What is remembered of operations, within a limit."""

from __future__ import annotations

from anyascope.custody import ledger as ledgers
from anyascope.custody.ledger import Ledger
from anyascope.custody.nouns import Evidence, EvidenceKind, Spend
from anyascope.custody.waiting import Lately
from support.custody_house import txid


def named(cid: str, number: int, at_ns: int = 1) -> Evidence:
    return Evidence(EvidenceKind.NAMED, cid, at_ns, txid=txid(number))


def spend(number: int, replaces: str = "") -> Spend:
    return Spend("regtest", txid(number), "hot", 1, 1, replaces=replaces)


def test_the_same_thing_told_twice_is_no_news() -> None:
    """Nor does it take room."""
    ledger = Ledger()
    assert ledger.add([named("a", 1)]) == {"a"}
    assert ledger.add([named("a", 1)]) == set()
    assert len(ledger) == 1


def test_a_replacement_joins_what_the_replaced_one_joined() -> None:
    """By the replaced id, and by what that was matched with."""
    ledger = Ledger()
    ledger.add([named("a", 1), named("b", 2)])

    assert set(ledger.dossiers_of(spend(2))) == {"b"}
    assert set(ledger.dossiers_of(spend(2, replaces=txid(1)), inherited=("c",))) == {"a", "b", "c"}
    assert ledger.names("a") == {txid(1)}


def test_the_least_lately_touched_operation_is_forgotten_whole() -> None:
    """Also what it named; what is left is consistent."""
    ledger = Ledger(evidence_max=3)
    ledger.add([named("a", 1), named("a", 9), named("b", 2)])
    ledger.add([named("c", 3)])

    assert len(ledger) == 2
    assert ledger.dossiers_of(spend(1)) == {}
    assert set(ledger.dossiers_of(spend(2))) == {"b"}


def test_one_operation_cannot_take_all_room(monkeypatch) -> None:
    """Its evidence is bounded."""
    monkeypatch.setattr(ledgers, "EVIDENCE_OF_ONE_MAX", 2)
    ledger = Ledger()
    ledger.add([named("a", 1, at_ns) for at_ns in range(5)])
    assert len(ledger) == 2


def test_a_set_that_forgets() -> None:
    """What was added least lately goes first."""
    lately: Lately[int] = Lately(2)
    for number in (1, 2, 1, 3):
        lately.add(number)
    lately.discard(3)
    assert [number in lately for number in (1, 2, 3)] == [True, False, False]
