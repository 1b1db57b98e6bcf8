"""What headers and message metadata look like: mappings, lists of pairs and WSGI environments, of texts or bytes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, MutableSequence
from itertools import chain, islice
from typing import Any

from opentelemetry.propagators.textmap import Getter

PAIRS_MAX = 1_000  # of one carrier; a web server lets 100 headers through, a broker a few dozen
_WSGI_PREFIX = "HTTP_"
_WSGI_MARK = "REQUEST_METHOD"  # PEP 3333: in each environment, and the name of no header

Fields = dict[str, list[str]]
_TEXT_ALONE = frozenset((str,))


class FieldsGetter(Getter[Fields]):
    """Looks names up without regard to case, as propagators want it."""

    def get(self, carrier: Fields, key: str) -> list[str] | None:
        return carrier.get(key.lower())

    def keys(self, carrier: Fields) -> list[str]:
        return list(carrier)


def read_fields(carrier: object) -> Fields:
    """Name in lower case -> values, of the first `PAIRS_MAX` pairs; what is neither text nor bytes is left out.

    Raises:
        TypeError: it is no carrier.
    """
    fields: Fields = {}
    for name, value in _pairs(carrier):
        key = _name_of(name)
        if key:
            fields.setdefault(key, []).extend(_texts_of(value))
    return fields


def write_fields(carrier: Any, fields: Mapping[str, str]) -> Any:
    """The carrier with these fields, which take the place of its own of the same names in any case.

    A dictionary, a header object or a list is changed and given back. None gives a new dictionary; a tuple or a read-only
    mapping a changed copy. Bytes stand where the carrier has bytes; an empty list takes pairs of text and bytes, as Kafka does.

    Raises:
        TypeError: it is no carrier.
    """
    if carrier is None:
        return dict(fields)
    if type(carrier) is dict and set(map(type, chain(carrier, carrier.values()))) <= _TEXT_ALONE:
        return _write_texts(carrier, fields)
    if isinstance(carrier, tuple):
        return tuple(_write_pairs(list(carrier), fields, empty=("", "")))
    if isinstance(carrier, MutableSequence):
        return _write_pairs(carrier, fields, empty=("", b""))
    if isinstance(carrier, Mapping) and not hasattr(carrier, "__setitem__"):
        carrier = dict(carrier)
    if not hasattr(carrier, "__setitem__"):
        raise TypeError(f"a carrier must be a mapping or a list of pairs, got a {type(carrier).__name__}")
    return _write_mapping(carrier, fields)


def _write_texts(carrier: dict[str, str], fields: Mapping[str, str]) -> dict[str, str]:
    """What most carriers are, without a question for each of their parts."""
    if _WSGI_MARK in carrier:
        _write_mapping(carrier, fields)
        return carrier
    for name in [name for name in carrier if name.lower() in fields]:
        del carrier[name]
    carrier.update(fields)
    return carrier


def _write_mapping(carrier: Any, fields: Mapping[str, str]) -> Any:
    present = list(_pairs(carrier))
    shape = next(((name, value) for name, value in present if isinstance(value, (str, bytes))), ("", ""))
    is_environment = any(name == _WSGI_MARK for name, _ in present)
    for name, _ in present:
        if _name_of(name) in fields and name in carrier:
            del carrier[name]
    for name, value in fields.items():
        key = f"{_WSGI_PREFIX}{name.upper().replace('-', '_')}" if is_environment else name
        carrier[_like(shape[0], key)] = _like(shape[1], value)
    return carrier


def _write_pairs(carrier: Any, fields: Mapping[str, str], *, empty: tuple[str, str | bytes]) -> Any:
    kept = [pair for pair in carrier if not (_is_pair(pair) and _name_of(pair[0]) in fields)]
    shape = next((pair for pair in carrier if _is_pair(pair)), empty)
    carrier[:] = [*kept, *((_like(shape[0], name), _like(shape[1], value)) for name, value in fields.items())]
    return carrier


def _pairs(carrier: object) -> Iterator[tuple[object, object]]:
    if carrier is None:
        return
    items = getattr(carrier, "items", None)
    source = items() if callable(items) else carrier
    if isinstance(source, (str, bytes)) or not isinstance(source, Iterable):
        raise TypeError(f"a carrier must be a mapping or a list of pairs, got a {type(carrier).__name__}")
    for pair in islice(source, PAIRS_MAX):
        if _is_pair(pair):
            yield pair[0], pair[1]


def _is_pair(pair: object) -> bool:
    return isinstance(pair, (tuple, list)) and len(pair) == 2


def _name_of(name: object) -> str:
    """A header's name in lower case; "" for what is none."""
    if isinstance(name, bytes):
        name = name.decode("latin-1")
    if not isinstance(name, str):
        return ""
    if name.startswith(_WSGI_PREFIX):
        name = name.removeprefix(_WSGI_PREFIX).replace("_", "-")
    return name.lower()


def _texts_of(value: object) -> Iterator[str]:
    for item in value if isinstance(value, (list, tuple)) else (value,):
        if isinstance(item, str):
            yield item
        elif isinstance(item, bytes):
            yield item.decode("utf-8", "replace")


def _like(sample: object, text: str) -> str | bytes:
    return text.encode() if isinstance(sample, bytes) else text
