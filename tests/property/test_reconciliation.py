"""Whatever the order in which things become known, and whenever the server dies: the verdict is the same."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from anyascope.clock import NS_PER_S
from anyascope.custody.matching import Policy, judge
from anyascope.custody.nouns import Evidence, EvidenceKind, Spend
from support.custody_house import CustodyHouse, txid

SEEN_NS = 1_000 * NS_PER_S
STEPS = ("policy", "approval")

times = st.integers(min_value=900, max_value=1_010).map(lambda seconds: seconds * NS_PER_S)
kinds = st.sampled_from(["withdrawal", "deposit", "sweep"])
outcomes = st.sampled_from(["success", "error", "refused", "cancelled", "expired", "reopened"])


@st.composite
def evidence(draw: st.DrawFn) -> Evidence:
    cid, at_ns = draw(st.sampled_from(["a", "b"])), draw(times)
    match draw(st.sampled_from(list(EvidenceKind))):
        case EvidenceKind.BEGAN:
            amount = draw(st.none() | st.integers(0, 2_000))
            return Evidence(EvidenceKind.BEGAN, cid, at_ns, draw(kinds), amount_sats=amount)
        case EvidenceKind.STEP:
            step = draw(st.sampled_from([*STEPS, "signing"]))
            return Evidence(EvidenceKind.STEP, cid, at_ns, step, is_well=draw(st.booleans()))
        case EvidenceKind.SIGNED:
            return Evidence(EvidenceKind.SIGNED, cid, at_ns, "key")
        case EvidenceKind.NAMED:
            return Evidence(EvidenceKind.NAMED, cid, at_ns, txid=txid(draw(st.integers(1, 2))))
        case EvidenceKind.ENDED:
            return Evidence(EvidenceKind.ENDED, cid, at_ns, draw(outcomes))
        case EvidenceKind.SPENT:
            amount = draw(st.integers(0, 2_000))
            return Evidence(EvidenceKind.SPENT, cid, at_ns, amount_sats=amount, txid=txid(draw(st.integers(1, 3))))


@given(st.lists(evidence(), max_size=14), st.randoms(use_true_random=False), st.sampled_from(["", txid(2)]))
def test_the_order_and_repeats_do_not_matter(found: list[Evidence], chance, replaces: str) -> None:
    """Of the same evidence, in any order, some of it twice."""
    spend = Spend("regtest", txid(1), "hot", 1_000, SEEN_NS, replaces=replaces)
    again = [*found, *found[:3]]
    chance.shuffle(again)

    def verdict(told: list[Evidence]):
        # Each once, as a ledger's sets have it, but in the order in which it came.
        once = dict.fromkeys(told)
        dossiers = {cid: [each for each in once if each.correlation_id == cid] for cid in ("a", "b")}
        return judge(spend, dossiers, Policy(STEPS))

    assert verdict(found) == verdict(again)


@given(st.lists(evidence(), max_size=14))
def test_what_is_matched_has_all_three(found: list[Evidence]) -> None:
    """No verdict without a request, an approval and a signature on record."""
    spend = Spend("regtest", txid(1), "hot", 1_000, SEEN_NS)
    dossiers = {cid: [each for each in found if each.correlation_id == cid] for cid in ("a", "b")}
    if not judge(spend, dossiers, Policy(STEPS)).is_matched:
        return
    assert any(each.kind is EvidenceKind.BEGAN and each.text != "deposit" for each in found)
    assert any(each.kind is EvidenceKind.STEP and each.text in STEPS and each.is_well for each in found)
    assert any(each.kind is EvidenceKind.SIGNED for each in found)


@dataclass(frozen=True)
class Happening:
    """Something that becomes known; `at_s` is when it was, against the beginning."""

    what: str
    at_s: float


HAPPENINGS = (
    Happening("begins", 0.0),
    Happening("step", 0.1),
    Happening("signs", 0.2),
    Happening("names", 0.3),
    Happening("sees", 0.4),
)


async def live(order: list[str], kills: list[int], waits: list[float]) -> tuple[str, dict[str, str]]:
    """The last thing told, and what pages at the end."""
    house = CustodyHouse()
    await house.start()
    for number, what in enumerate(order):
        await house.advance(waits[number])
        if number in kills:
            await house.kill()
            await house.start()
        at_s = next(each.at_s for each in HAPPENINGS if each.what == what) - sum(waits[: number + 1])
        match what:
            case "sees":
                await house.sees(1, at_s=at_s)
            case "names":
                await house.names("w1", 1, at_s=at_s)
            case _:
                await getattr(house, what)("w1", at_s=at_s)
    await house.advance(90)
    told, paging = house.told(), house.paging()
    await house.kill()
    assert len(told) == len(set(told)), "told twice"
    return told[-1][0], paging


@settings(max_examples=40, deadline=None)
@given(
    st.permutations([each.what for each in HAPPENINGS]),
    st.lists(st.integers(0, 4), max_size=2),
    st.lists(st.sampled_from([0.0, 0.3, 1.5]), min_size=5, max_size=5),
    st.sets(st.sampled_from(["begins", "step", "signs"]), max_size=1),
)
def test_the_verdict_is_the_same_in_any_order_and_over_restarts(
    order: list[str], kills: list[int], waits: list[float], missing: set[str]
) -> None:
    """Matched, at once or late, where all is there in the end; unmatched where one is missing; nothing is told twice."""
    told, paging = asyncio.run(live([what for what in order if what not in missing], kills, waits))

    if missing:
        assert told == "unmatched"
        assert set(paging) == {"1"}
    else:
        assert told in {"matched", "late"}
        assert paging == {}
