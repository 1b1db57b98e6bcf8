"""Values of any nesting and any type: what of them may be kept."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from itertools import islice
from typing import Any

from anyascope.redact.names import is_harmless, looks_like_token, secrecy_of
from anyascope.redact.text import clean, mark

DEPTH_MAX = 32  # of structured values; what lies deeper is replaced whole
NODES_MAX = 10_000  # values inside one value: 30 ms; a list that holds itself twice would never end
WORDS_MIN, WORDS_MAX = 12, 64  # texts in a list that may be a phrase, from BIP 39's shortest on
WORD_CHARS_MAX = 16  # of such a text; BIP 39's longest word has 10, and there may be its number before it
INTEGER_BITS_MAX = 4_096  # RSA's common largest; Python refuses to print more than 14,000

CUT = "<cut>"  # stands where a value has more parts than are looked at
_PAIR_PARTS = 2

Note = Callable[[str], None]
Clean = Callable[[str], tuple[str, tuple[str, ...]]]


def clean_value(name: str, value: object, note: Note, *, clean: Clean = clean) -> Any:
    """What of a value may be kept: the same value, or its likeness without secrets.

    Args:
        name: what the value is called where it stands; a secret name hides the value whatever it is.
        value: anything. Numbers, texts, bytes, lists, tuples, sets and mappings keep their kind; dataclasses become
            mappings of their fields; everything else becomes its text, and an exception its type and message.
        note: told the kind of each secret.
        clean: what takes secrets out of one text and tells their kinds.

    Raises:
        Nothing of its own, and nothing that the value's own methods raise.
    """
    return _Walk(note, clean).value(name, value, 0)


class _Walk:
    """One look at one value; counts how many values it has seen inside."""

    def __init__(self, note: Note, clean: Clean) -> None:
        self._note = note
        self._clean = clean
        self._left = NODES_MAX

    def value(self, name: str, value: object, depth: int) -> Any:
        kind = value.__class__
        if value is None or kind is bool or kind is float:
            return value
        self._left -= 1
        if self._left < 0:
            return CUT
        if kind is str or kind is int:
            return self._scalar(name, value)
        try:
            return self._other(name, value, depth)
        except Exception as error:  # noqa: BLE001  # the value's own methods may raise anything
            return f"<{_type_of(value)} that cannot be read: {_type_of(error)}>"

    def _other(self, name: str, value: object, depth: int) -> Any:
        if isinstance(value, str):
            return self._scalar(name, str.__str__(value))
        if isinstance(value, bytes | bytearray | memoryview):
            return self._bytes(name, bytes(value))
        if isinstance(value, BaseException):
            return self._scalar(name, f"{_type_of(value)}: {printed(value)}")
        if _is_structured(value):
            return self._structured(name, value, depth) if depth < DEPTH_MAX else self._marked("name")
        return self._scalar(name, int(value) if isinstance(value, int) else printed(value))

    def _structured(self, name: str, value: Any, depth: int) -> Any:
        if isinstance(value, Mapping):
            return self._mapping(name, value, depth)
        if isinstance(value, AbstractSet):
            return self._set(name, value, depth)
        fields = _fields_of(value)
        if fields:
            return self._mapping(name, {field: getattr(value, field, None) for field in fields}, depth)
        return self._sequence(name, value, depth)

    def _scalar(self, name: str, value: object) -> Any:
        secrecy = secrecy_of(name) if name else ""
        if secrecy and self._is_hidden(secrecy, value):
            return self._marked("name")
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, int) and value.bit_length() > INTEGER_BITS_MAX:
            return f"<integer of {value.bit_length()} bits>"
        return value

    @staticmethod
    def _is_hidden(secrecy: str, value: object) -> bool:
        if isinstance(value, str):
            return looks_like_token(value) if secrecy == "token" else not is_harmless(value)
        return secrecy != "token"

    def _text(self, text: str) -> str:
        cleaned, kinds = self._clean(text)
        for kind in kinds:
            self._note(kind)
        return cleaned

    def _bytes(self, name: str, value: bytes) -> bytes:
        text = value.decode("utf-8", "surrogateescape")
        cleaned = self._scalar(name, text)
        return value if cleaned == text else str(cleaned).encode("utf-8", "surrogateescape")

    def _mapping(self, name: str, value: Mapping[Any, Any], depth: int) -> dict[Any, Any]:
        # A secret name hides what stands inside too, whatever the inner names are.
        outer = name if secrecy_of(name) == "secret" else ""
        cleaned: dict[Any, Any] = {}
        for key, item in islice(value.items(), NODES_MAX):
            if self._left <= 0:
                cleaned[CUT] = CUT
                break
            inner = _name_of(key)
            safe = self._text(inner) if isinstance(key, str | bytes) or not _is_plain(key) else key
            cleaned[safe] = self.value(inner if secrecy_of(inner) else outer or inner, item, depth + 1)
        return self._phrase_in(cleaned)

    def _phrase_in(self, cleaned: dict[Any, Any]) -> dict[Any, Any]:
        """A phrase may come as a mapping from number to word."""
        words = list(cleaned.values())
        if len(words) < WORDS_MIN or not self._is_phrase(words):
            return cleaned
        return dict.fromkeys(cleaned, self._marked("mnemonic"))

    def _sequence(self, name: str, values: Sequence[Any], depth: int) -> Any:
        if len(values) >= WORDS_MIN and self._is_phrase(values):
            return type_like(values, [self._marked("mnemonic")])
        cleaned: list[Any] = []
        named = name
        for item in values:
            if self._left <= 0:
                cleaned.append(CUT)
                break
            cleaned.append(self.value(named, item, depth + 1))
            named = self._name_after(item, len(values)) or name
        return type_like(values, cleaned)

    @staticmethod
    def _name_after(item: object, parts: int) -> str:
        """A name that stands before its value: `("authorization", …)`, `["--pin", "1234"]`."""
        if not isinstance(item, str | bytes):
            return ""
        name = _name_of(item)
        is_name = parts == _PAIR_PARTS or name.startswith("-")
        return name if is_name and secrecy_of(name) else ""

    def _is_phrase(self, values: Iterable[object]) -> bool:
        words = [
            value for value in islice(values, WORDS_MAX) if value.__class__ is str and len(value) <= WORD_CHARS_MAX
        ]
        return len(words) >= WORDS_MIN and "mnemonic" in self._clean(" ".join(words))[1]

    def _set(self, name: str, values: AbstractSet[Any], depth: int) -> Any:
        cleaned = self._sequence(name, list(values), depth)
        try:
            return frozenset(cleaned) if isinstance(values, frozenset) else set(cleaned)
        except TypeError:  # an item became a mapping or a list, which sets do not take
            return cleaned

    def _marked(self, kind: str) -> str:
        self._note(kind)
        return mark(kind)


def type_like(values: Sequence[Any], cleaned: list[Any]) -> Any:
    """A tuple where it was one, a list otherwise."""
    return tuple(cleaned) if isinstance(values, tuple) else cleaned


def _is_structured(value: object) -> bool:
    return isinstance(value, Mapping | list | tuple | AbstractSet) or (
        dataclasses.is_dataclass(value) and not isinstance(value, type)
    )


def _fields_of(value: object) -> tuple[str, ...]:
    """The names of the fields of a dataclass or of a named tuple."""
    if isinstance(value, tuple):
        names = getattr(value, "_fields", ())
        return names if len(names) == len(value) else ()
    return tuple(field.name for field in dataclasses.fields(value)) if dataclasses.is_dataclass(value) else ()


def _is_plain(key: object) -> bool:
    return key is None or isinstance(key, bool | int | float)


def _name_of(key: object) -> str:
    if isinstance(key, bytes):
        return key.decode("utf-8", "replace")
    return str.__str__(key) if isinstance(key, str) else printed(key)


def _type_of(value: object) -> str:
    return type(value).__name__


def printed(value: object) -> str:
    """The value's text, whatever its own methods do."""
    try:
        text = str(value)
        return text if text.__class__ is str else str.__str__(text)
    except Exception as error:  # noqa: BLE001  # the host's own object
        return f"<{_type_of(value)} that cannot be printed: {_type_of(error)}>"
