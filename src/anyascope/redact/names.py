"""Which names say that their value is secret, and which values under such names are none."""

from __future__ import annotations

import re
from functools import lru_cache

NAMES_REMEMBERED = 16_384  # distinct attribute names; real installations have hundreds
NAME_CHARS_MAX = 256  # of a name that are judged, its last ones; a longer one is no name

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_NOT_WORD = re.compile(r"[^a-z0-9]+")

# The last part of a name (`db.password`, `http.request.header.authorization`), whole or as its ending.
_ENDINGS = (
    *("password", "passwd", "pwd", "passphrase", "passcode", "passwort", "pin", "pincode", "pin_code", "secret"),
    *("secret_key", "secret_id", "api_key", "apikey", "private_key", "privatekey", "privkey", "priv_key", "xpriv"),
    *("xprv", "yprv", "zprv", "tprv", "wif", "wif_key"),
    *(
        "mnemonic",
        "mnemonics",
        "seed_phrase",
        "seed_words",
        "seedwords",
        "seedphrase",
        "recovery_phrase",
        "backup_phrase",
    ),
    *("recovery_words", "backup_words", "mnemonic_words", "mnemonic_phrase", "wallet_seed", "hd_seed", "master_seed"),
    *("authorization", "cookie", "macaroon", "credential", "credentials", "access_key", "accesskey", "account_key"),
    *("otp", "totp", "mfa_code", "otp_code", "rpcauth", "rune", "nsec", "unlock_code", "brainwallet", "key_material"),
    *(
        "user_pass",
        "db_pass",
        "rpc_pass",
        "smtp_pass",
        "http_pass",
        "admin_pass",
        "seed_hex",
        "seed_bytes",
        "bip39_seed",
    ),
)
# Words long enough to be known at the end of others that they are written together with: `rpcpassword`, `userpin`.
_GLUED = re.compile(
    r"(?:password|passwd|passphrase|passcode|privkey|privatekey|secretkey|mnemonic|macaroon|apikey|accesskey|userpin|sopin)$"
)
_TOKENS = ("token", "jwt", "bearer", "auth", "signing_key", "master_key", "spend_key", "blinding_key")
_EXACT = frozenset(("seed", "entropy", "pass", "cvc"))
# What such a name may end with: `password2`, `pin_value`, `private_key_hex`.
_TAIL = re.compile(
    r"_?\d+$|_(?:value|hex|b64|base64|bytes|raw|str|string|text|data|wif|plain|plaintext|new|old|current|confirm|confirmation|again)$"
)

TOKEN_CHARS_MIN = 16  # shorter ones are labels, such as an HSM's name for a token

_HARMLESS = frozenset(
    (
        *("", "null", "none", "nil", "undefined", "true", "false", "yes", "no", "on", "off", "empty", "set", "unset"),
        *("required", "missing", "invalid", "incorrect", "wrong", "expired", "rejected", "accepted", "ok", "failed"),
        *("changed", "updated", "not", "is", "was", "for", "must", "cannot", "has", "locked", "<secret>", "[filtered]"),
        *(
            "params",
            "unknown",
            "disabled",
            "enabled",
            "denied",
            "granted",
            "verified",
            "unverified",
            "rotated",
            "found",
        ),
        *("blocked", "prompt", "prompted", "requested", "entered", "cached", "loaded", "stored", "default", "optional"),
        *("length", "policy", "file", "env", "n/a", "na", "present", "absent", "forbidden", "valid", "checked", "sent"),
        *(
            "too",
            "cleared",
            "created",
            "deleted",
            "reset",
            "removed",
            "revoked",
            "ignored",
            "success",
            "failure",
            "error",
        ),
        *(
            "str",
            "string",
            "bytes",
            "int",
            "optional[str]",
            "any",
            "type",
            "len",
            "hidden",
            "redacted",
            "masked",
            "...",
        ),
    )
)
_MARKS = re.compile(r"<(?:redacted:[a-z0-9_-]+|secret|cut|cut:\d+)>")
_MASKED = re.compile(
    r"[*•.#_-]+|x{3,}|\[(?:redacted|filtered|secret|hidden|masked|removed)\]|<[a-z_ -]{1,24}>|"
    r"\$\{[^}]{0,64}\}|%\([a-z_]+\)s|%s|\{[a-z_]*\}|\{\{[^}]{0,64}\}\}|secretstr\('\*+'\)",
    re.IGNORECASE,
)

_VARIABLE = re.compile(r"\$[A-Z_][A-Z0-9_]*")

_HOST = re.compile(r"[a-z0-9-]+(?:\.[a-z0-9-]+)*\.[a-z]{2,}\.?(?::\d{1,5})?", re.IGNORECASE)


def secrecy_of(name: str) -> str:
    """`secret`, `token` (secret where it is long enough) or nothing, for the name of an attribute or label."""
    if "<" in name and _MARKS.search(name) is not None:
        return ""  # it was cleaned before, and its value with it; what stands in a secret's place names nothing
    return _secrecy_of(name[-NAME_CHARS_MAX:])


@lru_cache(maxsize=NAMES_REMEMBERED)
def _secrecy_of(name: str) -> str:
    spaced = _CAMEL.sub("_", name.strip(".").rpartition(".")[2]).lower()
    plain = _NOT_WORD.sub("_", spaced).strip("_")
    for _ in range(3):
        found = _secrecy_of_plain(plain)
        shorter = _TAIL.sub("", plain)
        if found or shorter == plain:
            return found
        plain = shorter
    return ""


def _secrecy_of_plain(plain: str) -> str:
    if plain in _EXACT or _ends_with(plain, _ENDINGS) or _GLUED.search(plain) is not None:
        return "secret"
    return "token" if _ends_with(plain, _TOKENS) else ""


def _ends_with(plain: str, endings: tuple[str, ...]) -> bool:
    return any(plain == ending or plain.endswith(f"_{ending}") for ending in endings)


def without_marks(value: str) -> str:
    """The value without the marks of what was taken out of it before."""
    return _MARKS.sub("", value) if "<" in value else value


def is_harmless(value: str) -> bool:
    """Whether a value under a secret name says nothing: a status word, or something that was masked already."""
    plain = without_marks(value).strip(" \t\r\n\"'\\,;.:!")
    return plain.lower() in _HARMLESS or _MASKED.fullmatch(plain) is not None or _VARIABLE.fullmatch(plain) is not None


def looks_like_token(value: str) -> bool:
    """Long, in one piece, with digits or mixed case, and no host's name (a seed may be one)."""
    if len(value) < TOKEN_CHARS_MIN or any(map(str.isspace, value)):
        return False
    return is_mixed(value) and _HOST.fullmatch(value) is None


def is_mixed(value: str) -> bool:
    """Whether a value has digits, or letters of both cases."""
    return any(map(str.isdigit, value)) or not (value.islower() or value.isupper())
