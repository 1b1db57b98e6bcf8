"""gunicorn with 4 forked workers under load while workers are killed, 20 rounds in each mode: are the counts exact?

`make bench ARGS=gunicorn_rounds`. Each round starts a service that is loaded before the fork, while threads of the arbiter hold
the locks of its metrics; 4 clients send requests, each under its own number, and 3 workers get SIGKILL or SIGTERM meanwhile.
"""

from __future__ import annotations

import random
import signal
import tempfile
import time
from pathlib import Path

from figures import show
from support.prefork import Round, kill_round

ROUNDS = 20
REQUESTS = 400
TERM, KILL = signal.SIGTERM, signal.SIGKILL


def wrong(counts: dict[str, float], done: Round) -> int:
    """Requests whose count is not what the client saw: an answer is 1, a broken connection 0 or 1."""
    load = done.load
    missed = sum(counts.get(number, 0) != 1 for number in load.answered)
    return missed + sum(
        value not in (0, 1) or number not in load.answered | load.broken for number, value in counts.items()
    )


def run_mode(name: str, *, multiprocess: bool, kinds: tuple[signal.Signals, ...]) -> None:
    chance = random.Random(name)
    answered = broken = late = killed = page_wrong = pushed_wrong = lost = 0
    began_s = time.monotonic()
    for _ in range(ROUNDS):
        signals = tuple(chance.choice(kinds) for _ in range(3))
        with tempfile.TemporaryDirectory() as folder:
            done = kill_round(
                Path(folder), multiprocess=multiprocess, signals=signals, requests=REQUESTS, chance=chance
            )
        answered, broken, late = (
            answered + len(done.load.answered),
            broken + len(done.load.broken),
            late + len(done.load.late),
        )
        killed += done.killed
        if multiprocess:
            page_wrong += wrong(done.page, done)
        if multiprocess or KILL not in kinds:
            pushed_wrong += wrong(done.pushed, done)
        else:  # what a killed worker had not pushed is gone; told twice, or never answered, is wrong
            lost += sum(number not in done.pushed for number in done.load.answered)
            pushed_wrong += sum(
                value != 1 or number not in done.load.answered | done.load.broken
                for number, value in done.pushed.items()
            )
    print(
        f"{name}: {ROUNDS} rounds in {time.monotonic() - began_s:.0f} s, {answered} answered, {broken} broken, {killed} kills"
    )
    show(f"{name}: hanging requests", late, "requests", bar=0.5, is_most=True)
    if multiprocess:
        show(f"{name}: wrong on the page", page_wrong, "requests", bar=0.5, is_most=True)
    show(f"{name}: wrong in the pushes", pushed_wrong, "requests", bar=0.5, is_most=True)
    if lost:
        show(f"{name}: killed before they were pushed", lost, "requests")


def main() -> None:
    run_mode("shared files, SIGKILL and SIGTERM", multiprocess=True, kinds=(KILL, TERM))
    run_mode("own memory, SIGTERM", multiprocess=False, kinds=(TERM,))
    run_mode("own memory, SIGKILL and SIGTERM", multiprocess=False, kinds=(KILL, TERM))


if __name__ == "__main__":
    main()
