"""What every room stands on: time, identity, chance, and where the server counts about itself."""

from __future__ import annotations

import random
from dataclasses import dataclass

from prometheus_client import (
    CollectorRegistry,
    GCCollector,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)

from anyascope.clock import Clock, SystemClock
from anyascope.ids import Ids, RandomIds


@dataclass(frozen=True, slots=True)
class Ground:
    """Passed in, so that tests can stand on another one."""

    clock: Clock
    ids: Ids
    chance: random.Random
    registry: CollectorRegistry


def machine_ground() -> Ground:
    """The machine's own time and randomness, and a registry that tells of this process."""
    # One series fewer a counter and histogram: when each was made says nothing here.
    disable_created_metrics()  # type: ignore[no-untyped-call]
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    clock = SystemClock()
    return Ground(clock, RandomIds(clock), random.SystemRandom(), registry)
