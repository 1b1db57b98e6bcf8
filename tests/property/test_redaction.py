"""Redaction holds for any text and any value."""

from __future__ import annotations

import json
import random
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from anyascope.redact.gates import GATES
from anyascope.redact.text import clean, find
from anyascope.redact.values import clean_value
from anyascope.sdk.redaction import redact_text, redact_value
from support.planted import ENCODINGS, Mint, is_left

MARK_CHARS_MAX = 24  # `<redacted:basic_auth>` with quotes on both sides
# What secrets are made of, so that chance comes near them.
PARTS = st.sampled_from(
    (
        *(
            "password",
            "pin",
            "token",
            "seed",
            "private key",
            "authorization",
            "Bearer ",
            "Basic ",
            "cookie",
            "--pin ",
            "://",
        ),
        *(
            "=",
            ":",
            " ",
            '"',
            "'",
            "\\",
            "\\n",
            "\n",
            "%22",
            "%",
            "&quot;",
            "<",
            ">",
            "</",
            "[",
            "]",
            "{",
            "}",
            ",",
            "@",
            "+",
        ),
        *("1234", "hunter2", "ab" * 32, "KwdMAjGmerYanjeui5SHS7JkmpZvVipYvB2LJGU1ZxJwYvP98617", "eyJhbGciOiJIUzI1NiJ9"),
        *(
            "legal winner thank year wave sausage worth useful legal winner thank yellow",
            "<redacted:pin>",
            "<redacted:",
        ),
        *("-----BEGIN PRIVATE KEY-----", "xprv", "AKIA", "\ud800", "é", "日", "\u0130", "K"),
    )
)
TEXTS = st.lists(st.one_of(PARTS, st.text(max_size=8)), max_size=16).map("".join)


@given(TEXTS)
@settings(deadline=None)
def test_cleaning_twice_changes_nothing_more(text: str) -> None:
    """A clean text is clean."""
    once = clean(text)[0]
    assert clean(once) == (once, ())


@given(TEXTS)
@settings(deadline=None)
def test_a_text_without_secrets_is_the_very_same(text: str) -> None:
    """What nothing is found in comes back as it is; what something is found in changes, and says of what kind."""
    cleaned, kinds = clean(text)
    assert (cleaned is text) == (not kinds)
    assert bool(find(text)) == bool(kinds)


@given(TEXTS)
@settings(deadline=None)
def test_a_clean_text_grows_by_its_marks_alone(text: str) -> None:
    """Each secret has a character at least, and gives way to one mark."""
    cleaned, kinds = clean(text)
    assert len(cleaned) <= len(text) + MARK_CHARS_MAX * len(kinds)


@given(TEXTS)
@settings(deadline=None)
def test_the_gates_suspect_what_the_core_finds(text: str) -> None:
    """What the server's automata let pass holds nothing that the core would find."""
    data = text.encode("utf-8", "surrogatepass")
    assert not find(text) or any(gate.search(data) is not None for gate in GATES)


@given(st.integers(min_value=0), st.text(max_size=40), st.text(max_size=40), st.sampled_from(["", *ENCODINGS]))
@settings(deadline=None)
def test_a_secret_goes_wherever_it_stands(seed: int, before: str, after: str, encoding: str) -> None:
    """Between any two texts, parted from them by a line's end, plain or encoded."""
    chance = random.Random(seed)
    planted = Mint(chance).planted("wif" if seed % 2 else "xprv")
    inner = f"{before}\n{planted.secret}\n{after}".encode("utf-8", "replace").decode()
    text = ENCODINGS[encoding](inner, chance) if encoding else inner
    assert not is_left(planted, redact_text(text))


class Broken:
    """An object of the host's whose every method raises."""

    def _raise(self, *_: object) -> Any:
        raise RuntimeError("no")

    __str__ = __repr__ = __len__ = __iter__ = __eq__ = __getitem__ = _raise  # type: ignore[assignment]
    __hash__ = object.__hash__


KEYS = st.one_of(
    st.text(max_size=8), st.integers(), st.none(), st.binary(max_size=4), st.sampled_from(("pin", "db.password"))
)
LEAVES = st.one_of(
    *(st.none(), st.booleans(), st.integers(), st.floats(), TEXTS, st.binary(max_size=20), st.complex_numbers()),
    *(
        st.builds(lambda: 10**5000),
        st.builds(Broken),
        st.dates(),
        st.uuids(),
        st.decimals(),
        st.just(object),
        st.just(ValueError("x")),
    ),
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(KEYS, inner, max_size=4),
        st.tuples(inner, inner),
        st.sets(st.text()),
    ),
    max_leaves=12,
)


@given(st.one_of(st.text(max_size=12), st.sampled_from(("password", "user_pin", "token")), LEAVES), VALUES)
@settings(deadline=None)
def test_no_value_makes_it_raise(name: Any, value: Any) -> None:
    """Any name, any value; what comes out can be printed."""
    repr(redact_value(name, value))
    redact_text(value)


@given(VALUES)
@example(["passwordpasswordpasswordpasswordpasswordpasswordtoken", 0])  # a mark that speaks of a mnemonic is no name
@example(["passwordKwdMAjGmerYanjeui5SHS7JkmpZvVipYvB2LJGU1ZxJwYvP98617", 0])
@settings(deadline=None)
def test_cleaning_a_value_twice_changes_nothing_more(value: Any) -> None:
    """The likeness of a value is its own likeness."""
    noted: list[str] = []
    once = clean_value("x", value, lambda _: None)
    again = clean_value("x", once, noted.append)
    assert again == once or repr(again) == repr(once)  # NaN is not itself, a set has no order
    assert noted == []


@given(
    st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(-(2**60), 2**60), st.text("abc xyz", max_size=9)), st.lists
    )
)
@settings(deadline=None)
def test_a_value_without_secrets_is_equal(value: Any) -> None:
    """Nothing is lost of plain values."""
    assert redact_value("note", value) == value
    assert json.dumps(redact_value("note", {"k": value})) == json.dumps({"k": value})
