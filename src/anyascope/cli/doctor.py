"""`anyascope doctor`: in one screen what runs, what it takes, what is collected, what fails and what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from anyascope.cli.session import print_json, session_of
from anyascope.cli.show import NS_PER_S, duration, size, time_or_dash
from anyascope.cli.terminal import Cell, Style, Terminal, clean

if TYPE_CHECKING:
    from anyascope.wire.own_api import ComponentView, HealthView, StatusView

EXIT_FAILING = 1

_STATES = {
    "listening": Style.GREEN,
    "healthy": Style.GREEN,
    "degraded": Style.YELLOW,
    "skipped": Style.YELLOW,
    "unhealthy": Style.RED,
}


def doctor(
    context: typer.Context, *, as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False
) -> None:
    """Say what is running, what it takes, what is collected, what is failing and what to do.

    Exits with 1 when something is failing, with 2 when no server answers.
    """
    terminal = Terminal.standard()
    session = session_of(context)
    with session.client() as client:
        status = client.status()
        health = client.health()
        address = client.server
    failing = failures(status, health)
    if as_json:
        print_json(terminal, {"status": status, "health": health, "failing": len(failing)})
    else:
        _print_server(terminal, status, address)
        _print_kept(terminal, status)
        _print_collected(terminal, status)
        _print_failing(terminal, failing)
    if failing:
        raise typer.Exit(EXIT_FAILING)


def failures(status: StatusView, health: HealthView) -> list[tuple[str, str, str]]:
    """(how bad, what, what to do) of everything that fails, each once."""
    parts = {part.component: part for part in health.components if part.status in ("degraded", "unhealthy")}
    found: list[tuple[str, str, str]] = [
        (part.status, f"{part.component}: {part.message}" if part.message else part.component, part.advice)
        for part in parts.values()
        if not _is_told_by(parts.get(part.component.rpartition(".")[0]), part)
    ]
    if status.config.error:
        found.append(
            ("degraded", f"the configuration was not reloaded: {status.config.error}", "mend it and reload again")
        )
    told = {what for _, what, _ in found}
    messages = {part.message for part in health.components}
    found.extend(
        ("degraded", problem.what, problem.advice)
        for problem in status.problems
        if problem.what not in told and problem.what not in messages
    )
    return found


def _is_told_by(whole: ComponentView | None, part: ComponentView) -> bool:
    """Whether a part fails by what the whole fails by: a node that is down need not be told thrice."""
    what = part.message.partition(": ")[2] or part.message  # without the code in front
    return whole is not None and bool(what) and what in whole.message


def _print_server(terminal: Terminal, status: StatusView, address: str) -> None:
    up = duration(status.uptime_s * NS_PER_S)
    head = f"anyascope {clean(status.version)}"
    terminal.line(f"{terminal.paint(head, Style.BOLD)} at {clean(address)} · up {up} · pid {status.pid}")
    loaded = f", read {time_or_dash(status.config.loaded_at)}" if status.config.loaded_at else ""
    terminal.line(f"  configuration  {clean(status.config.file) or 'none, the defaults'}{loaded}")
    terminal.line(
        f"  takes          memory {size(status.memory_bytes)} · CPU {duration(status.cpu_seconds * NS_PER_S)} in all"
    )
    _headline(terminal, "addresses")
    rows = [
        [Cell(face.name), Cell(face.address), Cell(face.state, _STATES.get(face.state, Style.PLAIN)), Cell(face.note)]
        for face in status.faces
    ]
    _indented(terminal, rows)


def _print_kept(terminal: Terminal, status: StatusView) -> None:
    free = size(status.disk_free_bytes)
    _headline(terminal, f"kept in {clean(status.data_directory) or 'memory'} · disk {free} free")
    rows = [
        [
            Cell(name),
            Cell(f"{kept.rows:,} rows", is_number=True),
            Cell(size(kept.disk_bytes), is_number=True),
            Cell(f"since {time_or_dash(kept.oldest)}" if kept.oldest else "nothing yet", Style.DIM),
        ]
        for name, kept in status.storage.items()
    ]
    rows.append([Cell("series"), Cell(f"{status.series:,}", is_number=True), Cell(""), Cell("")])
    _indented(terminal, rows)


def _print_collected(terminal: Terminal, status: StatusView) -> None:
    _headline(terminal, "collected")
    if not status.collectors:
        terminal.line("  nothing: the server only receives")
    rows = [
        [Cell(part.name), Cell(part.state, _STATES.get(part.state, Style.PLAIN)), Cell(part.detail)]
        for part in status.collectors
    ]
    _indented(terminal, rows)


def _print_failing(terminal: Terminal, failing: list[tuple[str, str, str]]) -> None:
    terminal.line()
    if not failing:
        terminal.line(terminal.paint("nothing is failing", Style.GREEN))
        return
    terminal.line(terminal.paint(f"failing: {len(failing)}", Style.RED))
    for how_bad, what, advice in failing:
        style = Style.RED if how_bad == "unhealthy" else Style.YELLOW
        terminal.line(f"  {terminal.paint('✗', style)} {clean(what)}")
        if advice:
            terminal.line(f"      {clean(advice)}")


def _headline(terminal: Terminal, text: str) -> None:
    terminal.line()
    terminal.line(terminal.paint(text, Style.BOLD))


def _indented(terminal: Terminal, rows: list[list[Cell]]) -> None:
    terminal.rows([[Cell(""), *row] for row in rows])
