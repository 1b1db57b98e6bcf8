"""Logs beside whatever the host has set up itself: handlers, `logging.config`, servers, queues, structlog, warnings."""

from __future__ import annotations

import io
import json
import logging
import logging.config
import logging.handlers
import queue
import sys
import warnings

import pytest
import structlog
import uvicorn
from opentelemetry.sdk.trace import TracerProvider

from anyascope.sdk.correlation import correlation
from anyascope.sdk.guard import MisuseError, forget_told, strict
from anyascope.sdk.logs import JsonFormatter, emit, initialize_logs, service_processor, set_level, shutdown_logs
from support.logs import bare_logging, written


@pytest.fixture(autouse=True)
def _told_anew():
    forget_told()


def test_a_hosts_console_gives_way_and_comes_back(capsys):
    """Lines stand where the console's text stood, once, and the console has its own text after the shutdown."""
    with bare_logging():
        logging.basicConfig(format="mine %(message)s", stream=sys.stdout, level="INFO")
        initialize_logs("custody")
        logging.getLogger("a").info("during")
        shutdown_logs()
        logging.getLogger("a").info("after")
    first, second = capsys.readouterr().out.splitlines()
    assert json.loads(first)["event"] == "during"
    assert second == "mine after"


def test_a_hosts_file_stays(tmp_path):
    """A handler that writes elsewhere gets its records as before."""
    with bare_logging():
        handler = logging.FileHandler(tmp_path / "own.log")
        logging.getLogger().addHandler(handler)
        with_file = written()
        with with_file as lines:
            logging.getLogger("a").warning("stdlib")
            structlog.get_logger("a").warning("structured", key_id="k1")
            emit(logging.getLogger("a"), logging.WARNING, "emitted")
        handler.close()
        assert (tmp_path / "own.log").read_text().splitlines() == ["stdlib", "structured", "emitted"]
        assert [line["event"] for line in lines()] == ["stdlib", "structured", "emitted"]


def test_export_only_leaves_the_hosts_output_alone(capsys):
    """In the mode `export_only` the host's console, level and structlog are as they were."""
    with bare_logging():
        logging.basicConfig(format="mine %(message)s", stream=sys.stdout, level="ERROR")
        initialize_logs("custody", mode="export_only", level=None)
        logging.getLogger("a").error("x")
        logging.getLogger("a").info("y")
        assert logging.getLogger().level == logging.ERROR
        assert not structlog.is_configured()
    assert capsys.readouterr().out == "mine x\n"


def test_off_does_nothing():
    """In the mode `off` nothing is set up."""
    with bare_logging():
        assert initialize_logs("custody", mode="off") is None
        assert logging.getLogger().handlers == []


def test_a_wrong_mode_is_misuse():
    """A mode that is none is told, and lines are written."""
    with bare_logging(), strict(), pytest.raises(MisuseError, match="json, export_only, off"):
        initialize_logs("custody", mode="xml")


def test_a_second_call_doubles_nothing():
    """The same set up twice gives each line once, and other settings hold from then on."""
    with bare_logging(), written() as first, written() as second:
        initialize_logs("vault", environment="prod", stream=second.stream)
        logging.getLogger("a").info("x")
    assert first() == []
    (line,) = second()
    assert (line["service"], line["environment"]) == ("vault", "prod")


def test_logging_config_after_us_changes_nothing():
    """A host that configures `logging` after `init`, as Django does, has JSON lines all the same, and once."""
    config = {
        "version": 1,
        "handlers": {"console": {"class": "logging.StreamHandler", "stream": "ext://sys.stdout"}},
        "root": {"handlers": ["console"], "level": "INFO"},
    }
    own = logging.getLogger("anyascope.audit")
    with bare_logging(), written() as lines:
        logging.config.dictConfig(config)
        assert own.disabled
        logging.getLogger("later").info("x")
        emit(own, logging.INFO, "audit.sign.intent")
    assert [line["event"] for line in lines()] == ["x", "audit.sign.intent"]


