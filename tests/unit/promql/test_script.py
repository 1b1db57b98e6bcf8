"""The format of test scripts, and the runner's verdicts."""

from __future__ import annotations

import math

import pytest

from anyascope.errors import InvalidInputError
from anyascope.frames.histogram import NativeHistogram
from anyascope.model.metrics import STALE_NAN
from anyascope.promql.engine import Engine
from anyascope.promql.judge import Outcome, Verdict, run_script, same
from anyascope.promql.script import Case, Clear, Load, parse_row, parse_script
from anyascope.store.memory.metrics import MemoryMetrics
from support.promql import engine_over


async def make() -> tuple[MemoryMetrics, Engine]:
    store = MemoryMetrics()
    return store, engine_over(store)


async def judged(script: str) -> list[Verdict]:
    return await run_script(parse_script(script), make)


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("1 2 3", (1, 2, 3)),
        ("1x2", (1, 1, 1)),
        ("0+5x2", (0, 5, 10)),
        ("-2-2x1", (-2, -4)),
        ("3-2x1 _ 7", (3, 1, None, 7)),
        ("_x2 1", (None, None, 1)),
        ("Inf -Inf", (math.inf, -math.inf)),
        ("", ()),
        ("{{schema:0 count:1}} {{}}x1", (NativeHistogram(count=1.0), NativeHistogram(), NativeHistogram())),
        (
            "{{count:1 buckets:[1] offset:2}}+{{count:2 buckets:[2]}}x1",
            (
                NativeHistogram(count=1.0, positive={2: 1.0}),
                NativeHistogram(count=3.0, positive={0: 2.0, 2: 1.0}),
            ),
        ),
    ],
)
def test_values_are_expanded(text: str, items: tuple[object, ...]) -> None:
    """`a+bxN` is N + 1 values, `_xN` exactly N omitted ones."""
    assert parse_row(f"m {text}").items == items


def test_a_stale_marker_keeps_its_bits() -> None:
    """NaN written by hand is an ordinary one."""
    marker, plain = parse_row("m stale NaN").items

    assert isinstance(marker, float)
    assert isinstance(plain, float)
    assert same(STALE_NAN, marker)
    assert not same(STALE_NAN, plain)


def test_labels_may_be_quoted() -> None:
    """Names beyond ASCII, raw strings, escapes, commas at the end."""
    row = parse_row('{"metric.name", "l.1"=\'a"b\', b=`\\n`, c="\\u00e9",} 1')

    assert row.labels == (("__name__", "metric.name"), ("b", "\\n"), ("c", "é"), ("l.1", 'a"b'))


def test_commands_are_read_in_order() -> None:
    """A comment ends a block, as an empty line does."""
    commands = parse_script("clear\nload 5m\n  m 1\n# comment\neval instant at 1h30m m\n  m 1\n")

    assert [type(command) for command in commands] == [Clear, Load, Case]
    case = commands[2]
    assert isinstance(case, Case)
    assert (case.line, case.query, case.start_ms) == (5, "m", 5_400_000)


@pytest.mark.parametrize(
    "script", ["nonsense", "load x\n", "load 1m\n  m 1 two", "eval instant", "load 1m\n  m 1x9999999"]
)
def test_a_broken_line_is_named(script: str) -> None:
    """By its number."""
    with pytest.raises(InvalidInputError, match=r"^line "):
        parse_script(script)


async def test_a_case_passes_or_says_why_not() -> None:
    """Values, series, order, kinds and notes are all looked at."""
    verdicts = await judged(
        """
load 1m
  m{a="1"} 1
  m{a="2"} 2

eval instant at 0 m
  m{a="1"} 1
  m{a="2"} 2

eval instant at 0 m
  m{a="1"} 1

eval instant at 0 m
  m{a="1"} 1
  m{a="2"} 3

eval instant at 0 sort_desc(m)
  expect ordered
  m{a="1"} 1
  m{a="2"} 2

eval instant at 0 1
  1
eval instant at 0 quantile(2, m)
  expect no_warn
  {} Inf

eval instant at 0 m +
  expect fail

eval instant at 0 m
  expect fail

eval range from 0 to 1m step 1m sum(m)
  {} 3 3
"""
    )

    passed = [verdict.outcome is Outcome.PASSED for verdict in verdicts]
    assert passed == [True, False, False, False, True, False, True, False, True]
    assert all(verdict.reason for verdict, good in zip(verdicts, passed, strict=True) if not good)


async def test_clear_forgets_everything() -> None:
    """Each `clear` begins with an empty store."""
    verdicts = await judged("load 1m\n  m 1\n\nclear\neval instant at 0 m\n")

    assert [verdict.outcome for verdict in verdicts] == [Outcome.PASSED]
