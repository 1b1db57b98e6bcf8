"""How many requests go out beside each other, and how long a failed one waits: decided from rates, pure.

Source: Prometheus, "Remote write tuning", and its queue manager.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from anyascope.forward.options import LANES, QueueOptions

RATE_WEIGHT = 0.2  # of the newest stretch in a moving average
UPDATE_EVERY_S = 10.0  # how often the number of shards is thought over
TOLERANCE = 0.3  # a change by less than this share of the shards is none
CATCH_UP_SHARE = 0.05  # of what waits, which is to be made up each second
BEHIND_S = 10.0  # further behind than this, shards do not become fewer
RETRY_AFTER_S_MAX = 600.0  # a far end that asks for more is asked again all the same


class Rate:
    """Events a second, as an exponentially weighted moving average over stretches of UPDATE_EVERY_S."""

    def __init__(self) -> None:
        self._count = 0.0
        self._has_begun = False
        self.per_s = 0.0

    def add(self, count: float) -> None:
        """So much happened."""
        self._count += count

    def tick(self, *, seconds: float = UPDATE_EVERY_S) -> None:
        """A stretch is over."""
        newest, self._count = self._count / seconds, 0.0
        if self._has_begun:
            self.per_s += RATE_WEIGHT * (newest - self.per_s)
        elif newest > 0:
            self.per_s, self._has_begun = newest, True


@dataclass(frozen=True, slots=True)
class Load:
    """How a queue has done of late.

    Attributes:
        in_per_s, out_per_s, dropped_per_s: samples that were read, sent, and not meant for this far end.
        sending: seconds of requests a second, over all shards.
        delay_s: how much newer the newest sample stored is than the newest one sent.
    """

    in_per_s: float
    out_per_s: float
    dropped_per_s: float
    sending: float
    delay_s: float


def shards_wanted(load: Load) -> float | None:
    """How many shards would keep up and make up for what waits; None where nothing was sent yet."""
    if load.out_per_s <= 0:
        return None
    kept_share = load.out_per_s / (load.out_per_s + load.dropped_per_s)
    in_per_s = load.in_per_s * kept_share
    catch_up_per_s = CATCH_UP_SHARE * max(load.delay_s, 0.0) * in_per_s
    return load.sending / load.out_per_s * (in_per_s + catch_up_per_s)


def next_shards(current: int, load: Load, options: QueueOptions) -> int:
    """How many shards there are to be now."""
    wanted = shards_wanted(load)
    if wanted is None:
        return current
    whole = math.ceil(wanted)
    if (1 - TOLERANCE) * current <= whole <= (1 + TOLERANCE) * current:
        return current
    if whole < current and load.delay_s > BEHIND_S:
        return current
    return min(max(whole, options.min_shards), options.max_shards)


def lane_bounds(shards: int) -> list[tuple[int, int]]:
    """Which lanes each shard has: (first, past the last), all of nearly the same width."""
    edges = [LANES * shard // shards for shard in range(shards + 1)]
    return list(pairwise(edges))


def lanes_of(ids: NDArray[np.uint64]) -> NDArray[np.uint8]:
    """uint8[n]: the lane of each series id. The lowest bits are a hash of all labels."""
    return (ids & np.uint64(LANES - 1)).astype(np.uint8)


@dataclass(frozen=True, slots=True)
class Wait:
    """How long to wait before the next attempt, and the wait after that one where nothing is asked for."""

    seconds: float
    next_s: float


def wait_after(backoff_s: float, *, retry_after_s: float, max_s: float) -> Wait:
    """The wait after an attempt that failed: doubled each time up to `max_s`, unless the far end asks for another one."""
    seconds = min(retry_after_s, RETRY_AFTER_S_MAX) if retry_after_s > 0 else backoff_s
    return Wait(seconds, min(2 * seconds, max_s))