def test_a_server_that_keeps_its_records_to_itself_writes_lines_too(capsys):
    """Loggers that do not propagate and write to the console, as uvicorn's and gunicorn's, before or after us."""
    before, after = logging.getLogger("server.before"), logging.getLogger("server.after")
    with bare_logging():
        for name, server in {"before": before, "after": after}.items():
            if name == "after":
                initialize_logs("custody")
            server.handlers[:] = [logging.StreamHandler(sys.stderr)]
            server.propagate = False
            server.setLevel("INFO")
        before.info("started")
        after.info("stopped", extra={"color_message": "\x1b[1mstopped"})
        shutdown_logs()
        assert [type(handler) for handler in before.handlers] == [logging.StreamHandler]
    streams = capsys.readouterr()
    assert [json.loads(line)["event"] for line in streams.out.splitlines()] == ["started", "stopped"]
    assert "color_message" not in streams.out
    assert streams.err == ""
    for server in (before, after):
        server.handlers.clear()
        server.propagate = True


@pytest.mark.parametrize("order", ["before", "after"])
def test_uvicorns_own_settings_give_lines(order, capsys):
    """Uvicorn configures its loggers when it starts, before or after `init`: its lines are JSON, once each."""
    names = ("uvicorn", "uvicorn.error", "uvicorn.access")
    with bare_logging():
        if order == "before":
            logging.config.dictConfig(uvicorn.config.LOGGING_CONFIG)
        initialize_logs("custody")
        if order == "after":
            logging.config.dictConfig(uvicorn.config.LOGGING_CONFIG)
        logging.getLogger("uvicorn.error").info("Started server process [%d]", 7)
        logging.getLogger("uvicorn.access").info('%s - "%s %s HTTP/%s" %d', "127.0.0.1:5", "GET", "/x", "1.1", 200)
    streams = capsys.readouterr()
    events = [json.loads(line)["event"] for line in streams.out.splitlines()]
    assert events == ["Started server process [7]", '127.0.0.1:5 - "GET /x HTTP/1.1" 200']
    assert streams.err == ""
    for name in names:
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True


def test_a_queue_keeps_the_ids_of_where_it_was_said():
    """Behind `QueueHandler` a record is written in another thread, with the trace and correlation of its own."""
    stream = io.StringIO()
    behind = logging.StreamHandler(stream)
    behind.setFormatter(JsonFormatter(service_name="custody"))
    records: queue.Queue[logging.LogRecord] = queue.Queue()
    listener = logging.handlers.QueueListener(records, behind)
    tracer = TracerProvider().get_tracer("t")
    with bare_logging(), written() as lines:
        logging.getLogger().addHandler(logging.handlers.QueueHandler(records))
        listener.start()
        with correlation("c-1"), tracer.start_as_current_span("op"):
            logging.getLogger("a").info("stdlib", extra={"n": 1})
            structlog.get_logger("a").info("structured", n=1)
        listener.stop()
    queued = [json.loads(line) for line in stream.getvalue().splitlines()]
    for line, direct in zip(queued, lines(), strict=True):
        assert line["correlation_id"] == "c-1"
        assert line["trace_id"] == direct["trace_id"]
        assert line["n"] == 1


def test_an_exception_behind_a_queue_is_there():
    """`QueueHandler` keeps only the text of an exception; it stands on the line."""
    handler = logging.handlers.QueueHandler(queue.Queue())
    try:
        raise ValueError("broken")
    except ValueError:
        record = logging.getLogger("a").makeRecord("a", 40, "f.py", 1, "failed", (), sys.exc_info())
    line = json.loads(JsonFormatter(service_name="s").format(handler.prepare(record)))
    assert "ValueError: broken" in json.dumps(line)


def test_warnings_are_lines():
    """What Python warns of is a line of the logger `py.warnings`, and goes its own way after the shutdown."""
    with bare_logging(), written() as lines:
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            logging.captureWarnings(capture=True)
            warnings.warn("old", DeprecationWarning, stacklevel=1)
        (line,) = lines()
    assert (line["logger"], line["level"]) == ("py.warnings", "warning")
    assert "DeprecationWarning: old" in line["event"]


def test_a_structlog_of_the_hosts_keeps_its_output_and_gets_the_ids(capsys):
    """A host's own processors and printer stay; ids are added, secrets taken out, before its renderer."""
    with bare_logging():
        structlog.configure(
            processors=[structlog.processors.add_log_level, structlog.processors.JSONRenderer()],
            logger_factory=structlog.PrintLoggerFactory(),
        )
        with written() as lines, correlation("c-1"):
            structlog.get_logger("a").info("x", password="hunter2-hunter2")
        structlog.get_logger("a").info("after")
    first, second = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert first["correlation_id"] == "c-1"
    assert first["level"] == "info"
    assert "hunter2" not in first["password"]
    assert second == {"event": "after", "level": "info"}
    assert lines() == []


