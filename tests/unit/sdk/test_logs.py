"""JSON lines from structlog and `logging` alike."""

from __future__ import annotations

import asyncio
import datetime as dt
import io
import json
import logging
import sys
import threading

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.trace import TracerProvider

from anyascope.sdk.correlation import correlation
from anyascope.sdk.guard import forget_told
from anyascope.sdk.logs import emit, emitting, set_level
from anyascope.sdk.logs.entry import Entry, Ids
from anyascope.sdk.logs.line import LineFormat, LineWriter
from anyascope.sdk.redaction import redacted_counts
from support.logs import bare_logging, written

WIF = "5HueCGU8rMjxEXxiPuD5BDku4MkFqeZyd4dZ1jvhTVqvbTLvyTJ"


@pytest.fixture(params=["alone", "among others"])
def lines(request, monkeypatch):
    """What is written after `initialize_logs`, on the short way and on `logging`'s own; pytest itself listens too."""
    forget_told()
    if request.param == "alone":
        monkeypatch.setattr(emitting, "hears_alone", lambda _logger, _outlet: True)
    with bare_logging(), written() as read:
        yield read


def test_structlog_and_logging_give_the_same_lines(lines):
    """Both roads give event, level, logger, service, environment and the caller's fields."""
    structlog.get_logger("a").info("signed", key_id="k1")
    logging.getLogger("a").info("signed", extra={"key_id": "k1"})
    emit(logging.getLogger("a"), logging.INFO, "signed", key_id="k1")
    first, second, third = lines()
    for line in (first, second, third):
        dt.datetime.fromisoformat(line.pop("timestamp"))
    assert first == second == third
    assert first == {
        "level": "info",
        "event": "signed",
        "logger": "a",
        "service": "custody",
        "environment": "test",
        "key_id": "k1",
    }


def test_the_time_is_the_records_own(lines):
    """A record that is handled late carries the time at which it was made, in UTC with microseconds."""
    record = logging.makeLogRecord({"name": "a", "msg": "late", "levelno": 20, "levelname": "INFO"})
    record.created = 1_700_000_000.123456
    logging.getLogger("a").handle(record)
    assert lines()[0]["timestamp"] == "2023-11-14T22:13:20.123456Z"


def test_a_line_carries_its_trace_and_correlation_id(lines):
    """Inside a span and a correlation the ids are on the line."""
    tracer = TracerProvider().get_tracer("t")
    with correlation("c-1"), tracer.start_as_current_span("op") as span:
        structlog.get_logger("a").info("x")
        logging.getLogger("a").info("x")
    context = span.get_span_context()
    for line in lines():
        assert line["correlation_id"] == "c-1"
        assert line["trace_id"] == f"{context.trace_id:032x}"
        assert line["span_id"] == f"{context.span_id:016x}"


def test_a_callers_field_never_stands_in_our_place(lines):
    """A field that has the name of one of ours gets an underscore, and none of either is lost."""
    with correlation("c-1"):
        structlog.get_logger("a").info("x", level=3, service="s", service_="t", timestamp=0, correlation_id="other")
    line = lines()[0]
    assert (line["level"], line["level_"]) == ("info", 3)
    assert (line["service"], line["service_"], line["service__"]) == ("custody", "t", "s")
    assert line["timestamp_"] == 0
    assert (line["correlation_id"], line["correlation_id_"]) == ("c-1", "other")


def test_a_callers_id_stands_where_we_have_none(lines):
    """An id that the caller gives is the line's own where no operation is running."""
    structlog.get_logger("a").info("x", correlation_id="given")
    assert lines()[0]["correlation_id"] == "given"


