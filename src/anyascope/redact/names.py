"""Which attributes are secret by their name, and which values under such names are none."""

from __future__ import annotations

import re
from functools import lru_cache

NAMES_REMEMBERED = 16_384  # distinct attribute names; real installations have hundreds

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_NOT_WORD = re.compile(r"[^a-z0-9]+")

# The last part of a name (`db.password`, `http.request.header.authorization`), whole or as its ending.
_ENDINGS = (
    *("password", "passwd", "pwd", "passphrase", "passcode", "pin", "pincode", "pin_code", "secret", "secret_key"),
    *("api_key", "apikey", "private_key", "privatekey", "privkey", "priv_key", "signing_key", "master_key", "xprv"),
    *("mnemonic", "seed_phrase", "seed_words", "recovery_phrase", "wallet_seed", "hd_seed", "master_seed", "wif"),
    *("authorization", "cookie", "macaroon", "credential", "credentials", "access_key", "accesskey", "otp"),
)
_TOKENS = ("token", "jwt", "bearer")
_EXACT = frozenset(("seed", "entropy", "auth", "pass"))

TOKEN_CHARS_MIN = 16  # shorter ones are labels, such as an HSM's name for a token

_HARMLESS = frozenset(
    (
        *("", "null", "none", "nil", "undefined", "true", "false", "yes", "no", "on", "off", "empty", "set", "unset"),
        *("required", "missing", "invalid", "incorrect", "wrong", "expired", "rejected", "accepted", "ok", "failed"),
        *("changed", "updated", "not", "is", "was", "for", "must", "cannot", "has", "locked", "<secret>", "[filtered]"),
    )
)
_MASKED = re.compile(
    r"[*•.#-]+|x{3,}|<redacted:[a-z0-9_-]+>|<secret>|\[(?:redacted|filtered|secret|hidden)\]", re.IGNORECASE
)

_HOST = re.compile(r"[a-z0-9-]+(?:\.[a-z0-9-]+)*\.[a-z]{2,}\.?(?::\d{1,5})?", re.IGNORECASE)


@lru_cache(maxsize=NAMES_REMEMBERED)
def secrecy_of(name: str) -> str:
    """`secret`, `token` (secret where it is long enough) or nothing, for the name of an attribute or label."""
    spaced = _CAMEL.sub("_", name.rpartition(".")[2]).lower()
    plain = _NOT_WORD.sub("_", spaced).strip("_")
    if plain in _EXACT or any(plain == ending or plain.endswith(f"_{ending}") for ending in _ENDINGS):
        return "secret"
    return "token" if any(plain == ending or plain.endswith(f"_{ending}") for ending in _TOKENS) else ""


def is_harmless(value: str) -> bool:
    """Whether a value under a secret name says nothing: a status word, or something that was masked already."""
    plain = value.strip().lower()
    return plain in _HARMLESS or _MASKED.fullmatch(plain) is not None


def looks_like_token(value: str) -> bool:
    """Long, in one piece, with digits or mixed case, and no host's name (a seed may be one)."""
    if len(value) < TOKEN_CHARS_MIN or any(map(str.isspace, value)):
        return False
    return _is_mixed(value) and _HOST.fullmatch(value) is None


def _is_mixed(value: str) -> bool:
    return any(map(str.isdigit, value)) or not (value.islower() or value.isupper())
