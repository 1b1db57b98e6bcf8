"""How unusual a wallet's movements are, against its own history; pure.

Source: the modified z-score, 0.6745 (x - median) / MAD, unusual beyond 3.5: B. Iglewicz and D. C. Hoaglin, "How to Detect and
Handle Outliers", ASQC 1993; NIST/SEMATECH e-Handbook of Statistical Methods, 1.3.5.17. Taken of logarithms, since amounts spread
over orders of magnitude, and only upwards: a small payment is no danger.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import log10
from statistics import median

UNUSUAL_SCORE = 3.5
Z_FACTOR = 0.6745  # the MAD of a normal distribution, in its standard deviations
MAD_MIN = 0.05  # of log10: a wallet that always pays the same is not alarmed by 12% more
MOVEMENTS_MIN = 20  # known before an amount is judged: fewer say nothing of what is usual
SPANS_MIN = 10  # hours or days with movements, known before one is judged
MOVEMENTS_KEPT = 500  # of a direction: days of a busy wallet, years of a quiet one; 15 kB, kept with each movement
SHOWN_S = 3_600  # how long a movement's score, or a transaction that ended, is told: rules and people see it, and it ends by itself
UNUSUAL_MAX = 20  # of a wallet with a series of their own, the first of an hour; the events name all
DORMANT_S = 30 * 86_400  # a wallet without a withdrawal for so long is a cold one
DORMANT_SCORE = 10.0  # of a withdrawal from a cold wallet: there is no distribution to measure it by
_HOUR_S, _DAY_S = 3_600, 86_400


@dataclass(frozen=True, slots=True)
class Movement:
    """An amount that came or went, and how unusual it was when it did."""

    time_s: int
    amount_sats: int
    score: float = 0.0


@dataclass(frozen=True, slots=True)
class Unusual:
    """A transaction that is told by itself, since it is unusual; `time_s` as of `Movement`."""

    txid: str
    direction: str
    score: float
    time_s: int

    def is_told(self, *, now_s: float) -> bool:
        """Whether it was lately."""
        return now_s - self.time_s < SHOWN_S


@dataclass(frozen=True, slots=True)
class History:
    """A wallet's movements in one direction, in the order of their times.

    Attributes:
        since_s: from when on it is complete.
        is_watched_for_rest: whether a movement after a long rest is unusual whatever its amount: of withdrawals.
    """

    movements: tuple[Movement, ...] = ()
    since_s: int = 0
    is_watched_for_rest: bool = False

    def scored(self, movement: Movement) -> Movement:
        """The movement with its score against what came before it."""
        before = self._before(movement)
        spans = (_span_score(before, movement, span_s) for span_s in (_HOUR_S, _DAY_S))
        return replace(movement, score=round(max(self._own_score(before, movement), *spans), 2))

    def stands_out(self, scored: Movement) -> bool:
        """Whether a movement that is not added yet is told by itself: unusual alone, or the first that makes an unusual hour or day."""
        if scored.score <= UNUSUAL_SCORE:
            return False
        before = self._before(scored)
        goes_on = any(scored.time_s - each.time_s < SHOWN_S and each.score > UNUSUAL_SCORE for each in before)
        return not goes_on or self._own_score(before, scored) > UNUSUAL_SCORE

    def added(self, movement: Movement) -> History:
        """With one movement more; the oldest ones are forgotten."""
        movements = sorted((*self.movements, movement), key=lambda each: each.time_s)
        forgotten = max(0, len(movements) - MOVEMENTS_KEPT)
        since_s = movements[forgotten].time_s if forgotten else self.since_s
        return replace(self, movements=tuple(movements[forgotten:]), since_s=since_s)

    def score(self, now_s: float) -> float:
        """Of the most unusual movement of the last hour; 0 where there was none."""
        return max((each.score for each in self.movements if now_s - each.time_s < SHOWN_S), default=0.0)

    def _before(self, movement: Movement) -> list[Movement]:
        return [each for each in self.movements if each.time_s <= movement.time_s]

    def _own_score(self, before: Sequence[Movement], movement: Movement) -> float:
        """By its amount, or by the rest before it."""
        amounts = [each.amount_sats for each in before]
        score = modified_z(movement.amount_sats, amounts, known_min=MOVEMENTS_MIN)
        return max(score, self._rest_score(before, movement.time_s))

    def _rest_score(self, before: Sequence[Movement], time_s: int) -> float:
        last_s = before[-1].time_s if before else self.since_s
        return DORMANT_SCORE if self.is_watched_for_rest and last_s > 0 and time_s - last_s > DORMANT_S else 0.0


def modified_z(value: float, known: Iterable[float], *, known_min: int) -> float:
    """How many robust deviations a value is above the median of others, by logarithms; 0 below it, or where too few are known."""
    logs = [log10(each) for each in known if each > 0]
    if len(logs) < known_min or value <= 0:
        return 0.0
    middle = median(logs)
    deviation = max(MAD_MIN, median(abs(each - middle) for each in logs))
    return max(0.0, Z_FACTOR * (log10(value) - middle) / deviation)


def _span_score(before: Sequence[Movement], movement: Movement, span_s: int) -> float:
    """The sum of the span that ends with the movement, against the sums of earlier spans in which something moved."""
    recent = sum(each.amount_sats for each in before if movement.time_s - each.time_s < span_s)
    sums: dict[int, int] = defaultdict(int)
    for each in before:
        sums[(movement.time_s - each.time_s) // span_s] += each.amount_sats
    earlier = [total for number, total in sums.items() if number > 0]
    return modified_z(recent + movement.amount_sats, earlier, known_min=SPANS_MIN)
