"""Building blocks of a dashboard: what a panel asks and shows, laid out by itself.

Source: Grafana's dashboard model, schemaVersion 42, as grafana-foundation-sdk's JSON schema has it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

SCHEMA_VERSION: Final = 42
COLUMNS: Final = 24  # of Grafana's grid
GREEN, YELLOW, ORANGE, RED, BLUE = "green", "yellow", "orange", "red", "blue"
DATASOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}

Steps = Sequence[tuple[float | None, str]]
NEUTRAL: Final[Steps] = ((None, BLUE),)
ZERO_IS_WELL: Final[Steps] = ((None, GREEN), (1, RED))
ONE_IS_WELL: Final[Steps] = ((None, RED), (1, GREEN))


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel.

    Attributes:
        text: what it shows and what to do about it, for the reader.
        asks: (expression, legend) of each query.
        unit: Grafana's id of the unit, such as `s`, `short`, `percentunit`.
        width, height: in cells of the grid.
    """

    kind: str
    title: str
    text: str
    asks: Sequence[tuple[str, str]]
    unit: str
    width: int
    height: int
    steps: Steps = NEUTRAL
    words: Sequence[tuple[str, str, str]] = ()  # (value, text, colour)
    options: dict[str, Any] = field(default_factory=dict)
    custom: dict[str, Any] = field(default_factory=dict)
    nothing: str = ""  # what is shown where there are no data
    ends_at: tuple[float | None, float | None] = (None, None)
    columns: Sequence[tuple[str, str]] = ()  # (label, heading) of a table, in this order


@dataclass(frozen=True, slots=True)
class Row:
    """Panels under a heading."""

    title: str
    panels: Sequence[Panel]


@dataclass(frozen=True, slots=True)
class Variable:
    """A choice of label values; several or all."""

    name: str
    label: str
    query: str


@dataclass(frozen=True, slots=True)
class Mark:
    """What is drawn on the graphs where an expression has a value; `text` may name labels, such as `{{node}}`."""

    name: str
    expr: str
    text: str
    color: str


@dataclass(frozen=True, slots=True)
class Dashboard:
    """A whole dashboard."""

    uid: str
    title: str
    description: str
    tags: Sequence[str]
    variables: Sequence[Variable]
    rows: Sequence[Row]
    alerts: str  # selector of the alerts that are drawn as annotations
    marks: Sequence[Mark] = ()


def stat(
    title: str,
    text: str,
    *asks: tuple[str, str] | str,
    unit: str = "short",
    steps: Steps = NEUTRAL,
    words: Sequence[tuple[str, str, str]] = (),
    width: int = 4,
    height: int = 4,
    nothing: str = "",
) -> Panel:
    """A number, or one for each element."""
    options = {
        "colorMode": "background" if len(steps) > 1 or words else "value",
        "graphMode": "none",
        "justifyMode": "auto",
        "orientation": "auto",
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "textMode": "auto",
        "wideLayout": True,
    }
    return Panel(
        "stat", title, text, _pairs(asks), unit, width, height,
        steps=steps, words=words, options=options, nothing=nothing,
    )  # fmt: skip


