"""The linter: each lint speaks where it should, and is silent beside."""

from __future__ import annotations

import pytest

from anyascope import packs
from anyascope.errors import InvalidInputError
from anyascope.rules.lint import DEFAULT_LINTS, Lint, chosen_lints, lint
from anyascope.rules.lint.lints import LintOptions
from anyascope.rules.load import load_rules
from support.components import REPOSITORY, shared_path

ALL = LintOptions(frozenset(Lint))


def linted(text, options=ALL):
    return lint(load_rules(text, file="r.yml"), {"r.yml": text}, options)


def of_expr(expr, options=ALL):
    """(code, message without the rule's name) of a recording rule."""
    text = f"groups:\n- name: g\n  rules:\n  - record: r\n    expr: {expr!r}\n"
    return [(finding.code, finding.message.removeprefix("r: ")) for finding in linted(text, options)]


def of_alert(fields, *, without=()):
    """The codes of an alert that is sound but for these fields."""
    sound = {
        "alert": "A",
        "expr": "'x > 1'",
        "for": "1m",
        "labels": "{severity: high}",
        "annotations": "{summary: s, runbook: r}",
    }
    rule = {name: value for name, value in (sound | fields).items() if name not in without}
    body = ", ".join(f"{name}: {value}" for name, value in rule.items())
    return [finding.code for finding in linted(f"groups: [{{name: g, rules: [{{{body}}}]}}]")]


@pytest.mark.parametrize(
    "expr",
    [
        "up > 1",
        "up < 0",
        "1 < up",
        "up == 2",
        "min(up) > 1",
        "avg_over_time(up[5m]) > 1",
        "count(x) == 0",
        "count by (job) (x) < 1",
        "rate(x[5m]) < 0",
        "absent(x) == 0",
        "absent(x or vector(0))",
        "vector(1) > 2",
        "x > 5 and x < 3",
        "x > 5 < 3",
        "sum(x > 5 < 3)",
        "x{a='b',a='c'}",
        "x{a='b',a!='b'}",
        "x{a='b',a!~'b|c'}",
        "x{a!~'.*'}",
        "x unless x",
        "(up > 1) or (up < 0)",
        "up * 100 > 100",
        "1 - up > 1",
        "hour() > 23",
        "clamp_max(x, 5) > 5",
        "(x > bool 1) > 1",
        "rate(x_total[5m]) / rate(y_total[5m]) < 0",
    ],
)
def test_impossible(expr):
    """What no data can make true is told."""
    assert [code for code, _ in of_expr(expr)] == ["promql/impossible"]


@pytest.mark.parametrize(
    "expr",
    [
        "up == 0",
        "up < 1",
        "up != 1",
        "sum(up) > 1",
        "count(up) > 1",
        "count(x) or vector(0) == 0",
        "absent(x)",
        "absent(count(x)) == 1",
        "delta(x[5m]) < 0",
        "x > 5 and x < 7",
        "x > 5 and on(a) x < 3",
        "x unless y",
        "x unless on(a) x",
        "x{a='b',a=~'b|c'}",
        "x{a!='b',a!='c'}",
        "up * -1 < 0",
        "x < 0.15 >= 0.05",
        "sum(x) < 0",
        "x_total - y_total < 0",
        "vector(1)",
        "time() - x > 5",
        "scalar(up) > bool 0",
        "increase(x[5m]) == 0",
    ],
)
def test_possible(expr):
    """What some data can make true is not called impossible."""
    assert of_expr(expr) == []


def test_the_reason_is_told():
    """The message says why, and for a count what to use."""
    [(_, up)] = of_expr("up > 1")
    [(_, count)] = of_expr("count(x) == 0")

    assert up.endswith("lies between 0 and 1, so that it is never > 1")
    assert count.endswith("a count of nothing gives nothing: use absent()")


@pytest.mark.parametrize(
    ("expr", "code"),
    [
        ("rate(x[20s])", "promql/rate"),
        ("increase(x[29s])", "promql/rate"),
        ("rate(x[30s])", None),
        ("avg_over_time(x[10s])", None),
        ("rate(sum(x)[5m:1m])", "promql/rate"),
        ("sum(rate(x[5m]))", None),
        ("max_over_time(sum(x)[5m:1m])", None),
        ("x{a=~'.*'}", "promql/regexp"),
        ("x{a=~'b'}", "promql/regexp"),
        ("x{a!~'b'}", "promql/regexp"),
        ("x{a=~'^b.*'}", "promql/regexp"),
        ("x{a=~'b.*$'}", "promql/regexp"),
        ("x{a=~'.+'}", None),
        ("x{a=~''}", None),
        ("x{a=~'b|c'}", None),
        ("sum by (user_id) (x)", "rule/cardinality"),
        ("sum without (user_id) (x)", None),
        ("count_values('version', x)", "rule/cardinality"),
        ("sum by (job) (x)", None),
    ],
)
def test_expressions(expr, code):
    """Windows, patterns and groupings."""
    assert [found for found, _ in of_expr(expr)] == ([code] if code else [])


