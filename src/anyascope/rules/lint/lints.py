"""The linter: every rule of every group, against the rules that people learn the hard way."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from anyascope.errors import AnyascopeError
from anyascope.model.labels import Labels
from anyascope.promql.parse import parse
from anyascope.promql.syntax import Expression
from anyascope.rules.blocks import HEIGHT_METRIC, LABEL_CHAIN, unknown_height
from anyascope.rules.conditions import threshold_of
from anyascope.rules.definition import AlertingRule, NoData, RecordingRule, Rule, RuleGroup
from anyascope.rules.lint.comments import disabled_in
from anyascope.rules.lint.expressions import (
    ExprContext,
    is_constant,
    lint_condition,
    lint_expression,
    reads_one_sample,
)
from anyascope.rules.lint.finding import DEFAULT_LINTS, Finding, Lint
from anyascope.rules.lint.history import History, lint_against
from anyascope.rules.lint.labelsets import labels_of_alert, labels_of_answer
from anyascope.semconv.alerts import (
    ANNOTATION_DESCRIPTION,
    ANNOTATION_RUNBOOK,
    ANNOTATION_RUNBOOK_URL,
    ANNOTATION_SUMMARY,
    LABEL_ALERTNAME,
    LABEL_SEVERITY,
    is_known_severity,
)

SCRAPE_INTERVAL_S = 15.0  # the shortest that is usual: a window that is too short for it is too short everywhere

_LABEL_USED = re.compile(r"\$labels\.([a-zA-Z_]\w*)|index\s+\$labels\s+\"([^\"]+)\"")
_VALUE_USED = re.compile(r"\$value\b|\.Value\b")
_SAYS_WHAT = frozenset({ANNOTATION_SUMMARY, ANNOTATION_DESCRIPTION, "message", "title"})
_SAYS_WHAT_TO_DO = frozenset({ANNOTATION_RUNBOOK, ANNOTATION_RUNBOOK_URL, "playbook", "playbook_url"})

Told = Iterator[tuple[Lint, str]]


@dataclass(frozen=True, slots=True)
class LintOptions:
    """How the linter looks at rules.

    Attributes:
        lints: those that are wanted.
        scrape_interval_s: how often samples come.
        history: what the server has; None where there is none to ask.
    """

    lints: Collection[Lint] = DEFAULT_LINTS
    scrape_interval_s: float = SCRAPE_INTERVAL_S
    history: History | None = field(default=None)


def lint(groups: Sequence[RuleGroup], texts: Mapping[str, str], options: LintOptions | None = None) -> list[Finding]:
    """What is most likely not meant, by file and line.

    Args:
        groups: the rules.
        texts: what their files hold, for the comments that disable a lint.
    """
    options = options or LintOptions()
    files = {group.file: [each for each in groups if each.file == group.file] for group in groups}
    found: list[Finding] = []
    for file, members in files.items():
        rules = [rule for group in members for rule in group.rules]
        written = [rule for group in members if not group.slo for rule in group.rules]
        made = [group for group in members if group.slo]
        lines = [*sorted({rule.line for rule in rules}), 1 << 31]
        off = disabled_in(texts.get(file, ""))
        for rule, lint_, message in (*_duplicates(written), *_of_rules(written, options), *_of_slos(made, options)):
            end = lines[lines.index(rule.line) + 1]
            if lint_ in options.lints and not off.is_off(lint_.value, begin=rule.line, end=end):
                found.append(Finding(file, rule.line, lint_.value, f"{rule.name}: {message}"))
    return sorted(set(found))


def _duplicates(rules: Sequence[Rule]) -> Iterator[tuple[Rule, Lint, str]]:
    """Each name with labels that stands more than once, told at its second place.

    Source: `promtool check rules`, lint `duplicate-rules`.
    """
    alike: dict[tuple[str, Labels], list[Rule]] = {}
    for rule in rules:
        labels = rule.label_texts if isinstance(rule, AlertingRule) else rule.labels
        alike.setdefault((rule.name, labels), []).append(rule)
    for (_, labels), members in alike.items():
        if len(members) > 1:
            shown = ", ".join(f'{name}="{value}"' for name, value in labels)
            lines = ", ".join(str(rule.line) for rule in members)
            yield (
                members[1],
                Lint.DUPLICATE,
                f"a duplicate rule: name and labels {{{shown}}} are those of lines {lines}",
            )


def _of_slos(groups: Sequence[RuleGroup], options: LintOptions) -> Iterator[tuple[Rule, Lint, str]]:
    """Of the objectives, whose rules are ours."""
    for group in groups:
        first = replace(group.rules[0], name=group.slo)
        yield first, Lint.DIALECT, "slos: Prometheus and promtool refuse a file with it, only anyascope reads it"
        if options.history is None:
            continue
        recorded = frozenset(rule.name for rule in group.rules)
        for rule in group.rules:
            for lint_, message in lint_against(options.history, parse(rule.expr).root, recorded):
                yield first, lint_, message
        spans = [rule.span for rule in group.rules if isinstance(rule, RecordingRule) and rule.span]
        if spans and not options.history.has_series(HEIGHT_METRIC):
            yield first, Lint.SERIES, unknown_height(spans[0])


def _of_rules(rules: Sequence[Rule], options: LintOptions) -> Iterator[tuple[Rule, Lint, str]]:
    context = ExprContext(round(options.scrape_interval_s * 1000))
    recorded = frozenset(rule.name for rule in rules)
    for rule in rules:
        try:
            root = parse(rule.expr).root
        except AnyascopeError:
            continue  # an expression that another engine reads; this one says so when the file is loaded
        for lint_, message in _of_rule(rule, root, options, context=context, recorded=recorded):
            yield rule, lint_, message


def _of_rule(
    rule: Rule, root: Expression, options: LintOptions, *, context: ExprContext, recorded: frozenset[str]
) -> Told:
    yield from lint_expression(root, context)
    if isinstance(rule, AlertingRule):
        yield from lint_condition(root)
        yield from _of_alert(rule, root)
    if options.history is not None:
        yield from lint_against(options.history, root, recorded)
        if isinstance(rule, AlertingRule) and rule.block_span and not options.history.has_series(HEIGHT_METRIC):
            yield Lint.SERIES, unknown_height(rule.block_span)


def _of_alert(rule: AlertingRule, root: Expression) -> Told:
    labels = dict(rule.label_texts)
    if not (rule.hold_s or rule.hold_blocks) and reads_one_sample(root) and not is_constant(root):
        yield Lint.FOR, "has no `for`, and one sample decides: a single odd one pages somebody"
    severity = labels.get(LABEL_SEVERITY, "")
    if not severity:
        yield Lint.SEVERITY, "has no severity label and counts as medium: critical, high, medium or low"
    elif "{{" not in severity and not is_known_severity(severity):
        yield Lint.SEVERITY, f"severity {severity!r} is not known and counts as medium"
    yield from _of_own_fields(rule)
    if not _SAYS_WHAT.intersection(rule.annotation_texts):
        yield Lint.ANNOTATION, "has no summary: whoever is woken reads only its name"
    if not _SAYS_WHAT_TO_DO.intersection(rule.annotation_texts):
        yield Lint.RUNBOOK, "has no runbook: say what to do first, or where that is written"
    yield from _of_chain(rule)
    yield from _of_templates(rule, root)


def _of_own_fields(rule: AlertingRule) -> Told:
    """What Prometheus would say of our own fields, and a recovery that cannot do what it is for."""
    used = {
        "recover": bool(rule.recover_expr),
        "no_data": rule.no_data is not NoData.OK,
        f"for: {rule.hold_blocks}": rule.hold_blocks is not None,
        f"keep_firing_for: {rule.keep_firing_blocks}": rule.keep_firing_blocks is not None,
    }
    if names := " and ".join(name for name, is_used in used.items() if is_used):
        yield Lint.DIALECT, f"{names}: Prometheus and promtool refuse a file with it, only anyascope reads it"
    alert = threshold_of(rule.expr)
    recovery = threshold_of(rule.recover_expr) if rule.recover_expr else None
    if alert is None or recovery is None:
        return
    (operator, limit), (back, end) = alert, recovery
    if operator[0] not in "<>" or back[0] not in "<>":
        return
    if operator[0] == back[0]:
        yield Lint.RECOVERY, f"recovers at {back} {end:g}, on the same side as {operator} {limit:g}: it never ends"
    elif (end > limit) if operator[0] == ">" else (end < limit):
        yield Lint.RECOVERY, f"recovers at {back} {end:g}, beyond {operator} {limit:g}: the alert ends as without it"


def _of_chain(rule: AlertingRule) -> Told:
    """What a rule that counts blocks does not say, and its alerts cannot."""
    span, labels = rule.block_span, labels_of_alert(rule)
    if span is None or span.chain or labels.may_have(LABEL_CHAIN):
        return
    told = f"{span}: it is not said of which chain, and the alert has no label {LABEL_CHAIN}: {labels.why}"
    yield Lint.CHAIN, f"{told}; where nodes of several chains are watched it cannot fire: write '{span} of main'"


def _of_templates(rule: AlertingRule, root: Expression) -> Told:
    answer = labels_of_answer(root)
    texts = [*rule.label_texts, *rule.annotation_texts.items()]
    missing = {
        name: where
        for where, text in reversed(texts)
        for name in (bare or quoted for bare, quoted in _LABEL_USED.findall(text))
        if not answer.may_have(name) and name != LABEL_ALERTNAME
    }
    for name, where in missing.items():
        why = f": {answer.why}" if answer.why else ""
        yield Lint.TEMPLATE, f"$labels.{name} in {where} is always empty{why}"
    for name, text in rule.label_texts:
        if _VALUE_USED.search(text) and "if" not in text:
            yield Lint.VALUE, f"label {name} holds the value, and each new value is another alert: use an annotation"
