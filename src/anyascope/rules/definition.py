"""Rules as they were written, checked and parsed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import TypeAlias

from anyascope.model.labels import Labels
from anyascope.model.objectives import Objective
from anyascope.rules.blocks import BlockSpan, BlockWindow
from anyascope.wire.gotemplate import Template

INTERVAL_DEFAULT_S = 60.0  # Prometheus' default `evaluation_interval`


@dataclass(frozen=True, slots=True)
class RecordingRule:
    """Stores the answer of an expression as a metric.

    Attributes:
        name: of the recorded metric.
        expr: PromQL.
        labels: added to each series; they win over the expression's own, and an empty one takes a label away.
        line: where it stands in its file, from 1.
        span: the window of the expression, where that is counted in blocks: `expr` has it with blocks as they come on
            average, `template` with `$window`, `$seconds` and `$blocks` in its place.
        is_steady: evaluated by time alone, because its samples are counted.
    """

    name: str
    expr: str
    labels: Labels = ()
    line: int = 0
    span: BlockSpan | None = None
    template: str = ""
    is_steady: bool = False

    def over(self, window: BlockWindow) -> RecordingRule:
        """The rule with the window as it is now."""
        expr = self.template.replace("$window", f"{window.duration_ms}ms")
        expr = expr.replace("$seconds", f"{window.duration_ms / 1000:g}").replace("$blocks", str(window.blocks))
        return replace(self, expr=expr)


class NoData(Enum):
    """What a rule concludes where its series have no data: the words of `no_data` in a rule file."""

    OK = "ok"  # the condition does not hold, as in Prometheus
    KEEP = "keep"  # alerts stay as they are
    ALERT = "alert"  # the condition holds


@dataclass(frozen=True, slots=True)
class AlertingRule:
    """Raises an alert for each element of an expression's answer.

    Attributes:
        name: of the alert (`alertname`).
        expr: PromQL.
        hold_s: `for`: how long the expression must hold before the alert fires.
        keep_firing_s: `keep_firing_for`: how long it still fires after the expression has ceased to hold.
        labels, annotations: templates by name; labels win over the expression's own.
        label_texts, annotation_texts: the same as they were written.
        line: where it stands in its file, from 1.
        recover_expr: PromQL; a firing alert ends once this has an element with its labels. Empty: once `expr` has none.
        data_expr: PromQL; an element says that there are data. Empty where neither recovery nor missing data matter.
        no_data: what is concluded without.
        hold_blocks, keep_firing_blocks: `for` and `keep_firing_for` in blocks; None where they are times. Both name the
            same chain, or none.
    """

    name: str
    expr: str
    hold_s: float = 0.0
    keep_firing_s: float = 0.0
    labels: Mapping[str, Template] = field(default_factory=dict)
    annotations: Mapping[str, Template] = field(default_factory=dict)
    label_texts: Labels = ()
    annotation_texts: Mapping[str, str] = field(default_factory=dict)
    line: int = 0
    recover_expr: str = ""
    data_expr: str = ""
    no_data: NoData = NoData.OK
    hold_blocks: BlockSpan | None = None
    keep_firing_blocks: BlockSpan | None = None

    @property
    def block_span(self) -> BlockSpan | None:
        """What the rule waits for in blocks, if it does."""
        return self.hold_blocks or self.keep_firing_blocks


Rule: TypeAlias = RecordingRule | AlertingRule


@dataclass(frozen=True, slots=True)
class RuleGroup:
    """Rules that are evaluated one after the other at the same time.

    Attributes:
        name: unique in its file.
        file: where it was read from; with the name it identifies the group.
        interval_s: between evaluations by time; 0 where the file leaves it to the server's default.
        limit: how many series or alerts a rule may make, 0 for any number; past it the rule fails and makes none.
        query_offset_s: how far in the past the rules look; None where the file leaves it to the server's default.
        rules: in evaluation order.
        slo: the objective that the group was made from; empty where its rules were written.
        objective: the same for people; None where its rules were written.
    """

    name: str
    file: str
    rules: tuple[Rule, ...] = ()
    interval_s: float = 0.0
    limit: int = 0
    query_offset_s: float | None = None
    slo: str = ""
    objective: Objective | None = None

    @property
    def key(self) -> str:
        """File and name."""
        return f"{self.file};{self.name}"
