"""The example keeps its telemetry contracts; with a signal taken out of it its own tests are red and name what is missing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from support.components import REPOSITORY

EXAMPLE = REPOSITORY / "examples" / "custody_api"
RUN_WITHIN_S = 90.0

NOTHING = """

class Nothing:
    def set_result(self, result):
        pass

    def set_signature(self, signature):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    async def __aenter__(self):
        return self

    async def __aexit__(self, *error):
        pass
"""
# One signal less of what the SDK does around the example's functions.
CONFTEST = """
import {module} as module

module.{name} = lambda *args, **kwargs: None
"""


def run_tests(folder: Path) -> tuple[int, str]:
    """Exit code and output of the example's own tests in a folder."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:randomly", "--show-capture=no", "-k", "large", str(folder)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY / "src")},
        capture_output=True,
        text=True,
        timeout=RUN_WITHIN_S,
        check=False,
    )
    return done.returncode, done.stdout


@pytest.fixture
def example(tmp_path: Path) -> Path:
    """A copy of the example, to be spoilt."""
    return Path(shutil.copytree(EXAMPLE, tmp_path / "custody_api", ignore=shutil.ignore_patterns("__pycache__")))


def spoilt(example: Path, old: str, new: str) -> Path:
    """The example with a piece of its service replaced."""
    service = example / "service.py"
    text = service.read_text()
    assert text.count(old) == 1
    service.write_text(text.replace(old, new) + NOTHING)
    return example


def test_the_whole_example_keeps_its_contracts(example: Path) -> None:
    """Its own tests are green."""
    code, output = run_tests(example)

    assert code == 0, output


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        (
            'trace_hsm_operation("sign", key_id, provider)',
            "Nothing()",
            ("'hsm_operation' is broken", "span 'hsm_operation'"),
        ),
        (
            'trace_bitcoin_operation("send", withdrawal.wallet_id, data)',
            "Nothing()",
            ("'bitcoin_operation' is broken", "span 'bitcoin_operation'"),
        ),
    ],
    ids=["signing", "sending"],
)
def test_a_span_that_is_removed_makes_the_test_red(example: Path, old: str, new: str, named: tuple[str, ...]) -> None:
    """The message names the contract and the span that is missing."""
    code, output = run_tests(spoilt(example, old, new))

    assert code == 1, output
    assert [text for text in named if text not in output] == [], output


@pytest.mark.parametrize(
    ("module", "name", "missing"),
    [
        ("anyascope.sdk.operations.hsm", "HsmOperation._measure", "missing: metric 'anya_hsm_operations_total'"),
        ("anyascope.sdk.operations.running", "announce", "missing: log 'hsm_operation_started'"),
        ("anyascope.sdk.operations.hsm", "put_on_record", "missing: audit 'hsm_operation' with phase='intent'"),
    ],
    ids=["metric", "log", "audit event"],
)
def test_so_does_any_other_signal_that_is_missing(example: Path, module: str, name: str, missing: str) -> None:
    """A withdrawal that lacks its metric, its log line or its audit event is named, with what there was instead."""
    (example / "conftest.py").write_text(CONFTEST.format(module=module, name=name))

    code, output = run_tests(example)

    assert code == 1, output
    assert missing in output, output
