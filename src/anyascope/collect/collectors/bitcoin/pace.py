"""How fast blocks should come, how long none came, and how likely that is; of one node."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from anyascope.clock import NS_PER_S
from anyascope.collect.collectors.bitcoin.branches import WINDOW_BLOCKS
from anyascope.collect.collectors.bitcoin.networks import network_of
from anyascope.collect.collectors.bitcoin.sheet import Sheet
from anyascope.collect.options import BITCOIN_SETTLED_AFTER_S
from anyascope.model.documents import Json

MEASURED_BLOCKS = (
    144  # a day of Bitcoin: long enough that chance moves the average by 8%, short enough to follow miners
)
CATCHING_UP_S_MAX = 3_600.0  # a node past its initial download lacks a day of blocks at most; later, behind is a fault
TIME_OFF_S_MAX = 7_200.0  # a block's time may lie this far from the truth: consensus' bound for the future


def spacing_of(genesis: str, stats: Mapping[str, Any], *, configured_s: float | None = None) -> float | None:
    """Seconds from block to block, as the network aims at, or as measured where that is longer.

    Longer is what counts: after miners have left, gaps are longer for up to two weeks, and nothing is wrong.

    Args:
        genesis: hash of the network's first block.
        stats: what `getchaintxstats` said of the last `MEASURED_BLOCKS`; its interval is one of median times.
        configured_s: the network's aim by the settings; None where they say nothing.

    Returns:
        None where nobody knows what the network aims at.
    """
    target_s = network_of(genesis).spacing_s if configured_s is None else configured_s
    if target_s is None:
        return None
    count, interval_s = stats.get("window_block_count"), stats.get("window_interval")
    if count != MEASURED_BLOCKS or not isinstance(interval_s, (int, float)):
        return target_s
    return max(target_s, interval_s / MEASURED_BLOCKS)


def window_to_ask(height: int) -> int:
    """How many blocks a node at this height can tell the statistics of, at most `MEASURED_BLOCKS`."""
    return max(0, min(MEASURED_BLOCKS, height - 1))


def gap_probability(age_s: float, spacing_s: float) -> float:
    """Chance that a healthy network leaves a gap at least this long: blocks are found without memory."""
    return math.exp(-age_s / spacing_s)


@dataclass(frozen=True, slots=True)
class Arrival:
    """When a tip came: after the look that did not find it, not after the one that did.

    Attributes:
        after_ns: UTC; None where nobody looked before.
        by_ns: UTC.
    """

    tip: str
    after_ns: int | None
    by_ns: int

    def time_s(self, header_s: float | None) -> float | None:
        """The likeliest moment, from the time in the block's header, which may be off by `TIME_OFF_S_MAX`.

        A block that is older than that when it comes is one of the past, and its own time counts.
        """
        after_s = None if self.after_ns is None else self.after_ns / NS_PER_S
        by_s = self.by_ns / NS_PER_S
        if header_s is None:
            return None if after_s is None else by_s
        if after_s is None or header_s < after_s - TIME_OFF_S_MAX:
            return min(header_s, by_s)
        return min(max(header_s, after_s), by_s)


class Pace:
    """When this node's blocks came, and whether it has caught up since it started.

    Args:
        settled_after_s: how long it must have run.
    """

    def __init__(self, *, settled_after_s: float = BITCOIN_SETTLED_AFTER_S) -> None:
        self._settled_after_s = settled_after_s
        self._arrival: Arrival | None = None
        self._looked_ns: int | None = None
        self._came_ns: dict[int, int] = {}
        self._has_caught_up = False

    def restarted(self) -> None:
        """The node started again."""
        self._has_caught_up = False

    def looked(self, tip: str, height: int, *, now_ns: int) -> None:
        """A look that found this tip."""
        if self._arrival is None or self._arrival.tip != tip:
            self._arrival = Arrival(tip, self._looked_ns, now_ns)
            self._came_ns = {at: ns for at, ns in self._came_ns.items() if height - WINDOW_BLOCKS < at <= height}
            self._came_ns.setdefault(height, now_ns)
        self._looked_ns = now_ns

    def age_s(self, header_s: float | None, *, now_ns: int) -> float | None:
        """How long ago the tip came, never negative; None where neither the node nor we know."""
        came_s = self._arrival.time_s(header_s) if self._arrival else None
        return None if came_s is None else max(0.0, now_ns / NS_PER_S - came_s)

    def is_settled(self, *, behind_headers: int, uptime_s: int | None, is_downloading: bool) -> bool:
        """Whether the node's own alarms mean something: it has run for a while, and has caught up since then.

        Before, it may not have heard yet what it lacks. A settled node that falls behind stays settled: that is what alarms
        are for.

        Args:
            uptime_s: None where the node does not tell.
        """
        if is_downloading:
            self._has_caught_up = False
        if is_downloading or (uptime_s is not None and uptime_s < self._settled_after_s):
            return False
        self._has_caught_up = self._has_caught_up or behind_headers <= 1
        return self._has_caught_up or (uptime_s is not None and uptime_s >= CATCHING_UP_S_MAX)

    def came_ns(self) -> dict[int, int]:
        """When each of the newest heights was first seen to be the tip; UTC."""
        return dict(self._came_ns)

    def to_json(self) -> dict[str, Json]:
        """As it is kept over restarts of the server."""
        known = self._arrival
        return {"came": [known.tip, known.after_ns, known.by_ns]} if known else {}

    def take_up(self, body: Mapping[str, Json]) -> None:
        """What an earlier run knew of the tip; anything in another form is ignored."""
        match body.get("came"):
            case [str(tip), int() | None as after_ns, int(by_ns)]:
                self._arrival = Arrival(tip, after_ns, by_ns)
                self._looked_ns = by_ns


def tell_pace(
    sheet: Sheet, *, age_s: float | None, spacing_s: float | None, is_settled: bool, is_downloading: bool
) -> None:
    """The node's pace as points; an initial download, whose tip is years old, has no probability."""
    text = "Whether the node's own alarms mean something: caught up, and running for long enough."
    sheet.gauge("anya_bitcoin_settled", text, is_settled)
    text = "Time since the best block came, or since that of its header where it was there before."
    sheet.gauge("anya_bitcoin_tip_age_seconds", text, age_s)
    text = "Seconds from block to block: the network's aim, or the average of the last 144 blocks where that is longer."
    sheet.gauge("anya_bitcoin_block_spacing_seconds", text, spacing_s)
    if age_s is not None and spacing_s is not None and not is_downloading:
        text = "Chance that a healthy network leaves a gap as long as the tip's age."
        sheet.gauge("anya_bitcoin_tip_gap_probability", text, gap_probability(age_s, spacing_s))
