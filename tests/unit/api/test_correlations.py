"""One operation by the own API: joined over signals, bounded in time and size, and honest about what is missing."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from anyascope.api import correlations
from anyascope.clock import NS_PER_MS
from anyascope.custody.nouns import Item, Spend, State
from anyascope.errors import UnavailableError
from anyascope.explore.correlated import search
from anyascope.model.alerts import AlertCategory, AlertSeverity
from anyascope.model.labels import labels_of
from anyascope.model.metrics import STALE_NAN, Exemplar, MetricBatch, SampleBatch
from anyascope.model.notifications import AlertStatus
from support.operations import (
    OPERATION,
    SECOND_TXID,
    TRACE,
    TXID,
    at,
    record,
    sighting,
    span,
    withdrawal_records,
    withdrawal_spans,
)
from support.own_api import House, Spends

OTHER = "b0000000-0000-0000-0000-000000000000"


def alert(number: int, *, labels: dict[str, str] | None = None, annotations: dict[str, str] | None = None, joined: str = "") -> AlertStatus:  # fmt: skip
    return AlertStatus(
        id=f"{number:016x}",
        name="Late",
        is_firing=True,
        severity=AlertSeverity.HIGH,
        category=AlertCategory.DATA,
        source="wallet",
        title=f"alert {number}",
        labels=labels_of({"alertname": "Late", **(labels or {})}),
        annotations=annotations or {},
        starts_ns=at(700 + number),
        correlation_id=joined,
    )


async def withdrawal(**more: Any) -> House:
    """A house that knows one withdrawal and, beside it, another."""
    spend = Spend("regtest", TXID, "hot", 5_000, at(65))
    house = House(spend_desk=Spends([Item(spend, State.MATCHED, correlation_ids=(OPERATION,))]), **more)
    foreign = span("another's", 3, number=99, correlation_id=OTHER)
    await house.keep_spans(*withdrawal_spans(), foreign)
    await house.keep_logs(*withdrawal_records(), record("", 3, joined=OTHER, body="another's"))
    await house.keep_logs(sighting("seen", 66))
    return house


async def ask(house: House, identity: str, **asked: str) -> Any:
    async with house.client() as client:
        return (await client.get(f"/correlations/{identity}", params=asked)).json()


@pytest.mark.parametrize("asked", [OPERATION, TXID, TXID.upper()])
async def test_either_id_joins_all_that_belongs_together(asked: str) -> None:
    """The same stages, spans, records and spend; nothing of another operation in the same trace."""
    house = await withdrawal()
    found = await ask(house, asked)
    assert set(found["ids"]) == {OPERATION, TXID}
    assert found["ids"][0] == asked.lower()
    assert [stage["state"] for stage in found["stages"]] == ["done", "done", "done", "done", "open"]
    kinds = [entry["kind"] for entry in found["entries"]]
    assert {kind: kinds.count(kind) for kind in set(kinds)} == {"span": 6, "audit": 3, "chain": 1}
    assert "another's" not in str(found)
    assert [spend["txid"] for spend in found["spends"]] == [TXID]
    assert [trace["trace_id"] for trace in found["traces"]] == [TRACE.hex()]
    assert (found["is_under_way"], found["outcome"]) == (True, "")
    assert {part["name"]: part["state"] for part in found["parts"]} == dict.fromkeys(
        ("logs", "traces", "spends", "metrics"), "whole"
    )


@pytest.mark.parametrize("asked", [OPERATION, TXID])
@pytest.mark.parametrize(
    "about",
    [
        {"labels": {"txid": TXID}},
        {"labels": {"correlation_id": OPERATION}},
        {"annotations": {"correlation_id": OPERATION}},
        {"joined": OPERATION},
        {"joined": TXID},
        {"annotations": {"description": f"stuck: {TXID} (8 blocks)"}},
    ],
)
async def test_an_alert_about_it_is_found_by_either_id(asked: str, about: dict[str, Any]) -> None:
    """Whichever of them it names, and wherever."""
    house = await withdrawal()
    house.desk.known = [alert(1, **about), alert(2, labels={"txid": SECOND_TXID}), alert(3, joined=OTHER)]
    found = await ask(house, asked)
    assert [one["title"] for one in found["alerts"]] == ["alert 1"]
    assert [entry["alert_id"] for entry in found["entries"] if entry["kind"] == "alert"] == [f"{1:016x}"]


async def test_an_alert_joins_its_transaction_to_its_operation() -> None:
    """Also where nothing else does; one that only speaks of several operations joins none of them."""
    house = House()
    house.desk.known = [
        alert(1, labels={"txid": TXID}, joined=OPERATION),
        alert(2, annotations={"description": f"{TXID} and {SECOND_TXID} are stuck"}),
    ]
    found = await ask(house, OPERATION)
    assert found["ids"] == [OPERATION, TXID]
    assert {one["title"] for one in found["alerts"]} == {"alert 1", "alert 2"}


async def test_a_replacement_belongs_to_the_operation() -> None:
    """Its transaction is followed in the place of the first."""
    house = await withdrawal()
    await house.keep_logs(
        sighting("replaced", 300, **{"bitcoin.transaction.replaced_by": SECOND_TXID}),
        sighting("seen", 300, txid=SECOND_TXID),
        sighting("confirmed", 400, txid=SECOND_TXID, height=7),
    )
    found = await ask(house, OPERATION)
    assert found["ids"] == [OPERATION, TXID, SECOND_TXID]
    [setback] = found["setbacks"]
    assert (setback["kind"], setback["txid"], setback["is_over"]) == ("replaced", TXID, True)


async def test_measurements_and_figures_name_it() -> None:
    """Exemplars with its id or one of its spans, around what happened; series of now with its transaction."""
    house = await withdrawal()
    now_ms = house.clock.now_ns() // NS_PER_MS
    series = labels_of({"__name__": "anya_signing_seconds_bucket", "job": "custody"})
    stuck = labels_of({"__name__": "anya_bitcoin_wallet_stuck_transaction_blocks", "txid": TXID})
    ended = labels_of({"__name__": "anya_custody_unmatched_spend", "txid": TXID})

    def exemplar(second: float, value: float, **labels: str) -> Exemplar:
        return Exemplar(series, at(second) // NS_PER_MS, value, labels_of(labels))

    await house.store.metrics.write_metrics(
        MetricBatch(
            SampleBatch.of([(stuck, now_ms, 8.0), (ended, now_ms - 1, 1.0), (ended, now_ms, STALE_NAN), (series, now_ms, 1.0), (series, at(0) // NS_PER_MS, 1.0)]),
            exemplars=(
                exemplar(63, 1, correlation_id=OPERATION),
                exemplar(64, 2, span_id=withdrawal_spans()[3].span_id.hex()),
                exemplar(64.5, 3, correlation_id=OTHER),
                exemplar(300, 4, correlation_id=OPERATION),  # between two stretches: everybody else's time
            ),
        )
    )  # fmt: skip
    found = await ask(house, OPERATION)
    assert [one["title"] for one in found["entries"] if one["kind"] == "metric"] == [
        "anya_signing_seconds = 1",
        "anya_signing_seconds = 2",
    ]
    assert [(one["labels"]["__name__"], one["value"]) for one in found["figures"]] == [
        ("anya_bitcoin_wallet_stuck_transaction_blocks", 8.0)
    ]


@pytest.mark.parametrize(("asked", "said"), [("%20", "is empty"), ("a" * 257, "257 characters"), ("a%1Bb", "printed")])
async def test_what_cannot_be_an_id_is_refused(asked: str, said: str) -> None:
    """With its place and what is wrong."""
    found = await ask(House(), asked)
    assert (found["status"], found["path"]) == (400, "id")
    assert said in found["detail"]


async def test_an_id_that_nothing_carries_is_not_found() -> None:
    """With what carries ids; quotes in it stay within the question, and a slash in it is no path."""
    for asked in ('no" OR "such', "a%2Fb", SECOND_TXID):
        found = await ask(await withdrawal(), asked)
        assert (found["status"], found["code"]) == (404, "not_found")
        assert "anya.correlation_id" in found["detail"]


async def test_the_stretch_can_be_shorter() -> None:
    """What lies before it is not found."""
    house = House()
    await house.keep_logs(*withdrawal_records())
    assert (await ask(house, OPERATION, start="-10m"))["status"] == 404
    assert (await ask(house, OPERATION, start="-2h"))["ids"] == [OPERATION, TXID]
    assert (await ask(House(), OPERATION, start="soon"))["path"] == "start"


async def never(*_args: Any, **_more: Any) -> Any:
    await asyncio.Event().wait()


async def expire(*_args: Any, **_more: Any) -> Any:
    raise TimeoutError  # as the deadline's own


async def rest(*_args: Any, **_more: Any) -> Any:
    raise UnavailableError("the store rests", retry_after_s=1)


@pytest.mark.parametrize(("part", "gone"), [("traces", "span"), ("metrics", "metric")])
@pytest.mark.parametrize("state", ["late", "failed"])
async def test_a_store_that_does_not_answer_takes_only_its_own_part(
    monkeypatch: pytest.MonkeyPatch, part: str, gone: str, state: str
) -> None:
    """What is there is given, and what is missing is named."""
    fault = expire if state == "late" else rest
    house = await withdrawal()
    store, method = (house.store.spans, "spans_of") if part == "traces" else (house.store.metrics, "exemplars")
    monkeypatch.setattr(store, method, fault)
    found = await ask(house, OPERATION)
    told = {one["name"]: one["state"] for one in found["parts"]}
    assert told[part] == state
    assert told["logs"] == "whole"
    kinds = {entry["kind"] for entry in found["entries"]}
    assert {"audit", "chain"} <= kinds
    assert gone not in kinds


async def test_nothing_found_while_a_store_rests_is_not_a_not_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be there: ask again."""
    house = await withdrawal()
    monkeypatch.setattr(house.store.logs, "search", rest)
    found = await ask(house, TXID.replace("ab", "ac"))
    assert (found["status"], found["retry_after_s"]) == (503, correlations.RETRY_AFTER_S)
    assert "logs: the store rests" in found["detail"]


async def test_a_store_that_never_answers_is_waited_for_until_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    """And then told as late."""
    monkeypatch.setattr(correlations, "ANSWER_S_MAX", 0.05)
    house = House()
    monkeypatch.setattr(house.store.logs, "search", never)
    found = await ask(house, OPERATION)
    assert found["status"] == 503
    assert "logs: no answer within 0.05 s" in found["detail"]


async def test_too_many_records_are_cut_and_the_end_of_the_story_is_still_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A service that logs much does not hide that its withdrawal confirmed."""
    monkeypatch.setattr(search, "RECORDS_MAX", 20)
    house = await withdrawal()
    noise = record("", 100, body="again")
    await house.keep_logs(*(replace(noise, time_ns=at(100 + number / 10)) for number in range(30)))
    await house.keep_logs(sighting("confirmed", 600, height=7))
    found = await ask(house, OPERATION)
    assert next(part for part in found["parts"] if part["name"] == "logs")["state"] == "cut"
    assert found["entries"][-1]["title"] == "bitcoin.transaction.confirmed"
    assert len([entry for entry in found["entries"] if entry["kind"] == "log"]) < 20
