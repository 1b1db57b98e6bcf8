"""Which traces are kept: the caller's decision first, then a share that can be changed while the process runs."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import cast

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace import SpanLimits
from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult
from opentelemetry.trace import Link, SpanKind
from opentelemetry.trace.span import TraceState
from opentelemetry.util.types import Attributes

from anyascope.sdk.correlation import SPAN_ATTRIBUTE, current_correlation_id
from anyascope.sdk.guard import guarded, tell_once
from anyascope.sdk.tracing.limits import SoundAttributes, keep_back, ours_last

_LOW_64_BITS = (1 << 64) - 1
_KEEP_KEY = otel_context.create_key("anyascope-keep-trace")


class ServiceSampler(Sampler):
    """Parent-based: a trace that came in is kept or left as its caller decided; of new ones a share is kept.

    The decision about a new trace depends on its id alone, so that all services with the same ratio choose the same traces,
    and a lower ratio keeps a subset of what a higher one keeps.

    Args:
        ratio: share of new traces that are kept, 0 to 1.
        limits: of the spans; attributes beyond them are left out here, ours last.
    """

    def __init__(self, ratio: float, *, limits: SpanLimits | None = None) -> None:
        self._limits = limits
        self._own_ratio = ratio
        self._asked_ratio: float | None = None
        self._choose()

    @property
    def ratio(self) -> float:
        """Share of new traces that are kept now, 0 to 1."""
        return self._own_ratio if self._asked_ratio is None else self._asked_ratio

    def keep(self, ratio: float) -> None:
        """Keep this share from now on, unless the server asks for another; from any thread."""
        self._own_ratio = ratio
        self._choose()

    def heed(self, asked_ratio: float | None) -> None:
        """Keep the share that the server asks for, or with None our own again; from any thread."""
        self._asked_ratio = asked_ratio
        self._choose()

    def _choose(self) -> None:
        # The bound is what decisions read: one assignment, so that no thread sees half of a change.
        self._bound = round(self.ratio * (_LOW_64_BITS + 1))

    def should_sample(  # noqa: PLR0917  # OpenTelemetry's own signature
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,  # noqa: ARG002
        kind: SpanKind | None = None,  # noqa: ARG002
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,  # noqa: ARG002
        trace_state: TraceState | None = None,  # noqa: ARG002
    ) -> SamplingResult:
        """Keep or leave this span."""
        parent = trace.get_current_span(parent_context).get_span_context()
        has_parent = parent.is_valid
        state = parent.trace_state if has_parent else None
        if not (has_parent and parent.trace_flags.sampled):
            is_kept = not has_parent and trace_id & _LOW_64_BITS < self._bound
            if not is_kept and otel_context.get_value(_KEEP_KEY, parent_context) is None:
                return SamplingResult(Decision.DROP, None, state)
        # Only our own provider has limits of ours, and our processor before all others.
        is_sound = attributes.__class__ is SoundAttributes and self._limits is not None
        keep_back(cast("SoundAttributes", attributes) if is_sound else None)
        given = None if is_sound else self._completed(attributes)
        return SamplingResult(Decision.RECORD_AND_SAMPLE, given, state)

    def get_description(self) -> str:
        return f"AnyascopeParentBased{{ratio={self.ratio}}}"

    def _completed(self, attributes: Attributes) -> Attributes:
        """The attributes with the correlation id, in such an order that ours are not pushed out."""
        try:
            correlation_id = current_correlation_id()
            if correlation_id:
                # Here rather than on the started span: one assignment instead of a lock and a second cleaning.
                attributes = {SPAN_ATTRIBUTE: correlation_id, **(attributes or {})}
            most = self._limits.max_span_attributes if self._limits is not None else None
            if not attributes or most is None or len(attributes) <= most:
                return attributes
            return ours_last(attributes, most)
        except Exception as error:  # noqa: BLE001  # attributes of the host's that are no mapping: OpenTelemetry's to tell
            tell_once("completing the attributes of a span", error)
            return attributes


@contextlib.contextmanager
def keep_traces() -> Iterator[None]:
    """Spans that start inside are kept whatever the ratio and the caller decided: for operations that move funds."""
    token = otel_context.attach(otel_context.set_value(_KEEP_KEY, True))
    try:
        yield
    finally:
        otel_context.detach(token)


@guarded(None)
def kept(context: Context | None = None) -> Context | None:
    """`context`, or the current one, with the mark that spans which start in it are kept."""
    return otel_context.set_value(_KEEP_KEY, True, context)
