"""Text for terminals: colours where somebody looks, plain text where a program reads, never a control byte of others.

What comes out of logs was written by others. A terminal obeys control bytes, and bidirectional marks make a line read
as another one, so that both are shown as escapes.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise
from types import MappingProxyType
from typing import Final, TextIO

WIDTH_MIN = 60  # columns; below, tables are cut no further and the terminal wraps them
COLUMN_MIN = 8  # of a column that is cut
GAP: Final = "  "
SPARKS: Final = "▁▂▃▄▅▆▇█"

_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb\ud800-\udfff]"
)


class ReaderLeftError(Exception):
    """Whoever read the output has seen enough, such as `head`. No OSError: typer would end the process with 1."""


class Style(Enum):
    """How a text looks; the values are SGR parameters (ECMA-48)."""

    PLAIN = ""
    DIM = "2"
    BOLD = "1"
    GREEN = "32"
    BLUE = "34"
    CYAN = "36"
    YELLOW = "33"
    RED = "31"
    ALARM = "1;97;41"


SEVERITY_STYLES: Final[Mapping[str, Style]] = MappingProxyType(
    {
        "TRACE": Style.DIM,
        "DEBUG": Style.DIM,
        "INFO": Style.GREEN,
        "WARN": Style.YELLOW,
        "ERROR": Style.RED,
        "FATAL": Style.ALARM,
    }
)


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of a table. A column with a whole cell, such as an id to copy, is never cut."""

    text: str
    style: Style = Style.PLAIN
    is_number: bool = False
    is_whole: bool = False


class Terminal:
    """Writes lines to a person's terminal or to a pipe."""

    def __init__(self, out: TextIO, *, is_tty: bool, width: int) -> None:
        self.out = out
        self.is_tty = is_tty
        self.width = max(width, WIDTH_MIN)

    @staticmethod
    def standard() -> Terminal:
        """Standard output as it is; what its encoding lacks is replaced."""
        if hasattr(sys.stdout, "reconfigure"):
            sys.stdout.reconfigure(errors="replace")
        return Terminal(sys.stdout, is_tty=sys.stdout.isatty(), width=shutil.get_terminal_size().columns)

    def line(self, text: str = "") -> None:
        """Write one line, made of parts that were cleaned."""
        try:
            self.out.write(f"{text}\n")
        except BrokenPipeError as error:
            raise ReaderLeftError from error

    def flush(self) -> None:
        """Let it be seen now."""
        try:
            self.out.flush()
        except BrokenPipeError as error:
            raise ReaderLeftError from error

    def paint(self, text: str, style: Style) -> str:
        """The text in a style, where colours are wanted (see https://no-color.org)."""
        if not text or not self.is_tty or style is Style.PLAIN or os.environ.get("NO_COLOR"):
            return text
        return f"\x1b[{style.value}m{text}\x1b[0m"

    def table(self, headers: Sequence[str], rows: Sequence[Sequence[Cell]]) -> None:
        """A table under its headers; on a terminal the widest columns are cut until it fits, in a pipe nothing is."""
        self.rows([[Cell(header, Style.DIM) for header in headers], *rows])

    def rows(self, cells: Sequence[Sequence[Cell]]) -> None:
        """The same without headers; nothing where there are no rows."""
        if not cells:
            return
        widths = [max(columns_of(clean(row[at].text)) for row in cells) for at in range(len(cells[0]))]
        if self.is_tty:
            fixed = {at for row in cells for at, cell in enumerate(row) if cell.is_whole}
            _fit(widths, self.width - len(GAP) * (len(widths) - 1), fixed=fixed)
        for row in cells:
            shown = [self._cell(cell, width) for cell, width in zip(row, widths, strict=True)]
            self.line(GAP.join(shown).rstrip())

    def _cell(self, cell: Cell, width: int) -> str:
        text = cut(clean(cell.text), width)
        padding = " " * (width - columns_of(text))
        painted = self.paint(text, cell.style)
        return padding + painted if cell.is_number else painted + padding


def clean(text: str) -> str:
    r"""The text with what a terminal would obey as escapes: `\x1b`, `\n`, `\u202e`."""
    return _UNSAFE.sub(_escape, text)


def clean_json(text: str) -> str:
    """JSON that means the same, without a byte that a terminal would obey; its own line breaks stay."""
    return _UNSAFE.sub(lambda found: found[0] if found[0] == "\n" else f"\\u{ord(found[0]):04x}", text)


def columns_of(text: str) -> int:
    """How many columns of a terminal a text takes; Asian letters and emoji take two.

    Source: Unicode Standard Annex 11, "East Asian Width".
    """
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(letter) or letter == "\ufe0f" else 2 if _is_wide(letter) else 1 for letter in text
    )


def cut(text: str, width: int) -> str:
    """The text in at most so many columns, with `…` where something was left out."""
    if columns_of(text) <= width:
        return text
    kept, taken = [], 1
    for letter in text:
        taken += columns_of(letter)
        if taken > width:
            break
        kept.append(letter)
    return "".join(kept) + "…"


def sparkline(values: Sequence[float | None], *, width: int) -> str:
    """Values as bars of eighths, at most `width` of them: the largest of each stretch. None leaves a gap."""
    stretches = _stretches(values, width)
    known = [value for value in stretches if value is not None]
    if not known:
        return " " * len(stretches)
    low, high = min(known), max(known)
    # Divided before it is subtracted, so that the largest floats of both signs do not overflow.
    scale = (high / 2 - low / 2) or 1.0
    top = len(SPARKS) - 1
    return "".join(
        " " if value is None else SPARKS[min(round((value / 2 - low / 2) / scale * top), top)] for value in stretches
    )


def _stretches(values: Sequence[float | None], width: int) -> list[float | None]:
    if len(values) <= width:
        return list(values)
    bounds = [len(values) * step // width for step in range(width + 1)]
    return [
        max((value for value in values[first:last] if value is not None), default=None)
        for first, last in pairwise(bounds)
    ]


def _fit(widths: list[int], room: int, *, fixed: Collection[int]) -> None:
    """Take a column at a time from the widest that may be cut, until they fit or nothing more may be taken."""
    while sum(widths) > room:
        widest = max((at for at in range(len(widths)) if at not in fixed), key=lambda at: widths[at], default=None)
        if widest is None or widths[widest] <= COLUMN_MIN:
            return
        widths[widest] -= 1


def _is_wide(letter: str) -> bool:
    return unicodedata.east_asian_width(letter) in "WF"


def _escape(found: re.Match[str]) -> str:
    letter = found[0]
    short = {"\n": "\\n", "\t": "\\t", "\r": "\\r"}.get(letter)
    return short or (f"\\x{ord(letter):02x}" if ord(letter) < 256 else f"\\u{ord(letter):04x}")
