"""Rule files in Prometheus' own format."""

from __future__ import annotations

import pytest

from anyascope.promql.signatures import EVERY_FEATURE
from anyascope.rules.definition import AlertingRule, RecordingRule
from anyascope.rules.load import LoadOptions, load_rule_files, load_rules
from anyascope.rules.packs import load_pack_rules
from anyascope.wire.settings import SettingsError
from support.components import shared_path

LEGACY = LoadOptions(are_names_legacy=True)


def refused(text, options=None):
    with pytest.raises(SettingsError) as caught:
        load_rules(text, file="r.yml", options=options or LoadOptions())
    return [str(mistake) for mistake in caught.value.mistakes]


def one_rule(rule):
    return f"groups:\n- name: g\n  rules:\n  - {rule}\n"


@pytest.mark.parametrize(
    ("file", "options", "message"),
    [
        ("test.yaml", LoadOptions(), ""),
        ("utf-8_lname.good.yaml", LoadOptions(), ""),
        ("test_aliases.yaml", LoadOptions(), ""),
        ("legacy_validation_annotation.good.yaml", LEGACY, ""),
        ("legacy_validation_annotation.bad.yaml", LoadOptions(), ""),
        ("legacy_validation_annotation.bad.yaml", LEGACY, "invalid annotation name: ins-tance"),
        ("bad_expr.bad.yaml", LoadOptions(), "parse error"),
        ("bad_field.bad.yaml", LoadOptions(), "field annotation not found"),
        ("duplicate_grp.bad.yaml", LoadOptions(), 'groupname: "yolo" is repeated in the same file'),
        ("invalid_label_name.bad.yaml", LoadOptions(), "invalid label name"),
        ("no_rec_alert.bad.yaml", LoadOptions(), "one of 'record' or 'alert' must be set"),
        ("noexpr.bad.yaml", LoadOptions(), "field 'expr' must be set in rule"),
        ("record_and_for.bad.yaml", LoadOptions(), "invalid field 'for' in recording rule"),
    ],
)
def test_upstream_files(file, options, message):
    """A file loads, or is refused with the words that Prometheus has for it."""
    text = shared_path(f"conformance/rules/rulefmt/{file}").read_text()
    if not message:
        assert load_rules(text, file=file, options=options)
        return

    with pytest.raises(SettingsError, match=message):
        load_rules(text, file=file, options=options)


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ("alert_rule.yaml", ""),
        ("alert_rule1.yaml", ""),
        ("rules.yaml", ""),
        ("rules1.yaml", ""),
        ("rules2.yaml", ""),
        ("rules2_copy.yaml", ""),
        ("rules_chain.yaml", ""),
        ("rules_multiple.yaml", ""),
        ("rules_multiple_independent.yaml", ""),
        ("invalid_rules.yaml", "not found"),
    ],
)
def test_upstream_fixtures(file, message):
    """The rule manager's own fixtures load, but for the one with an unknown field."""
    text = shared_path(f"conformance/rules/fixtures/{file}").read_text()
    if not message:
        assert load_rules(text, file=file)
        return

    with pytest.raises(SettingsError, match=message):
        load_rules(text, file=file)


def test_aliases_are_resolved():
    """Anchors, aliases and merge keys give what is written out, and a rule's own field wins over a merged one."""
    text = shared_path("conformance/rules/rulefmt/test_aliases.yaml").read_text()

    first, second = load_rules(text, file="a.yml")

    assert [rule.name for rule in first.rules] == ["HighAlert", "new_metric", "HighAlert", "HighAlert2"]
    assert second.rules[0].annotation_texts == {"description": "stuff's happening with {{ $.labels.service }}"}
    assert first.rules[3].hold_s == 300


def test_every_field():
    """Interval, limit, offset, the group's labels and every field of a rule arrive."""
    text = """
groups:
- name: g
  interval: 30s
  limit: 5
  query_offset: 1m
  labels: {team: sre, tier: "1"}
  rules:
  - record: a:b
    expr: sum(up)
    labels: {tier: "2"}
  - alert: Down
    expr: up == 0
    for: 5m
    keep_firing_for: 1h
    labels: {severity: page}
    annotations: {summary: "{{ $labels.instance }} is down"}
"""
    (group,) = load_rules(text, file="r.yml")

    assert (group.name, group.file, group.interval_s, group.limit, group.query_offset_s) == ("g", "r.yml", 30, 5, 60)
    recording, alerting = group.rules
    assert recording == RecordingRule("a:b", "sum(up)", (("team", "sre"), ("tier", "2")), line=9)
    assert isinstance(alerting, AlertingRule)
    assert (alerting.hold_s, alerting.keep_firing_s) == (300, 3600)
    assert alerting.label_texts == (("severity", "page"), ("team", "sre"), ("tier", "1"))
    assert set(alerting.annotations) == {"summary"}


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("{record: a, alert: b, expr: up}", "only one of 'record' and 'alert' must be set"),
        ("{record: a, expr: up, annotations: {a: b}}", "invalid field 'annotations' in recording rule"),
        ("{record: a, expr: up, keep_firing_for: 5m}", "invalid field 'keep_firing_for' in recording rule"),
        ("{record: 'a{b=\"c\"}', expr: up}", "braces present in the recording rule name; should it be in expr?"),
        ("{alert: a, expr: up, labels: {__name__: x}}", "invalid label name: __name__"),
        ("{alert: a, expr: up, for: 5 minutes}", 'unknown unit " minutes" in duration "5 minutes"'),
        ("{alert: a, expr: 'up =='}", "could not parse expression: "),
        (
            "{alert: a, expr: up, labels: {b: '{{ $label.x }}'}}",
            'label "b": template: __alert_a:1: undefined variable "$label"',
        ),
        (
            "{alert: a, expr: up, annotations: {b: '{{ nope }}'}}",
            'annotation "b": template: __alert_a:1: function "nope" not defined',
        ),
    ],
)
def test_mistakes_in_a_rule(rule, message):
    """A mistake in a rule is named with file, line and path."""
    (mistake,) = refused(one_rule(rule))

    assert mistake.startswith("r.yml:4: groups[0].rules[0]")
    assert message in mistake


