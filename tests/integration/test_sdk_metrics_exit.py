"""A process that ends has pushed what it counted, however it ends and whatever it was doing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from support.components import REPOSITORY
from support.far_end import far_end

ENDS_WITHIN_S = 90
PATIENCE_S = 60  # with a far end that is well, and may be late on a busy machine; the SDK itself waits for less
HEAD = """
import multiprocessing, os, signal, sys, time
from prometheus_client import Counter
from anyascope.sdk.delivery import limit_exit
from anyascope.sdk.metrics.push import push_metrics
counter = Counter("done", "h")
push_metrics(sys.argv[1], service_name="ends", every_s=3600)
if len(sys.argv) > 2:
    limit_exit(float(sys.argv[2]))
counter.inc(7)
"""
# A signal that comes right before a sleep is heard after it.
WAITS = "print(flush=True); [time.sleep(0.1) for _ in range(600)]"


def ended(url, body, *, signal_number=None, patience=(str(PATIENCE_S),)):
    """The exit code of a program that counts to 7 and then does this."""
    process = subprocess.Popen(
        [sys.executable, "-c", HEAD + textwrap.dedent(body), url, *patience],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY / "src")},
    )
    try:
        if signal_number is not None:
            assert process.stdout is not None
            process.stdout.readline()
            process.send_signal(signal_number)
        process.communicate(timeout=ENDS_WITHIN_S)
        return process.returncode
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()


def pushed(end):
    """The last total of each instance."""
    found = {}
    for path, body in zip(end.paths, end.bodies, strict=True):
        if path == "/v1/metrics":
            for group in ExportMetricsServiceRequest.FromString(body).resource_metrics:
                instance = next(
                    a.value.string_value for a in group.resource.attributes if a.key == "service.instance.id"
                )
                for metric in group.scope_metrics[0].metrics:
                    if metric.name == "done":
                        found[instance] = metric.sum.data_points[0].as_double
    return sorted(found.values())


@pytest.fixture
def end():
    with far_end() as end:
        yield end


def test_the_end_of_the_program_pushes(end):
    """With the program's own exit code."""
    assert ended(end.url, "sys.exit(3)") == 3
    assert pushed(end) == [7]


def test_sigterm_pushes(end):
    """Where the host has no handler of its own."""
    assert ended(end.url, WAITS, signal_number=signal.SIGTERM) == -signal.SIGTERM
    assert pushed(end) == [7]


def test_sigterm_in_the_middle_of_a_count_pushes(end):
    """The interrupted code holds the counter's lock and will never give it back."""
    body = f"with counter._value._lock: {WAITS}"
    assert ended(end.url, body, signal_number=signal.SIGTERM) == -signal.SIGTERM
    assert pushed(end) == [7]


def test_children_push_what_they_counted_themselves(end):
    """A child of multiprocessing, forked, ends without `atexit`."""
    body = """
    def work():
        counter.inc(2)
    context = multiprocessing.get_context("fork")
    children = [context.Process(target=work) for _ in range(3)]
    for child in children:
        child.start()
    for child in children:
        child.join()
    """
    assert ended(end.url, body) == 0
    assert pushed(end) == [2, 2, 2, 7]


def test_a_silent_far_end_does_not_keep_the_program(end):
    """It ends with its own code, and what was not taken is gone."""
    end.mode = "black_hole"
    assert ended(end.url, "sys.exit(3)", patience=()) == 3
    assert pushed(end) == []
