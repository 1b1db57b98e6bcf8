"""The engine's `Native` format: a block of columns, built from Python lists by few calls into C.

A block is varint(columns) varint(rows), then for each column its name, its type and its data. A string is its length as
a varint and its bytes; `Array` and `Map` are cumulative UInt64 offsets and then the elements (keys, then values).
`LowCardinality` columns are sent as plain `String`: the engine casts on arrival.

Source: ClickHouse, `Formats/NativeReader`.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain

import numpy as np
from numpy.typing import DTypeLike, NDArray

from anyascope.model.attributes import Attributes, AttributeValue
from anyascope.store.text import BOOL, BYTES, FLOAT, INT, NOTHING, STRING, encode_value

PREFIXES_CACHED = 1 << 14  # lengths whose varint is ready: all that take two bytes
DISTINCT_SHARE_MAX = 0.5  # beyond, encoding each string once more is cheaper than looking it up
DISTINCT_PROBE = 256  # strings that are looked at to guess how often they repeat


def varint(number: int) -> bytes:
    """LEB128 of a non-negative number."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


PREFIXES = [varint(length) for length in range(PREFIXES_CACHED)]


def encode_text(text: str) -> bytes:
    """UTF-8; lone surrogates, which no decoder would take back, become question marks."""
    return text.encode("utf-8", "replace")


def prefixed(text: str) -> bytes:
    """One string with its length."""
    encoded = encode_text(text)
    return varint(len(encoded)) + encoded


class Block:
    """A block that grows column by column."""

    def __init__(self, rows: int) -> None:
        self._rows = rows
        self._columns = 0
        self._parts: list[bytes] = []

    def add(self, name: str, kind: str, data: bytes) -> None:
        """Append a column of encoded data."""
        self._columns += 1
        self._parts += (prefixed(name), prefixed(kind), data)

    def numbers(self, name: str, kind: str, data: NDArray[np.generic]) -> None:
        """Append a numeric column."""
        self.add(name, kind, data.tobytes())

    def strings(self, name: str, column: Sequence[str]) -> None:
        """Append a column of strings."""
        self.add(name, "String", strings(column))

    def bytes(self) -> bytes:
        """The whole block."""
        return b"".join((varint(self._columns), varint(self._rows), *self._parts))


def strings(column: Sequence[str]) -> bytes:
    """A string column: constant and repetitive ones are encoded once a distinct value."""
    if not column:
        return b""
    first = column[0]
    if column.count(first) == len(column):
        return prefixed(first) * len(column)
    probe = column[:DISTINCT_PROBE]
    if len(set(probe)) <= DISTINCT_SHARE_MAX * len(probe):
        table = {text: prefixed(text) for text in set(column)}
        return b"".join(map(table.__getitem__, column))
    return joined(column)


def joined(column: Iterable[str]) -> bytes:
    """A string column, each string encoded on its own."""
    try:
        encoded = list(map(str.encode, column))
    except UnicodeEncodeError:
        encoded = list(map(encode_text, column))
    parts: list[bytes] = [b""] * (2 * len(encoded))
    parts[1::2] = encoded
    try:
        parts[0::2] = map(PREFIXES.__getitem__, map(len, encoded))
    except IndexError:
        parts[0::2] = [varint(len(each)) for each in encoded]
    return b"".join(parts)


def integers(column: Sequence[int], dtype: DTypeLike) -> NDArray[np.generic]:
    """An integer column; what the type cannot hold is cut to its bounds."""
    try:
        return np.array(column, dtype)
    except OverflowError:
        bounds = np.iinfo(np.dtype(dtype))
        return np.array([min(max(number, int(bounds.min)), int(bounds.max)) for number in column], dtype)


def identities(column: Sequence[bytes], size: int) -> bytes:
    """A FixedString column of ids; what is not `size` bytes long counts as absent, which is all zero."""
    if set(map(len, column)) == {size}:
        return b"".join(column)
    nothing = bytes(size)
    return b"".join([each if len(each) == size else nothing for each in column])


def offsets(lengths: Iterable[int]) -> bytes:
    """The offsets of arrays with these lengths."""
    return np.fromiter(accumulate(lengths), np.uint64).tobytes()


