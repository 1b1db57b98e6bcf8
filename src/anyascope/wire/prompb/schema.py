"""The messages of remote write and remote read, built from their published field numbers.

The requests' outer messages hold each series as bytes: the C parser then only cuts the body apart, and what a series'
bytes are is looked up or parsed one by one, so that a broken series does not take the others with it.

Source: prometheus/prompb `remote.proto` and `types.proto`; io.prometheus.write.v2 `types.proto`.
"""

from __future__ import annotations

from typing import Any

from anyascope.wire.protobuf import Messages, declare

_SPAN = {"offset": (1, "sint32"), "length": (2, "uint32")}
_LABEL = {"name": (1, "string"), "value": (2, "string")}
_SAMPLE = {"value": (1, "double"), "timestamp": (2, "int64")}
_HISTOGRAM = {
    "count_int": (1, "uint64"),
    "count_float": (2, "double"),
    "sum": (3, "double"),
    "schema": (4, "sint32"),
    "zero_threshold": (5, "double"),
    "zero_count_int": (6, "uint64"),
    "zero_count_float": (7, "double"),
    "negative_spans": (8, "many Span"),
    "negative_deltas": (9, "many sint64"),
    "negative_counts": (10, "many double"),
    "positive_spans": (11, "many Span"),
    "positive_deltas": (12, "many sint64"),
    "positive_counts": (13, "many double"),
    "reset_hint": (14, "int32"),
    "timestamp": (15, "int64"),
    "custom_values": (16, "many double"),
    "start_timestamp": (17, "int64"),
}
_MESSAGES: Messages = {
    "Span": _SPAN,
    "Label": _LABEL,
    "Sample": _SAMPLE,
    "Histogram": _HISTOGRAM,
    "Exemplar": {"labels": (1, "many Label"), "value": (2, "double"), "timestamp": (3, "int64")},
    "Series": {
        "labels": (1, "many Label"),
        "samples": (2, "many Sample"),
        "exemplars": (3, "many Exemplar"),
        "histograms": (4, "many Histogram"),
    },
    "Metadata": {"type": (1, "int32"), "name": (2, "string"), "help": (4, "string"), "unit": (5, "string")},
    "WriteRequest": {"timeseries": (1, "many bytes"), "metadata": (3, "many bytes")},
    "ExemplarV2": {"labels_refs": (1, "many uint32"), "value": (2, "double"), "timestamp": (3, "int64")},
    "MetadataV2": {"type": (1, "int32"), "help_ref": (3, "uint32"), "unit_ref": (4, "uint32")},
    "SeriesV2": {
        "labels_refs": (1, "many uint32"),
        "samples": (2, "many Sample"),
        "histograms": (3, "many Histogram"),
        "exemplars": (4, "many ExemplarV2"),
        "metadata": (5, "MetadataV2"),
        "created_timestamp": (6, "int64"),
    },
    "WriteRequestV2": {"symbols": (4, "many string"), "timeseries": (5, "many bytes")},
    "Matcher": {"type": (1, "int32"), "name": (2, "string"), "value": (3, "string")},
    "Query": {"start": (1, "int64"), "end": (2, "int64"), "matchers": (3, "many Matcher")},
    "ReadResult": {"timeseries": (1, "many Series")},
    "ReadResponse": {"results": (1, "many ReadResult")},
    "Chunk": {"min_time_ms": (1, "int64"), "max_time_ms": (2, "int64"), "type": (3, "int32"), "data": (4, "bytes")},
    "ChunkedSeries": {"labels": (1, "many Label"), "chunks": (2, "many Chunk")},
    "ChunkedReadResponse": {"chunked_series": (1, "many ChunkedSeries"), "query_index": (2, "int64")},
    "ReadRequest": {"queries": (1, "many Query"), "accepted_response_types": (2, "many int32")},
}

_BUILT = declare("anyascope.prompb", _MESSAGES)
# `Any`: the classes exist only at run time.
WriteRequest: Any = _BUILT["WriteRequest"]
Series: Any = _BUILT["Series"]
Metadata: Any = _BUILT["Metadata"]
Histogram: Any = _BUILT["Histogram"]
Exemplar: Any = _BUILT["Exemplar"]
WriteRequestV2: Any = _BUILT["WriteRequestV2"]
SeriesV2: Any = _BUILT["SeriesV2"]
ReadRequest: Any = _BUILT["ReadRequest"]
ReadResponse: Any = _BUILT["ReadResponse"]
ChunkedReadResponse: Any = _BUILT["ChunkedReadResponse"]
