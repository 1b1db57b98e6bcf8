"""Secrets that are told by their form alone: key blocks, extended keys, tokens with a prefix.

`SCAN` is a single expression for all of them in RE2's syntax; it matches wherever `find_shapes` finds something, and serves
the server's batches by RE2 and the rest by `re`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from anyascope.redact.base58 import ALPHABET, FOLD, TRIES_MAX, decode_check
from anyascope.redact.spans import Span


def _by_letter(expressions: Iterable[str]) -> str:
    """One expression for all of these, parted by their first letters; each must begin with a letter of its own.

    `re` passes over text in which none of the first letters stands at some 3 ns a character, and tries only the
    expressions of that letter where one does.
    """
    letters: dict[str, list[str]] = {}
    for expression in expressions:
        letters.setdefault(expression[0], []).append(expression[1:])
    return "|".join(f"{letter}(?:{'|'.join(rests)})" for letter, rests in letters.items())


_B58 = f"[{ALPHABET}]"
_BECH32 = "[02-9ac-hj-np-z]"

_PEM_HEAD = r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY"
_PEM = re.compile(
    # One that is cut off is taken to its end.
    rf"{_PEM_HEAD}(?: BLOCK)?-----(?:[^-]|-(?!----END))*+(?:-----END [A-Z0-9 ]{{0,40}}PRIVATE KEY(?: BLOCK)?-----)?"
)
_PUTTY_HEAD = r"Private-Lines: "
_PUTTY = re.compile(r"(?<=Private-Lines: )\d{1,4}(?:[\r\n]{1,2}[A-Za-z0-9+/=]{1,80})++")

_XPRV_HEADS = (*(f"{letter}prv" for letter in "xyztuvYZUV"), "Ltpv", "Mtpv", "ttpv", "dgpv")
_XPRV_HEAD = f"(?:{'|'.join(_XPRV_HEADS)})"
# At the head of a run nothing else begins so: one with a wrong checksum is a private key with a typing error. Within a run,
# where one public key in 10,000 holds such letters by chance, the checksum decides.
XPRV_CHARS = 111
_XPRV = re.compile(rf"{_XPRV_HEAD}(?:{FOLD}?+{_B58}){{40,107}}+")

# From the head of a run on: looking for a dot behind each `eyJ` of a long run would take for ever. Glued to a name it may be,
# with a header of the usual length.
_FOLDS = re.compile(FOLD)

_JWT_HEAD = r"eyJ(?:(?<![A-Za-z0-9_-]eyJ)[A-Za-z0-9_-]{8,}+|[A-Za-z0-9_-]{8,512}+)\.[A-Za-z0-9_-]{8}"
_JWT = re.compile(_JWT_HEAD + r"[A-Za-z0-9_-]*+(?:\.[A-Za-z0-9_-]*+){0,3}")

# Macaroons, version 2: 02 01, the location's length, the location in small letters (`lnd`, `loop`, `tapd`), 02.
_MACAROON_HEX = r"0201(?:036c6e64|(?:0[3-9a-f]|1[0-9a-f])(?:6[1-9a-f]|7[0-9a]){3,31}02)[0-9a-f]{2}"
_MACAROON = re.compile(rf"{_MACAROON_HEX}[0-9a-f]{{40,}}+", re.IGNORECASE)
# In base 64 lnd's and those of version 1 begin so; others are known once they are decoded.
_MACAROON_64_HEADS = (r"AgEDbG5k[A-Za-z0-9+/_-]{40}", r"MDA[0-9A-Za-z]{2}bG9jYXRpb24g")
_MACAROON_64_HEAD = "|".join(_MACAROON_64_HEADS)
_MACAROON_64 = re.compile(rf"(?:{_MACAROON_64_HEAD})[A-Za-z0-9+/_-]*+={{0,2}}")

# Each begins with two letters of its own or more, so that `re` passes over all other text at its fastest.
API_KEYS = (
    *(f"{head}[0-9A-Z]{{16}}" for head in ("AKIA", "ASIA")),
    *(f"gh{kind}_[A-Za-z0-9]{{36}}" for kind in "pousr"),
    r"github_pat_[A-Za-z0-9_]{22}",
    *(
        f"gl{kind}-[A-Za-z0-9_-]{{20}}"
        for kind in ("pat", "ptt", "dt", "rt", "cbt", "soat", "agent", "ft", "imt", "oas")
    ),
    *(r"xox[abceoprs]-[A-Za-z0-9-]{10}", r"xapp-[A-Za-z0-9-]{10}", r"xwfp-[A-Za-z0-9-]{10}"),
    *(r"sk_(?:live|test)_[A-Za-z0-9]{16}", r"rk_(?:live|test)_[A-Za-z0-9]{16}", r"whsec_[A-Za-z0-9+/]{16}"),
    *(r"AIza[0-9A-Za-z_-]{35}", r"ya29\.[A-Za-z0-9_-]{20}", r"GOCSPX-[A-Za-z0-9_-]{24}"),
    *(r"npm_[A-Za-z0-9]{36}", r"pypi-AgE[A-Za-z0-9_-]{50}", r"dckr_pat_[A-Za-z0-9_-]{24}"),
    r"SG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}",
    *(r"sk-(?:proj|ant|svcacct|admin|or)-[A-Za-z0-9_-]{20}", r"sk-[A-Za-z0-9]{40}", r"hf_[A-Za-z0-9]{30}"),
    *(r"hv[sbr]\.[A-Za-z0-9_-]{24}", r"dop_v1_[0-9a-f]{64}", r"dapi[0-9a-f]{32}", r"glsa_[A-Za-z0-9]{32}"),
    *(r"shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}", r"lin_api_[A-Za-z0-9]{40}", r"NRAK-[A-Z0-9]{27}"),
    *(r"sntrys_[A-Za-z0-9+/=_-]{40}", r"PMAK-[0-9a-f-]{50}", r"SK[0-9a-f]{32}"),
    r"hooks\.slack\.com/(?:services|workflows|triggers)/[A-Za-z0-9]",
    r"hooks\.slack-gov\.com/services/[A-Z0-9]{6}",
    r"discord(?:app)?\.com/api/webhooks/[0-9]{15,20}/[A-Za-z0-9_-]{60}",
    r"webhook\.office\.com/webhookb2/[0-9a-f-]{36}",
    *(rf"nsec1{_BECH32}{{58}}", r"NSEC1[02-9AC-HJ-NP-Z]{58}", rf"ncryptsec1{_BECH32}{{100}}"),
    *(r"AGE-SECRET-KEY-(?:PQ-)?1[02-9AC-HJ-NP-Z]{58}", rf"age-secret-key-(?:pq-)?1{_BECH32}{{58}}"),
    *(rf"ms1[02-9]{_BECH32}{{44}}", r"MS1[02-9][02-9AC-HJ-NP-Z]{44}"),
)
# `task-…` and `disk-…` are names.
_API_KEYS_ALONE = tuple(
    key.replace("sk-", "sk-(?<![A-Za-z0-9]sk-)", 1) if key.startswith("sk-") else key for key in API_KEYS
)
_TELEGRAM = r"[0-9]{8,10}:AA[A-Za-z0-9_-]{33}"
_API_KEY_HEAD = "|".join(API_KEYS)
_API_KEY = re.compile(rf"(?:{_by_letter(_API_KEYS_ALONE)})[A-Za-z0-9+/_=-]*+")
_TELEGRAM_KEY = re.compile(rf"{_TELEGRAM}[A-Za-z0-9_-]*+")

RUN_CHARS_MIN = 15  # `xoxb-` and ten more; every form but key blocks holds a run of so many
MACAROON_CHARS_MIN = 60
MACAROON_HEAD = b"0201"
_XPRV_SCAN = rf"{_XPRV_HEAD}(?:{FOLD}?{_B58}){{40}}"
_MACAROON_SCAN = rf"(?i:{_MACAROON_HEX})[0-9a-fA-F]{{40}}"
_JWT_SCAN = r"eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8}"
SCAN = f"{_PEM_HEAD}|{_PUTTY_HEAD}|{_XPRV_SCAN}|{_JWT_SCAN}|{_API_KEY_HEAD}|{_TELEGRAM}|{_MACAROON_SCAN}|{_MACAROON_64_HEAD}"
# The same for one run of letters, digits, `+`, `/`, `-`, `_` and `.`; what holds no such run or more than one is left out.
RUN_SCAN = _by_letter(
    (
        *(rf"{head}{_B58}{{40}}" for head in _XPRV_HEADS),
        *(_JWT_HEAD, *API_KEYS, r"AA[A-Za-z0-9_-]{33}", *_MACAROON_64_HEADS),
    )
)


def may_be_folded(text: str) -> bool:
    """Whether an extended private key may go on from line to line."""
    return _XPRV.search(text) is not None


def find_shapes(text: str) -> Iterator[Span]:
    """Where secrets of a known form stand."""
    for number, found in enumerate(_XPRV.finditer(text)):
        if number >= TRIES_MAX:
            yield Span(found.start(), len(text), "xprv")
            break
        if _is_xprv(text, found):
            yield Span(found.start(), found.end(), "xprv")
    for kind, pattern in _FORMS:
        for found in pattern.finditer(text):
            yield Span(found.start(), found.end(), kind)


def _is_xprv(text: str, found: re.Match[str]) -> bool:
    before = text[found.start() - 1 : found.start()]
    if not (before.isascii() and before.isalnum()):
        return True
    key = _FOLDS.sub("", found.group())
    return len(key) == XPRV_CHARS and decode_check(key) is not None


_FORMS = (
    *(("pem", _PEM), ("pem", _PUTTY), ("jwt", _JWT), ("api_key", _API_KEY), ("api_key", _TELEGRAM_KEY)),
    *(("macaroon", _MACAROON), ("macaroon", _MACAROON_64)),
)
