"""`anyascope.sdk.init`, each time in a process of its own: what it sets up is the process's."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from anyascope.sdk import init
from support.components import REPOSITORY
from support.far_end import far_end
from support.ports import free_port

WITHIN_S = 60


def run(program: str, *, cwd=None, **environment: str) -> subprocess.CompletedProcess[str]:
    """The program in a fresh interpreter, with none of this process's settings of telemetry."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "ANYASCOPE_"))}
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        env={**kept, "PYTHONPATH": str(REPOSITORY / "src"), **environment},
        capture_output=True,
        text=True,
        timeout=WITHIN_S,
        check=False,
        cwd=cwd,
    )


def lines_of(done: subprocess.CompletedProcess[str]) -> list[dict]:
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def sent(end, signal: str, kind):
    return [kind.FromString(body) for path, body in zip(end.paths, end.bodies, strict=True) if path.endswith(signal)]


def log_events(end) -> list[str]:
    return [
        record.body.string_value
        for request in sent(end, "/v1/logs", ExportLogsServiceRequest)
        for resource in request.resource_logs
        for scope in resource.scope_logs
        for record in scope.log_records
    ]


def span_names(end) -> list[str]:
    return [
        span.name
        for request in sent(end, "/v1/traces", ExportTraceServiceRequest)
        for resource in request.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]


def test_two_lines_send_all_signals():
    """After `init` a span, a log record and the registry's metrics reach the endpoint when the process simply ends."""
    with far_end() as end:
        done = run(
            f"""
            import anyascope.sdk, logging
            anyascope.sdk.init(service="custody", endpoint="{end.url}")
            from opentelemetry import trace
            with trace.get_tracer("t").start_as_current_span("withdraw"):
                logging.getLogger("a").info("signed")
            """
        )
    (line,) = lines_of(done)
    assert line["event"] == "signed"
    assert len(line["trace_id"]) == 32
    assert span_names(end) == ["withdraw"]
    assert log_events(end) == ["signed"]
    assert any(path.endswith("/v1/metrics") for path in end.paths)


def test_a_block_ends_with_everything_sent():
    """As a context manager it flushes at the end, and the console is the host's again."""
    with far_end() as end:
        done = run(
            f"""
            import anyascope.sdk, logging, sys
            logging.basicConfig(stream=sys.stdout, format="mine %(message)s", level="INFO")
            with anyascope.sdk.init(service="custody", endpoint="{end.url}", push_metrics=False) as telemetry:
                logging.getLogger("a").info("inside")
                print("flushed", telemetry.flush())
            logging.getLogger("a").info("outside")
            """
        )
    assert "flushed True" in done.stdout
    assert "mine outside" in done.stdout
    assert [line["event"] for line in lines_of(done)] == ["inside"]
    assert log_events(end) == ["inside"]


def test_a_second_init_doubles_nothing():
    """The same call again gives the same; another one changes the service; no line and no record is doubled."""
    with far_end() as end:
        done = run(
            f"""
            import anyascope.sdk, logging, json
            first = anyascope.sdk.init(service="custody", endpoint="{end.url}", push_metrics=False)
            again = anyascope.sdk.init(service="custody", endpoint="{end.url}", push_metrics=False)
            assert first is again
            logging.getLogger("a").info("one")
            anyascope.sdk.init(service="vault", endpoint="{end.url}", push_metrics=False)
            logging.getLogger("a").info("two")
            """
        )
    assert [(line["event"], line["service"]) for line in lines_of(done)] == [("one", "custody"), ("two", "vault")]
    assert sorted(log_events(end)) == ["one", "two"]


