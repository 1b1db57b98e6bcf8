"""Remote read over HTTP."""

from __future__ import annotations

import cramjam

from anyascope.wire.prompb import schema
from anyascope.wire.prompb.decoded import SeriesBook
from anyascope.wire.prompb.write_v1 import WriteV1Decoder
from support.prometheus_api import client_of
from support.promql import store_of

LOAD = """
load 1s
    up{job="a"} 1x9
    up{job="b"} 1x9
    sizes {{schema:0 count:3 sum:4 buckets:[1 2]}}x2
"""


async def test_selected_series_come_back() -> None:
    """Floats and native histograms of the stretch, both ends included, as one snappy answer."""
    query = {"start": 1000, "end": 3000, "matchers": [{"type": 2, "name": "__name__", "value": "up|sizes"}]}
    body = cramjam.snappy.compress_raw(schema.ReadRequest(queries=[query]).SerializeToString())
    async with client_of(await store_of(LOAD)) as client:
        answer = await client.post("read", content=bytes(body))
    assert (answer.status_code, answer.headers["content-encoding"]) == (200, "snappy")
    (result,) = schema.WriteRequest.FromString(bytes(cramjam.snappy.decompress_raw(answer.content))).timeseries
    batch = WriteV1Decoder(SeriesBook()).decode(result).batch
    assert batch.samples.times_ms.tolist() == [1000, 2000, 3000] * 2
    assert [histogram.time_ms for histogram in batch.histograms] == [1000, 2000]


async def test_what_is_no_request_is_bad_data() -> None:
    """A body that is not snappy is refused as Prometheus refuses parameters."""
    async with client_of(await store_of(LOAD)) as client:
        answer = await client.post("read", content=b"\xff\xff\xff\xff\xff\xff")
    assert (answer.status_code, answer.json()["errorType"]) == (400, "bad_data")


def request_of(name: str, *accepted: int, **more: str) -> bytes:
    matchers = [{"type": 0, "name": "__name__", "value": name}]
    matchers += [{"type": 0, "name": label, "value": value} for label, value in more.items()]
    query = {"start": 1000, "end": 3000, "matchers": matchers}
    message = schema.ReadRequest(queries=[query], accepted_response_types=list(accepted))
    return bytes(cramjam.snappy.compress_raw(message.SerializeToString()))


async def test_a_reader_that_likes_chunks_gets_a_stream() -> None:
    """The first form that is known counts."""
    async with client_of(await store_of(LOAD)) as client:
        answer = await client.post("read", content=request_of("up", 7, 1, 0))

    assert answer.headers["content-type"] == "application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse"
    assert "content-encoding" not in answer.headers
    size = answer.content[0]
    message = schema.ChunkedReadResponse.FromString(answer.content[5 : 5 + size])
    assert [label.value for label in message.chunked_series[0].labels] == ["up", "a"]
    chunk = message.chunked_series[0].chunks[0]
    assert (chunk.min_time_ms, chunk.max_time_ms, chunk.type) == (1000, 3000, 1)


async def test_native_histograms_come_as_samples() -> None:
    """Also to a reader that likes chunks better; one that takes nothing else is refused."""
    async with client_of(await store_of(LOAD)) as client:
        both = await client.post("read", content=request_of("sizes", 1, 0))
        chunks = await client.post("read", content=request_of("sizes", 1))
        unknown = await client.post("read", content=request_of("up", 9))

    assert both.headers["content-type"] == "application/x-protobuf"
    assert (chunks.status_code, unknown.status_code) == (422, 400)
    assert "none of the accepted response types [9]" in unknown.json()["error"]


async def test_external_labels_go_along() -> None:
    """They stand on series that have none of their name, and a reader may ask for them."""
    external = (("job", "other"), ("site", "lab"))
    async with client_of(await store_of(LOAD), external_labels=external) as client:
        answer = await client.post("read", content=request_of("up", site="lab"))
        none = await client.post("read", content=request_of("up", site="elsewhere"))
        plain = await client.post("read?external_labels=false", content=request_of("up"))

    found = schema.ReadResponse.FromString(bytes(cramjam.snappy.decompress_raw(answer.content))).results[0].timeseries
    assert [{label.name: label.value for label in series.labels} for series in found] == [
        {"__name__": "up", "job": "a", "site": "lab"},
        {"__name__": "up", "job": "b", "site": "lab"},
    ]
    stored = schema.ReadResponse.FromString(bytes(cramjam.snappy.decompress_raw(plain.content))).results[0].timeseries
    assert ["site" in {label.name for label in series.labels} for series in stored] == [False, False]
    assert not schema.ReadResponse.FromString(bytes(cramjam.snappy.decompress_raw(none.content))).results[0].timeseries
