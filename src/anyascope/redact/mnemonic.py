"""Seed phrases: every run of twelve or more words of BIP 39's English list.

Whether the phrase's own checksum holds is not asked: a window that holds it by chance would leave words of the true phrase
behind, and a phrase with one word wrong is still a secret.
"""

from __future__ import annotations

from importlib import resources

import re2

WORDS_MIN = 12  # BIP 39's shortest phrase
SEPARATOR_CHARS_MAX = 24  # between two words: quotes, commas, numbering, a line break with indentation
_MEMORY_BYTES_MAX = 64 * 1024 * 1024  # for the automaton; 20 MB were used on hostile texts


def words() -> tuple[str, ...]:
    """BIP 39's English list: 2048 words, sorted."""
    return tuple(resources.files("anyascope.redact").joinpath("bip39_english.txt").read_text("ascii").split())


def _options() -> re2.Options:
    options = re2.Options()
    options.max_mem = _MEMORY_BYTES_MAX
    options.log_errors = False
    options.encoding = re2.Options.Encoding.LATIN1  # bytes as they are; the words are ASCII
    return options


# Escaped line breaks (`\n`) and percent signs with two digits (`%20`) part words as blanks do.
_SEPARATOR = rf"(?:[^a-z%\\\x00]|\\[nrt]|\\[^nrta-z]|%[0-9a-f]{{2}}){{1,{SEPARATOR_CHARS_MAX}}}"
_WORD = "(?:" + "|".join(words()) + ")"
PHRASE = re2.compile(
    rf"(?i)(?:^|[^a-z])((?:{_WORD}{_SEPARATOR}){{{WORDS_MIN - 1},}}{_WORD})(?:$|[^a-z])".encode(), _options()
)


def replace_phrases(text: str, mark: str) -> str:
    """The text with `mark` in place of each run of words."""
    data = text.encode("utf-8", "surrogatepass")
    pieces: list[bytes] = []
    after = 0
    while (found := PHRASE.search(data, after)) is not None:
        pieces += (data[after : found.start(1)], mark.encode())
        after = found.end(1)
    pieces.append(data[after:])
    return b"".join(pieces).decode("utf-8", "surrogatepass")
