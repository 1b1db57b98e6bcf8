"""Nouns of the rooms below, turned into what the API shows."""

from __future__ import annotations

from typing import Any, Literal

from anyascope.explore.times import format_time
from anyascope.explore.traces import Trace, TraceSpan, TraceSummary
from anyascope.health.components import HealthReport
from anyascope.model.attributes import Attributes, Scope
from anyascope.model.escalation import EscalationPolicy
from anyascope.model.logs import LogRecord, severity_name
from anyascope.model.notifications import AlertStatus, ChannelReport, JournalEntry
from anyascope.model.responses import Acknowledgement, AlertCare, AlertEvent, EscalationStatus
from anyascope.model.traces import SpanKind, SpanStatus
from anyascope.semconv.alerts import traits_of
from anyascope.wire.own_api import (
    AcknowledgementView,
    AlertView,
    AttemptView,
    ChannelView,
    ComponentView,
    EscalationView,
    HealthView,
    LogRowView,
    NotificationView,
    NotifiedAlertView,
    ReplayView,
    ScopeView,
)
from anyascope.wire.own_responses import AlertEventView, EscalationLevelView, EscalationPolicyView
from anyascope.wire.own_traces import (
    ServiceSpansView,
    SpanEventView,
    SpanLinkView,
    SpanView,
    TraceSummaryView,
    TraceView,
)

_KINDS: dict[int, Literal["internal", "server", "client", "producer", "consumer", "unspecified"]] = {
    SpanKind.INTERNAL: "internal",
    SpanKind.SERVER: "server",
    SpanKind.CLIENT: "client",
    SpanKind.PRODUCER: "producer",
    SpanKind.CONSUMER: "consumer",
}
_STATUSES: dict[int, Literal["unset", "ok", "error"]] = {SpanStatus.OK: "ok", SpanStatus.ERROR: "error"}


def time_or_none(time_ns: int) -> str | None:
    """A time, or None where it is 0, which means that it is not known."""
    return format_time(time_ns) if time_ns else None


def kind_name(kind: int) -> Literal["internal", "server", "client", "producer", "consumer", "unspecified"]:
    """`server` and so on; `unspecified` for a number that OTLP does not have."""
    return _KINDS.get(kind, "unspecified")


def log_row(record: LogRecord) -> LogRowView:
    """A log record. Its severity is OpenTelemetry's name of the number, else the text that was sent."""
    return LogRowView(
        time=format_time(record.time_ns or record.observed_ns),
        observed_time=time_or_none(record.observed_ns),
        severity=severity_name(record.severity_number) or record.severity_text,
        severity_number=record.severity_number,
        body=record.body,
        service=record.resource.service,
        host=record.resource.host,
        stream=record.stream,
        attributes=_plain(record.attributes),
        resource=_plain(record.resource.attributes),
        scope=_scope(record.scope),
        trace_id=record.trace_id.hex(),
        span_id=record.span_id.hex(),
        correlation_id=record.correlation_id,
        event_name=record.event_name,
    )


def trace_summary(summary: TraceSummary) -> TraceSummaryView:
    """A trace in one line."""
    return TraceSummaryView(
        trace_id=summary.trace_id.hex(),
        root_service=summary.root_service,
        root_name=summary.root_name,
        start=format_time(summary.start_ns),
        duration_ns=summary.duration_ns,
        spans=summary.spans,
        errors=summary.errors,
        services=[ServiceSpansView(name=name, spans=spans) for name, spans in summary.services],
    )


def trace_view(trace: Trace, *, is_cut: bool) -> TraceView:
    """A whole trace."""
    return TraceView(
        trace_id=trace.trace_id.hex(),
        start=format_time(trace.start_ns),
        duration_ns=trace.duration_ns,
        spans=[_span(item) for item in trace.spans],
        is_cut=is_cut,
    )


def health_view(report: HealthReport) -> HealthView:
    """The whole's health and its parts'."""
    return HealthView(
        status=report.status.value,
        components=[
            ComponentView(
                component=part.component,
                kind=part.kind,
                status=part.status.value,
                message=part.message,
                advice=part.advice,
                since=time_or_none(part.since_ns),
            )
            for part in report.components
        ],
    )


