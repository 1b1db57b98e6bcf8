"""Secrets that are told by the name before them: `password=…`, `"user_pin": "…"`, `--pin …`, `<secret>…`, headers, URLs.

Patterns cannot backtrack far: repetition is possessive or bounded. Each begins with a letter of its own wherever it can, so
that `re` passes over all other text at its fastest, and looks at text in lower case, where it can do that.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator

from anyascope.redact.names import is_harmless, is_mixed, looks_like_token, secrecy_of, without_marks
from anyascope.redact.spans import Span

# Families of names: which of them a text may hold.
PASSWORD, TOKEN, PIN, AUTHORIZATION, COOKIE, SAID, LOGIN, WALLET, BEARER, BASIC, JWK, HEX, FLAG, ELEMENT, PASS, TOOL = (
    1 << bit for bit in range(16)
)

_GLUE = r"[_.-]?"
SPACED = r"[ _.+-]?"
_PHRASES = tuple(
    f"{what}{SPACED}{of}" for what in ("seed", "recovery", "backup", "mnemonic") for of in ("phrase", "words")
)
# What names end with; what stands before (`db_`, `hsm.user`) does not matter.
PASSWORDS = (
    *("password", "passwd", "passphrase", "passcode", "passwort", "mysql_pwd", "brainwallet", "rpcauth", "mnemonics?"),
    *(
        rf"secret(?:{_GLUE}(?:access)?{_GLUE}key|_id)?",
        f"privkey{_GLUE}",
        "xpriv",
        "key_material",
        "macaroon",
        "credentials?",
    ),
    *(f"{what}{_GLUE}key" for what in ("api", "access", "account", "private", "priv")),
    *(f"{what}{_GLUE}seed" for what in ("hd", "wallet", "master")),
    *("seed_hex", "seed_bytes", "x-amz-signature", *_PHRASES),
)
_KEYS = ("signing", "master", "spend", "blinding", "private", "priv", "secret", "api", "access")
# Secret where the value is long and mixed: these name labels too, such as an HSM's token.
TOKENS = ("token", *(f"{what}{SPACED}key" for what in _KEYS))
# The same, but never as the end of a longer word.
PASSWORDS_ALONE = (
    *("pwd", "xprv", "yprv", "zprv", "tprv", "wif", "rune", "nsec"),
    *(f"{whose}{_GLUE}pass" for whose in ("db", "rpc", "smtp", "user", "admin", "http")),
)
TOKENS_ALONE = ("seed", "entropy", "auth", "jwt", "bearer")
PINS = ("pin", "otp", "totp", *(f"{what}{SPACED}code" for what in ("mfa", "2fa", "unlock", "verification")))
HEADERS = ("authorization", "cookie")


def _names(anywhere: tuple[str, ...], alone: tuple[str, ...] = ()) -> str:
    # Each begins with a letter of its own, so that `re` passes over all other letters at its fastest.
    return "|".join((*anywhere, *(rf"{name[0]}(?<![a-z]{name[0]}){name[1:]}" for name in alone)))


TAIL = rf"(?:{_GLUE}(?:\d|value|hex|b64|base64|new|old|confirm|again|plain|raw))?"
QUOTE = r"(?:\\{1,15}[\"'`]|[\"'`]|%22|%27|&quot;|&#3[49];)"
_EQUALS = r"(?:[ \t+]{0,3}(?:=>|:=|==|->|[:=]|%3[ad])[ \t+]{0,3}+(?:[bruf](?=[\"']))?)"
_LISTED = rf"(?:{QUOTE}[ \t]{{0,3}},[ \t]{{0,3}}[bruf]?(?={QUOTE}))"  # ("password", "…")
_NAME_END = rf"{TAIL}(?:{_LISTED}|(?P<mark>{QUOTE})?{_EQUALS})"
_QUOTED = (
    r"\"(?:[^\"\\]|\\.)*+\"?|'(?:[^'\\]|\\.)*+'?|`[^`]*+`?|"
    r"(?P<q>\\{1,15}[\"'`])(?:(?!(?<!\\)(?P=q)).)*+(?:(?P=q))?|(?:%22|%27|&quot;|&#3[49];)(?:(?!%2[27]|&quot;|&#3[49];)\S)++"
)
_PLAIN = r"(?:(?!%2[267c]|&quot;|&#3[49];)(?:[^\s\"'&;<>\\]|\\(?![nrtubf\"'\\/])))++"
_VALUE = rf"(?P<value>{_QUOTED}|\[[^\[\]{{}}]{{0,4096}}+\]|{_PLAIN})"
_IN_QUOTES = r"(?P<value>\"[^\"\n]{1,256}\"|'[^'\n]{1,256}')"


def _on(expression: str) -> re.Pattern[str]:
    """An expression for text in lower case."""
    return re.compile(expression, re.DOTALL)


_PASSWORD_NAMES = _names(PASSWORDS, PASSWORDS_ALONE)
_TOKEN_NAMES = _names(TOKENS, TOKENS_ALONE)
_PASSWORD_PAIR = _on(rf"(?:{_PASSWORD_NAMES}){_NAME_END}{_VALUE}")
# A phrase without quotes goes on to the end of its field.
_WORD = r"[^\s\"'`,;|<>{}\[\]=\\%&]++"
_PHRASE_PAIR = _on(
    rf"(?:{_names(('pass[ _-]?phrase', 'mnemonics?', 'brainwallet', *_PHRASES))}){TAIL}{_EQUALS}"
    rf"(?P<value>(?!\$){_WORD}(?:[ \t]{{1,2}}{_WORD}(?![=:]))*+)"
)
_TOKEN_PAIR = _on(rf"(?:{_TOKEN_NAMES}){_NAME_END}{_VALUE}")
_HEADER_VALUE = rf"{_NAME_END}(?P<value>{_QUOTED}|[^\r\n\"'\\]++)"
_AUTHORIZATION = _on(f"authorization{_HEADER_VALUE}")
_COOKIE = _on(f"cookie{_HEADER_VALUE}")
_A_COOKIE = re.compile(r"[\w.%-]{1,128}=\S")
_PIN_PAIR = _on(
    rf"(?:{_names(PINS)})(?:{SPACED}code)?{TAIL}(?:{_LISTED}|(?P<mark>{QUOTE})?(?P<equals>{_EQUALS}))(?P<open>{QUOTE})?"
    r"(?P<value>[^\s\"'`&;<>\\,)\]}%]{4,64}+)"
)
_SAID = r"(?:(?:is|was|to|of|entered|used|set to|changed to)[ \t+:=]{1,3})?"
PIN_SAID = _on(
    rf"(?:{_names(('pin', 'otp'))})(?:{SPACED}(?:code|number|value))?[ \t+]{{1,3}}{_SAID}[\"'(]?(?P<value>\d{{4,12}}(?![\w.:/-]))"
)
# `pass=5` counts tests.
_PASS_PAIR = _on(
    rf"{_names((), ('pass',))}(?:(?P<mark>{QUOTE})[ \t]{{0,3}}:[ \t]{{0,3}}|[ \t]{{0,3}}=[ \t]{{0,3}}){_VALUE}"
)
_PASS = _names(("password", "passphrase", "passwd", "passcode"))
_PASSWORD_QUOTED = _on(rf"(?:{_PASS}|identified by)[ \t]{{1,3}}(?:(?:is|was|to)[ \t]{{1,3}})?{_IN_QUOTES}")
_PASSWORD_SAID = _on(
    rf"(?:{_PASS})[ \t]{{1,3}}(?:is|was|to)[ \t]{{1,3}}(?P<value>(?:[^\s\"'\\]|\\(?![\"'\\nrt])){{6,128}}+)"
)
_FLAG_HEAD = r"-(?<![\w-]-)-?(?P<name>[a-z][a-z0-9_.-]{1,63}+)[ \t+]{1,4}(?!-)"
_FLAG = _on(f"{_FLAG_HEAD}{_VALUE}")
FLAG_NAME = _on(_FLAG_HEAD)
_ELEMENT = _on(r"<(?P<name>[a-z][a-z0-9_:.-]{1,63}+)(?:[ \t][^<>]{0,200}+)?>(?P<value>[^<]{1,4096}+)</")

# --- calls whose argument is the secret ---------------------------------------------------------------------------------

_LOGIN = _on(
    r"cku_(?:user|so|context_specific)[\"')\]\s,=:]{1,8}(?:p?pin[\"'\s=:]{1,4})?[bu]?"
    r"(?P<value>\\{0,15}\"[^\"\n]{1,256}\"|'[^'\n]{1,256}'|\d{4,16}\b)"
)
_LOGIN_CALL = _on(r"c_login(?:user)?\([^\"'\n)]{0,80}[bu]?(?P<value>\\{0,15}\"[^\"\n]{1,256}\"|'[^'\n]{1,256}')")
# Tools that take it behind a flag of one letter.
_TOOL = _on(
    r"(?:sshpass|pkcs1[15]-tool|mysql|curl)\b[^\n]{0,200}?[ \t](?:-p[ \t]{0,2}|-u[ \t]{0,2}[\"']?[^\s:\"']{1,64}:)"
    r"(?P<value>\"[^\"\n]{1,256}\"|'[^'\n]{1,256}'|[^\s\"']{1,256}+)"
)
_CALLS = _names(("walletpassphrase(?:change)?", "encryptwallet"))
_WALLET_CALL = _on(
    rf"(?:{_CALLS})(?:{QUOTE}[ \t]{{0,3}},[ \t]{{0,3}}{QUOTE}params{QUOTE}[ \t]{{0,3}}:[ \t]{{0,3}}\[)?[ \t(,]{{0,4}}"
    r"(?P<value>\"[^\"\n]{1,256}\"(?:[ \t,]{1,4}\"[^\"\n]{1,256}\")?|'[^'\n]{1,256}'(?:[ \t,]{1,4}'[^'\n]{1,256}')?|"
    r"(?P<q>\\{1,15}\")(?:(?!(?<!\\)(?P=q)).){1,256}+(?P=q)|[^\s\"'(),]{4,256}(?=[ \t]{1,4}\d))"
)
_WALLET_COMMAND = _on(rf"cli\b[^\n]{{0,200}}?[ \t](?:{_CALLS})[ \t]{{1,4}}{_VALUE}")
_JWK = _on(r"\"d\\{0,15}\"\s{0,3}:\s{0,3}\\{0,15}\"(?P<value>[a-z0-9_-]{40,1024}+)")

# --- headers and URLs ---------------------------------------------------------------------------------------------------

BEARER_CHARS_MIN = 16
PAIRS_MAX = 1_000  # in one text
PIN_CHARS_MIN = 4  # shorter ones are counts
_BEARER = _on(rf"bearer(?:[ \t+]|%20){{1,4}}(?P<value>[a-z0-9._~+/-]{{{BEARER_CHARS_MIN},}}+=*+)")
_BASIC = _on(r"basic(?:[ \t+]|%20){1,4}(?P<value>[a-z0-9+/_-]{4,}+(?:=|%3d){0,2})")
_URL = _on(
    r"://[^/?#\s:\[\"'<>]{0,128}:(?!\d{1,5}(?:[/?#\s\"',;)\]}<>\\]|$))(?P<value>[^\s\"'<>\\/][^\s\"'<>\\]{0,255})@"
)
_SCHEMES = frozenset(
    (
        *("bearer", "basic", "digest", "negotiate", "ntlm", "token", "apikey", "api-key", "macaroon", "lsat", "l402"),
        *("rune", "signature", "hawk", "oauth", "key", "ssws"),
    )
)

# --- hexadecimal keys beside a word that says what they are -------------------------------------------------------------

HEX_GAP_CHARS_MAX = 40  # between the word and the key
_HEX_SAYS = (
    *(f"{what}{SPACED}key" for what in ("private", "priv", "signing", "spend", "blinding", "master")),
    *(f"{what}{SPACED}seed" for what in ("hd", "wallet", "root", "master")),
    *(rf"secret(?:{SPACED}(?:key|exponent|scalar))?", f"master{SPACED}secret", f"key{SPACED}material"),
    *(
        "entropy",
        "secexp",
        "slip77",
        r"s(?<!\ws)eed",
        *(rf"{what[0]}(?<!\w{what[0]}){what[1:]} ?[:=]" for what in ("wif", "sk", "prv", "priv")),
    ),
)
# Between the two: nothing that says that a hash, an id or a public key is meant.
HEX_OTHER = (
    r"tx|hash|block|pub|fingerprint|\bid\b|_id|sha|digest|addr|commit|trace|span|root|checksum|merkle|sig\b|signature|"
    r"signed|utxo|outpoint|point|version|node|peer|request|correlation|label|x-?only"
)
_HEX_KEY = _on(
    rf"(?:{'|'.join(_HEX_SAYS)})(?:(?!{HEX_OTHER})[^\n]){{0,{HEX_GAP_CHARS_MAX}}}?(?<![0-9a-z])(?:0x)?"
    r"(?P<value>[0-9a-f]{64,}+)(?![0-9a-z])"
)
# As OpenSSL prints them: pairs of digits, parted by colons or blanks, over several lines.
_HEX_PAIRS = _on(
    rf"(?:{'|'.join(_HEX_SAYS)}|priv)(?:(?!{HEX_OTHER})[^\n]){{0,{HEX_GAP_CHARS_MAX}}}?[\s:]{{1,24}}"
    r"(?P<value>[0-9a-f]{2}(?:[: ]\s{0,24}[0-9a-f]{2}){31,}+)(?![0-9a-z])"
)
_PUBLIC_KEY = re.compile(r"0[23][0-9a-f]{64}|04[0-9a-f]{128}")

_TRAILING = ",.)]}:"
_QUOTE_MARKS = "\"'`\\"


def find_pairs(text: str, low: str, families: int) -> Iterator[Span]:
    """Where values stand that something before them says are secret.

    Of more than `PAIRS_MAX`, which no honest text has, all that follows is one secret.

    Args:
        text: the text.
        low: the same in lower case, character by character.
        families: which sorts of names there may be, as `pair_hints.families_in` says.
    """
    for number, span in enumerate(_all_pairs(text, low, families)):
        if number >= PAIRS_MAX:
            yield Span(span.start, len(text), span.kind)
            return
        yield span


def _all_pairs(text: str, low: str, families: int) -> Iterator[Span]:
    for family, pattern, kind, is_secret in _PAIRS:
        if family & families:
            yield from _values(pattern, text, low, kind=kind, is_secret=is_secret)
    if families & PIN:
        yield from _pins(text, low)
    if families & FLAG:
        yield from _named(_FLAG, text, low)
    if families & ELEMENT:
        yield from _named(_ELEMENT, text, low)


def find_url_passwords(text: str) -> Iterator[Span]:
    """Where `scheme://user:password@host` has its password."""
    return _values(_URL, text, text, kind="url_password", is_secret=_is_password)


def _values(
    pattern: re.Pattern[str], text: str, low: str, *, kind: str, is_secret: Callable[[str], bool]
) -> Iterator[Span]:
    """The values of the pattern's matches; quotes, brackets and closing punctuation are not part of them."""
    for found in pattern.finditer(low):
        start, end = found.span("value")
        span = _inside(text, start, end)
        inner = without_marks(text[span.start : span.end])
        if inner and inner[0] not in "{[" and not is_harmless(text[start:end]) and is_secret(inner):
            yield span._replace(kind=kind, quote=_quote_for(found, text, span))


