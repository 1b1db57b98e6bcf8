"""Exemplars name the trace, the span and the correlation id, within OpenMetrics' bound."""

from __future__ import annotations

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import use_span
from prometheus_client import CollectorRegistry

from anyascope.sdk.correlation import correlation
from anyascope.sdk.guard import MisuseError, strict
from anyascope.sdk.metrics import AnyaMetrics, HsmMetricsCollector, trace_exemplar
from anyascope.sdk.metrics.exemplars import EXEMPLAR_CHARS_MAX


@pytest.fixture
def span():
    span = TracerProvider().get_tracer("t").start_span("s")
    with use_span(span):
        yield span


def exemplars(registry):
    return [s.exemplar.labels for f in registry.collect() for s in f.samples if s.exemplar is not None]


def test_it_is_the_current_trace(span):
    """Ids in hexadecimal, of full length."""
    context = span.get_span_context()
    assert trace_exemplar() == {"trace_id": f"{context.trace_id:032x}", "span_id": f"{context.span_id:016x}"}


def test_there_is_none_without_a_trace():
    """Nor with one that is not kept: it leads nowhere."""
    assert trace_exemplar() is None
    with use_span(TracerProvider(sampler=ALWAYS_OFF).get_tracer("t").start_span("s")):
        assert trace_exemplar() is None


def test_the_correlation_id_stands_beside_it(span):
    """The current one, or the given one."""
    with correlation("c-1"):
        assert trace_exemplar()["correlation_id"] == "c-1"
        assert trace_exemplar("c-2")["correlation_id"] == "c-2"


@pytest.mark.parametrize("room", [0, 1])
def test_a_correlation_id_that_does_not_fit_is_left_out(span, room):
    """The last that fits, and the next."""
    most = EXEMPLAR_CHARS_MAX - len("trace_id") - 32 - len("span_id") - 16 - len("correlation_id")
    labels = trace_exemplar("x" * (most + room))
    assert ("correlation_id" in labels) == (room == 0)
    assert sum(map(len, (*labels, *labels.values()))) <= EXEMPLAR_CHARS_MAX


def test_files_of_several_processes_have_none(span, shared):
    """`prometheus_client` has no room for them there."""
    assert trace_exemplar() is None


def test_collectors_point_to_the_trace(span):
    """The counter and the bucket that the duration fell into."""
    metrics = AnyaMetrics(CollectorRegistry())
    HsmMetricsCollector(metrics).record_operation("sign", "softhsm", "success", 0.003)
    assert exemplars(metrics.registry) == [trace_exemplar()] * 2


def test_a_given_exemplar_stands_in_its_place(span):
    """An audit's correlation id, for one."""
    metrics = AnyaMetrics(CollectorRegistry())
    given = {"correlation_id": "7d444840-9dc0-11d1-b245-5ffdce74fad2"}
    HsmMetricsCollector(metrics).record_operation("sign", "softhsm", "success", 0.003, exemplar=given)
    assert exemplars(metrics.registry) == [given] * 2


@pytest.mark.parametrize("wrong", [{"a": "x" * 128}, {"a b": "c"}, {"a": 1}, {1: "a"}, "abc", 7])
def test_a_wrong_exemplar_is_left_out_and_the_rest_counted(wrong):
    """And reported."""
    metrics = AnyaMetrics(CollectorRegistry())
    collector = HsmMetricsCollector(metrics)
    collector.record_operation("sign", "softhsm", "success", 0.003, exemplar=wrong)
    assert exemplars(metrics.registry) == []
    assert metrics.registry.get_sample_value(
        "anya_hsm_operation_duration_seconds_count", {"operation_type": "sign", "provider": "softhsm"}
    ) == pytest.approx(1)
    with strict(), pytest.raises(MisuseError, match="exemplar"):
        collector.record_operation("sign", "softhsm", "success", 0.003, exemplar=wrong)
