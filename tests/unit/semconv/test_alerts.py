"""What labels mean to a person."""

from __future__ import annotations

import pytest

from anyascope.model.alerts import AlertCategory, AlertSeverity
from anyascope.model.labels import labels_of
from anyascope.semconv import alerts


@pytest.mark.parametrize(
    ("text", "severity"),
    [
        ("critical", AlertSeverity.CRITICAL),
        ("page", AlertSeverity.CRITICAL),
        ("Error", AlertSeverity.HIGH),
        (" warning ", AlertSeverity.MEDIUM),
        ("info", AlertSeverity.LOW),
        ("none", AlertSeverity.LOW),
        ("whatever", AlertSeverity.MEDIUM),
        ("", AlertSeverity.MEDIUM),
    ],
)
def test_severity_words_of_the_field(text, severity):
    """A severity is understood in the words that rule files use, and is medium otherwise."""
    assert alerts.severity_of(labels_of({"severity": text})) is severity


def test_severity_traits():
    """Deadlines, colours and marks are those of the specification, ordered from the most severe."""
    found = [(t.deadline_s, t.color, t.mark) for t in sorted(alerts.SEVERITY_TRAITS.values(), key=lambda t: t.rank)]

    assert found == [
        (0, "#FF0000", "🚨"),
        (900, "#FF8C00", "⚠️"),
        (3600, "#FFD700", "⚡"),
        (86400, "#00FF00", "\u2139\ufe0f"),
    ]


@pytest.mark.parametrize(("text", "known"), [("page", True), ("high", True), ("HIGH", True), ("hihg", False)])
def test_known_severities(text, known):
    """A word that no rule file uses is told apart from one that means a severity."""
    assert alerts.is_known_severity(text) is known


def test_category_falls_back():
    """A category that is not one of the five counts as availability."""
    assert alerts.category_of(labels_of({"category": "Security"})) is AlertCategory.SECURITY
    assert alerts.category_of(labels_of({"category": "weather"})) is AlertCategory.AVAILABILITY


@pytest.mark.parametrize(
    ("labels", "component"),
    [
        ({"component": "disk", "job": "node"}, "disk"),
        ({"service": "custody", "job": "node"}, "custody"),
        ({"job": "node"}, "node"),
        ({"instance": "h1"}, "h1"),
        ({}, "unknown"),
    ],
)
def test_component(labels, component):
    """An alert's component is its label, else what it is about."""
    assert alerts.component_of(labels_of(labels)) == component


def test_title():
    """A title is the summary, and the alert's name where there is none."""
    labels = labels_of({"alertname": "Down"})

    assert alerts.title_of(labels, {"summary": "It is down"}) == "It is down"
    assert alerts.title_of(labels, {}) == "Down"
