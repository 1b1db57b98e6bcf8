"""What texts say in base 64 and in hexadecimal, and what they say once their escapes are undone."""

from __future__ import annotations

import binascii
import html
import re
from bisect import bisect_right
from collections.abc import Iterator
from functools import cached_property
from typing import NamedTuple

RUN_CHARS_MIN = 11  # `pin=1234` in base 64, without padding
ALIGNED_CHARS_MIN = (
    24  # from here on a run may begin in the middle of a group of four, behind a name that it is glued to
)
HEX_CHARS_MIN = 16  # `pin=1234` in hexadecimal
BINARY_CHARS_MIN = 46  # a rune, the shortest secret that is no text once it is decoded
HEX_TEXT_BYTES = 6  # at the head of a run that say that it may be text; of 150 hashes one begins so
HEX_FOREIGN_CHARS_MIN = 72  # of text in other scripts; longer than a hash, which is decoded in vain
STRETCH_BYTES_MIN = 8  # of printable characters in a row; chance gives that once in 3,000 runs

_RUN = re.compile(rf"[A-Za-z0-9+/_-]{{{RUN_CHARS_MIN},}}+={{0,2}}")
FOLDED_CHARS_MIN = 56  # of a line of folded base 64
_FOLDED_RUN = re.compile(r"[A-Za-z0-9+/_-]{56,80}(?:\r?\n[ \t]{0,16}[A-Za-z0-9+/_-]{1,80}){1,10000}+={0,2}")
_HEX_RUN = re.compile(rf"[0-9a-fA-F]{{{HEX_CHARS_MIN},}}+")
_BREAKS = re.compile(r"[\r\n][ \t\r\n]*")
# Base 64 of printable ASCII: of three bytes none has its highest bit set, and each is a blank or more, or a line's end.
QUADS = r"(?:[CDI-Za-f][A-HQ-Xg-nw-z0-3][ABEFIJMNQRUVYZcdghklopstwx014589][A-Za-z0-9+/_-])"
_QUADS = re.compile(f"{QUADS}{{2}}".encode())
_QUADS_ANYWHERE = re.compile(f"{QUADS}{{4}}".encode())
HEX_TEXT = r"(?:[2-7][0-9a-fA-F]|0[9adAD])"
# Whether a run of hexadecimal digits says something in ASCII, from its first or its second digit on, or is a key in DER.
says_in_hex = re.compile(f"[0-9a-fA-F]?{HEX_TEXT}{{{HEX_TEXT_BYTES}}}|30(?:[1-7].|81..|82....)0201".encode()).match
_STRETCH = re.compile(rb"[\t\n\r\x20-\x7e]{%d,}+" % STRETCH_BYTES_MIN)
_TO_STANDARD = bytes.maketrans(b"-_", b"+/")

# DER: a sequence that begins with version 0 or 1 and goes on as PKCS#8, PKCS#1 and SEC 1 do. A signature's first number has
# more than one byte.
_DER_KEY = re.compile(
    rb"\x30(?:[\x10-\x7f]|\x81.|\x82..)\x02\x01(?:\x00(?:\x30[\x05-\x1f]\x06|\x02\x82|\x02\x81)|\x01(?:\x30[\x05-\x1f]\x06|\x04[\x14-\x42]))",
    re.DOTALL,
)
_MACAROON = re.compile(rb"\x02\x01[\x01-\x40][a-z0-9.:/-]{1,64}\x02|00[0-9a-f]{2}location ", re.DOTALL)
# Core Lightning's runes: a SHA-256 state, then restrictions, of which the first is the rune's own number.
_RUNE = re.compile(rb".{32}=\d{1,10}(?:-[a-z0-9.]{1,16})?(?:[&|][\x20-\x7e]{1,2000})?", re.DOTALL)
RUNE_MARK_AT = 43  # of a rune's characters the one that ends its `=`: it is a 9

_ESCAPE = re.compile(
    r"\\(?:u[0-9a-fA-F]{4}(?:\\u[dD][c-fC-F][0-9a-fA-F]{2})?|x[0-9a-fA-F]{2}|[nrtbf\"'\\/`])|"
    r"%[0-9a-fA-F]{2}(?:%[0-9a-fA-F]{2})*+|&(?:quot|apos|amp|lt|gt|nbsp|#\d{1,6}|#x[0-9a-fA-F]{1,5});"
)
_FORM_ESCAPE = re.compile(rf"{_ESCAPE.pattern}|\+")
_PLAIN_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}
ESCAPE_SCAN = r"%[0-9a-fA-F]{2}|\\[ux/nrt\\]|&(?:quot|amp|lt|gt|apos|#)"


class Run(NamedTuple):
    """A run of base 64 or hexadecimal, where it stands, and what it may say."""

    start: int
    end: int
    texts: tuple[str, ...]
    is_key: bool


def may_be_encoded(run: bytes) -> bool:
    """Whether a run of letters, digits, `+`, `/`, `-`, `_` and `.` deserves to be decoded."""
    if b"." in run:
        return any(map(may_be_encoded, run.split(b".")))
    size = len(run)
    if size < RUN_CHARS_MIN:
        return False
    if _QUADS.match(run) is not None:
        return True
    if size < ALIGNED_CHARS_MIN:
        return False
    return _QUADS_ANYWHERE.search(run) is not None or (size >= BINARY_CHARS_MIN and _may_be_binary(run))


