"""Prometheus' own engine tests, run by our runner: what passes must go on passing."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import pytest

from anyascope.app.promql_tests import run_promql_tests
from anyascope.config.settings import StoreKind
from anyascope.promql.judge import Outcome
from support.components import REPOSITORY, shared_path

NOT_YET = REPOSITORY / "tests" / "golden" / "promql" / "not_yet.tsv"
SCRIPTS = [
    "collision",
    "duration_expression",
    "extended_vectors",
    "fill-modifier",
    "functions",
    "info",
    "limit",
    "literals",
    "name_label_dropping",
    "native_histograms",
    "operators",
    "range_queries",
    "selectors",
    "staleness",
    "start_timestamps",
    "trig_functions",
    "type_and_unit",
]
PLAIN_CASES = 627
NEEDS_MORE = {"nh", "nh-maybe", "experimental", "no-parse"}


def rows(path: Path) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)


def not_yet(script: str) -> set[int]:
    """The lines of the cases that need what is listed beside them."""
    return {int(row["line"]) for row in rows(NOT_YET) if row["file"] == script}


@pytest.mark.parametrize("name", SCRIPTS)
def test_every_case_passes_that_is_not_listed_as_not_yet(name: str) -> None:
    """Exactly the cases of `tests/golden/promql/not_yet.tsv` do not pass; a case that begins to pass leaves the list."""
    script = shared_path(f"conformance/promql/{name}.test")

    report = run_promql_tests(script, store=StoreKind.MEMORY)

    missed = {verdict.line: verdict.reason for verdict in report.verdicts if verdict.outcome is not Outcome.PASSED}
    known = not_yet(script.name)
    assert report.error == ""
    assert {line: reason for line, reason in missed.items() if line not in known} == {}
    assert known - set(missed) == set()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["limit", "literals", "range_queries", "selectors", "staleness", "trig_functions"])
def test_a_store_on_disk_gives_the_same_verdicts(name: str) -> None:
    """Samples of 1970 are older than the hot window: every one is read from the disk."""
    script = shared_path(f"conformance/promql/{name}.test")

    assert run_promql_tests(script, store=StoreKind.CHDB) == run_promql_tests(script, store=StoreKind.MEMORY)


def test_no_plain_case_is_listed_as_not_yet() -> None:
    """What needs neither native histograms nor experimental features passes without exception."""
    cases = list(rows(shared_path("conformance/promql/CASES.tsv")))
    plain = {(row["file"], int(row["line"])) for row in cases if not NEEDS_MORE & set(row["tags"].split(","))}

    assert len(plain) == PLAIN_CASES
    assert plain & {(row["file"], int(row["line"])) for row in rows(NOT_YET)} == set()