def test_odd_fields_do_not_break_a_line(lines):
    """Names that logging keeps for itself, objects that cannot be printed and numbers beyond JSON still give a line."""

    class Unprintable:
        def __str__(self) -> str:
            raise ValueError("no")

    ring: list[object] = [1]
    ring.append(ring)
    structlog.get_logger("a").info(
        "x", name="n", message="m", odd=Unprintable(), nan=float("nan"), big=10**100, blob=b"\xff", some={1}, ring=ring
    )
    line = lines()[0]
    assert line["event"] == "x"
    assert (line["name"], line["message"]) == ("n", "m")
    assert "Unprintable" in line["odd"]
    assert line["nan"] == "nan"
    assert line["some"] == [1]


def test_half_a_character_does_not_break_a_line(lines):
    """A lone surrogate, which no encoding can write, becomes a question mark."""
    structlog.get_logger("a").info("x\ud800", field="\udfff")
    assert lines()[0]["event"] == "x?"


def test_a_console_that_knows_no_unicode_gets_escapes():
    """What a stream's encoding cannot write stands there escaped, and is the same for a reader of JSON."""
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    with bare_logging(), written(stream):
        logging.getLogger("a").info("₿ paid 🔑")
    assert json.loads(raw.getvalue().decode("ascii"))["event"] == "₿ paid 🔑"


def test_an_exception_is_told_whole(lines):
    """Type, message and stack each have their field."""
    try:
        raise ValueError("broken")
    except ValueError:
        structlog.get_logger("a").exception("failed")
        logging.getLogger("a").exception("failed")
    for line in lines():
        assert line["exception_type"] == "ValueError"
        assert line["exception_message"] == "broken"
        assert "test_logs.py" in line["exception"]
        assert line["exception"].endswith("ValueError: broken")


def test_the_stack_of_the_place_is_there_on_request(lines):
    """With `stack_info` a line tells how the code came there, by both roads."""
    logging.getLogger("a").info("x", stack_info=True)
    structlog.get_logger("a").info("x", stack_info=True)
    for line in lines():
        assert "test_the_stack_of_the_place" in line["stack"]
        assert "stack_info" not in line


def test_secrets_are_taken_out_of_all_parts_of_a_line(lines):
    """Event, arguments, fields at any depth, exception text and names' values lose their secrets, and they are counted."""
    before = sum(redacted_counts().values())
    try:
        raise ValueError(f"cannot import {WIF}")
    except ValueError:
        logging.getLogger("a").exception("got %s", WIF, extra={"nested": {"list": [WIF]}, "user_pin": "123456"})
    text = json.dumps(lines()[0])
    assert WIF not in text
    assert "123456" not in text
    assert sum(redacted_counts().values()) >= before + 4


def test_arguments_that_do_not_fit_are_no_fault_of_the_host(capsys):
    """A message whose arguments cannot be put into it is written without them."""
    with bare_logging(), written() as lines:
        logging.getLogger("a").info("%d coins", "many")
        structlog.get_logger("a").info("%d coins", "many")
    assert [line["event"] for line in lines()] == ["%d coins (its arguments cannot be put into it)"] * 2
    assert capsys.readouterr().err == ""


def test_positional_arguments_are_put_in(lines):
    """Both libraries' ways to give arguments work."""
    logging.getLogger("a").info("%s of %s", 1, 2)
    logging.getLogger("a").info("%(x)s", {"x": 1})
    structlog.get_logger("a").info("%s of %s", 1, 2)
    assert [line["event"] for line in lines()] == ["1 of 2", "1", "1 of 2"]


def test_context_variables_and_bound_fields_are_there(lines):
    """What was bound to the logger and to structlog's context stands on each line, the nearest last."""
    with structlog.contextvars.bound_contextvars(request="r1", who="context"):
        structlog.get_logger("a", who="first").bind(who="bound").info("x", what="call")
    line = lines()[0]
    assert (line["request"], line["who"], line["what"]) == ("r1", "bound", "call")


