"""The label index."""

from __future__ import annotations

import numpy as np
import pytest

from anyascope.errors import InvalidInputError
from anyascope.model.labels import series_id
from anyascope.model.metrics import Numbered, Numbers
from anyascope.store import labelindex
from anyascope.store.labelindex import LabelIndex, Pattern
from support.telemetry import labels, matchers


def placed(index, *series):
    ids = np.array([series_id(each) for each in series], np.uint64)
    return index.place(series, ids)


def test_series_get_a_reference_once():
    """A known series keeps its reference, a new one is said to be fresh."""
    index = LabelIndex()
    first = placed(index, labels("a"), labels("b"))
    second = placed(index, labels("b"), labels("c"), labels("a"))

    assert first.fresh == (0, 1)
    assert second.fresh == (1,)
    assert second.refs.tolist() == [first.refs[1], 2, first.refs[0]]
    assert len(index) == 3


def test_a_number_stands_for_its_series_until_that_is_dropped():
    """Series are found by their numbers; one without, or dropped since, is found by its labels as ever."""
    index, by = LabelIndex(), Numbers()

    def numbered(numbers, *series):
        ids = np.array([series_id(each) for each in series], np.uint64)
        return index.place(series, ids, Numbered(by, np.array(numbers, np.int64)))

    first = numbered([5, -1], labels("a"), labels("b"))
    again = numbered([5, 4000, -1], labels("a"), labels("c"), labels("b"))
    assert (first.fresh, again.fresh) == ((0, 1), (1,))
    assert again.refs.tolist() == [0, 2, 1]

    index.drop([0])
    back = numbered([4000, 5], labels("c"), labels("a"))
    assert (back.refs.tolist(), back.fresh) == ([2, 3], (1,))
    other = index.place(
        [labels("b")], np.array([series_id(labels("b"))], np.uint64), Numbered(Numbers(), np.array([5]))
    )
    assert other.refs.tolist() == [1]


def test_a_taken_id_leads_to_another():
    """A series whose id is taken lives under a second one, and stays there when the index is read back."""
    index = LabelIndex()
    one, other = labels("a", x="1"), labels("a", x="2")
    ids = np.array([7, 7], np.uint64)
    refs = index.place((one, other), ids).refs
    assert index.place((other, one), ids).refs.tolist() == refs[::-1].tolist()
    assert index.collisions == 1
    assert index.is_moved(int(refs[1]))

    again = LabelIndex()
    for ref in refs.tolist():
        again.add(index.labels(ref), int(index.ids(refs)[ref]), moved=index.is_moved(ref))

    assert again.place((other, one), ids).fresh == ()


def test_selections_are_sorted_and_follow_growth():
    """A selection is sorted by labels and remembers nothing that has become wrong."""
    index = LabelIndex()
    placed(index, labels("up", job="b"), labels("up", job="a"))
    asked = matchers("job=~[a-c]")
    assert [index.labels(ref) for ref in index.select(asked).tolist()] == [labels("up", job="a"), labels("up", job="b")]

    placed(index, labels("up", job="c"), labels("up", job="d"))

    assert len(index.select(asked)) == 3


def test_dropped_series_are_forgotten_everywhere():
    """A dropped series is in no posting, value list or selection, and may come again."""
    index = LabelIndex()
    placed(index, labels("up", job="a"), labels("up", job="b"), labels("down", job="a"))
    assert len(index.select(matchers("job=~.+"))) == 3

    index.drop([0, 2])
    index.drop([0])

    assert [index.labels(ref) for ref in index.select(matchers("job=~.+")).tolist()] == [labels("up", job="b")]
    assert len(index.select(matchers("job=a"))) == 0
    assert index.values_of("job", index.every()) == ["b"]
    assert [name for name, _ in index.postings()] == ["__name__", "job"]
    assert [[(value, list(refs)) for value, refs in values] for _, values in index.postings()] == [
        [("up", [1])],
        [("b", [1])],
    ]
    assert placed(index, labels("up", job="a")).refs.tolist() == [3]


def test_a_selection_is_remembered_until_a_series_comes():
    """The same question has the same answer without work, until there is a series that it may not know."""
    index = LabelIndex()
    placed(index, labels("b"), labels("a"))
    first = index.choose(matchers("__name__=~a|b|c"))
    assert index.choose(matchers("__name__=~a|b|c")) is first
    assert list(first.labels) == [labels("a"), labels("b")]
    placed(index, labels("c"))
    assert list(index.choose(matchers("__name__=~a|b|c")).labels) == [labels("a"), labels("b"), labels("c")]


def test_remembered_selections_are_bounded_by_their_series(monkeypatch):
    """What is remembered of large selections does not grow with their number."""
    monkeypatch.setattr(labelindex, "SELECTED_SERIES_MAX", 3)
    index = LabelIndex()
    placed(index, labels("a"), labels("b"))
    first = index.choose([])
    second = index.choose(matchers("__name__=~a|b"))
    assert index.choose(matchers("__name__=~a|b")) is second
    assert index.choose([]) is not first


def test_times_bound_what_may_have_samples():
    """Series are left out of stretches before their first and after their last sample."""
    index = LabelIndex()
    placed(index, labels("a"), labels("b"))
    index.saw(np.array([0, 0, 1], np.uint32), np.array([10, 20, 30], np.int64))

    found = index.choose_within([], start_ms=20, end_ms=29)
    assert (found.refs.tolist(), list(found.labels)) == ([0], [labels("a")])
    assert index.choose_within([], start_ms=21, end_ms=29).refs.tolist() == []
    assert index.select_any([], start_ms=0, end_ms=99).tolist() == [0, 1]
    assert index.quiet_since(25).tolist() == [0]


def test_a_series_whose_first_sample_is_being_written_is_not_quiet():
    """Retention that runs meanwhile must not take its labels away."""
    index = LabelIndex()
    placed(index, labels("a"), labels("b"))
    index.saw(np.array([1], np.uint32), np.array([20]))

    assert index.quiet_since(25).tolist() == [1]


@pytest.mark.parametrize("source", ["(", "*a", "[z-a]", "(?=x)"])
def test_expressions_that_are_not_re2_are_refused(source):
    """The message shows the expression."""
    with pytest.raises(InvalidInputError) as caught:
        Pattern(source)
    assert repr(source) in str(caught.value)


@pytest.mark.parametrize(
    ("source", "value", "expected"),
    [
        ("a|b", "b", True),
        ("a|b", "ab", False),
        ("a.c", "a\nc", True),
        ("a", "A", False),
        ("(?i)a", "A", True),
        ("", "", True),
        ("a|", "", True),
        ("x+", "xx\n", False),
        ("[^a]", "é", True),
    ],
)
def test_expressions_match_whole_values(source, value, expected):
    """Anchored at both ends, the dot matching line breaks."""
    assert Pattern(source).matches(value) is expected


def test_an_index_grows_past_its_first_capacity():
    """Thousands of series keep their ids and times."""
    index = LabelIndex()
    series = [labels("up", n=str(number)) for number in range(3000)]
    refs = placed(index, *series).refs
    index.saw(refs, np.arange(3000, dtype=np.int64))

    assert index.ids(refs).tolist() == [series_id(each) for each in series]
    assert index.last_ms(refs).tolist() == list(range(3000))
    assert len(index.select(matchers("n=~1.*", "n!~.*5"))) == sum(
        str(n).startswith("1") and not str(n).endswith("5") for n in range(3000)
    )
