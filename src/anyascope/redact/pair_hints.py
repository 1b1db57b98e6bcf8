"""Which families of names a text may hold: one pass over its bytes instead of one for each family."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from operator import itemgetter

from anyascope.redact.names import secrecy_of
from anyascope.redact.pairs import (
    AUTHORIZATION,
    BASIC,
    BEARER,
    COOKIE,
    ELEMENT,
    FLAG,
    FLAG_NAME,
    HEX,
    HEX_GAP_CHARS_MAX,
    HEX_OTHER,
    JWK,
    LOGIN,
    PASS,
    PASSWORD,
    PIN,
    PIN_SAID,
    QUOTE,
    SAID,
    TOKEN,
    TOOL,
    WALLET,
)

# A name that a secret stands behind is a word that ends in one of these, or has one of the words below.
_END_CHARS = 4
_END = itemgetter(slice(-_END_CHARS, None))
_SHORT = {b"pin": PIN, b"otp": PIN, b"pwd": PASSWORD, b"wif": PASSWORD, b"jwt": TOKEN}
_BEFORE_SHORT = (b"", *(bytes((letter,)) for letter in range(97, 123)))
_ENDS: dict[bytes, int] = {
    **dict.fromkeys(
        b"word sswd rase wort nics onic cret xprv yprv zprv tprv rune nsec oon roon tial ials".split(), PASSWORD
    ),
    **dict.fromkeys(b"ekey ikey skey tkey vkey gkey rkey dkey auth seed".split(), PASSWORD | TOKEN),
    **dict.fromkeys(b"oken ropy arer".split(), TOKEN),
    b"okie": COOKIE,
    b"pass": PASSWORD | PASS,
    **{before + name: family for name, family in _SHORT.items() for before in _BEFORE_SHORT},
}
# Words behind which something may stand without a separator, or with one word more before it: `pin value`, `seed words`.
_SPOKEN: dict[bytes, int] = {
    **dict.fromkeys(b"pin otp totp pincode mfa unlock verification".split(), PIN),
    **dict.fromkeys(b"password passphrase passwd".split(), SAID),
    b"passcode": PASSWORD | SAID,
    **dict.fromkeys(b"words xpriv material amz".split(), PASSWORD),
    b"identified": SAID,
    b"bearer": BEARER,
    b"basic": BASIC,
    **dict.fromkeys((b"cku", b"login"), LOGIN),
    **dict.fromkeys(b"sshpass tool mysql curl".split(), TOOL),
    **dict.fromkeys(b"walletpassphrase walletpassphrasechange encryptwallet".split(), WALLET),
    b"authorization": AUTHORIZATION,
    b"kty": JWK,
}
_BEFORE_HEX = frozenset(
    b"private priv privkey privatekey signing spend blinding master seed hdseed secret secretkey entropy secexp slip "
    b"material wif sk prv seedhex walletseed signingkey spendkey masterkey masterseed".split()
)
_ONLY_ASSIGNED = frozenset((b"sk", b"prv"))  # letters that addresses hold too: `sk=…` alone is meant
_ASSIGNED = re.compile(rb"(?i:sk|prv) ?[:=]")
_BEFORE_KEY = frozenset(b"private priv api access account secret signing master spend blinding".split())
# What follows a name that something is assigned to: the rest of the name (`_value`, ` phrase`), a quote, and a sign that says so,
# or a comma between two quotes. Where none of them follows, talk is all there is: `token rotated`, `the password policy`.
# Possessive: nothing that may follow can be found by giving letters back, and `xprvxprv…` is not looked at 24 times.
_REST = (
    r"[a-z0-9_.-]{0,24}+"
    r"(?:[ +](?:access|codes?|keys?|material|phrases?|seed|words?|value|number)[a-z0-9_.-]{0,24}+){0,2}+"
)
_GIVEN = rf"{_REST}(?:{QUOTE}?[ \t+]{{0,3}}(?:[:=>]|->|%3[ad])|{QUOTE}[ \t]{{0,3}},[ \t]{{0,3}}[bruf]?{QUOTE})"
_FAMILIES_GIVEN = PASSWORD | TOKEN | COOKIE | PASS  # of these all patterns want one of the two
_SAYS = re.compile(r"(?:pass(?:word|phrase|wd|code)|identified by)[ \t]{1,3}(?:(?:is|was|to)[ \t]|[\"'])").search
_PIN_GIVEN = re.compile(rf"(?:pin|otp|code){_GIVEN}").search
_ENDS_SET, _SPOKEN_SET = frozenset(_ENDS), frozenset(_SPOKEN)
TELLING = _SPOKEN_SET | _BEFORE_HEX | _BEFORE_KEY
_NONE: frozenset[bytes] = frozenset()
_HEX = re.compile(
    r"(?<![0-9a-wyz])[0-9a-f]{2}(?:[0-9a-f]{62}|[: ]\s{0,24}(?:[0-9a-f]{2}[: ]\s{0,24}){30})"
)  # `x` of `0x`
_HEX_WINDOW_CHARS = HEX_GAP_CHARS_MAX + 2 * 24  # blanks before the key, and the longest of what says that it is one
_SAYS_HEX = re.compile(r"priv|signing|spend|blinding|master|seed|secret|entropy|secexp|slip77|material|wif|sk|prv")
_OTHER_HEX = re.compile(HEX_OTHER)


def families_in(text: str, data: bytes, tokens: list[bytes], told: frozenset[bytes]) -> int:
    """The families that a close look must be for; 0 where none is.

    Args:
        text: the text.
        data: the same, encoded.
        tokens: its words, as `words` splits them off.
        told: which of them are in `TELLING`.
    """
    families = 0
    ends = _NONE if _ENDS_SET.isdisjoint(map(_END, tokens)) else _ENDS_SET.intersection(map(_END, tokens))
    if not ends and not told:
        low = ""
    else:
        low = text.lower()
        for end in ends:
            families |= _of_end(low, end)
    if told:
        families |= _told(low, data, tokens, told)
    if (families or ends) and "</" in text:
        for end in ends:
            families |= _ENDS[end]
        families |= ELEMENT
    if (" -" in text or "--" in text or text[:1] == "-") and _has_secret_flag(text):
        families |= FLAG
    return families


def _of_end(low: str, end: bytes) -> int:
    """The families of a name with this end, as far as what follows it allows them."""
    families = _ENDS[end]
    if families & _FAMILIES_GIVEN and _given(end)(low) is None:
        families &= ~_FAMILIES_GIVEN
    if families & PIN and _PIN_GIVEN(low) is None and PIN_SAID.search(low) is None:
        families &= ~PIN
    return families


@cache
def _given(end: bytes) -> Callable[[str], re.Match[str] | None]:
    """Looks for this end of a name where something is assigned to it."""
    name = end[-3:] if end[-3:] in _SHORT else end  # a digit may have stood before a short one
    return re.compile(re.escape(name.decode()) + _GIVEN).search


def _told(low: str, data: bytes, tokens: list[bytes], told: frozenset[bytes]) -> int:
    families = 0
    for word in told & _SPOKEN_SET:
        families |= _SPOKEN[word]
    if families & SAID and _SAYS(low) is None:
        families &= ~SAID
    if families & PIN and _PIN_GIVEN(low) is None and PIN_SAID.search(low) is None:
        families &= ~PIN
    if b"key" in tokens and not _BEFORE_KEY.isdisjoint(told) and _given(b"key")(low) is not None:
        families |= PASSWORD | TOKEN
    before_hex = told & _BEFORE_HEX
    if not before_hex or (before_hex <= _ONLY_ASSIGNED and _ASSIGNED.search(data) is None):
        return families
    return families | HEX if _is_beside_hex(low) else families


def _is_beside_hex(low: str) -> bool:
    """Whether a word that says so stands before a key in hexadecimal, with nothing between them that says otherwise."""
    for key in _HEX.finditer(low):
        end = key.start()
        said = [found.end() for found in _SAYS_HEX.finditer(low, max(end - _HEX_WINDOW_CHARS, 0), end)]
        if said and _OTHER_HEX.search(low, said[-1], end) is None:
            return True
    return False


def _has_secret_flag(text: str) -> bool:
    return any(secrecy_of(found["name"]) for found in FLAG_NAME.finditer(text.lower()))
