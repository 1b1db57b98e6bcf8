"""Every case of Alertmanager's own about configurations, routes, matchers, times and inhibition has its outcome here."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

from anyascope.alerting.calendar import is_within, read_time_interval
from anyascope.alerting.fingerprint import fingerprint_of
from anyascope.alerting.inhibition import Inhibitor
from anyascope.alerting.matchers import parse_classic, parse_utf8, parse_utf8_single
from anyascope.alerting.routing import Route, build_routes
from anyascope.alerting.settings import read_alerting, read_alertmanager_file, read_route
from anyascope.clock import NS_PER_S
from anyascope.errors import InvalidInputError
from anyascope.model.labels import Matcher, labels_of
from anyascope.wire.settings import SettingsError, parse_duration_s, read_settings
from support.components import shared_path

FOLDER = "conformance/alertmanager"
# How many cases each suite has at least, so that an empty folder does not count as conforming.
CASES_MIN = {
    "configuration files": 30,
    "inline configurations": 14,
    "routes": 13,
    "matchers": 87,
    "time intervals": 14,
    "times of the day": 6,
    "inhibition": 8,
}

Outcomes = Iterator[tuple[str, bool]]


def test_every_case_has_upstreams_outcome(capsys):
    """Files load or are refused in upstream's words; routes, matchers, times and inhibition decide as upstream."""
    folder = shared_path(FOLDER)
    suites: dict[str, Callable[[Path], Outcomes]] = {
        "configuration files": configuration_files,
        "inline configurations": inline_configurations,
        "routes": routes,
        "matchers": matchers,
        "time intervals": time_intervals,
        "times of the day": times_of_the_day,
        "inhibition": inhibition,
    }
    found = {name: list(suite(folder)) for name, suite in suites.items()}
    with capsys.disabled():
        for name, outcomes in found.items():
            sys.stdout.write(f"\n{name:<22}{sum(is_right for _, is_right in outcomes):>4} of {len(outcomes):>3}")
    assert [f"{name}: {case}" for name, outcomes in found.items() for case, is_right in outcomes if not is_right] == []
    assert [name for name, count in CASES_MIN.items() if len(found[name]) < count] == []


def mistakes_of(text: str, file: str) -> list[str]:
    """What is wrong, each with and without its place."""
    try:
        read_alertmanager_file(text, file=file)
    except SettingsError as error:
        return [text for mistake in error.mistakes for text in (mistake.message, str(mistake))]
    return []


def configuration_files(folder: Path) -> Outcomes:
    for row in csv.DictReader((folder / "config/expected.tsv").open(), delimiter="\t"):
        found = mistakes_of((folder / "config" / row["file"]).read_text(), row["file"])
        match (row["outcome"], row["match"]):
            case ("loads", _):
                yield row["file"], not found
            case (_, "exact"):
                yield row["file"], row["message"] in found
            case _:
                yield row["file"], any(row["message"] in text for text in found)


def inline_configurations(folder: Path) -> Outcomes:
    for case in json.loads((folder / "config/inline.json").read_text()):
        yield case["name"], case["error"] in mistakes_of(case["config"], "alertmanager.yml")


def routes(folder: Path) -> Outcomes:
    yield "conf.bad.yml", bool(mistakes_of((folder / "routing/conf.bad.yml").read_text(), "conf.bad.yml"))
    for tree in json.loads((folder / "routing/routing.json").read_text()):
        root = _tree_of((folder / "routing" / tree["file"]).read_text(), is_bare="bare" in tree.get("what", ""))
        if "walk" in tree:
            yield f"{tree['file']} in order", [route.receiver for route in root.walk()] == tree["walk"]
        for case in tree["cases"]:
            wanted = case.get("routes") or [{"receiver": name} for name in case["receivers"]]
            found = [_shown(route) for route in root.matching(case["labels"])]
            is_right = len(found) == len(wanted) and all(
                one[name] == (parse_duration_s(value) if name.endswith(("_wait", "_interval")) else value)
                for one, other in zip(found, wanted, strict=True)
                for name, value in other.items()
            )
            yield f"{tree['file']} {case['labels']}", is_right


def _tree_of(text: str, *, is_bare: bool) -> Route:
    if not is_bare:
        return build_routes(read_alertmanager_file(text, file="alertmanager.yml").route)
    section = read_settings(text, file="tree.yml")
    route = read_route(section, None, None)
    section.raise_if_wrong()
    return build_routes(route)


def _shown(route: Route) -> dict[str, object]:
    return {
        "receiver": route.receiver,
        "key": route.key,
        "group_by": sorted(route.group_by),
        "group_by_all": route.group_by_all,
        "group_wait": route.group_wait_s,
        "group_interval": route.group_interval_s,
        "repeat_interval": route.repeat_interval_s,
    }


def matchers(folder: Path) -> Outcomes:
    syntaxes = {"classic": parse_classic, "utf8": parse_utf8, "utf8_single": parse_utf8_single}
    for syntax, cases in json.loads((folder / "matchers.json").read_text()).items():
        for case in cases:
            try:
                found = syntaxes[syntax](case["input"])
            except InvalidInputError as error:
                yield f"{syntax} {case['input']}", error.message == case.get("error")
                continue
            each = (found,) if isinstance(found, Matcher) else found
            yield f"{syntax} {case['input']}", [[m.name, m.op.value, m.value] for m in each] == case.get("matchers")


def time_intervals(folder: Path) -> Outcomes:
    for case in json.loads((folder / "time_intervals.json").read_text())["intervals"]:
        section = read_settings("list:\n" + case["yaml"].removeprefix("---\n"), file="f.yml")
        found = [read_time_interval(entry) for entry in section.sections("list")]
        try:
            section.raise_if_wrong()
        except SettingsError as error:
            yield case["yaml"], [mistake.message for mistake in error.mistakes] == [case.get("error")]
            continue
        inside = [is_within(found, _ns_of(text)) for text in case["contains"]]
        outside = [is_within(found, _ns_of(text)) for text in case["excludes"]]
        yield case["yaml"], "error" not in case and all(inside) and not any(outside)


def times_of_the_day(folder: Path) -> Outcomes:
    for case in json.loads((folder / "time_intervals.json").read_text())["time_ranges"]:
        section = read_settings(f"times: [{case['yaml']}]\n", file="f.yml")
        found = read_time_interval(section)
        try:
            section.raise_if_wrong()
        except SettingsError:
            yield case["yaml"], case["error"]
        else:
            yield case["yaml"], not case["error"] and found.times == ((case["start_minute"], case["end_minute"]),)


def _ns_of(text: str) -> int:
    return int(datetime.strptime(text, "%d %b %y %H:%M %z").timestamp()) * NS_PER_S


def inhibition(folder: Path) -> Outcomes:
    for case in json.loads((folder / "inhibit.json").read_text()):
        section = read_settings(json.dumps({"inhibit_rules": case["inhibit_rules"]}), file="f.yml")
        inhibitor = Inhibitor(read_alerting(section).inhibit_rules)
        for labels in map(labels_of, case["firing"]):
            inhibitor.put(fingerprint_of(labels), labels)
        for target in case["targets"]:
            sources = inhibitor.sources_of(labels_of(target["labels"]), is_firing=lambda _: True)
            yield str(target["labels"]), bool(sources) is target["inhibited"]
