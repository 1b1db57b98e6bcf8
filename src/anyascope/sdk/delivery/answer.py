"""What came of one attempt to send."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Verdict(Enum):
    """What the next attempt should be."""

    TAKEN = "taken"
    LATER = "later"  # the far end is there and asks for patience; other signals may go on
    UNREACHABLE = "unreachable"  # nothing of this far end answers: no signal need be tried
    REFUSED = "refused"  # the same body would be refused again


@dataclass(frozen=True, slots=True)
class Answer:
    """One attempt's end.

    Attributes:
        verdict: what it means.
        detail: for the log line; no address and no header.
        retry_after_s: how long the far end asked to be left alone; 0 where it did not say.
        rejected: items that it left out of a body which it took otherwise (OTLP partial success).
        is_odd: with LATER, whether the fault may lie in the body: it is tried some times only.
    """

    verdict: Verdict
    detail: str = ""
    retry_after_s: float = 0.0
    rejected: int = 0
    is_odd: bool = False


RETRIED_STATUSES = frozenset((408, 425, 429, 502, 503, 504))  # OTLP/HTTP, "Failures", and what proxies say meanwhile


def judge_status(status: int) -> Verdict:
    """What an HTTP status means for the next attempt.

    Other 5xx are tried again too, a few times (`courier.ODD_ATTEMPTS_MAX`): a server that fails at one body may do better
    at the next start, but must not hold up all that stands behind it.
    """
    if 200 <= status < 300:
        return Verdict.TAKEN
    if status in RETRIED_STATUSES or status >= 500:
        return Verdict.LATER
    return Verdict.REFUSED
