"""What all tests share."""

from __future__ import annotations

import gc
import os
import signal
import sys
from pathlib import Path

import httpx
import pytest
import structlog
from _pytest.assertion import rewrite
from hypothesis import HealthCheck, settings
from hypothesis.internal.conjecture import providers

HERE = Path(__file__).parent

LONG_S = 1_800  # of a test marked `long` or `e2e`: only what hangs is ended

# The same examples each run, so that a change and nothing else turns a test red; `ANYASCOPE_HUNT=1` looks at new ones.
# None is late, neither in running nor in being made: on a busy machine that says nothing of what is tried.
settings.register_profile(
    "anyascope",
    derandomize=not os.environ.get("ANYASCOPE_HUNT"),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("anyascope")
if not os.environ.get("ANYASCOPE_HUNT"):
    # It also draws numbers and texts that stand in those of our modules that happen to be loaded: which they are depends on
    # the tests before, and a number written anywhere in `src` would change the examples of every test.
    providers._get_local_constants = lambda: providers._local_constants

# httpx gives a server five seconds where nothing else is said. A server on a machine that does other work beside may take
# longer; what is ours says always how long it waits, so this is for what tests ask themselves.
for _part in ("connect", "read", "write", "pool"):
    setattr(httpx._config.DEFAULT_TIMEOUT_CONFIG, _part, 60.0)

# As long as nobody has set structlog up a traceback is drawn with all its variables, which takes tenths of a second.
structlog.get_config()["processors"][-1].exception_formatter = structlog.dev.plain_traceback

if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    # A shell starts its background jobs so, and every process of ours that a test ends with SIGINT would inherit it.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items):
    """Stories with real programs and browsers take a minute alone, and many times that beside other work."""
    for item in items:
        is_long = any(item.get_closest_marker(name) for name in ("long", "e2e"))
        if is_long and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(LONG_S))


def pytest_sessionstart(session):
    """Where several processes load all tests, each prepares its share of the files, and finds what the others did.

    Rewriting the asserts of a file takes longer than loading it, and each process would do that for every file.
    """
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    if workers == 1 or sys.dont_write_bytecode or [Path(each).name for each in session.config.args] != [HERE.name]:
        return
    number = int(os.environ["PYTEST_XDIST_WORKER"].removeprefix("gw"))
    for path in sorted(HERE.rglob("test_*.py"))[number % workers :: workers]:
        _prepare(path, session.config)


def _prepare(path, config):
    """Keep a file as pytest does when it loads one: with its asserts rewritten."""
    folder = rewrite.get_cache_dir(path)
    kept = folder / (path.stem + rewrite.PYC_TAIL)
    if rewrite._read_pyc(path, kept) is None and rewrite.try_makedirs(folder):
        source_hash, code = rewrite._rewrite_test(path, config)
        rewrite._write_pyc(config.stash[rewrite.assertstate_key], code, source_hash, kept)


def pytest_collection_finish():
    """Nine thousand tests and what they import stay to the end: the garbage collector need not look at them again and again."""
    gc.freeze()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Where ANYASCOPE_NO_SKIPS is set (continuous integration) a skipped test is a failed one.

    What a test logged travels to the main process with its report: halves of characters, which some tests log on purpose,
    would not get there.
    """
    outcome = yield
    report = outcome.get_result()
    report.sections = [(name, text.encode("utf-8", "backslashreplace").decode()) for name, text in report.sections]
    if os.environ.get("ANYASCOPE_NO_SKIPS") and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped where nothing may be: {report.longrepr}"
