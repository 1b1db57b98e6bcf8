"""`anyascope test rules`: unit tests of rules, in the format that promtool reads."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from anyascope.cli.features import FEATURE_OPTION
from anyascope.cli.files import paths_of
from anyascope.cli.terminal import Style, Terminal, clean
from anyascope.errors import InvalidInputError

if TYPE_CHECKING:
    from anyascope.rules.testreport import CaseReport, Failure, FileReport

EXIT_TESTS_FAILED = 1
EXIT_UNREADABLE = 2

app = typer.Typer(help="Run tests of what is configured, without a server.", no_args_is_help=True)


@app.callback()
def tests() -> None:
    """Run tests of what is configured, without a server."""


@app.command("rules")
def rules(
    files: Annotated[list[str], typer.Argument(help="Test files in promtool's format; patterns such as t/*.yml.")],
    *,
    run: Annotated[
        list[str] | None,
        typer.Option("--run", metavar="REGEX", help="Only tests whose name matches; may be repeated."),
    ] = None,
    diff: Annotated[
        bool, typer.Option("--diff/--no-diff", help="Show failures as one marked list, or as two blocks.")
    ] = True,
    junit: Annotated[Path | None, typer.Option("--junit", metavar="FILE", help="Write JUnit's XML there.")] = None,
    ignore_unknown_fields: Annotated[
        bool, typer.Option("--ignore-unknown-fields", help="Read past unknown fields of tests and rules.")
    ] = False,
    enable_feature: Annotated[list[str] | None, FEATURE_OPTION] = None,
) -> None:
    """Run unit tests of rules.

    Exit code: 0 all passed, 1 a test failed, 2 a file cannot be read.
    """
    from anyascope.app.rule_tests import junit_now, run_rule_tests
    from anyascope.config.load import features_of

    terminal = Terminal.standard()
    is_chosen = _chooser(run or ())
    features = features_of(enable_feature or ())
    paths, missing = paths_of(files)
    reports = []
    for path in paths:
        report = run_rule_tests(
            path, is_chosen=is_chosen, are_unknown_fields_ignored=ignore_unknown_fields, features=features
        )
        _tell(terminal, report, as_diff=diff)
        terminal.flush()
        reports.append(report)
    for name in missing:
        terminal.line(f"{clean(name)}: {terminal.paint('cannot be read', Style.RED)}: no such file")
    if junit is not None:
        junit.write_text(junit_now(reports), encoding="utf-8")
    passed, failed, skipped = (
        sum(getattr(report, name) for report in reports) for name in ("passed", "failed", "skipped")
    )
    terminal.line(f"{passed} passed, {failed + len(missing)} failed, {skipped} skipped")
    if missing:
        raise typer.Exit(EXIT_UNREADABLE)
    if failed:
        raise typer.Exit(EXIT_TESTS_FAILED)


def _chooser(patterns: tuple[str, ...] | list[str]) -> Callable[[str], bool]:
    """Whether a name matches one of the patterns; everything does where there are none."""
    import re2

    if not patterns:
        return lambda _: True
    options = re2.Options()
    options.log_errors = False
    try:
        regexes = [re2.compile(pattern, options=options) for pattern in patterns]
    except re2.error as error:
        raise InvalidInputError(f"must be a regular expression: {error}", path="--run") from error
    return lambda name: any(regex.search(name) for regex in regexes)


def _tell(terminal: Terminal, report: FileReport, *, as_diff: bool) -> None:
    for warning in report.warnings:
        terminal.line(f"{terminal.paint('warning', Style.YELLOW)}: {clean(warning)}")
    verdict = terminal.paint("passed", Style.GREEN) if report.is_passed else terminal.paint("failed", Style.RED)
    skipped = f", {report.skipped} skipped" if report.skipped else ""
    terminal.line(f"{clean(report.file)}: {verdict}, {report.passed} passed, {report.failed} failed{skipped}")
    for error in report.errors:
        terminal.line(f"  {clean(error)}")
    for case in report.cases:
        if case.failures:
            _tell_case(terminal, case, as_diff=as_diff)


def _tell_case(terminal: Terminal, case: CaseReport, *, as_diff: bool) -> None:
    terminal.line(f"  {terminal.paint(clean(case.name), Style.BOLD)}")
    for failure in case.failures:
        if as_diff and failure.expected is not None:
            _tell_difference(terminal, failure)
        else:
            for line in str(failure).splitlines():
                terminal.line(f"    {clean(line)}")


def _tell_difference(terminal: Terminal, failure: Failure) -> None:
    """What was expected and is missing after `-`, what was found beside it after `+`."""
    from anyascope.rules.testreport import LineKind

    styles = {LineKind.EXPECTED: Style.RED, LineKind.FOUND: Style.GREEN, LineKind.BOTH: Style.DIM}
    terminal.line(f"    {clean(failure.head)}")
    for kind, line in failure.difference():
        terminal.line(f"      {terminal.paint(f'{kind.value} {clean(line)}'.rstrip(), styles[kind])}")
