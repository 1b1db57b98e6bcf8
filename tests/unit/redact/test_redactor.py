"""Secrets are taken out, and nothing else."""

from __future__ import annotations

import base64
import json
import random
import time
import urllib.parse
from hashlib import sha256
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from anyascope.model.attributes import Resource
from anyascope.model.labels import labels_of
from anyascope.model.logs import LogBatch, LogRecord
from anyascope.model.traces import Span, SpanBatch, SpanEvent, SpanLink
from anyascope.redact.api import Redactor
from anyascope.redact.base58 import ALPHABET, decode_check, find_private_keys
from anyascope.redact.words import word_list

WIF = "KwdMAjGmerYanjeui5SHS7JkmpZvVipYvB2LJGU1ZxJwYvP98617"
XPRV = "xprv9s21ZrQH143K3QTDL4LXw2F7HEK3wJUD2nW2nRk4stbPy6cq3jPPqjiChkVvvNKmPGJxWUtg6LnF5kejMRNNU3TGtRBeJgk33yuGBxrMPHi"
PHRASE = "legal winner thank year wave sausage worth useful legal winner thank yellow"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
HEX_KEY = "e9873d79c6d87dc0fb6a5778633389f4453213303da61f20bd67fc233aa33262"


@pytest.fixture(scope="module")
def redactor() -> Redactor:
    return Redactor(registry=CollectorRegistry())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"key {WIF} exported", "key <redacted:wif> exported"),
        ("5HueCGU8rMjxEXxiPuD5BDku4MkFqeZyd4dZ1jvhTVqvbTLvyTJ", "<redacted:wif>"),
        (f"wif{WIF}", "wif<redacted:wif>"),
        (f"{WIF[:20]}\n  {WIF[20:]}", "<redacted:wif>"),
        (f"{WIF[:20]}\\n{WIF[20:]}", "<redacted:wif>"),
        ("6PRVWUbkzzsbcVac2qwfssoUJAN1Xhrg6bNk8J7Nzm5H7kxEbn2Nh2ZoGg", "<redacted:wif>"),
        (f"imported {XPRV}.", "imported <redacted:xprv>."),
        (f"wpkh([d34db33f/84h/0h/0h]{XPRV}/0/*)", "wpkh([d34db33f/84h/0h/0h]<redacted:xprv>/0/*)"),
        (f"phrase was: {PHRASE}!", "phrase was: <redacted:mnemonic>!"),
        (PHRASE.upper(), "<redacted:mnemonic>"),
        (PHRASE.replace(" ", "%20"), "<redacted:mnemonic>"),
        (PHRASE.replace(" ", "\\n"), "<redacted:mnemonic>"),
        (json.dumps(PHRASE.split()), '["<redacted:mnemonic>"]'),
        (json.dumps(PHRASE.split(), indent=8), '[\n        "<redacted:mnemonic>"\n]'),
        ("\n".join(f"{n}. {w}" for n, w in enumerate(PHRASE.split(), 1)), "1. <redacted:mnemonic>"),
        (f"{PHRASE} {PHRASE}", "<redacted:mnemonic>"),
        ("-----BEGIN EC PRIVATE KEY-----\nMHcCAQEE\n-----END EC PRIVATE KEY-----\nrest", "<redacted:pem>\nrest"),
        ("-----BEGIN PRIVATE KEY-----\\nMIIB\\n-----END PRIVATE KEY-----", "<redacted:pem>"),
        ("cut off: -----BEGIN RSA PRIVATE KEY-----\nMIIB", "cut off: <redacted:pem>"),
        (f"private key: 0x{HEX_KEY}", "private key: <redacted:hex_key>"),
        (f"seed is {HEX_KEY}{HEX_KEY}", "seed is <redacted:hex_key>"),
        ("0201036c6e64" + "ab" * 30, "<redacted:macaroon>"),
        ("AgEDbG5k" + "A" * 60, "<redacted:macaroon>"),
        (f"got {JWT} from", "got <redacted:jwt> from"),
        ("Authorization: Bearer abcdefghijklmnop1234", "Authorization: Bearer <redacted:bearer>"),
        ("Authorization: Basic dXNlcjpwYXNz", "Authorization: Basic <redacted:basic_auth>"),
        ("proxy-authorization: Negotiate abcd", "proxy-authorization: <redacted:header>"),
        ("Cookie: a=b; c=d\nHost: x", "Cookie: <redacted:header>\nHost: x"),
        ("AKIAIOSFODNN7EXAMPLE", "<redacted:api_key>"),
        ("ghp_" + "a1B2" * 9, "<redacted:api_key>"),
        ("xoxb-12345678901-abcdef", "<redacted:api_key>"),
        ("https://hooks.slack.com/services/T00000000/B00000000/XXXX", "https://<redacted:api_key>"),
        ("nsec1" + "q" * 58, "<redacted:api_key>"),
        ("postgres://app:s3cret@db/wallets", "postgres://app:<redacted:url_password>@db/wallets"),
        ("password=hunter2, user=bob", "password=<redacted:password>, user=bob"),
        ('{"password":"hun,ter2","user":"bob"}', '{"password":"<redacted:password>","user":"bob"}'),
        ('{\\"dbPassword\\":\\"hunter2\\",\\"n\\":1}', '{\\"dbPassword\\":\\"<redacted:password>\\",\\"n\\":1}'),
        ("{'passphrase': 'correct horse'}", "{'passphrase': '<redacted:password>'}"),
        ("password%3Dhunter2&x=1", "password%3D<redacted:password>&x=1"),
        ("aws_secret_access_key = wJalrXUtnFEMI", "aws_secret_access_key = <redacted:password>"),
        ("rpcpassword=abc rpcuser=x", "rpcpassword=<redacted:password> rpcuser=x"),
        ("C_Login userPin=123456", "C_Login userPin=<redacted:pin>"),
        ("PIN: 123456.", "PIN: <redacted:pin>."),
        ("pin code: 0000", "pin code: <redacted:pin>"),
        ("token=abcdEFGH1234567890", "token=<redacted:token>"),
        (base64.b64encode(f"the key is {WIF}".encode()).decode(), "<redacted:encoded>"),
        (base64.urlsafe_b64encode(PHRASE.encode()).decode().rstrip("="), "<redacted:encoded>"),
    ],
)
def test_takes_secrets_out(redactor: Redactor, text: str, expected: str) -> None:
    """Where a secret was stands its kind; the text around it stays."""
    assert redactor.text(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        f"txid {HEX_KEY} confirmed",
        f"public key 02{HEX_KEY}",
        "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4 received 5000 sat",
        "xpub661MyMwAqRbcFtXgS5sYJABqqG9YLmC4Q1Rdap9gSE8NqtwybGhePY2gZ29ESFjqJoCu1Rupje8YtGqsefD265TMg7usUDFdp6W1EGMcet8",
        "wpkh([d34db33f/84h/0h/0h]xpub6CatWdiZiodmUeTDp8LT5or8nmbKNcuyvz7WyksVFkKB4RHwCD3XyuvPEbvqAQY3rAPshWcMLoP2fMFMKHPJ4ZeZXYVUhLv1VMrjPC7PW6V/0/*)",
        WIF[:-1] + "8",
        "the quick brown fox will visit your office today after a very long day",
        "abandon ability able about above absent absorb abstract absurd abuse access",
        "password: incorrect for user bob",
        "password=**** token=<redacted:token>",
        "pin attempts: 3, spin=1234, pin: 12",
        "token=custody-1 slot=0",
        "seed=dnsseed.bitcoin.org:8333",
        "monkey: banana, keyboard: qwerty",
        "basic authentication failed",
        "http://[::1]:8080/a@b and https://host:8333/x and http://a.b/c:d@e",
        "sha256:" + HEX_KEY + HEX_KEY,
        "tokens: 512, password_length: 12",
        base64.b64encode(bytes(range(60, 120))).decode(),
        "",
        "höhe ₿ 日本語",
    ],
)
def test_leaves_everything_else(redactor: Redactor, text: str) -> None:
    """Public keys, hashes, addresses, descriptors and plain talk stay as they are."""
    assert redactor.text(text) == text


