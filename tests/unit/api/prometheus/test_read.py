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
