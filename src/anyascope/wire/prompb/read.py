"""Remote read: `prometheus.ReadRequest` in, `prometheus.ReadResponse` out, as samples.

Source: Prometheus, "Remote Read API".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from google.protobuf.message import DecodeError
from numpy.typing import NDArray

from anyascope.errors import InvalidInputError
from anyascope.model.labels import Labels, Matcher, MatchOp
from anyascope.model.metrics import HistogramSample
from anyascope.wire.prompb import schema
from anyascope.wire.prompb.histograms import fill_histogram
from anyascope.wire.prompb.outgoing import sample_fields
from anyascope.wire.prompb.pieces import field

QUERIES_MAX = 100  # of one request; Prometheus sends one
MATCH_OPS = (MatchOp.EQUAL, MatchOp.NOT_EQUAL, MatchOp.REGEX, MatchOp.NOT_REGEX)  # by their numbers on the wire
SERIES_TAG, RESULT_TAG = 0x0A, 0x0A


@dataclass(frozen=True, slots=True)
class ReadQuery:
    """Which series, and from when to when: UTC milliseconds, both inclusive."""

    matchers: tuple[Matcher, ...]
    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class ReadSeries:
    """One series of an answer: int64[n] times, float64[n] values, and native histograms, all in time order."""

    labels: Labels
    times_ms: NDArray[np.int64]
    values: NDArray[np.float64]
    histograms: Sequence[HistogramSample] = ()


def decode_read(body: bytes) -> list[ReadQuery]:
    """The queries of a request.

    Raises:
        InvalidInputError: it is no such message, or has a matcher of no known kind, or too many queries.
    """
    try:
        request = schema.ReadRequest.FromString(body)
    except DecodeError as error:
        raise InvalidInputError("the body is not a prometheus.ReadRequest: its protobuf is damaged") from error
    if len(request.queries) > QUERIES_MAX:
        raise InvalidInputError(f"the request has {len(request.queries)} queries, at most {QUERIES_MAX} are taken")
    return [
        ReadQuery(
            tuple(Matcher(each.name, _op(each.type), each.value) for each in query.matchers), query.start, query.end
        )
        for query in request.queries
    ]


def _op(number: int) -> MatchOp:
    if not 0 <= number < len(MATCH_OPS):
        raise InvalidInputError(f"the matcher type {number} is not known")
    return MATCH_OPS[number]


def encode_read(results: Iterable[Iterable[ReadSeries]]) -> bytes:
    """The answer: one result a query, in order."""
    return b"".join(
        field(RESULT_TAG, b"".join(field(SERIES_TAG, _series(series)) for series in result)) for result in results
    )


def _series(series: ReadSeries) -> bytes:
    message = schema.Series()
    for name, value in series.labels:
        message.labels.add(name=name, value=value)
    for histogram in series.histograms:
        fill_histogram(message.histograms.add(), histogram)
    # Fields may stand in any order: the samples' bytes are laid out as a column behind the rest.
    return bytes(message.SerializeToString()) + b"".join(sample_fields(series.times_ms, series.values))
