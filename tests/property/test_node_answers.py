"""Whatever a node answers, a look at it ends with a round and a word of health."""

from __future__ import annotations

import asyncio
import copy
import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from anyascope.clock import ManualClock
from anyascope.collect.collectors.bitcoin.client import RpcCounts
from anyascope.collect.collectors.bitcoin.node import NodeWatch
from anyascope.collect.options import BitcoinNodeOptions
from anyascope.store.documents import MemoryDocuments
from anyascope.wire.bitcoin.rpc import METHOD_NOT_FOUND, Refusal, decode_answer_as
from support.collecting import RecordingIntake
from support.components import shared_path

METHODS = (
    "getblockchaininfo",
    "getblockstats",
    "getchaintips",
    "getchaintxstats",
    "getdeploymentinfo",
    "getindexinfo",
    "getmemoryinfo",
    "getmempoolinfo",
    "getnettotals",
    "getnetworkinfo",
    "getpeerinfo",
    "getrpcinfo",
    "listbanned",
)
ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.sampled_from([10**400, float("nan"), float("inf"), -0.0, 1e308]),
    st.text(max_size=3),
    st.lists(st.one_of(st.none(), st.integers(), st.text(max_size=2)), max_size=2),
    st.dictionaries(st.text(max_size=2), st.integers(), max_size=2),
)


def samples() -> dict[str, Any]:
    folder = shared_path("components/samples") / "bitcoin-knots-29.4"
    found = {method: folder / f"{method}.json" for method in METHODS}
    told = {method: json.loads(path.read_text()) for method, path in found.items() if path.exists()}
    told["getrawmempool"] = {"aa": {"vsize": 100, "time": 5, "fees": {"base": 0.00001}, "bip125-replaceable": True}}
    told |= {"uptime": 9, "getzmqnotifications": [{"type": "pubsequence", "address": "tcp://127.0.0.1:1", "hwm": 1000}]}
    return told


SAMPLES = samples()


class OddNode:
    """Answers as a real node did, but for what was changed."""

    def __init__(self, answers: dict[str, Any]) -> None:
        self.answers = answers
        self.counts = RpcCounts()

    async def call(self, method: str, *_: Any) -> Any:
        if method == "getblockhash":
            return "00" * 32
        return copy.deepcopy(self.answers.get(method, Refusal(METHOD_NOT_FOUND, method)))

    async def call_each(self, method: str, params: Any, *, fine: Any = ()) -> list[Any]:
        return [await self.call(method, *each) for each in params]

    async def call_as(self, shape: Any, method: str, *params: Any) -> Any:
        told = await self.call(method, *params)
        if isinstance(told, Refusal):
            return told
        return decode_answer_as(shape, 200, json.dumps({"id": 0, "result": told}).encode())

    async def close(self) -> None:
        pass


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where something stands in an answer: the whole, and each part of it."""
    inside: list[tuple[Any, ...]] = []
    if isinstance(value, dict):
        inside = [place for key, part in value.items() for place in places(part, (*path, key))]
    elif isinstance(value, list):
        inside = [place for at, part in enumerate(value) for place in places(part, (*path, at))]
    return [path, *inside]


PLACES = [(method, place) for method, told in SAMPLES.items() for place in places(told)]


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.sampled_from(PLACES), ODD), min_size=1, max_size=4))
async def test_no_answer_breaks_a_look(changes):
    """Any part of any answer may be anything: what cannot be read makes no point, and the others are told."""
    answers = copy.deepcopy(SAMPLES)
    for (method, place), odd in changes:
        _put(answers, (method, *place), odd)
    clock = ManualClock()
    options = BitcoinNodeOptions("n", "http://127.0.0.1:8332")
    watch = NodeWatch(
        options,
        views={},
        intake=RecordingIntake(),
        documents=MemoryDocuments(clock=clock),
        clock=clock,
        client=OddNode(answers),
    )
    looking = asyncio.create_task(watch.gather())
    await clock.advance(1)
    found = await looking
    names = {family.name for family in found.families}
    assert "up" in names
    assert found.faults or found.detail


def _put(answers: Any, path: tuple[Any, ...], odd: Any) -> None:
    at = answers
    for part in path[:-1]:
        if not isinstance(at, (dict, list)) or (isinstance(at, list) and part >= len(at)):
            return  # an earlier change took it away
        at = at.get(part) if isinstance(at, dict) else at[part]
    if isinstance(at, dict) or (isinstance(at, list) and path[-1] < len(at)):
        at[path[-1]] = odd
