"""`anyascope route`: where an alert would go."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from anyascope.cli.session import print_json, session_of
from anyascope.cli.terminal import Style, Terminal, clean

if TYPE_CHECKING:
    from anyascope.wire.own_api import MatchedRouteView, RoutingTestView

app = typer.Typer(help="Show where alerts go.", no_args_is_help=True)


@app.callback()
def _only_commands() -> None:
    """Keep `route` a group although it has one command."""


@app.command("test")
def routed(
    context: typer.Context,
    labels: Annotated[list[str], typer.Argument(help="The alert's labels.", metavar="NAME=VALUE...")],
    *,
    alertmanager_config: Annotated[
        Path | None,
        typer.Option("--alertmanager-config", metavar="FILE", help="Ask this file instead of the server."),
    ] = None,
    config: Annotated[
        Path | None, typer.Option("--config", metavar="FILE", help="Ask this anyascope.yml instead of the server.")
    ] = None,
    verbose: Annotated[
        bool, typer.Option("--verbose", help="Also print each route with its groups and times.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print the receivers that an alert with these labels goes to, one a line, in order. Nothing is sent."""
    terminal = Terminal.standard()
    wanted = _labels_of(labels)
    if alertmanager_config is None and config is None:
        with session_of(context).client() as client:
            found = client.test_routing(wanted)
    else:
        found = _asked_of_files(config, alertmanager_config, wanted)
    if as_json:
        print_json(terminal, found)
        return
    for route in found.routes:
        if verbose:
            _print_route(terminal, route)
        else:
            terminal.line(clean(route.receiver))


def _labels_of(texts: Sequence[str]) -> dict[str, str]:
    from anyascope.errors import InvalidInputError

    found: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise InvalidInputError(f"a label is written as name=value, got {text!r}")
        found[name] = value
    return found


def _asked_of_files(config: Path | None, alertmanager: Path | None, labels: dict[str, str]) -> RoutingTestView:
    from anyascope.alerting.escalation.settings import escalation_options
    from anyascope.alerting.routing_shown import routes_for
    from anyascope.config.load import Sources, load

    # With a file of its own Alertmanager's part is asked alone: an anyascope.yml of this folder has no say.
    settings = load(Sources(config=config or Path(os.devnull), alertmanager_config=alertmanager))
    escalation = escalation_options(settings.escalation, settings.alerting.receivers)
    return routes_for(settings.alerting, labels, escalation)


def _print_route(terminal: Terminal, route: MatchedRouteView) -> None:
    terminal.line(terminal.paint(clean(route.receiver), Style.BOLD))
    steps = [clean(", ".join(matchers)) or "(everything)" for matchers in route.path]
    group = ", ".join(f'{name}="{value}"' for name, value in route.group_labels.items())
    lines = {
        "route": " > ".join(["the root", *steps]),
        "channels": ", ".join(integration.key for integration in route.integrations) or "none",
        "group": group or "one for all alerts of the route",
        "times": f"waits {_length(route.group_wait_s)}, then news every {_length(route.group_interval_s)}, "
        f"repeats after {_length(route.repeat_interval_s)}",
        "muted": ", ".join(route.mute_time_intervals),
        "only in": ", ".join(route.active_time_intervals),
    }
    if route.policy is not None:
        lines["policy"] = route.policy
    for number, level in enumerate(route.levels, start=1):
        told = ", ".join(level.channels) or "nobody: no such channel"
        again = f", again every {_length(level.repeat_s)}" if level.repeat_s else ""
        lines[f"level {number}"] = f"{_after(level.delay_s)} {told}{again}"
    for name, text in lines.items():
        if text:
            terminal.line(f"  {terminal.paint(f'{name:<9}', Style.DIM)}{clean(text)}")


def _length(seconds: float) -> str:
    from anyascope.wire.durations import format_duration_ms

    return format_duration_ms(round(seconds * 1000))


def _after(seconds: float) -> str:
    return f"after {_length(seconds)}" if seconds else "at once"
