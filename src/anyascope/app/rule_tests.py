"""Runs rule tests without a server, each on an empty store in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from anyascope.app.logs import quiet_logs
from anyascope.clock import SystemClock
from anyascope.promql.signatures import Feature
from anyascope.rules.testing import RuleTestOptions, run_test_file
from anyascope.rules.testreport import FileReport, junit_of
from anyascope.store.memory import MemoryStore


def run_rule_tests(
    path: Path,
    *,
    is_chosen: Callable[[str], bool] = lambda _: True,
    are_unknown_fields_ignored: bool = False,
    features: frozenset[Feature] = frozenset(),
) -> FileReport:
    """The report on one file of tests; never raises for what stands in it.

    Args:
        is_chosen: whether the test of this name is run.
        features: what of PromQL that is off by default is on.
    """
    clock = SystemClock()
    options = RuleTestOptions(
        new_store=lambda: MemoryStore(clock=clock).metrics,
        are_unknown_fields_ignored=are_unknown_fields_ignored,
        is_chosen=is_chosen,
        features=features,
    )
    with quiet_logs():
        return asyncio.run(run_test_file(path, options=options))


def junit_now(reports: list[FileReport]) -> str:
    """The reports as JUnit's XML, with the present time."""
    return junit_of(reports, now_ns=SystemClock().now_ns())
