"""Whatever fails and whenever the process dies, a far end holds every sample once, each series in its order."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from anyascope.clock import ManualClock
from anyascope.forward.log import MemoryLog
from anyascope.forward.options import Protobuf, QueueOptions
from anyascope.forward.send import Result
from anyascope.forward.shards import UPDATE_EVERY_S
from anyascope.model.labels import Labels
from support.forwarding import AGAIN, REFUSED, TAKEN, FarEnd, Life, Row, scrape

SERIES = 40


class Strict:
    """Takes requests as Prometheus does without out-of-order ingestion: one sample too old, and it takes nothing of it."""

    def __init__(self, random: Random, *, fails: float) -> None:
        self.random = random
        self.fails = fails
        self.held: dict[Labels, list[int]] = {}

    def answer(self, rows: Sequence[Row]) -> Result:
        if self.random.random() < self.fails:
            return AGAIN
        newest: dict[Labels, int] = {}
        for labels, time_ms, _ in rows:
            before = newest.get(labels, self.held.get(labels, [-1])[-1])
            if time_ms < before:
                return REFUSED
            newest[labels] = time_ms
        for labels, time_ms, _ in rows:
            held = self.held.setdefault(labels, [])
            if not held or held[-1] != time_ms:
                held.append(time_ms)
        # Taken, and yet the answer may be lost.
        return AGAIN if self.random.random() < self.fails / 2 else TAKEN


@dataclass(frozen=True)
class Circumstances:
    protobuf: Protobuf
    fails: float
    shards: int
    batch: int
    lives: int


async def live(seed: int, given_: Circumstances) -> None:
    protobuf, fails, shards = given_.protobuf, given_.fails, given_.shards
    batch, lives = given_.batch, given_.lives
    random = Random(seed)
    source = MemoryLog()
    strict = Strict(random, fails=fails)
    wanted: dict[int, list[int]] = {}
    clock = ManualClock()
    rounds = 0
    with tempfile.TemporaryDirectory() as folder:
        for life_number in range(lives):
            far_end = FarEnd(lambda _, rows: strict.answer(rows))
            far_end.delay_s = random.choice([0.0, 0.3])
            life = Life(
                source,
                far_end,
                clock=clock,
                path=Path(folder, "far.places"),
                protobuf=protobuf,
                options=QueueOptions(
                    max_samples_per_send=batch,
                    min_shards=random.randint(1, shards),
                    max_shards=shards,
                    capacity=60,
                    batch_send_deadline_s=1.0,
                    max_backoff_s=0.5,
                ),
            )
            await life.queue.start()
            for _ in range(random.randint(1, 12)):
                numbers = random.sample(range(SERIES), random.randint(1, SERIES))
                rounds += 1
                source.append(scrape(rounds, numbers))
                for number in numbers:
                    wanted.setdefault(number, []).append(rounds)
                life.queue.told()
                await clock.advance(random.choice([0.0, 0.1, 0.5, UPDATE_EVERY_S]))
            if life_number < lives - 1:
                await life.crash()
        for _ in range(300):
            if not (await source.standing("far")).backlog_bytes:
                break
            await clock.advance(2.0)
        await life.queue.stop()
    assert not (await source.standing("far")).backlog_bytes
    held = {dict(labels)["n"]: times for labels, times in strict.held.items()}
    assert held == {str(n): [1_700_000_000_000 + 1000 * r for r in times] for n, times in wanted.items()}


circumstances = st.builds(
    Circumstances,
    protobuf=st.sampled_from(Protobuf),
    fails=st.sampled_from([0.0, 0.2, 0.6]),
    shards=st.integers(1, 6),
    batch=st.sampled_from([1, 7, 25, 100]),
    lives=st.integers(1, 4),
)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32), given_=circumstances)
def test_nothing_is_lost_and_nothing_stands_twice(seed: int, given_: Circumstances) -> None:
    """Failures, lost answers, shards that come and go and sudden deaths: what was stored here is stored there."""
    asyncio.run(live(seed, given_))
