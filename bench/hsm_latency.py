"""From a fault of an HSM (SoftHSM behind a module that locks and hangs) to its message in Slack, by the settings' defaults; 63 faults."""

from __future__ import annotations

import tempfile
from pathlib import Path
from random import Random

from figures import quantile, show
from support.hsm_story import FAULTS, ROUNDS_MAX, play

SERVERS = 7  # an alert that fires a fourth time is flapping


def main() -> None:
    found: list[tuple[str, float]] = []
    chance = Random(7)
    for _ in range(SERVERS):
        with tempfile.TemporaryDirectory() as directory:
            found += play(Path(directory), rounds=ROUNDS_MAX, chance=chance)
    for what in FAULTS.values():
        seconds = sorted(took for fault, took in found if fault == what)
        show(f"{what}, p50", quantile(seconds, 0.5), "s")
        show(f"{what}, worst", seconds[-1], "s")
    show("HSM fault to Slack, p99", quantile([took for _, took in found], 0.99), "s", bar=2, is_most=True)


if __name__ == "__main__":
    main()
