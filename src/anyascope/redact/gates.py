"""Whether any of many texts deserves a close look: RE2's automata over a batch's joined texts.

They are linear, run at some 500 MB/s and without the interpreter's lock. Each matches wherever the text core would find
something, and a little more often. Expressions that begin with fixed letters are found by the processor's own search for a
byte, and stand alone.
"""

from __future__ import annotations

import re2

from anyascope.redact import base58, encodings, pairs, shapes
from anyascope.redact.mnemonic import GLUED_CHARS_MIN, SEPARATOR_CHARS_MAX
from anyascope.redact.words import LATIN, SHARES, numbers_of

SCAN_MEMORY_BYTES_MAX = 16 * 1024 * 1024  # an automaton; they use 1 MB
WORDS_MEMORY_BYTES_MAX = 128 * 1024 * 1024  # the word lists' automaton; 30 MB were used on hostile texts
WORDS_IN_A_ROW = 5  # of any of the lists: a phrase has more, even with a strange word in its middle

_B58 = f"[{base58.ALPHABET}]"
_RUN = "[A-Za-z0-9+/_-]"
_NOT_RUN = "(?:^|[^A-Za-z0-9/_-])"  # a form writes its spaces as `+`, which a run of base 64 may hold too


def _scan(*expressions: str, memory_bytes_max: int = SCAN_MEMORY_BYTES_MAX) -> re2._Regexp:
    options = re2.Options()
    options.max_mem = memory_bytes_max
    options.log_errors = False
    options.encoding = re2.Options.Encoding.LATIN1  # bytes as they are
    return re2.compile("|".join(expressions).encode(), options)


# --- names and values, over text in lower case --------------------------------------------------------------------------

_ALL_NAMES = "|".join(
    dict.fromkeys(
        (
            *(*pairs.PASSWORDS, *pairs.PASSWORDS_ALONE, *pairs.TOKENS, *pairs.TOKENS_ALONE),
            *(*pairs.HEADERS, *pairs.PINS, "pass"),
        )
    )
)
_HEX_GAP = rf"[^\n\x00]{{0,{pairs.HEX_GAP_CHARS_MAX + 20}}}[0-9a-f]{{64}}"
_PAIRS = (
    (
        rf"(?:{_ALL_NAMES})(?:{pairs.SPACED}code)?{pairs.TAIL}"
        rf"(?:{pairs.QUOTE}?[ \t+]{{0,3}}(?:[:=]|->|%3[ad])|{pairs.QUOTE}[ \t+]{{0,3}},[ \t+]{{0,3}}[bruf]?{pairs.QUOTE})"
    ),
    rf"(?:pin|otp){pairs.SPACED}(?:code|number|value)?[ \t+]{{1,3}}(?:[a-z]{{2,7}}(?: to)?[ \t+:=]{{1,3}})?[\"'(]?[0-9]{{4}}",
    r"(?:pass(?:word|phrase|wd|code)|identified[ +]by)[ \t+]{1,3}(?:(?:is|was|to)[ \t+]|[\"'\\])",
    r"cku_(?:user|so|context)|c_login|(?:sshpass|-tool|mysql|curl)\b[^\n\x00]{0,200}[ \t]-[pu]|walletpassphrase(?:change)?[ \t+(,]|encryptwallet[^a-z]",
    r"(?:bearer|basic)(?:[ \t+]|%20){1,4}[a-z0-9+/_.~-]{4}",
    rf"(?:priv|signing|spend|blinding|master|seed|secret|entropy|secexp|slip77|key.?material){_HEX_GAP}",
    r"(?:priv|secret|seed|signing|master|entropy)[^\x00]{0,60}(?:[0-9a-f]{2}[: ]\s{0,24}){12}",
    rf"(?:wif|sk|prv) ?[:=]{_HEX_GAP}",
    rf"-[a-z0-9_.-]{{0,40}}(?:{_ALL_NAMES})[a-z0-9_.-]{{0,16}}[ \t+]{{1,4}}[^- \t]",
    rf"<[a-z0-9_:.-]{{0,60}}(?:{_ALL_NAMES})[a-z0-9_:.-]{{0,16}}(?:[ \t][^<>]{{0,200}})?>",
    r"\"d\\{0,15}\"\s{0,3}:",
)
_URLS = r"://[^/?#\s:\[\x00\"'<>]{0,128}:[^/\s@\x00]"


