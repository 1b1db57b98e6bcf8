"""Thousands of random configurations: amtool accepts, refuses and routes as this server does, in the same words."""

from __future__ import annotations

import json
import re
import subprocess
from random import Random

import pytest

from anyascope.alerting.routing_shown import routes_for
from anyascope.alerting.settings import read_alertmanager_file
from anyascope.wire.settings import SettingsError
from support.components import component

pytestmark = pytest.mark.long

RECEIVERS = [{"name": name} for name in ("root", "r1", "r2", "r3", "r4")]

NAMES = ("foo", "a", "b_c", '"a b"', "a.b", "ü", '"x=y"', "_x", "1a", '""', "a:b")
OPERATORS = ("=", "!=", "=~", "!~", " = ", " =~", "!~ ", "==", "=!")
VALUES = (
    *(
        "bar",
        '"bar"',
        '""',
        "",
        "b a",
        '"b\\"c"',
        "'q'",
        "`r`",
        "x|y",
        '"x|y"',
        "a,b",
        '"a,b"',
        "\\d",
        '"\\\\d"',
        '"\\d"',
    ),
    *("🙂", '"\\u00fc"', '"\\xff"', "(", '"("', '"un', "b}", "{b", "a=b", "a!b", "a~b", '"a"b', "b\\n", '"\\n"'),
)
PIECES = (
    *(
        "a",
        "foo",
        "a.b",
        "ü",
        "1",
        "_",
        "=",
        "!=",
        "=~",
        "!~",
        "!",
        "~",
        '"',
        "'",
        "`",
        "{",
        "}",
        ",",
        " ",
        "\t",
        "\\",
        "\\n",
    ),
    *('\\"', "\\x41", "\\u00fc", "\\q", "x|y", "(", "[", "*", ".*", "^", "$", ":", "-", "/", "\n", '"a b"', '""'),
)
WEEKDAYS = ("monday", "sunday", "Friday", "sat", "1", "", "funday", " monday", "wednesday")
MONTHS = ("january", "May", "12", "0", "13", "-1", "jan", "december", "", "x", "march", "7")
DAYS = ("1", "31", "32", "0", "-1", "-31", "-32", "x", "", "15", "-15", "+5", "05", "1.5", "28", " 3")
YEARS = ("2020", "2025", "-5", "x", "", "1e3", "0", "99999999999999999999")
TIMES = ("09:00", "9:00", "24:00", "00:00", "23:59", "24:01", "12:60", "", ":", "17:00", "0900")
ZONES = ("UTC", "Europe/Berlin", "", "Nowhere", "../x", "/etc/localtime", "EST", "US/Pacific", "Etc/GMT+3")
DURATIONS = (
    *(
        "1s",
        "0s",
        "0",
        "5m",
        "1h30m",
        "3x",
        "",
        "1",
        "-1s",
        "1.5h",
        "1d2h",
        "2h1d",
        "1w",
        "10000y",
        "1ms",
        "1us",
        "1 s",
    ),
    *("1h 30m", "٣s", "1hh", "s", "999999999999999999999s", "1h1h"),
)
PATTERNS = (
    *(
        "a",
        "(",
        "[",
        "a**",
        "*",
        "(?P<n>x)",
        "(?P<n>x)(?P<n>y)",
        "(?=x)",
        "\\d",
        "\\q",
        "a{2}",
        "a{1001}",
        "a{2,1}",
        "[z-a]",
    ),
    *("[[:alpha:]]", "[[:foo:]]", "\\", "\\pL", "\\p{Foo}", "(?i)x", "(?z)x", "|", "x{,3}", "\\x{110000}", "a)", "(?s"),
    *(
        "(?P<1>x)",
        "(?P=n)",
        "\\8",
        "[^",
        "[]a]",
        "[a-\\d]",
        "(a+)+$",
        "ü",
        "(((((",
        "(?:a{1000}){2}",
        "\\z",
        "\\Z",
        "$^",
    ),
)


def matcher(random: Random) -> str:
    if random.random() < 0.5:
        return "".join(random.choice(PIECES) for _ in range(random.randint(1, 8)))
    text = random.choice(NAMES) + random.choice(OPERATORS) + random.choice(VALUES)
    if random.random() < 0.4:
        text += random.choice([",", ", ", ",,", " "]) + random.choice(["c=d", 'e!~"f"', "", "g"])
    return "{" + text + random.choice(["}", "}", "", "} ", ",}"]) if random.random() < 0.4 else text


def stretch(random: Random, words: tuple[str, ...]) -> str:
    count = random.choice([1, 1, 2, 2, 2, 3])
    return ":".join(random.choice(words) for _ in range(count))


