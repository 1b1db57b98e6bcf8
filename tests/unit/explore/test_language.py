"""The log search language."""

from __future__ import annotations

import re

import pytest

from anyascope.explore.language import DEPTH_MAX, TERMS_MAX, parse_query
from anyascope.explore.syntax import QUERY_CHARS_MAX, REGEX_CHARS_MAX, QuerySyntaxError
from anyascope.store.api.logs import (
    EVERYTHING,
    AllOf,
    AnyOf,
    Comparison,
    FieldCompares,
    FieldEquals,
    FieldExists,
    FieldMatches,
    Not,
    Phrase,
    SeverityAtLeast,
    Words,
)


def both(*conditions):
    return AllOf(conditions)


def either(*conditions):
    return AnyOf(conditions)


@pytest.mark.parametrize(
    ("query", "condition"),
    [
        ("", EVERYTHING),
        ("   ", EVERYTHING),
        ("*", EVERYTHING),
        ("signing", Words("signing")),
        ("signing failed", both(Words("signing"), Words("failed"))),
        ("signing AND failed", both(Words("signing"), Words("failed"))),
        ('"signing failed"', Phrase("signing failed")),
        (r'"say \"hi\"\n"', Phrase('say "hi"\n')),
        ("CKR_DEVICE_ERROR", Phrase("CKR_DEVICE_ERROR")),
        ("10.0.0.1", Phrase("10.0.0.1")),
        ("10:30:00", Phrase("10:30:00")),
        ("https://h/x?y=1", Phrase("https://h/x?y=1")),
        ("überweisung", Words("überweisung")),
        ("a OR b", either(Words("a"), Words("b"))),
        ("a b OR c", either(both(Words("a"), Words("b")), Words("c"))),
        ("a (b OR c)", both(Words("a"), either(Words("b"), Words("c")))),
        ("NOT a", Not(Words("a"))),
        ("-a b", both(Not(Words("a")), Words("b"))),
        ("NOT NOT a", Words("a")),
        ("and", Words("and")),
        ("service:custody", FieldEquals("service", "custody")),
        ('service:"two words"', FieldEquals("service", "two words")),
        ('"odd key":1', FieldEquals("odd key", "1")),
        ("url.path:/api/v1", FieldEquals("url.path", "/api/v1")),
        ("time:10:30", FieldEquals("time", "10:30")),
        ("n:-5", FieldEquals("n", "-5")),
        ("attributes.wallet:cold-1", FieldEquals("attributes.wallet", "cold-1")),
        ('wallet:""', Not(FieldExists("wallet"))),
        ("wallet:*", FieldExists("wallet")),
        ("wallet:cold-*", FieldMatches("wallet", r"cold\-.*")),
        ('wallet:"cold-*"', FieldEquals("wallet", "cold-*")),
        ("wallet:/cold-[0-9]+/", FieldMatches("wallet", "cold-[0-9]+")),
        (r"path:/a\/b c/", FieldMatches("path", "a/b c")),
        ("body:signing", Words("signing")),
        ('body:"signing failed"', Phrase("signing failed")),
        ("body:/sign(ing|ed)/", FieldMatches("body", "sign(ing|ed)")),
        ("sign*", FieldMatches("body", r"(?i)\bsign[^ ]*")),
        ("n:>5", FieldCompares("n", Comparison.GREATER, 5.0)),
        ("n:<=-2.5e3", FieldCompares("n", Comparison.LESS_EQUAL, -2500.0)),
        ("n:(1 OR >=3)", either(FieldEquals("n", "1"), FieldCompares("n", Comparison.GREATER_EQUAL, 3.0))),
        ("severity:error", FieldEquals("severity", "ERROR")),
        ("level:Warning", FieldEquals("severity", "WARN")),
        ("severity:>=warn", SeverityAtLeast(13)),
        ("severity:>warn", SeverityAtLeast(17)),
        ("severity:<warn", Not(SeverityAtLeast(13))),
        ("severity:<=warn", Not(SeverityAtLeast(17))),
        ("severity:>=18", SeverityAtLeast(18)),
        ("severity:18", both(SeverityAtLeast(18), Not(SeverityAtLeast(19)))),
        ("severity:err*", FieldMatches("severity", "(?i)err.*")),
        ("trace_id:" + "AB" * 16, FieldEquals("trace_id", "ab" * 16)),
        ("trace_id:ab*", FieldMatches("trace_id", "(?i)ab.*")),
        ("-(a OR service:b)", Not(either(Words("a"), FieldEquals("service", "b")))),
        ("f(x)", both(Words("f"), Words("x"))),
    ],
)
def test_a_query_means_its_condition(query, condition):
    """Each form of the language has one meaning."""
    assert parse_query(query) == condition