def may_be_foreign_hex(run: bytes) -> bool:
    """Whether a run of hexadecimal digits, longer than a hash, says something in another script."""
    return run.isalnum() and _utf8(bytes.fromhex(run[: len(run) & ~1].decode())) is not None


def _may_be_binary(run: bytes) -> bool:
    """Keys in DER, macaroons, runes, and texts that are not in ASCII."""
    if run[0] == 77 or run.startswith((b"AgE", b"MDA")) or run[RUNE_MARK_AT] == 57:
        return True
    return _utf8(_decoded(run)) is not None


def may_be_folded(text: str) -> bool:
    """Whether base 64 may go on from line to line."""
    return _FOLDED_RUN.search(text) is not None


def find_runs(text: str) -> Iterator[Run]:
    """Runs that say something once they are decoded."""
    if "\n" in text:
        for found in _FOLDED_RUN.finditer(text):
            yield _read(found.start(), found.end(), _BREAKS.sub("", found.group()))
    for found in _RUN.finditer(text):
        run = found.group()
        if may_be_encoded(run.rstrip("=").encode()):
            yield _read(found.start(), found.end(), run)
    for found in _HEX_RUN.finditer(text):
        yield from _read_hex(found.start(), found.end(), found.group())


def _read(start: int, end: int, run: str) -> Run:
    bare = run.rstrip("=").encode()
    texts: dict[str, None] = {}
    for skipped in range(4 if len(bare) >= ALIGNED_CHARS_MIN else 1):
        raw = _decoded(bare[skipped:])
        whole = _utf8(raw)
        texts.update(dict.fromkeys([whole] if whole is not None else _stretches(raw)))
    return Run(start, end, tuple(texts), _is_key(_decoded(bare)))


def _read_hex(start: int, end: int, run: str) -> Iterator[Run]:
    odd = len(run) % 2
    texts: dict[str, None] = {}
    for raw in (bytes.fromhex(run[: len(run) - odd]), *([bytes.fromhex(run[1:])] if odd else ())):
        whole = _utf8(raw)
        texts.update(dict.fromkeys([whole] if whole is not None else _stretches(raw)))
        if texts or _is_key(raw):
            yield Run(start, end, tuple(texts), _is_key(raw))


def _decoded(run: bytes) -> bytes:
    run = run[: len(run) - (len(run) % 4 == 1)]
    try:
        return binascii.a2b_base64(run.translate(_TO_STANDARD) + b"=" * (-len(run) % 4))
    except binascii.Error:
        return b""


def _utf8(raw: bytes) -> str | None:
    """What the bytes say where all of them are text."""
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return None
    return text if not any(character < " " and character not in "\t\n\r" for character in text) else None


def _stretches(raw: bytes) -> Iterator[str]:
    return (found.decode("ascii") for found in _STRETCH.findall(raw))


def _is_key(raw: bytes) -> bool:
    return (
        _DER_KEY.match(raw) is not None
        or (len(raw) > 24 and _MACAROON.match(raw) is not None)
        or _RUNE.fullmatch(raw) is not None
    )


# --- escapes ------------------------------------------------------------------------------------------------------------


class Unescaped:
    """A text with one layer of its escapes undone.

    Attributes:
        text: what it says now.
    """

    def __init__(self, text: str, escape: re.Pattern[str]) -> None:
        self._before = text
        self._escape = escape
        self.text = escape.sub(lambda found: _said(found.group()), text)

    @cached_property
    def _places(self) -> tuple[list[int], list[tuple[int, int]]]:
        """Where the pieces begin in the text without escapes, and where they began and ended in the text with them."""
        here, there = [0], []
        after = 0
        for found in self._escape.finditer(self._before):
            start, end = found.span()
            for size, place in ((start - after, (after, start)), (len(_said(found.group())), (start, end))):
                if size:
                    here.append(here[-1] + size)
                    there.append(place)
            after = end
        here.append(here[-1] + len(self._before) - after)
        there.append((after, len(self._before)))
        return here, there

    def place(self, start: int, end: int) -> tuple[int, int]:
        """Where the characters from `start` to `end` stood; of an escape always all."""
        return self._place(start)[0], self._place(end - 1)[1]

    def _place(self, at: int) -> tuple[int, int]:
        here, there = self._places
        row = bisect_right(here, at, hi=len(there)) - 1
        start, end = there[row]
        if here[row + 1] - here[row] != end - start:  # an escape
            return start, end
        return start + at - here[row], start + at - here[row] + 1


def unescape(text: str) -> Iterator[Unescaped]:
    """The text with a layer of escapes of JSON, URLs and HTML undone, if it has any.

    A plus is a blank in forms and itself in base 64: where it may be either, both readings come.
    """
    if _ESCAPE.search(text) is not None:
        yield Unescaped(text, _ESCAPE)
    if "+" in text and ("%" in text or " " not in text):
        yield Unescaped(text, _FORM_ESCAPE)


def _said(escape: str) -> str:
    if escape == "+":
        return " "
    if escape[0] == "%":
        return bytes.fromhex(escape.replace("%", "")).decode("utf-8", "replace")
    if escape[0] == "&":
        return html.unescape(escape)
    if escape[1] == "u":
        return escape.encode().decode("unicode_escape").encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if escape[1] == "x":
        return bytes.fromhex(escape[2:]).decode("latin-1")
    return _PLAIN_ESCAPES.get(escape[1], escape[1])
