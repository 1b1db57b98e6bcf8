"""`anyascope check config` and `anyascope check rules`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from anyascope.cli.terminal import Style, Terminal, clean

EXIT_MISTAKES = 2

app = typer.Typer(help="Explain every mistake of a file, without a server.", no_args_is_help=True)


@app.command("config")
def config(
    file: Annotated[Path, typer.Argument(help="anyascope.yml, prometheus.yml or alertmanager.yml.")],
) -> None:
    """Explain every mistake of a configuration, with file, line and path."""
    from anyascope.config.load import check

    terminal = Terminal.standard()
    mistakes = check(file)
    for mistake in mistakes:
        terminal.line(clean(str(mistake)))
    if mistakes:
        _tell_sum(terminal, len(mistakes))
        raise typer.Exit(EXIT_MISTAKES)
    terminal.line(f"{clean(str(file))}: {terminal.paint('sound', Style.GREEN)}")


@app.command("rules")
def rules(files: Annotated[list[Path], typer.Argument(help="Rule files in Prometheus' format.")]) -> None:
    """Explain every mistake of rule files, with file, line and path."""
    from anyascope.rules.load import load_rules
    from anyascope.wire.settings import SettingsError

    terminal = Terminal.standard()
    mistakes = 0
    for file in files:
        name = clean(str(file))
        try:
            groups = load_rules(file.read_text(encoding="utf-8"), file=str(file))
        except SettingsError as error:
            mistakes += len(error.mistakes)
            for mistake in error.mistakes:
                terminal.line(clean(str(mistake)))
        except (OSError, UnicodeDecodeError) as error:
            mistakes += 1
            terminal.line(f"{name}: cannot be read: {clean(str(error))}")
        else:
            count = sum(len(group.rules) for group in groups)
            terminal.line(f"{name}: {terminal.paint('sound', Style.GREEN)}, {len(groups)} groups, {count} rules")
    if mistakes:
        _tell_sum(terminal, mistakes)
        raise typer.Exit(EXIT_MISTAKES)


def _tell_sum(terminal: Terminal, mistakes: int) -> None:
    terminal.line(terminal.paint(f"{mistakes} mistake{'' if mistakes == 1 else 's'}", Style.RED))
