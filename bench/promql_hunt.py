"""Hunts for differences: random queries to a real Prometheus and to our server over the samples of the differential test.

    PYTHONPATH=src:tests python bench/promql_hunt.py --seconds 300 --seed 7

Each find is printed with its query; a find that is a fault of ours becomes a line of
`tests/golden/promql/differential_queries.txt`. Known differences between releases are left out by not asking for them.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import httpx

from support.components import component
from support.differential import differences, write_bodies
from support.prometheus import RealPrometheus
from support.server import running_server

FEATURES = "promql-experimental-functions"
HEADERS = {"content-type": "application/x-protobuf", "content-encoding": "snappy"}
FLOATS = [
    "http_requests_total",
    'http_requests_total{code="200"}',
    'http_requests_total{job="api"}',
    "temperature",
    'temperature{room!="hall"}',
    "limit",
    "node_info",
    "now_and_then",
    "ended",
    "just_begun",
    "lone",
    "zigzag",
    "tie",
    "latency_count",
    'latency_bucket{route=~"/|/api"}',
    "nothing",
    '{__name__=~"limit|lone"}',
]
NATIVES = ["native", 'native{pod="p1"}', "native_gauge", "custom", 'custom{pod="c1"}', "mixed"]
LABELS = ["job", "instance", "code", "room", "floor", "zone", "pod", "kind", "n", "nothing", "__name__"]
SIMPLE = [
    "abs",
    "ceil",
    "floor",
    "round",
    "sgn",
    "sqrt",
    "exp",
    "ln",
    "log2",
    "log10",
    "sin",
    "cos",
    "tan",
    "atan",
    "sinh",
    "cosh",
    "tanh",
    "asinh",
    "deg",
    "rad",
    "timestamp",
]
SIMPLE += [
    "histogram_count",
    "histogram_sum",
    "histogram_avg",
    "histogram_stddev",
    "histogram_stdvar",
    "absent",
]
OVER = [
    "rate",
    "increase",
    "delta",
    "irate",
    "idelta",
    "resets",
    "changes",
    "avg_over_time",
    "sum_over_time",
    "min_over_time",
    "max_over_time",
]
OVER += [
    "count_over_time",
    "last_over_time",
    "present_over_time",
    "stddev_over_time",
    "stdvar_over_time",
    "absent_over_time",
]
REDUCERS = ["sum", "avg", "min", "max", "count", "group", "stddev", "stdvar"]
DURATIONS = ["15s", "30s", "1m", "90s", "2m", "5m", "10m", "17s"]
STEPS = ["", "15s", "30s", "1m", "17s"]
NUMBERS = ["0", "1", "2", "0.5", "-1", "20", "1e9", "Inf", "-Inf", "NaN", "time()", "scalar(lone)", "pi()"]
ARITHMETIC = ["+", "-", "*", "/", "%", "^", "atan2"]
COMPARISON = ["==", "!=", ">", "<", ">=", "<="]


class Grammar:
    """Makes queries by chance."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)

    def query(self) -> str:
        return self._chance.choice([self.vector, self.vector, self.vector, self.scalar])(self._chance.randint(1, 4))

    def _one(self, *ways: Callable[[int], str], depth: int) -> str:
        return self._chance.choice(ways)(depth - 1)

    def scalar(self, depth: int) -> str:
        if depth <= 0 or self._chance.random() < 0.7:
            return self._chance.choice(NUMBERS)
        if self._chance.random() < 0.5:
            return f"scalar({self.vector(depth - 1)})"
        return f"({self.scalar(depth - 1)} {self._chance.choice(ARITHMETIC)} {self.scalar(depth - 1)})"

    def vector(self, depth: int) -> str:
        if depth <= 0:
            return self.selector(0)
        ways = [self.selector, self.simple, self.over, self.over, self.aggregation, self.aggregation, self.chosen]
        return self._one(*ways, self.binary, self.binary, self.setwise, self.labelled, self.quantile, depth=depth)

    def selector(self, _depth: int) -> str:
        chosen = self._chance.choice(FLOATS if self._chance.random() < 0.8 else NATIVES)
        return chosen + self.modifiers()

    def modifiers(self) -> str:
        found = ""
        if self._chance.random() < 0.15:
            found += f" offset {self._chance.choice(['', '-'])}{self._chance.choice(DURATIONS)}"
        if self._chance.random() < 0.15:
            found += f" @ {self._chance.choice(['start()', 'end()', '1e9'])}"
        return found

    def simple(self, depth: int) -> str:
        return f"{self._chance.choice(SIMPLE)}({self.vector(depth)})"

    def ranged(self, depth: int) -> str:
        if depth <= 0 or self._chance.random() < 0.6:
            chosen = self._chance.choice(FLOATS if self._chance.random() < 0.85 else NATIVES)
            return f"{chosen}[{self._chance.choice(DURATIONS)}]{self.modifiers()}"
        window = f"[{self._chance.choice(DURATIONS)}:{self._chance.choice(STEPS)}]"
        return f"({self.vector(depth - 1)}){window}{self.modifiers()}"

    def over(self, depth: int) -> str:
        if self._chance.random() < 0.15:
            return f"quantile_over_time({self._chance.choice(['0', '0.3', '0.9', '1'])}, {self.ranged(depth)})"
        return f"{self._chance.choice(OVER)}({self.ranged(depth)})"

    def grouping(self) -> str:
        if self._chance.random() < 0.3:
            return ""
        labels = ", ".join(self._chance.sample(LABELS, self._chance.randint(0, 3)))
        return f" {self._chance.choice(['by', 'without'])} ({labels})"

    def aggregation(self, depth: int) -> str:
        return f"{self._chance.choice(REDUCERS)}{self.grouping()} ({self.vector(depth)})"

    def chosen(self, depth: int) -> str:
        way = self._chance.randint(0, 3)
        if way == 0:
            return (
                f'count_values{self.grouping()} ("{self._chance.choice(["v", "job", "code"])}", {self.vector(depth)})'
            )
        if way == 1:
            return f"quantile{self.grouping()} ({self._chance.choice(['0', '0.25', '1'])}, {self.vector(depth)})"
        if way == 2:
            return f"limit_ratio({self._chance.choice(['0.3', '-0.4', '1'])}, {self.vector(depth)})"
        # Of equal values any may be chosen: how many there are is told, not which.
        return f"count({self._chance.choice(['topk', 'bottomk'])}{self.grouping()} (2, {self.vector(depth)}))"

    def matching(self, *, can_group: bool) -> str:
        if self._chance.random() < 0.4:
            return ""
        labels = ", ".join(self._chance.sample(LABELS[:-1], self._chance.randint(0, 3)))
        found = f" {self._chance.choice(['on', 'ignoring'])} ({labels})"
        if can_group and self._chance.random() < 0.5:
            found += f" {self._chance.choice(['group_left', 'group_right'])}"
            if self._chance.random() < 0.4:
                found += f" ({self._chance.choice(LABELS[:-1])})"
        return found

    def binary(self, depth: int) -> str:
        operator = self._chance.choice(ARITHMETIC + COMPARISON)
        flag = " bool" if operator in COMPARISON and self._chance.random() < 0.3 else ""
        way = self._chance.randint(0, 3)
        if way == 0:
            return f"({self.vector(depth)} {operator}{flag} {self.scalar(depth)})"
        if way == 1:
            return f"({self.scalar(depth)} {operator}{flag} {self.vector(depth)})"
        return f"({self.vector(depth)} {operator}{flag}{self.matching(can_group=True)} {self.vector(depth)})"

    def setwise(self, depth: int) -> str:
        operator = self._chance.choice(["and", "or", "unless"])
        return f"({self.vector(depth)} {operator}{self.matching(can_group=False)} {self.vector(depth)})"

    def labelled(self, depth: int) -> str:
        body, label = self.vector(depth), self._chance.choice(LABELS)
        if self._chance.random() < 0.5:
            return f'label_join({body}, "{label}", "-", "job", "room")'
        return f'label_replace({body}, "{label}", "$1x", "{self._chance.choice(LABELS)}", "(.).*")'

    def quantile(self, depth: int) -> str:
        if self._chance.random() < 0.5:
            return (
                f"histogram_quantile({self._chance.choice(['0', '0.5', '0.99'])}, {self._chance.choice(NATIVES[:5])})"
            )
        return f"clamp({self.vector(depth)}, {self.scalar(0)}, {self.scalar(0)})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    end_ms = int(time.time() * 1000) // 60_000 * 60_000
    with tempfile.TemporaryDirectory() as folder:
        theirs_at, ours_at = Path(folder, "prometheus"), Path(folder, "anyascope")
        theirs_at.mkdir()
        ours_at.mkdir()
        flags = (f"--enable-feature=native-histograms,{FEATURES}",)
        ours_flags = ("--no-collect", "--store", "memory", "--enable-feature", FEATURES)
        with (
            RealPrometheus(component("prometheus"), theirs_at, arguments=flags) as theirs,
            running_server(ours_at, arguments=ours_flags) as ours,
            httpx.Client(base_url=ours.url, timeout=60) as our_client,
            httpx.Client(base_url=theirs.url, timeout=60) as their_client,
        ):
            for body in write_bodies(end_ms):
                for client in (our_client, their_client):
                    client.post("/api/v1/write", content=body, headers=HEADERS).raise_for_status()
            hunt(
                Grammar(arguments.seed), our_client, their_client, end_ms, until_s=time.monotonic() + arguments.seconds
            )


def hunt(grammar: Grammar, ours: httpx.Client, theirs: httpx.Client, end_ms: int, *, until_s: float) -> None:
    asked = found = 0
    while time.monotonic() < until_s:
        query = grammar.query()
        asked += 1
        reasons = differences(query, ours, theirs, end_ms)
        if reasons:
            found += 1
            print(reasons[0][:1000], flush=True)
    print(f"{asked} queries, {found} of them answered differently")


if __name__ == "__main__":
    main()