def _words() -> re2._Regexp:
    words = sorted({word for language in (*LATIN, SHARES) for word in numbers_of(language)})
    word = f"(?:{'|'.join(words)})"
    separator = rf"[^a-z\x00]{{1,{SEPARATOR_CHARS_MAX}}}"
    return _scan(
        rf"(?i)(?:^|[^a-z])(?:{word}{separator}){{{WORDS_IN_A_ROW - 1}}}{word}(?:$|[^a-z])",
        memory_bytes_max=WORDS_MEMORY_BYTES_MAX,
    )


# How words in other scripts look in base 64: a letter of three bytes, then two Cyrillic ones of two, each behind no, one or two
# bytes of its quad. Up to five bytes of ASCII may stand before; behind more, texts are known by those.
_FOREIGN_64 = (
    rf"{encodings.QUADS}?(?:"
    + "|".join(
        (
            r"[4-7][I-LY-bo-r4-7][CGKOSWaeimquy26+-]",
            rf"{_RUN}[Oeu+-][GOSWaeimquy2]{_RUN}[g-v]",
            rf"{_RUN}{{2}}[DHLPTXbfjnrvz37/_][hj-t][g-v][I-LY-bo-r4-7]",
            r"0[I-LYZab][DHLPTXbfjnrvz37/_][QR]",
            rf"{_RUN}[Ndt9][CG]{_RUN}0[I-LYZab]",
            rf"{_RUN}{{2}}[DHLPTXbfjnrvz37/_][QR][g-v][Ndt9][CG]",
        )
    )
    + rf"){_RUN}{{38}}"
)


def _encoded() -> re2._Regexp:
    heads = "|".join(
        (
            rf"{encodings.QUADS}{{2}}{_RUN}{{3}}",
            rf"(?:M[A-Z]|AgE|MDA){_RUN}{{42}}",
            rf"{_RUN}{{{encodings.RUNE_MARK_AT}}}9{_RUN}",
            rf"{_RUN}{{120}}|[A-Za-z]{{{GLUED_CHARS_MIN}}}",
            _FOREIGN_64,
            rf"[0-9a-fA-F]?{encodings.HEX_TEXT}{{{encodings.HEX_TEXT_BYTES}}}[0-9a-fA-F]{{4}}",
            r"30(?:[1-7].|81..|82....)0201|(?:e[1-9a-dA-D][89abAB].[89abAB].(?:20)?){3}|(?:d[01][89abAB].){4}",
        )
    )
    return _scan(rf"{encodings.QUADS}{{4}}", f"{_NOT_RUN}(?:{heads})")


# The first bytes of letters in the other scripts and of letters with accents, as UTF-8 has them.
_FOREIGN = r"[\xc3-\xc5\xcc\xcd\xd0\xd1\xe1\xe3-\xed][\x80-\xbf]"

GATES = (
    _scan(r"-----BEGIN[ +][A-Z0-9 +]{0,40}PRIVATE[ +]KEY"),
    _scan(_URLS),
    _scan(rf"(?:{_B58}{base58.FOLD}?){{{base58.RUN_CHARS_MIN}}}", rf"\bS{_B58}{{21,29}}\b"),
    _words(),
    _scan(shapes.SCAN, encodings.ESCAPE_SCAN, _FOREIGN),
    _encoded(),
    _scan(f"(?i){'|'.join(_PAIRS)}"),
)
