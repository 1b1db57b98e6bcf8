"""The messages of the protobuf exposition format, built from their published field numbers.

A family holds its metrics as bytes, and a metric its labels: they are looked up, and taken apart only where they were never
seen.

Source: prometheus/client_model, `io/prometheus/client/metrics.proto`.
"""

from __future__ import annotations

from typing import Any

from anyascope.wire.protobuf import Messages, declare

_MESSAGES: Messages = {
    "Label": {"name": (1, "string"), "value": (2, "string")},
    "Timestamp": {"seconds": (1, "int64"), "nanos": (2, "int32")},
    "Exemplar": {"label": (1, "many Label"), "value": (2, "double"), "timestamp": (3, "Timestamp")},
    "Gauge": {"value": (1, "double")},
    "Counter": {"value": (1, "double"), "exemplar": (2, "Exemplar"), "created_timestamp": (3, "Timestamp")},
    "Quantile": {"quantile": (1, "double"), "value": (2, "double")},
    "Summary": {
        "sample_count": (1, "uint64"),
        "sample_sum": (2, "double"),
        "quantile": (3, "many Quantile"),
        "created_timestamp": (4, "Timestamp"),
    },
    "Bucket": {
        "cumulative_count": (1, "uint64"),
        "upper_bound": (2, "double"),
        "exemplar": (3, "Exemplar"),
        "cumulative_count_float": (4, "double"),
    },
    "Span": {"offset": (1, "sint32"), "length": (2, "uint32")},
    "Histogram": {
        "sample_count": (1, "uint64"),
        "sample_sum": (2, "double"),
        "bucket": (3, "many Bucket"),
        "sample_count_float": (4, "double"),
        "schema": (5, "sint32"),
        "zero_threshold": (6, "double"),
        "zero_count": (7, "uint64"),
        "zero_count_float": (8, "double"),
        "negative_span": (9, "many Span"),
        "negative_delta": (10, "many sint64"),
        "negative_count": (11, "many double"),
        "positive_span": (12, "many Span"),
        "positive_delta": (13, "many sint64"),
        "positive_count": (14, "many double"),
        "created_timestamp": (15, "Timestamp"),
        "exemplars": (16, "many Exemplar"),
    },
    "Metric": {
        "label": (1, "many bytes"),
        "gauge": (2, "Gauge"),
        "counter": (3, "Counter"),
        "summary": (4, "Summary"),
        "untyped": (5, "Gauge"),
        "timestamp_ms": (6, "int64"),
        "histogram": (7, "Histogram"),
    },
    "MetricFamily": {
        "name": (1, "string"),
        "help": (2, "string"),
        "type": (3, "int32"),
        "metric": (4, "many bytes"),
        "unit": (5, "string"),
    },
}

_BUILT = declare("anyascope.exposition", _MESSAGES)
MetricFamily: Any = _BUILT["MetricFamily"]
Metric: Any = _BUILT["Metric"]
Label: Any = _BUILT["Label"]
