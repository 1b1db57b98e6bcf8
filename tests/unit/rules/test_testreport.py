"""What a run of rule tests found, as text and as JUnit's XML."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from anyascope.rules.testreport import CaseReport, Failure, FileReport, LineKind, junit_of

WRONG = Failure("alertname: A, time: 1m", ("{a}", "    x: 1"), ("{a}", "    x: 2"))


def test_difference():
    """What both have is told once, the rest by who has it."""
    assert list(WRONG.difference()) == [
        (LineKind.BOTH, "{a}"),
        (LineKind.EXPECTED, "    x: 1"),
        (LineKind.FOUND, "    x: 2"),
    ]


def test_blocks():
    """Without a difference both are told whole; nothing is said to be nothing."""
    assert str(Failure("h", (), ("a",))) == "h\n    exp:\n        nothing\n    got:\n        a"
    assert str(Failure("h, err: x")) == "h, err: x"


def test_counts():
    """A file that cannot be run fails with each of its tests that would have been, and at least once."""
    cases = (CaseReport("a"), CaseReport("b", (WRONG,)), CaseReport("c", is_skipped=True))

    run, stuck, empty = FileReport("f", cases), FileReport("f", cases, ("e",)), FileReport("f", errors=("e",))

    assert [(each.passed, each.failed, each.skipped) for each in (run, stuck, empty)] == [
        (1, 1, 1),
        (0, 2, 1),
        (0, 1, 0),
    ]


def test_junit():
    """A suite a file and a case a test, failures inside, and nothing that XML cannot hold."""
    cases = (CaseReport("a"), CaseReport("b <&", (WRONG, Failure("\x1b[0m"))), CaseReport("c", is_skipped=True))

    reports = [
        FileReport("f.yml", cases),
        FileReport("g.yml", errors=("e",)),
        FileReport("h.yml", (CaseReport("a"), CaseReport("c", is_skipped=True)), ("r",)),
    ]

    first, second, third = ET.fromstring(junit_of(reports, now_ns=0).encode())

    assert first.attrib == {
        "name": "f.yml",
        "tests": "3",
        "failures": "2",
        "errors": "0",
        "skipped": "1",
        "timestamp": "1970-01-01T00:00:00",
    }
    assert [(case.get("name"), [child.tag for child in case]) for case in first] == [
        ("a", []),
        ("b <&", ["failure", "failure"]),
        ("c", ["skipped"]),
    ]
    assert [child.text for child in first[1]] == [str(WRONG), "\ufffd[0m"]
    assert (second.get("errors"), second[0].get("name"), second[0][0].tag, second[0][0].text) == (
        "1",
        "unknown",
        "error",
        "e",
    )
    assert [[(child.tag, child.text) for child in case] for case in third] == [[("failure", "r")], [("skipped", None)]]