@dataclass(frozen=True, slots=True)
class AttributeColumns:
    """Attributes of some rows, encoded.

    Attributes:
        data: the Map(String, String) column: keys and canonical texts.
        kinds: for each row a kind letter a value, empty where all are strings.
    """

    data: bytes
    kinds: Sequence[str]


def attribute_columns(column: Sequence[Attributes]) -> AttributeColumns:
    """Encode the attributes of rows; keys are encoded once a distinct sequence of keys."""
    known: dict[tuple[str, ...], bytes] = {}
    keys: list[bytes] = []
    lengths = list(map(len, column))
    for attributes in column:
        names = tuple(attributes)
        encoded = known.get(names)
        if encoded is None:
            encoded = known[names] = b"".join(map(prefixed, names))
        keys.append(encoded)
    values = list(chain.from_iterable(attributes.values() for attributes in column))
    texts, letters = as_texts(values)
    data = b"".join((offsets(lengths), *keys, strings(texts)))
    return AttributeColumns(data, row_kinds(letters, lengths) if letters else [""] * len(column))


def as_texts(values: list[AttributeValue]) -> tuple[list[str], str]:
    """The canonical texts of values and their kind letters; no letters at all where every one is a string."""
    types = list(map(type, values))
    if types.count(str) == len(types):
        return values, ""  # type: ignore[return-value]  # just found to be strings
    texts: list[str] = []
    letters: list[str] = []
    for value, kind in zip(values, types, strict=True):
        plain = PLAIN.get(kind)
        if plain is None:
            letter, text = encode_value(value)
        else:
            letter, text = plain[0], plain[1](value)
        letters.append(letter)
        texts.append(text)
    return texts, "".join(letters)


PLAIN: dict[type, tuple[str, Callable[[object], str]]] = {
    str: (STRING, lambda value: value),  # type: ignore[dict-item,return-value]
    int: (INT, str),
    bool: (BOOL, lambda value: "true" if value else "false"),
    float: (FLOAT, repr),
    bytes: (BYTES, lambda value: base64.b64encode(value).decode("ascii")),  # type: ignore[arg-type]
    type(None): (NOTHING, lambda _: ""),
}


def row_kinds(letters: str, lengths: Sequence[int]) -> list[str]:
    """The letters of each row, empty for a row of strings alone."""
    kinds: list[str] = []
    begin = 0
    for length in lengths:
        row = letters[begin : begin + length]
        begin += length
        kinds.append("" if row.count(STRING) == length else row)
    return kinds


def repeated(chunks: Sequence[bytes], rows: Sequence[int]) -> bytes:
    """The chunk of each row, joined."""
    if len(chunks) == 1:
        return chunks[0] * len(rows)
    return b"".join(map(chunks.__getitem__, rows))


@dataclass(frozen=True, slots=True)
class SharedAttributes:
    """The attributes of a few owners (resources, scopes), encoded once and repeated for their rows."""

    keys: Sequence[bytes]
    values: Sequence[bytes]
    lengths: Sequence[int]
    kinds: Sequence[str]

    @staticmethod
    def of(owners: Iterable[Attributes]) -> SharedAttributes:
        """Encode each owner's."""
        keys: list[bytes] = []
        values: list[bytes] = []
        lengths: list[int] = []
        kinds: list[str] = []
        for attributes in owners:
            texts, letters = as_texts(list(attributes.values()))
            keys.append(b"".join(map(prefixed, attributes)))
            values.append(b"".join(map(prefixed, texts)))
            lengths.append(len(attributes))
            kinds.append(letters)
        return SharedAttributes(keys, values, lengths, kinds)

    def column(self, rows: Sequence[int]) -> bytes:
        """The Map(String, String) column of rows, each the position of its owner."""
        return b"".join(
            (
                offsets(map(self.lengths.__getitem__, rows)),
                repeated(self.keys, rows),
                repeated(self.values, rows),
            )
        )

    def kinds_column(self, rows: Sequence[int]) -> bytes:
        """The column of kind letters of these rows."""
        return repeated([prefixed(kinds) for kinds in self.kinds], rows)


def shared_strings(owners: Iterable[str], rows: Sequence[int]) -> bytes:
    """A string column of rows, each the position of its owner's string."""
    return repeated([prefixed(text) for text in owners], rows)
