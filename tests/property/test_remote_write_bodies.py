"""Remote write 1.0: what is known reads as what is new, and no bytes do harm."""

from __future__ import annotations

import struct
from contextlib import suppress
from typing import Any

import cramjam
from hypothesis import given
from hypothesis import strategies as st

from anyascope.errors import InvalidInputError
from anyascope.model.labels import labels_of
from anyascope.wire.prompb import schema
from anyascope.wire.prompb.decoded import Decoded, SeriesBook
from anyascope.wire.prompb.write_v1 import WriteV1Decoder
from anyascope.wire.prompb.write_v2 import WriteV2Decoder
from support.remote_write import remote_write

labels = st.dictionaries(
    st.sampled_from(["job", "instance", "odd.name", "ü"]), st.text("ab\x12\x10\x09\x07", min_size=1, max_size=20)
).map(lambda pairs: labels_of({"__name__": "m", **pairs}))
times = st.one_of(st.integers(0, 2**45), st.integers(1_700_000_000_000, 1_900_000_000_000))
bodies = st.lists(st.tuples(labels, st.lists(st.tuples(times, st.floats(allow_nan=False)), max_size=3)), max_size=8)


def rows(decoded: Decoded) -> list[Any]:
    samples = decoded.batch.samples
    return sorted(
        (samples.series[row], time_ms, struct.pack("<d", value))
        for row, time_ms, value in zip(
            samples.rows.tolist(), samples.times_ms.tolist(), samples.values.tolist(), strict=True
        )
    )


@given(st.lists(bodies, max_size=4))
def test_known_series_read_as_new_ones(requests: list[Any]) -> None:
    """Whatever was decoded before, a request gives exactly the samples that were written into it."""
    decoder = WriteV1Decoder(SeriesBook())
    for series in [*requests, *requests]:
        body = bytes(cramjam.snappy.decompress_raw(remote_write(series)))
        wanted = sorted((one, at, struct.pack("<d", value)) for one, pairs in series for at, value in pairs)
        assert rows(decoder.decode(body)) == wanted


@given(st.binary(max_size=60), st.lists(st.binary(max_size=40), max_size=5), st.sampled_from([1, 2]))
def test_no_bytes_do_harm(whole: bytes, parts: list[bytes], version: int) -> None:
    """Any bytes are either read, refused in part, or refused as a whole with `InvalidInputError`."""
    decoder = WriteV1Decoder(SeriesBook()) if version == 1 else WriteV2Decoder(SeriesBook())
    outer = schema.WriteRequest if version == 1 else schema.WriteRequestV2
    for body in (whole, outer(timeseries=parts).SerializeToString()):
        with suppress(InvalidInputError):
            assert decoder.decode(body).refused.total() >= 0
