"""Unit tests of whole expositions."""

from __future__ import annotations

import pytest

from anyascope.model.metrics import MetricMetadata, MetricType
from anyascope.wire.exposition.document import format_of, parse_exposition
from anyascope.wire.exposition.lines import ExpositionError, Format

TEXT = b"""# HELP http_requests_total Requests with a \\\\ and a\\nline.
# TYPE http_requests_total counter
http_requests_total{code="200"} 1027 1395066363000
http_requests_total{code="400"}    3

# a comment of no interest
#no blank either
# TYPE rpc_seconds summary
rpc_seconds{quantile="0.5"} 4773
rpc_seconds_sum 1.7560473e+07
# TYPE weird untyped
weird NaN
# TYPE
"""

OPEN = b"""# TYPE foo counter
# UNIT foo_seconds seconds
# HELP foo Say "this" \\"and\\" that
foo_total 17.0 1520879607.789 # {id="counter-test"} 5
foo_created 1520872607.123
# TYPE ii info
ii{foo="bar"} 1
# TYPE ss stateset
ss{ss="a"} 0
# EOF
"""


def test_reads_the_text_format() -> None:
    """Samples come in their order; families have type and help; other comments and empty lines say nothing."""
    found = parse_exposition(TEXT.replace(b"# TYPE\n", b""), form=Format.TEXT)
    assert [sample.value for sample in found.samples[:4]] == [1027.0, 3.0, 4773.0, 17560473.0]
    assert found.metadata == (
        MetricMetadata("http_requests_total", MetricType.COUNTER, "Requests with a \\ and a\nline."),
        MetricMetadata("rpc_seconds", MetricType.SUMMARY),
        MetricMetadata("weird", MetricType.UNKNOWN),
    )


def test_reads_openmetrics() -> None:
    """Types of OpenMetrics, units, exemplars and creation times are read."""
    found = parse_exposition(OPEN, form=Format.OPENMETRICS)
    assert [sample.pairs[0][1] for sample in found.samples] == ["foo_total", "foo_created", "ii", "ss"]
    assert found.samples[0].exemplar is not None
    assert found.metadata[:2] == (
        MetricMetadata("foo", MetricType.COUNTER, 'Say "this" "and" that'),
        MetricMetadata("foo_seconds", MetricType.UNKNOWN, "", "seconds"),
    )


def test_reads_nothing() -> None:
    """An empty page of the text format is a page without samples."""
    assert parse_exposition(b"", form=Format.TEXT).samples == ()


def test_takes_a_last_line_without_line_feed() -> None:
    """Both formats may lack the last line feed."""
    assert len(parse_exposition(b"a 1\nb 2", form=Format.TEXT).samples) == 2
    assert len(parse_exposition(b"a 1\n# EOF", form=Format.OPENMETRICS).samples) == 1


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"a 1\n", "data does not end with # EOF"),
        (b"", "data does not end with # EOF"),
        (b"a 1\n# EOF\nb 2\n", "data does not end with # EOF"),
        (b"a 1\n# EOF\n# EOF\n", "line 2: unexpected data after # EOF"),
        (b"a 1\n\n# EOF\n", "line 2: expected no empty line"),
        (b"# a comment\n# EOF\n", "line 1: expected HELP, TYPE or UNIT with a name"),
        (b"# TYPE a untyped\n# EOF\n", "line 1: 'untyped' is not a metric type"),
        (b"# UNIT a_seconds bytes\n# EOF\n", "line 1: unit 'bytes' is not the end of the name 'a_seconds'"),
        (b"# UNIT seconds seconds\n# EOF\n", "is not the end of the name"),
        (b"a 1\r\n# EOF\n", "line 1: expected a value"),
    ],
)
def test_openmetrics_refuses(body: bytes, message: str) -> None:
    """A body that is cut off, goes on behind its end or holds what the format does not know is refused."""
    with pytest.raises(ExpositionError, match=message):
        parse_exposition(body, form=Format.OPENMETRICS)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"# TYPE a gaugehistogram\n", "line 1: 'gaugehistogram' is not a metric type"),
        (b"# TYPE a\n", "line 1: '' is not a metric type"),
        (b"# HELP 0a text\n", "line 1: expected a metric name"),
        (b"# HELP a \xff\n", "line 1: expected UTF-8"),
        (b"a 1\nb\n", "line 2: expected a value"),
        (b"<html><body>404</body></html>", "line 1: expected a metric name"),
        (b"\x00\x01\x02", "line 1: expected a metric name"),
    ],
)
def test_text_refuses(body: bytes, message: str) -> None:
    """What is not in the format is refused with its line."""
    with pytest.raises(ExpositionError, match=message):
        parse_exposition(body, form=Format.TEXT)


@pytest.mark.parametrize(
    ("content_type", "form"),
    [
        ("text/plain; version=0.0.4; charset=utf-8", Format.TEXT),
        ("Text/Plain", Format.TEXT),
        ("application/openmetrics-text; version=1.0.0; charset=utf-8", Format.OPENMETRICS),
        ("application/json", None),
        ("text/html; charset=utf-8", None),
        ("", None),
    ],
)
def test_knows_the_format_by_its_content_type(content_type: str, form: Format | None) -> None:
    """The media type decides, whatever its parameters and case."""
    assert format_of(content_type) is form
