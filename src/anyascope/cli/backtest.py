"""`anyascope backtest rules`: what rules would have done on what a server has stored."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from anyascope.cli.check import load_all, read_all
from anyascope.cli.features import FEATURE_OPTION
from anyascope.cli.session import print_json, session_of
from anyascope.cli.terminal import Terminal

if TYPE_CHECKING:
    from anyascope.promql.signatures import Feature
    from anyascope.rules.backtest.run import Progress
    from anyascope.rules.definition import RuleGroup

EXIT_RULE_FAILED = 1
EXIT_UNREADABLE = 2
TOLD_MAX_PER_S = 10  # how often the progress bar is drawn

app = typer.Typer(help="Try out on stored history what is configured.", no_args_is_help=True)


@app.callback()
def backtest() -> None:
    """Try out on stored history what is configured."""


@app.command("rules")
def rules(
    context: typer.Context,
    files: Annotated[list[str], typer.Argument(help="Rule files in Prometheus' format; patterns; - reads one piped.")],
    *,
    start: Annotated[str, typer.Option("--from", help="Since when: RFC 3339, Unix, -7d.")] = "-1d",
    end: Annotated[str, typer.Option("--to", help="Until when.")] = "now",
    step: Annotated[str, typer.Option("--step", help="Between evaluations; each group's own interval.")] = "",
    rule: Annotated[str, typer.Option("--rule", metavar="NAME", help="Only alerts of this name.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    enable_feature: Annotated[list[str] | None, FEATURE_OPTION] = None,
) -> None:
    """Show which alerts would have fired on the server's history: when, for how long, and how often.

    Samples are read from the server and rules evaluated here, by the server's own engine and state machine.

    Exit code: 0 evaluated, 1 a rule could not be evaluated at some time, 2 not done.
    """
    from anyascope.app.backtest import run_backtest
    from anyascope.cli.timeline import document_of, print_report
    from anyascope.clock import NS_PER_S, SystemClock
    from anyascope.config.load import features_of
    from anyascope.explore.times import parse_duration_ns, parse_time
    from anyascope.rules.backtest import BacktestOptions

    now_ns = SystemClock().now_ns()
    features = features_of(enable_feature or ())
    options = BacktestOptions(
        parse_time(start, now_ns=now_ns, name="--from"),
        parse_time(end, now_ns=now_ns, name="--to"),
        step_s=parse_duration_ns(step, name="--step") / NS_PER_S if step else 0.0,
        rule=rule,
    )
    terminal = Terminal.standard()
    groups = _groups(terminal, files, features=features)
    with session_of(context).client() as client, _progress(is_wanted=not as_json) as progress:
        report = run_backtest(client, groups, options, features=features, progress=progress)
    if as_json:
        print_json(terminal, document_of(report))
    else:
        print_report(terminal, report)
    if report.has_failures:
        raise typer.Exit(EXIT_RULE_FAILED)


def _groups(terminal: Terminal, files: list[str], *, features: frozenset[Feature]) -> list[RuleGroup]:
    """The groups of the files; what is wrong with them is told, and the command ends."""
    from anyascope.rules.load import LoadOptions

    errors = Terminal(sys.stderr, is_tty=sys.stderr.isatty(), width=terminal.width)
    texts, unreadable = read_all(errors, files)
    groups, mistakes = load_all(errors, texts, LoadOptions(features=features), is_quiet=True)
    if unreadable or mistakes:
        raise typer.Exit(EXIT_UNREADABLE)
    return groups


@contextmanager
def _progress(*, is_wanted: bool) -> Iterator[Progress]:
    """A bar on standard error where a person looks at it."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TimeRemainingColumn())
    is_shown = is_wanted and console.is_terminal
    with Progress(
        *columns, console=console, transient=True, disable=not is_shown, refresh_per_second=TOLD_MAX_PER_S
    ) as bar:
        task = bar.add_task("reading", total=None)

        def told(name: str, done: int, total: int) -> None:
            bar.update(task, description=name, completed=done, total=total)

        yield told
