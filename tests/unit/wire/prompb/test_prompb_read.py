"""Remote read's requests and answers."""

from __future__ import annotations

import numpy as np
import pytest

from anyascope.errors import InvalidInputError
from anyascope.model.labels import Matcher, MatchOp
from anyascope.model.metrics import STALE_NAN, HistogramSample, MetricBatch
from anyascope.wire.prompb import schema
from anyascope.wire.prompb.decoded import SeriesBook
from anyascope.wire.prompb.read import QUERIES_MAX, ReadSeries, decode_read, encode_read
from anyascope.wire.prompb.write_v1 import WriteV1Decoder

AT_MS = 1_795_437_983_706
UP = (("__name__", "up"), ("job", "a"))


def answered(*series: ReadSeries) -> MetricBatch:
    """The answer's one result, which has the fields of a write request."""
    (result,) = schema.WriteRequest.FromString(encode_read([series])).timeseries
    return WriteV1Decoder(SeriesBook()).decode(result).batch


def test_queries_are_read() -> None:
    """Each query has its matchers of all four kinds and its time."""
    matchers = [{"type": number, "name": f"n{number}", "value": "v"} for number in range(4)]
    (query,) = decode_read(
        schema.ReadRequest(queries=[{"start": 5, "end": 9, "matchers": matchers}]).SerializeToString()
    ).queries
    assert (query.start_ms, query.end_ms) == (5, 9)
    kinds = [MatchOp.EQUAL, MatchOp.NOT_EQUAL, MatchOp.REGEX, MatchOp.NOT_REGEX]
    assert query.matchers == tuple(Matcher(f"n{number}", op, "v") for number, op in enumerate(kinds))


@pytest.mark.parametrize(
    "body",
    [
        b"\x0a\xff",
        schema.ReadRequest(queries=[{"matchers": [{"type": 4, "name": "a"}]}]).SerializeToString(),
        schema.ReadRequest(queries=[{}] * (QUERIES_MAX + 1)).SerializeToString(),
    ],
    ids=["damaged", "matcher", "many"],
)
def test_what_is_no_request(body: bytes) -> None:
    """Damaged bytes, an unknown kind of matcher and too many queries are refused."""
    with pytest.raises(InvalidInputError):
        decode_read(body)


@pytest.mark.parametrize("start_ms", [AT_MS, 1, 2**35 - 2, 2**42 - 2])
def test_samples_come_back_as_they_are(start_ms: int) -> None:
    """Times of any length, zeros, NaN and staleness markers are read again bit for bit."""
    values = np.array([0.0, -0.0, 1.5, np.inf, STALE_NAN])
    times_ms = start_ms + np.arange(len(values), dtype=np.int64)
    found = answered(ReadSeries(UP, times_ms, values)).samples
    assert found.series == [UP]
    assert found.times_ms.tolist() == times_ms.tolist()
    assert found.values.tobytes() == values.tobytes()


def test_histograms_come_back_as_they_are() -> None:
    """A native histogram is read again, with samples beside it."""
    histogram = HistogramSample(UP, AT_MS, 4.0, 2.5, 3, 1e-9, 1.0, ((2, 1),), (2.0,), ((-1, 1),), (1.0,), is_gauge=True)
    batch = answered(ReadSeries(UP, np.array([AT_MS]), np.array([1.0]), [histogram]))
    assert batch.histograms == (histogram,)
    assert len(batch.samples) == 1


def test_nothing_is_an_empty_result() -> None:
    """A query that finds nothing has a result of its own."""
    assert encode_read([[], []]) == b"\x0a\x00\x0a\x00"
