"""`/api/v1/read`: remote read, answered with samples or as a stream of chunks, as the reader likes better.

Source: Prometheus, "Remote Read API".
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from operator import attrgetter

import cramjam
from starlette.concurrency import iterate_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from anyascope.api.bodies import body_of
from anyascope.api.prometheus.answers import failure
from anyascope.api.prometheus.federate import ExternalLabels
from anyascope.api.prometheus.forms import FORM_BYTES_MAX
from anyascope.errors import AnyascopeError, UnsupportedError
from anyascope.frames.samples import SampleFrame
from anyascope.model.labels import Labels, Matcher, MatchOp, labels_of
from anyascope.model.metrics import HistogramSample
from anyascope.store.api.metrics import MetricReader, Selection
from anyascope.wire.compression import decompress
from anyascope.wire.prompb.chunks import frames, xor_chunks
from anyascope.wire.prompb.read import ReadSeries, ResponseType, decode_read, encode_read

STREAMED = "application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse"
READ_SAMPLES_MAX = 10_000_000  # of one query; some 200 MB of answer, 18 bytes each before compression


def read_routes(reader: MetricReader, external: ExternalLabels) -> list[BaseRoute]:
    """The route of remote read; `external` labels are put on what is answered, and may be asked for."""

    async def read(request: Request) -> Response:
        try:
            # Our own client wants labels as they are stored.
            is_plain = request.query_params.get("external_labels") == "false"
            body = await body_of(request, bytes_max=FORM_BYTES_MAX)
            return await _read(reader, body, () if is_plain else external())
        except AnyascopeError as error:
            return failure(error)

    return [Route("/api/v1/read", read, methods=["POST"])]


async def _read(reader: MetricReader, body: bytes, external: Labels) -> Response:
    asked = decode_read(decompress(body, "snappy"))
    results: list[list[ReadSeries]] = []
    for query in asked.queries:
        matchers = tuple(each for each in query.matchers if not _is_external(each, external))
        selection = Selection(matchers, query.start_ms, query.end_ms, samples_max=READ_SAMPLES_MAX)
        found = _joined(await reader.select(selection), await reader.select_histograms(selection))
        results.append(_with_external(found, external))
    form = asked.accepted[0]
    if form is ResponseType.STREAMED_XOR_CHUNKS and any(each.histograms for series in results for each in series):
        # Their chunks are of another kind, which is not written here; whoever takes samples gets those.
        if ResponseType.SAMPLES not in asked.accepted:
            raise UnsupportedError("native histograms are not streamed in chunks: accept SAMPLES as well")
        form = ResponseType.SAMPLES
    if form is ResponseType.STREAMED_XOR_CHUNKS:
        return StreamingResponse(iterate_in_threadpool(_streamed(results)), media_type=STREAMED)

    def encoded() -> bytes:
        return bytes(cramjam.snappy.compress_raw(encode_read(results)))

    headers = {"Content-Encoding": "snappy"}
    return Response(await asyncio.to_thread(encoded), media_type="application/x-protobuf", headers=headers)


def _streamed(results: Sequence[Sequence[ReadSeries]]) -> Iterator[bytes]:
    """The answers to all queries, frame by frame."""
    for number, found in enumerate(results):
        for series in found:
            yield from frames(number, series.labels, xor_chunks(series.times_ms, series.values))


def _is_external(matcher: Matcher, external: Labels) -> bool:
    """Whether it asks for an external label by its value, which every series here has once it leaves."""
    return matcher.op is MatchOp.EQUAL and (matcher.name, matcher.value) in external


def _with_external(found: Sequence[ReadSeries], external: Labels) -> list[ReadSeries]:
    """The series with the external labels that they lack, sorted anew."""
    if not external:
        return list(found)
    whole = [replace(each, labels=labels_of({**dict(external), **dict(each.labels)})) for each in found]
    return sorted(whole, key=attrgetter("labels"))


def _joined(frame: SampleFrame, histograms: Sequence[HistogramSample]) -> list[ReadSeries]:
    """Floats and native histograms as one entry a series, sorted by labels."""
    own: dict[Labels, Sequence[HistogramSample]] = {
        labels: list(group) for labels, group in groupby(histograms, key=attrgetter("labels"))
    }
    found = []
    for row, labels in enumerate(frame.labels):
        stretch = slice(frame.offsets[row], frame.offsets[row + 1])
        if frame.times_ms[stretch].size or labels in own:
            found.append(ReadSeries(labels, frame.times_ms[stretch], frame.values[stretch], own.pop(labels, ())))
    nothing = SampleFrame.empty()
    found += [ReadSeries(labels, nothing.times_ms, nothing.values, group) for labels, group in own.items()]
    return sorted(found, key=attrgetter("labels"))
