"""Seed phrases: whole runs of words of BIP 39's lists, in all their languages; and shares of them (SLIP 39).

A run of twelve or more words of one list goes as a whole, unless it reads as a sentence and nothing says that it is a phrase:
neither a window of it whose checksum holds (BIP 39, Electrum, lnd's aezeed) nor a telling word before it (`seed`, `recovery
words`). In a telling place words that are in no list are overlooked, one in six: a phrase with a typing error is a secret
still.

Never are words of a run left over: a window that passes the short checksum by chance would leave words of the true phrase.
"""

from __future__ import annotations

import hmac
import re
from bisect import bisect_left
from collections.abc import Container, Iterable, Iterator, Sequence
from hashlib import sha256
from typing import NamedTuple

from anyascope.redact import shares
from anyascope.redact.spans import Span
from anyascope.redact.words import LANGUAGES, LATIN, SHARES, all_words, folded, latin_words, numbers_of

SIZES = (12, 15, 18, 21, 24)  # words of a phrase
WORDS_MIN = SIZES[0]
PROSE_WORDS_MAX = (
    30  # nobody speaks more words of one list in a row; checking all windows of a longer run takes too long
)
SEPARATOR_CHARS_MAX = 24  # between two words: quotes, commas, numbering, a line break with indentation
TELLING_CHARS_MAX = 64  # between a telling word and the phrase that it tells of
STRANGE_WORDS_SHARE = 6  # in a telling place one word of six may be in no list

