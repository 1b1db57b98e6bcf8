"""Which families of names a text may hold: one pass over its bytes instead of one for each family."""

from __future__ import annotations

import re
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
    JWK,
    LOGIN,
    PASS,
    PASSWORD,
    PIN,
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
    **dict.fromkeys(b"password passphrase passwd passcode".split(), PASSWORD | SAID),
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
_ENDS_SET, _SPOKEN_SET = frozenset(_ENDS), frozenset(_SPOKEN)
TELLING = _SPOKEN_SET | _BEFORE_HEX | _BEFORE_KEY
_HEX = re.compile(rb"[0-9a-fA-F]{64}|(?:[0-9a-fA-F]{2}[: ]\s{0,24}){31}")


def families_in(text: str, data: bytes, tokens: list[bytes], told: frozenset[bytes]) -> int:
    """The families that a close look must be for; 0 where none is.

    Args:
        text: the text.
        data: the same, encoded.
        tokens: its words, as `words` splits them off.
        told: which of them are in `TELLING`.
    """
    families = 0
    if not _ENDS_SET.isdisjoint(map(_END, tokens)):
        for end in _ENDS_SET.intersection(map(_END, tokens)):
            families |= _ENDS[end]
    if told:
        families |= _told(data, tokens, told)
    if families and "</" in text:
        families |= ELEMENT
    if (" -" in text or "--" in text or text[:1] == "-") and _has_secret_flag(text):
        families |= FLAG
    return families


def _told(data: bytes, tokens: list[bytes], told: frozenset[bytes]) -> int:
    families = 0
    for word in told & _SPOKEN_SET:
        families |= _SPOKEN[word]
    if b"key" in tokens and not _BEFORE_KEY.isdisjoint(told):
        families |= PASSWORD | TOKEN
    before_hex = told & _BEFORE_HEX
    if not before_hex or (before_hex <= _ONLY_ASSIGNED and _ASSIGNED.search(data) is None):
        return families
    return families | HEX if _HEX.search(data) is not None else families


def _has_secret_flag(text: str) -> bool:
    return any(secrecy_of(found["name"]) for found in FLAG_NAME.finditer(text.lower()))
