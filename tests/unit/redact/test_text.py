"""What the text core finds, what it leaves, and what it bounds."""

from __future__ import annotations

import base64
import json
import random
import urllib.parse

import pytest

from anyascope.redact import encodings, mnemonic, pair_hints, pairs, shares
from anyascope.redact.gates import GATES
from anyascope.redact.mnemonic import SIZES
from anyascope.redact.text import OVERLAP_CHARS, clean, find
from anyascope.redact.values import clean_value
from anyascope.redact.words import DIGITS, LANGUAGES, SHARES, WORD_BYTES, numbers_of, word_list
from support.planted import ENCODINGS, Mint, Talk, base58, is_left, phrase, share

WIF = "KwdMAjGmerYanjeui5SHS7JkmpZvVipYvB2LJGU1ZxJwYvP98617"
PHRASE = "legal winner thank year wave sausage worth useful legal winner thank yellow"
HEX_KEY = "e9873d79c6d87dc0fb6a5778633389f4453213303da61f20bd67fc233aa33262"
PLANTED = 3_000  # in `make test`; bench/redaction.py plants 100,000
LINES = 5_000
ALL_FAMILIES = (1 << 16) - 1


def cleaned(text: str) -> str:
    return clean(text)[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("S6c56bnXQiBjk9mqSYE7ykVQ7NzrRy", "<redacted:mini_key>"),
        ("see SzavMBLoXU6kDrqtUVmffv.", "see <redacted:mini_key>."),
        (f"wpkh({WIF})#cjjspncu", "wpkh(<redacted:wif>)#cjjspncu"),
        ('{"user_pin": 1234, "slot": 0}', '{"user_pin": "<redacted:pin>", "slot": 0}'),
        ('{\\"pin\\":4821}', '{\\"pin\\":\\"<redacted:pin>\\"}'),
        ('{"passcode": 123456}', '{"passcode": "<redacted:password>"}'),
        ('{"password": ["a1", "b2"], "n": 1}', '{"password": ["<redacted:password>"], "n": 1}'),
        (
            "softhsm2-util --init-token --so-pin 1234 --label x",
            "softhsm2-util --init-token --so-pin <redacted:pin> --label x",
        ),
        ("--password 'a b' --wallet x", "--password '<redacted:password>' --wallet x"),
        ('C_Login(h, CKU_USER, "s3cret-pin")', 'C_Login(h, CKU_USER, "<redacted:pin>")'),
        ("<soap:password>a b</soap:password>", "<soap:password><redacted:password></soap:password>"),
        ("PIN 123456 entered", "PIN <redacted:pin> entered"),
        ("password is hunter2!", "password is <redacted:password>"),
        ("ALTER USER x WITH PASSWORD 'abc def'", "ALTER USER x WITH PASSWORD '<redacted:password>'"),
        ('bitcoin-cli walletpassphrase "my pass" 60', 'bitcoin-cli walletpassphrase "<redacted:password>" 60'),
        (
            '{"method":"walletpassphrase","params":["my pass",60]}',
            '{"method":"walletpassphrase","params":["<redacted:password>",60]}',
        ),
        ("passphrase: correct horse battery staple", "passphrase: <redacted:password>"),
        ("rpcauth=bob:aa$bb", "rpcauth=<redacted:password>"),
        ("('authorization', 'Negotiate abcd')", "('authorization', '<redacted:header>')"),
        ("[(b'x-api-key', b'abc123')]", "[(b'x-api-key', b'<redacted:password>')]"),
        ("redis://:p@ss:w0rd@host/0", "redis://:<redacted:url_password>@host/0"),
        ("q=pin%3D4821%26x", "q=pin%3D<redacted:pin>%26x"),
        ("value=password%3A+hunter22", "value=password%3A+<redacted:password>"),
        ("\\u0022pin\\u0022:\\u00224821\\u0022", "\\u0022pin\\u0022:\\u0022<redacted:pin>\\u0022"),
        (base64.b64encode(b"pin=1234").decode(), "<redacted:encoded>"),
        ("cookie-" + base64.urlsafe_b64encode(f"key {WIF}".encode()).decode(), "<redacted:encoded>"),
        (f"password={HEX_KEY}".encode().hex(), "<redacted:encoded>"),
        (base64.b64encode(base64.b64encode(PHRASE.encode())).decode(), "<redacted:encoded>"),
        (
            '{"kty":"EC","d":"870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE"}',
            '{"kty":"EC","d":"<redacted:jwk>"}',
        ),
        (f"private key for signer 3: {HEX_KEY}", "private key for signer 3: <redacted:hex_key>"),
        ("MHcCAQEEIPl1BBV0IhJVdE9fbZTGTWk2RoYCwXoHwcGWfoBsYyWioAoGCCqGSM49AwEHoUQDQgAE", "<redacted:encoded>"),
        ("O8Zr-ULTBKO3_pKYz0QKE9xYl1vQ4Xx9PtlHuist9Rk9NTc=", "<redacted:encoded>"),
        (f"seed phrase: {PHRASE.replace('sausage', 'sausge')}", "seed phrase: <redacted:mnemonic>"),
        (f"restored {PHRASE.replace(' ', '')} now", "restored <redacted:mnemonic> now"),
        ('C_Login(0x1, 1, "s3cret")', 'C_Login(0x1, 1, "<redacted:pin>")'),
        ("sshpass -p hunter2 ssh host", "sshpass -p <redacted:password> ssh host"),
        ("curl -u user:hunter2 http://host/", "curl -u user:<redacted:password> http://host/"),
        ("priv:\n    " + ":".join([HEX_KEY[at : at + 2] for at in range(0, 64, 2)]), "priv:\n    <redacted:hex_key>"),
        ('{"pass": "hunter2"}', '{"pass": "<redacted:password>"}'),
        ("1234567890:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw9", "<redacted:api_key>"),
    ],
)
def test_takes_secrets_out(text: str, expected: str) -> None:
    """Where a secret was stands its kind; what surrounds it stays as it was."""
    assert cleaned(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        f"txid: {HEX_KEY}",
        f"signing key 02{HEX_KEY}",
        f"private channel closed, block hash {HEX_KEY}",
        f"signing key rotated, txid {HEX_KEY}",
        "authorization: denied, reason=quorum",
        "password policy: min 12 characters",
        "passphrase: ${PASSPHRASE} password=$DB_PASSWORD secret=%s",
        '{"pin_attempts_left": 3, "token": "custody-1", "key_id": "key-7"}',
        "pkcs11:token=custody;object=key",
        "Any person who can carry this hammer should bring it before winter to the main gate",
        "Abandon ability able about above absent absorb abstract absurd abuse access accident.",
        "cookie: rejected",
        "pass=12 fail=0 skip=1",
        "AnInternalErrorHappenedWhileTheServerWasBeingStarted",
        "seed=42 entropy=3.7",
        "basic policy, bearer of the key",
        "SignatureMismatchError",
        "30440220" + HEX_KEY + "0220" + HEX_KEY,
        "01000000" + HEX_KEY * 2 + "5f5e100",
        "GET /a%20b?pin_type=user&limit=50",
        "task-0123456789abcdef0123456789abcdef01234567",
        "vpub5ZYz4ZwZf2cR7UzprvNw4idfMdxByvhHwx27mN6hs22gaBCBHtydVyPyWyRYJVXxttYBBaKFU3bSKKVgmyDWFFzAXM9G5DDp7V2NDPAJFjT",
    ],
)
def test_leaves_everything_else(text: str) -> None:
    """Ids, hashes, public keys, labels and plain talk stay, byte for byte."""
    assert clean(text) == (text, ())