@pytest.mark.parametrize(
    ("query", "column", "problem"),
    [
        ('a "b', 3, "quote is never closed"),
        ("a (b", 3, "parenthesis is never closed"),
        ("a b)", 4, "parenthesis was never opened"),
        ("()", 2, "term was expected"),
        ("a AND", 6, "query ends where a term was expected"),
        ("OR a", 1, "OR needs something on both sides"),
        ("wallet: x", 8, "needs its value directly after the colon"),
        ("wallet:", 8, "needs a value"),
        ("n:> 5", 5, "needs a number"),
        ("wallet:>x", 9, "needs a number"),
        ("wallet:>", 9, "needs a number"),
        ("n:>1e999", 4, "needs a number"),
        ("severity:waarn", 10, "is no severity"),
        ("severity:25", 10, "from 1 to 24"),
        ("trace_id:xyz", 10, "32 hex digits"),
        ("span_id:" + "a" * 32, 9, "16 hex digits"),
        ("a:/[/", 3, "not valid RE2"),
        (":x", 1, "field's name must stand before the colon"),
        ("attributes.:x", 1, "needs a key"),
        ("service:(a b)", 12, "only OR may stand"),
        ("a\0b", 2, "U+0000"),
        ("a\ud800", 2, "U+D800"),
        ("(" * (DEPTH_MAX + 2) + "a" + ")" * (DEPTH_MAX + 2), DEPTH_MAX + 2, "nested more than"),
        ("NOT " * (DEPTH_MAX + 1) + "a", 4 * (DEPTH_MAX + 1) + 1, "nested more than"),
        ("a:" + "(" * 5000, DEPTH_MAX + 4, "nested more than"),
        ("a " * (TERMS_MAX + 1), 2 * TERMS_MAX + 1, "more than 200 terms"),
        ("a" * (QUERY_CHARS_MAX + 1), QUERY_CHARS_MAX + 1, "characters"),
        ("a:/" + "x" * (REGEX_CHARS_MAX + 1) + "/", 3, "may have 1000 characters"),
    ],
)
def test_a_wrong_query_is_refused_with_its_place(query, column, problem):
    """An error names the column of the mistake and what is wrong there."""
    with pytest.raises(QuerySyntaxError, match=re.escape(problem)) as caught:
        parse_query(query)
    assert caught.value.column == column
    assert caught.value.path == "query"


def test_limits_are_inclusive():
    """A query of exactly the largest size, depth and number of terms is read."""
    assert parse_query("a" * QUERY_CHARS_MAX) == Words("a" * QUERY_CHARS_MAX)
    assert parse_query("(" * DEPTH_MAX + "a" + ")" * DEPTH_MAX) == Words("a")
    assert len(parse_query("a " * TERMS_MAX).conditions) == TERMS_MAX


def test_an_error_points_at_its_place_with_a_caret():
    """The caret stands below the mistake, also far into a long query, and control characters are blanked."""
    with pytest.raises(QuerySyntaxError) as caught:
        parse_query("x" * 100 + "\x1b severity:waarn")
    shown, caret = caught.value.caret().split("\n")
    assert shown[caret.index("^") :].startswith("waarn")
    assert "\x1b" not in shown