@pytest.mark.parametrize("method", ["debug", "info", "warning", "warn", "error", "critical", "fatal", "msg"])
def test_structlogs_methods_are_there(lines, method):
    """Each method of structlog's own logger writes one line, and its asynchronous sister too."""
    set_level("debug", "a")
    log = structlog.get_logger("a")
    getattr(log, method)("x")
    asyncio.run(getattr(log, f"a{method}")("x"))
    assert [line["event"] for line in lines()] == ["x", "x"]
    set_level(None, "a")


def test_a_logger_without_a_name_has_its_modules(lines):
    """`structlog.get_logger()` names the module that asks."""
    structlog.get_logger().info("x")
    assert lines()[0]["logger"] == __name__


def test_an_event_that_is_dropped_leaves_no_line(lines):
    """A processor of the host's in our list may drop an event."""
    processors = structlog.get_config()["processors"]

    def drop(_logger, _method, event):
        raise structlog.DropEvent

    processors.append(drop)
    try:
        structlog.get_logger("a").info("x")
    finally:
        processors.remove(drop)
    assert lines() == []


def test_an_object_that_logs_while_it_is_printed_ends():
    """A field whose text is made by logging itself gives some lines and no endless recursion."""

    class Chatty:
        def __str__(self) -> str:
            structlog.get_logger("a").info("printing", who=self)
            return "chatty"

    with bare_logging(), written() as lines:
        structlog.get_logger("a").info("printing", who=Chatty())
        logging.getLogger("a").info("printing", extra={"who": Chatty()})
    assert [line["who"] for line in lines()] == ["chatty"] * 6


def test_a_closed_stream_costs_the_host_nothing():
    """A console that takes nothing more raises nothing where the host logs."""
    with bare_logging(), written() as lines:
        lines.stream.close()
        logging.getLogger("a").info("x")
        structlog.get_logger("a").info("x")


def test_many_fields_are_cut_and_counted(lines):
    """Of more fields than a record may have the first are kept, and how many are missing is said."""
    structlog.get_logger("a").info("x", **{f"f{n}": n for n in range(200)})
    line = lines()[0]
    assert line["fields_dropped"] == 200 - 128
    assert line["f127"] == 127


def test_lines_of_many_threads_stay_whole(lines):
    """Lines that are written at once do not run into one another."""
    threads = [
        threading.Thread(target=lambda: [structlog.get_logger("a").info("x" * 500) for _ in range(50)])
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [len(line["event"]) for line in lines()] == [500] * 400


def test_standard_output_is_looked_up_when_a_line_is_written(capsys):
    """Who replaces `sys.stdout` after `init` gets the lines."""
    with bare_logging(), written(None):
        logging.getLogger("a").info("x")
    assert json.loads(capsys.readouterr().out)["event"] == "x"


def test_a_program_without_a_console_runs_on(monkeypatch):
    """Where there is no standard output no line is written."""
    with bare_logging(), written(None):
        monkeypatch.setattr(sys, "stdout", None)
        logging.getLogger("a").info("x")
        monkeypatch.undo()


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)


@given(
    st.text(max_size=40),
    st.dictionaries(st.text(max_size=12), JSON_VALUES, max_size=6),
    st.integers(-(2**70), 2**70),
    st.integers(0, 2**128 - 1),
    st.text(max_size=8),
)
def test_every_entry_is_one_line_of_json(  # noqa: PLR0917  # as many things as Hypothesis makes
    event, fields, time_ns, trace_id, correlation_id
):
    """Whatever is in an entry, its line is one JSON object, in strict JSON, without a line's end, with our own names in place."""
    form = LineFormat(service="s", environment="e")
    line = form.line(Entry(time_ns, 20, "a", event, fields, Ids(trace_id, 1, 1, correlation_id)))
    read = json.loads(line, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert "\n" not in line
    assert read["service"] == "s"
    assert read["level"] == "info"
    line.encode()


def test_a_writer_without_a_stream_is_the_console(capsys):
    """A writer that was given no stream writes to standard output."""
    LineWriter().write("x")
    assert capsys.readouterr().out == "x\n"
