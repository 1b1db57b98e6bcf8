"""How the courier goes about it: waits, limits, and who is told where a channel stays down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random

from anyascope.notify.pace import Rate
from anyascope.wire.notices.answers import backoff_s


@dataclass(frozen=True, slots=True)
class Target:
    """An integration that is told in another one's place."""

    key: str
    kind: str
    receiver: str


@dataclass(frozen=True, slots=True)
class CourierOptions:
    """How the courier goes about it.

    Attributes:
        backoff_first_s: the wait after the first failure; doubles with each further one.
        backoff_max_s: the longest wait of one notification, where its far end takes others.
        give_up_s: age at which a notification that never got through is recorded as failed.
        attempt_timeout_s: the longest that one attempt may take, whatever the channel's own limits.
        lane_parallel: attempts at once for one integration, each of another group.
        journal_s: how long the journal remembers.
        breaker_failures: so many failures in a row of one integration open its breaker.
        probe_max_s: the longest wait between two probes of a far end that is down, so that its return is noticed within it.
        storm_waiting_max: so many notifications may wait for one integration that people read before they are merged;
            0 merges none. More than that at once is read by nobody.
        rates: by integration.
        fallbacks: by integration, who is told in its place while it is down.
    """

    backoff_first_s: float = 1.0
    backoff_max_s: float = 300.0
    give_up_s: float = 3 * 86_400.0
    attempt_timeout_s: float = 120.0
    lane_parallel: int = 4
    journal_s: float = 30 * 86_400.0
    breaker_failures: int = 3
    probe_max_s: float = 60.0
    storm_waiting_max: int = 50
    rates: Mapping[str, Rate] = field(default_factory=dict)
    fallbacks: Mapping[str, tuple[Target, ...]] = field(default_factory=dict)


def delay_s(options: CourierOptions, *, failures: int, retry_after_s: float, random: Random) -> float:
    """Seconds until the next attempt of a notification after `failures` (at least 1) of its own in a row.

    Between half and all of the doubled wait, so that many senders that failed together do not come back together; never
    sooner than the far end asked for.
    """
    return _waited_s(options, options.backoff_max_s, failures=failures, retry_after_s=retry_after_s, random=random)


def probe_delay_s(options: CourierOptions, *, failures: int, retry_after_s: float, random: Random) -> float:
    """The same for a far end that is down, after `failures` of whatever notifications in a row."""
    return _waited_s(options, options.probe_max_s, failures=failures, retry_after_s=retry_after_s, random=random)


def _waited_s(options: CourierOptions, max_s: float, *, failures: int, retry_after_s: float, random: Random) -> float:
    return backoff_s(failures, first_s=options.backoff_first_s, max_s=max_s, retry_after_s=retry_after_s, random=random)
