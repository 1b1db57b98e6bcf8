"""What a query needs to read, and reading it: every selector at once, the same selection once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from anyascope.frames.samples import SampleFrame
from anyascope.model.labels import Matcher
from anyascope.promql.boxes import NativeTable, with_histograms
from anyascope.promql.options import QueryLimits
from anyascope.promql.syntax import Anchor, Edge, Expression, Extension, Once, Select, Subquery, children
from anyascope.store.api.metrics import MetricReader, Selection

NEIGHBOUR_REACH_MS = 300_000  # as far as a query looks back: what is older is no neighbour


@dataclass(frozen=True, slots=True)
class Span:
    """What one selector needs: samples from `start_ms` to `end_ms`, both inclusive."""

    slot: int
    matchers: tuple[Matcher, ...]
    start_ms: int
    end_ms: int


def anchored(anchor: Anchor, edges: tuple[int, int]) -> int | None:
    """The time that `@` pins, or None."""
    if anchor is Edge.START:
        return edges[0]
    if anchor is Edge.END:
        return edges[1]
    return anchor


def subquery_grid(node: Subquery, first_ms: int, last_ms: int, default_step_ms: int) -> tuple[int, int, int]:
    """First step, last possible step and distance at which a subquery's body is evaluated.

    Steps are multiples of their distance, whatever the query's own are; the first lies after the left edge.
    `first_ms` and `last_ms` are the right edges of the first and last window, before the offset.
    """
    step_ms = node.step_ms or default_step_ms
    left_ms = first_ms - node.offset_ms - node.range_ms
    return (left_ms // step_ms + 1) * step_ms, last_ms - node.offset_ms, step_ms


def steps_within(expression: Expression, span_ms: int, default_step_ms: int) -> int:
    """The most steps at which a subquery in the expression is evaluated; its own steps go over `span_ms`."""
    found = 1
    if isinstance(expression, Subquery):
        span_ms += expression.range_ms
        found = span_ms // (expression.step_ms or default_step_ms) + 1
    return max([found, *(steps_within(part, span_ms, default_step_ms) for part in children(expression))])


def spans(
    expression: Expression,
    first_ms: int,
    last_ms: int,
    *,
    edges: tuple[int, int],
    lookback_ms: int,
    subquery_step_ms: int,
) -> Iterator[Span]:
    """What each selector in the expression needs where its steps go from `first_ms` to `last_ms`."""
    parts: Sequence[Expression] = children(expression)
    match expression:
        case Select(matchers=matchers, range_ms=range_ms, slot=slot):
            pinned = anchored(expression.anchor, edges)
            left_ms = (first_ms if pinned is None else pinned) - expression.offset_ms
            right_ms = (last_ms if pinned is None else pinned) - expression.offset_ms
            reach_ms = range_ms or lookback_ms
            if expression.extension is not None:
                reach_ms = range_ms + lookback_ms
            if expression.extension is Extension.SMOOTHED:
                right_ms += lookback_ms
            yield Span(slot, matchers, left_ms - reach_ms + 1, right_ms)
        case Subquery():
            pinned = anchored(expression.anchor, edges)
            if pinned is not None:
                first_ms = last_ms = pinned
            first_ms, last_ms, _ = subquery_grid(expression, first_ms, last_ms, subquery_step_ms)
        case Once():
            last_ms = first_ms
        case _:
            pass
    for part in parts:
        yield from spans(
            part, first_ms, last_ms, edges=edges, lookback_ms=lookback_ms, subquery_step_ms=subquery_step_ms
        )


def joined(wanted: Sequence[Span]) -> list[list[Span]]:
    """Spans that one read serves: the same matchers, and stretches that touch."""
    groups: list[list[Span]] = []
    for span in sorted(wanted, key=lambda span: (str(span.matchers), span.start_ms)):
        if groups and groups[-1][0].matchers == span.matchers:
            reach_ms = max(other.end_ms for other in groups[-1])
            if span.start_ms <= reach_ms + 1:
                groups[-1].append(span)
                continue
        groups.append([span])
    return groups


async def fetch(
    reader: MetricReader, wanted: Sequence[Span], limits: QueryLimits, natives: NativeTable
) -> list[SampleFrame]:
    """The samples of every selector, by slot; native histograms go into the table, and their boxes into the frames.

    Raises:
        LimitExceededError: a selector matches more series, or has more samples, than the limits allow.
    """
    groups = [wanted] if len(wanted) == 1 else joined(wanted)
    selections = [
        Selection(
            group[0].matchers,
            group[0].start_ms,
            max(span.end_ms for span in group),
            series_max=limits.series_max,
            samples_max=limits.samples_max,
        )
        for group in groups
    ]
    if len(selections) == 1:
        # The usual case, spared the cost of a task: rules ask this way many times a second.
        read = [await _read(reader, selections[0], natives)]
    else:
        read = await asyncio.gather(*(_read(reader, selection, natives) for selection in selections))
    frames = [SampleFrame.empty()] * (1 + max((span.slot for span in wanted), default=-1))
    for group, frame in zip(groups, read, strict=True):
        for span in group:
            frames[span.slot] = frame
    return frames


async def _read(reader: MetricReader, selection: Selection, natives: NativeTable) -> SampleFrame:
    frame = await reader.select(selection)
    # Whether a histogram follows a reset is told by the one before it, which may lie before the stretch.
    earlier = replace(selection, start_ms=selection.start_ms - NEIGHBOUR_REACH_MS)
    histograms = await reader.select_histograms(earlier)
    return with_histograms(frame, histograms, natives, start_ms=selection.start_ms)