@pytest.mark.parametrize(
    ("group", "message"),
    [
        ("{rules: []}", "Groupname must not be empty"),
        ("{name: g, limit: x}", "must be a whole number, got 'x'"),
        ("{name: g, partial_response_strategy: warn}", "field partial_response_strategy not found"),
        ("{name: g, intervall: 5s}", "field intervall not found; did you mean interval?"),
        ("{name: g, labels: {__name__: x}}", "invalid label name: __name__"),
    ],
)
def test_mistakes_in_a_group(group, message):
    """A mistake in a group is named."""
    assert message in refused(f"groups:\n- {group}\n")[0]


def test_all_mistakes_are_reported():
    """One reading shows every mistake of a file, by line."""
    mistakes = refused(one_rule("{alert: a, expr: 'up =='}\n  - {record: b}\n  - {expr: up}"))

    assert [mistake.split(":")[1] for mistake in mistakes] == ["4", "5", "6"]


def test_unknown_fields_can_be_ignored():
    """Where it is asked for, fields that are not known are read past."""
    text = shared_path("conformance/rules/promtool/rules_extrafields.yml").read_text()

    assert load_rules(text, file="x.yml", options=LoadOptions(are_unknown_fields_ignored=True))
    assert "field namespace not found" in refused(text)[0]


def test_undefined_variable_upstream():
    """`$label` for `$labels` is found at load."""
    text = shared_path("conformance/rules/promtool/rules-bad.yml").read_text()

    assert 'undefined variable "$label"' in refused(text)[0]


def test_files_by_pattern(tmp_path):
    """Patterns are resolved below the base; a file that matches twice is read once, mistakes of all files are reported."""
    (tmp_path / "a.yml").write_text("groups: [{name: a}]")
    (tmp_path / "b.yml").write_text("groups: [{name: b}]")

    groups = load_rule_files(["*.yml", "a.yml"], base=tmp_path)

    assert [(group.name, group.file) for group in groups] == [
        ("a", str(tmp_path / "a.yml")),
        ("b", str(tmp_path / "b.yml")),
    ]
    (tmp_path / "a.yml").write_text("groups: [{nam: a}]")
    (tmp_path / "b.yml").write_text("- 1")
    with pytest.raises(SettingsError) as caught:
        load_rule_files(["*.yml", "none.yml"], base=tmp_path)
    assert [mistake.file.rpartition("/")[2] for mistake in caught.value.mistakes] == [
        "none.yml",
        "a.yml",
        "a.yml",
        "b.yml",
    ]


def test_file_that_is_not_text(tmp_path):
    """A file that is not UTF-8 is refused by name."""
    (tmp_path / "a.yml").write_bytes(b"groups: [\xff]")

    with pytest.raises(SettingsError, match=r"a\.yml: is not UTF-8: byte 9"):
        load_rule_files(["a.yml"], base=tmp_path)


def test_default_rules_load():
    """The default pack loads, each group from a file that is marked as a default."""
    assert all(group.file.startswith("default:") for group in load_pack_rules("default"))


def test_what_says_nothing_is_let_pass():
    """A zero `for` or no annotations in a recording rule, and a negative limit, load as they do upstream."""
    [group] = load_rules(
        "groups: [{name: g, limit: -1, rules: [{record: a, expr: up, for: 0s, annotations: {}}]}]", file="r.yml"
    )

    assert group.limit == 0
    assert isinstance(group.rules[0], RecordingRule)


def test_experimental_syntax_must_be_enabled():
    """A function that is off by default is refused at load, unless it is on."""
    text = one_rule("{record: a, expr: sort_by_label(up)}")

    assert 'function "sort_by_label" is not enabled' in refused(text)[0]
    assert load_rules(text, file="r.yml", options=LoadOptions(features=EVERY_FEATURE))