def test_scrape_interval():
    """A window is short or long by how often samples come."""
    assert of_expr("rate(x[1m])", LintOptions(scrape_interval_s=60))[0][0] == "promql/rate"
    assert of_expr("rate(x[2m])", LintOptions(scrape_interval_s=60)) == []


@pytest.mark.parametrize(
    ("fields", "without", "code"),
    [
        ({}, (), None),
        ({}, ("for",), "alerts/for"),
        ({"expr": "'rate(x[5m]) > 1'"}, ("for",), None),
        ({"expr": "vector(1)"}, ("for",), None),
        ({}, ("labels",), "alerts/severity"),
        ({"labels": "{severity: hihg}"}, (), "alerts/severity"),
        ({"labels": "{severity: page}"}, (), None),
        ({"labels": "{severity: '{{ if true }}high{{ end }}'}"}, (), None),
        ({"annotations": "{runbook: r}"}, (), "alerts/annotation"),
        ({"annotations": "{description: d, runbook_url: r}"}, (), None),
        ({"annotations": "{summary: s}"}, (), "alerts/runbook"),
        ({"labels": "{severity: high, v: '{{ $value }}'}"}, (), "alerts/value"),
        ({"labels": "{severity: '{{ if gt $value 5.0 }}high{{ else }}low{{ end }}'}"}, (), None),
        ({"expr": "'x > bool 1'"}, (), "alerts/comparison"),
        ({"expr": "x"}, (), "alerts/comparison"),
        ({"expr": "'sum(x) / sum(y)'"}, (), "alerts/comparison"),
        ({"expr": "'x unless y'"}, (), None),
        ({"expr": "'absent(x)'"}, (), None),
        ({"expr": "'x and y'"}, (), None),
    ],
)
def test_alerts(fields, without, code):
    """What every alert should have."""
    assert of_alert(fields, without=without) == ([code] if code else [])


@pytest.mark.parametrize(
    ("expr", "label", "is_told"),
    [
        ("sum by (job) (x) > 1", "instance", True),
        ("sum by (job) (x) > 1", "job", False),
        ("sum(x) > 1", "job", True),
        ("sum without (instance) (x) > 1", "instance", True),
        ("sum without (instance) (x) > 1", "job", False),
        ("x > 1", "anything", False),
        ("absent(up{job='a'})", "job", False),
        ("absent(up{job=~'a.+'})", "job", True),
        ("absent(up{job='a'})", "instance", True),
        ("sum by (job) (x) * on(job) group_left(team) y > 1", "team", False),
        ("x / on(job) y > 1", "instance", True),
        ("x / ignoring(instance) y > 1", "instance", True),
        ("x and on(job) y", "instance", False),
        ("sum by (job) (x) > 1 or y > 1", "instance", False),
        ("label_replace(sum(x), 'a', 'b', 'c', 'd') > 1", "a", False),
        ("histogram_quantile(0.9, rate(x_bucket[5m])) > 1", "le", True),
        ("topk(3, x) > 1", "instance", False),
        ("count_values('v', x) > 1", "v", False),
        ("x{a=''} > 1", "a", True),
        ("1 < sum by (job) (x)", "instance", True),
        ("vector(1) > 0", "job", True),
    ],
)
def test_labels_in_templates(expr, label, is_told):
    """A template that names a label which the answer cannot have is told; one that it may have is not."""
    annotations = f"{{summary: '{{{{ $labels.{label} }}}}', runbook: r}}"

    found = of_alert({"expr": '"' + expr.replace('"', '\\"') + '"', "annotations": annotations})

    assert ("alerts/template" in found) == is_told


def test_why_a_label_is_missing():
    """The message names what dropped it."""
    [finding] = linted(
        "groups: [{name: g, rules: [{alert: A, expr: 'sum by (job) (x) > 1', for: 1m, labels: {severity: high},"
        " annotations: {summary: '{{ index $labels \"pod\" }}', runbook: r}}]}]"
    )

    assert finding.message == "A: $labels.pod in summary is always empty: sum by(job) keeps no others"


def test_duplicates():
    """Rules with the same name and labels are told once, at the second; other labels make another rule."""
    text = "groups:\n- name: g\n  rules:\n" + "".join(
        f"  - {{record: r, expr: x, labels: {{a: '{value}'}}}}\n" for value in "1212"
    )

    assert [(finding.line, finding.code) for finding in linted(text)] == [(6, "rule/duplicate"), (7, "rule/duplicate")]
    assert "lines 4, 6" in linted(text)[0].message


def test_objectives_are_no_duplicates():
    """Two of one file: their alerts differ by the label `slo`, which comes of their expressions."""
    text = "slos:\n" + "".join(
        f"- {{name: {name}, objective: 99, window: 30d, total: t_total, bad: b_total}}\n" for name in ("one", "two")
    )

    assert "rule/duplicate" not in {finding.code for finding in linted(text)}


