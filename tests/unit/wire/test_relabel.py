"""Unit tests of relabelling. Source of the cases: Prometheus' documentation of `relabel_config`."""

from __future__ import annotations

import pytest

from anyascope.errors import InvalidInputError
from anyascope.wire.relabel import RelabelAction, RelabelRule, relabel

LABELS = {"a": "foo", "b": "bar", "c": "baz"}


def ruled(labels: dict[str, str], *rules: dict) -> dict[str, str] | None:
    return relabel(
        labels, [RelabelRule(**{**rule, "action": RelabelAction(rule.get("action", "replace"))}) for rule in rules]
    )


@pytest.mark.parametrize(
    ("rule", "found"),
    [
        ({"source_labels": ("a",), "regex": "f(.*)", "target_label": "d", "replacement": "ch${1}-ch${1}"}, "choo-choo"),
        ({"source_labels": ("a", "b"), "regex": "f(.*);(.*)r", "target_label": "d", "replacement": "b$1$2"}, "booba"),
        ({"source_labels": ("a", "b"), "separator": "-", "target_label": "d"}, "foo-bar"),
        ({"target_label": "d", "replacement": "fixed"}, "fixed"),
        ({"source_labels": ("a",), "regex": "(?P<n>f)oo", "target_label": "d", "replacement": "$n-${n}-$$"}, "f-f-$"),
        ({"source_labels": ("a",), "regex": "f(x)?oo", "target_label": "d", "replacement": "<$1>"}, "<>"),
        ({"source_labels": ("a",), "regex": "f(.)o", "target_label": "d", "replacement": "$1x$7${1}x"}, "ox"),
        ({"source_labels": ("a",), "regex": "oo", "target_label": "d", "replacement": "never"}, None),
        ({"source_labels": ("gone",), "regex": "", "target_label": "d", "replacement": "was empty"}, "was empty"),
        ({"source_labels": ("a",), "action": "uppercase", "target_label": "d"}, "FOO"),
        ({"source_labels": ("c",), "action": "hashmod", "modulus": 1000, "target_label": "d"}, "976"),
    ],
)
def test_writes_a_label(rule: dict, found: str | None) -> None:
    """A rule that matches the whole joined value writes its replacement; one that does not leaves all as it is."""
    labels = ruled(LABELS, rule)
    assert labels == (LABELS if found is None else {**LABELS, "d": found})


def test_target_may_be_made_of_groups() -> None:
    """The name of the written label may hold groups too."""
    rule = {"source_labels": ("a",), "regex": "(f)oo", "target_label": "x_${1}", "replacement": "y"}
    assert ruled(LABELS, rule) == {**LABELS, "x_f": "y"}


def test_an_empty_replacement_removes_the_label() -> None:
    """A label whose value becomes empty is gone."""
    assert ruled(LABELS, {"source_labels": ("a",), "target_label": "a", "regex": "foo", "replacement": ""}) == {
        "b": "bar",
        "c": "baz",
    }


@pytest.mark.parametrize(
    ("rule", "is_kept"),
    [
        ({"action": "keep", "source_labels": ("a",), "regex": "fo.*"}, True),
        ({"action": "keep", "source_labels": ("a",), "regex": "o"}, False),
        ({"action": "drop", "source_labels": ("a",), "regex": "foo"}, False),
        ({"action": "drop", "source_labels": ("a",), "regex": "f"}, True),
        ({"action": "keep", "source_labels": ("a",), "regex": "x|foo"}, True),
        ({"action": "drop", "source_labels": ("gone",), "regex": ".*"}, False),
        ({"action": "keepequal", "source_labels": ("a",), "target_label": "a"}, True),
        ({"action": "keepequal", "source_labels": ("a",), "target_label": "b"}, False),
        ({"action": "dropequal", "source_labels": ("a",), "target_label": "a"}, False),
        ({"action": "dropequal", "source_labels": ("a",), "target_label": "b"}, True),
    ],
)
def test_keeps_or_drops(rule: dict, *, is_kept: bool) -> None:
    """Keeping and dropping go by the whole value; nothing else changes."""
    assert ruled(LABELS, rule) == (LABELS if is_kept else None)


def test_maps_labels() -> None:
    """`labelmap` copies the labels whose names match under new names."""
    labels = {"__meta_k8s_app": "x", "__meta_k8s_zone": "y", "job": "z"}
    assert ruled(labels, {"action": "labelmap", "regex": "__meta_k8s_(.+)"}) == {**labels, "app": "x", "zone": "y"}


def test_drops_and_keeps_labels() -> None:
    """`labeldrop` and `labelkeep` take labels away by their names."""
    assert ruled(LABELS, {"action": "labeldrop", "regex": "[ab]"}) == {"c": "baz"}
    assert ruled(LABELS, {"action": "labelkeep", "regex": "[ab]"}) == {"a": "foo", "b": "bar"}


def test_rules_see_what_the_ones_before_made() -> None:
    """Rules run in their order, each on what the last one left."""
    rules = (
        {"source_labels": ("a",), "target_label": "__tmp", "replacement": "x-$1"},
        {"source_labels": ("__tmp",), "regex": "x-(.*)", "target_label": "e"},
        {"action": "labeldrop", "regex": "__tmp"},
    )
    assert ruled(LABELS, *rules) == {**LABELS, "e": "foo"}


def test_a_dot_matches_a_line_feed() -> None:
    """As in Prometheus 3, `.` matches any character."""
    assert ruled({"a": "x\ny"}, {"action": "keep", "source_labels": ("a",), "regex": "x.y"}) is not None


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"action": "hashmod", "target_label": "d"}, "modulus"),
        ({"action": "replace"}, "target_label"),
        ({"action": "lowercase"}, "target_label"),
        ({"action": "keepequal", "source_labels": ("a",)}, "target_label"),
        ({"action": "lowercase", "target_label": "d", "replacement": "x"}, "replacement"),
        ({"action": "dropequal", "target_label": "d", "regex": "x"}, "regex"),
        ({"action": "keepequal", "target_label": "d", "separator": ","}, "separator"),
        ({"action": "labeldrop", "source_labels": ("a",)}, "source_labels"),
        ({"action": "labelkeep", "regex": "a", "target_label": "x"}, "target_label"),
        ({"action": "labelmap", "replacement": ""}, "replacement"),
        ({"action": "keep", "regex": "("}, "regex"),
        ({"action": "keep", "regex": "(?=x)"}, "regex"),
    ],
)
def test_refuses_fields_that_do_not_go_together(fields: dict, path: str) -> None:
    """A rule that cannot mean what it says is refused, with the field at fault."""
    with pytest.raises(InvalidInputError) as caught:
        ruled({}, fields)
    assert caught.value.path == path
