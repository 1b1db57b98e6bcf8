"""One rule at one time: its expression's answer becomes samples, and for an alerting rule alerts too."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from anyascope.clock import NS_PER_MS, NS_PER_S
from anyascope.errors import InvalidInputError, LimitExceededError
from anyascope.frames.histogram import NativeHistogram
from anyascope.model.alerts import AlertState
from anyascope.model.labels import METRIC_NAME, Labels, labels_of, without_name
from anyascope.model.metrics import MetricBatch, SampleBatch
from anyascope.promql.result import QueryResult, ResultKind
from anyascope.rules.blocks import Reading
from anyascope.rules.definition import AlertingRule, RecordingRule
from anyascope.rules.expand import Expander, TemplateValue, fixed_texts
from anyascope.rules.histogramtext import TemplateHistogram
from anyascope.rules.state import ActiveAlert, BlockHolds, Finding, judge
from anyascope.rules.triggers import ALERTS, ALERTS_FOR_STATE
from anyascope.semconv.alerts import LABEL_ALERTNAME
from anyascope.wire.gotemplate.prometheus import TemplateSample

LABEL_ALERTSTATE = "alertstate"

Value: TypeAlias = float | NativeHistogram
"""What an element of a vector holds."""

Sample: TypeAlias = tuple[Labels, int, Value]
"""Labels, UTC milliseconds, value."""


class Evaluator(Protocol):
    """What rules need of the engine."""

    async def instant(self, query: str, time_ms: int) -> QueryResult:
        """The answer of an expression at a time (UTC milliseconds)."""


@dataclass(frozen=True, slots=True)
class Moment:
    """When a rule is evaluated, and where it looks.

    Attributes:
        now_ns: the evaluation's time, for `for` and the templates.
        offset_ms: how far before it the expression is evaluated and samples are written (`query_offset`).
        external_url: for templates.
        external_labels: for templates.
        slot_ns: when the evaluation was due by the interval; None for one that an arrival caused.
    """

    now_ns: int
    offset_ms: int = 0
    external_url: str = ""
    external_labels: Mapping[str, str] | None = None
    slot_ns: int | None = None

    @property
    def time_ms(self) -> int:
        """When the expression is evaluated, and the time of what is written."""
        return self.now_ns // NS_PER_MS - self.offset_ms


async def query_vector(engine: Evaluator, expr: str, time_ms: int) -> list[tuple[Labels, Value]]:
    """The elements of a vector; a scalar is one without labels.

    Raises:
        AnyascopeError: the query failed, or gives neither vector nor scalar.
    """
    result = await engine.instant(expr, time_ms)
    if result.kind not in (ResultKind.VECTOR, ResultKind.SCALAR):
        raise InvalidInputError("rule result is not a vector or scalar")
    if not result.natives:
        return list(result.pairs())
    boxed = result.natives.mask(result.frame.values).tolist()
    return [
        (labels, result.natives.at(value) if is_boxed else value)
        for (labels, value), is_boxed in zip(result.pairs(), boxed, strict=True)
    ]


def batch_of(samples: Iterable[Sample]) -> MetricBatch:
    """The samples as a store takes them."""
    floats = [(labels, time_ms, value) for labels, time_ms, value in samples if isinstance(value, float)]
    natives = (entry for entry in samples if isinstance(entry[2], NativeHistogram))
    histograms = tuple(value.sample(labels, time_ms) for labels, time_ms, value in natives)  # type: ignore[union-attr]
    return MetricBatch(SampleBatch.of(floats), histograms=histograms)


async def record(rule: RecordingRule, engine: Evaluator, moment: Moment, *, limit: int) -> list[Sample]:
    """What a recording rule stores.

    Raises:
        AnyascopeError: the query failed, two elements have the same labels afterwards, or there are more than `limit`.
    """
    return checked_samples(rule, await query_vector(engine, rule.expr, moment.time_ms), moment, limit=limit)


def checked_samples(
    rule: RecordingRule, elements: Iterable[tuple[Labels, Value]], moment: Moment, *, limit: int
) -> list[Sample]:
    """The same of an answer that is at hand.

    Raises:
        InvalidInputError: two elements have the same labels once the rule's own are added.
        LimitExceededError: there are more than `limit`.
    """
    own = ((METRIC_NAME, rule.name), *rule.labels)
    samples = [(_overridden(labels, own), moment.time_ms, value) for labels, value in elements]
    if len({labels for labels, _, _ in samples}) < len(samples):
        raise InvalidInputError("vector contains metrics with the same labelset after applying rule labels")
    if limit and len(samples) > limit:
        raise LimitExceededError(f"exceeded limit of {limit} with {len(samples)} series")
    return samples


async def find(
    rule: AlertingRule, engine: Evaluator, moment: Moment, *, missing: Sequence[tuple[Labels, Value]] = ()
) -> dict[Labels, Finding]:
    """What an alerting rule's expression says now, by the labels of the alerts.

    Args:
        missing: elements that count as if the expression had given them.

    Raises:
        AnyascopeError: the query failed, or two elements have the same labels afterwards.
    """
    elements = await query_vector(engine, rule.expr, moment.time_ms)
    return await found_in([*elements, *missing], rule, engine, moment)


async def found_in(
    elements: Iterable[tuple[Labels, Value]], rule: AlertingRule, engine: Evaluator, moment: Moment
) -> dict[Labels, Finding]:
    """The same of an answer that is at hand; the engine answers the templates' own queries.

    Raises:
        InvalidInputError: two elements have the same labels once the rule's own are added.
    """
    expander = Expander(
        lambda expr: _template_samples(engine, expr, moment.time_ms),
        now_s=moment.now_ns / NS_PER_S,
        external_url=moment.external_url,
        external_labels=moment.external_labels,
    )
    found: dict[Labels, Finding] = {}
    fixed_labels, fixed_annotations = fixed_texts(rule.labels), fixed_texts(rule.annotations)
    for element, value in elements:
        shown = dict(element)
        told = _told(value)
        own = fixed_labels
        if own is None:
            own = await expander.texts(rule.labels, shown, told)
        labels = labels_of({**shown, METRIC_NAME: "", **own, LABEL_ALERTNAME: rule.name})
        if labels in found:
            raise InvalidInputError("vector contains metrics with the same labelset after applying alert labels")
        annotations = fixed_annotations
        if annotations is None:
            annotations = await expander.texts(rule.annotations, shown, told)
        # Prometheus' value of an alert on a native histogram is zero; its templates see the whole of it.
        source = without_name(element) if rule.data_expr else ()
        found[labels] = Finding(annotations, value if isinstance(value, float) else 0.0, source)
    return found


def decide(
    rule: AlertingRule,
    active: Mapping[Labels, ActiveAlert],
    found: Mapping[Labels, Finding],
    *,
    held: frozenset[Labels] = frozenset(),
    clock: Reading | None = None,
    moment: Moment,
    limit: int,
) -> dict[Labels, ActiveAlert]:
    """The rule's alerts after this evaluation.

    Args:
        clock: of a rule that counts blocks.

    Raises:
        LimitExceededError: more than `limit` are pending or firing.
    """
    clock = clock or Reading()
    judged = judge(
        active,
        found,
        held=held,
        now_ns=moment.now_ns,
        slot_ns=moment.slot_ns,
        hold_ns=round(rule.hold_s * NS_PER_S),
        keep_firing_ns=round(rule.keep_firing_s * NS_PER_S),
        blocks=BlockHolds(
            rule.hold_blocks.blocks if rule.hold_blocks else 0,
            rule.keep_firing_blocks.blocks if rule.keep_firing_blocks else 0,
            clock.heights,
        ),
    )
    count = sum(alert.state is not AlertState.INACTIVE for alert in judged.values())
    if limit and count > limit:
        raise LimitExceededError(f"exceeded limit of {limit} with {count} alerts")
    return judged


def alert_samples(alerts: Iterable[ActiveAlert], moment: Moment) -> list[Sample]:
    """ALERTS and ALERTS_FOR_STATE of the pending and firing ones."""
    samples: list[Sample] = []
    for alert in alerts:
        if alert.state is AlertState.INACTIVE:
            continue
        named = ((METRIC_NAME, ALERTS), (LABEL_ALERTSTATE, alert.state.value))
        samples.append((_overridden(alert.labels, named), moment.time_ms, 1.0))
        for_state = _overridden(alert.labels, ((METRIC_NAME, ALERTS_FOR_STATE),))
        samples.append((for_state, moment.time_ms, float(alert.active_ns // NS_PER_S)))
    return samples


def _overridden(labels: Labels, own: Iterable[tuple[str, str]]) -> Labels:
    """The labels with those of the rule in place of their own; an empty value takes a label away."""
    return labels_of({**dict(labels), **dict(own)})


async def _template_samples(engine: Evaluator, expr: str, time_ms: int) -> Sequence[TemplateSample]:
    elements = await query_vector(engine, expr, time_ms)
    return [TemplateSample(dict(labels), _told(value)) for labels, value in elements]


def _told(value: Value) -> TemplateValue:
    """The value as templates see it."""
    return TemplateHistogram(value) if isinstance(value, NativeHistogram) else value