def test_upstream_fixture():
    """Prometheus' own lint fixture has one duplicate rule and nothing else."""
    text = shared_path("conformance/rules/promtool/prometheus-rules.lint.yml").read_text()

    assert [finding.code for finding in linted(text, LintOptions())] == ["rule/duplicate"]


@pytest.mark.parametrize(("name", "text"), packs.rules(), ids=[name for name, _ in packs.rules()])
def test_default_rules_are_sound(name, text):
    """Nothing is to be said of the rules that come with the server."""
    assert lint(load_rules(text, file=name), {name: text}, ALL) == []


FILE = """groups:
- name: g
  rules:
  - record: a
    expr: x{a=~"b"}
  # Because of history. anyascope: disable=promql/regexp,promql/rate
  - record: b
    expr: rate(x{a=~"b"}[1s])
  - record: c
    expr: x{a=~"b"} # pint disable promql/regexp
  - record: d
    expr: x{a=~"b"}
"""


def test_comments_disable():
    """A comment above a rule, or on one of its lines, switches lints off for it alone; another for the file."""
    assert [finding.line for finding in linted(FILE)] == [4, 11]
    assert linted("# anyascope: disable-file=all\n" + FILE) == []
    assert linted("# pint file/disable promql/regexp\n" + FILE) == []


@pytest.mark.parametrize(
    ("text", "lints"),
    [
        ("default", DEFAULT_LINTS),
        ("all", frozenset(Lint)),
        ("none", frozenset()),
        ("duplicate-rules", {Lint.DUPLICATE}),
        ("promql/rate, alerts/for", {Lint.RATE, Lint.FOR}),
        ("-alerts/for", DEFAULT_LINTS - {Lint.FOR}),
        ("all,-promql/series", frozenset(Lint) - {Lint.SERIES}),
    ],
)
def test_choice(text, lints):
    """Lints are chosen by code, by promtool's name, or left out."""
    assert chosen_lints(text) == lints


def test_unknown_lints_are_refused():
    """With what was most likely meant."""
    with pytest.raises(InvalidInputError, match="did you mean promql/rate"):
        chosen_lints("promql/rates")


class Told:
    """A server that has these series and types."""

    def __init__(self, *selectors, **types):
        self.selectors, self.types = selectors, types

    def has_series(self, selector):
        return selector in self.selectors

    def type_of(self, metric):
        return self.types.get(metric, "")


@pytest.mark.parametrize(
    ("expr", "message"),
    [
        ("x", ""),
        ("nope", "the server has no metric nope"),
        ('x{job="b"}', 'the server has no series {__name__="x", job="b"}: none has job="b"'),
        ("absent(nope)", ""),
        ("x or nope", ""),
        ("x unless nope", ""),
        ("r", ""),
        ("ALERTS", ""),
        ("rate(gauge[5m])", "rate() is for counters, and gauge is a gauge: use delta() or deriv()"),
        ("rate(x[5m])", ""),
        ("delta(gauge[5m])", ""),
    ],
)
def test_against_a_server(expr, message):
    """What is read and does not exist there is told, and a gauge that is taken for a counter."""
    history = Told("x", '{__name__="x"}', '{__name__="gauge"}', gauge="gauge", x="counter")

    assert [text for _, text in of_expr(expr, LintOptions(history=history))] == ([message] if message else [])


def test_every_lint_is_documented():
    """Each code has its heading in the guide."""
    guide = (REPOSITORY / "docs/guide/rules.md").read_text()

    assert [lint.value for lint in Lint if f"\n#### {lint.value}\n" not in guide] == []


@pytest.mark.parametrize(
    ("expr", "fields", "codes"),
    [
        ("x > 90", {"recover": "'< 80'"}, ["rule/dialect"]),
        ("x < 10", {"recover": "'>= 20'"}, ["rule/dialect"]),
        ("x > 90", {"recover": "'< 95'"}, ["alerts/recovery", "rule/dialect"]),
        ("10 > x", {"recover": "'> 5'"}, ["alerts/recovery", "rule/dialect"]),
        ("x > 90", {"recover": "'> 95'"}, ["alerts/recovery", "rule/dialect"]),
        ("x == 1", {"recover": "'== 0'"}, ["rule/dialect"]),
        ("x > 90", {"recover_expr": "'y < 95'", "no_data": "keep"}, ["alerts/recovery", "rule/dialect"]),
        ("x > 90", {"no_data": "alert"}, ["rule/dialect"]),
        ("x > 90", {"no_data": "ok"}, []),
    ],
)
def test_recovery(expr, fields, codes):
    """A recovery that never comes, or comes as without it, is told, and that Prometheus reads no such field."""
    assert of_alert({"expr": f"'{expr}'", **fields}) == codes
