"""Unit tests of putting classic histograms together."""

from __future__ import annotations

import math

import numpy as np
import pytest

from anyascope.wire.exposition.collate import Collator, custom_histogram
from anyascope.wire.exposition.known import KnownLines
from anyascope.wire.exposition.lines import Format

PAGE = b"""# TYPE h histogram
h_bucket{a="x",le="1"} 2
h_bucket{a="x",le="+Inf"} 3
h_sum{a="x"} 4
h_count{a="x"} 3
h_bucket{a="y",le="1"} 0 7000
h_bucket{a="y",le="+Inf"} 1 7000
# TYPE c counter
c 5
# TYPE s summary
s_count 1
s_sum 2
"""


class Scene:
    """A reader of lines, the collator, and whoever numbers what is left."""

    def __init__(self, *, keeps_classics: bool = False) -> None:
        self.slots: dict = {}
        self.collator = Collator(
            lambda pairs, _: self.slots.setdefault(tuple(sorted(pairs)), len(self.slots)), keeps_classics=keeps_classics
        )
        self.lines = KnownLines(self.collator.resolve)

    def read(self, body: bytes, form: Format = Format.TEXT):
        return self.collator.collate(self.lines.read(body, form=form))

    def names(self, reading) -> list[str]:
        texts = {slot: ",".join(f"{name}={value}" for name, value in pairs) for pairs, slot in self.slots.items()}
        return [texts[slot] for slot in reading.slots.tolist()]


def test_one_histogram_a_label_set() -> None:
    """The series of each histogram become one sample; all else stays as it is."""
    scene = Scene()
    for _ in range(2):
        reading = scene.read(PAGE)
        assert scene.names(reading) == [
            "__name__=c",
            "__name__=s_count",
            "__name__=s_sum",
            "__name__=h,a=x",
            "__name__=h,a=y",
        ]
        assert reading.values[:3].tolist() == [5.0, 1.0, 2.0]
        assert np.isnan(reading.values[3:]).all()
        first, second = reading.natives[3].histogram, reading.natives[4].histogram
        assert (first.count, first.sum, first.positive_counts, first.custom_bounds) == (3, 4, (2.0, 1.0), (1.0,))
        assert (second.count, second.sum, second.positive_counts) == (1, 0, (0.0, 1.0))
        assert reading.times_ms == {4: 7000}
    assert len(scene.slots) == 5


def test_classic_series_may_stay() -> None:
    """Where they are kept, the series of a histogram stand beside it."""
    scene = Scene(keeps_classics=True)
    reading = scene.read(PAGE)
    assert len(reading.slots) == 11
    assert list(reading.natives) == [9, 10]
    assert reading.times_ms == {4: 7000, 5: 7000, 10: 7000}
    assert scene.collator.slots_of([0, 1]) == [0, 2]


def test_a_series_of_another_name_is_no_part() -> None:
    """What only stands below a histogram's type is no part of it."""
    scene = Scene()
    reading = scene.read(b'# TYPE h histogram\nh_bucket{le="+Inf"} 1\nother_count 2\nh_created 3\nh_bucket 4\n')
    assert scene.names(reading) == ["__name__=other_count", "__name__=h_created", "__name__=h_bucket", "__name__=h"]


def test_exemplars_with_a_time_go_along() -> None:
    """The exemplars of buckets become the histogram's, where they have a time."""
    body = b'# TYPE h histogram\nh_bucket{le="1.0"} 1 # {t="1"} 0.5\nh_bucket{le="+Inf"} 2 # {t="2"} 3 4.5\n# EOF\n'
    reading = Scene().read(body, Format.OPENMETRICS)
    (found,) = reading.natives[0].exemplars
    assert (found.labels, found.time_ms) == ((("t", "2"),), 4500)


def test_a_contradiction_is_left_out() -> None:
    """Buckets that fall, or a count that is not the last bucket, make no histogram; the page is used all the same."""
    for body in (b'h_bucket{le="1"} 3\nh_bucket{le="+Inf"} 2\n', b'h_bucket{le="+Inf"} 2\nh_count 3\n'):
        assert Scene().read(b"# TYPE h histogram\n" + body).slots.tolist() == []


@pytest.mark.parametrize(
    ("buckets", "count", "wanted"),
    [
        ({1.0: 1.0, math.inf: 3.0}, None, (3.0, (1.0, 2.0))),
        ({1.0: 1.0}, 3.0, (3.0, (1.0, 2.0))),
        ({2.0: 3.0, 1.0: 1.0}, None, (3.0, (1.0, 2.0, 0.0))),
        ({}, 4.0, (4.0, (4.0,))),
        ({1.0: math.nan}, 1.0, None),
        ({1.0: 2.0}, 1.0, None),
    ],
)
def test_what_is_missing_is_made_up(buckets, count, wanted) -> None:
    """The last bucket and the count stand for each other; bounds may come in any order."""
    found = custom_histogram(buckets, count=count, total=1.0)
    assert (None if found is None else (found.count, found.positive_counts)) == wanted
