"""Bound values reach the engine to the letter."""

from __future__ import annotations

import chdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anyascope.store.chdb.binding import bound

TEXT = st.text(st.sampled_from("\\'\"`\t\n\r\0\b\fN0ntx[](){};,-é🚨 "), max_size=12) | st.text(max_size=8).filter(
    lambda text: text.isprintable()
)


@pytest.fixture(scope="module")
def ask():
    handle = chdb.connect(":memory:")

    def ask(kind, value):
        answer = handle.query(f"SELECT {{p:{kind}}} AS r", "ArrowStream", params={"p": bound(value)}).bytes()
        return pa.ipc.open_stream(answer).read_all()["r"].to_pylist()[0]

    yield ask
    handle.close()


@settings(max_examples=150, deadline=None)
@given(value=TEXT)
def test_texts_arrive_exactly(ask, value):
    """A bound string is read as it is."""
    assert ask("String", value) == value


@settings(max_examples=150, deadline=None)
@given(values=st.lists(TEXT, max_size=4))
def test_lists_of_texts_arrive_exactly(ask, values):
    """A bound list of strings is read as it is."""
    assert ask("Array(String)", values) == values


@settings(max_examples=50, deadline=None)
@given(values=st.lists(st.integers(0, 2**64 - 1), max_size=4), number=st.floats(allow_nan=False))
def test_numbers_arrive_exactly(ask, values, number):
    """Bound integers and floats are read as they are."""
    assert ask("Array(UInt64)", values) == values
    assert ask("Float64", number) == number
