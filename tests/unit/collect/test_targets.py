"""Unit tests of making targets."""

from __future__ import annotations

from anyascope.collect.scrape_config import ScrapeConfig, TargetGroup
from anyascope.collect.targets import make_targets
from anyascope.wire.relabel import RelabelAction, RelabelRule


def group(*addresses: str, **labels: str) -> TargetGroup:
    return TargetGroup("0", tuple((("__address__", address),) for address in addresses), tuple(sorted(labels.items())))


def made(*rules: RelabelRule, groups=None, **fields):
    config = ScrapeConfig("node", relabel_rules=rules, **fields)
    return make_targets(config, groups or [group("a:9100")])


def set_to(name: str, value: str) -> RelabelRule:
    return RelabelRule(target_label=name, replacement=value)


def test_a_target_has_job_and_instance() -> None:
    """The job's name and the address are labels; nothing that begins with __ is."""
    target = made(groups=[group("a:9100", zone="z")]).targets[0]
    assert target.labels == (("instance", "a:9100"), ("job", "node"), ("zone", "z"))
    assert target.url == "http://a:9100/metrics"


def test_relabelling_decides_over_everything() -> None:
    """Rules may change address, scheme, path, parameters, interval and the instance."""
    target = made(
        set_to("__address__", "b:1"),
        set_to("__scheme__", "https"),
        set_to("__metrics_path__", "/probe"),
        set_to("__param_target", "x y"),
        set_to("__scrape_interval__", "90s"),
        set_to("__scrape_timeout__", "1s"),
        set_to("instance", "me"),
        params=(("module", ("m1", "m2")), ("target", ("old",))),
    ).targets[0]
    assert target.url == "https://b:1/probe?module=m1&module=m2&target=x+y"
    assert (target.interval_s, target.timeout_s) == (90.0, 1.0)
    assert dict(target.labels)["instance"] == "me"


def test_discovered_labels_are_those_before_relabelling() -> None:
    """People see what their rules see."""
    target = made(set_to("zone", "new"), groups=[group("a:9100", __meta_x="1")]).targets[0]
    assert dict(target.discovered) == {
        "__address__": "a:9100",
        "__meta_x": "1",
        "__metrics_path__": "/metrics",
        "__scheme__": "http",
        "__scrape_interval__": "60s",
        "__scrape_timeout__": "10s",
        "job": "node",
    }


def test_a_group_may_name_the_job() -> None:
    """Labels of a group stand before the job's defaults."""
    assert dict(made(groups=[group("a:1", job="other")]).targets[0].labels)["job"] == "other"


def test_dropped_targets_are_remembered() -> None:
    """What a rule drops is no target, and is told."""
    found = made(RelabelRule(RelabelAction.DROP, source_labels=("__address__",), regex="a:.*"))
    assert found.targets == ()
    assert dict(found.dropped[0])["__address__"] == "a:9100"


def test_equal_targets_are_one() -> None:
    """Two discoveries of the same are scraped once."""
    assert len(made(groups=[group("a:9100"), group("a:9100")]).targets) == 1


def test_tells_targets_that_cannot_be() -> None:
    """No address, an address with a path, an impossible interval: left out, with the reason."""
    assert "no address is left" in made(set_to("__address__", "")).faults[0]
    assert "'a/b' is not a valid hostname" in made(groups=[group("a/b")]).faults[0]
    assert "not a valid duration" in made(set_to("__scrape_interval__", "soon")).faults[0]
    assert "greater than the interval" in made(set_to("__scrape_timeout__", "5m")).faults[0]
    assert "scheme must be http or https" in made(set_to("__scheme__", "ftp")).faults[0]


def test_one_bad_target_does_not_disturb_the_others() -> None:
    """The good targets of a group are scraped."""
    found = made(groups=[group("a/b", "c:1")])
    assert [target.url for target in found.targets] == ["http://c:1/metrics"]
