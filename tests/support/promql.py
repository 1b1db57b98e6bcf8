"""An engine over a memory store that holds what a script loads."""

from __future__ import annotations

from prometheus_client import CollectorRegistry

from anyascope.clock import SystemClock
from anyascope.model.labels import Labels, labels_of
from anyascope.promql.engine import Engine
from anyascope.promql.judge import load_samples
from anyascope.promql.options import EngineOptions
from anyascope.promql.script import Load, parse_script
from anyascope.promql.signatures import EVERY_FEATURE, Feature
from anyascope.store.memory.metrics import MemoryMetrics

EXPERIMENTAL = EngineOptions(features=EVERY_FEATURE - {Feature.DELAYED_NAME_REMOVAL})


def engine_over(store: MemoryMetrics, options: EngineOptions = EXPERIMENTAL) -> Engine:
    return Engine(store, options=options, clock=SystemClock(), registry=CollectorRegistry())


async def store_of(script: str) -> MemoryMetrics:
    """A store after the `load` commands of a script."""
    store = MemoryMetrics()
    for command in parse_script(script):
        assert isinstance(command, Load)
        await load_samples(command, store)
    return store


async def loaded(script: str, options: EngineOptions = EXPERIMENTAL) -> Engine:
    return engine_over(await store_of(script), options)


def named(metric: str, **labels: str) -> Labels:
    return labels_of({"__name__": metric, **labels})


async def answers(engine: Engine, query: str, at_s: float) -> dict[Labels, float]:
    """The vector or scalar of an instant query."""
    return dict((await engine.instant(query, round(at_s * 1000))).pairs())


async def ranged(engine: Engine, query: str, steps_s: tuple[int, int, int]) -> dict[Labels, dict[int, float]]:
    """The matrix of a range query from, to and every so many seconds: values by second, by labels."""
    start_s, end_s, step_s = steps_s
    frame = (await engine.range(query, start_s * 1000, end_s * 1000, step_s * 1000)).frame
    bounds = frame.offsets.tolist()
    return {
        labels: dict(
            zip(
                (frame.times_ms[bounds[row] : bounds[row + 1]] // 1000).tolist(),
                frame.values[bounds[row] : bounds[row + 1]].tolist(),
                strict=True,
            )
        )
        for row, labels in enumerate(frame.labels)
    }
