"""Private keys in base 58: WIF, BIP 38, mini keys."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from hashlib import sha256
from itertools import chain

from anyascope.redact.spans import Span

ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
WIF_CHARS = (51, 52)  # of 37 bytes (uncompressed) and 38 bytes (compressed)
BIP38_CHARS = 58
RUN_CHARS_MIN = WIF_CHARS[0]
# Of windows in one text whose checksum is computed, 5 µs each. Chance gives one in 300 characters of base 58: a text with more
# than this was built so that we are busy.
TRIES_MAX = 1_000

# A key may be folded: a line break with indentation or quotation between any two of its characters.
FOLD = r"(?:[\r\n][\r\n\t >|]{0,16})"

_DIGITS = {character: value for value, character in enumerate(ALPHABET)}
_B58 = f"[{ALPHABET}]"
_RUN = re.compile(rf"{_B58}{{{RUN_CHARS_MIN},}}+")
_FOLDED_RUN = re.compile(rf"{_B58}(?:{FOLD}?+{_B58}){{{RUN_CHARS_MIN - 1},}}+")
_FOLDS = re.compile(FOLD)
# How the version byte shows in the first two characters: Bitcoin, its test networks, Litecoin, Dogecoin; `6P` is BIP 38.
_HEADS = re.compile(r"(?=(?P<u>5[HJK]|9[1-3]|6[u-w]|6[J-L])|(?P<c>K[w-z]|L[1-5]|c[M-W]|T[3-9A-B]|Q[N-X])|(?P<b>6P))")
HEADS_IN_RUN = re.compile(
    f"5[HJK]{_B58}{{49}}|9[1-3]{_B58}{{49}}|6(?:[u-wJ-L]{_B58}{{49}}|P{_B58}{{56}})|K[w-z]{_B58}{{50}}|L[1-5]{_B58}{{50}}|"
    f"c[M-W]{_B58}{{50}}|T[3-9AB]{_B58}{{50}}|Q[N-X]{_B58}{{50}}".encode()
)
_SIZES = {"u": WIF_CHARS[0], "c": WIF_CHARS[1], "b": BIP38_CHARS}
_VERSIONS = frozenset((0x80, 0xEF, 0xB0, 0x9E))  # the same networks' version bytes
_BIP38_PREFIXES = (b"\x01\x42", b"\x01\x43")
_MINI_SHAPE = rf"S(?<![A-Za-z0-9]S)(?:{_B58}{{21}}|{_B58}{{25}}|{_B58}{{29}})(?![A-Za-z0-9])"
_MINI = re.compile(_MINI_SHAPE)
MINI_IN_RUN = re.compile(_MINI_SHAPE.encode())
_CAPITALS_MIN = 4  # of a key without digits; a name in camel case has fewer


def decode_check(text: str) -> bytes | None:
    """The payload of a base58check text; None where a character or the checksum is wrong."""
    number = 0
    for character in text:
        digit = _DIGITS.get(character)
        if digit is None:
            return None
        number = number * 58 + digit
    zeros = len(text) - len(text.lstrip("1"))
    raw = bytes(zeros) + number.to_bytes((number.bit_length() + 7) // 8, "big")
    payload, checksum = raw[:-4], raw[-4:]
    return payload if sha256(sha256(payload).digest()).digest()[:4] == checksum else None


def find_private_keys(text: str) -> Iterator[Span]:
    """Where WIF and BIP 38 keys stand, wherever in a run of base 58 they begin.

    Where more than `TRIES_MAX` checksums had to be computed, all that follows is one secret.
    """
    tries = 0
    for run, places in chain(_runs(text), _folded_runs(text)):
        for head in _HEADS.finditer(run):
            start, size = head.start(), _size(head)
            if start + size > len(run):
                continue
            tries += 1
            if tries > TRIES_MAX:
                yield Span(places[start], len(text), "wif")
                return
            if _is_key(run[start : start + size]):
                yield Span(places[start], places[start + size - 1] + 1, "wif")


def _runs(text: str) -> Iterator[tuple[str, Sequence[int]]]:
    """Runs of base 58, and where each of their characters stands."""
    for run in _RUN.finditer(text):
        yield run.group(), range(run.start(), run.end())


def _folded_runs(text: str) -> Iterator[tuple[str, Sequence[int]]]:
    if "\n" not in text and "\r" not in text:
        return
    for run in _FOLDED_RUN.finditer(text):
        whole = run.group()
        if _FOLDS.search(whole) is not None:
            places = [at for at, character in enumerate(whole, run.start()) if character in _DIGITS]
            yield "".join(character for character in whole if character in _DIGITS), places


def find_mini_keys(text: str) -> Iterator[Span]:
    """Where mini private keys stand: a word on its own whose digest with a question mark begins with a zero byte.

    One word in 256 of the right length and first letter does; one with neither digits nor many capitals is taken for a name.

    Source: Bitcoin wiki, "Mini private key format".
    """
    for found in _MINI.finditer(text):
        key = found.group()
        is_random = any(map(str.isdigit, key)) or sum(map(str.isupper, key)) >= _CAPITALS_MIN
        if is_random and sha256(f"{key}?".encode()).digest()[0] == 0:
            yield Span(found.start(), found.end(), "mini_key")


def _size(head: re.Match[str]) -> int:
    assert head.lastgroup is not None
    return _SIZES[head.lastgroup]


def _is_key(text: str) -> bool:
    payload = decode_check(text)
    if payload is None:
        return False
    if len(text) == BIP38_CHARS:
        return payload.startswith(_BIP38_PREFIXES)
    return len(payload) in (33, 34) and payload[0] in _VERSIONS