def test_what_is_not_given_comes_from_the_environment():
    """Service, endpoint, environment, version, token and level are found in their variables."""
    with far_end() as end:
        done = run(
            """
            import anyascope.sdk, logging
            anyascope.sdk.init(push_metrics=False)
            logging.getLogger("a").info("hidden")
            logging.getLogger("a").warning("shown")
            """,
            OTEL_SERVICE_NAME="custody",
            OTEL_EXPORTER_OTLP_ENDPOINT=end.url,
            ANYASCOPE_ENVIRONMENT="staging",
            ANYASCOPE_SERVICE_VERSION="1.2",
            ANYASCOPE_TOKEN="minted-for-this-test",
            ANYASCOPE_LOG_LEVEL="warning",
        )
    (line,) = lines_of(done)
    assert (line["event"], line["service"], line["environment"]) == ("shown", "custody", "staging")
    assert end.received[0]["authorization"] == "Bearer minted-for-this-test"


def test_off_sends_nothing_and_writes_lines():
    """`endpoint="off"` is for services that are only scraped: lines are written, no thread is started."""
    done = run(
        """
        import anyascope.sdk, logging, threading
        telemetry = anyascope.sdk.init(service="custody", endpoint="off")
        logging.getLogger("a").info("signed")
        assert telemetry.metrics is None and telemetry.logs is None
        assert [t.name for t in threading.enumerate() if t.name.startswith("anyascope")] == []
        """
    )
    assert [line["event"] for line in lines_of(done)] == ["signed"]


def test_jaeger_gets_traces_only_and_that_is_said_once():
    """With Jaeger's protocol spans are sent; that logs and metrics are not is one line."""
    with far_end() as end:
        done = run(
            f"""
            import anyascope.sdk
            from opentelemetry import trace
            anyascope.sdk.init(service="custody", endpoint="{end.url}/api/traces", protocol="jaeger_thrift_http")
            with trace.get_tracer("t").start_as_current_span("withdraw"):
                pass
            """
        )
    assert lines_of(done) == []
    assert done.stderr.count("Jaeger takes traces only") == 1
    assert set(end.paths) == {"/api/traces"}


