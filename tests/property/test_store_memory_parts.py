"""The parts of the store that live in memory, against models that are too simple to be wrong."""

from __future__ import annotations

import re

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from anyascope.model.labels import Matcher, MatchOp, labels_of, series_id
from anyascope.store.hot import CHUNK, HotWindow
from anyascope.store.labelindex import LabelIndex
from anyascope.store.text import decode_value, encode_value

VALUES = st.recursive(
    st.text(max_size=5)
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.binary(max_size=4)
    | st.none(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "b", "@bytes", "@map", "@float", ""]), inner, max_size=3)
    ),
    max_leaves=8,
)


def same(one, other):
    if isinstance(one, list):
        return isinstance(other, list) and len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return isinstance(other, dict) and one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    return type(one) is type(other) and one == other


@settings(max_examples=200, deadline=None)
@given(value=VALUES)
def test_values_survive_with_their_types(value):
    """Decoding gives back what was encoded, types and all."""
    assert same(decode_value(*encode_value(value)), value)


STEPS = st.lists(
    st.one_of(
        st.tuples(
            st.just("append"),
            st.lists(st.tuples(st.integers(0, 4), st.integers(0, 400)), min_size=1, max_size=2 * CHUNK + 5),
        ),
        st.tuples(st.just("evict"), st.integers(0, 400)),
        st.tuples(st.just("drop"), st.integers(0, 4)),
    ),
    max_size=12,
)


@settings(max_examples=80, deadline=None)
@given(steps=STEPS, chunks=st.integers(2, 12))
def test_the_window_keeps_its_promise(steps, chunks):
    """Whatever happens, everything from `start_ms` on is there, in the order of writing, and nothing else."""
    window = HotWindow(start_ms=0, samples_max=chunks * CHUNK)
    model = {ref: [] for ref in range(5)}
    number = 0.0
    for step, argument in steps:
        if step == "append":
            rows = []
            for ref, time_ms in argument:
                number += 1
                rows.append((ref, time_ms, number))
            for ref, time_ms, value in rows:
                if time_ms >= window.start_ms:
                    model[ref].append((time_ms, value))
            refs, times, values = zip(*rows, strict=True)
            window.append(np.array(refs, np.uint32), np.array(times, np.int64), np.array(values))
        elif step == "evict":
            window.evict(argument)
        else:
            model[argument] = []
            window.drop(np.array([argument], np.uint32))
        found = window.gather(np.arange(5, dtype=np.uint32), start_ms=-1, end_ms=1000)
        assert found.start_ms == window.start_ms
        rows = list(zip(found.rows.tolist(), found.times_ms.tolist(), found.values.tolist(), strict=True))
        assert rows == [
            (ref, time_ms, value)
            for ref, held in model.items()
            for time_ms, value in held
            if time_ms >= window.start_ms
        ]
        assert window.chunks_used <= chunks


NAMES = st.sampled_from(["a", "b", "c"])
TEXTS = st.sampled_from(["", "x", "y", "xy", "x\ny"])
PATTERNS = st.sampled_from(["", "x", "x|y", ".*", ".+", "x.*", "[xy]+", "(x|)", "y?"])
MATCHERS = st.one_of(
    st.builds(Matcher, NAMES, st.sampled_from([MatchOp.EQUAL, MatchOp.NOT_EQUAL]), TEXTS),
    st.builds(Matcher, NAMES, st.sampled_from([MatchOp.REGEX, MatchOp.NOT_REGEX]), PATTERNS),
)


def holds(matcher, series):
    value = dict(series).get(matcher.name, "")
    match matcher.op:
        case MatchOp.EQUAL:
            return value == matcher.value
        case MatchOp.NOT_EQUAL:
            return value != matcher.value
        case MatchOp.REGEX:
            return re.fullmatch(matcher.value, value, re.DOTALL) is not None
        case MatchOp.NOT_REGEX:
            return re.fullmatch(matcher.value, value, re.DOTALL) is None


@settings(max_examples=200, deadline=None)
@given(
    sets=st.lists(st.dictionaries(NAMES, TEXTS, max_size=3), min_size=1, max_size=12),
    gone=st.sets(st.integers(0, 11), max_size=3),
    matchers=st.lists(MATCHERS, max_size=4),
)
def test_the_index_selects_what_the_matchers_say(sets, gone, matchers):
    """A selection holds exactly the series for which every matcher holds, before and after some are dropped."""
    index = LabelIndex()
    series = list(dict.fromkeys(labels_of(pairs) for pairs in sets))
    index.place(series, np.array([series_id(each) for each in series], np.uint64))
    for _ in range(2):
        known = [index.labels(ref) for ref in index.every().tolist()]
        found = [index.labels(ref) for ref in index.select(matchers).tolist()]
        assert found == sorted(each for each in known if all(holds(matcher, each) for matcher in matchers))
        index.drop(ref for ref in gone if ref < len(series))
