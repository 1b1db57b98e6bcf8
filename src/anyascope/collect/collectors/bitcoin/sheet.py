"""Gathers one node's points; every series carries the node's chain, and its coin where that is not Bitcoin's."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from anyascope.collect.points import Family
from anyascope.model.metrics import MetricType

Facts = Mapping[str, Any]
"""What a call answered, as the node wrote it."""

SATS = 100_000_000  # in a bitcoin
VBYTES = 1_000  # fee rates are told by the kilobyte


class Sheet:
    """Families by name. A value that the node did not tell, or that is no number, makes no point.

    Args:
        coin: of `networks.Network`; empty for Bitcoin.
    """

    def __init__(self, chain: str, coin: str = "") -> None:
        self.coin = coin
        self._network = (("chain", chain), *((("coin", coin),) if coin else ()))
        self._families: dict[str, Family] = {}

    def gauge(self, name: str, text: str, value: object, *labels: tuple[str, str]) -> None:
        """One point of a gauge."""
        self._add(Family(name, MetricType.GAUGE, text), value, labels)

    def counter(self, name: str, text: str, value: object, *labels: tuple[str, str]) -> None:
        """One point of a counter."""
        self._add(Family(name, MetricType.COUNTER, text), value, labels)

    def bucket(self, family: str, text: str, part: str, value: object, *labels: tuple[str, str]) -> None:
        """One point of a histogram: `part` is `_bucket`, `_sum` or `_count`."""
        self._add(Family(family + part, MetricType.HISTOGRAM, text, family=family), value, labels)

    def families(self) -> list[Family]:
        """Everything so far."""
        return list(self._families.values())

    def _add(self, family: Family, value: object, labels: tuple[tuple[str, str], ...]) -> None:
        number = number_of(value)
        if number is not None:
            self._families.setdefault(family.name, family).add(number, *self._network, *labels)


def number_of(value: object) -> float | None:
    """A finite number; None of anything else. Yes and no are 1 and 0."""
    if not isinstance(value, (int, float)):
        return None
    try:
        number = float(value)
    except OverflowError:  # JSON has whole numbers without end
        return None
    return number if math.isfinite(number) else None


def facts_of(told: object) -> Facts:
    """An answer that should be an object; nothing where it is not, such as a refusal."""
    return told if isinstance(told, dict) else {}


def dicts_of(told: object) -> list[Facts]:
    """The objects of an answer that should be a list of them."""
    return [each for each in told if isinstance(each, dict)] if isinstance(told, list) else []


def texts_of(told: object) -> list[str]:
    """The texts of an answer that should be a list of them."""
    return [each for each in told if isinstance(each, str)] if isinstance(told, list) else []


def scaled(value: object, factor: float) -> float | None:
    """The value times a factor; None where it is no number."""
    number = number_of(value)
    return None if number is None else number * factor


def sats(value: object) -> int | None:
    """An amount that the node wrote in bitcoins, in whole sats."""
    number = number_of(value)
    return None if number is None else round(number * SATS)


def sat_per_vb(value: object) -> float | None:
    """A fee rate that the node wrote in bitcoins a kilobyte; to the hundredth of a thousandth, which is what it can say."""
    number = number_of(value)
    return None if number is None else round(number * SATS / VBYTES, 5)


def warnings_of(facts: Facts) -> list[str]:
    """The warnings of an answer: a list, or one text until version 27."""
    told = facts.get("warnings", [])
    return [str(each) for each in told] if isinstance(told, list) else [str(told)] if told else []
