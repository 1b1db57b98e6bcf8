"""Attribute values as text."""

from __future__ import annotations

import pytest

from anyascope.store.text import (
    attributes_from,
    decode_value,
    encode_value,
    number_of,
    severity_range,
    text_of,
    texts_of,
    words_of,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("x", "x"),
        ("", ""),
        (True, "true"),
        (False, "false"),
        (5, "5"),
        (1.5, "1.5"),
        (1.0, "1.0"),
        (b"\x00\xff", "AP8="),
        (None, ""),
        ([1, "ü", None], '[1,"ü",null]'),
        ({"a": {"b": True}}, '{"a":{"b":true}}'),
    ],
)
def test_text_is_canonical(value, text):
    """Each kind of value has one text, which is what a search compares."""
    assert text_of(value) == text
    assert decode_value(*encode_value(value)) == value


@pytest.mark.parametrize(
    "value", [[b"x"], {"@bytes": "AP8="}, {"a": [float("inf")]}, {"@map": {"@float": "nan"}}, {"@x": {"@y": b"z"}}]
)
def test_what_json_cannot_say_is_tagged(value):
    """Bytes, infinities and keys that look like tags survive inside lists and maps."""
    assert decode_value(*encode_value(value)) == value


def test_attributes_come_back_by_kind():
    """A letter a value restores the types; no letters stand for strings alone."""
    assert attributes_from(["a", "b"], ["1", "1"], "si") == {"a": "1", "b": 1}
    assert attributes_from(["a"], ["1"], "") == {"a": "1"}
    assert texts_of({"a": 1, "b": True}) == {"a": "1", "b": "true"}


def test_words_are_runs_of_letters_and_digits():
    """Everything that is not an ASCII letter or digit, nor beyond ASCII, ends a word."""
    assert words_of("CKR_Device-7 Größe\t🚨x!") == ["ckr", "device", "7", "größe", "🚨x"]
    assert words_of(" .-") == []


@pytest.mark.parametrize(
    ("number", "name"), [(0, ""), (1, "TRACE"), (4, "TRACE"), (5, "DEBUG"), (17, "ERROR"), (24, "FATAL"), (25, "")]
)
def test_severity_ranges(number, name):
    """Four numbers make a range; what is outside 1 to 24 has no name."""
    assert severity_range(number) == name


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("5", 5.0),
        ("-.5e-2", -0.005),
        ("5.", 5.0),
        ("+1E3", 1000.0),
        ("", None),
        (" 5", None),
        ("1_0", None),
        ("nan", None),
    ],
)
def test_numbers_are_decimal(text, number):
    """Only plain decimal numbers count as numbers."""
    assert number_of(text) == number
