"""What an exemplar says of the moment in which something was counted: the trace, the span and the correlation id."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping

from opentelemetry import trace
from prometheus_client import values

from anyascope.sdk.correlation import LOG_FIELD, current_correlation_id
from anyascope.sdk.guard import guarded, report_misuse

EXEMPLAR_CHARS_MAX = 128  # of all names and values together (OpenMetrics 1.0, "Exemplars")
_TRACE_CHARS = len("trace_id") + 32 + len("span_id") + 16


@guarded(None)
def trace_exemplar(correlation_id: str | None = None) -> dict[str, str] | None:
    """The current trace as an exemplar's labels: `trace_id`, `span_id` and, where one holds, `correlation_id`.

    Args:
        correlation_id: stands in the place of the current one.

    Returns:
        None outside of a sampled trace, and in multiprocess mode, whose files have no room for exemplars. A correlation id
        with which the exemplar would be longer than OpenMetrics allows is left out.
    """
    return _of_current_trace(correlation_id)


def _of_current_trace(correlation_id: str | None = None) -> dict[str, str] | None:
    if not carries_exemplars():
        return None
    context = trace.get_current_span().get_span_context()
    if not context.is_valid or not context.trace_flags.sampled:
        return None
    labels = {"trace_id": f"{context.trace_id:032x}", "span_id": f"{context.span_id:016x}"}
    joined = current_correlation_id() if correlation_id is None else correlation_id
    if joined and _TRACE_CHARS + len(LOG_FIELD) + len(joined) <= EXEMPLAR_CHARS_MAX:
        labels[LOG_FIELD] = joined
    return labels


def chosen_exemplar(given: Mapping[str, str] | None) -> dict[str, str] | None:
    """The exemplar that a caller gave, where it is one; the current trace's where none was given."""
    if given is None:
        return _of_current_trace()
    with contextlib.suppress(Exception):  # a mapping of the host's that refuses
        labels = dict(given)
        if (
            all(_is_label(name, value) for name, value in labels.items())
            and sum(len(name) + len(value) for name, value in labels.items()) <= EXEMPLAR_CHARS_MAX
        ):
            return labels
    report_misuse(
        f"an exemplar must map names to texts, together at most {EXEMPLAR_CHARS_MAX} characters; it is left out"
    )
    return None


def carries_exemplars() -> bool:
    """Whether what is counted in this process can carry exemplars: everywhere but in multiprocess mode."""
    return not getattr(values.ValueClass, "_multiprocess", False)


def _is_label(name: object, value: object) -> bool:
    return type(name) is str and name.isascii() and name.isidentifier() and type(value) is str
