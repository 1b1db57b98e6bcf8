"""What a log line costs the caller, against structlog with its JSON renderer writing the same fields to the same sink.

Both write level, time, service, environment, trace and correlation id, and the caller's five fields, inside a span, to a file
that is thrown away. Ours looks for secrets too: both figures are shown. Time is the thread's own; rounds alternate, and the
least of each is compared: what is above it is other work of the machine.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import os
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import structlog
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

from anyascope.sdk.correlation import LOG_FIELD, correlation, current_correlation_id
from anyascope.sdk.logs import emitting, entry, initialize_logs, records, shutdown_logs
from anyascope.sdk.redaction import redact_text
from figures import show

LINES = 200
ROUNDS = 150
POOL = 100 * LINES  # more than what the SDK remembers of clean texts
RATIO_BAR = 1.2  # of the issue: a log line against structlog's
REDACTION_BAR_US = 10.0  # of the issue: for a line of 200 bytes
_chance = random.Random(7)  # a transaction's id is new on each line, as in life: nothing that is remembered helps
FIELDS = [
    {
        "wallet_id": f"hot-{number % 40}",
        "transaction_id": f"{_chance.getrandbits(256):064x}",
        "amount_sats": 50_000 + number,
        "fee_rate": 12.5,
        "status": "success",
    }
    for number in range(POOL)
]
_turn = itertools.count()


def next_fields() -> list[dict[str, object]]:
    start = next(_turn) * LINES % POOL
    return FIELDS[start : start + LINES]


def add_ids(_logger: object, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """What OpenTelemetry's and structlog's documentation say to write by hand."""
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        event["trace_id"] = f"{context.trace_id:032x}"
        event["span_id"] = f"{context.span_id:016x}"
    event[LOG_FIELD] = current_correlation_id()
    event["service"] = "custody"
    event["environment"] = "bench"
    return event


def peer(sink) -> structlog.typing.FilteringBoundLogger:
    """A logger as structlog's documentation sets it up for speed with the standard library's JSON, flushing each line as we do."""
    return structlog.wrap_logger(
        structlog.WriteLogger(sink),
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            add_ids,
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        cache_logger_on_first_use=True,
    ).bind(logger="custody.withdrawals")


def lines_of(log) -> Callable[[], None]:
    def write() -> None:
        for fields in next_fields():
            log.info("transaction_broadcast", **fields)

    return write


def standard_lines() -> None:
    log = logging.getLogger("custody.withdrawals")
    for fields in next_fields():
        log.info("transaction_broadcast", extra=fields)


def us_a_line(write: Callable[[], None]) -> float:
    started = time.thread_time()
    write()
    return (time.thread_time() - started) / LINES * 1e6


@contextlib.contextmanager
def unredacted() -> Iterator[None]:
    """Without the look for secrets, to see what the line alone costs."""
    fields, event = entry.clean_fields, entry.clean_event
    for module in (emitting, records):
        module.clean_fields, module.clean_event = dict, str
    try:
        yield
    finally:
        for module in (emitting, records):
            module.clean_fields, module.clean_event = fields, event


def host_handler(sink) -> logging.Logger:
    """`logging` with python-json-logger's way of work by hand: the peer of `extra=` fields."""
    log = logging.getLogger("by_hand.withdrawals")
    log.setLevel(logging.INFO)
    log.propagate = False
    handler = logging.StreamHandler(sink)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[
                structlog.stdlib.ExtraAdder(),
                structlog.processors.add_log_level,
                structlog.processors.TimeStamper(fmt="iso", utc=True),
                add_ids,
            ],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    log.addHandler(handler)
    return log


def queued_us() -> float:
    """A line that is written and whose record waits for a far end; encoding and sending are other threads' time."""
    tracer = TracerProvider().get_tracer("bench")
    best = float("inf")
    with (
        Path(os.devnull).open("w", encoding="utf-8") as sink,
        correlation(),
        tracer.start_as_current_span("withdrawal"),
    ):
        initialize_logs("custody", "http://127.0.0.1:9", environment="bench", stream=sink)
        write = lines_of(structlog.get_logger("custody.withdrawals").bind())
        for _ in range(ROUNDS):
            best = min(best, us_a_line(write))
        shutdown_logs()
    return best


def redaction_us() -> float:
    """Searching a line of 200 bytes that is new each time, as lines are."""
    base = (
        "withdrawal 00000 of 50000 sats from wallet hot-1 to bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq broadcast as "
        "4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b after 2 approvals"
    )
    best = float("inf")
    for turn in range(ROUNDS):
        lines = [
            base.replace("00000", f"{n:05d}")[:200].ljust(200, ".") for n in range(turn * LINES, turn * LINES + LINES)
        ]
        started = time.thread_time()
        for line in lines:
            redact_text(line)
        best = min(best, (time.thread_time() - started) / LINES * 1e6)
    return best


def main() -> None:
    logging.getLogger().handlers.clear()
    tracer = TracerProvider().get_tracer("bench")
    with (
        Path(os.devnull).open("w", encoding="utf-8") as sink,
        correlation(),
        tracer.start_as_current_span("withdrawal"),
    ):
        initialize_logs("custody", environment="bench", stream=sink)
        ours = structlog.get_logger("custody.withdrawals").bind()
        theirs = peer(sink)
        by_hand = host_handler(sink)

        def standard_peer() -> None:
            for fields in next_fields():
                by_hand.info("transaction_broadcast", extra=fields)

        roads = {
            "structlog": lines_of(theirs),
            "ours": lines_of(ours),
            "standard by hand": standard_peer,
            "standard ours": standard_lines,
        }
        best = dict.fromkeys([*roads, "ours bare", "standard bare"], float("inf"))
        for _ in range(ROUNDS):
            for name, write in roads.items():
                best[name] = min(best[name], us_a_line(write))
            with unredacted():
                best["ours bare"] = min(best["ours bare"], us_a_line(roads["ours"]))
                best["standard bare"] = min(best["standard bare"], us_a_line(standard_lines))
        shutdown_logs()
    show("structlog with JSONRenderer", best["structlog"], "µs/line")
    show("ours through structlog, without secrets' search", best["ours bare"], "µs/line")
    show("ours through structlog, redacted", best["ours"], "µs/line")
    show("ratio without redaction", best["ours bare"] / best["structlog"], "x", bar=RATIO_BAR, is_most=True)
    show("ratio with redaction", best["ours"] / best["structlog"], "x")  # the two bars are apart
    searched = best["ours"] - best["ours bare"]
    show("secrets' search in such a line, a new id in each", searched, "µs", bar=REDACTION_BAR_US, is_most=True)
    show("ours through structlog, redacted and queued to be sent", queued_us(), "µs/line")
    show("logging with ProcessorFormatter", best["standard by hand"], "µs/line")
    show("ours through logging, redacted", best["standard ours"], "µs/line")
    show(
        "ratio without redaction, logging",
        best["standard bare"] / best["standard by hand"],
        "x",
        bar=RATIO_BAR,
        is_most=True,
    )
    show(
        "ratio with redaction, logging",
        best["standard ours"] / best["standard by hand"],
        "x",
        bar=RATIO_BAR,
        is_most=True,
    )
    show("redaction of a 200-byte line", redaction_us(), "µs", bar=REDACTION_BAR_US, is_most=True)


if __name__ == "__main__":
    main()
