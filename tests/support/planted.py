"""Made-up secrets, planted in every form that leaks have, and the ordinary talk of a custody house that must stay.

Everything comes from a seed. `Mint.planted()` gives one secret in its usual surroundings with the parts of it that must not
be left; `ENCODINGS` wraps such a text as JSON, URLs and base 64 do; `Talk.line()` gives a line without any secret.
"""

from __future__ import annotations

import base64
import json
import random
import string
import urllib.parse
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256

from anyascope.redact.base58 import ALPHABET
from anyascope.redact.words import LANGUAGES, word_list

BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
URLSAFE = string.ascii_letters + string.digits + "-_"
PASSWORD = string.ascii_letters + string.digits + "!#%*+-_.?@^~"
PIECE_CHARS = 16  # of a long secret that must not be left in one piece
PIECE_WORDS = 3  # of a phrase


@dataclass(frozen=True, slots=True)
class Planted:
    """A secret where it stands.

    Attributes:
        kind: what it is.
        text: the secret and what stands around it.
        secret: the secret alone.
    """

    kind: str
    text: str
    secret: str

    def pieces(self) -> Iterator[str]:
        """What must not be left of it."""
        words = self.secret.split()
        if len(words) >= 12:
            separator = self.secret[len(words[0])]
            for at in range(len(words) - PIECE_WORDS + 1):
                yield separator.join(words[at : at + PIECE_WORDS])
        elif len(self.secret) > 2 * PIECE_CHARS:
            for at in range(0, len(self.secret) - PIECE_CHARS, PIECE_CHARS // 2):
                yield self.secret[at : at + PIECE_CHARS]
        else:
            yield self.secret


def base58(payload: bytes) -> str:
    """A payload with its checksum."""
    raw = payload + sha256(sha256(payload).digest()).digest()[:4]
    number, text = int.from_bytes(raw, "big"), ""
    while number:
        number, digit = divmod(number, 58)
        text = ALPHABET[digit] + text
    return "1" * (len(raw) - len(raw.lstrip(b"\0"))) + text


def bech32(prefix: str, values: list[int], *, constant: int = 1) -> str:
    """A text of BIP 173, checksum included; `constant` 0x2BC830A3 is BIP 350's."""
    expanded = [ord(c) >> 5 for c in prefix] + [0] + [ord(c) & 31 for c in prefix]
    check = 1
    for value in (*expanded, *values, 0, 0, 0, 0, 0, 0):
        top, check = check >> 25, (check & 0x1FFFFFF) << 5 ^ value
        for bit, generator in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
            check ^= generator if top >> bit & 1 else 0
    check ^= constant
    return f"{prefix}1" + "".join(BECH32[v] for v in (*values, *(check >> 5 * (5 - at) & 31 for at in range(6))))


def phrase(chance: random.Random, language: str = "english", size: int = 12) -> str:
    """A phrase whose checksum holds."""
    bits = size * 11
    check_bits = bits // 33
    entropy = chance.getrandbits(bits - check_bits)
    digest = sha256(entropy.to_bytes((bits - check_bits) // 8, "big")).digest()[0] >> (8 - check_bits)
    number = entropy << check_bits | digest
    listed = word_list(language)
    words = [listed[number >> 11 * at & 2047] for at in reversed(range(size))]
    return ("\u3000" if language == "japanese" else " ").join(words)


def share(chance: random.Random, size: int = 20) -> str:
    """A share of SLIP 39 whose checksum holds."""
    listed = word_list("slip39")
    values = [chance.randrange(1024) for _ in range(size - 3)]
    generators = (0xE0E040, 0x1C1C080, 0x3838100, 0x7070200, 0xE0E0009)
    generators += (0x1C0C2412, 0x38086C24, 0x3090FC48, 0x21B1F890, 0x3F3F120)
    check = 1
    for value in (*chance.choice((b"shamir", b"shamir_extendable")), *values, 0, 0, 0):
        top, check = check >> 20, (check & 0xFFFFF) << 10 ^ value
        for bit, generator in enumerate(generators):
            check ^= generator if top >> bit & 1 else 0
    check ^= 1
    return " ".join(listed[value] for value in (*values, *(check >> 10 * (2 - at) & 1023 for at in range(3))))


class Mint:
    """Makes secrets. `chance` alone says which."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self.kinds: dict[str, Callable[[], Planted]] = {
            name[6:]: getattr(self, name) for name in sorted(dir(type(self))) if name.startswith("_make_")
        }

    def planted(self, kind: str | None = None) -> Planted:
        """One secret of this kind, or of any."""
        return self.kinds[kind or self._pick(*self.kinds)]()

    def _pick(self, *choices: str) -> str:
        return self._chance.choice(choices)

    def _chars(self, alphabet: str, size: int) -> str:
        return "".join(self._chance.choices(alphabet, k=size))

    def _hex(self, size: int) -> str:
        return self._chance.randbytes(size).hex()

    def _framed(self, kind: str, secret: str) -> Planted:
        frame = self._pick(
            *(
                "{}",
                "exported {} for audit",
                "key: {}",
                "[{}]",
                "({})",
                "imported key={};done",
                "line one\n{}\nline three",
            ),
            *(
                '{{"event": "export", "value": "{}"}}',
                "value='{}'",
                "see {}, then continue",
                "got <{}>",
                "a|{}|b",
                "{}.",
            ),
        )
        return Planted(kind, frame.format(secret), secret)

    def _make_wif(self) -> Planted:
        version = self._chance.choice((0x80, 0xEF))
        return self._framed(
            "wif", base58(bytes((version,)) + self._chance.randbytes(32) + self._chance.choice((b"", b"\x01")))
        )

    def _make_bip38(self) -> Planted:
        head = self._chance.choice((b"\x01\x42\xc0", b"\x01\x42\xe0", b"\x01\x43\x20"))
        return self._framed("bip38", base58(head + self._chance.randbytes(36)))

    def _make_mini_key(self) -> Planted:
        while True:
            key = "S" + self._chars(ALPHABET, self._chance.choice((21, 29)))
            if sha256(f"{key}?".encode()).digest()[0] == 0:
                return self._framed("mini_key", key)

    def _make_xprv(self) -> Planted:
        version = self._chance.choice(
            (0x0488ADE4, 0x049D7878, 0x04B2430C, 0x04358394, 0x044A4E28, 0x045F18BC, 0x0295B005, 0x02AA7A99)
        )
        body = bytes((3,)) + self._chance.randbytes(4 + 4 + 32) + b"\0" + self._chance.randbytes(32)
        key = base58(version.to_bytes(4, "big") + body)
        if self._chance.random() < 0.3:
            text = f"wpkh([{self._hex(4)}/84h/0h/0h]{key}/0/*)#{self._chars(BECH32, 8)}"
            return Planted("xprv", text, key)
        return self._framed("xprv", key)

    def _make_phrase(self) -> Planted:
        words = phrase(self._chance, size=self._chance.choice((12, 15, 18, 21, 24)))
        separator = self._pick(" ", " ", " ", ", ", "\n", "-", ",", "_", "  ")
        if self._chance.random() < 0.1:
            words = words.upper()
        joined = separator.join(words.split())
        return Planted("phrase", self._pick("{}", "seed: {}", 'words "{}"', "restore {} now").format(joined), words)

    def _make_share(self) -> Planted:
        words = share(self._chance, self._chance.choice((20, 33)))
        separator = self._pick(" ", " ", ", ", "\n", "-")
        joined = separator.join(words.split())
        return Planted("share", self._pick("{}", "share 1 of 3: {}", "stored {} in the safe").format(joined), words)

    def _make_phrase_listed(self) -> Planted:
        words = phrase(self._chance).split()
        form = self._chance.randrange(3)
        if form == 0:
            text = json.dumps(words)
        elif form == 1:
            text = "\n".join(f"{number}. {word}" for number, word in enumerate(words, 1))
        else:
            text = json.dumps({"mnemonic": words})
        return Planted("phrase_listed", text, " ".join(words))

    def _make_phrase_foreign(self) -> Planted:
        language = self._pick(*LANGUAGES[1:])
        words = phrase(self._chance, language, self._chance.choice((12, 24)))
        return Planted("phrase_foreign", self._pick("{}", "seed: {}", "importiert: {}").format(words), words)

    def _make_phrase_wrong(self) -> Planted:
        words = phrase(self._chance).split()
        words[self._chance.randrange(1, 11)] = self._pick(
            "banana", "legall", "zzz", "wallett", self._pick(*word_list("english"))
        )
        joined = " ".join(words)
        frame = self._pick("seed phrase: {}", "mnemonic = {}", "recovery words are {}", "backup phrase: {}")
        return Planted("phrase_wrong", frame.format(joined), joined)

    def _make_pem(self) -> Planted:
        label = self._pick(
            "PRIVATE KEY",
            "EC PRIVATE KEY",
            "RSA PRIVATE KEY",
            "OPENSSH PRIVATE KEY",
            "ENCRYPTED PRIVATE KEY",
            "DSA PRIVATE KEY",
        )
        body = base64.encodebytes(self._chance.randbytes(self._chance.choice((48, 121, 600)))).decode()
        return Planted("pem", f"-----BEGIN {label}-----\n{body}-----END {label}-----", body.split("\n")[0])

    def _make_hex_key(self) -> Planted:
        key = self._hex(32)
        frame = self._pick(
            *("private key {}", "privkey={}", "private_key: 0x{}", "seed {}", "secret key is {}", "priv={}", "sk={}"),
            *(
                '"secret_key": "{}"',
                "signing key (hex): {}",
                "master seed: {}",
                "entropy={}",
                "privateKey: {}",
                "Private Key: {}",
            ),
        )
        return Planted("hex_key", frame.format(key), key)

    def _make_pin(self) -> Planted:
        pin = self._chars(string.digits, self._chance.choice((4, 6, 8, 12)))
        frame = self._pick(
            *(
                "pin={}",
                "PIN: {}",
                "userPin={}",
                "user_pin={}",
                '"pin": "{}"',
                '"user_pin": {}',
                "--pin {}",
                "--so-pin {}",
            ),
            *(
                "HSM_PIN={}",
                "so_pin: {}",
                'C_Login(session, CKU_USER, "{}")',
                "C_Login(1, CKU_SO, '{}')",
                "pin code: {}",
            ),
            *(
                "PIN is {}",
                "entered PIN {} for slot 0",
                "{{'pin': '{}'}}",
                "otp={}",
                "softhsm2-util --init-token --so-pin {}",
            ),
            *("<pin>{}</pin>", "pin => {}", "SOFTHSM_USER_PIN={}", "pkcs11:token=custody;pin-value={}", "hsmPin: {}"),
        )
        return Planted("pin", frame.format(pin), pin)

    def _make_password(self) -> Planted:
        password = self._chars(string.ascii_letters, 1) + self._chars(PASSWORD, self._chance.randrange(7, 20)) + "7a"
        frame = self._pick(
            *(
                "password={}",
                "password: {}",
                '"password": "{}"',
                "passwd={}",
                "pwd={}",
                "passphrase={}",
                "'passphrase': '{}'",
            ),
            *("--password {}", "--passphrase={}", "rpcpassword={}", "-rpcpassword={}", "db_password={}", "DB_PASS={}"),
            *(
                "dbPassword: '{}'",
                "walletPassphrase={}",
                "client_secret={}",
                "api_key={}",
                "PGPASSWORD={}",
                "secret: {}",
            ),
            *(
                "<password>{}</password>",
                "password is {}",
                'password "{}"',
                "IDENTIFIED BY '{}'",
                "aws_secret_access_key={}",
            ),
            *('walletpassphrase "{}" 60', '"method":"walletpassphrase","params":["{}",60]', "('password', '{}')"),
            *(
                "bitcoin-cli walletpassphrase {} 60",
                "passphrase => {}",
                "credentials={}",
                '"api_key":"{}"',
                "x-api-key: {}",
            ),
        )
        return Planted("password", frame.format(password), password)

    def _make_url(self) -> Planted:
        password = self._chars(string.ascii_letters + string.digits + "!$*-_.~", self._chance.randrange(6, 24)) + "x"
        scheme = self._pick("postgres", "https", "redis", "amqp", "http", "mysql+pymysql", "mongodb+srv")
        user = self._pick("app", "rpcuser", "", "admin")
        return Planted("url", f"{scheme}://{user}:{password}@db.internal:5432/wallets", password)

    def _make_macaroon(self) -> Planted:
        raw = bytes.fromhex("0201036c6e6402") + b"\xf8\x01\x03\x0a\x10" + self._chance.randbytes(120)
        secret = raw.hex() if self._chance.random() < 0.5 else base64.b64encode(raw).decode()
        return self._framed("macaroon", secret)

    def _make_rune(self) -> Planted:
        rest = self._pick("=57", "=0&rate=3", "=12&method^list|method^get", "=3&id=02ab")
        return self._framed("rune", base64.urlsafe_b64encode(self._chance.randbytes(32) + rest.encode()).decode())

    def _make_jwt(self) -> Planted:
        def part(value: object) -> str:
            return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

        claims = {"sub": self._hex(6), "exp": self._chance.randrange(10**9)}
        return self._framed("jwt", f"{part({'alg': 'HS256', 'typ': 'JWT'})}.{part(claims)}.{self._chars(URLSAFE, 43)}")

    def _make_header(self) -> Planted:
        token = self._chars(URLSAFE, self._chance.randrange(20, 60)) + "7"
        pair = base64.b64encode(
            f"{self._chars(string.ascii_lowercase, 5)}:{self._chars(PASSWORD, 12)}".encode()
        ).decode()
        return self._chance.choice(
            (
                Planted("header", f"Authorization: Bearer {token}", token),
                Planted("header", f"Authorization: Basic {pair}", pair),
                Planted("header", f'{{"authorization": "Bearer {token}"}}', token),
                Planted("header", f"Cookie: session={token}; theme=dark", token),
                Planted("header", f"(b'authorization', b'Bearer {token}')", token),
                Planted("header", f"X-Auth-Token: {token}", token),
                Planted("header", f"GET /v1?access_token={token}&page=2", token),
            )
        )

    def _make_cloud_key(self) -> Planted:
        secret = self._chance.choice(
            (
                lambda: "AKIA" + self._chars(string.ascii_uppercase + string.digits, 16),
                lambda: "ghp_" + self._chars(string.ascii_letters + string.digits, 36),
                lambda: "xoxb-" + self._chars(string.digits, 12) + "-" + self._chars(string.ascii_letters, 24),
                lambda: "sk_live_" + self._chars(string.ascii_letters + string.digits, 24),
                lambda: "AIza" + self._chars(URLSAFE, 35),
                lambda: "glpat-" + self._chars(URLSAFE, 20),
                lambda: "npm_" + self._chars(string.ascii_letters + string.digits, 36),
                lambda: "SG." + self._chars(URLSAFE, 22) + "." + self._chars(URLSAFE, 43),
                lambda: "sk-proj-" + self._chars(URLSAFE, 48),
                lambda: self._chars(string.digits, 10) + ":AA" + self._chars(URLSAFE, 33),
            )
        )()
        return self._framed("cloud_key", secret)

    def _make_slack_hook(self) -> Planted:
        upper = string.ascii_uppercase + string.digits
        path = (
            f"T{self._chars(upper, 8)}/B{self._chars(upper, 8)}/{self._chars(string.ascii_letters + string.digits, 24)}"
        )
        return Planted("slack_hook", f"https://hooks.slack.com/services/{path}", path)

    def _make_nostr_age(self) -> Planted:
        values = [self._chance.randrange(32) for _ in range(52)]
        key = bech32("nsec", values) if self._chance.random() < 0.5 else bech32("age-secret-key-", values).upper()
        return self._framed("nostr_age", key)


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _urlsafe(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


# Name -> what the encoding makes of a text, given some chance.
ENCODINGS: dict[str, Callable[[str, random.Random], str]] = {
    "json": lambda text, _: json.dumps({"value": text}),
    "json_twice": lambda text, _: json.dumps({"log": json.dumps({"value": text})}),
    "url": lambda text, _: "q=" + urllib.parse.quote(text, safe=""),
    "url_form": lambda text, _: urllib.parse.urlencode({"value": text}),
    "url_in_json": lambda text, _: json.dumps({"path": "/v1?q=" + urllib.parse.quote(text, safe="")}),
    "base64": lambda text, _: _base64(text),
    "base64_bare": lambda text, _: _base64(text).rstrip("="),
    "base64_urlsafe": lambda text, _: _urlsafe(text),
    "base64_offset": lambda text, chance: "data:" + _base64("x" * chance.randrange(1, 40) + " " + text + " tail"),
    "base64_in_json": lambda text, _: json.dumps({"body": _base64(json.dumps({"value": text}))}),
    "base64_in_url": lambda text, _: "b=" + urllib.parse.quote(_base64(text), safe=""),
    "hex": lambda text, _: text.encode().hex(),
}


def is_left(planted: Planted, cleaned: str, *, encoded: str = "") -> bool:
    """Whether anything of the secret can be read in the cleaned text, as it is or in the encoding that it was given."""
    if any(piece in cleaned for piece in planted.pieces()):
        return True
    if not encoded:
        return False
    for wrap in (lambda piece: json.dumps(piece)[1:-1], lambda piece: urllib.parse.quote(piece, safe="")):
        if any(wrap(piece) in cleaned for piece in planted.pieces()):
            return True
    # Of what was in base 64 or hexadecimal no long stretch may be left.
    return any(
        run in cleaned for run in encoded.replace('"', " ").replace("=", " ").split() if len(run) >= 2 * PIECE_CHARS
    )


class Talk:
    """Lines of ordinary talk in a custody house."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance

    def line(self) -> str:
        """One line, or the few of a stack trace."""
        return self._chance.choice(self._makers)()

    @cached_property
    def _makers(self) -> list[Callable[[], str]]:
        return [getattr(self, name) for name in sorted(dir(type(self))) if name.startswith("_say_")]

    def _hex(self, size: int) -> str:
        return self._chance.randbytes(size).hex()

    def _number(self, top: int) -> int:
        return self._chance.randrange(top)

    def _uuid(self) -> str:
        return str(uuid.UUID(bytes=self._chance.randbytes(16), version=4))

    def address(self) -> str:
        """An address of any kind, checksum included."""
        payload = self._chance.randbytes(20)
        program = [self._chance.randrange(32) for _ in range(self._chance.choice((32, 52)))]
        return self._chance.choice(
            (
                lambda: base58(b"\0" + payload),
                lambda: base58(b"\x05" + payload),
                lambda: base58(b"\x6f" + payload),
                lambda: bech32("bc", [0, *program]),
                lambda: bech32("bc", [1, *program], constant=0x2BC830A3),
                lambda: bech32("tb", [0, *program]),
                lambda: bech32("bcrt", [1, *program], constant=0x2BC830A3),
            )
        )()

    def _xpub(self) -> str:
        version = self._chance.choice(
            (0x0488B21E, 0x049D7CB2, 0x04B24746, 0x043587CF, 0x044A5262, 0x045F1CF6, 0x02AA7ED3)
        )
        body = bytes((3,)) + self._chance.randbytes(40) + bytes((2 + self._number(2),)) + self._chance.randbytes(32)
        return base58(version.to_bytes(4, "big") + body)

    def _signature(self) -> bytes:
        return (
            bytes.fromhex("30440220") + self._chance.randbytes(32) + bytes.fromhex("0220") + self._chance.randbytes(32)
        )

    def _say_transaction(self) -> str:
        return self._chance.choice(
            (
                f"txid {self._hex(32)} confirmed in block {self._hex(32)} at height {self._number(900000)}",
                f"withdrawal txid={self._hex(32)} fee_rate={self._number(90)}.{self._number(9)} sat/vB vsize={self._number(500)}",
                f"UpdateTip: new best={self._hex(32)} height={self._number(900000)} version=0x20000000 log2_work=94.1 tx={self._number(10**9)}",
                f"spent outpoint {self._hex(32)}:{self._number(9)} value {self._number(10**9)} sat by signer-{self._number(5)}",
                f"merkle root {self._hex(32)} commitment {self._hex(32)} wtxid: {self._hex(32)}",
                f"raw tx 02000000000101{self._hex(self._number(300) + 60)}",
            )
        )

    def _say_address(self) -> str:
        return self._chance.choice(
            (
                f"withdrawal to {self.address()} of {self._number(10**9)} sat approved by 3 of 5",
                f"deposit address {self.address()} assigned to wallet cold-{self._number(40)}",
                f'{{"address":"{self.address()}","amount":"{self._number(10)}.{self._number(10**8):08d}","confirmations":{self._number(9)}}}',
                f"sweep {self.address()} -> {self.address()}",
            )
        )

    def _say_key(self) -> str:
        return self._chance.choice(
            (
                f"imported {self._xpub()} as watch-only",
                f"public key 02{self._hex(32)} of signer-{self._number(9)}",
                f"pubkey=03{self._hex(32)} x-only {self._hex(32)}",
                f"key_id=key-{self._number(99)} fingerprint {self._hex(4)} path m/84h/0h/{self._number(9)}h/0/{self._number(999)}",
                f"wpkh([{self._hex(4)}/84h/0h/0h]{self._xpub()}/0/*)#{''.join(self._chance.choices(BECH32, k=8))}",
                f"wsh(sortedmulti(2,[{self._hex(4)}/48h]{self._xpub()}/0/*,[{self._hex(4)}/48h]{self._xpub()}/0/*))#{''.join(self._chance.choices(BECH32, k=8))}",
                f"tr({self._hex(32)})#{''.join(self._chance.choices(BECH32, k=8))} internal key {self._hex(32)}",
                f"signing key 02{self._hex(32)} rotated; uncompressed 04{self._hex(64)}",
            )
        )

    def _say_bytes(self) -> str:
        return self._chance.choice(
            (
                f"psbt {base64.b64encode(b'psbt' + bytes([255]) + self._chance.randbytes(self._number(400) + 40)).decode()}",
                f"signature {self._signature().hex()} verified",
                f"sig={base64.b64encode(self._signature()).decode()}",
                f"sha256:{self._hex(32)} digest of image custody-api:1.{self._number(9)}",
                f"certificate {base64.b64encode(bytes.fromhex('308202') + self._chance.randbytes(300)).decode()}",
                f"node id 03{self._hex(32)}@10.0.0.{self._number(250)}:9735 channel {self._number(900000)}x{self._number(2000)}x{self._number(4)}",
                f'etag W/"{self._hex(16)}" nonce={base64.b64encode(self._chance.randbytes(16)).decode()}',
            )
        )

    def _say_ids(self) -> str:
        return self._chance.choice(
            (
                f"trace_id={self._hex(16)} span_id={self._hex(8)} correlation_id={self._uuid()}",
                f"traceparent 00-{self._hex(16)}-{self._hex(8)}-01",
                f"request {self._uuid()} took {self._number(2000)} ms",
                f"session {self._uuid()} opened on slot {self._number(9)} token=custody-{self._number(3)}",
            )
        )

    def _say_json(self) -> str:
        line: dict[str, object] = {
            "timestamp": f"2026-11-{self._number(28) + 1:02d}T02:{self._number(60):02d}:42.{self._number(10**6):06d}Z",
            "level": self._chance.choice(("info", "warning", "debug", "error")),
            "event": self._chance.choice(
                ("withdrawal_broadcast", "hsm_operation finished", "address derived", "policy checked")
            ),
            "service": "custody-api",
            "environment": "production",
            "txid": self._hex(32),
            "wallet_id": f"cold-{self._number(40)}",
            "key_id": f"key-{self._number(40)}",
            "amount_sats": self._number(10**9),
            "trace_id": self._hex(16),
            "correlation_id": self._uuid(),
            "token": f"custody-{self._number(4)}",
            "public_key": f"02{self._hex(32)}",
            "status_code": 200,
            "pin_attempts_left": self._number(9),
        }
        kept = dict(self._chance.sample(list(line.items()), k=self._number(9) + 4))
        text = json.dumps(kept)
        return json.dumps({"log": text, "stream": "stdout"}) if self._chance.random() < 0.3 else text

    def _say_sentence(self) -> str:
        return self._chance.choice(SENTENCES).format(n=self._number(100), uuid=self._uuid(), hex=self._hex(32))

    def _say_words(self) -> str:
        """A sentence in which most words, but never twelve in a row, stand in the list."""
        words: list[str] = []
        while len(words) < 30:
            words += self._chance.sample(word_list("english"), k=self._number(9) + 2)
            words.append(self._chance.choice(("the", "a", "of", "to", "and", "is", "for", "our", "which", "every")))
        return " ".join(words).capitalize() + "."

    def _say_web(self) -> str:
        return self._chance.choice(
            (
                f"GET /api/v1/wallets/{self._number(999)}/addresses?cursor={self._hex(8)}&limit=50 200 {self._number(9999)}B",
                f"https://explorer.example.com:8443/tx/{self._hex(32)}#output-{self._number(4)}",
                f'"GET /metrics HTTP/1.1" 200 5123 "-" "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/126.0.{self._number(9999)}.0 Safari/537.36"',
                f"connect to http://10.0.{self._number(250)}.{self._number(250)}:8332/wallet/cold-{self._number(9)} timed out after 5 s",
                f"redirect to https://login.example.com/authorize?client_id=custody&state={self._uuid()}&scope=openid%20profile",
                f"upstream=signer-{self._number(9)}.internal:9443 status=503 retry_after=2 path=/v1/sign?wallet=cold%2D{self._number(9)}",
            )
        )

    def _say_trace(self) -> str:
        return (
            "Traceback (most recent call last):\n"
            f'  File "/app/custody/signing/service.py", line {self._number(900)}, in sign_withdrawal\n'
            "    signature = session.sign(digest, mechanism=Mechanism.ECDSA)\n"
            f'  File "/usr/lib/python3.11/site-packages/pkcs11/_pkcs11.pyx", line {self._number(900)}, in pkcs11._pkcs11.sign\n'
            f"pkcs11.exceptions.DeviceError: CKR_DEVICE_ERROR handle={self._number(9999)} key=key-{self._number(9)}"
        )

    def _say_metric(self) -> str:
        return self._chance.choice(
            (
                f'anya_bitcoin_transactions_total{{operation_type="send",status="success",wallet_id="cold-{self._number(9)}"}} {self._number(999)}.0',
                f"balance {self._number(21)}.{self._number(10**8):08d} BTC, {self._number(10**15)} msat, fee {self._number(500)} sat/vB",
                f"mempool size={self._number(90000)} bytes={self._number(10**8)} minfee=0.0000{self._number(9999):04d} blocks={self._number(900000)}",
            )
        )


SENTENCES = (
    "password: incorrect for user bob, {n} attempts left",
    "PIN retries left: {n}; the PIN is locked after three wrong tries",
    "The seed node dnsseed.bitcoin.org answered in {n} ms",
    "basic authentication failed for operator {n}",
    "token=custody-1 slot=0 label=signer-{n} mechanism=CKM_ECDSA",
    "session token expired, please sign in again",
    "passphrase required to unlock wallet cold-{n}",
    "secret rotation finished, {n} secrets rotated, version v{n}",
    "Authorization denied by policy withdraw-{n}",
    "authorization: denied, reason=quorum",
    "private key is not exportable (CKA_EXTRACTABLE=false) for key-{n}",
    "signing key rotated, txid {hex} is the last one that it signed",
    "recovery of the wallet took {n} minutes and every address was found again",
    "Recovery phrase must never be shared with anyone who may ask you about it",
    "credentials: loaded from the vault, {n} entries",
    "bearer token missing in request {uuid}",
    "cookie rejected: no session",
    "the operator will visit the office today after a very long day to review the quorum rules again",
    "Any person who can carry this hammer should bring it before winter to the main gate",
    "master key ceremony planned for week {n}, three of five officers present",
    "keyboard: qwerty, monkey: banana, spin=1234, shipping: 5000",
    "api_key_id=ak-{n} has been disabled by the owner",
    "mnemonic words were verified by the device, nothing left the screen",
    "otp accepted for user {n}; next code in 30 seconds",
    "seed={n} used for the sampling of traces",
    "user agent bitcoin-core/27.{n} connected, services NETWORK|WITNESS",
    "entropy available: 3{n} bits",
    "policy check: pin_policy=strict password_policy=strict token_ttl=3600",
    "error: -14: The wallet passphrase entered was incorrect (code -14)",
    "walletpassphrase called for wallet cold-{n}, unlocked for 60 s",
    "C_Login CKU_USER ok, slot 0, flags 0x{n}",
    "private payment channel {n} closed, block hash {hex}",
)
