"""`anyascope test promql`: test scripts for PromQL, in the format of Prometheus' own engine tests."""

from __future__ import annotations

import glob
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from anyascope.cli.terminal import Style, Terminal, clean
from anyascope.cli.up import StoreKind
from anyascope.errors import InvalidInputError

if TYPE_CHECKING:
    from anyascope.promql.judge import Outcome, ScriptReport, Verdict

EXIT_TESTS_FAILED = 1
EXIT_UNREADABLE = 2
ENDING = ".test"


def promql(
    files: Annotated[
        list[str],
        typer.Argument(help="Scripts in the format of Prometheus' promqltest; a folder stands for its *.test files."),
    ],
    store: Annotated[
        StoreKind, typer.Option("--store", help="Where the samples of a script are kept while it runs.")
    ] = StoreKind.MEMORY,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="List the cases that passed, too.")] = False,
) -> None:
    """Run test scripts for PromQL: `load` samples, `eval` a query, compare with what the script expects.

    Experimental functions and delayed name removal are on, as the scripts of Prometheus assume. A case is skipped
    where its query uses what this engine does not evaluate; the reason is told.

    Exit code: 0 all passed or were skipped, 1 a case failed, 2 a file could not be read.
    """
    from anyascope.app.promql_tests import run_promql_tests
    from anyascope.config.settings import StoreKind as Kind
    from anyascope.promql.judge import Outcome

    terminal = Terminal.standard()
    totals = dict.fromkeys(Outcome, 0)
    is_readable = True
    for path in _paths(files):
        report = run_promql_tests(path, store=Kind(store.value))
        is_readable &= not report.error
        for outcome in Outcome:
            totals[outcome] += report.count(outcome)
        _tell(terminal, report, is_verbose=verbose)
        terminal.flush()
    terminal.line(_sum(totals))
    if not is_readable:
        raise typer.Exit(EXIT_UNREADABLE)
    if totals[Outcome.FAILED]:
        raise typer.Exit(EXIT_TESTS_FAILED)


def _paths(files: Sequence[str]) -> Iterator[Path]:
    for name in files:
        path = Path(name)
        if path.is_dir():
            found = sorted(path.glob(f"*{ENDING}"))
        elif path.exists() or not glob.has_magic(name):
            found = [path]
        else:
            found = sorted(Path(each) for each in glob.glob(name, recursive=True))  # noqa: PTH207 -- may be absolute
        if not found:
            raise InvalidInputError(f"{name}: there are no {'scripts (*.test)' if path.is_dir() else 'such files'}")
        yield from found


def _tell(terminal: Terminal, report: ScriptReport, *, is_verbose: bool) -> None:
    name = clean(report.file)
    if report.error:
        terminal.line(f"{name}: {terminal.paint(clean(report.error), Style.RED)}")
        return
    from anyascope.promql.judge import Outcome

    counts = {outcome: report.count(outcome) for outcome in Outcome}
    style = Style.RED if counts[Outcome.FAILED] else Style.GREEN
    terminal.line(f"{name}: {terminal.paint(_sum(counts), style)}")
    for verdict in report.verdicts:
        if is_verbose or verdict.outcome is not Outcome.PASSED:
            _tell_case(terminal, verdict)


def _tell_case(terminal: Terminal, verdict: Verdict) -> None:
    from anyascope.promql.judge import Outcome

    styles = {Outcome.PASSED: Style.GREEN, Outcome.FAILED: Style.RED, Outcome.SKIPPED: Style.YELLOW}
    word = terminal.paint(verdict.outcome.value, styles[verdict.outcome])
    reason = f": {clean(verdict.reason)}" if verdict.reason else ""
    terminal.line(f"  line {verdict.line}: {word}: {clean(verdict.query)}{reason}")


def _sum(counts: dict[Outcome, int]) -> str:
    return ", ".join(f"{count} {outcome.value}" for outcome, count in counts.items())
