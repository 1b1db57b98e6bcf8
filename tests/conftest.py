"""What all tests share."""

from __future__ import annotations

import os

import pytest


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Where ANYASCOPE_NO_SKIPS is set (continuous integration) a skipped test is a failed one."""
    outcome = yield
    report = outcome.get_result()
    if os.environ.get("ANYASCOPE_NO_SKIPS") and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped where nothing may be: {report.longrepr}"
