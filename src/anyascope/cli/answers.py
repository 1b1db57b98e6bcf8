"""`anyascope ack`, `escalate`, and what else people do about alerts (`anyascope alerts …`)."""

from __future__ import annotations

import getpass
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from anyascope.cli.lengths import seconds_of
from anyascope.cli.session import print_json, session_of
from anyascope.cli.show import local_time, time_or_dash
from anyascope.cli.terminal import Cell, Style, Terminal, clean
from anyascope.errors import InvalidInputError

if TYPE_CHECKING:
    from anyascope.client.client import Client
    from anyascope.wire.own_api import AlertView
    from anyascope.wire.own_responses import AlertEventView, ByBody

ID_CHARS = 16  # of an alert; fewer are looked up

AlertId = Annotated[str, typer.Argument(help="The alert's id, or as much of it as tells it from others.", metavar="ID")]
By = Annotated[str, typer.Option("--by", help="Who asks; you, where not given.", metavar="NAME", show_default=False)]
Note = Annotated[str, typer.Option("--note", "-n", help="Why.", metavar="TEXT", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]

_STYLES = {
    "fired": Style.RED,
    "refired": Style.RED,
    "resolved": Style.GREEN,
    "resolved_by_hand": Style.GREEN,
    "acknowledged": Style.GREEN,
    "notification_failed": Style.ALARM,
    "deadline_missed": Style.ALARM,
    "escalated": Style.YELLOW,
}


def ack(
    context: typer.Context,
    ids: Annotated[list[str] | None, typer.Argument(help="The alerts' ids.", metavar="ID…")] = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="All that fire and nobody has acknowledged.")] = False,
    length: Annotated[
        str, typer.Option("--for", help="How long, such as 2h; as the policy says.", metavar="DURATION")
    ] = "",
    note: Note = "",
    by: By = "",
) -> None:
    """Acknowledge alerts: nobody else is called for them."""
    from anyascope.wire.own_responses import AcknowledgeBody

    if bool(ids) is every:
        raise InvalidInputError("give the ids of alerts, or --all")
    body = AcknowledgeBody(
        by=by or getpass.getuser(), note=note, for_s=seconds_of(length, option="--for") if length else None
    )
    with session_of(context).client() as client:
        if every:
            firing = client.alerts(state="firing").alerts
            chosen = [alert.id for alert in firing if alert.acknowledgement is None]
        else:
            chosen = _resolve(client, ids or ())
        _respond(client, chosen, "acknowledge", body)


def escalate(context: typer.Context, alert_id: AlertId, *, note: Note = "", by: By = "") -> None:
    """Call the next level of an alert's policy now."""
    from anyascope.wire.own_responses import NoteBody

    with session_of(context).client() as client:
        _respond(client, _resolve(client, [alert_id]), "escalate", NoteBody(by=by or getpass.getuser(), note=note))


def unack(context: typer.Context, alert_id: AlertId, *, by: By = "") -> None:
    """Take the acknowledgement back: its policy begins anew."""
    from anyascope.wire.own_responses import ByBody

    with session_of(context).client() as client:
        _respond(client, _resolve(client, [alert_id]), "unacknowledge", ByBody(by=by or getpass.getuser()))


def assign(
    context: typer.Context,
    alert_id: AlertId,
    to: Annotated[str, typer.Argument(help="Whom.", metavar="NAME")],
    *,
    by: By = "",
) -> None:
    """Give an alert to somebody, for people to see."""
    from anyascope.wire.own_responses import AssignBody

    with session_of(context).client() as client:
        _respond(client, _resolve(client, [alert_id]), "assign", AssignBody(by=by or getpass.getuser(), to=to))


def comment(
    context: typer.Context,
    alert_id: AlertId,
    text: Annotated[str, typer.Argument(help="What is to stand in its time line.", metavar="TEXT")],
    *,
    by: By = "",
) -> None:
    """Say something for an alert's time line."""
    from anyascope.wire.own_responses import CommentBody

    with session_of(context).client() as client:
        _respond(client, _resolve(client, [alert_id]), "comment", CommentBody(by=by or getpass.getuser(), text=text))