def _named(pattern: re.Pattern[str], text: str, low: str) -> Iterator[Span]:
    """The same for patterns that take any name: of flags and elements."""
    for found in pattern.finditer(low):
        secrecy = secrecy_of(text[slice(*found.span("name"))])
        if not secrecy:
            continue
        span = _inside(text, *found.span("value"))
        inner = without_marks(text[span.start : span.end])
        if inner and (_is_password(inner) if secrecy == "secret" else looks_like_token(inner)):
            yield span._replace(kind="pin" if "pin" in found["name"] else "password")


def _inside(text: str, start: int, end: int) -> Span:
    """The value without what stands around it: quotes of any sort, brackets, a sentence's punctuation."""
    whole = text[start:end]
    for escaped in ("%22", "%27", "&quot;", "&#34;", "&#39;"):
        if whole.startswith(escaped):
            return Span(start + len(escaped), end, "")
    if whole.startswith("["):
        inner = whole.strip(f"{_QUOTE_MARKS}[] \t\r\n")
    elif whole[:1] in _QUOTE_MARKS:
        inner = whole.strip(_QUOTE_MARKS)
    else:
        inner = whole.rstrip(_TRAILING)
    first = start + whole.index(inner)
    return Span(first, first + len(inner), "")


def _quote_for(found: re.Match[str], text: str, span: Span) -> str:
    """What must stand around the mark so that an object of JSON stays one: its value had no quotes of its own."""
    quote = found["mark"] if "mark" in found.re.groupindex else None
    if not quote or text[span.start - 1] in _QUOTE_MARKS:
        return ""
    return str(quote)


