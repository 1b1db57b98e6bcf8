"""One operation as the API shows it."""

from __future__ import annotations

from collections.abc import Iterable

from anyascope.api.custody import spend_view
from anyascope.api.render import time_or_none, trace_summary
from anyascope.clock import NS_PER_MS
from anyascope.custody.nouns import Item
from anyascope.explore.correlated.entries import entries_of, in_order
from anyascope.explore.correlated.kinds import EntryKind
from anyascope.explore.correlated.nouns import Entry, Found, Setback, Stage
from anyascope.explore.correlated.search import Figure
from anyascope.explore.correlated.stages import is_under_way, outcome_of, setbacks_in, stages_of
from anyascope.explore.times import format_time, parse_time
from anyascope.explore.traces import summarize_all
from anyascope.wire.own_api import AlertView
from anyascope.wire.own_correlation import CorrelationView, EntryView, FigureView, PartView, SetbackView, StageView


def correlation_view(
    found: Found,
    *,
    alerts: list[AlertView],
    items: Iterable[Item],
    figures: Iterable[Figure],
    parts: list[PartView],
) -> CorrelationView:
    """The whole answer."""
    stages, outcome = stages_of(found), outcome_of(found)
    trace_ids = list(dict.fromkeys(span.trace_id for span in found.spans))
    entries = in_order([*entries_of(found), *map(_of_alert, alerts)])
    return CorrelationView(
        ids=list(found.ids),
        outcome=outcome,
        is_under_way=is_under_way(stages, outcome),
        stages=[_stage(one) for one in stages],
        setbacks=[_setback(one) for one in setbacks_in(found)],
        entries=[_entry(one) for one in entries],
        traces=[trace_summary(one) for one in summarize_all(trace_ids, found.spans)],
        alerts=alerts,
        spends=[spend_view(item) for item in items],
        figures=[_figure(one) for one in figures],
        parts=parts,
    )


def _stage(stage: Stage) -> StageView:
    return StageView(
        name=stage.name.value,
        state=stage.state.value,
        at=time_or_none(stage.at_ns),
        took_ns=stage.took_ns,
        detail=stage.detail,
    )


def _setback(setback: Setback) -> SetbackView:
    return SetbackView(
        kind=setback.kind.value,
        at=format_time(setback.at_ns),
        txid=setback.txid,
        detail=setback.detail,
        is_over=setback.is_over,
    )


def _entry(entry: Entry) -> EntryView:
    return EntryView(
        at=format_time(entry.at_ns),
        kind=entry.kind.value,
        source=entry.source,
        title=entry.title,
        detail=entry.detail,
        is_bad=entry.is_bad,
        duration_ns=entry.duration_ns,
        correlation_id=entry.correlation_id,
        metric=entry.metric,
        trace_id=entry.trace_id,
        span_id=entry.span_id,
        alert_id=entry.alert_id,
    )


def _of_alert(alert: AlertView) -> Entry:
    return Entry(
        at_ns=parse_time(alert.starts_at, now_ns=0) if alert.starts_at else 0,
        kind=EntryKind.ALERT,
        title=alert.title or alert.name,
        detail=alert.state,
        source=alert.source,
        is_bad=alert.state == "firing",
        correlation_id=alert.correlation_id,
        alert_id=alert.id,
    )


def _figure(figure: Figure) -> FigureView:
    return FigureView(labels=dict(figure.labels), at=format_time(figure.time_ms * NS_PER_MS), value=figure.value)
