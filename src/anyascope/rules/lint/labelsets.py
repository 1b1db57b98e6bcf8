"""Which labels the elements of an expression's answer can have."""

from __future__ import annotations

from dataclasses import dataclass, replace

from anyascope.errors import AnyascopeError
from anyascope.model.labels import METRIC_NAME, MatchOp
from anyascope.promql.parse import parse
from anyascope.promql.result import ResultKind
from anyascope.promql.syntax import (
    SET_OPERATORS,
    Aggregate,
    Binary,
    Call,
    Cardinality,
    Expression,
    Negate,
    Once,
    Select,
    Subquery,
    Text,
    kind_of,
)
from anyascope.rules.definition import AlertingRule

_CHOOSING = frozenset({"topk", "bottomk", "limitk", "limit_ratio"})


@dataclass(frozen=True, slots=True)
class LabelSet:
    """The labels that may be there.

    Attributes:
        only: no others than these; None for any.
        gone: of those not these.
        why: what took the others away, for people.
    """

    only: frozenset[str] | None = None
    gone: frozenset[str] = frozenset()
    why: str = ""

    def may_have(self, name: str) -> bool:
        """Whether an element can have the label."""
        return name not in self.gone and (self.only is None or name in self.only)

    def kept(self, names: frozenset[str], why: str) -> LabelSet:
        """Those of `names` that were there."""
        return LabelSet(frozenset(name for name in names if self.may_have(name)), why=why)

    def less(self, names: frozenset[str], why: str) -> LabelSet:
        """Without these."""
        return replace(self, gone=self.gone | names, why=why or self.why)

    def more(self, names: frozenset[str]) -> LabelSet:
        """With these beside."""
        return replace(self, only=None if self.only is None else self.only | names, gone=self.gone - names)


ANY = LabelSet()
NONE = LabelSet(frozenset(), why="the expression has no labels")


def labels_of_alert(rule: AlertingRule) -> LabelSet:
    """The labels that the alerts of a rule may have: those of its answer, and its own."""
    try:
        answer = labels_of_answer(parse(rule.expr).root)
    except AnyascopeError:
        return ANY  # an expression that another engine reads
    return answer.more(frozenset(name for name, _ in rule.label_texts))


def labels_of_answer(node: Expression) -> LabelSet:
    """The labels that elements of the answer may have."""
    match node:
        case Once(body=body) | Subquery(body=body) | Negate(body=body):
            return labels_of_answer(body)
        case Select(matchers=matchers):
            empty = frozenset(m.name for m in matchers if m.op is MatchOp.EQUAL and not m.value)
            return ANY.less(empty, "the selector asks for series without it") if empty else ANY
        case Aggregate():
            return _of_aggregate(node)
        case Binary():
            return _of_binary(node)
        case Call():
            return _of_call(node)
    return NONE


def _of_aggregate(node: Aggregate) -> LabelSet:
    body = labels_of_answer(node.body)
    if node.operator in _CHOOSING:
        return body
    names = frozenset(node.grouping)
    if node.is_without:
        kept = body.less(names | {METRIC_NAME}, f"{node.operator} without({', '.join(node.grouping)}) drops it")
    else:
        by = f"by({', '.join(node.grouping)}) keeps no others" if names else "keeps no labels"
        kept = body.kept(names, f"{node.operator} {by}")
    if node.operator == "count_values" and isinstance(node.parameter, Text):
        return kept.more(frozenset((node.parameter.value,)))
    return kept


def _of_binary(node: Binary) -> LabelSet:
    left, right = labels_of_answer(node.left), labels_of_answer(node.right)
    if kind_of(node.left) is ResultKind.SCALAR or kind_of(node.right) is ResultKind.SCALAR:
        return right if kind_of(node.left) is ResultKind.SCALAR else left
    if node.operator == "or":
        return _of_either(left, right)
    if node.operator in SET_OPERATORS:
        return left
    return _matched(node, left, right)


def _of_either(left: LabelSet, right: LabelSet) -> LabelSet:
    if left.only is None or right.only is None:
        return LabelSet(None, left.gone & right.gone, left.why)
    return LabelSet(left.only | right.only, why=left.why or right.why)


def _matched(node: Binary, left: LabelSet, right: LabelSet) -> LabelSet:
    matching, names = node.matching, frozenset(node.matching.labels)
    match matching.cardinality:
        case Cardinality.MANY_TO_ONE:
            return left.more(frozenset(matching.include))
        case Cardinality.ONE_TO_MANY:
            return right.more(frozenset(matching.include))
        case Cardinality.ONE_TO_ONE if matching.is_on:
            return left.kept(names, f"{node.operator} on({', '.join(matching.labels)}) keeps no others")
    return left.less(names, f"{node.operator} ignoring({', '.join(matching.labels)}) drops it") if names else left


def _of_call(node: Call) -> LabelSet:
    if node.name in ("absent", "absent_over_time"):
        return _of_absent(node)
    if node.name == "info":
        return ANY
    vectors = [a for a in node.arguments if kind_of(a) in (ResultKind.VECTOR, ResultKind.MATRIX)]
    if not vectors or node.returns is ResultKind.SCALAR:
        return NONE
    body = labels_of_answer(vectors[0])
    if node.name in ("histogram_quantile", "histogram_fraction"):
        return body.less(frozenset(("le",)), f"{node.name} drops it")
    if node.name in ("label_replace", "label_join") and isinstance(node.arguments[1], Text):
        return body.more(frozenset((node.arguments[1].value,)))
    return body


def _of_absent(node: Call) -> LabelSet:
    """`absent` has the labels that its selector asks for by `=`, each named once."""
    selector = node.arguments[0]
    selector = selector.body if isinstance(selector, Once) else selector
    names: list[str] = [m.name for m in selector.matchers] if isinstance(selector, Select) else []
    equal = [m.name for m in selector.matchers if m.op is MatchOp.EQUAL] if isinstance(selector, Select) else []
    kept = frozenset(name for name in equal if names.count(name) == 1 and name != METRIC_NAME)
    return LabelSet(kept, why=f"{node.name}() has only the labels that its selector names with =")
