"""How a backtest looks in the terminal and as JSON."""

from __future__ import annotations

import io
import json
import re

import msgspec

from anyascope.cli.terminal import Terminal
from anyascope.cli.timeline import COLUMNS, bar_of, document_of, print_report
from anyascope.clock import NS_PER_S
from anyascope.rules.backtest.report import BacktestReport, Firing, RecordedOutcome, RuleOutcome, summed

END_NS = COLUMNS * 60 * NS_PER_S
DOWN = (("alertname", "Down"), ("job", "\x1b[31ma"), ("severity", "critical"))


def minute(number):
    return number * 60 * NS_PER_S


def firing(active, fired, ended, labels=DOWN):
    return Firing("Down", labels, {"summary": "s"}, float("nan"), minute(active), minute(fired), minute(ended))


def report_of(*firings, error=""):
    blank = RuleOutcome("g", "Down", "critical", failed_steps=len(error), error=error)
    return BacktestReport(
        0,
        END_NS,
        60.0,
        firings,
        (summed(blank, firings, start_ns=0, end_ns=END_NS), RuleOutcome("g", "Quiet", "")),
        (RecordedOutcome("g", "a:b", 2, 40),),
    )


def printed(report, *, is_tty=False, width=100):
    out = io.StringIO()
    print_report(Terminal(out, is_tty=is_tty, width=width), report)
    return out.getvalue()


def test_bars():
    """A column shows the most that happened in it: pending, then firing, to the end where it is not over."""
    report = report_of()

    bar = bar_of([firing(2, 4, 6), firing(56, 58, 0), firing(20, 0, 21)], report, column_ns=minute(1))

    assert bar[:8] == "··░░███·"
    assert bar[19:23] == "·░░·"
    assert bar[-5:] == "·░░██"


def test_the_shortest_alert_is_seen():
    """A firing of a second stands in its column."""
    assert "█" in bar_of([firing(5, 5, 5)], report_of(), column_ns=minute(1))


def test_picture():
    """Every alert has its line, with its labels in clean letters; rules are summed up, quiet ones too."""
    text = printed(report_of(firing(2, 4, 6), firing(20, 0, 21)))

    assert "\x1b" not in text
    assert r"Down job=\x1b[31ma" in text
    assert re.search(r" [+-]\d{4} ", text.splitlines()[0])  # the zone
    line = next(line for line in text.splitlines() if line.startswith("Down ") and "critical" in line)
    assert line.split() == ["Down", "critical", "1", "1", *["2", "m", "0", "s", "2", "m", "0", "s"], "0", "1"]
    assert "Quiet" in text
    assert "recorded a:b: 2 series, 40 samples" in text
    assert text.endswith("1 alert, 2 m 0 s firing\n")


def test_colours():
    """A terminal gets colours by severity, and lines no wider than itself."""
    text = printed(report_of(firing(2, 4, 6)), is_tty=True, width=110)

    assert "\x1b[1;31m" in text


def test_many_alerts_are_cut():
    """What does not fit on a screen is counted."""
    many = [firing(2, 4, 6, (("alertname", "Down"), ("n", f"{number:03d}"))) for number in range(50)]

    assert "… and 10 alerts more" in printed(report_of(*many))


def test_failures_are_told():
    """A rule that could not be evaluated says why."""
    assert "Down: 3 evaluations failed: odd" in printed(report_of(error="odd"))


def test_json():
    """Times are RFC 3339 or null, a value is text, because JSON has no NaN."""
    told = json.loads(msgspec.json.encode(document_of(report_of(firing(2, 4, 0), firing(20, 0, 21)))))

    first, second = told["alerts"]
    assert (first["value"], first["fired_at"], first["ended_at"]) == ("nan", "1970-01-01T00:04:00.000000000Z", None)
    assert first["firing_s"] == (COLUMNS - 4) * 60
    assert (second["fired_at"], second["firing_s"]) == (None, 0.0)
    assert told["rules"][0]["alerts"] == 1
    assert told["recorded"] == [
        {"group": "g", "rule": "a:b", "series": 2, "samples": 40, "failed_steps": 0, "error": ""}
    ]
