"""Names as Prometheus' OTLP translation makes them."""

from __future__ import annotations

import pytest

from anyascope.model.metrics import MetricType
from anyascope.wire.naming import label_name, metric_name, unit_name

COUNTER, GAUGE, HISTOGRAM, OTHER = MetricType.COUNTER, MetricType.GAUGE, MetricType.HISTOGRAM, MetricType.UNKNOWN


@pytest.mark.parametrize(
    ("name", "unit", "kind", "expected"),
    [
        ("requests", "", COUNTER, "requests_total"),
        ("requests_total", "", COUNTER, "requests_total"),
        ("total.requests", "", COUNTER, "requests_total"),
        ("http.server.request.duration", "s", HISTOGRAM, "http_server_request_duration_seconds"),
        ("response_time_seconds", "s", GAUGE, "response_time_seconds"),
        ("cpu.usage", "1", GAUGE, "cpu_usage_ratio"),
        ("cpu_usage_ratio", "1", GAUGE, "cpu_usage_ratio"),
        ("items", "1", COUNTER, "items_total"),
        ("active.connections", "1", OTHER, "active_connections"),
        ("memory.usage", "By", GAUGE, "memory_usage_bytes"),
        ("throughput", "By/s", GAUGE, "throughput_bytes_per_second"),
        ("requests", "1/s", COUNTER, "requests_per_second_total"),
        ("custom", "{request}", GAUGE, "custom"),
        ("custom", "By/{wallet}", GAUGE, "custom_bytes"),
        ("custom", "custom_unit", GAUGE, "custom_custom_unit"),
        ("custom", "unit@with#special/chars", GAUGE, "custom_unit_with_special_per_chars"),
        ("custom", " By / s ", GAUGE, "custom_bytes_per_second"),
        ("custom", "/", GAUGE, "custom"),
        ("custom", "By/", GAUGE, "custom_bytes"),
        ("usage", "%", GAUGE, "usage_percent"),
        ("temperature", "Cel", GAUGE, "temperature_celsius"),
        ("a__b..c", "", GAUGE, "a_b_c"),
        ("123_requests", "", COUNTER, "_123_requests_total"),
        ("sla:requests", "", COUNTER, "sla:requests_total"),
        ("höhe", "", GAUGE, "h_he"),
        ("@#$%", "", COUNTER, ""),
        ("", "s", GAUGE, ""),
    ],
)
def test_names_metrics_as_prometheus_does(name: str, unit: str, kind: MetricType, expected: str) -> None:
    """Words are joined by underscores; the unit, `_ratio` and `_total` follow once."""
    assert metric_name(name, unit=unit, kind=kind) == expected


@pytest.mark.parametrize(
    ("unit", "expected"),
    [("s", "seconds"), ("By/s", "bytes_per_second"), ("1", ""), ("{request}", ""), ("1/mo", "per_month"), ("", "")],
)
def test_spells_units_out(unit: str, expected: str) -> None:
    """Metadata gives the unit in Prometheus' words."""
    assert unit_name(unit) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("http.method", "http_method"),
        ("label:with:colons", "label_with_colons"),
        ("label!with&special$chars)", "label_with_special_chars_"),
        ("label_with_foreign_characters_字符", "label_with_foreign_characters___"),
        ("123label", "key_123label"),
        ("_private", "key_private"),
        ("__reserved", "__reserved"),
        ("ようこそ", ""),
        ("__", ""),
        ("", ""),
    ],
)
def test_names_labels_as_prometheus_does(name: str, expected: str) -> None:
    """What a label may not have becomes an underscore; what begins badly gets `key`; what leaves nothing is left out."""
    assert label_name(name) == expected
