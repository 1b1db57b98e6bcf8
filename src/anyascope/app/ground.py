"""What every room stands on: time, identity, chance, and where the server counts about itself."""

from __future__ import annotations

import gc
import random
import sys
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

# Containers made between two looks for garbage. A batch of 5,000 spans makes 40,000 of them, which all go by themselves
# when it is stored: Python's default of 700 walks through them dozens of times for nothing.
COLLECT_EVERY_CONTAINERS = 50_000
COLLECT_OLDER_EVERY = (20, 100)  # looks at the young between looks at the older, and of those between whole ones

SWITCH_S = 0.001  # Python's 5 ms are what an answer takes: so long it would wait for each turn beside a large query


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


def settle() -> None:
    """Say that what exists now lasts, so that looking for garbage is about what comes from here on, and rarer.

    And have threads give way to each other sooner.
    """
    sys.setswitchinterval(SWITCH_S)
    gc.freeze()
    gc.set_threshold(COLLECT_EVERY_CONTAINERS, *COLLECT_OLDER_EVERY)
    gc.enable()