def alert_view(alert: AlertStatus, *, care: AlertCare, value: float | None) -> AlertView:
    """An alert that fires or has lately been resolved, and how people stand to it."""
    held, climb = care.acknowledgement, care.escalation
    return AlertView(
        id=alert.id,
        name=alert.name,
        state="firing" if alert.is_firing else "resolved",
        severity=alert.severity.value,
        category=alert.category.value,
        source=alert.source,
        title=alert.title,
        labels=dict(alert.labels),
        annotations=dict(alert.annotations),
        value=value,
        starts_at=time_or_none(alert.starts_ns),
        ends_at=time_or_none(alert.ends_ns),
        correlation_id=alert.correlation_id,
        generator_url=alert.generator_url,
        receivers=list(dict.fromkeys(alert.receivers)),
        silenced_by=list(alert.silenced_by),
        inhibited_by=list(alert.inhibited_by),
        muted_by=list(alert.muted_by),
        policy=care.policy or None,
        acknowledgement=None if held is None else _acknowledgement(held),
        assigned_to=care.assigned_to or None,
        snoozed_until=time_or_none(care.snoozed_until_ns),
        deadline_at=time_or_none(care.deadline_ns),
        is_deadline_missed=care.is_deadline_missed,
        escalation=None if climb is None else _escalation(climb),
        is_flapping=alert.is_flapping,
    )


def _acknowledgement(held: Acknowledgement) -> AcknowledgementView:
    at, until = format_time(held.at_ns), time_or_none(held.until_ns)
    return AcknowledgementView(by=held.by, at=at, until=until, note=held.note)


def _escalation(climb: EscalationStatus) -> EscalationView:
    next_at = time_or_none(climb.next_ns)
    return EscalationView(level=climb.level, levels=climb.levels, next_at=next_at, is_stopped=climb.is_stopped)


def policy_view(policy: EscalationPolicy) -> EscalationPolicyView:
    """A policy with its levels."""
    ranked = sorted(policy.severities, key=lambda severity: traits_of(severity).rank)
    return EscalationPolicyView(
        name=policy.name,
        is_default=bool(ranked),
        severities=[severity.value for severity in ranked],
        levels=[
            EscalationLevelView(delay_s=one.delay_s, channels=list(one.channels), repeat_s=one.repeat_s or None)
            for one in policy.levels
        ],
        acknowledgement_timeout_s=policy.acknowledgement_timeout_s or None,
    )


def event_view(event: AlertEvent) -> AlertEventView:
    """Something that happened to an alert."""
    at = format_time(event.at_ns)
    return AlertEventView(at=at, kind=event.kind.value, by=event.by, text=event.text, details=dict(event.details))


def notification_view(entry: JournalEntry) -> NotificationView:
    """What was said to whom."""
    return NotificationView(
        id=entry.id,
        at=format_time(entry.at_ns),
        receiver=entry.receiver,
        channel=entry.channel,
        status=entry.status.value,
        group_key=entry.group_key,
        reason=_reason(entry),
        alerts=[
            NotifiedAlertView(
                id=alert.id,
                name=alert.name,
                state="firing" if alert.is_firing else "resolved",
                severity=alert.severity.value,
            )
            for alert in entry.alerts
        ],
        attempts=[
            AttemptView(at=format_time(attempt.at_ns), outcome=attempt.outcome.value, detail=attempt.detail)
            for attempt in entry.attempts
        ],
        integration=entry.integration,
        told_in=entry.told_in or None,
        merged=entry.merged,
        stands_in_for=entry.stands_in_for or None,
        policy=entry.policy or None,
        level=None if entry.level < 0 else entry.level,
        copies=list(entry.copies),
        replays=[ReplayView(at=format_time(one.at_ns), by=one.by) for one in entry.replays],
    )


def channel_view(report: ChannelReport) -> ChannelView:
    """How a channel is."""
    return ChannelView(
        key=report.key,
        kind=report.kind,
        receiver=report.receiver,
        state=report.state.value,
        waiting=report.waiting,
        dead=report.dead,
        since=time_or_none(report.since_ns),
        last_error=report.last_error,
    )


def _reason(entry: JournalEntry) -> Literal["firing", "resolved", "repeat"]:
    match entry.reason.short:
        case "repeat":
            return "repeat"
        case "resolved":
            return "resolved"
        case _:
            return "firing"


def _span(item: TraceSpan) -> SpanView:
    span = item.span
    return SpanView(
        span_id=span.span_id.hex(),
        parent_id=span.parent_id.hex(),
        name=span.name,
        service=span.resource.service,
        kind=kind_name(span.kind),
        start=format_time(span.start_ns),
        duration_ns=span.duration_ns,
        status=_STATUSES.get(span.status, "unset"),
        status_message=span.status_message,
        attributes=_plain(span.attributes),
        events=[
            SpanEventView(time=format_time(event.time_ns), name=event.name, attributes=_plain(event.attributes))
            for event in span.events
        ],
        links=[
            SpanLinkView(trace_id=link.trace_id.hex(), span_id=link.span_id.hex(), attributes=_plain(link.attributes))
            for link in span.links
        ],
        resource=_plain(span.resource.attributes),
        scope=_scope(span.scope),
        correlation_id=span.correlation_id,
        warnings=list(item.warnings),
    )


def _scope(scope: Scope) -> ScopeView:
    return ScopeView(name=scope.name, version=scope.version)


def _plain(attributes: Attributes) -> dict[str, Any]:
    return attributes if isinstance(attributes, dict) else dict(attributes)
