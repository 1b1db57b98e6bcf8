"""Runs rule tests without a server, each on an empty store in memory."""

from __future__ import annotations

import asyncio
from pathlib import Path

from anyascope.clock import SystemClock
from anyascope.rules.testing import FileReport, RuleTestOptions, run_test_file
from anyascope.store.memory import MemoryStore


def run_rule_tests(path: Path) -> FileReport:
    """The report on one file of tests; never raises for what stands in it."""
    clock = SystemClock()
    options = RuleTestOptions(new_store=lambda: MemoryStore(clock=clock).metrics)
    return asyncio.run(run_test_file(path, options=options))
