"""`anyascope test rules`: unit tests of rules, in the format that promtool reads."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from anyascope.cli.terminal import Style, Terminal, clean

EXIT_TESTS_FAILED = 1

app = typer.Typer(help="Run tests of what is configured, without a server.", no_args_is_help=True)


@app.callback()
def tests() -> None:
    """Run tests of what is configured, without a server."""


@app.command("rules")
def rules(files: Annotated[list[Path], typer.Argument(help="Test files in promtool's format.")]) -> None:
    """Run unit tests of rules."""
    from anyascope.app.rule_tests import run_rule_tests

    terminal = Terminal.standard()
    is_passed = True
    for file in files:
        report = run_rule_tests(file)
        is_passed &= report.is_passed
        verdict = terminal.paint("passed", Style.GREEN) if report.is_passed else terminal.paint("failed", Style.RED)
        terminal.line(f"{clean(report.file)}: {verdict}, {len(report.cases)} tests")
        failures = [failure for case in report.cases for failure in case.failures]
        for text in (*report.errors, *failures):
            for line in text.splitlines():
                terminal.line(f"  {clean(line)}")
    if not is_passed:
        raise typer.Exit(EXIT_TESTS_FAILED)
