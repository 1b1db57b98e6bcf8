"""Which families of names a text may hold: one pass over its bytes instead of one for each family."""

from __future__ import annotations

import re

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
    PASSWORD,
    PIN,
    SAID,
    TOKEN,
    WALLET,
)
from anyascope.redact.words import WORD_BYTES

# What stands before a separator, without quotes, blanks, digits and the marks inside names, ends in one of these.
_NOT_IN_NAMES = b"\"'`\\ \t+_.-0123456789"
_END_CHARS = 4
_SHORT = {b"pin": PIN, b"otp": PIN, b"pwd": PASSWORD, b"wif": PASSWORD, b"jwt": TOKEN}
_BEFORE_SHORT = (b"", *(bytes((letter,)) for letter in range(97, 123)))
_ENDS: dict[bytes, int] = {
    **dict.fromkeys(
        b"word sswd rase wort nics onic cret xprv yprv zprv tprv rune nsec pass priv rial oon roon tial ials dhex chex".split(),
        PASSWORD,
    ),
    **dict.fromkeys(b"ekey ikey skey tkey vkey gkey rkey dkey yhex keyb auth seed".split(), PASSWORD | TOKEN),
    **dict.fromkeys(b"oken ropy arer".split(), TOKEN),
    b"okie": COOKIE,
    **dict.fromkeys((b"sk", b"prv"), HEX),
    **{before + name: family for name, family in _SHORT.items() for before in _BEFORE_SHORT},
}
# Words behind which something may stand without a separator, or with one word more before it: `pin value`, `seed words`.
_SPOKEN: dict[bytes, int] = {
    **dict.fromkeys(b"pin otp totp pincode mfa unlock verification".split(), PIN),
    **dict.fromkeys(b"password passphrase passwd passcode".split(), PASSWORD | SAID),
    **dict.fromkeys(b"words phrase secret mnemonic".split(), PASSWORD),
    b"identified": SAID,
    b"bearer": BEARER,
    b"basic": BASIC,
    b"cku": LOGIN,
    **dict.fromkeys(b"walletpassphrase walletpassphrasechange encryptwallet".split(), WALLET),
    b"authorization": AUTHORIZATION,
    b"kty": JWK,
}
_BEFORE_HEX = frozenset(
    b"private priv privkey privatekey signing spend blinding master seed hdseed secret secretkey entropy secexp slip "
    b"material wif seedhex walletseed signingkey spendkey masterkey masterseed".split()
)
_ENDS_SET, _SPOKEN_SET = frozenset(_ENDS), frozenset(_SPOKEN)
_HEX = re.compile(rb"[0-9a-fA-F]{64}")


def families_in(text: str, data: bytes, tokens: list[bytes]) -> int:
    """The families that a close look must be for; 0 where none is.

    Args:
        text: the text.
        data: the same, encoded.
        tokens: its runs of Latin letters, in lower case.
    """
    families = 0
    ends = [part[-_END_CHARS:] for part in data.translate(WORD_BYTES, _NOT_IN_NAMES).split()]
    if not _ENDS_SET.isdisjoint(ends):
        for end in _ENDS_SET.intersection(ends):
            families |= _ENDS[end]
        if families and "</" in text:
            families |= ELEMENT
    if not _SPOKEN_SET.isdisjoint(tokens):
        for word in _SPOKEN_SET.intersection(tokens):
            families |= _SPOKEN[word]
    if families & HEX or not _BEFORE_HEX.isdisjoint(tokens):
        families = families | HEX if _HEX.search(data) is not None else families & ~HEX
    if ("--" in text or " -" in text or text.startswith("-")) and _has_secret_flag(text):
        families |= FLAG
    return families


def _has_secret_flag(text: str) -> bool:
    return any(secrecy_of(found["name"]) for found in FLAG_NAME.finditer(text.lower()))
