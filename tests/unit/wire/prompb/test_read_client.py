"""Remote read from the side that asks."""

from __future__ import annotations

import numpy as np
import pytest

from anyascope.errors import InvalidInputError
from anyascope.model.labels import Matcher, MatchOp
from anyascope.model.metrics import STALE_NAN, HistogramSample
from anyascope.wire.prompb.read import (
    ReadQuery,
    ReadSeries,
    decode_read,
    decode_read_answer,
    encode_read,
    encode_read_request,
)


def test_requests_come_back():
    """What is asked is what the server reads, every matcher of its kind."""
    query = ReadQuery(tuple(Matcher("a", op, "b") for op in MatchOp), -5, 1_700_000_000_000)

    assert decode_read(encode_read_request(query)).queries == (query,)


def test_answers_come_back():
    """Samples to the last bit, staleness markers and native histograms included."""
    labels = (("__name__", "x"), ("job", "é"))
    values = np.array([1.5, STALE_NAN])
    histogram = HistogramSample(labels, 7, 3.0, 4.5, 1, 0.001, 1.0, ((-1, 2),), (1.0, 1.0))
    series = ReadSeries(labels, np.array([5, 6], np.int64), values, (histogram,))

    [found] = decode_read_answer(encode_read([[series]]))

    assert (found.labels, found.times_ms.tolist(), found.histograms) == (labels, [5, 6], (histogram,))
    assert found.values.view(np.uint64).tolist() == values.view(np.uint64).tolist()


def test_no_answers():
    """A damaged body is refused."""
    with pytest.raises(InvalidInputError, match=r"not a sound prometheus\.ReadResponse"):
        decode_read_answer(b"\x0a\xff")