def test_cleaning_twice_changes_nothing_more(redactor: Redactor) -> None:
    """A clean text is clean."""
    dirty = f"password=hunter2 {WIF} Authorization: Basic dXNlcjpwYXNz {PHRASE} pin=1234"
    clean = redactor.text(dirty)
    assert redactor.text(clean) == clean


def encode_check(payload: bytes) -> str:
    raw = payload + sha256(sha256(payload).digest()).digest()[:4]
    number, text = int.from_bytes(raw, "big"), ""
    while number:
        number, digit = divmod(number, 58)
        text = ALPHABET[digit] + text
    return text


def minted(chance: random.Random) -> tuple[str, str]:
    """A new secret, and a part of it that must not be left."""
    match chance.randrange(4):
        case 0:
            version = chance.choice((0x80, 0xEF))
            key = bytes([version]) + chance.randbytes(32) + (b"\x01" if chance.random() < 0.5 else b"")
            secret = encode_check(key)
        case 1:
            secret = "xprv" + "".join(chance.choices(ALPHABET, k=107))
        case 2:
            secret = " ".join(chance.choices(word_list("english"), k=chance.choice((12, 15, 18, 21, 24))))
            return secret, " ".join(secret.split()[4:8])
        case _:
            secret = f"private key {chance.randbytes(32).hex()}"
            return secret, secret[-20:]
    return secret, secret[10:30]


