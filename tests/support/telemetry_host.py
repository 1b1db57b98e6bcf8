"""A host program for tests: records spans, forks, ends in every way a program can end.

    python -m support.telemetry_host SCENARIO URL [--spool DIR] [--count N]

It prints one JSON line with what it recorded, before it ends.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import signal
import sys
import threading
import time

from opentelemetry import trace
from opentelemetry._logs import LogRecord
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk.trace import TracerProvider

from anyascope.sdk import delivery
from anyascope.sdk.delivery import (
    Target,
    batch_log_processor,
    batch_span_processor,
    door_log_exporter,
    door_span_exporter,
)

CHILD_SPANS = 40
BUSY_THREADS = 4
SPOOLED_WITHIN_S = 60.0
EXIT_WITHIN_S = (
    60.0  # a far end that is well may be late on a busy machine; how short the SDK itself waits is tried with bad ones
)


def begin(arguments: argparse.Namespace) -> tuple[trace.Tracer, LoggerProvider]:
    delivery.limit_exit(arguments.exit_s)
    if arguments.spool:
        delivery.use_spool(arguments.spool)
    door = delivery.open_door("traces", Target(f"{arguments.url}/v1/traces", attempt_s=arguments.attempt_s))
    tracing = TracerProvider()
    tracing.add_span_processor(batch_span_processor(door_span_exporter(door), queue_max=20_000, delay_ms=20))
    logging = LoggerProvider()
    doors = [delivery.open_door(signal, Target(f"{arguments.url}/v1/{signal}")) for signal in ("logs", "audit")]
    logging.add_log_record_processor(batch_log_processor(door_log_exporter(*doors), delay_ms=20))
    return tracing.get_tracer("host"), logging


def tell(**facts: object) -> None:
    stats = delivery.delivery_stats().signals
    dropped = {signal: account.dropped for signal, account in stats.items()}
    sys.stdout.write(json.dumps({**facts, "dropped": dropped}) + "\n")
    sys.stdout.flush()


def record(tracer: trace.Tracer, prefix: str, count: int) -> None:
    for number in range(count):
        tracer.start_span(f"{prefix}-{number}").end()


def fork(arguments: argparse.Namespace, tracer: trace.Tracer) -> None:
    """Children are forked while threads record and send as fast as they can: locks are held at every fork."""
    over = threading.Event()
    counts = [0] * BUSY_THREADS

    def busy(number: int) -> None:
        while not over.is_set():
            tracer.start_span(f"parent-{number}-{counts[number]}").end()
            counts[number] += 1
            if counts[number] % 50 == 0:
                time.sleep(0.001)

    threads = [threading.Thread(target=busy, args=(number,), daemon=True) for number in range(BUSY_THREADS)]
    for thread in threads:
        thread.start()
    stuck = [child for child in range(arguments.count) if not _ends(tracer, child)]
    over.set()
    for thread in threads:
        thread.join(60)
    is_flushed = delivery.flush(60)
    tell(recorded=counts, stuck=stuck, flushed=is_flushed)


def _ends(tracer: trace.Tracer, child: int) -> bool:
    """Whether a forked child records, flushes and ends within its time."""
    pid = os.fork()
    if pid == 0:
        record(tracer, f"child-{child}", CHILD_SPANS)
        if child % 2:
            sys.exit(0)  # by the exit handlers
        os._exit(0 if delivery.flush(60) else 3)
    deadline = time.monotonic() + 80
    while time.monotonic() < deadline:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status) == 0
        time.sleep(0.005)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return False


def processes(arguments: argparse.Namespace, tracer: trace.Tracer) -> None:
    """Children by multiprocessing, whose processes end without `atexit`."""
    record(tracer, "parent", 10)
    context = multiprocessing.get_context("fork")
    children = [
        context.Process(target=record, args=(tracer, f"child-{n}", CHILD_SPANS)) for n in range(arguments.count)
    ]
    for child in children:
        child.start()
    for child in children:
        child.join(60)
    tell(recorded=[10], stuck=[n for n, child in enumerate(children) if child.exitcode != 0])


def spawned(arguments: argparse.Namespace, tracer: trace.Tracer) -> None:
    """Children of spawn and forkserver set themselves up, as the host's own module would."""
    record(tracer, "parent", 10)
    children = []
    for method in ("spawn", "forkserver"):
        context = multiprocessing.get_context(method)
        children += [context.Process(target=_fresh, args=(arguments, f"{method}-{n}")) for n in range(arguments.count)]
    for child in children:
        child.start()
    for child in children:
        child.join(60)
    tell(recorded=[10], stuck=[child.name for child in children if child.exitcode != 0])


def _fresh(arguments: argparse.Namespace, prefix: str) -> None:
    tracer, _ = begin(arguments)
    record(tracer, prefix, CHILD_SPANS)


def exit_now(arguments: argparse.Namespace, tracer: trace.Tracer) -> None:
    record(tracer, "parent", arguments.count)
    tell(recorded=[arguments.count])
    sys.exit(3)


def hard_exit(arguments: argparse.Namespace, tracer: trace.Tracer) -> None:
    """What was handed to the spool survives even this."""
    record(tracer, "parent", arguments.count)
    (processor,) = tracer.span_processor._span_processors
    assert processor._queue.flush(SPOOLED_WITHIN_S)  # into the spool; nobody waits for the far end
    tell(recorded=[arguments.count])
    os._exit(4)


def wait_for_signal(arguments: argparse.Namespace, tracer: trace.Tracer) -> None:
    record(tracer, "parent", arguments.count)
    tell(recorded=[arguments.count])
    while True:
        time.sleep(0.1)  # a signal that comes right before a sleep is heard after it


def own_handler(arguments: argparse.Namespace, tracer: trace.Tracer) -> None:
    """A host that ends in its own way: its handler is the one that runs."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(17))
    wait_for_signal(arguments, tracer)


def audit(arguments: argparse.Namespace, logging: LoggerProvider) -> None:
    """Each event is told on the standard output once the call that wrote it has returned."""
    trail = logging.get_logger("anyascope.audit")
    for number in range(arguments.count):
        trail.emit(LogRecord(timestamp=1, body=f"audit-{number}"))
        sys.stdout.write(f"{number}\n")
        sys.stdout.flush()
    time.sleep(60)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("scenario")
    parser.add_argument("url")
    parser.add_argument("--spool", default="")
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--attempt-s", type=float, default=30.0)
    parser.add_argument("--exit-s", type=float, default=EXIT_WITHIN_S)
    arguments = parser.parse_args()
    tracer, logging = begin(arguments)
    if arguments.scenario == "audit":
        audit(arguments, logging)
    scenarios = {
        "fork": fork,
        "processes": processes,
        "spawned": spawned,
        "exit": exit_now,
        "hard_exit": hard_exit,
        "signal": wait_for_signal,
        "own_handler": own_handler,
    }
    scenarios[arguments.scenario](arguments, tracer)


if __name__ == "__main__":
    main()