WRONG = {
    "service=7": "service must be a text",
    "endpoint=7": "endpoint must be a text",
    "endpoint='ftp://x'": "endpoint must be an address",
    "protocol='smoke'": "protocol must be one of otlp_http, otlp_grpc, jaeger_thrift_http",
    "environment=''": "environment must be a text",
    "environment=7": "environment must be a text",
    "version=[]": "version must be a text",
    "sample_ratio=7": "sample_ratio must be from 0 to 1",
    "log_level='loud'": "a log level is one of",
    "logs='xml'": "logs are one of json, export_only, off",
    "token=7": "token must be a text, got a value of type int",
    "push_metrics='yes'": "push_metrics must be True or False",
    "spool=7": "spool must be a folder's path",
    "headers=7": "headers must be a mapping",
    "frobnicate=7": "init() knows no frobnicate",
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_argument_is_one_clear_line(wrong):
    """What cannot be meant is told once, the rest is done, and the host sees no exception."""
    given = f"service='custody', endpoint='off', {wrong}" if "endpoint" not in wrong else f"service='custody', {wrong}"
    if wrong.startswith("service"):
        given = f"{wrong}, endpoint='off'"
    done = run(
        f"""
        import anyascope.sdk, logging
        anyascope.sdk.init({given})
        logging.getLogger("a").info("runs on")
        """
    )
    said = [line for line in done.stderr.splitlines() if "wrong use" in line]
    said += [line["event"] for line in lines_of(done) if "wrong use" in line["event"]]
    assert [WRONG[wrong] in line for line in said] == [True]
    assert "runs on" in [line["event"] for line in lines_of(done)]


def test_a_missing_service_is_misuse():
    """`init()` without a name says what it wants, and the service runs on as unknown."""
    done = run("import anyascope.sdk, logging; anyascope.sdk.init(endpoint='off'); logging.getLogger('a').info('x')")
    assert lines_of(done)[-1]["service"] == "unknown_service"
    assert "OTEL_SERVICE_NAME" in done.stderr


def test_an_absent_server_is_one_line_and_no_wait():
    """Where nobody listens the service writes its lines, and one of ours says what is wrong."""
    done = run(
        f"""
        import anyascope.sdk, logging
        anyascope.sdk.init(service="custody", endpoint="http://127.0.0.1:{free_port()}")
        for _ in range(100):
            logging.getLogger("a").info("signed")
        """
    )
    lines = lines_of(done)
    assert [line["event"] for line in lines].count("signed") == 100
    ours = [line for line in lines if line["logger"] == "anyascope.sdk" and "sending" in line["event"]]
    assert len(ours) <= 1


def test_a_spool_keeps_what_could_not_be_sent(tmp_path):
    """With a spool the records of a process whose server was away are sent by the next one."""
    program = """
    import anyascope.sdk, glob, logging
    with anyascope.sdk.init(service="custody", endpoint="http://127.0.0.1:{port}", spool={spool!r}, push_metrics=False) as t:
        logging.getLogger("a").info({event!r})
        {until}
    """
    # Unlike `Path.glob` it bears folders that are renamed while it looks.
    spooled = "while not glob.glob({spool!r} + '/*/*/*.segment'): pass"
    port, spool = free_port(), str(tmp_path / "spool")
    first = program.format(port=port, spool=spool, event="first", until=spooled.format(spool=spool))
    assert run(first).returncode == 0
    with far_end(port=port) as end:
        assert run(program.format(port=port, spool=spool, event="second", until="assert t.flush(60)")).returncode == 0
    assert sorted(log_events(end)) == ["first", "second"]


FORKS = """
import anyascope.sdk, itertools, logging, os, structlog, sys, threading
anyascope.sdk.init(service="custody", endpoint="{url}", push_metrics=False)
from opentelemetry import trace
log, tracer = structlog.get_logger("a"), trace.get_tracer("t")
stop, counter = threading.Event(), itertools.count()
def busy():
    while not stop.is_set():
        log.info("busy", number=next(counter))
        stop.wait(0.001)
threads = [threading.Thread(target=busy) for _ in range(4)]
for thread in threads: thread.start()
children = []
for number in range(8):
    pid = os.fork()
    if pid == 0:
        with tracer.start_as_current_span("work"):
            log.info("child", number=number)
        os._exit(0 if anyascope.sdk.init(service="custody", endpoint="{url}", push_metrics=False).flush(20) else 3)
    children.append(pid)
codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children]
stop.set()
for thread in threads: thread.join()
print("codes", codes)
"""


def test_forked_workers_log_and_send_their_own():
    """Children that are forked while other threads log write, send and flush their own records, once each, without a deadlock."""
    with far_end() as end:
        done = run(FORKS.format(url=end.url))
    assert f"codes {[0] * 8}" in done.stdout, done.stderr
    children = [line for line in lines_of(done) if line["event"] == "child"]
    assert sorted(line["number"] for line in children) == list(range(8))
    busy = [line["number"] for line in lines_of(done) if line["event"] == "busy"]
    assert sorted(busy) == list(range(len(busy)))
    assert log_events(end).count("child") == 8
    assert span_names(end) == ["work"] * 8
    instances = {
        pair.value.string_value
        for request in sent(end, "/v1/logs", ExportLogsServiceRequest)
        for resource in request.resource_logs
        for scope in resource.scope_logs
        for record in scope.log_records
        if record.body.string_value == "child"
        for pair in resource.resource.attributes
        if pair.key == "service.instance.id"
    }
    assert len(instances) == 8


def test_init_has_a_name_for_each_variable_in_the_docs():
    """Each variable that `init` reads stands on the SDK's front page."""
    page = (REPOSITORY / "docs/guide/sdk.md").read_text()
    from anyascope.sdk import start

    assert [name for name in start._VARIABLES.values() if name not in page] == []
    assert init.__doc__ is not None