FRAMES = (
    "{}",
    "exported {} for audit",
    '{{"event": "export", "key": "{}"}}',
    "k={};done",
    "[{}]",
    "line one\n{}\nline three",
    "({})",
)


def test_recall_of_plain_secrets_is_complete(redactor: Redactor) -> None:
    """Of 3,000 new secrets in seven frames none is left, nor a part of one."""
    chance = random.Random(7)
    left = []
    for number in range(3000):
        secret, part = minted(chance)
        if part in redactor.text(FRAMES[number % len(FRAMES)].format(secret)):
            left.append(secret)
    assert left == []


def test_recall_of_encoded_secrets(redactor: Redactor) -> None:
    """JSON-escaped, percent-encoded, in base 64 and folded: at least 99 of 100 are found."""
    chance = random.Random(8)
    encodings = (
        lambda text: json.dumps(json.dumps({"value": text})),
        urllib.parse.quote,
        lambda text: base64.b64encode(text.encode()).decode(),
        lambda text: text if " " in text else f"{text[:25]}\r\n    {text[25:]}",
    )
    found = 0
    for number in range(1000):
        secret, part = minted(chance)
        encoded = encodings[number % len(encodings)](secret)
        if redactor.text(encoded) != encoded and part not in redactor.text(encoded):
            found += 1
    assert found >= 990


def test_plain_talk_is_hardly_ever_touched(redactor: Redactor) -> None:
    """Of 20,000 lines of a custody house none is changed."""
    chance = random.Random(9)

    def line(number: int) -> str:
        return (
            f"UpdateTip: new best={chance.randbytes(32).hex()} height={number} tx={number * 3} cache=12.3MiB",
            f"withdrawal wallet=cold-{number % 7} to bc1q{''.join(chance.choices('023456789acdefghjklmnpqrstuvwxyz', k=38))}",
            f"C_Sign session={number} slot=0 token=hsm-{number % 3} mechanism=CKM_ECDSA took {number % 40} ms",
            f"GET /api/v1/wallets/{number}?cursor={chance.randbytes(8).hex()} 200 {number}B from 10.0.0.{number % 250}:8333",
            f"psbt {base64.b64encode(b'psbt' + bytes([255]) + chance.randbytes(200)).decode()}",
        )[number % 5]

    lines = [line(number) for number in range(20_000)]
    assert redactor.texts(lines) == {}


