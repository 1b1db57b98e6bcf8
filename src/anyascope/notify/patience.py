"""How long to wait before the next attempt, and when to give up."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from anyascope.wire.notices.answers import backoff_s


@dataclass(frozen=True, slots=True)
class CourierOptions:
    """How the courier goes about it.

    Attributes:
        backoff_first_s: the wait after the first failure; doubles with each further one.
        backoff_max_s: the longest wait, so that an outage that ends is noticed within it.
        give_up_s: age at which a notification that never got through is recorded as failed.
        attempt_timeout_s: the longest that one attempt may take, whatever the channel's own limits.
        lane_parallel: attempts at once for one integration, each of another group.
        journal_s: how long the journal remembers.
    """

    backoff_first_s: float = 1.0
    backoff_max_s: float = 300.0
    give_up_s: float = 3 * 86_400.0
    attempt_timeout_s: float = 120.0
    lane_parallel: int = 4
    journal_s: float = 30 * 86_400.0


def delay_s(options: CourierOptions, *, failures: int, retry_after_s: float, random: Random) -> float:
    """Seconds until the next attempt after `failures` (at least 1) in a row.

    Between half and all of the doubled wait, so that many senders that failed together do not come back together; never
    sooner than the far end asked for.
    """
    return backoff_s(
        failures,
        first_s=options.backoff_first_s,
        max_s=options.backoff_max_s,
        retry_after_s=retry_after_s,
        random=random,
    )
