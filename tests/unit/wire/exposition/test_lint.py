"""Unit tests of what is told about the metrics of a page."""

from __future__ import annotations

import subprocess

import pytest

from anyascope.wire.exposition.document import parse_exposition
from anyascope.wire.exposition.lines import Format
from anyascope.wire.exposition.lint import families_of, problems_of
from support.components import REPOSITORY, component

GOLDEN = REPOSITORY / "tests/golden/exposition"
OPEN = b"""# HELP c Counts.
# TYPE c counter
c_total{a="1"} 1
c_created{a="1"} 5
# HELP i About.
# TYPE i info
i_info{v="1"} 1
# HELP g A gauge histogram.
# TYPE g gaugehistogram
g_bucket{le="+Inf"} 1
g_gcount 1
g_gsum 1
# EOF
"""


def problems(page: bytes, form: Format = Format.TEXT) -> list[str]:
    return [str(problem) for problem in problems_of(families_of(parse_exposition(page, form=form)))]


def test_tells_what_promtool_tells() -> None:
    """Every kind of finding, in promtool's words and order."""
    wanted = (GOLDEN / "regrettable.problems").read_text().splitlines()
    assert problems((GOLDEN / "regrettable.txt").read_bytes()) == wanted


def test_promtool_itself_still_says_so() -> None:
    """The recorded findings are those of the real program."""
    done = subprocess.run(
        [component("promtool"), "check", "metrics"],
        input=(GOLDEN / "regrettable.txt").read_bytes(),
        capture_output=True,
        check=False,
    )
    assert done.stderr.decode() == (GOLDEN / "regrettable.problems").read_text()


def test_a_series_that_stands_twice_is_told() -> None:
    """The same series twice, whatever its values, is not unique; other labels make another series."""
    head = b"# HELP a Some.\n# TYPE a gauge\n"
    assert problems(head + b"a 1\na 2\n") == ["a metric not unique"]
    assert problems(head + b'a{b="1"} 1\na{b="2"} 1\n') == []


def test_openmetrics_names_counters_without_their_suffix() -> None:
    """A counter whose series end in `_total` is well named, whichever format the page has."""
    assert problems(b"# HELP c Counts.\n# TYPE c counter\nc_total 1\n# EOF\n", Format.OPENMETRICS) == []
    assert problems(b"# HELP c_total Counts.\n# TYPE c_total counter\nc_total 1\n") == []


def test_families_own_their_parts() -> None:
    """Series of a histogram, summary, counter or info belong to it; a type without series is none."""
    families = families_of(parse_exposition(OPEN, form=Format.OPENMETRICS))
    assert {each.metadata.metric: len(each.series) for each in families} == {"c": 2, "g": 3, "i": 1}
    assert families_of(parse_exposition(b"# TYPE a gauge\n", form=Format.TEXT)) == []


@pytest.mark.parametrize("name", ["thermometers", "s", "seconds_total_seconds", "metres_walked"])
def test_words_that_only_look_like_units_are_left(name: str) -> None:
    """A unit is a whole word, and an abbreviation stands behind another word."""
    assert problems(f"# HELP {name} x\n# TYPE {name} gauge\n{name} 1\n".encode()) == []