def _pins(text: str, low: str) -> Iterator[Span]:
    for found in _PIN_PAIR.finditer(low):
        value = found["value"].rstrip(_TRAILING)
        is_given = found["open"] is not None or (found["equals"] or "").strip() in ("=", ":=", "==")
        if _names_pin(text, found.start()) and _is_pin(value, is_given=is_given):
            span = Span(found.start("value"), found.start("value") + len(value), "pin")
            yield span._replace(quote="" if found["open"] else _quote_for(found, text, span))
    for found in PIN_SAID.finditer(low):
        if _names_pin(text, found.start()):
            yield Span(*found.span("value"), "pin")


def _names_pin(text: str, at: int) -> bool:
    """Whether a word or a part of one begins here: `pin`, `user_pin`, `userPin`, `userpin`; not `spin`."""
    before = text[at - 1 : at]
    if not before.isalpha():
        return True
    return (before.islower() and text[at].isupper()) or text[max(at - 4, 0) : at].lower().endswith(
        ("user", "so", "hsm")
    )


def _is_pin(value: str, *, is_given: bool) -> bool:
    """Digits; or anything that says something, where it is given rather than talked about."""
    if value.isdigit():
        return len(value) >= PIN_CHARS_MIN
    return is_given and len(value) >= PIN_CHARS_MIN and not is_harmless(value)


