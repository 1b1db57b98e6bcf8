"""`anyascope check config`, `check alertmanager` and `check rules`; `check metrics` stands in its own module."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from anyascope.cli.check_metrics import metrics
from anyascope.cli.features import FEATURE_OPTION
from anyascope.cli.files import paths_of
from anyascope.cli.session import session_of
from anyascope.cli.terminal import Style, Terminal, clean

if TYPE_CHECKING:
    from anyascope.rules.definition import RuleGroup
    from anyascope.rules.lint import Finding
    from anyascope.rules.lint.lints import LintOptions
    from anyascope.rules.load import LoadOptions
    from anyascope.wire.settings import Mistake

EXIT_NOT_WELL = 1
EXIT_MISTAKES = 2
EXIT_LINT = 3  # promtool's, with --lint-fatal
STDIN = "-"

app = typer.Typer(help="Explain every mistake of a file, without a server.", no_args_is_help=True)
app.command("metrics")(metrics)


@app.command("config")
def config(
    file: Annotated[Path, typer.Argument(help="anyascope.yml, prometheus.yml or alertmanager.yml.")],
) -> None:
    """Explain every mistake of a configuration, with file, line and path.

    Warns of what is sound and hardly meant: a wallet that nobody watches, a cookie or PIN that this user cannot read.

    Exit code: 0 sound, 2 a mistake.
    """
    from anyascope.config.load import check, check_remarks

    terminal = Terminal.standard()
    mistakes = check(file)
    for mistake in mistakes:
        terminal.line(clean(str(mistake)))
    for remark in () if mistakes else check_remarks(file):
        terminal.line(f"{terminal.paint('warning', Style.YELLOW)}: {clean(remark)}")
    if mistakes:
        _tell_sum(terminal, len(mistakes))
        raise typer.Exit(EXIT_MISTAKES)
    terminal.line(f"{clean(str(file))}: {terminal.paint('sound', Style.GREEN)}")


@app.command("alertmanager")
def alertmanager(
    files: Annotated[list[Path], typer.Argument(help="Files in Alertmanager's format.")],
) -> None:
    """Explain every mistake of Alertmanager configurations, in upstream's words, and check their templates.

    Exit code: 0 sound, 1 a mistake or a file that cannot be read.
    """
    from anyascope.config.load import check_alertmanager

    terminal = Terminal.standard()
    total = 0
    for file in files:
        mistakes = check_alertmanager(file)
        total += len(mistakes)
        for mistake in mistakes:
            terminal.line(clean(str(mistake)))
        if not mistakes:
            terminal.line(f"{clean(str(file))}: {terminal.paint('sound', Style.GREEN)}")
    if total:
        _tell_sum(terminal, total)
        raise typer.Exit(EXIT_NOT_WELL)


@app.command("rules")
def rules(
    context: typer.Context,
    files: Annotated[
        list[str],
        typer.Argument(help="Rule files in Prometheus' format; patterns such as rules/*.yml; - reads one piped."),
    ],
    *,
    lint: Annotated[
        str,
        typer.Option("--lint", metavar="LIST", help="Which lints: default, all, none, codes; -CODE leaves one out."),
    ] = "default",
    lint_fatal: Annotated[bool, typer.Option("--lint-fatal", help="Exit with 3 where a lint finds something.")] = False,
    scrape_interval: Annotated[
        str, typer.Option("--scrape-interval", help="How often samples come, for the lint promql/rate.")
    ] = "15s",
    server: Annotated[
        str, typer.Option("--server", metavar="URL", help="Look there whether what the rules read exists.")
    ] = "",
    ignore_unknown_fields: Annotated[
        bool, typer.Option("--ignore-unknown-fields", help="Read past fields that are not known.")
    ] = False,
    prometheus_only: Annotated[
        bool, typer.Option("--prometheus-only", help="Refuse the fields that only anyascope reads.")
    ] = False,
    enable_feature: Annotated[list[str] | None, FEATURE_OPTION] = None,
) -> None:
    """Explain every mistake of rule files, with file, line, column and path, and warn of what is most likely not meant.

    Exit code: 0 sound, 1 a mistake, 2 a file cannot be read, 3 a lint with --lint-fatal.
    """
    from anyascope.config.load import features_of
    from anyascope.errors import InvalidInputError
    from anyascope.rules.lint import chosen_lints
    from anyascope.rules.lint.lints import LintOptions
    from anyascope.rules.load import LoadOptions
    from anyascope.wire.settings import parse_duration_s

    terminal = Terminal.standard()
    try:
        options = LintOptions(chosen_lints(lint), parse_duration_s(scrape_interval))
    except ValueError as error:
        raise InvalidInputError(str(error), path="--scrape-interval") from error
    texts, unreadable = read_all(terminal, files)
    load_options = LoadOptions(
        features=features_of(enable_feature or ()),
        are_own_fields_refused=prometheus_only,
        are_unknown_fields_ignored=ignore_unknown_fields,
    )
    groups, mistakes = load_all(terminal, texts, load_options)
    findings = _lint(context, groups, texts, options, server=server)
    for finding in findings:
        code = terminal.paint(finding.code, Style.YELLOW)
        terminal.line(f"{clean(finding.file)}:{finding.line}: {code}: {clean(finding.message)}")
    if findings:
        terminal.line(terminal.paint(_counted(len(findings), "warning"), Style.YELLOW))
    if mistakes:
        _tell_sum(terminal, mistakes)
    if unreadable or mistakes:
        raise typer.Exit(EXIT_MISTAKES if unreadable else EXIT_NOT_WELL)
    if findings and lint_fatal:
        raise typer.Exit(EXIT_LINT)


def read_all(terminal: Terminal, names: Sequence[str]) -> tuple[dict[str, str], int]:
    """The texts of the files by name, and how many cannot be read, which is told."""
    from anyascope.rules.load import read_rule_file
    from anyascope.wire.settings import SETTINGS_BYTES_MAX, SettingsError

    texts: dict[str, str] = {}
    if STDIN in names:
        body = sys.stdin.buffer.read(SETTINGS_BYTES_MAX + 1)
        texts["standard input"] = body.decode("utf-8", "replace")
    paths, missing = paths_of([name for name in names if name != STDIN])
    for name in missing:
        terminal.line(f"{clean(name)}: cannot be read: no such file")
    for path in paths:
        try:
            texts[str(path)] = read_rule_file(path)
        except SettingsError as error:
            terminal.line(clean(str(error)))
            missing.append(str(path))
    return texts, len(missing)


def load_all(
    terminal: Terminal, texts: dict[str, str], options: LoadOptions, *, is_quiet: bool = False
) -> tuple[list[RuleGroup], int]:
    """The groups of the sound files, and how many mistakes the others have, which are told.

    Args:
        is_quiet: say nothing of sound files.
    """
    from anyascope.rules.load import load_rules
    from anyascope.wire.settings import SettingsError

    found: list[RuleGroup] = []
    mistakes = 0
    for name, text in texts.items():
        try:
            groups = load_rules(text, file=name, options=options)
        except SettingsError as error:
            mistakes += len(error.mistakes)
            for mistake in error.mistakes:
                terminal.line(clean(_placed(mistake)))
            continue
        found.extend(groups)
        if not is_quiet:
            count = sum(len(group.rules) for group in groups)
            verdict = terminal.paint("sound", Style.GREEN)
            terminal.line(f"{clean(name)}: {verdict}, {_counted(len(groups), 'group')}, {_counted(count, 'rule')}")
    return found, mistakes


def _lint(
    context: typer.Context, groups: Sequence[RuleGroup], texts: dict[str, str], options: LintOptions, *, server: str
) -> list[Finding]:
    from dataclasses import replace

    from anyascope.rules.lint import lint

    if not server:
        return lint(groups, texts, options)
    from anyascope.cli.rule_history import ServerHistory
    from anyascope.clock import NS_PER_S, SystemClock

    with replace(session_of(context), server=server).client() as client:
        return lint(
            groups, texts, replace(options, history=ServerHistory(client, now_s=SystemClock().now_ns() / NS_PER_S))
        )


def _placed(mistake: Mistake) -> str:
    """A mistake with its column, as editors and compilers have it."""
    place = ":".join(str(part) for part in (mistake.file, mistake.line, mistake.column) if part)
    return ": ".join(part for part in (place, mistake.path, mistake.message) if part)


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _tell_sum(terminal: Terminal, mistakes: int) -> None:
    terminal.line(terminal.paint(_counted(mistakes, "mistake"), Style.RED))
