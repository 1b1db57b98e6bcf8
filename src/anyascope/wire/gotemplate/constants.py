"""Go's constants as templates write them: numbers, quoted strings, characters."""

from __future__ import annotations

import re

_SIMPLE = {
    "a": 0x07,
    "b": 0x08,
    "f": 0x0C,
    "n": 0x0A,
    "r": 0x0D,
    "t": 0x09,
    "v": 0x0B,
    "\\": 0x5C,
    '"': 0x22,
    "'": 0x27,
}
_ESCAPE = re.compile(
    r"\\(?:([abfnrtv\\\"'])|([0-7]{3})|x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.?))", re.DOTALL
)
_HEX = 16
_OCTAL = 8
_FLOAT_SIGNS = ".eEpP"
_INT_BITS = 64


def unquote(token: str) -> str:
    """The text of `"…"` with its escapes resolved, or of a raw string in back quotes.

    Raises:
        ValueError: an escape that Go does not know.
    """
    body = token[1:-1]
    if token.startswith("`"):
        return body.replace("\r", "")
    parts: list[bytes] = []
    position = 0
    for match in _ESCAPE.finditer(body):
        parts.append(body[position : match.start()].encode("utf-8", "surrogatepass"))
        parts.append(_escaped(match))
        position = match.end()
    parts.append(body[position:].encode("utf-8", "surrogatepass"))
    return b"".join(parts).decode("utf-8", "replace")


def _escaped(match: re.Match[str]) -> bytes:
    simple, octal, byte, short, long, _ = match.groups()
    if simple:
        return bytes([_SIMPLE[simple]])
    if octal or byte:
        code = int(octal, _OCTAL) if octal else int(byte, _HEX)
        if code > 0xFF:
            raise ValueError("invalid syntax")
        return bytes([code])
    if short or long:
        code = int(short or long, _HEX)
        if code > 0x10FFFF or 0xD800 <= code < 0xE000:
            raise ValueError("invalid syntax")
        return chr(code).encode()
    raise ValueError("invalid syntax")


def parse_number(text: str) -> int | float:
    """A whole number where it is written as one, else a float.

    Raises:
        ValueError: it is neither, or does not fit into 64 bits.
    """
    is_hex = text.lstrip("+-")[:2].lower() == "0x"
    if not is_hex and any(sign in text for sign in _FLOAT_SIGNS):
        return float(text.replace("_", ""))
    if is_hex and ("." in text or "p" in text.lower()):
        return float.fromhex(text.replace("_", ""))
    digits = text.replace("_", "")
    bare = digits.lstrip("+-")
    if len(bare) > 1 and bare.startswith("0") and bare.isdigit():
        number = int(bare, _OCTAL) * (-1 if digits.startswith("-") else 1)  # Go's old octal
    else:
        number = int(digits, 0)
    if not -(1 << (_INT_BITS - 1)) <= number < 1 << (_INT_BITS - 1):
        raise ValueError("integer overflow")
    return number


def parse_character(token: str) -> int:
    """The code point of `'x'`.

    Raises:
        ValueError: not exactly one character.
    """
    text = unquote(token)
    if len(text) != 1:
        raise ValueError("malformed character constant")
    return ord(text)
