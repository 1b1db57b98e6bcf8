"""OTLP logs and traces as columns.

Nothing is judged here but the shape of the body: impossible times, ids of a wrong size and numbers out of range are what
`ingest` refuses, record by record.
"""

from __future__ import annotations

from typing import Any

from anyascope.model.logs import LogBatch, index_in
from anyascope.model.traces import SpanBatch, SpanEvent, SpanLink
from anyascope.wire.otlp.messages import Encoding, Request, parse
from anyascope.wire.otlp.texts import text_of
from anyascope.wire.otlp.values import KnownPairs, KnownSenders, value_of

STREAM = "otlp"


class RecordDecoder:
    """Decodes logs and traces; remembers attributes, resources and scopes. Any thread may use it."""

    def __init__(self) -> None:
        self._pairs = KnownPairs()
        self._senders = KnownSenders()

    def logs(self, body: bytes, *, encoding: Encoding) -> LogBatch:
        """All log records of an `ExportLogsServiceRequest`, in their order.

        Raises:
            InvalidInputError: it is not one.
        """
        request = parse(body, Request.LOGS, encoding=encoding)
        batch = LogBatch(stream=STREAM)
        for group in request.resource_logs:
            resource = index_in(batch.resources, self._senders.resource(group.resource, group.schema_url))
            for inner in group.scope_logs:
                records = list(inner.log_records)
                scope = index_in(batch.scopes, self._senders.scope(inner.scope, inner.schema_url))
                batch.resource_rows += [resource] * len(records)
                batch.scope_rows += [scope] * len(records)
                self._add_logs(batch, records)
        return batch

    def spans(self, body: bytes, *, encoding: Encoding) -> SpanBatch:
        """All spans of an `ExportTraceServiceRequest`, in their order.

        Raises:
            InvalidInputError: it is not one.
        """
        request = parse(body, Request.TRACES, encoding=encoding)
        batch = SpanBatch()
        for group in request.resource_spans:
            resource = index_in(batch.resources, self._senders.resource(group.resource, group.schema_url))
            for inner in group.scope_spans:
                spans = list(inner.spans)
                scope = index_in(batch.scopes, self._senders.scope(inner.scope, inner.schema_url))
                batch.resource_rows += [resource] * len(spans)
                batch.scope_rows += [scope] * len(spans)
                self._add_spans(batch, spans)
        return batch

    def _add_logs(self, batch: LogBatch, records: list[Any]) -> None:
        # Column by column: a loop of one field runs in the interpreter's fastest path.
        pair = self._pairs.__getitem__
        first = len(batch.times_ns)
        batch.times_ns += [record.time_unix_nano for record in records]
        batch.observed_ns += [record.observed_time_unix_nano for record in records]
        batch.severity_numbers += [record.severity_number for record in records]
        batch.severity_texts += [record.severity_text for record in records]
        batch.attributes += [dict(map(pair, record.attributes)) for record in records]
        batch.trace_ids += [record.trace_id for record in records]
        batch.span_ids += [record.span_id for record in records]
        batch.event_names += [record.event_name for record in records]
        batch.flags += [record.flags for record in records]
        batch.correlation_ids += [""] * len(records)
        bodies = [record.body.string_value for record in records]
        for place, record in enumerate(records):
            if not bodies[place] and record.HasField("body"):
                value = value_of(record.body)
                bodies[place] = text_of(value)
                if value is not None and not isinstance(value, str):
                    batch.body_values[first + place] = value
        batch.bodies += bodies

    def _add_spans(self, batch: SpanBatch, spans: list[Any]) -> None:
        pair = self._pairs.__getitem__
        first = len(batch.span_ids)
        starts_ns = [span.start_time_unix_nano for span in spans]
        batch.starts_ns += starts_ns
        batch.durations_ns += [
            span.end_time_unix_nano - start_ns for span, start_ns in zip(spans, starts_ns, strict=True)
        ]
        batch.trace_ids += [span.trace_id for span in spans]
        batch.span_ids += [span.span_id for span in spans]
        batch.parent_ids += [span.parent_span_id for span in spans]
        batch.names += [span.name for span in spans]
        batch.kinds += [span.kind for span in spans]
        batch.trace_states += [span.trace_state for span in spans]
        batch.flags += [span.flags for span in spans]
        batch.attributes += [dict(map(pair, span.attributes)) for span in spans]
        statuses = [span.status for span in spans]
        batch.statuses += [status.code for status in statuses]
        batch.status_messages += [status.message for status in statuses]
        batch.correlation_ids += [""] * len(spans)
        for row, span in enumerate(spans, first):
            if span.events:
                batch.events[row] = tuple(
                    SpanEvent(event.time_unix_nano, event.name, dict(map(pair, event.attributes)))
                    for event in span.events
                )
            if span.links:
                batch.links[row] = tuple(
                    SpanLink(link.trace_id, link.span_id, link.trace_state, dict(map(pair, link.attributes)))
                    for link in span.links
                )
