"""Inhibition: a source that stops."""

from __future__ import annotations

import pytest

from anyascope.alerting.fingerprint import fingerprint_of
from anyascope.alerting.inhibition import Inhibitor, InhibitRule
from anyascope.alerting.matchers import parse_matchers
from anyascope.model.labels import labels_of


def sources_of(inhibitor, labels, ended=()):
    return inhibitor.sources_of(labels, is_firing=lambda fingerprint: fingerprint not in ended)


def test_a_source_that_stops_mutes_no_longer():
    """Targets are told again once no source fires; the sources are named."""
    rule = InhibitRule(parse_matchers("severity=critical"), parse_matchers("severity=warning"), ("cluster",))
    inhibitor = Inhibitor([rule])
    source = labels_of({"severity": "critical", "cluster": "a"})
    target = labels_of({"severity": "warning", "cluster": "a"})
    inhibitor.put("f1", source)
    inhibitor.put("f2", (("alertname", "y"), *source))
    assert sources_of(inhibitor, target) == ("f1",)
    assert sources_of(inhibitor, target, ended=("f1",)) == ("f2",)
    inhibitor.drop("f1", source)
    assert sources_of(inhibitor, target) == ("f2",)
    inhibitor.drop("f2", (("alertname", "y"), *source))
    assert sources_of(inhibitor, target) == ()
    assert sources_of(inhibitor, labels_of({"severity": "warning"})) == ()


@pytest.mark.parametrize(
    ("labels", "fingerprint"),
    [
        ({"alertname": "TargetDown", "instance": "127.0.0.1:1", "job": "dead", "severity": "page"}, "d4f339766ba893c7"),
        ({"alertname": "Custom", "severity": "warning"}, "1f148bbe1c40a89e"),
    ],
)
def test_fingerprints_are_prometheus(labels, fingerprint):
    """A label set has the fingerprint that a real Alertmanager recorded."""
    assert fingerprint_of(labels_of(labels)) == fingerprint
