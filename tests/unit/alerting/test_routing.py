"""The route tree: upstream's own vectors, and the names of groups."""

from __future__ import annotations

import json

import pytest

from anyascope.alerting.matchers import parse_matchers
from anyascope.alerting.routing import RouteSettings, build_routes, group_id, group_key
from anyascope.alerting.settings import read_alertmanager_file, read_route
from anyascope.model.labels import labels_of
from anyascope.wire.settings import SettingsError, parse_duration_s, read_settings
from support.components import shared_path


def tree_of(folder, case):
    text = (folder / case["file"]).read_text()
    if "bare" in case.get("what", ""):
        section = read_settings(text, file=case["file"])
        route = read_route(section, None, None)
        section.raise_if_wrong()
        return build_routes(route)
    return build_routes(read_alertmanager_file(text, file=case["file"]).route)


def test_routes_as_upstream():
    """Each label set takes upstream's routes, in order, with all that they inherit."""
    folder = shared_path("conformance/alertmanager/routing")
    trees = json.loads((folder / "routing.json").read_text())
    checked = 0
    for tree in trees:
        root = tree_of(folder, tree)
        if "walk" in tree:
            assert [route.receiver for route in root.walk()] == tree["walk"]
        for case in tree["cases"]:
            found = root.matching(case["labels"])
            wanted_routes = case.get("routes") or [{"receiver": name} for name in case["receivers"]]
            for route, wanted in zip(found, wanted_routes, strict=True):
                shown = {
                    "receiver": route.receiver,
                    "key": route.key,
                    "group_by": sorted(route.group_by),
                    "group_by_all": route.group_by_all,
                    "group_wait": route.group_wait_s,
                    "group_interval": route.group_interval_s,
                    "repeat_interval": route.repeat_interval_s,
                }
                for name, value in wanted.items():
                    expected = parse_duration_s(value) if name.endswith(("wait", "interval")) else value
                    assert shown[name] == expected, (case, name)
            checked += 1
    assert checked > 10


def test_a_broken_file_does_not_load():
    """Upstream's broken file is refused."""
    with pytest.raises(SettingsError):
        read_alertmanager_file(
            shared_path("conformance/alertmanager/routing/conf.bad.yml").read_text(), file="conf.bad.yml"
        )


def test_group_key_is_upstreams():
    """A group is named by its route's path and its labels, as in a recorded webhook."""
    root = build_routes(RouteSettings(receiver="all", group_by=("alertname", "job")))
    labels = root.group_labels(labels_of({"alertname": "TargetDown", "instance": "i", "job": 'a"b'}))
    assert labels == (("alertname", "TargetDown"), ("job", 'a"b'))
    assert group_key(root, labels) == '{}:{alertname="TargetDown", job="a\\"b"}'


def test_wildcard_groups_by_all_labels():
    """`...` makes a group of each label set."""
    root = build_routes(RouteSettings(receiver="all", match_all=True))
    labels = labels_of({"a": "1", "b": "2"})
    assert root.group_labels(labels) == labels


def test_intervals_are_not_inherited_but_labels_are():
    """A child has its parent's route labels, and no time intervals but its own."""
    root = build_routes(
        RouteSettings(
            receiver="a",
            labels=(("team", "x"), ("tier", "1")),
            routes=(
                RouteSettings(
                    matchers=parse_matchers("a=b"),
                    labels=(("tier", "2"),),
                    mute_time_intervals=("night",),
                    routes=(RouteSettings(matchers=parse_matchers("c=d")),),
                ),
            ),
        )
    )
    (leaf,) = root.matching({"a": "b", "c": "d"})
    assert leaf.mute_time_intervals == ()
    assert leaf.labels == (("team", "x"), ("tier", "2"))


def test_groups_of_two_receivers_are_two():
    """The same alerts told to two receivers are two groups."""
    assert group_id("{}:{}", "a") != group_id("{}:{}", "b")
