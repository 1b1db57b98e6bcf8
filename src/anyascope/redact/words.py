"""The word lists of BIP 39 and SLIP 39, and which words of a text stand in them."""

from __future__ import annotations

import pkgutil
import re
import unicodedata
from functools import cache

LATIN = ("english", "spanish", "french", "italian", "portuguese", "czech", "turkish")
OTHERS = ("japanese", "korean", "chinese_simplified", "chinese_traditional", "russian")
LANGUAGES = (*LATIN, *OTHERS)
SHARES = "slip39"  # the list of SLIP 39's shares, in letters of ASCII

# Letters of ASCII become small, everything else a blank: `data.translate(WORD_BYTES, DIGITS).split()` are a text's words. Digits
# go, since a hash would be some twenty words with them.
DIGITS = b"0123456789"
WORD_BYTES = bytes(byte | 32 if 65 <= byte <= 90 else byte if 97 <= byte <= 122 else 32 for byte in range(256))

_MARKS = re.compile("[\u0300-\u036f]")  # accents, once they stand apart from their letters


def folded(word: str) -> str:
    """The word in the form that all its spellings share: lower case, letters apart from their accents, accents gone."""
    if word.isascii():
        return word.lower()
    return _MARKS.sub("", unicodedata.normalize("NFKD", word.lower())).replace(
        "\u0131", "i"
    )  # the Turkish i without its dot


@cache
def word_list(language: str) -> tuple[str, ...]:
    """The words of a language (2048) or of shares (1024) as the list has them, in their order."""
    raw = pkgutil.get_data("anyascope.redact", f"words/{language}.txt")
    assert raw is not None  # the lists are part of the package
    return tuple(raw.decode().split())


@cache
def numbers_of(language: str) -> dict[str, int]:
    """Folded word -> its number in the language's list."""
    return {folded(word): number for number, word in enumerate(word_list(language))}


@cache
def latin_words() -> frozenset[bytes]:
    """The folded words of all lists in Latin letters: what a text in ASCII can hold."""
    return frozenset(word.encode() for language in (*LATIN, SHARES) for word in numbers_of(language))


@cache
def all_words() -> frozenset[str]:
    """The folded words of all lists."""
    return frozenset(word for language in (*LANGUAGES, SHARES) for word in numbers_of(language))
