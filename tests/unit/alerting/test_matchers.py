"""Matchers: what they select; Alertmanager's own vectors stand in `tests/contract`."""

from __future__ import annotations

import pytest

from anyascope.alerting.matchers import (
    compile_matchers,
    format_matchers,
    parse_matcher,
    parse_matchers,
)
from anyascope.errors import InvalidInputError
from anyascope.model.labels import Matcher, MatchOp


def test_the_new_syntax_is_tried_first_and_the_classic_one_settles_a_difference():
    """UTF-8 names need the new syntax; a value that both read differently has the classic meaning."""
    assert parse_matchers('{"foo bar"=x}') == (Matcher("foo bar", MatchOp.EQUAL, "x"),)
    assert parse_matchers("foo=bar\\n") == (Matcher("foo", MatchOp.EQUAL, "bar\n"),)
    assert parse_matchers('foo="\\xf0\\x9f\\x99\\x82"') == (Matcher("foo", MatchOp.EQUAL, "\\xf0\\x9f\\x99\\x82"),)


def test_what_neither_syntax_reads_is_refused():
    """The classic syntax's words tell what is wrong."""
    with pytest.raises(InvalidInputError, match="bad matcher format: foo"):
        parse_matchers("foo")
    with pytest.raises(InvalidInputError, match="at most 65536 are read"):
        parse_matchers("a" * 70_000)


@pytest.mark.parametrize(
    ("text", "labels", "selected"),
    [
        ("a=b", {"a": "b"}, True),
        ("a=b", {}, False),
        ("a=''", {"a": "''"}, True),
        ('a=""', {}, True),
        ("a!=b", {}, True),
        ("a=~x|y", {"a": "xy"}, False),
        ("a=~x|y", {"a": "y"}, True),
        ("a!~.+", {}, True),
        ("a=b,c=d", {"a": "b", "c": "d"}, True),
        ("a=b,c=d", {"a": "b"}, False),
        ("", {"a": "b"}, True),
    ],
)
def test_selects(text, labels, selected):
    """All conditions hold; a missing label counts as empty; regular expressions match the whole value."""
    assert compile_matchers(parse_matchers(text))(labels) is selected


def test_is_written_sorted_and_escaped():
    """The written form sorts by name and escapes what would end the quotes."""
    found = (Matcher("b", MatchOp.REGEX, 'x"\n'), Matcher("a b", MatchOp.EQUAL, "\\"))
    assert format_matchers(found) == '{"a b"="\\\\",b=~"x\\"\\n"}'


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a=b", Matcher("a", MatchOp.EQUAL, "b")),
        ("a=b,c=d", Matcher("a", MatchOp.EQUAL, "b,c=d")),
        ('"a b"=~"x.*"', Matcher("a b", MatchOp.REGEX, "x.*")),
    ],
)
def test_one_matcher(text, found):
    """A single matcher, where a comma is no end; as the API's filters have it."""
    assert parse_matcher(text) == found


@pytest.mark.parametrize("text", ["", "{a=b}", "a", "a=~(", '"a'])
def test_what_is_no_single_matcher_is_refused(text):
    """Braces, nothing, and broken ones."""
    with pytest.raises(InvalidInputError):
        parse_matcher(text)