@pytest.mark.parametrize(
    "last",
    [structlog.processors.JSONRenderer(), structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
    ids=["rendered", "wrapped"],
)
def test_a_structlog_on_logging_gives_its_fields(last):
    """Where the host's structlog hands its events to `logging`, as text or whole, the fields are fields again."""
    with bare_logging():
        structlog.configure(
            processors=[
                structlog.stdlib.add_log_level,
                structlog.processors.TimeStamper(fmt="iso"),
                last,
            ],
            logger_factory=structlog.stdlib.LoggerFactory(),
            wrapper_class=structlog.stdlib.BoundLogger,
        )
        with written() as lines:
            structlog.get_logger("a").info("signed", key_id="k1")
    (line,) = lines()
    assert (line["event"], line["key_id"], line["logger"]) == ("signed", "k1", "a")
    assert not {"timestamp_", "level_"} & set(line)


def test_text_that_looks_like_json_and_is_none_stays_text():
    """A message in braces that is no event of structlog's is a message."""
    with bare_logging(), written() as lines:
        logging.getLogger("a").info("{not json}")
        logging.getLogger("a").info('{"no": "event"}')
    assert [line["event"] for line in lines()] == ["{not json}", '{"no": "event"}']


def test_the_processor_does_nothing_before_init():
    """A host's structlog may have our processor in it whether or not `init` was called."""
    shutdown_logs()
    assert service_processor(None, "info", {"event": "x"}) == {"event": "x"}


def test_the_level_follows_at_run_time():
    """`set_level` holds at once for structlog and `logging`, for all loggers or for one."""
    with bare_logging(), written(level="WARNING") as lines:
        logs = [structlog.get_logger("a.b"), logging.getLogger("a.b")]
        for log in logs:
            log.info("hidden")
        set_level("info")
        for log in logs:
            log.info("shown")
        set_level("error", "a")
        for log in logs:
            log.warning("hidden")
        set_level(None, "a")
        for log in logs:
            log.info("shown")
    assert [line["event"] for line in lines()] == ["shown"] * 4


@pytest.mark.parametrize("level", ["loud", -1, 10_000, True, None.__class__, 1.5])
def test_a_level_that_is_none_is_misuse(level):
    """A wrong level is told and changes nothing."""
    before = logging.getLogger().level
    with strict(), pytest.raises(MisuseError, match="log level"):
        set_level(level)
    assert logging.getLogger().level == before


def test_audit_events_pass_whatever_the_level_is():
    """No level silences what an auditor wants to see."""
    with bare_logging(), written(level="CRITICAL") as lines:
        emit(logging.getLogger("anyascope.audit"), logging.INFO, "audit.sign.intent")
        emit(logging.getLogger("anyascope.security"), logging.INFO, "security.login_failed")
        emit(logging.getLogger("anyascope.operations"), logging.INFO, "bitcoin_operation_started")
    assert [line["event"] for line in lines()] == ["audit.sign.intent", "security.login_failed"]


def test_emit_works_before_init(caplog):
    """A record of ours goes through `logging` with its fields as attributes where nobody has called `init`."""
    with caplog.at_level(logging.INFO):
        emit(logging.getLogger("anyascope.operations"), logging.INFO, "signed", key_id="k1", name="n")
    (record,) = caplog.records
    assert (record.getMessage(), record.key_id, record.name_) == ("signed", "k1", "n")
    assert record.name == "anyascope.operations"


def test_ids_given_by_the_host_do_not_clash():
    """A host that gives `extra={"trace_id": …}` itself, as it must where others set none, is not refused."""
    with bare_logging(), written() as lines, correlation("c-1"):
        logging.getLogger("a").info("x", extra={"trace_id": "mine", "correlation_id": "mine"})
    (line,) = lines()
    assert (line["trace_id"], line["correlation_id"], line["correlation_id_"]) == ("mine", "c-1", "mine")
