"""Native histograms in answers of the Prometheus API."""

from __future__ import annotations

import msgspec

from anyascope.api.prometheus.encode import encode_result
from support.promql import loaded

SCRIPT = """
load 1m
  h {{schema:0 count:7 sum:5 z_bucket:1 z_bucket_w:0.5 buckets:[0 2] n_buckets:[4]}} 3
"""


async def test_a_vector_has_the_histogram_beside_its_time():
    """Populated buckets with their bounds, from the lowest up; numbers are texts."""
    engine = await loaded(SCRIPT)

    answer = msgspec.json.decode(encode_result(await engine.instant("h", 0)))

    assert answer["data"]["result"] == [
        {
            "metric": {"__name__": "h"},
            "histogram": [
                0,
                {
                    "count": "7",
                    "sum": "5",
                    "buckets": [[1, "-1", "-0.5", "4"], [3, "-0.5", "0.5", "1"], [0, "1", "2", "2"]],
                },
            ],
        }
    ]


async def test_a_matrix_lists_floats_and_histograms_apart():
    """A series that was a histogram and became a number has both."""
    engine = await loaded(SCRIPT)

    answer = msgspec.json.decode(encode_result(await engine.range("h", 0, 60_000, 60_000)))

    (series,) = answer["data"]["result"]
    assert series["values"] == [[60, "3"]]
    assert [time for time, _ in series["histograms"]] == [0]
