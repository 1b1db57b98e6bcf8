"""Processes that fork, end and are killed: what was recorded arrives once, or was counted."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections import Counter

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from anyascope.sdk.delivery.process import EXIT_WITHIN_S
from support.components import REPOSITORY
from support.far_end import far_end
from support.ports import free_port
from support.server import eventually
from support.telemetry_host import BUSY_THREADS, CHILD_SPANS

ENDS_WITHIN_S = 250
FORK_ROUNDS = 12  # bench/sdk_forks.py does more


@pytest.fixture
def end():
    with far_end() as end:
        yield end


@contextlib.contextmanager
def host(scenario, url, *arguments):
    """The host program, which is gone afterwards."""
    process = subprocess.Popen(
        [sys.executable, "-m", "support.telemetry_host", scenario, url, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(REPOSITORY / "src"), str(REPOSITORY / "tests")])},
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def run(scenario, url, *arguments):
    """What the host told, its exit code, and what it wrote to its error stream."""
    with host(scenario, url, *arguments) as process:
        out, err = process.communicate(timeout=ENDS_WITHIN_S)
        return json.loads(out.splitlines()[-1]), process.returncode, err


def span_names(end):
    names = Counter()
    for path, body in zip(end.paths, end.bodies, strict=True):
        if path == "/v1/traces":
            request = ExportTraceServiceRequest.FromString(body)
            names.update(span.name for of in request.resource_spans for s in of.scope_spans for span in s.spans)
    return names


def lines(end):
    found = Counter()
    for path, body in zip(end.paths, end.bodies, strict=True):
        if path in {"/v1/logs", "/v1/audit"}:
            request = ExportLogsServiceRequest.FromString(body)
            found.update(
                r.body.string_value for of in request.resource_logs for s in of.scope_logs for r in s.log_records
            )
    return found


@pytest.mark.parametrize("has_spool", [False, True])
def test_forks_under_load_lose_nothing_and_hang_nobody(end, tmp_path, has_spool):
    """Children forked while four threads record: none hangs, each sends its own spans once, nobody sends another's."""
    spool = ["--spool", tmp_path / "spool"] if has_spool else []
    told, code, err = run("fork", end.url, "--count", FORK_ROUNDS, *spool)
    assert (told["stuck"], told["flushed"], code) == ([], True, 0), err
    names = span_names(end)
    assert set(names.values()) == {1}, "something came twice"
    children = {name for name in names if name.startswith("child")}
    assert children == {f"child-{child}-{number}" for child in range(FORK_ROUNDS) for number in range(CHILD_SPANS)}
    dropped = sum(told["dropped"].get("traces", {}).values())
    assert len(told["recorded"]) == BUSY_THREADS
    assert len(names) - len(children) + dropped == sum(told["recorded"])


def test_children_of_multiprocessing_send_before_they_end(end):
    """They end without `atexit`; their spans arrive all the same."""
    told, code, err = run("processes", end.url, "--count", 5)
    assert (told["stuck"], code) == ([], 0), err
    names = span_names(end)
    assert len(names) == 10 + 5 * CHILD_SPANS
    assert set(names.values()) == {1}


def test_children_of_spawn_and_forkserver_send_their_own(end):
    """Processes that share nothing with their parent but its program."""
    told, code, err = run("spawned", end.url, "--count", 2)
    assert (told["stuck"], code) == ([], 0), err
    names = span_names(end)
    assert len(names) == 10 + 2 * 2 * CHILD_SPANS
    assert set(names.values()) == {1}


def test_an_exit_flushes_and_keeps_its_code(end):
    """`sys.exit` sends what waits, once, and the program's code is its own."""
    _, code, err = run("exit", end.url, "--count", 500)
    assert code == 3, err
    assert span_names(end) == {f"parent-{number}": 1 for number in range(500)}


@pytest.mark.parametrize("mode", ["black_hole", "trickle", "503"])
def test_an_exit_does_not_wait_for_a_bad_far_end(end, mode):
    """A far end that never answers does not keep a program from ending."""
    end.mode = mode
    _, code, err = run("exit", end.url, "--attempt-s", 2.0, "--exit-s", EXIT_WITHIN_S)
    assert code == 3, err


def test_sigterm_flushes_and_still_kills(end):
    """A host without a handler of its own: what waits is sent, then the signal does what it does."""
    with host("signal", end.url, "--count", 200) as process:
        process.stdout.readline()
        process.terminate()
        assert process.wait(ENDS_WITHIN_S) == -signal.SIGTERM
    assert len(span_names(end)) == 200


def test_a_hosts_own_handler_is_the_one_that_runs(end):
    """We take no signal from a host, and flush when it exits."""
    with host("own_handler", end.url, "--count", 200) as process:
        process.stdout.readline()
        process.terminate()
        assert process.wait(ENDS_WITHIN_S) == 17
    assert len(span_names(end)) == 200


def test_what_was_handed_to_the_spool_survives_os_exit(end, tmp_path):
    """A program that ends without a word while nobody listens: the next one sends what it left, once."""
    spool = tmp_path / "spool"
    _, code, err = run("hard_exit", f"http://127.0.0.1:{free_port()}", "--count", 300, "--spool", spool)
    assert code == 4, err
    _, code, err = run("exit", end.url, "--count", 0, "--spool", spool)
    assert code == 3, err
    assert span_names(end) == {f"parent-{number}": 1 for number in range(300)}
    assert list(spool.iterdir()) == []


def test_no_audit_event_is_lost_by_kill_9(end, tmp_path):
    """Every event whose call has returned is on disk: killed at any moment, the next process sends it."""
    spool, seen = tmp_path / "spool", 0
    with host("audit", f"http://127.0.0.1:{free_port()}", "--count", 100_000, "--spool", spool) as process:
        for line in process.stdout:
            seen = int(line) + 1
            if seen >= 500:
                process.kill()
                break
        seen = max([seen, *(int(line) + 1 for line in process.stdout if line.endswith("\n"))])
    run("exit", end.url, "--count", 0, "--spool", spool)
    wanted = {f"audit-{number}" for number in range(seen)}
    eventually(lambda: wanted <= set(lines(end)), what="all events")
    assert set(lines(end).values()) == {1}


def test_two_processes_share_a_spool(end, tmp_path):
    """Each sends its own; of what a dead one left, all arrives and nothing twice."""
    spool = tmp_path / "spool"
    for _ in range(3):
        run("hard_exit", f"http://127.0.0.1:{free_port()}", "--count", 50, "--spool", spool)
    with (
        host("signal", end.url, "--count", 0, "--spool", spool) as one,
        host("signal", end.url, "--count", 0, "--spool", spool) as other,
    ):
        for process in (one, other):
            process.stdout.readline()  # it has begun
        eventually(lambda: sum(span_names(end).values()) >= 150, what="everything of the dead")
        for process in (one, other):
            process.terminate()
            process.wait(ENDS_WITHIN_S)
    assert span_names(end) == {f"parent-{number}": 3 for number in range(50)}
    assert list(spool.iterdir()) == []