def _is_private(value: str) -> bool:
    """A public key has a known form; whatever else is as long as a key is taken for one."""
    return _PUBLIC_KEY.fullmatch(value.lower()) is None


def _is_password(value: str) -> bool:
    return not is_harmless(value)


def _is_pass(value: str) -> bool:
    return not value.isdigit() and not is_harmless(value)


def _is_said(value: str) -> bool:
    """In a sentence only what no word of a language looks like."""
    return any(map(str.isdigit, value)) and any(map(str.isalpha, value)) and not is_harmless(value)


def _is_phrase(value: str) -> bool:
    return not is_harmless(value) and not is_harmless(value.partition(" ")[0])


def _is_authorization(value: str) -> bool:
    scheme, _, rest = value.strip().partition(" ")
    if scheme.lower() in _SCHEMES or scheme.upper().startswith("AWS4"):
        return _is_credentials(scheme.lower(), rest.strip())
    return not rest and len(scheme) >= 8 and is_mixed(scheme) and not is_harmless(value)


def _is_cookie(value: str) -> bool:
    return _A_COOKIE.match(value.strip()) is not None


def _is_credentials(scheme: str, rest: str) -> bool:
    """Whether something follows the scheme; what the schemes' own finders take is left to them."""
    if scheme == "bearer" and len(rest) >= BEARER_CHARS_MIN and " " not in rest:
        return False
    if scheme == "basic" and _is_user_and_password(rest):
        return False
    return bool(rest) and not is_harmless(rest)