def graph(
    title: str,
    text: str,
    *asks: tuple[str, str] | str,
    unit: str = "short",
    width: int = 12,
    ends_at: tuple[float | None, float | None] = (0, None),
    is_stacked: bool = False,
    is_stepped: bool = False,
    steps: Steps = NEUTRAL,
) -> Panel:
    """Lines over time; `steps` beyond the first are drawn as thresholds."""
    custom = {
        "drawStyle": "line",
        "fillOpacity": 30 if is_stacked else 8,
        "lineInterpolation": "stepAfter" if is_stepped else "linear",
        "lineWidth": 1,
        "showPoints": "never",
        "spanNulls": False,
        "stacking": {"group": "A", "mode": "normal" if is_stacked else "none"},
        "thresholdsStyle": {"mode": "line" if len(steps) > 1 else "off"},
    }
    options = {
        "legend": {"calcs": ["lastNotNull", "max"], "displayMode": "table", "placement": "bottom", "showLegend": True},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
    return Panel(
        "timeseries",
        title,
        text,
        _pairs(asks),
        unit,
        width,
        8,
        steps=steps,
        options=options,
        custom=custom,
        ends_at=ends_at,
    )


def states(
    title: str, text: str, ask: tuple[str, str], *, words: Sequence[tuple[str, str, str]], width: int = 12
) -> Panel:
    """States over time, a line of colours for each element."""
    options = {
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": False},
        "mergeValues": True,
        "rowHeight": 0.9,
        "showValue": "never",
        "tooltip": {"mode": "single", "sort": "none"},
    }
    return Panel(
        "state-timeline", title, text, [ask], "short", width, 8, words=words, options=options,
        custom={"fillOpacity": 80, "lineWidth": 0},
    )  # fmt: skip


def table(
    title: str,
    text: str,
    ask: str,
    *,
    columns: Sequence[tuple[str, str]],
    value: str,
    unit: str = "short",
    width: int = 12,
    nothing: str = "",
) -> Panel:
    """The newest answer as a table: `columns` are labels with their headings, `value` the heading of the number."""
    return Panel(
        "table", title, text, [(ask, "")], unit, width, 8,
        options={"cellHeight": "sm", "showHeader": True},
        custom={"align": "auto", "filterable": True},
        columns=[*columns, ("Value", value)], nothing=nothing,
    )  # fmt: skip


def written(board: Dashboard) -> str:
    """The dashboard as a file's text."""
    return json.dumps(_document(board), indent=2, ensure_ascii=False) + "\n"


def _document(board: Dashboard) -> dict[str, Any]:
    return {
        "uid": board.uid,
        "title": board.title,
        "description": board.description,
        "tags": list(board.tags),
        "schemaVersion": SCHEMA_VERSION,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "timezone": "browser",
        "refresh": "15s",
        "time": {"from": "now-6h", "to": "now"},
        "timepicker": {},
        "links": [],
        "annotations": {"list": [_mark(mark) for mark in (_alerts(board.alerts), *board.marks)]},
        "templating": {"list": [_datasource(), *map(_variable, board.variables)]},
        "panels": _laid_out(board.rows),
    }


def _alerts(selector: str) -> Mark:
    return Mark("Alerts", f'ALERTS{{alertstate="firing",{selector}}}', "{{alertname}}", RED)


def _mark(mark: Mark) -> dict[str, Any]:
    return {
        "name": mark.name,
        "datasource": DATASOURCE,
        "enable": True,
        "iconColor": mark.color,
        "expr": mark.expr,
        "titleFormat": mark.text,
        "step": "60s",
    }


def _datasource() -> dict[str, Any]:
    return {"type": "datasource", "name": "datasource", "label": "Data source", "query": "prometheus", "refresh": 1}


def _variable(variable: Variable) -> dict[str, Any]:
    return {
        "type": "query",
        "name": variable.name,
        "label": variable.label,
        "datasource": DATASOURCE,
        "definition": variable.query,
        "query": variable.query,
        "refresh": 2,
        "sort": 1,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"selected": True, "text": ["All"], "value": ["$__all"]},
    }


def _laid_out(rows: Sequence[Row]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    top = 0
    for row in rows:
        place = {"h": 1, "w": COLUMNS, "x": 0, "y": top}
        found.append(
            {
                "type": "row",
                "id": len(found) + 1,
                "title": row.title,
                "collapsed": False,
                "panels": [],
                "gridPos": place,
            }
        )
        top += 1
        left = tallest = 0
        for panel in row.panels:
            if left + panel.width > COLUMNS:
                top, left, tallest = top + tallest, 0, 0
            place = {"h": panel.height, "w": panel.width, "x": left, "y": top}
            found.append(_panel(panel, identity=len(found) + 1, place=place))
            left, tallest = left + panel.width, max(tallest, panel.height)
        top += tallest
    return found


def _panel(panel: Panel, *, identity: int, place: dict[str, int]) -> dict[str, Any]:
    document: dict[str, Any] = {
        "type": panel.kind,
        "id": identity,
        "title": panel.title,
        "description": panel.text,
        "datasource": DATASOURCE,
        "gridPos": place,
        "targets": [
            _target(panel, letter, expr, legend)
            for letter, (expr, legend) in zip("ABCDEFGHIJ", panel.asks, strict=False)
        ],
        "options": panel.options,
        "fieldConfig": {"defaults": _defaults(panel), "overrides": []},
    }
    if panel.columns:
        document["transformations"] = [_organized(panel.columns)]
    return document


def _target(panel: Panel, letter: str, expr: str, legend: str) -> dict[str, Any]:
    is_now = panel.kind in ("stat", "table")
    return {
        "refId": letter,
        "datasource": DATASOURCE,
        "expr": expr,
        "legendFormat": legend or "__auto",
        "instant": is_now,
        "range": not is_now,
        "format": "table" if panel.kind == "table" else "time_series",
    }


def _defaults(panel: Panel) -> dict[str, Any]:
    found: dict[str, Any] = {
        "unit": panel.unit,
        "color": {"mode": "palette-classic" if panel.kind == "timeseries" else "thresholds"},
        "thresholds": {"mode": "absolute", "steps": [{"value": at, "color": colour} for at, colour in panel.steps]},
        "mappings": [],
        "custom": panel.custom,
    }
    if panel.words:
        options = {
            value: {"text": text, "color": colour, "index": at} for at, (value, text, colour) in enumerate(panel.words)
        }
        found["mappings"] = [{"type": "value", "options": options}]
    low, high = panel.ends_at
    if low is not None:
        found["min"] = low
    if high is not None:
        found["max"] = high
    if panel.nothing:
        found["noValue"] = panel.nothing
    return found


def _organized(columns: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """Keep these columns, in this order, under their headings."""
    return {
        "id": "organize",
        "options": {
            "includeByName": {label: True for label, _ in columns},
            "indexByName": {label: at for at, (label, _) in enumerate(columns)},
            "renameByName": dict(columns),
        },
    }


def _pairs(asks: Sequence[tuple[str, str] | str]) -> list[tuple[str, str]]:
    return [(ask, "") if isinstance(ask, str) else ask for ask in asks]
