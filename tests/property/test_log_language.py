"""What holds for every query of the log search language."""

from __future__ import annotations

import string

from hypothesis import given, settings
from hypothesis import strategies as st

from anyascope.explore.format import format_condition
from anyascope.explore.language import all_of, any_of, negated, parse_query
from anyascope.explore.syntax import QuerySyntaxError
from anyascope.model.attributes import Resource
from anyascope.model.logs import LogRecord
from anyascope.store.api.logs import (
    EVERYTHING,
    Comparison,
    FieldCompares,
    FieldEquals,
    FieldExists,
    FieldMatches,
    Phrase,
    SeverityAtLeast,
    Words,
)
from anyascope.store.api.matching import predicate_of
from support.log_conditions import holds

texts = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), min_size=1, max_size=12)
words = st.text(string.ascii_letters + string.digits + "äπ", min_size=1, max_size=4)
names = st.one_of(
    st.sampled_from(["service", "host", "wallet", "n", "attributes.wallet", "resource.host.name"]),
    texts.filter(
        lambda name: name not in {"body", "severity", "level", "trace_id", "span_id", "attributes.", "resource."}
    ),
)
patterns = st.lists(st.sampled_from(["a", "b", ".*", "/", r"\\", " ", "[a-c]", "(?i)"]), min_size=1).map("".join)
leaves = st.one_of(
    words.map(Words),
    texts.map(Phrase),
    st.builds(FieldEquals, names, texts),
    st.sampled_from(["ERROR", "INFO"]).map(lambda name: FieldEquals("severity", name)),
    st.builds(FieldMatches, names, patterns),
    st.builds(FieldMatches, st.just("body"), patterns),
    st.builds(FieldExists, names),
    st.builds(FieldCompares, names, st.sampled_from(Comparison), st.floats(allow_nan=False, allow_infinity=False)),
    st.integers(1, 25).map(SeverityAtLeast),
    st.just(EVERYTHING),
)
conditions = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, min_size=2, max_size=3).map(all_of),
        st.lists(inner, min_size=2, max_size=3).map(any_of),
        inner.map(negated),
    ),
    max_leaves=8,
)
values = st.one_of(
    st.text(max_size=6), st.sampled_from(["cold-1", "5", "1.5"]), st.integers(-9, 9), st.floats(), st.booleans(), st.none(),
    st.binary(max_size=3), st.lists(st.integers(0, 3), max_size=2),
)  # fmt: skip
records = st.builds(
    LogRecord,
    time_ns=st.just(1),
    body=st.lists(words | st.text(max_size=5), max_size=4).map(" ".join),
    severity_number=st.integers(0, 24),
    severity_text=st.sampled_from(["", "error", "Notice"]),
    attributes=st.dictionaries(st.sampled_from(["wallet", "n", "msg"]), values, max_size=3),
    resource=st.dictionaries(st.sampled_from(["service.name", "host.name", "n"]), values, max_size=3).map(Resource),
    trace_id=st.sampled_from([b"", b"\1" * 16]),
)


@settings(max_examples=300, deadline=None)
@given(conditions)
def test_a_condition_reads_back_as_itself(condition):
    """Every condition of the language's own form is written as a query that means it."""
    assert parse_query(format_condition(condition)) == condition


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=40) | st.lists(st.sampled_from([*'ab:"()-/*<> .\\', "AND ", "OR ", "NOT "])).map("".join))
def test_any_text_is_read_or_refused(text):
    """No text breaks the reader: it is a condition that reads back as itself, or a mistake with a column."""
    try:
        condition = parse_query(text)
    except QuerySyntaxError as error:
        column = error.column
    else:
        column = 1
        assert parse_query(format_condition(condition)) == condition
    assert 1 <= column <= len(text) + 1


@settings(max_examples=300, deadline=None)
@given(conditions, records)
def test_the_tail_finds_what_the_store_finds(condition, record):
    """The compiled predicate agrees with the memory store's search on every record."""
    assert predicate_of(condition)(record) == holds(condition, record)
