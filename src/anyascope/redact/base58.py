"""Private keys in base 58: WIF, extended keys, BIP 38."""

from __future__ import annotations

import re
from hashlib import sha256

ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
WIF_CHARS = (51, 52)  # of 37 bytes (uncompressed) and 38 bytes (compressed)
BIP38_CHARS = 58
GLUED_CHARS_MAX = 12  # how far into a longer run a key is looked for: a name that stands before or after it

_DIGITS = {character: value for value, character in enumerate(ALPHABET)}
_RUN_MIN = WIF_CHARS[0]
# A key may be folded: a line break, real or escaped, with indentation between any two of its characters.
FOLD = r"(?:\\r|\\n|[\r\n][\r\n\t >]{0,16})"
_RUN = re.compile(rf"[{ALPHABET}](?:{FOLD}?+[{ALPHABET}]){{{_RUN_MIN - 1},}}+")
_FOLDS = re.compile(FOLD)
# How the version byte shows in the first two characters, by length: Bitcoin, its test networks, Litecoin, Dogecoin.
_HEADS = {51: re.compile(r"5[HJK]|9[1-3]|6[u-w]|6[J-L]"), 52: re.compile(r"K[w-z]|L[1-5]|c[M-W]|T[3-9A-B]|Q[N-X]")}
_VERSIONS = frozenset((0x80, 0xEF, 0xB0, 0x9E))  # the same networks' version bytes
_BIP38_PREFIXES = (b"\x01\x42", b"\x01\x43")


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


def is_private_key(text: str) -> bool:
    """Whether this is a WIF key or a BIP 38 key, checksum included.

    Source: Bitcoin's "Wallet import format"; BIP 38.
    """
    if len(text) == BIP38_CHARS and text.startswith("6P"):
        payload = decode_check(text)
        return payload is not None and payload.startswith(_BIP38_PREFIXES)
    head = _HEADS.get(len(text))
    if head is None or head.match(text) is None:
        return False
    payload = decode_check(text)
    return payload is not None and len(payload) in (33, 34) and payload[0] in _VERSIONS


def replace_private_keys(text: str, mark: str) -> str:
    """The text with `mark` in place of each private key."""
    return _RUN.sub(lambda found: _clean_run(found.group(), mark), text)


def _clean_run(run: str, mark: str) -> str:
    whole = _FOLDS.sub("", run)
    span = _find_key(whole)
    if span is None:
        return run
    start, end = span
    if len(whole) != len(run):
        # Where exactly the folds stood no longer matters: the run is a key and little else.
        return mark
    return f"{run[:start]}{mark}{run[end:]}"


def _find_key(run: str) -> tuple[int, int] | None:
    for size in (*WIF_CHARS, BIP38_CHARS):
        last = len(run) - size
        if last < 0:
            continue
        near = range(min(last, GLUED_CHARS_MAX) + 1)
        for start in (*near, *range(max(last - GLUED_CHARS_MAX, near.stop), last + 1)):
            if is_private_key(run[start : start + size]):
                return start, start + size
    return None
