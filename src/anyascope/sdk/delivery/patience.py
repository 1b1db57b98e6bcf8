"""How long a far end is left alone after a failure."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

BACKOFF_FIRST_S = 0.5
BACKOFF_MAX_S = 30.0  # an outage that ends is noticed within it
RETRY_AFTER_S_MAX = 3600.0  # a far end that asks for more is asked again each hour all the same


@dataclass(slots=True)
class Patience:
    """Failures in a row and the time before which nothing is tried.

    Attributes:
        failures: in a row; 0 while all is well.
        not_before_s: on the courier's monotonic clock.
        is_asked: whether the far end itself named the time.
    """

    failures: int = 0
    not_before_s: float = 0.0
    is_asked: bool = False

    def failed(self, *, now_s: float, retry_after_s: float, random: Random) -> None:
        """Wait longer: between half and all of the doubled wait, so that many processes do not come back together.

        Never sooner than the far end asked for.
        """
        self.failures += 1
        doubled = min(BACKOFF_FIRST_S * 2.0 ** min(self.failures - 1, 16), BACKOFF_MAX_S)
        waited_s = doubled * random.uniform(0.5, 1.0)
        self.is_asked = retry_after_s > 0
        self.not_before_s = now_s + max(waited_s, min(retry_after_s, RETRY_AFTER_S_MAX))

    def succeeded(self) -> None:
        """Nothing to wait for."""
        self.failures = 0
        self.not_before_s = 0.0
        self.is_asked = False

    def hurry(self) -> None:
        """Try once more now, unless the far end asked for quiet."""
        if not self.is_asked:
            self.not_before_s = 0.0