@pytest.mark.parametrize(
    "hostile",
    [
        "password=x " * 90_000,
        "K" * 1_000_000,
        (" ".join(PHRASE.split()[:11]) + " zzz ") * 14_000,
        "-----BEGIN PRIVATE KEY-----" * 36_000,
        'password="' * 100_000,
        "://" + "a:" * 500_000,
        "Q" * 1_000_000,
        "password:" + "\\" * 1_000_000,
        "xprv" * 250_000,
        "secret " * 140_000,
        "eyJ" * 330_000,
        ("QUFB" * 20 + " ") * 12_000,
    ],
    ids=lambda text: text[:20],
)
def test_a_hostile_megabyte_takes_no_time(redactor: Redactor, hostile: str) -> None:
    """Whatever repeats, the work grows with the length and no faster."""
    began = time.thread_time()  # other threads of this process are none of its business
    redactor.text(hostile)
    assert time.thread_time() - began < 10  # measured 0.02 to 0.9 s; quadratic work would take minutes


def test_counts_kinds_and_never_values() -> None:
    """The counter's labels are kinds alone."""
    registry = CollectorRegistry()
    redactor = Redactor(registry=registry)
    redactor.text(f"{WIF} password=hunter2")
    redactor.attributes({"pin": "1234"})
    for kind in ("wif", "password", "name"):
        assert registry.get_sample_value("anyascope_redacted_total", {"kind": kind}) == 1
    assert registry.get_sample_value("anyascope_redacted_total", {"kind": "pem"}) == 0


@pytest.mark.parametrize(
    "name",
    [
        *("password", "db.password", "userPassword", "user_pin", "soPin", "PIN", "api-key", "X-Api-Key", "privateKey"),
        *("http.request.header.authorization", "http.request.header.cookie", "set-cookie", "wallet.mnemonic", "seed"),
        *("passphrase", "client_secret", "aws.secret_access_key", "macaroon", "hd_seed", "wif"),
    ],
)
def test_attributes_are_secret_by_name(redactor: Redactor, name: str) -> None:
    """Whatever their value is, numbers and lists too."""
    assert redactor.attributes({name: "swordfish"}) == {name: "<redacted:name>"}
    assert redactor.attributes({name: 123456}) == {name: "<redacted:name>"}
    assert redactor.attributes({name: ["swordfish"]}) == {name: ["<redacted:name>"]}
    assert redactor.attributes({"outer": {name: "swordfish"}}) == {"outer": {name: "<redacted:name>"}}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("password", ""), ("password", None), ("password", True), ("password.status", "changed"), ("pinned", "x")),
        *(("dns_seed", "seed.bitcoin.org"), ("token", "custody-1"), ("gen_ai.usage.input_tokens", 512), ("key", "a")),
        *(("session.id", "abc"), ("pin_attempts", 3), ("monkey", "x"), ("password", "invalid"), ("token.count", 5)),
    ],
)
def test_attributes_that_only_sound_secret_stay(redactor: Redactor, name: str, value: Any) -> None:
    """Status words, empty values, labels of HSM tokens, and names that merely contain such a word."""
    assert redactor.attributes({name: value}) == {name: value}


def test_a_long_token_is_secret_by_name(redactor: Redactor) -> None:
    """A token's label is short, a token is not."""
    assert redactor.attributes({"access_token": "a1B2" * 5}) == {"access_token": "<redacted:name>"}


def test_values_of_all_shapes_are_looked_into(redactor: Redactor) -> None:
    """Lists, maps, bytes, and a phrase as a list of its words; a structure without end is cut off."""
    deep: Any = WIF
    for _ in range(50):
        deep = [deep]
    found = redactor.attributes(
        {"a": ["x", WIF], "b": {"c": {"d": f"key {WIF}"}}, "e": WIF.encode(), "f": PHRASE.split(), "g": deep, "h": 5}
    )
    assert found["a"] == ["x", "<redacted:wif>"]
    assert found["b"] == {"c": {"d": "key <redacted:wif>"}}
    assert found["e"] == b"<redacted:wif>"
    assert found["f"] == ["<redacted:mnemonic>"]
    assert WIF not in repr(found["g"])
    assert found["h"] == 5