def _is_user_and_password(value: str) -> bool:
    """`basic authentication` is no secret: what follows must decode to `user:password`."""
    plain = value.replace("%3d", "=").replace("%3D", "=").rstrip("=").replace("-", "+").replace("_", "/")
    try:
        said = base64.b64decode(plain + "=" * (-len(plain) % 4)).decode()
    except ValueError:
        return False
    return ":" in said and said.isprintable()


_PAIRS: tuple[tuple[int, re.Pattern[str], str, Callable[[str], bool]], ...] = (
    (PASSWORD, _PASSWORD_PAIR, "password", _is_password),
    (PASS, _PASS_PAIR, "password", _is_pass),
    (PASSWORD, _PHRASE_PAIR, "password", _is_phrase),
    (TOKEN, _TOKEN_PAIR, "token", looks_like_token),
    (AUTHORIZATION, _AUTHORIZATION, "header", _is_authorization),
    (COOKIE, _COOKIE, "header", _is_cookie),
    (SAID, _PASSWORD_QUOTED, "password", _is_password),
    (SAID, _PASSWORD_SAID, "password", _is_said),
    (LOGIN, _LOGIN, "pin", _is_password),
    (LOGIN, _LOGIN_CALL, "pin", _is_password),
    (TOOL, _TOOL, "password", _is_password),
    (WALLET, _WALLET_CALL, "password", _is_password),
    (WALLET, _WALLET_COMMAND, "password", _is_password),
    (BEARER, _BEARER, "bearer", bool),
    (BASIC, _BASIC, "basic_auth", _is_user_and_password),
    (JWK, _JWK, "jwk", looks_like_token),
    (HEX, _HEX_KEY, "hex_key", _is_private),
    (HEX, _HEX_PAIRS, "hex_key", bool),
)
