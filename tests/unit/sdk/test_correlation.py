"""The id that joins one operation's signals."""

from __future__ import annotations

import uuid

import pytest

from anyascope.sdk.correlation import correlation, current_correlation_id


def test_holds_inside_and_not_after():
    """The id holds in the block and is gone after it; an inner block has its own."""
    with correlation("outer"):
        with correlation("inner"):
            assert current_correlation_id() == "inner"
        assert current_correlation_id() == "outer"
    assert current_correlation_id() == ""


@pytest.mark.parametrize("unsound", [None, "", "x" * 129, "a b", "line\nbreak", "ünïcode"])
def test_an_unsound_id_is_replaced(unsound):
    """An id that is missing, too long or not printable gives way to a new UUID."""
    with correlation(unsound) as chosen:
        assert uuid.UUID(chosen).version == 4