@pytest.mark.parametrize("language", LANGUAGES)
def test_phrases_of_all_languages_go(language: str) -> None:
    """A phrase of each size, with the separator that its language has, in a sentence of others."""
    chance = random.Random(language)
    for size in SIZES:
        secret = phrase(chance, language, size)
        assert cleaned(f"0x {secret} 42") == "0x <redacted:mnemonic> 42"


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_word_lists_are_whole(language: str) -> None:
    """2048 words each, none of which is the same as another once it is folded."""
    assert len(word_list(language)) == 2048
    assert len(numbers_of(language)) == 2048
    assert "\ufffd" not in "".join(word_list(language))


def test_the_list_of_shares_is_whole() -> None:
    """1024 words, each with four letters of its own at its head."""
    assert len({word[:4] for word in word_list(SHARES)}) == len(word_list(SHARES)) == 1024


SHARE = (  # SLIP 39, test vectors: a share of 128 bits without sharing
    "duckling enlarge academic academic agency result length solution fridge kidney coal piece deal husband erode duke "
    "ajar critical decision keyboard"
)


@pytest.mark.parametrize("size", [20, 33])
def test_shares_go(size: int) -> None:
    """Of both sizes, alone and as a list; one that reads as a sentence by its checksum."""
    secret = share(random.Random(size), size)
    assert cleaned(f"kept {secret} safe") == "kept <redacted:mnemonic> safe"
    assert secret.split()[3] not in str(clean_value("note", secret.split(), lambda _: None))
    words = secret.split()
    sentence = " ".join((*words[:6], f"{words[6]},", *words[7:])).capitalize()
    assert cleaned(f"0x {sentence} 42") == "0x <redacted:mnemonic> 42"
    wrong = " ".join((*words[:6], f"{words[6]},", *words[8:], words[7]))
    assert cleaned(f"0x {wrong} 42") == f"0x {wrong} 42"
    assert cleaned(f"0x {SHARE}, end") == "0x <redacted:mnemonic>, end"
    assert shares.holds_share([numbers_of(SHARES)[word] for word in SHARE.split()])


