"""JSON lines with the ids that join them to traces."""

from __future__ import annotations

import io
import json
import logging

import pytest
import structlog
from opentelemetry.sdk.trace import TracerProvider

from anyascope.sdk.correlation import correlation
from anyascope.sdk.logs import initialize_logs


@pytest.fixture
def lines():
    """What is written after `initialize_logs`; logging is put back afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    initialize_logs("custody", environment="test", stream=stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def test_structlog_and_logging_give_the_same_lines(lines):
    """Both roads give event, level, service, environment and the caller's fields."""
    structlog.get_logger("a").info("signed", key_id="k1")
    logging.getLogger("a").info("signed", extra={"key_id": "k1"})
    first, second = lines()
    assert first.pop("timestamp") <= second.pop("timestamp")
    assert (
        first
        == second
        == {
            "level": "info",
            "event": "signed",
            "logger": "a",
            "service": "custody",
            "environment": "test",
            "key_id": "k1",
        }
    )


def test_a_line_carries_its_trace_and_correlation_id(lines):
    """Inside a span and a correlation the ids are on the line."""
    tracer = TracerProvider().get_tracer("t")
    with correlation("c-1"), tracer.start_as_current_span("op") as span:
        structlog.get_logger("a").info("x")
    context = span.get_span_context()
    line = lines()[0]
    assert line["correlation_id"] == "c-1"
    assert line["trace_id"] == f"{context.trace_id:032x}"
    assert line["span_id"] == f"{context.span_id:016x}"


def test_odd_fields_do_not_break_a_line(lines):
    """Names that logging keeps for itself and objects that cannot be printed still give a line."""

    class Unprintable:
        def __str__(self) -> str:
            raise ValueError("no")

    structlog.get_logger("a").info("x", name="n", message="m", odd=Unprintable())
    line = lines()[0]
    assert line["event"] == "x"
    assert line["name"] == "n"
    assert "Unprintable" in line["odd"]


def test_an_exception_is_told(lines):
    """A traceback stands in its own field."""
    try:
        raise ValueError("broken")
    except ValueError:
        structlog.get_logger("a").exception("failed")
    assert "ValueError: broken" in lines()[0]["exception"]
