"""`anyascope template render`: what a notification template makes of an alert, without sending anything."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from anyascope.cli.terminal import Terminal

if TYPE_CHECKING:
    from anyascope.notify.template_data import MessageData

app = typer.Typer(help="Try templates of notifications.", no_args_is_help=True)

# What is rendered where no file is given: a group of two, one of which has ended.
SAMPLE: Final[dict[str, Any]] = {
    "receiver": "ops",
    "status": "firing",
    "alerts": [
        {
            "status": "firing",
            "labels": {"alertname": "SigningFailed", "severity": "critical", "component": "hsm-1", "wallet": "cold"},
            "annotations": {"summary": "Signing failed", "description": "The HSM refused 3 signatures in a row."},
            "startsAt": "2026-11-23T22:51:00.123Z",
            "generatorURL": "https://anyascope.example.org/graph?g0.expr=up",
            "fingerprint": "0f1e2d3c4b5a6978",
        },
        {
            "status": "resolved",
            "labels": {"alertname": "SigningFailed", "severity": "critical", "component": "hsm-2", "wallet": "warm"},
            "annotations": {"summary": "Signing failed"},
            "startsAt": "2026-11-23T22:40:00Z",
            "endsAt": "2026-11-23T22:50:30Z",
            "generatorURL": "https://anyascope.example.org/graph?g0.expr=up",
            "fingerprint": "1f1e2d3c4b5a6978",
        },
    ],
    "groupLabels": {"alertname": "SigningFailed"},
    "commonLabels": {"alertname": "SigningFailed", "severity": "critical"},
    "commonAnnotations": {"summary": "Signing failed"},
    "externalURL": "https://anyascope.example.org",
}


class Form(StrEnum):
    """What the text is."""

    TEXT = "text"
    HTML = "html"


@app.callback()
def _only_commands() -> None:
    """Keep `template` a group although it has one command."""


@app.command("render")
def render(
    *,
    text: Annotated[str, typer.Option("--template.text", metavar="TEXT", help="The template.")],
    globs: Annotated[
        list[str] | None, typer.Option("--template.glob", metavar="GLOB", help="Files that it may invoke.")
    ] = None,
    form: Annotated[Form, typer.Option("--template.type", help="Text, or HTML with escapes.")] = Form.TEXT,
    data: Annotated[
        Path | None,
        typer.Option("--template.data", metavar="FILE", help="The notification, as the webhook's JSON has it."),
    ] = None,
    alertmanager_config: Annotated[
        Path | None, typer.Option("--alertmanager-config", metavar="FILE", help="Also read this file's templates.")
    ] = None,
) -> None:
    """Print what a template makes of a notification, as amtool's command of this name does."""
    from anyascope.clock import SystemClock
    from anyascope.notify.templates import load_templates

    patterns = list(globs or ())
    if alertmanager_config is not None:
        from anyascope.alerting.settings import read_alertmanager_file
        from anyascope.config.load import read_text

        patterns += read_alertmanager_file(read_text(alertmanager_config), file=str(alertmanager_config)).templates
    templates = load_templates(patterns, now_ns=SystemClock().now_ns)
    found = templates.render_data(text, _data(data), is_html=form is Form.HTML)
    # As it is, control bytes too: it may be sent on, or compared with what amtool prints.
    Terminal.standard().out.write(found)


def _data(path: Path | None) -> MessageData:
    import msgspec

    from anyascope.config.load import read_text
    from anyascope.errors import InvalidInputError
    from anyascope.notify.template_data import read_message_data

    if path is None:
        return read_message_data(SAMPLE)
    try:
        document = msgspec.json.decode(read_text(path))
    except msgspec.MsgspecError as error:
        raise InvalidInputError(f"{path} is not JSON: {error}") from error
    return read_message_data(document)