def test_what_the_hints_leave_out_nothing_would_have_found(mint: Mint) -> None:
    """The families of names that are looked for are those in which something would be found."""
    chance = random.Random(15)
    talk = Talk(chance)
    for number in range(PLANTED):
        text = f"{talk.line()} {mint.planted().text}" if number % 2 else talk.line()
        data = text.encode("utf-8", "surrogatepass")
        tokens = data.translate(WORD_BYTES, DIGITS).split()
        told = (pair_hints.TELLING | mnemonic.TELLING).intersection(tokens)
        families = pair_hints.families_in(text, data, tokens, told)
        low = text.lower() if len(text.lower()) == len(text) else text
        assert set(pairs.find_pairs(text, low, families)) == set(pairs.find_pairs(text, low, ALL_FAMILIES)), text


@pytest.mark.parametrize("text", ["0" * 64, HEX_KEY, b"password=hunter2".hex().rjust(64, "0")])
def test_a_hash_alone_is_looked_at_as_any_text(text: str) -> None:
    """The quick way for 64 digits finds what the long one finds."""
    assert (clean(text)[0] == text) == (find(text) == [])


def test_a_secret_is_found_at_every_offset_of_base_64() -> None:
    """Whatever stands before it in the encoded text, and whatever the run is glued to."""
    for offset in range(12):
        encoded = base64.b64encode(b"x" * offset + b" " + PHRASE.encode() + b" tail").decode()
        assert "<redacted:encoded>" in cleaned(f"data:{encoded}")
        assert cleaned(f"wallet_{encoded.rstrip('=')}") == "<redacted:encoded>"


def test_folded_base_64_is_read_as_one() -> None:
    """A phrase that two lines of MIME part is found, and the block goes as a whole."""
    block = base64.encodebytes(b"prefix of some length, then " + (PHRASE + " ").encode() * 2).decode().strip()
    assert "\n" in block
    assert cleaned(f"body:\n{block}\n. end") == "body:\n<redacted:encoded>\n. end"


def test_encodings_in_one_another_are_undone() -> None:
    """Base 64 in JSON in a URL, four layers deep; the URL around it stays."""
    inner = json.dumps({"b": base64.b64encode(json.dumps({"password": "hunter2"}).encode()).decode()})
    text = "GET /v1?q=" + urllib.parse.quote(json.dumps({"log": inner}), safe="") + " 200"
    result = cleaned(text)
    assert result.startswith("GET /v1?q=")
    assert result.endswith(" 200")
    assert "<redacted:encoded>" in result