def snooze(
    context: typer.Context,
    alert_id: AlertId,
    *,
    length: Annotated[str, typer.Option("--for", help="How long, such as 2h.", metavar="DURATION")],
    note: Note = "",
    by: By = "",
) -> None:
    """Keep an alert quiet for a while."""
    from anyascope.wire.own_responses import SnoozeBody

    body = SnoozeBody(by=by or getpass.getuser(), note=note, for_s=seconds_of(length, option="--for"))
    with session_of(context).client() as client:
        _respond(client, _resolve(client, [alert_id]), "snooze", body)


def resolve(context: typer.Context, alert_id: AlertId, *, note: Note = "", by: By = "") -> None:
    """Say that an alert is over, whatever its sender says of this episode."""
    from anyascope.wire.own_responses import NoteBody

    with session_of(context).client() as client:
        _respond(client, _resolve(client, [alert_id]), "resolve", NoteBody(by=by or getpass.getuser(), note=note))


def show(context: typer.Context, alert_id: AlertId, *, as_json: AsJson = False) -> None:
    """Show an alert and all that happened to it."""
    terminal = Terminal.standard()
    with session_of(context).client() as client:
        found = client.alert(_resolve(client, [alert_id])[0])
    if as_json:
        print_json(terminal, found)
        return
    for name, value in _facts(found.alert):
        terminal.line(f"{name + ':':<14}{clean(value)}")
    terminal.line()
    terminal.rows([_row(event) for event in found.timeline])


def _facts(alert: AlertView) -> list[tuple[str, str]]:
    held, climb = alert.acknowledgement, alert.escalation
    facts = [
        ("alert", f"{alert.name} ({alert.id})"),
        ("title", alert.title),
        ("state", f"{alert.state}, {alert.severity}"),
        ("source", alert.source),
        ("since", time_or_dash(alert.starts_at)),
        ("labels", ", ".join(f"{name}={value}" for name, value in sorted(alert.labels.items()))),
    ]
    if held is not None:
        until = f" until {local_time(held.until)}" if held.until else ""
        facts.append(("acknowledged", f"by {held.by} at {local_time(held.at)}{until}"))
    if alert.assigned_to:
        facts.append(("assigned to", alert.assigned_to))
    if alert.snoozed_until:
        facts.append(("snoozed", f"until {local_time(alert.snoozed_until)}"))
    if alert.policy:
        missed = ", missed" if alert.is_deadline_missed else ""
        facts.append(("policy", f"{alert.policy}, deadline {time_or_dash(alert.deadline_at)}{missed}"))
    if climb is not None:
        state = "stopped" if climb.is_stopped else f"next call {time_or_dash(climb.next_at)}"
        facts.append(("escalation", f"level {climb.level + 1} of {climb.levels}, {state}"))
    return facts


def _row(event: AlertEventView) -> list[Cell]:
    return [
        Cell(local_time(event.at), Style.DIM),
        Cell(event.kind.replace("_", " "), _STYLES.get(event.kind, Style.PLAIN)),
        Cell(event.by or "-", Style.CYAN),
        Cell(event.text),
    ]


def _respond(client: Client, ids: Sequence[str], action: str, body: ByBody) -> None:
    terminal = Terminal.standard()
    for alert_id in ids:
        result = client.respond(alert_id, action, body)
        said = next((event.text for event in reversed(result.timeline) if event.by), action)
        told = f"{clean(result.alert.name)} ({alert_id}): {clean(said)}"
        terminal.line(f"{told}; {clean(result.notice)}" if result.notice else told)
    if not ids:
        terminal.line("no alerts")


def _resolve(client: Client, given: Sequence[str]) -> list[str]:
    """Whole ids; what is shorter must be the beginning of one alert's."""
    if all(len(one) == ID_CHARS for one in given):
        return list(given)
    known = [alert.id for alert in client.alerts().alerts]
    found = []
    for one in given:
        matching = [alert_id for alert_id in known if alert_id.startswith(one)]
        if len(matching) != 1:
            raise InvalidInputError(f"{len(matching)} alerts have an id that begins with {one!r}; see anyascope alerts")
        found.append(matching[0])
    return found
