"""What a virtual byte costs today, and what it cost in the last days; pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from anyascope.clock import NS_PER_S
from anyascope.collect.collectors.bitcoin.sheet import SATS
from anyascope.model.documents import Json

TARGET_BLOCKS = 6  # an hour: what most wallets ask for by default
HOUR_NS = 3_600 * NS_PER_S
HOURS_MAX = 14 * 24  # two weeks: fees have a rhythm of days and of weeks
HOURS_MIN = 2 * 24  # before that a cheap hour cannot be told from a cheap day
CHEAP_SHARE = 0.25  # an hour is cheap that is among the cheapest quarter
ESTIMATE, MINIMUM = "estimate", "minimum"


@dataclass(frozen=True, slots=True)
class Fee:
    """Today's fee rate: `source` is `estimate`, or `minimum` where the node has no estimate, or one below what it takes."""

    sat_per_kvb: int
    source: str

    @property
    def sat_per_vb(self) -> float:
        """For people and points."""
        return self.sat_per_kvb / 1_000


@dataclass(frozen=True, slots=True)
class Market:
    """Fee rates of the last days, in sats a thousand virtual bytes: the middle one, and the upper end of the cheapest quarter."""

    median: int
    cheap: int
    hours: int


def fee_of(estimate: Mapping[str, Any], pool: Mapping[str, Any]) -> Fee | None:
    """From `estimatesmartfee` and `getmempoolinfo`; None where the node says neither."""
    floors = [_sat_per_kvb(pool.get(field)) for field in ("mempoolminfee", "minrelaytxfee")]
    floor = max((rate for rate in floors if rate is not None), default=None)
    rate = _sat_per_kvb(estimate.get("feerate"))
    if rate is not None and rate >= (floor or 0):
        return Fee(rate, ESTIMATE)
    return None if floor is None else Fee(floor, MINIMUM)


def _sat_per_kvb(bitcoins: object) -> int | None:
    return round(bitcoins * SATS) if isinstance(bitcoins, (int, float)) and bitcoins > 0 else None


class FeeBook:
    """Fee rates of the last days, an average an hour."""

    def __init__(self) -> None:
        self._hours: dict[int, tuple[int, int]] = {}  # hour since 1970 to average and number of rates in it

    @property
    def hours(self) -> int:
        """How many hours are known."""
        return len(self._hours)

    def note(self, rate_sat_per_kvb: int, *, now_ns: int) -> None:
        """Add a rate of now."""
        hour = now_ns // HOUR_NS
        average, count = self._hours.get(hour, (0, 0))
        self._hours[hour] = (round((average * count + rate_sat_per_kvb) / (count + 1)), count + 1)
        for old in [each for each in self._hours if each <= hour - HOURS_MAX]:
            del self._hours[old]

    def market(self, *, now_ns: int) -> Market | None:
        """How fees were; None where too few hours are known."""
        oldest = now_ns // HOUR_NS - HOURS_MAX
        rates = sorted(average for hour, (average, _) in self._hours.items() if hour > oldest)
        if len(rates) < HOURS_MIN:
            return None
        return Market(rates[len(rates) // 2], rates[int(len(rates) * CHEAP_SHARE)], len(rates))

    def to_json(self) -> dict[str, Json]:
        """For keeping."""
        return {"hours": [[hour, average, count] for hour, (average, count) in sorted(self._hours.items())]}

    @classmethod
    def from_json(cls, body: Mapping[str, Json]) -> FeeBook:
        """What was kept."""
        book, hours = cls(), body.get("hours")
        for each in hours if isinstance(hours, list) else []:
            if isinstance(each, list) and len(each) == 3 and all(isinstance(number, int) for number in each):
                hour, average, count = (number for number in each if isinstance(number, int))
                book._hours[hour] = (average, count)
        return book
