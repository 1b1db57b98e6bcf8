"""`kill -9` at random moments of a storm of alerts, to a webhook that fails at random: nothing may be lost.

`python bench/kill_storm.py --rounds 300` is the release figure. Each round starts alerting on the same database, hands over
batches until the process is killed, and remembers what was taken over. At the end it counts alerts that were never told, and
notifications that the far end answered with 200 more than once.
"""

from __future__ import annotations

import argparse

from figures import show
from support.kill_storm import kill_storm


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=20)
    rounds = parser.parse_args().rounds
    counts = kill_storm(rounds)
    show("kill storm: kills", counts["rounds"], "rounds")
    show("kill storm: alerts taken over", counts["taken"], "alerts")
    show("kill storm: notifications answered 200", counts["notifications"], "sends")
    show("kill storm: sends answered 500", counts["refused"], "sends")
    show("kill storm: alerts never told", counts["lost"], "alerts", bar=0.5, is_most=True)
    show("kill storm: notifications repeated a kill", counts["repeated"] / rounds, "sends", bar=1, is_most=True)
    show("kill storm: repeated at most in one life", counts["worst"], "sends")
    if counts["lost"]:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
