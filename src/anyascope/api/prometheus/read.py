"""`/api/v1/read`: remote read, answered with samples.

Source: Prometheus, "Remote Read API".
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import groupby
from operator import attrgetter

import cramjam
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from anyascope.api.bodies import body_of
from anyascope.api.prometheus.answers import failure
from anyascope.api.prometheus.forms import FORM_BYTES_MAX
from anyascope.errors import AnyascopeError
from anyascope.frames.samples import SampleFrame
from anyascope.model.labels import Labels
from anyascope.model.metrics import HistogramSample
from anyascope.store.api.metrics import MetricReader, Selection
from anyascope.wire.compression import decompress
from anyascope.wire.prompb.read import ReadSeries, decode_read, encode_read

READ_SAMPLES_MAX = 10_000_000  # of one query; some 200 MB of answer, 18 bytes each before compression


def read_routes(reader: MetricReader) -> list[BaseRoute]:
    """The route of remote read."""

    async def read(request: Request) -> Response:
        try:
            return await _read(reader, await body_of(request, bytes_max=FORM_BYTES_MAX))
        except AnyascopeError as error:
            return failure(error)

    return [Route("/api/v1/read", read, methods=["POST"])]


async def _read(reader: MetricReader, body: bytes) -> Response:
    results: list[list[ReadSeries]] = []
    for query in decode_read(decompress(body, "snappy")):
        selection = Selection(query.matchers, query.start_ms, query.end_ms, samples_max=READ_SAMPLES_MAX)
        results.append(_joined(await reader.select(selection), await reader.select_histograms(selection)))

    def encoded() -> bytes:
        return bytes(cramjam.snappy.compress_raw(encode_read(results)))

    headers = {"Content-Encoding": "snappy"}
    return Response(await asyncio.to_thread(encoded), media_type="application/x-protobuf", headers=headers)


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
