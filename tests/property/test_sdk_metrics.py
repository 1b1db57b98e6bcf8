"""What holds for any metrics: a push says what a page says, and labels stay bounded."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.sdk.resources import Resource
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from anyascope.clock import NS_PER_S
from anyascope.sdk.metrics.labels import OTHER, VALUE_CHARS_MAX, LabelGuard
from anyascope.sdk.metrics.otlp import Moment, encode_families
from anyascope.sdk.metrics.reading import read_own
from anyascope.sdk.metrics.since import birth_of, since
from anyascope.wire.otlp.messages import Encoding
from anyascope.wire.otlp.metrics import MetricDecoder

# Without the characters that a receiver may not keep; empty labels are none to Prometheus.
LABELS = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), min_size=1, max_size=20)
NUMBERS = st.integers(0, 10**9)  # whole ones: sums of them are exact, in whatever order
STEPS = st.lists(st.tuples(st.sampled_from(["c_total", "g", "h"]), LABELS, NUMBERS), max_size=25)
MOMENT = Moment(1, 1_700_000_000 * NS_PER_S)


def metrics_of():
    registry = CollectorRegistry()
    made = {
        "c_total": Counter("c_total", "h", ["a"], registry=registry).labels,
        "g": Gauge("g", "h", ["a"], registry=registry).labels,
        "h": Histogram("h", "h", ["a"], buckets=(1, 10, 1e6), registry=registry).labels,
    }
    return registry, made


def do(made, steps):
    for name, label, number in steps:
        metric = made[name](label)
        match name:
            case "c_total":
                metric.inc(number)
            case "g":
                metric.set(number)
            case _:
                metric.observe(number)


def shown(families):
    """Name and labels -> value, as a scraper reads them."""
    return {
        (sample.name, *(float(v) if k == "le" else v for k, v in sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
        if not sample.name.endswith("_created")
    }


def received(families):
    """The same, as our server reads the pushed bodies."""
    decoder, found = MetricDecoder(), {}
    for body, points in encode_families(families, Resource({}), MOMENT):
        decoded = decoder.metrics(body, encoding=Encoding.PROTOBUF)
        assert not decoded.refused
        assert points
        samples = decoded.batch.samples
        for row, value in zip(samples.rows.tolist(), samples.values.tolist(), strict=True):
            labels = dict(samples.series[row])
            name = labels.pop("__name__")
            found[(name, *(float(v) if k == "le" else v for k, v in sorted(labels.items())))] = value
    return found


@given(STEPS)
@settings(deadline=None, max_examples=60)
def test_a_push_says_what_a_page_says(steps):
    """Every sample of every type arrives, and nothing else."""
    registry, made = metrics_of()
    do(made, steps)
    assert received(read_own(registry)) == shown(read_own(registry))


@given(STEPS, STEPS)
@settings(deadline=None, max_examples=60)
def test_a_child_says_what_happened_since_its_birth(before, after):
    """What parent and child say together is what happened, and the child's part is as if it had counted alone."""
    registry, made = metrics_of()
    do(made, before)
    birth = birth_of(registry, at_ns=1)
    do(made, after)
    alone_registry, alone = metrics_of()
    do(alone, after)
    told, wanted = shown(since(birth, read_own(registry))), shown(read_own(alone_registry))
    assert {place: told[place] for place in wanted} == wanted
    assert {told[place] for place in told.keys() - wanted.keys() if place[0] != "g"} <= {0}  # the parent's series


@given(
    st.lists(st.one_of(st.text(), st.binary(), st.integers(), st.none(), st.floats()), max_size=60), st.integers(1, 9)
)
@settings(deadline=None, max_examples=60)
def test_labels_stay_bounded_whatever_comes(given_values, most):
    """At most so many distinct ones, each short and sendable, and the same for the same value."""
    capped = []
    guard = LabelGuard(on_capped=capped.append, limits={"wallet_id": most})
    labels = [guard.bounded("wallet_id", value) for value in given_values]
    assert len({label for label in labels if label != OTHER}) <= most
    assert all(len(label.encode()) <= 4 * VALUE_CHARS_MAX for label in labels)
    for value, label in zip(given_values, labels, strict=True):
        if label != OTHER:
            assert guard.bounded("wallet_id", value) == label
