"""What happens to nodes, wallets and HSMs, and how long it takes until the page or Slack has it.

First the story of every act once, as a table; then each act that has a bar twenty times, by the settings' defaults: from the component's own message (ZMQ) or the
moment of the fault to the live stream's event or the message's arrival.

`--burners 8` leaves the story out and measures beside eight programs that want all of the processor.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from random import Random

from burners import burners
from figures import quantile, show
from support import custody_acts as acts
from support.custody_stage import Stage, stage
from support.hsm_story import ROUNDS_MAX, play

TIMES = 20
INTERVAL = "15s"  # the settings' own
ONCE = (
    acts.canary_and_keys,
    acts.wrong_pin,
    acts.catching_up,
    acts.disagreement,
    acts.stop_and_start,
    acts.stuck,
    acts.dust,
    acts.locked_pin,
    acts.hang,
    acts.deleted_key,
)
OFTEN: tuple[tuple[str, Callable[[Stage], float], float], ...] = (
    ("new block: ZMQ to the live stream", acts.block_seconds, 1.0),
    ("reorg: ZMQ to Slack", acts.reorg_seconds, 2.0),
    ("unasked spend: ZMQ to Slack", acts.spend_seconds, 2.0),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--burners", type=int, default=0, help="programs beside it that want all of the processor")
    parser.add_argument("--times", type=int, default=TIMES, help="how often each act that has a bar is played")
    asked = parser.parse_args()
    if not asked.burners:
        _tell_story()
    _measure(burning=asked.burners, times=asked.times)


def _tell_story() -> None:
    rows: list[acts.Row] = []
    with (
        tempfile.TemporaryDirectory() as directory,
        stage(Path(directory)) as found,
        acts.leak(found.token, found.front) as opened,
    ):
        for act in (acts.new_block, acts.reorg_of_ours, acts.unasked_spend, *ONCE):
            told = act(found)
            rows += told if isinstance(told, tuple) else (told,)
        rows.append(acts.leaking_sessions(found, opened))
    print(acts.table(rows), flush=True)


def _measure(*, burning: int, times: int) -> None:
    with (
        tempfile.TemporaryDirectory() as directory,
        stage(Path(directory), interval=INTERVAL) as found,
        burners(burning),
    ):
        for name, repeated, bar in OFTEN:
            _show(name, [repeated(found) for _ in range(times)], bar)
    chance = Random(7)
    faults: list[tuple[str, float]] = []
    for _ in range(-(-times // ROUNDS_MAX)):
        with tempfile.TemporaryDirectory() as directory, burners(burning):
            faults += play(Path(directory), rounds=ROUNDS_MAX, chance=chance)
    for what in dict.fromkeys(what for what, _ in faults):
        _show(f"HSM, {what}: to Slack", [seconds for fault, seconds in faults if fault == what], 2.0)
    print(f"load {os.getloadavg()[0]:.1f}", flush=True)


def _show(name: str, seconds: list[float], bar: float) -> None:
    show(f"{name}, p50", quantile(seconds, 0.5), "s")
    show(f"{name}, p99", quantile(seconds, 0.99), "s", bar=bar, is_most=True)


if __name__ == "__main__":
    main()
