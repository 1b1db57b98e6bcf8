"""An alert's time line as a table for spreadsheets, and as Markdown for a report."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

import msgspec

from anyascope.wire.own_api import AlertView
from anyascope.wire.own_responses import AlertEventView

_COLUMNS = ("at", "kind", "by", "text", "details")
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def timeline_csv(timeline: Sequence[AlertEventView]) -> str:
    """RFC 4180, a line an event; details are JSON. What a spreadsheet would take for a formula is quoted."""
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\r\n")
    rows.writerow(_COLUMNS)
    for event in timeline:
        details = msgspec.json.encode(event.details, order="sorted").decode()
        rows.writerow(map(_plain, (event.at, event.kind, event.by, event.text, details)))
    return out.getvalue()


def timeline_markdown(alert: AlertView, timeline: Sequence[AlertEventView]) -> str:
    """A heading, the facts, and a table; what was written by people or senders cannot break out of it."""
    facts = [
        ("Alert", alert.name),
        ("State", alert.state),
        ("Severity", alert.severity),
        ("Source", alert.source),
        ("Began", alert.starts_at or ""),
        ("Ended", alert.ends_at or ""),
        ("Labels", ", ".join(f"{name}={value}" for name, value in sorted(alert.labels.items()))),
    ]
    lines = [f"# {_cell(alert.title)}", ""]
    lines += [f"- {name}: {_cell(value)}" for name, value in facts if value]
    lines += ["", "| Time (UTC) | What | Who | |", "|---|---|---|---|"]
    lines += [f"| {event.at} | {event.kind} | {_cell(event.by)} | {_cell(event.text)} |" for event in timeline]
    return "\n".join(lines) + "\n"


def _plain(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def _cell(text: str) -> str:
    escaped = "".join(f"\\{char}" if char in "\\|`*_[]<>#" else char for char in text)
    return " ".join(escaped.split())
