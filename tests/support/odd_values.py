"""Values that nobody means and that somebody passes: what every public function of the SDK must survive."""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import fractions
import itertools
import random
import types
import uuid
from pathlib import Path
from typing import Any


class OddError(Exception):
    """What an odd value's own methods raise: in tests it may pass, since it is the host's."""


class Colour(enum.Enum):
    RED = "red"


def refuse(*_args: Any, **_kwargs: Any) -> Any:
    raise OddError("an odd value's own method")


class Unprintable:
    __str__ = refuse
    __repr__ = refuse
    __format__ = refuse


class Incomparable:
    __eq__ = refuse
    __ne__ = refuse
    __lt__ = refuse
    __hash__ = refuse
    __bool__ = refuse
    __len__ = refuse


class Hostile:
    """Refuses whatever is asked of it, even what it is."""

    __getattribute__ = refuse
    __setattr__ = refuse
    __str__ = refuse
    __repr__ = refuse
    __eq__ = refuse
    __hash__ = refuse
    __bool__ = refuse
    __iter__ = refuse
    __call__ = refuse
    __enter__ = refuse
    __index__ = refuse
    __float__ = refuse


class HostileText(str):
    __slots__ = ()
    __str__ = refuse
    __repr__ = refuse
    __eq__ = refuse
    __hash__ = refuse
    __len__ = refuse
    strip = lower = upper = encode = isascii = startswith = endswith = refuse


class HostileNumber(int):
    __str__ = refuse
    __repr__ = refuse
    __lt__ = __le__ = __gt__ = __ge__ = __eq__ = __hash__ = refuse
    __add__ = __mul__ = __float__ = __int__ = __index__ = __bool__ = refuse


class HostileMapping(dict):
    __iter__ = __len__ = __contains__ = __getitem__ = items = keys = values = get = refuse


class HostileList(list):
    __iter__ = __len__ = __contains__ = __getitem__ = refuse


class Unprintable_Error(ValueError):  # noqa: N801  # an exception class of a host's
    __str__ = refuse
    __repr__ = refuse


def cyclic_list() -> list[Any]:
    ring: list[Any] = [1]
    ring.append(ring)
    return ring


def cyclic_mapping() -> dict[str, Any]:
    ring: dict[str, Any] = {"a": 1}
    ring["ring"] = ring
    return ring


def deep() -> list[Any]:
    nest: list[Any] = []
    for _ in range(2_000):
        nest = [nest]
    return nest


# Secrets are what people pass by mistake; these are minted here and open nothing.
WIF = "5HueCGU8rMjxEXxiPuD5BDku4MkFqeZyd4dZ1jvhTVqvbTLvyTJ"
PHRASE = "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about"


def odd_values() -> list[tuple[str, Any]]:
    """Each value with a name; made anew, since some can be used once."""
    return [
        ("None", None),
        ("True", True),
        ("zero", 0),
        ("minus one", -1),
        ("2**64", 2**64),
        ("10**5000", 10**5000),
        ("nan", float("nan")),
        ("inf", float("inf")),
        ("minus inf", float("-inf")),
        ("1e308", 1e308),
        ("complex", 1j),
        ("empty text", ""),
        ("blank", " \t"),
        ("surrogate", "\ud800x"),
        ("nul", "\x00"),
        ("line break", "a\r\nx-evil: 1"),
        ("emoji", "₿🔑"),
        ("right to left", "\u202eabc"),
        ("percent", "%s %d %(x)s {0} {x}"),
        ("long text", "x" * 100_000),
        ("wif", WIF),
        ("phrase", PHRASE),
        ("pin", "pin=123456"),
        ("url", "http://user:password@[::1/x?y"),
        ("no bytes", b""),
        ("bytes", b"\xff\xfe\x00"),
        ("bytearray", bytearray(b"\xff")),
        ("memoryview", memoryview(b"abc")),
        ("list", []),
        ("mapping", {}),
        ("odd mapping", {1: None, None: [], (1, 2): b"\xff", "\ud800": Unprintable()}),
        ("list of odd", [None, b"\xff", Unprintable(), float("nan")]),
        ("pairs", [("a",), ("b", "c", "d")]),
        ("cyclic list", cyclic_list()),
        ("cyclic mapping", cyclic_mapping()),
        ("deep", deep()),
        ("set", {1, "a"}),
        ("frozenset", frozenset([None])),
        ("tuple", (1, "a", None)),
        ("endless", itertools.count()),
        ("range", range(10**12)),
        ("generator", (x for x in "abc")),
        ("object", object()),
        ("class", dict),
        ("lambda", lambda: None),
        ("raises", refuse),
        ("module", types),
        ("not implemented", NotImplemented),
        ("ellipsis", ...),
        ("exception", ValueError("x")),
        ("exception class", KeyError),
        ("unprintable exception", Unprintable_Error()),
        ("decimal nan", decimal.Decimal("sNaN")),
        ("decimal", decimal.Decimal("1e999999")),
        ("fraction", fractions.Fraction(1, 3)),
        ("naive time", dt.datetime(1, 1, 1)),  # noqa: DTZ001  # odd on purpose
        ("timedelta", dt.timedelta.max),
        ("uuid", uuid.UUID(int=0)),
        ("path", Path("/nonexistent/\ud800")),
        ("enum", Colour.RED),
        ("unprintable", Unprintable()),
        ("incomparable", Incomparable()),
        ("hostile text", HostileText("x")),
        ("hostile number", HostileNumber(3)),
        ("hostile mapping", HostileMapping(a=1)),
        ("hostile list", HostileList([1])),
        ("hostile", Hostile()),
    ]


def random_values(chance: random.Random, count: int) -> list[tuple[str, Any]]:
    """That many of them, drawn with repetition."""
    return [chance.choice(odd_values()) for _ in range(count)]
