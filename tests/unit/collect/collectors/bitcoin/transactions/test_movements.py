"""How unusual a movement is."""

from __future__ import annotations

from random import Random

import pytest

from anyascope.collect.collectors.bitcoin.transactions.movements import (
    DORMANT_S,
    DORMANT_SCORE,
    MOVEMENTS_KEPT,
    SHOWN_S,
    UNUSUAL_SCORE,
    History,
    Movement,
    modified_z,
)

HOUR_S = 3_600


def history(count: int, *, every_s: int = 5_000, amount: int = 100_000, rest: bool = False) -> History:
    """Payments of about the same amount, by a fixed chance."""
    chance = Random(1)
    movements = tuple(Movement(1_000 + at * every_s, round(amount * chance.uniform(0.7, 1.4))) for at in range(count))
    return History(movements, since_s=1_000, is_watched_for_rest=rest)


def score(known: History, amount: int, *, after_s: int = 5_000) -> float:
    last_s = known.movements[-1].time_s if known.movements else known.since_s
    return known.scored(Movement(last_s + after_s, amount)).score


def test_a_large_payment_is_unusual():
    """Ten times what is usual is beyond the threshold; what is usual, or small, is not."""
    known = history(60)
    assert score(known, 1_000_000) > UNUSUAL_SCORE
    assert score(known, 120_000) < UNUSUAL_SCORE
    assert score(known, 10) < UNUSUAL_SCORE


def test_few_movements_say_nothing():
    """19 known are too few, 20 are enough."""
    assert score(history(19, every_s=10), 10**9, after_s=10) == 0.0
    assert score(history(20, every_s=10), 10**9, after_s=10) > UNUSUAL_SCORE


def test_always_the_same_amount_is_no_trap():
    """Without any spread, a fifth more is nothing, and thrice as much is."""
    known = [50_000] * 40
    assert modified_z(60_000, known, known_min=20) < UNUSUAL_SCORE
    assert modified_z(150_000, known, known_min=20) > UNUSUAL_SCORE


def test_many_usual_payments_in_an_hour_are_unusual():
    """Each is as always; the sum of the hour is not: a drain in small pieces."""
    known = history(40)
    scores = []
    for _ in range(40):
        movement = known.scored(Movement(known.movements[-1].time_s + 60, 100_000))
        known = known.added(movement)
        scores.append(movement.score)
    assert scores[0] < UNUSUAL_SCORE < scores[-1]


@pytest.mark.parametrize(("rest_s", "told"), [(DORMANT_S - 1, 0.0), (DORMANT_S + 1, DORMANT_SCORE)])
def test_a_cold_wallet_that_moves_is_unusual(rest_s, told):
    """A withdrawal after a month without one, or the first of all; a deposit is not."""
    assert score(History(since_s=1_000, is_watched_for_rest=True), 5, after_s=rest_s) == told
    assert score(history(3, rest=True), 5, after_s=rest_s) == told
    assert score(history(3), 5, after_s=rest_s) == 0.0


def test_a_score_is_told_for_an_hour():
    """Then it ends by itself."""
    known = History().added(Movement(1_000, 5, score=7.5))
    assert known.score(1_000 + SHOWN_S - 1) == 7.5
    assert known.score(1_000 + SHOWN_S) == 0.0


def test_the_oldest_are_forgotten():
    """What is kept is bounded, and known to be whole from its first on."""
    known = History(since_s=1)
    for at in range(MOVEMENTS_KEPT + 5):
        known = known.added(Movement(10 + at, 5))
    assert len(known.movements) == MOVEMENTS_KEPT
    assert known.since_s == known.movements[0].time_s == 15


def follows(known: History, amount: int, *, after_s: int) -> tuple[History, bool]:
    """The history with one movement more, and whether that is told by itself."""
    scored = known.scored(Movement(known.movements[-1].time_s + after_s, amount))
    return known.added(scored), known.stands_out(scored)


def test_each_unusual_payment_is_told_by_itself():
    """Two within an hour are two; what is usual is not told."""
    known, first = follows(history(60), 10_000_000, after_s=5_000)
    known, usual = follows(known, 100, after_s=20)
    known, second = follows(known, 20_000_000, after_s=20)
    assert (first, usual, second) == (True, False, True)


def test_a_flood_of_usual_payments_is_told_once():
    """Its sum is unusual from one of them on; those that follow within the hour go on, and are no news."""
    known, told = history(60), []
    for number in range(60):
        known, stands_out = follows(known, 100_000, after_s=20)
        told += [number] if stands_out else []
    assert len(told) == 1
    assert sum(each.score > UNUSUAL_SCORE for each in known.movements) > 20
