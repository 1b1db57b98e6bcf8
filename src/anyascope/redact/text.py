"""The text core: secrets out of one text, on the standard library alone.

A clean text costs a few microseconds: one expression looks for names that secrets stand behind, and the text's long runs of
letters and digits, and its words, are each split off once and looked at in sets. Only where one of these says so is the text
looked at closely. What is encoded is decoded and looked at in the same way, layer by layer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from anyascope.redact import base58, encodings, mnemonic, pair_hints, pairs, shapes
from anyascope.redact.spans import Span, mark, replace_spans
from anyascope.redact.words import DIGITS, WORD_BYTES

__all__ = ["KINDS", "clean", "mark"]

NAMES_KNOWN_MAX = 4_096  # runs without digits that deserved no look, 0.4 MB: fields' names, routes, modules
NAME_CHARS_MAX = 40  # of such a run
LAYERS_MAX = 4  # of encodings in one another: base 64 in JSON in JSON in a URL
RUNS_MAX = 1_000  # of base 64 in one text that are decoded, 50 µs each
OVERLAP_CHARS = 4_096  # beyond a cut that are looked at, so that no half of a secret stays before it
PASSES_MAX = 8  # after which a text is taken as clean; what one pass takes out hardly ever shows another secret

KINDS = (
    *(
        "pem",
        "xprv",
        "wif",
        "mini_key",
        "mnemonic",
        "macaroon",
        "hex_key",
        "jwk",
        "jwt",
        "api_key",
        "bearer",
        "basic_auth",
    ),
    *("url_password", "password", "pin", "token", "header", "encoded", "name"),
)

_RUN_BYTES = bytes(byte if re.match(rb"[A-Za-z0-9+/_.-]", bytes((byte,))) else 32 for byte in range(256))
_BASE_58_BYTES = bytes(49 if byte in base58.ALPHABET.encode() else 32 for byte in range(256))
_BASE_58_RUN = b"1" * base58.RUN_CHARS_MIN
_FOLDS = re.compile(base58.FOLD.encode())
_HEX_AND_DASH = b"0123456789abcdefABCDEF-."
# Addresses in small letters are most of a custody house's long runs; no secret has only these letters but those of its own head.
_BECH32 = b"023456789acdefghjklmnpqrstuvwxyz1b"
_ADDRESSES = (b"bc1", b"tb1", b"bcrt1", b"ltc1")
_TELLING = pair_hints.TELLING | mnemonic.TELLING
_NONE: frozenset[bytes] = frozenset()
_known_names: set[bytes] = set()
_RUN_MIN = encodings.RUN_CHARS_MIN
_HEX_MIN = encodings.HEX_CHARS_MIN
_says_in_hex = encodings.says_in_hex
_FIRST_LETTER = ord("A")  # base 64 of printable text, which is short enough to have one alignment, begins with a letter
_HASH_CHARS = 64  # of a transaction's id, a block's hash, a digest
_HASH = re.compile(rf"[0-9a-f]{{{_HASH_CHARS}}}").fullmatch
_SHAPE_MIN = shapes.RUN_CHARS_MIN
_SHAPE_IN_RUN = re.compile(shapes.RUN_SCAN.encode()).search


def clean(text: str, chars_max: int | None = None) -> tuple[str, tuple[str, ...]]:
    """The text without secrets, and the kind of each that was taken out; the very same text where there is none.

    Args:
        text: any text; lone surrogates stay.
        chars_max: how many characters are looked at and kept; what lies beyond is cut off, and a mark says how much.
    """
    size = len(text)
    if size == _HASH_CHARS and _HASH(text) is not None and not _hints([text.encode()]):
        return text, ()  # most of what a custody house logs; no other look than this could find something
    if chars_max is None or size <= chars_max:
        spans = find(text)
        return _clean(*replace_spans(text, spans)) if spans else (text, ())
    window = text[: chars_max + OVERLAP_CHARS]
    spans = [span for span in find(window) if span.start < chars_max]
    end = max((chars_max, *(span.end for span in spans)))
    head, kinds = replace_spans(window[:end], spans)
    head, kinds = _clean(head, kinds)
    return f"{head}<cut:{len(text) - end}>", kinds


def _clean(text: str, kinds: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    for _ in range(PASSES_MAX):
        spans = find(text)
        if not spans:
            break
        text, found = replace_spans(text, spans)
        kinds += found
    return text, kinds


def find(text: str, layer: int = 0) -> list[Span]:
    """Where secrets stand in the text, plain or encoded; spans may overlap."""
    data = text.encode("utf-8", "surrogatepass")
    tokens = data.translate(WORD_BYTES, DIGITS).split()
    spans: list[Span] = []
    told = _TELLING.intersection(tokens) if not _TELLING.isdisjoint(tokens) else _NONE
    families = pair_hints.families_in(text, data, tokens, told)
    if families:
        spans += pairs.find_pairs(text, _lower(text), families)
    if "://" in text and "@" in text:
        spans += pairs.find_url_passwords(text)
    runs = [run for run in data.translate(_RUN_BYTES).split() if len(run) >= _RUN_MIN]
    hints = _hints(runs)
    if b"private" in told and ("PRIVATE KEY" in text or "Private-Lines" in text):
        hints |= _SHAPE
    if "\n" in text or "\r" in text:
        hints |= _block_hints(text, data, runs)
    if hints:
        spans += _in_runs(text, hints, layer)
    if mnemonic.may_hold_phrase(text, tokens, is_told=bool(told) and not mnemonic.TELLING.isdisjoint(told)):
        spans += mnemonic.find_phrases(text)
    if layer < LAYERS_MAX and ("\\" in text or "%" in text or "&" in text or "+" in text):
        spans += _in_escapes(text, layer)
    return spans


def _lower(text: str) -> str:
    low = text.lower()
    if len(low) == len(text):
        return low
    # A capital of two small letters (U+0130) would move all that follows.
    return "".join(small if len(small := character.lower()) == 1 else character for character in text)


def _in_runs(text: str, hints: int, layer: int) -> Iterator[Span]:
    """Secrets that hold a long run of letters and digits, or are such a run."""
    if _SHAPE & hints:
        yield from shapes.find_shapes(text)
    if _BASE_58 & hints:
        yield from base58.find_private_keys(text)
    if _MINI & hints:
        yield from base58.find_mini_keys(text)
    if _GLUED & hints:
        yield from mnemonic.find_glued_phrases(text)
    if _ENCODED & hints and layer < LAYERS_MAX:
        yield from _in_encoded(text, layer)


_SHAPE, _BASE_58, _MINI, _ENCODED, _GLUED = 1, 2, 4, 8, 16


def _hints(runs: list[bytes]) -> int:
    """Which close looks the runs deserve."""
    hints = 0
    for run in runs:
        size = len(run)
        if size <= NAME_CHARS_MAX and run in _known_names:
            continue
        if size < _SHAPE_MIN and run[0] < _FIRST_LETTER and b"." not in run:
            continue  # the beginning of a date
        if not run.translate(None, _HEX_AND_DASH):
            if size >= _HEX_MIN and (
                _says_in_hex(run) is not None
                or (size >= encodings.HEX_FOREIGN_CHARS_MIN and encodings.may_be_foreign_hex(run))
            ):
                hints |= _ENCODED
            if size >= shapes.MACAROON_CHARS_MIN and shapes.MACAROON_HEAD in run:
                hints |= _SHAPE
            continue
        if run.startswith(_ADDRESSES) and not run.translate(None, _BECH32):
            continue
        if size >= _SHAPE_MIN:
            hints |= _hints_of_long(run, size)
        if hints & _ENCODED == 0 and encodings.may_be_encoded(run):
            hints |= _ENCODED
        if hints == 0 and size <= NAME_CHARS_MAX and run == run.translate(None, DIGITS):
            _remember(run)
    return hints


def _remember(run: bytes) -> None:
    if len(_known_names) >= NAMES_KNOWN_MAX:
        _known_names.clear()
    _known_names.add(run)


def _hints_of_long(run: bytes, size: int) -> int:
    hints = _GLUED if size >= mnemonic.GLUED_CHARS_MIN and run.isalpha() else 0
    if _SHAPE_IN_RUN(run) is not None or (size >= shapes.MACAROON_CHARS_MIN and shapes.MACAROON_HEAD in run):
        hints |= _SHAPE
    if b"S" in run and base58.MINI_IN_RUN.search(run) is not None:
        hints |= _MINI
    if size >= base58.RUN_CHARS_MIN and base58.HEADS_IN_RUN.search(run) is not None:
        hints |= _BASE_58
    return hints


def _block_hints(text: str, data: bytes, runs: list[bytes]) -> int:
    """The same for what stands in several lines."""
    hints = _SHAPE if "PRIVATE KEY" in text or "Private-Lines" in text else 0
    if not runs:
        return hints
    if max(map(len, runs)) >= encodings.FOLDED_CHARS_MIN and encodings.may_be_folded(text):
        hints |= _ENCODED
    if _BASE_58_RUN in _FOLDS.sub(b"", data).translate(_BASE_58_BYTES):
        hints |= _BASE_58 | (_SHAPE if shapes.may_be_folded(text) else 0)
    return hints


def _in_encoded(text: str, layer: int) -> Iterator[Span]:
    """Runs of base 64 or hexadecimal in which secrets stand; such a run goes as a whole.

    Of more than `RUNS_MAX` that seem to say something, which no honest text has, all that follows is one secret.
    """
    for number, run in enumerate(encodings.find_runs(text)):
        if number >= RUNS_MAX:
            yield Span(run.start, len(text), "encoded")
            return
        if run.is_key or any(find(inner, layer + 1) for inner in run.texts):
            yield Span(run.start, run.end, "encoded")


def _in_escapes(text: str, layer: int) -> Iterator[Span]:
    for unescaped in encodings.unescape(text):
        for span in find(unescaped.text, layer + 1):
            start, end = unescaped.place(span.start, span.end)
            yield Span(start, end, span.kind)
