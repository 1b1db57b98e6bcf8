"""How often the stale-tip page comes on a healthy network: chains of 60 days of exponential blocks, counted by their gaps.

The rule itself is replayed by the tests (`tests/unit/packs/test_stale_tip.py`), which compare it with these counts.
"""

from __future__ import annotations

import argparse
import math
from collections import Counter

from figures import show
from support.block_times import gaps_longer

DAYS = 60
PAGE_FOR_S = 60.0  # the rule's `for`


def main() -> None:
    """Print the distribution of pages over chains, for the page and for the note before it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chains", type=int, default=10_000)
    chains = parser.parse_args().chains
    for name, spacings in (("page (15 spacings)", 15), ("note (9 spacings)", 9)):
        counts = Counter(gaps_longer(seed, spacings=spacings, hold_s=PAGE_FOR_S, days=DAYS) for seed in range(chains))
        show(f"{name}: expected in {DAYS} days", DAYS * 144 * math.exp(-spacings - PAGE_FOR_S / 600), "alerts")
        show(f"{name}: found", sum(count * times for count, times in counts.items()) / chains, "alerts")
        for count in sorted(counts):
            show(f"{name}: chains with {count}", counts[count] / chains * 100, "%")


if __name__ == "__main__":
    main()
