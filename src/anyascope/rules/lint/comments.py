"""Lints that a file switches off, by comments: `# anyascope: disable=CODE` on a rule, `disable-file=CODE` for all of a file.

pint's comments `# pint disable CODE` and `# pint file/disable CODE` mean the same.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_OURS = re.compile(r"#.*?\banyascope:\s*(disable|disable-file)\s*=\s*([\w/,\- ]+)")
_PINT = re.compile(r"#\s*pint\s+(disable|file/disable)\s+([\w/\-]+)")
_COMMENT = re.compile(r"\s*#")
EVERY = "all"


@dataclass(frozen=True, slots=True)
class Disabled:
    """Which codes are off: in the whole file, and by line of a comment."""

    file: frozenset[str]
    lines: tuple[tuple[int, frozenset[str]], ...]
    texts: tuple[str, ...]

    def is_off(self, code: str, *, begin: int, end: int) -> bool:
        """Whether a code is off for the rule whose lines are `begin` up to, not including, `end`.

        Comments that stand above a rule without a gap belong to it, not to the one before.
        """
        begin, end = self._above(begin), self._above(end)
        off = self.file.union(*(codes for line, codes in self.lines if begin <= line < end))
        return code in off or EVERY in off

    def _above(self, line: int) -> int:
        while 2 <= line <= len(self.texts) + 1 and _COMMENT.match(self.texts[line - 2]):
            line -= 1
        return line


def disabled_in(text: str) -> Disabled:
    """What the comments of a file switch off."""
    lines = text.splitlines()
    whole: set[str] = set()
    found: list[tuple[int, frozenset[str]]] = []
    for number, line in enumerate(lines, 1):
        for is_file, codes in _switches(line):
            if is_file:
                whole |= codes
            else:
                found.append((number, codes))
    return Disabled(frozenset(whole), tuple(found), tuple(lines))


def _switches(line: str) -> Sequence[tuple[bool, frozenset[str]]]:
    ours = [
        (match[1] == "disable-file", frozenset(code.strip() for code in match[2].split(",")))
        for match in _OURS.finditer(line)
    ]
    return [*ours, *((match[1] != "disable", frozenset((match[2],))) for match in _PINT.finditer(line))]
