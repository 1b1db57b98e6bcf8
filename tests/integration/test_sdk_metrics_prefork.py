"""gunicorn with 4 forked workers under load and worker kills: counts are exact, and nothing hangs.

The service is loaded before the fork, and threads of the arbiter hold the locks of its metrics most of the time.
`bench/gunicorn_rounds.py` does 20 rounds of each.
"""

from __future__ import annotations

import random
import signal

import pytest

from support.prefork import AMOUNT_SATS, THREADS, kill_round

REQUESTS = 300
TERM, KILL = signal.SIGTERM, signal.SIGKILL

pytestmark = pytest.mark.slow


def counted_once(counts, load):
    """Every answered request counted once, one whose connection broke at most once, and nothing else."""
    assert not load.late, "a worker hangs"
    assert {number: counts.get(number, 0) for number in load.answered} == dict.fromkeys(load.answered, 1)
    assert counts.keys() <= load.answered | load.broken
    # 0: a worker was killed between the making of the sample and its count, and nobody was answered.
    assert set(counts.values()) <= {0, 1}


@pytest.mark.parametrize("signals", [(TERM, TERM, TERM), (KILL, TERM, KILL)])
def test_with_shared_files_page_and_pushes_are_exact(tmp_path, signals):
    """In multiprocess mode no kill takes a count away: page and pushes say what clients were answered."""
    done = kill_round(tmp_path, multiprocess=True, signals=signals, requests=REQUESTS, chance=random.Random(4))
    counted_once(done.page, done.load)
    assert done.pushed == done.page
    assert done.instances == 1
    assert done.pushed_balance == done.page_balance
    # A thread of a worker that is killed between two of its counts leaves the second one out.
    lost = done.page_balance / AMOUNT_SATS - len(done.page)
    assert -signals.count(KILL) * THREADS <= lost <= 0


def test_without_shared_files_pushes_of_workers_that_end_are_exact(tmp_path):
    """Each worker pushes what it counted itself, and once more as it ends: together, what clients were answered."""
    done = kill_round(tmp_path, multiprocess=False, signals=(TERM,) * 3, requests=REQUESTS, chance=random.Random(4))
    counted_once(done.pushed, done.load)
    assert done.pushed_balance == AMOUNT_SATS * len(done.pushed)
    assert done.instances > 1


def test_without_shared_files_a_killed_worker_is_never_counted_twice(tmp_path):
    """SIGKILL takes away what a worker had not pushed yet, and nothing else; no other worker tells it again."""
    done = kill_round(tmp_path, multiprocess=False, signals=(KILL, KILL), requests=REQUESTS, chance=random.Random(4))
    assert not done.load.late
    assert set(done.pushed.values()) <= {1}
    assert done.pushed.keys() <= done.load.answered | done.load.broken
