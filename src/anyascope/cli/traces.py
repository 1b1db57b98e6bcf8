"""`anyascope traces`: search traces, and one as a waterfall."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from anyascope.cli.session import print_json, session_of
from anyascope.cli.show import duration, local_time, read_ns, relative
from anyascope.cli.terminal import GAP, Cell, Style, Terminal, clean, columns_of, cut

if TYPE_CHECKING:
    from anyascope.wire.own_traces import SpanView, TraceSummaryView, TraceView

BAR_COLUMNS_MIN = 20
NAME_COLUMNS_MAX = 60
DURATION_COLUMNS = 8
INDENT_MAX = 20  # levels that are drawn; deeper ones stand at the last


def traces(  # noqa: PLR0913  # one a condition
    context: typer.Context,
    trace_id: Annotated[str | None, typer.Argument(metavar="[ID]", help="Show this trace as a waterfall.")] = None,
    *,
    service: Annotated[str, typer.Option("--service", "-s", help="A span is this service's.")] = "",
    operation: Annotated[str, typer.Option("--operation", "-o", help="A span has this name.")] = "",
    tag: Annotated[list[str] | None, typer.Option("--tag", "-t", metavar="KEY=VALUE", help="May be repeated.")] = None,
    min_duration: Annotated[str, typer.Option("--min-duration", help="A span took at least this long: 10ms.")] = "",
    max_duration: Annotated[str, typer.Option("--max-duration", help="A span took at most this long.")] = "",
    errors: Annotated[bool, typer.Option("--errors", "-e", help="A span failed.")] = False,
    since: Annotated[str, typer.Option("--since", help="From when: 1h, RFC 3339, Unix.")] = "1h",
    until: Annotated[str, typer.Option("--until", help="Until when.")] = "now",
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="How many of the newest.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Search traces in which one span meets all conditions, or show one."""
    terminal = Terminal.standard()
    with session_of(context).client() as client:
        if trace_id:
            trace = client.trace(trace_id)
            print_json(terminal, trace) if as_json else print_trace(terminal, trace)
            return
        found = client.search_traces(
            service=service,
            operation=operation,
            tags=tag or (),
            min_duration=min_duration,
            max_duration=max_duration,
            errors_only=errors,
            start=relative(since),
            end=until,
            limit=limit,
        )
    if as_json:
        print_json(terminal, found)
    elif found.traces:
        _print_summaries(terminal, found.traces)
    else:
        terminal.line("no traces: nothing matches in this stretch of time")


def print_trace(terminal: Terminal, trace: TraceView) -> None:
    """A trace as a waterfall: spans below their parents, bars where they lie in time."""
    services = {span.service for span in trace.spans}
    failed = sum(span.status == "error" for span in trace.spans)
    facts = [
        f"trace {trace.trace_id}",
        local_time(trace.start),
        duration(trace.duration_ns),
        _counted(len(trace.spans), "span"),
        _counted(len(services), "service"),
        *([terminal.paint(_counted(failed, "error"), Style.RED)] if failed else []),
        *(["there are more spans than are shown"] if trace.is_cut else []),
    ]
    terminal.line(" · ".join(facts))
    rows = list(in_tree_order(trace.spans))
    names = [f"{prefix}{clean(span.service)}  {clean(span.name)}" for prefix, span in rows]
    name_width = max(columns_of(name) for name in names)
    if terminal.is_tty:
        name_width = min(name_width, max(NAME_COLUMNS_MAX, terminal.width // 2))
    bar_width = max(terminal.width - name_width - DURATION_COLUMNS - 2 * len(GAP) - 2, BAR_COLUMNS_MIN)
    origin_ns = read_ns(trace.start)
    for (_, span), name in zip(rows, names, strict=True):
        shown = cut(name, name_width) if terminal.is_tty else name
        is_error = span.status == "error"
        mark = terminal.paint("✗", Style.RED) if is_error else " "
        first, length = _bar(read_ns(span.start) - origin_ns, span.duration_ns, trace.duration_ns, bar_width)
        bar = " " * first + terminal.paint("█" * length, Style.RED if is_error else Style.BLUE)
        padding = " " * (name_width - columns_of(shown))
        took = duration(span.duration_ns).rjust(DURATION_COLUMNS)
        terminal.line(f"{shown}{padding} {mark}{took}{GAP}{bar}")
        for remark in ([span.status_message] if is_error and span.status_message else []) + list(span.warnings):
            terminal.line(f"    {terminal.paint(clean(remark), Style.YELLOW)}")


def in_tree_order(spans: Sequence[SpanView]) -> Iterator[tuple[str, SpanView]]:
    """(drawn branch, span): each after its parent, siblings by start; a circle of parents opens at its first span."""
    children: defaultdict[str, list[SpanView]] = defaultdict(list)
    known = {span.span_id for span in spans}
    for span in spans:
        children[span.parent_id if span.parent_id in known else ""].append(span)
    seen: set[int] = set()
    for root in [*children[""], *spans]:
        stack = [("", "", root)]
        while stack:
            branch, below, span = stack.pop()
            if id(span) in seen:
                continue
            seen.add(id(span))
            yield branch, span
            inner = [child for child in children[span.span_id] if id(child) not in seen] if span.span_id else []
            is_deep = len(below) >= 3 * INDENT_MAX
            for at, child in reversed(list(enumerate(inner))):
                is_last = at == len(inner) - 1
                stack.append(
                    (
                        below + ("└─ " if is_last else "├─ "),
                        below if is_deep else below + ("   " if is_last else "│  "),
                        child,
                    )
                )


def _print_summaries(terminal: Terminal, found: Sequence[TraceSummaryView]) -> None:
    rows = [
        [
            Cell(local_time(trace.start), Style.DIM, is_whole=True),
            Cell(duration(trace.duration_ns), is_number=True),
            Cell(str(trace.spans), is_number=True),
            Cell(str(trace.errors) if trace.errors else "-", Style.RED if trace.errors else Style.DIM, is_number=True),
            Cell(f"{trace.root_service}  {trace.root_name}"),
            Cell(", ".join(service.name for service in trace.services), Style.CYAN),
            Cell(trace.trace_id, is_whole=True),
        ]
        for trace in found
    ]
    terminal.table(["start", "duration", "spans", "errors", "root", "services", "trace id"], rows)


def _bar(offset_ns: int, duration_ns: int, whole_ns: int, width: int) -> tuple[int, int]:
    if whole_ns <= 0:
        return 0, 1
    first = min(offset_ns * width // whole_ns, width - 1)
    return first, min(max(round(duration_ns * width / whole_ns), 1), width - first)


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