def configuration(random: Random) -> dict[str, object]:
    """One thing that may be wrong: which of several is told first is chance upstream."""
    route: dict[str, object] = {"receiver": "root"}
    found: dict[str, object] = {"route": route, "receivers": RECEIVERS}
    match random.choice(["matcher", "matcher", "duration", "pattern", "interval", "interval"]):
        case "matcher":
            route["routes"] = [{"matchers": [matcher(random)]}]
        case "duration":
            route[random.choice(["group_wait", "group_interval", "repeat_interval"])] = random.choice(DURATIONS)
        case "pattern":
            route["routes"] = [{"match_re": {"a": random.choice(PATTERNS)}}]
        case "interval":
            part = random.choice(
                [
                    {"weekdays": [stretch(random, WEEKDAYS)]},
                    {"months": [stretch(random, MONTHS)]},
                    {"days_of_month": [stretch(random, DAYS)]},
                    {"years": [stretch(random, YEARS)]},
                    {"times": [{"start_time": random.choice(TIMES), "end_time": random.choice(TIMES)}]},
                    {"location": random.choice(ZONES)},
                ]
            )
            found["time_intervals"] = [{"name": "n", "time_intervals": [part]}]
    return found


def said_here(text: str) -> str:
    try:
        read_alertmanager_file(text, file="alertmanager.yml")
    except SettingsError as error:
        return "\n".join(mistake.message for mistake in error.mistakes)
    return ""


@pytest.mark.parametrize("seed", [1, 2])
def test_the_same_is_refused_in_the_same_words(tmp_path, seed):
    """Matchers in both syntaxes, durations, regular expressions and time intervals."""
    random = Random(seed)
    texts = [json.dumps(configuration(random), ensure_ascii=False) for _ in range(2_000)]
    files = [tmp_path / f"{number}.yml" for number in range(len(texts))]
    for file, text in zip(files, texts, strict=True):
        file.write_text(text)
    run = subprocess.run(
        [component("amtool"), "check-config", *files], capture_output=True, text=True, timeout=600, check=False
    )
    parts = (run.stdout + run.stderr).split("Checking '")[1:]
    assert len(parts) == len(texts)
    wrong, refused = [], 0
    for text, part in zip(texts, parts, strict=True):
        failed = re.search(r"FAILED: (.*?)(?:\n\n|\n\namtool|\Z)", part, re.DOTALL)
        there, here = failed[1].strip() if failed else "", said_here(text)
        refused += bool(there)
        if bool(there) is not bool(here) or there not in here:
            wrong.append((text, there, here))
    assert wrong == []
    assert 500 < refused < 1_900


def tree(random: Random, depth: int = 0) -> dict[str, object]:
    found: dict[str, object] = {}
    if random.random() < 0.7:
        found["receiver"] = random.choice(["r1", "r2", "r3", "r4"])
    value = random.choice(["1", "2", "x", "", "xy"])
    pattern = random.choice(["x|1", ".+", ".*", "[12]", "", "^x"])
    name, other = random.choice("abc"), random.choice(["a", '"d.e"'])
    match random.choice(["matchers", "match", "match_re"]):
        case "matchers":
            found["matchers"] = [
                f"{name}{random.choice(['=', '!='])}{json.dumps(value)}",
                f"{other}{random.choice(['=~', '!~'])}{json.dumps(pattern)}",
            ][: random.randint(1, 2)]
        case "match":
            found["match"] = {name: value}
        case "match_re":
            found["match_re"] = {name: pattern}
    found["continue"] = random.random() < 0.4
    if depth < 3 and random.random() < 0.6:
        found["routes"] = [tree(random, depth + 1) for _ in range(random.randint(1, 3))]
    return found


def test_alerts_take_the_same_routes(tmp_path):
    """Random trees and label sets end at the same receivers in the same order."""
    random, amtool = Random(7), component("amtool")
    for number in range(120):
        text = json.dumps(
            {"route": {"receiver": "root", "routes": [tree(random, 1) for _ in range(3)]}, "receivers": RECEIVERS}
        )
        file = tmp_path / f"{number}.yml"
        file.write_text(text)
        labels = {name: random.choice(["1", "2", "x", "", "xy"]) for name in ("a", "b", "c", "d.e")}
        given = [f"{json.dumps(name) if '.' in name else name}={json.dumps(value)}" for name, value in labels.items()]
        run = subprocess.run(
            [amtool, "config", "routes", "test", f"--config.file={file}", *given],
            capture_output=True,
            text=True,
            timeout=600,
            check=True,
        )
        here = routes_for(read_alertmanager_file(text, file="a.yml"), labels)
        assert ",".join(route.receiver for route in here.routes) == run.stdout.strip(), (text, labels)