def test_cleans_a_batch_of_logs_in_place(redactor: Redactor) -> None:
    """Bodies, structured bodies, attributes and resources; rows without secrets keep their very objects."""
    batch = LogBatch(stream="otlp")
    batch.add(LogRecord(1, "fine", attributes={"wallet": "cold-1"}, resource=Resource({"host.name": "h1"})))
    batch.add(LogRecord(1, f"key {WIF}", attributes={"key": WIF}, resource=Resource({"env": f"a {WIF}"})))
    batch.add(LogRecord(1, "{}", body_value={"password": "hunter2"}, attributes={"user_pin": 1234}))
    untouched = batch.attributes[0]
    redactor.logs(batch)
    assert batch.bodies == ["fine", "key <redacted:wif>", "{}"]
    assert batch.body_values == {2: {"password": "<redacted:name>"}}
    assert batch.attributes == [{"wallet": "cold-1"}, {"key": "<redacted:wif>"}, {"user_pin": "<redacted:name>"}]
    assert batch.attributes[0] is untouched
    assert [resource.attributes for resource in batch.resources] == [
        {"host.name": "h1"},
        {"env": "a <redacted:wif>"},
        {},
    ]


def test_cleans_a_batch_of_spans_in_place(redactor: Redactor) -> None:
    """Names, messages, attributes, events and links."""
    batch = SpanBatch()
    event, link = SpanEvent(5, f"log {WIF}", {"password": "x"}), SpanLink(b"t" * 16, b"s" * 8, "", {"key": WIF})
    batch.add(Span(b"t" * 16, b"s" * 8, f"GET /{WIF}", 1, 2, status_message=PHRASE, attributes={"a": WIF}))
    batch.add(Span(b"t" * 16, b"s" * 8, "fine", 1, 2, events=(event, SpanEvent(6, "fine")), links=(link,)))
    redactor.spans(batch)
    assert batch.names == ["GET /<redacted:wif>", "fine"]
    assert batch.status_messages == ["<redacted:mnemonic>", ""]
    assert batch.attributes == [{"a": "<redacted:wif>"}, {}]
    assert [(e.time_ns, e.name, e.attributes) for e in batch.events[1]] == [
        (5, "log <redacted:wif>", {"password": "<redacted:name>"}),
        (6, "fine", {}),
    ]
    assert batch.links[1][0].attributes == {"key": "<redacted:wif>"}


def test_labels_are_cleaned_and_only_those_that_need_it(redactor: Redactor) -> None:
    """The answer names the sets that changed."""
    clean = labels_of({"__name__": "up", "job": "custody"})
    dirty = labels_of({"__name__": "up", "key": WIF, "password": "x"})
    assert redactor.labels([clean, dirty]) == {
        1: labels_of({"__name__": "up", "key": "<redacted:wif>", "password": "<redacted:name>"})
    }


def test_texts_are_told_apart_when_scanned_together(redactor: Redactor) -> None:
    """Halves of a secret in two texts are no secret; the right texts are named, whatever their bytes."""
    texts = ["höhe ₿", WIF[:26], WIF[26:], f"日本 {WIF}", "", "pass", "word=x", PHRASE[:20], PHRASE[20:], "\ud800", WIF]
    assert redactor.texts(texts) == {3: "日本 <redacted:wif>", 10: "<redacted:wif>"}


def test_the_word_list_is_bip39s() -> None:
    """2048 words, sorted, with the digest that BIP 39's list has."""
    assert len(word_list("english")) == 2048
    assert list(word_list("english")) == sorted(word_list("english"))
    digest = sha256(("\n".join(word_list("english")) + "\n").encode()).hexdigest()
    assert digest == "2f5eed53a4727b4bf8880d8f3f199efc90e58503646d9ff8eff3a2ed3b24dbda"


@pytest.mark.parametrize(
    ("text", "expected"),
    [(WIF, True), (WIF[:-1], False), (WIF[:-1] + "8", False), ("1" * 51, False), ("0" * 52, False), ("", False)],
)
def test_a_private_key_is_known_by_its_checksum(text: str, expected: bool) -> None:  # noqa: FBT001
    """One wrong character, and it is none."""
    assert bool(list(find_private_keys(text))) is expected


def test_base58_keeps_leading_zeros() -> None:
    """An address of version 0 begins with ones."""
    assert decode_check("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa") == bytes.fromhex(
        "0062e907b15cbf27d5425399ebf6f0fb50ebb88f18"
    )
