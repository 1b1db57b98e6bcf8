"""What a run of rule unit tests found: as nouns, as lines with a difference, and as JUnit's XML."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import Enum
from xml.etree import ElementTree as ET

from anyascope.clock import NS_PER_S


class LineKind(Enum):
    """How a line of a failure is meant; the values stand at its beginning."""

    BOTH = " "
    EXPECTED = "-"
    FOUND = "+"


@dataclass(frozen=True, slots=True)
class Failure:
    """One expectation that was not met, or why it could not be judged.

    Attributes:
        head: which one, such as `alertname: Down, time: 5m`; or all that there is to say.
        expected, found: what was wanted and what was there, line by line; both None where `head` says all.
    """

    head: str
    expected: tuple[str, ...] | None = None
    found: tuple[str, ...] | None = None

    def __str__(self) -> str:
        if self.expected is None or self.found is None:
            return self.head
        blocks = (("exp:", self.expected), ("got:", self.found))
        return "\n".join((self.head, *(line for name, lines in blocks for line in _block(name, lines))))

    def difference(self) -> Iterator[tuple[LineKind, str]]:
        """Expected and found as one list: what only one of them has is marked."""
        for line in difflib.ndiff(self.expected or (), self.found or ()):
            if line[0] != "?":
                yield LineKind(line[0]), line[2:]


def _block(name: str, lines: Sequence[str]) -> list[str]:
    return [f"    {name}", *(f"        {line}" for line in lines or ("nothing",))]


@dataclass(frozen=True, slots=True)
class CaseReport:
    """One test: it passed where there are no failures, unless it was left out."""

    name: str
    failures: tuple[Failure, ...] = ()
    is_skipped: bool = False


@dataclass(frozen=True, slots=True)
class FileReport:
    """One file of tests.

    Attributes:
        errors: reasons why none of its tests could be run.
        warnings: what is odd and lets them run.
    """

    file: str
    cases: tuple[CaseReport, ...] = ()
    errors: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def is_passed(self) -> bool:
        """Whether everything that it expects was found."""
        return not self.errors and not self.failed

    @property
    def passed(self) -> int:
        """How many tests were run and passed."""
        return sum(not case.failures and not case.is_skipped for case in self.cases) if not self.errors else 0

    @property
    def failed(self) -> int:
        """How many tests failed; one that cannot be run has failed, and a file without any is one."""
        if self.errors:
            return sum(not case.is_skipped for case in self.cases) or 1
        return sum(bool(case.failures) for case in self.cases)

    @property
    def skipped(self) -> int:
        """How many tests were left out by their name."""
        return sum(case.is_skipped for case in self.cases)


def junit_of(reports: Sequence[FileReport], *, now_ns: int) -> str:
    """The reports as JUnit's XML: a suite a file, a case a test, as promtool writes it.

    Source: `promtool test rules --junit`.
    """
    top = ET.Element("testsuites")
    time = datetime.fromtimestamp(now_ns // NS_PER_S, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    for report in reports:
        cases = _cases(report)
        suite = ET.SubElement(
            top,
            "testsuite",
            name=_xml_text(report.file),
            tests=str(len(cases)),
            failures=str(sum(len(case.failures) for case in cases)),
            errors="0" if report.cases else str(len(report.errors)),
            skipped=str(report.skipped),
            timestamp=time,
        )
        for case in cases:
            node = ET.SubElement(suite, "testcase", name=_xml_text(case.name))
            if case.is_skipped:
                ET.SubElement(node, "skipped")
            for failure in case.failures:
                ET.SubElement(node, "failure").text = _xml_text(str(failure))
        if not report.cases:
            for error in report.errors:
                node = ET.SubElement(suite, "testcase", name="unknown")
                ET.SubElement(node, "error").text = _xml_text(error)
    ET.indent(top)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(top, encoding="unicode") + "\n"


def _cases(report: FileReport) -> Sequence[CaseReport]:
    """The cases; where the rules that they test cannot be read, each has failed with the reason."""
    reasons = tuple(map(Failure, report.errors))
    return [replace(case, failures=case.failures or (() if case.is_skipped else reasons)) for case in report.cases]


def _xml_text(text: str) -> str:
    """The text without what XML 1.0 cannot hold."""
    return "".join(
        letter if letter in "\t\n\r" or " " <= letter < "\ud800" or letter > "\udfff" else "\ufffd" for letter in text
    )
