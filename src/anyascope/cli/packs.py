"""`anyascope packs`: the rules, dashboards, policies and runbooks that ship with the server."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from anyascope.cli.session import print_json, session_of
from anyascope.cli.terminal import Cell, Style, Terminal, clean

if TYPE_CHECKING:
    from anyascope.packs import Pack

app = typer.Typer(help="Look at the packs that ship with the server.", no_args_is_help=True)


@app.command("list")
def listed(
    context: typer.Context, *, as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False
) -> None:
    """Show which packs are on, and which of their rules are left out."""
    terminal = Terminal.standard()
    with session_of(context).client() as client:
        found = client.packs()
    if as_json:
        print_json(terminal, found)
        return
    rows = [
        [
            Cell(one.name, Style.BOLD),
            Cell("on", Style.GREEN) if one.is_on else Cell("off", Style.DIM),
            Cell(str(len(one.rules)), is_number=True),
            Cell(", ".join(one.left_out) or "-"),
            Cell(one.about),
        ]
        for one in found.packs
    ]
    terminal.table(["pack", "state", "rules", "left out", "about"], rows)


@app.command("show")
def shown(
    name: Annotated[str, typer.Argument(help="A pack, or an alert of one.", metavar="PACK|ALERT")],
) -> None:
    """Print a pack's rules as a table, or one alert as it is written, to be copied and changed, and its runbook."""
    from anyascope import packs

    terminal = Terminal.standard()
    if name in packs.names():
        _print_pack(terminal, packs.pack(name))
    else:
        _print_alert(terminal, name)


def _print_pack(terminal: Terminal, pack: Pack) -> None:
    from anyascope.rules.definition import AlertingRule
    from anyascope.rules.packs import load_pack_rules
    from anyascope.wire.durations import format_duration_ms

    terminal.line(clean(pack.about))
    terminal.line()
    rows = []
    for group in load_pack_rules(pack.name):
        for rule in group.rules:
            if isinstance(rule, AlertingRule):
                labels = dict(rule.label_texts)
                rows.append(
                    [
                        Cell(rule.name, Style.BOLD, is_whole=True),
                        Cell(labels["severity"]),
                        Cell(format_duration_ms(round(rule.hold_s * 1000)) if rule.hold_s else "at once"),
                        Cell(labels.get("escalation_policy", "of the severity")),
                        Cell(pack.runbooks[rule.name].title.removeprefix(f"{rule.name}: ")),
                    ]
                )
    terminal.table(["alert", "severity", "after", "policy", "means"], rows)


def _print_alert(terminal: Terminal, name: str) -> None:
    from anyascope import packs
    from anyascope.errors import NotFoundError

    for pack in (packs.DEFAULT, *packs.names()):
        for file, text in packs.files_of(pack).items():
            written = packs.rule_text(text, name) if file.endswith(".yml") else ""
            if written:
                terminal.line(terminal.paint(f"# {pack}/{file}", Style.DIM))
                for line in written.splitlines():
                    terminal.line(clean(line))
                book = packs.runbooks().get(name)
                for line in ["", *book.markdown.splitlines()] if book else ():
                    terminal.line(clean(line))
                return
    known = ", ".join(packs.names())
    raise NotFoundError(f"no pack and no alert is called {name!r}; packs are {known}")


def _alertmanager(names: Sequence[str]) -> str:
    """Routes of an Alertmanager for the policies of these packs."""
    from anyascope import packs
    from anyascope.alerting.escalation.as_routes import alertmanager_text
    from anyascope.alerting.escalation.settings import read_policies

    found = {
        policy.name: policy
        for name in names
        if name != packs.DEFAULT
        for policy in read_policies(packs.pack(name).policies, file=f"{name}/policies.yml")
    }
    return alertmanager_text(found.values())


@app.command("export")
def exported(
    folder: Annotated[Path, typer.Argument(help="Is made where it is not there.", metavar="DIRECTORY")],
    *,
    only: Annotated[list[str] | None, typer.Option("--pack", help="Only this one; may be given again.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over files that are there.")] = False,
) -> None:
    """Write the files of the packs, for your own rule files or for a Prometheus, an Alertmanager and a Grafana."""
    from anyascope import packs
    from anyascope.errors import ConflictError, InvalidInputError

    known = (packs.DEFAULT, *packs.names())
    for name in only or ():
        if name not in known:
            raise InvalidInputError(f"must be one of {', '.join(known)}, got {name!r}", path="--pack")
    chosen = list(dict.fromkeys(only or known))
    texts = {folder / name / file: text for name in chosen for file, text in packs.files_of(name).items()}
    texts[folder / "alertmanager.yml"] = _alertmanager(chosen)
    there = [path for path in texts if path.exists()]
    if there and not force:
        raise ConflictError(f"{there[0]} is there already; --force writes over it")
    for path, text in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    Terminal.standard().line(f"{len(texts)} files written below {clean(str(folder))}")