_WORD = re.compile(r"[^\W\d_](?:[^\W\d_]|[\u0300-\u036f\u3099\u309a])*")
GLUED_CHARS_MIN = 36  # of twelve words without blanks
GLUED_CHARS_MAX = 256  # of twenty-four; longer runs of letters are no phrases
_GLUED = re.compile(rf"(?<![A-Za-z])[A-Za-z]{{{GLUED_CHARS_MIN},{GLUED_CHARS_MAX}}}+(?![A-Za-z])")
_GLUED_WORD_CHARS = (2, 11)
_PROBE_EVERY = 4  # of twelve words in a row three are probed, whatever the first
_PROBED = b"\1" * (WORDS_MIN // _PROBE_EVERY)
_IN_A_ROW = b"\1" * WORDS_MIN

_TOLD = re.compile(
    r"seed|mnemonic|recover|back[ -]?up|phrase|words|bip[ _-]?(?:0?39|32|44|84)|secret|passwor[dt]|passphrase|xprv|share|shamir|slip",
    re.IGNORECASE,
)
# Just before the phrase, so that even a phrase with strange words in it must be meant.
_ANNOUNCED = re.compile(
    r"(?:(?:(?:seed|recovery|backup|mnemonic|secret)[ _-]?(?:recovery[ _-]?)?(?:phrases?|words|sentence)|mnemonics?|bip[ _-]?39|"
    r"brainwallet)[\"'`\\]{0,8}(?:[ \t]{1,3}(?:is|are|was|were))?|seed[\"'`\\]{0,8}(?=[ \t]?[:=]|[ \t]{1,3}(?:is|was)\b)(?:[ \t]{1,3}(?:is|was))?)"
    r"[^\w]{0,12}(?:\d{1,2}\W{1,3})?",
    re.IGNORECASE,
)
TELLING = frozenset(
    b"bip brainwallet seed seeds mnemonic mnemonics phrase phrases recovery backup words seedphrase seedwords walletseed hdseed "
    b"mnemonicphrase mnemonicwords recoveryphrase recoverywords backupwords backupphrase secretrecoveryphrase".split()
)
# What a word of the lists may have become by a typing error, and what surely is a word of a sentence.
_MISSPELT_CHARS_MIN, _MISSPELT_CHARS_MAX = 3, 10
_NEVER_MISSPELT = frozenset(
    [
        "the",
        "and",
        "for",
        "our",
        "are",
        "was",
        "were",
        "has",
        "had",
        "not",
        "but",
        "from",
        "with",
        "which",
        "every",
        "his",
        "her",
        "its",
        "who",
        "been",
        "than",
    ]
)
_STOP = re.compile(r"[,;.!?](?!\d)")
_CRC32C_POLYNOMIAL = 0x82F63B78  # CRC-32C, reflected
_AEZEED_WORDS, _AEZEED_DATA_BYTES = 24, 29
_ELECTRUM_VERSIONS = ("01", "100", "101", "102")


class _Token(NamedTuple):
    start: int
    end: int
    word: str


def may_hold_phrase(text: str, tokens: list[bytes], *, is_told: bool) -> bool:
    """Whether a close look is worth its time; never False where `find_phrases` would find one.

    Args:
        text: the text.
        tokens: its runs of Latin letters, in lower case.
        is_told: whether one of them is in `TELLING`.
    """
    if not text.isascii():
        return _may_hold_foreign(text)
    if len(tokens) < WORDS_MIN - 1:
        return False
    # Of twelve words in a row one has a number that twelve divides, and three have one that four divides.
    known = latin_words()
    if not known.isdisjoint(tokens[WORDS_MIN - 1 :: WORDS_MIN]):
        probed = bytes(map(known.__contains__, tokens[_PROBE_EVERY - 1 :: _PROBE_EVERY]))
        if _PROBED in probed and _IN_A_ROW in bytes(map(known.__contains__, tokens)):
            return True
    return is_told and _is_announced(text, tokens)


def _is_announced(text: str, tokens: list[bytes]) -> bool:
    listed = sum(map(latin_words().__contains__, tokens))
    return listed >= WORDS_MIN - WORDS_MIN // STRANGE_WORDS_SHARE - 1 and _ANNOUNCED.search(text) is not None


def _may_hold_foreign(text: str) -> bool:
    words = [folded(word) for word in _WORD.findall(text)]
    if len(words) < WORDS_MIN - 1:
        return False
    known = all_words()
    return sum(map(known.__contains__, words)) >= WORDS_MIN - 1 - len(words) // STRANGE_WORDS_SHARE


def find_phrases(text: str) -> Iterator[Span]:
    """Where phrases stand, from their first to their last word."""
    tokens = [_Token(found.start(), found.end(), folded(found.group())) for found in _WORD.finditer(text)]
    known = all_words()
    if sum(token.word in known for token in tokens) < WORDS_MIN - WORDS_MIN // STRANGE_WORDS_SHARE - 1:
        return
    for run in _runs(tokens, known):
        for language in LANGUAGES:
            yield from _in_language(text, run, numbers_of(language))
        yield from _in_shares(text, run, numbers_of(SHARES))
    firsts = _announced(text, tokens)
    for language in LANGUAGES if firsts else ():
        yield from _announced_phrases(tokens, firsts, numbers_of(language))


def _in_language(text: str, tokens: list[_Token], numbers: dict[str, int]) -> Iterator[Span]:
    if sum(token.word in numbers for token in tokens) < WORDS_MIN:
        return
    for run in _runs(tokens, numbers):
        phrase = _without_heading(text, run)
        if _is_phrase(text, phrase, numbers):
            yield Span(phrase[0].start, phrase[-1].end, "mnemonic")


def _in_shares(text: str, tokens: list[_Token], numbers: dict[str, int]) -> Iterator[Span]:
    """The same for shares, whose list has words that people speak, too: in fewer than a share's nobody looks."""
    if sum(token.word in numbers for token in tokens) < shares.WORDS_MIN:
        return
    for run in _runs(tokens, numbers):
        share = _without_heading(text, run)
        if len(share) >= shares.WORDS_MIN and (
            not _is_prose(text, share)
            or _is_told(text, share[0].start)
            or shares.holds_share([numbers[token.word] for token in share])
        ):
            yield Span(share[0].start, share[-1].end, "mnemonic")


def _runs(tokens: Iterable[_Token], known: Container[str]) -> Iterator[list[_Token]]:
    """Long enough sequences of known words, with nothing but separators between them."""
    run: list[_Token] = []
    for token in tokens:
        is_known = token.word in known
        if run and (not is_known or token.start - run[-1].end > SEPARATOR_CHARS_MAX):
            if len(run) >= WORDS_MIN:
                yield run
            run = []
        if is_known:
            run.append(token)
    if len(run) >= WORDS_MIN:
        yield run


def find_glued_phrases(text: str) -> Iterator[Span]:
    """Where twelve or more words of one Latin list stand without anything between them."""
    known = all_words()
    for found in _GLUED.finditer(text):
        run = found.group().lower()
        if _is_made_of(run, known) and any(_is_made_of(run, numbers_of(language)) for language in LATIN):
            yield Span(found.start(), found.end(), "mnemonic")


def _is_made_of(run: str, known: Container[str]) -> bool:
    """Whether all of the letters can be read as words, twelve at the least."""
    most = [0] * (len(run) + 1)  # words that end here, at the most; 0 where none can
    least, longest = _GLUED_WORD_CHARS
    last = 0
    for end in range(least, len(run) + 1):
        for start in range(max(end - longest, 0), end - least + 1):
            if (start == 0 or most[start]) and run[start:end] in known:
                most[end] = max(most[end], most[start] + 1)
                last = end
        if end - last >= longest:
            return False
    return most[-1] >= WORDS_MIN


def _without_heading(text: str, run: list[_Token]) -> list[_Token]:
    """The run without what stands before a colon at its head: `seed phrase: legal winner …`."""
    for at in range(1, min(len(run) - WORDS_MIN, 4) + 1):
        if re.search("[:=]", text[run[at - 1].end : run[at].start]):
            return run[at:]
    return run


def _is_phrase(text: str, run: Sequence[_Token], numbers: dict[str, int]) -> bool:
    if len(run) > PROSE_WORDS_MAX or not _is_prose(text, run) or _is_told(text, run[0].start):
        return True
    listed = [numbers[token.word] for token in run]
    return _holds_bip39(listed) or _is_electrum([token.word for token in run]) or _holds_aezeed(listed)


def _is_told(text: str, start: int) -> bool:
    return _TOLD.search(text, max(start - TELLING_CHARS_MAX, 0), start) is not None


def _is_prose(text: str, run: Sequence[_Token]) -> bool:
    """Whether the words read as a sentence: a capital at the head of small letters, or punctuation here and there."""
    head, *others = (text[token.start : token.end] for token in run)
    if head[:1].isupper() and head[1:].islower() and all(map(str.islower, others)):
        return True
    stops = [_STOP.search(text, run[at].end, run[at + 1].start) is not None for at in range(len(run) - 1)]
    return any(stops) and not all(stops)


def _announced(text: str, tokens: list[_Token]) -> list[int]:
    """Which tokens come right after the announcement of a phrase."""
    starts = [token.start for token in tokens]
    firsts = (bisect_left(starts, found.end()) for found in _ANNOUNCED.finditer(text))
    return [first for first in firsts if first < len(tokens)]


def _announced_phrases(tokens: list[_Token], firsts: list[int], numbers: dict[str, int]) -> Iterator[Span]:
    """Phrases with typing errors: eleven words or more of which hardly any is strange."""
    end = 0
    for first in firsts:
        if tokens[first].start >= end:
            last = _last_of_told(tokens, first, numbers)
            if last - first + 1 >= WORDS_MIN - 1:
                end = tokens[last].end
                yield Span(tokens[first].start, end, "mnemonic")


def _last_of_told(tokens: list[_Token], first: int, numbers: dict[str, int]) -> int:
    """Where the sequence that begins here ends: before two strange words in a row, or too many in all."""
    last, strange = first, 0
    for at in range(first + 1, len(tokens)):
        if tokens[at].start - tokens[at - 1].end > SEPARATOR_CHARS_MAX:
            break
        if tokens[at].word in numbers:
            last = at
            continue
        strange += 1
        if not _MISSPELT_CHARS_MIN <= len(tokens[at].word) <= _MISSPELT_CHARS_MAX or tokens[at].word in _NEVER_MISSPELT:
            break
        if at - last > 1 or strange * STRANGE_WORDS_SHARE > max(at - first + 1, WORDS_MIN):
            break
    return last


def _holds_bip39(listed: Sequence[int]) -> bool:
    """Whether some window's own checksum is right. Source: BIP 39, "Generating the mnemonic"."""
    joined = _joined(listed)
    for size in SIZES:
        check_bits = size // 3
        entropy_bits = size * 11 - check_bits
        for after in range(len(listed) - size + 1):
            window = joined >> after * 11 & (1 << size * 11) - 1
            digest = sha256((window >> check_bits).to_bytes(entropy_bits // 8, "big")).digest()
            if digest[0] >> (8 - check_bits) == window & (1 << check_bits) - 1:
                return True
    return False


def _joined(listed: Iterable[int]) -> int:
    number = 0
    for index in listed:
        number = number << 11 | index
    return number


def _is_electrum(run: Sequence[str]) -> bool:
    """Whether all of the run is a phrase of Electrum's. Source: Electrum, "Seed version system"."""
    digest = hmac.digest(b"Seed version", " ".join(run).encode(), "sha512").hex()
    return digest.startswith(_ELECTRUM_VERSIONS)


def _holds_aezeed(listed: Sequence[int]) -> bool:
    """Whether some window is a phrase of lnd's. Source: lnd, package aezeed: 29 bytes and their CRC-32C."""
    for at in range(len(listed) - _AEZEED_WORDS + 1):
        raw = _joined(listed[at : at + _AEZEED_WORDS]).to_bytes(33, "big")
        if _crc32c(raw[:_AEZEED_DATA_BYTES]) == int.from_bytes(raw[_AEZEED_DATA_BYTES:], "big"):
            return True
    return False


def _crc32c(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (_CRC32C_POLYNOMIAL if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF
