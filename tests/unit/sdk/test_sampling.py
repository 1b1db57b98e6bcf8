"""Which traces are kept."""

from __future__ import annotations

import random

import pytest
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace.sampling import Decision, ParentBasedTraceIdRatio
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, TraceState

from anyascope.sdk.tracing.sampling import ServiceSampler, keep_traces, kept


def below(*, sampled: bool, remote: bool) -> Context:
    """A context with a parent that was kept, or was not."""
    state = TraceState([("vendor", "x")])
    parent = SpanContext(1, 2, is_remote=remote, trace_flags=TraceFlags(int(sampled)), trace_state=state)
    return trace.set_span_in_context(NonRecordingSpan(parent), Context())


def is_kept(sampler: ServiceSampler, context: Context | None = None, trace_id: int = 1) -> bool:
    return sampler.should_sample(context, trace_id, "s").decision is Decision.RECORD_AND_SAMPLE


@pytest.mark.parametrize("ratio", [0.0, 0.1, 0.5, 1.0])
def test_the_same_traces_are_kept_as_by_opentelemetrys_sampler(ratio):
    """Decision by decision, so that services with either agree."""
    ours, theirs, chance = ServiceSampler(ratio), ParentBasedTraceIdRatio(ratio), random.Random(7)
    for trace_id in [chance.getrandbits(128) for _ in range(2_000)]:
        assert ours.should_sample(None, trace_id, "s").decision == theirs.should_sample(None, trace_id, "s").decision


@pytest.mark.parametrize("remote", [True, False])
@pytest.mark.parametrize(("sampled", "ratio"), [(True, 0.0), (False, 1.0)])
def test_a_parents_decision_is_followed(sampled, remote, ratio):
    """Wherever it was made, and its state goes on."""
    result = ServiceSampler(ratio).should_sample(below(sampled=sampled, remote=remote), 1, "s")
    assert result.decision.is_sampled() is sampled
    assert result.trace_state == TraceState([("vendor", "x")])


def test_a_lower_ratio_keeps_a_part_of_what_a_higher_one_keeps():
    """A trace that the less sampled service keeps is whole."""
    low, high, chance = ServiceSampler(0.2), ServiceSampler(0.6), random.Random(8)
    ids = [chance.getrandbits(128) for _ in range(3_000)]
    kept_low = {trace_id for trace_id in ids if is_kept(low, trace_id=trace_id)}
    assert kept_low <= {trace_id for trace_id in ids if is_kept(high, trace_id=trace_id)}
    assert 0.15 < len(kept_low) / len(ids) < 0.25


def test_the_ratio_changes_while_it_is_used():
    """What the server asks for wins until it asks for nothing."""
    sampler = ServiceSampler(1.0)
    sampler.heed(0.0)
    sampler.keep(1.0)
    assert not is_kept(sampler)
    sampler.heed(None)
    assert is_kept(sampler)
    assert "ratio=1.0" in sampler.get_description()


def test_money_is_never_sampled_away():
    """Inside of `keep_traces` the ratio and an unsampled parent have no say; outside they have."""
    sampler = ServiceSampler(0.0)
    with keep_traces():
        assert is_kept(sampler)
    assert not is_kept(sampler)
    assert is_kept(sampler, kept(below(sampled=False, remote=True)))
