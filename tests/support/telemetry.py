"""Short words for telemetry in tests of the store."""

from __future__ import annotations

import re

from anyascope.model.labels import Matcher, MatchOp, labels_of
from anyascope.model.logs import LogBatch, LogRecord
from anyascope.model.metrics import MetricBatch, SampleBatch
from anyascope.model.traces import Span, SpanBatch
from anyascope.store.api.metrics import Selection

NOW_MS = 1_700_000_000_000  # where ManualClock starts
NOW_NS = NOW_MS * 1_000_000

MATCHER = re.compile(r"\s*([\w.:]+)\s*(=~|!~|!=|=)\s*(.*?)\s*\Z")
FOREVER_MS = 2**60


def labels(metric, **pairs):
    return labels_of({"__name__": metric, **pairs})


def matchers(*texts):
    """`matchers("__name__=up", "job!~a.*")`."""
    found = [MATCHER.match(text) for text in texts]
    return tuple(Matcher(m[1], MatchOp(m[2]), m[3]) for m in found)


def samples(*rows):
    """A batch of (labels, time_ms, value) rows."""
    return MetricBatch(samples=SampleBatch.of(rows))


async def selected(store, *texts, start_ms=0, end_ms=FOREVER_MS, **limits):
    """What a selection gives, as {labels: [(time_ms, value), …]}."""
    frame = await store.metrics.select(Selection(matchers(*texts), start_ms, end_ms, **limits))
    found = {}
    for row, series in enumerate(frame.labels):
        begin, end = frame.offsets[row], frame.offsets[row + 1]
        found[series] = list(zip(frame.times_ms[begin:end].tolist(), frame.values[begin:end].tolist(), strict=True))
    return found


def log_batch(*records, stream="otlp"):
    batch = LogBatch(stream)
    for record in records:
        batch.add(record)
    return batch


def record(body="", time_ns=NOW_NS, **fields):
    return LogRecord(time_ns=time_ns, body=body, stream="otlp", **fields)


def span_batch(*spans):
    batch = SpanBatch()
    for span in spans:
        batch.add(span)
    return batch


def span(number, *, trace=1, name="sign", start_ns=NOW_NS, duration_ns=1000, **fields):
    return Span(
        trace_id=trace.to_bytes(16, "big"),
        span_id=number.to_bytes(8, "big"),
        name=name,
        start_ns=start_ns,
        duration_ns=duration_ns,
        **fields,
    )
