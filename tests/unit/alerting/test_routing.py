"""The route tree: what is inherited, and the names of groups. Upstream's own vectors stand in `tests/contract`."""

from __future__ import annotations

import itertools

from anyascope.alerting.matchers import parse_matchers
from anyascope.alerting.routing import RouteSettings, build_routes, group_id, group_key
from anyascope.model.labels import labels_of


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


def test_an_index_leaves_out_no_child_that_matches():
    """The routes that are tried give the same result as trying all of them, in the same order."""
    tests = ('a="1"', 'a="2",b="1"', 'b="1"', 'b=~".+"', 'a!="1"', 'c=""', 'b="1",a=~"1|2"', 'a="1"')
    children = tuple(
        RouteSettings(receiver=f"r{number}", matchers=tuple(parse_matchers(test)), goes_on=number != 4)
        for number, test in enumerate(tests)
    )
    root = build_routes(RouteSettings(receiver="root", routes=children))
    for values in itertools.product(("", "1", "2"), repeat=3):
        labels = {name: value for name, value in zip("abc", values, strict=True) if value}
        wanted: list[str] = []
        for route in root.routes:
            if route.test(labels):
                wanted.append(route.receiver)
                if not route.goes_on:
                    break
        assert [route.receiver for route in root.matching(labels)] == (wanted or ["root"])
