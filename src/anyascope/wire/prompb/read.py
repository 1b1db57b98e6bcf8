"""Remote read: `prometheus.ReadRequest` and `prometheus.ReadResponse`, both ways, as samples.

Source: Prometheus, "Remote Read API".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
from google.protobuf.message import DecodeError
from numpy.typing import NDArray

from anyascope.errors import InvalidInputError
from anyascope.model.labels import Labels, Matcher, MatchOp, labels_of
from anyascope.model.metrics import HistogramSample
from anyascope.wire.prompb import schema
from anyascope.wire.prompb.decoded import FaultError
from anyascope.wire.prompb.histograms import fill_histogram, histogram_of
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


class ResponseType(Enum):
    """In which form a reader takes an answer; the values are the wire's."""

    SAMPLES = 0
    STREAMED_XOR_CHUNKS = 1


@dataclass(frozen=True, slots=True)
class ReadRequest:
    """What is asked, and in which forms it may be answered, the one that is liked best first."""

    queries: tuple[ReadQuery, ...]
    accepted: tuple[ResponseType, ...]


def decode_read(body: bytes) -> ReadRequest:
    """A request. One that names no form takes samples.

    Raises:
        InvalidInputError: it is no such message, or has a matcher of no known kind, or too many queries, or takes no form
            that is known.
    """
    try:
        request = schema.ReadRequest.FromString(body)
    except DecodeError as error:
        raise InvalidInputError("the body is not a prometheus.ReadRequest: its protobuf is damaged") from error
    if len(request.queries) > QUERIES_MAX:
        raise InvalidInputError(f"the request has {len(request.queries)} queries, at most {QUERIES_MAX} are taken")
    queries = tuple(
        ReadQuery(
            tuple(Matcher(each.name, _op(each.type), each.value) for each in query.matchers), query.start, query.end
        )
        for query in request.queries
    )
    return ReadRequest(queries, _accepted(list(request.accepted_response_types)))


def _accepted(numbers: Sequence[int]) -> tuple[ResponseType, ...]:
    known = {form.value: form for form in ResponseType}
    accepted = tuple(known[number] for number in numbers if number in known)
    if numbers and not accepted:
        told = ", ".join(f"{form.value} ({form.name})" for form in ResponseType)
        raise InvalidInputError(f"none of the accepted response types {numbers} is supported, which are {told}")
    return accepted or (ResponseType.SAMPLES,)


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


def encode_read_request(query: ReadQuery) -> bytes:
    """A request for one query."""
    request = schema.ReadRequest()
    asked = request.queries.add(start=query.start_ms, end=query.end_ms)
    for matcher in query.matchers:
        asked.matchers.add(type=MATCH_OPS.index(matcher.op), name=matcher.name, value=matcher.value)
    return bytes(request.SerializeToString())


def decode_read_answer(body: bytes) -> list[ReadSeries]:
    """The series of an answer to one query.

    Raises:
        InvalidInputError: it is no such message, or a native histogram in it contradicts itself.
    """
    try:
        answer = schema.ReadResponse.FromString(body)
        return [_read_series(series) for result in answer.results for series in result.timeseries]
    except (DecodeError, FaultError) as error:
        raise InvalidInputError(f"the answer is not a sound prometheus.ReadResponse: {error}") from error


def _read_series(series: Any) -> ReadSeries:
    labels = labels_of((label.name, label.value) for label in series.labels)
    count = len(series.samples)
    return ReadSeries(
        labels,
        np.fromiter((sample.timestamp for sample in series.samples), np.int64, count),
        np.fromiter((sample.value for sample in series.samples), np.float64, count),
        tuple(histogram_of(labels, histogram) for histogram in series.histograms),
    )
