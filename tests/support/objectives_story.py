"""A week of two objectives, as a server would have recorded it that was there all the time."""

from __future__ import annotations

import math
import random
import time
from itertools import accumulate

import httpx

from anyascope.model.labels import labels_of
from support.remote_write import remote_write

WEEK_MIN = 7 * 24 * 60
COUNTED_MIN = 30  # so long the counters themselves reach back; what is older is in the recorded series
RULES = """
slos:
  - name: withdrawals
    objective: 99.5
    window: 7d
    total: withdrawals_total
    bad: withdrawals_total{status="failed"}
  - name: signatures
    objective: 99.9
    window: 7d
    total: signatures_total
    bad: signatures_total{status="failed"}
"""
BUDGETS = {"withdrawals": 0.005, "signatures": 0.001}


def _events(minute: int) -> float:
    """Of a minute, counted back from now: more by day than by night."""
    return 60 * (1.2 + 0.6 * math.sin(2 * math.pi * minute / 1_440))


def _bad_share(name: str, minute: int) -> float:
    """One bad hour two days ago, and something that began 40 minutes ago; signatures were well all the week."""
    if name == "signatures":
        return 0.0004
    if minute < 40:
        return 0.09
    return 0.12 if 2_900 < minute < 2_960 else 0.0012


def tell_objectives(address: str, *, seed: int = 5) -> None:
    """Write the week, with the counters of its last half hour."""
    chance = random.Random(seed)
    now_ms = time.time_ns() // 60_000_000_000 * 60_000
    series = []
    for name, budget in BUDGETS.items():
        minutes = range(2 * WEEK_MIN, -1, -1)  # the first budget of the week looks back over the week before
        events = [_events(minute) for minute in minutes]
        bad = [
            count * _bad_share(name, minute) * chance.uniform(0.6, 1.4)
            for count, minute in zip(events, minutes, strict=True)
        ]
        all_events, all_bad = [0.0, *accumulate(events)], [0.0, *accumulate(bad)]
        times_ms = [now_ms - minute * 60_000 for minute in minutes]

        def left(at: int, budget: float = budget, all_events: list = all_events, all_bad: list = all_bad) -> float:
            share = (all_bad[at + 1] - all_bad[at + 1 - WEEK_MIN]) / (
                all_events[at + 1] - all_events[at + 1 - WEEK_MIN]
            )
            return 1 - share / budget

        week = range(WEEK_MIN, 2 * WEEK_MIN + 1)
        for metric, values in (
            ("anya_slo_events_per_second", [events[at] / 60 for at in week]),
            ("anya_slo_bad_events_per_second", [bad[at] / 60 for at in week]),
            ("anya_slo_error_budget_remaining_ratio", [left(at) for at in week]),
        ):
            labels = labels_of({"__name__": metric, "slo": name})
            series.append((labels, list(zip(times_ms[WEEK_MIN:], values, strict=True))))
        for status, sums in (
            ("failed", all_bad),
            ("success", [a - b for a, b in zip(all_events, all_bad, strict=True)]),
        ):
            labels = labels_of({"__name__": f"{name}_total", "status": status})
            counted = zip(times_ms[-COUNTED_MIN:], sums[-COUNTED_MIN:], strict=True)
            series.append((labels, [(at, round(value)) for at, value in counted]))
    for one in series:
        answer = httpx.post(
            f"{address}/api/v1/write",
            content=remote_write([one]),
            headers={"content-type": "application/x-protobuf", "content-encoding": "snappy"},
            timeout=60,
        )
        answer.raise_for_status()