def test_json_stays_json() -> None:
    """A line of JSON with a secret in any field can be read after it was cleaned."""
    mint = Mint(random.Random(5))
    for number in range(1_500):
        planted = mint.planted()
        line = json.dumps({"event": planted.text, "n": number, "pin": 123456, "list": [planted.secret, 5]})
        result = cleaned(line if number % 2 else json.dumps({"log": line}))
        parsed = json.loads(result)
        if number % 2 == 0:
            parsed = json.loads(parsed["log"])
        assert parsed["n"] == number
        assert parsed["pin"] == "<redacted:pin>"


def test_a_long_text_is_cut_and_marked() -> None:
    """What lies beyond the limit is gone, with a mark that says how much; no half of a secret is left before it."""
    for before in range(60, 100):
        text = "." * before + WIF + "." * 200
        result, kinds = clean(text, 100)
        assert kinds == ("wif",)
        assert result.startswith("." * before + "<redacted:wif><cut:")
    assert clean("x" * 150, 100)[0] == "x" * 100 + "<cut:50>"
    assert clean("x" * 100, 100)[0] == "x" * 100
    far = "." * (100 + OVERLAP_CHARS) + WIF
    assert clean(far, 100) == ("." * 100 + f"<cut:{len(far) - 100}>", ())


def test_a_key_block_goes_although_its_end_is_cut_off() -> None:
    """A block that begins before the limit is taken out to its end."""
    text = "x" * 90 + "-----BEGIN PRIVATE KEY-----\n" + "QUJD" * 5_000
    assert clean(text, 100)[0].startswith("x" * 90 + "<redacted:pem><cut:")


@pytest.fixture(scope="module")
def mint() -> Mint:
    return Mint(random.Random(11))


def test_planted_secrets_go(mint: Mint) -> None:
    """Of all kinds, in their usual surroundings: at least 99.99 of 100 are taken out."""
    left = [planted for planted in (mint.planted() for _ in range(PLANTED)) if is_left(planted, cleaned(planted.text))]
    assert left == []


def test_planted_secrets_go_when_they_are_encoded(mint: Mint) -> None:
    """In JSON, URLs, base 64 and hexadecimal, and in one another: at least 99 of 100 are taken out."""
    chance = random.Random(12)
    names = list(ENCODINGS)
    left = []
    for number in range(PLANTED):
        planted = mint.planted()
        name = names[number % len(names)]
        wrapped = ENCODINGS[name](planted.text, chance)
        if is_left(planted, cleaned(wrapped), encoded=wrapped if name.startswith(("base64", "hex")) else " "):
            left.append((name, planted))
    assert len(left) <= PLANTED / 100


def test_ordinary_talk_is_left_alone() -> None:
    """Of thousands of lines of a custody house none is changed."""
    talk = Talk(random.Random(13))
    lines = [talk.line() for _ in range(LINES)]
    assert [line for line in lines if cleaned(line) != line] == []


def test_whatever_the_core_finds_the_gates_suspect(mint: Mint) -> None:
    """The automata of the server's batches let no text pass in which there is something to find."""
    chance = random.Random(14)
    missed = []
    for number in range(PLANTED):
        text = mint.planted().text
        if number % 2:
            text = ENCODINGS[chance.choice(list(ENCODINGS))](text, chance)
        elif number % 4:
            text = text.replace(" ", "+")  # as forms have it
        data = text.encode("utf-8", "surrogatepass")
        if find(text) and not any(gate.search(data) is not None for gate in GATES):
            missed.append(text)
    assert missed == []


def test_work_on_many_secrets_is_bounded() -> None:
    """A text of nothing but secrets is one secret from some point on, and none is left."""
    for text in ("password=hunter2 " * 5_000, f"{WIF} " * 5_000, "Kw" * 100_000, base58(b"\x80" + b"k" * 32) * 2_000):
        result = cleaned(text)
        assert "hunter2" not in result
        assert WIF not in result


def test_an_escape_maps_back_to_all_of_it() -> None:
    """Places in the text without escapes lead to the characters that said them."""
    (unescaped,) = encodings.unescape('a\\u0041b\\n"c')
    assert unescaped.text == 'aAb\n"c'
    assert unescaped.place(1, 2) == (1, 7)
    assert unescaped.place(2, 3) == (7, 8)
    assert unescaped.place(0, 6) == (0, 12)
