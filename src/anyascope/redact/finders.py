"""What is looked for, a finder a kind: a fast scan that says whether a text may hold one, and the cleaning itself.

Scans are RE2 automata over bytes (linear, some 600 MB/s, without the interpreter's lock). Finders whose scans go well
together share a gate, one automaton that says whether any of them has work. Cleaning uses `re` with patterns that cannot
backtrack: possessive repetition, or bounded.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from dataclasses import dataclass

import re2

from anyascope.redact.base58 import ALPHABET, FOLD, WIF_CHARS, replace_private_keys
from anyascope.redact.mnemonic import PHRASE, replace_phrases
from anyascope.redact.names import is_harmless, looks_like_token

SCAN_MEMORY_BYTES_MAX = 16 * 1024 * 1024  # an automaton; they use 1 MB
ENCODED_CHARS_MIN = 68  # a WIF key in base 64


@dataclass(frozen=True, slots=True)
class Finder:
    """One kind of secret.

    Attributes:
        kind: what stands in its place, `<redacted:kind>`, and in the counter.
        scan: an RE2 expression over UTF-8 bytes that matches wherever `clean` would change anything.
        clean: the text without such secrets; the same text where there is none.
    """

    kind: str
    scan: re2._Regexp
    clean: Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Gate:
    """Finders behind one scan: where it finds nothing, none of them would."""

    scan: re2._Regexp
    finders: tuple[Finder, ...]


def mark(kind: str) -> str:
    """What stands where a secret was."""
    return f"<redacted:{kind}>"


def _scan(expression: str) -> re2._Regexp:
    options = re2.Options()
    options.max_mem = SCAN_MEMORY_BYTES_MAX
    options.log_errors = False
    options.encoding = re2.Options.Encoding.LATIN1
    return re2.compile(expression.encode(), options)


def _substitute(kind: str, expression: str, *, flags: int = 0) -> Callable[[str], str]:
    """Replaces the whole match, or what follows group `keep`."""
    pattern = re.compile(expression, flags)
    keeps = "keep" in pattern.groupindex

    def replaced(found: re.Match[str]) -> str:
        return (found["keep"] if keeps else "") + mark(kind)

    return lambda text: pattern.sub(replaced, text)


# --- key blocks ---------------------------------------------------------------------------------------------------------

_PEM = Finder(
    "pem",
    _scan(r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY"),
    # One that is cut off is taken to its end.
    _substitute(
        "pem",
        r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
        r"(?:[^-]|-(?!----END))*+(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----)?",
    ),
)

# --- Bitcoin ------------------------------------------------------------------------------------------------------------

_B58 = f"[{ALPHABET}]"
_XPRV_HEADS = r"(?:[xyztuvYZUV]prv|Ltpv|Mtpv|ttpv|dgpv)"
_XPRV = Finder(
    "xprv",
    # Nothing else begins so: one with a wrong checksum is a private key with a typing error.
    _scan(rf"{_XPRV_HEADS}(?:{FOLD}?{_B58}){{40}}"),
    _substitute("xprv", rf"{_XPRV_HEADS}(?:{FOLD}?{_B58}){{40,107}}+"),  # 111 characters in all
)
_WIF = Finder(
    "wif",
    _scan(rf"(?:{_B58}{FOLD}?){{{WIF_CHARS[0]}}}"),
    lambda text: replace_private_keys(text, mark("wif")),
)
_MNEMONIC = Finder("mnemonic", PHRASE, lambda text: replace_phrases(text, mark("mnemonic")))
_GAP = r"(?:[ _+-]|%20)?"
_HEX_CONTEXT = (
    rf"(?:priv(?:ate)?{_GAP}key|secret(?:{_GAP}key)?|signing{_GAP}key|master{_GAP}(?:key|secret|seed)|seed|entropy|"
    r"secexp|(?:wif|sk|d) ?[:=])"
)
_HEX_KEY = Finder(
    "hex_key",
    _scan(rf"(?i){_HEX_CONTEXT}[^0-9a-f\n\x00](?:[^\n\x00]{{0,30}}[^0-9a-f\n\x00])?(?:0x)?[0-9a-f]{{64}}"),
    _substitute(
        "hex_key",
        rf"(?P<keep>{_HEX_CONTEXT}[^0-9a-fA-F\n](?:[^\n]{{0,30}}[^0-9a-fA-F\n])?(?:0x)?)[0-9a-f]{{64,}}+",
        flags=re.IGNORECASE,
    ),
)
_MACAROON = Finder(
    "macaroon",
    _scan(r"0201036[cC]6[eE]64[0-9a-fA-F]{40}|AgEDbG5k[A-Za-z0-9+/_-]{40}"),
    _substitute("macaroon", r"0201036[cC]6[eE]64[0-9a-fA-F]{40,}+|AgEDbG5k[A-Za-z0-9+/_-]{40,}+={0,2}"),
)

# --- tokens that tell themselves ------------------------------------------------------------------------------------------

_JWT = Finder(
    "jwt",
    _scan(r"eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8}"),
    _substitute("jwt", r"eyJ[A-Za-z0-9_-]{8,}+\.[A-Za-z0-9_-]{8,}+(?:\.[A-Za-z0-9_-]*+){0,3}"),
)
_KEY_SHAPES = (
    r"A[KS]IA[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{22}|glpat-[A-Za-z0-9_-]{20}|"
    r"xox[abeoprs]-[A-Za-z0-9-]{10}|xapp-[A-Za-z0-9-]{10}|[rs]k_(?:live|test)_[A-Za-z0-9]{16}|whsec_[A-Za-z0-9+/]{16}|"
    r"AIza[0-9A-Za-z_-]{35}|npm_[A-Za-z0-9]{36}|SG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}|nsec1[02-9ac-hj-np-z]{58}|"
    r"AGE-SECRET-KEY-1[02-9AC-HJ-NP-Z]{58}|hooks\.slack\.com/services/[A-Z0-9]{6}"
)
_API_KEY = Finder("api_key", _scan(_KEY_SHAPES), _substitute("api_key", rf"(?:{_KEY_SHAPES})[A-Za-z0-9+/_=-]*+"))
_BEARER = Finder(
    "bearer",
    _scan(r"(?i)\bbearer(?:[ \t+]|%20){1,4}[a-z0-9._~+/-]{16}"),
    _substitute("bearer", r"(?P<keep>\bbearer(?:[ \t+]|%20){1,4})[a-z0-9._~+/-]{16,}+=*+", flags=re.IGNORECASE),
)


def _clean_basic(text: str) -> str:
    return _BASIC_PATTERN.sub(_basic, text)


def _basic(found: re.Match[str]) -> str:
    # "basic authentication" is no secret: what follows must decode to `user:password`.
    raw = _decoded(found["value"])
    return found["keep"] + mark("basic_auth") if raw is not None and ":" in raw else found.group()


_BASIC_PATTERN = re.compile(r"(?P<keep>\bbasic(?:[ \t]|%20){1,4})(?P<value>[a-z0-9+/]{6,}+={0,2})", re.IGNORECASE)
_BASIC = Finder("basic_auth", _scan(r"(?i)\bbasic(?:[ \t]|%20){1,4}[a-z0-9+/]{6}"), _clean_basic)
_URL = Finder(
    "url_password",
    _scan(r"://[^/?#\s@:\x00]{0,128}:[^/\s@\x00]"),
    _substitute("url_password", r"(?P<keep>://[^/?#\s@:]{0,128}:)(?![^\s@]{0,5}/)[^/\s@]{1,256}(?=@)"),
)

# --- name and value -----------------------------------------------------------------------------------------------------

_NAMED_SECRETS = (
    r"pass(?:word|wd|phrase|code)|(?<![a-z])pwd|secret(?:[_-]?(?:access)?[_-]?key)?|api[_-]?key|access[_-]?key|"
    r"(?:private|priv|signing|master)[_-]?key|privkey|mnemonic|(?:seed|recovery)[ _-]?(?:phrase|words)|"
    r"macaroon|credentials?"
)
_QUOTE = r"(?:\\{1,3}[\"']|[\"']|%22|%27|&quot;)"
_EQUALS = r"(?:[ \t]{0,3}(?:=>|:=|[:=]|%3[ad])[ \t]{0,3})"
_QUOTED = r"\"(?:[^\"\\]|\\.)*+\"?|'(?:[^'\\]|\\.)*+'?"
_ESCAPED = r"\\{1,3}[\"'](?:[^\"'\\]|\\(?![\"'\\]))*+(?:\\{1,3}[\"'])?"
_PLAIN = r"(?:(?!%2[267c]|&quot;)[^\s\"'&;<>\\])++"
_VALUE = rf"(?:{_QUOTED}|{_ESCAPED}|(?:%22|%27|&quot;)?{_PLAIN})"

_PAIR = re.compile(rf"(?P<keep>(?:{_NAMED_SECRETS}){_QUOTE}?{_EQUALS})(?P<value>{_VALUE})", re.IGNORECASE | re.DOTALL)
_PIN = re.compile(
    rf"(?P<keep>(?:(?<![a-z])|(?<=user)|(?<=so))(?:pin|otp)(?:[ _-]?code)?{_QUOTE}?{_EQUALS}{_QUOTE}?)(?P<value>\d{{4,16}}(?!\w))",
    re.IGNORECASE,
)
_TOKEN = re.compile(
    rf"(?P<keep>(?:token|(?<![a-z])(?:seed|entropy|auth)){_QUOTE}?{_EQUALS})(?P<value>{_VALUE})",
    re.IGNORECASE | re.DOTALL,
)
_HEADER = re.compile(
    rf"(?P<keep>(?:authorization|cookie){_QUOTE}?{_EQUALS})(?P<value>{_QUOTED}|{_ESCAPED}|[^\r\n\"'\\]++)",
    re.IGNORECASE,
)
_TRAILING = ",.)]}"
_QUOTE_MARKS = "\"'\\"


def _replace_value(found: re.Match[str], kind: str, *, is_secret: Callable[[str], bool]) -> str:
    """The pair with the mark in place of its value; quotes and closing punctuation stay."""
    whole = found["value"]
    value = whole if whole[:1] in _QUOTE_MARKS else whole.rstrip(_TRAILING)
    inner = value.strip(_QUOTE_MARKS)
    if not inner or inner.startswith(("<redacted:", "{", "[")) or not is_secret(inner):
        return found.group()
    start = value.index(inner)
    return f"{found['keep']}{value[:start]}{mark(kind)}{value[start + len(inner) :]}{whole[len(value) :]}"


def _is_password(value: str) -> bool:
    return not is_harmless(value)


def _is_header(value: str) -> bool:
    # "Authorization: Bearer <redacted:bearer>" has been dealt with.
    return "<redacted:" not in value and not is_harmless(value)


def _pairs(pattern: re.Pattern[str], kind: str, is_secret: Callable[[str], bool]) -> Callable[[str], str]:
    return lambda text: pattern.sub(lambda found: _replace_value(found, kind, is_secret=is_secret), text)


_SCAN_EQUALS = r"(?:\\{1,3}[\"']|[\"']|%22|%27|&quot;)?[ \t]{0,3}(?:=|:|%3[ad])"
_PASSWORD = Finder(
    "password",
    _scan(
        r"(?i)(?:pass(?:word|wd|phrase|code)|pwd|secret|[_-]?key|apikey|mnemonic|phrase|words|macaroon|credentials?)"
        + _SCAN_EQUALS
    ),
    _pairs(_PAIR, "password", _is_password),
)
_PINS = Finder(
    "pin",
    _scan(rf"(?i)(?:pin|otp)(?:[ _-]?code)?{_SCAN_EQUALS}"),
    lambda text: _PIN.sub(lambda found: found["keep"] + mark("pin"), text),
)
_TOKENS = Finder(
    "token", _scan(rf"(?i)(?:token|seed|entropy|auth){_SCAN_EQUALS}"), _pairs(_TOKEN, "token", looks_like_token)
)
_HEADERS = Finder(
    "header", _scan(rf"(?i)(?:authorization|cookie){_SCAN_EQUALS}"), _pairs(_HEADER, "header", _is_header)
)

# --- any of these in base 64 --------------------------------------------------------------------------------------------

_ENCODED_RUN = re.compile(rf"[A-Za-z0-9+/_-]{{{ENCODED_CHARS_MIN},}}+={{0,2}}")
_HEX_RUN = re.compile(r"[0-9a-fA-F]+")


def _clean_encoded(text: str) -> str:
    runs = {run for run in _ENCODED_RUN.findall(text) if not _HEX_RUN.fullmatch(run)}
    inside = {run: said for run in runs if (said := _decoded(run)) is not None}
    # One look at all of them together: a page of certificates must not cost a look at each line.
    joined = "\0".join(inside.values()).encode()
    finders = [finder for finder in PLAIN_FINDERS if finder.scan.search(joined) is not None]
    if not finders:
        return text
    secret = {run for run, said in inside.items() if any(finder.clean(said) != said for finder in finders)}
    return _ENCODED_RUN.sub(lambda run: mark("encoded") if run.group() in secret else run.group(), text)


def _decoded(run: str) -> str | None:
    """What a run of base 64 says, where that is text."""
    plain = run.rstrip("=").replace("-", "+").replace("_", "/")
    plain = plain[: len(plain) - (len(plain) % 4 == 1)]
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4)).decode("ascii")
    except (binascii.Error, UnicodeDecodeError):
        return None


def _gate(*finders: Finder) -> Gate:
    if len(finders) == 1:
        return Gate(finders[0].scan, finders)
    return Gate(_scan("|".join(f"(?:{finder.scan.pattern.decode()})" for finder in finders)), finders)


_ENCODED = Finder("encoded", _scan(rf"[A-Za-z0-9+/_-]{{{ENCODED_CHARS_MIN}}}"), _clean_encoded)

# Most telling first: what one finder takes out, the next no longer sees.
PLAIN_FINDERS = (
    *(_PEM, _XPRV, _WIF, _MNEMONIC, _MACAROON, _HEX_KEY),
    *(_JWT, _API_KEY, _BEARER, _BASIC, _URL, _PASSWORD, _PINS, _TOKENS, _HEADERS),
)
FINDERS = (*PLAIN_FINDERS, _ENCODED)
# Scans that begin with fixed letters are found by the processor's own search for a byte, and stand alone.
GATES = (
    *(_gate(_PEM), _gate(_WIF), _gate(_MNEMONIC), _gate(_JWT), _gate(_URL), _gate(_ENCODED)),
    _gate(_XPRV, _MACAROON, _API_KEY),
    _gate(_HEX_KEY, _BEARER, _BASIC, _PASSWORD, _PINS, _TOKENS, _HEADERS),
)
KINDS = (*(finder.kind for finder in FINDERS), "name")
