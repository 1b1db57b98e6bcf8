"""The functions that every Go template has.

Source: https://pkg.go.dev/text/template, section Functions.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final
from urllib.parse import quote_plus

from anyascope.wire.gotemplate import fmt
from anyascope.wire.gotemplate.errors import TemplateFunctionError
from anyascope.wire.gotemplate.html import SafeHtml, SafeUrl
from anyascope.wire.gotemplate.values import Function, equals, is_less, is_list, is_true, type_name

_HTML = {"\0": "\ufffd", '"': "&#34;", "'": "&#39;", "&": "&amp;", "<": "&lt;", ">": "&gt;"}
_HTML_TABLE = str.maketrans(_HTML)
_JS = {"\\": "\\\\", "'": "\\'", '"': '\\"', "<": "\\u003C", ">": "\\u003E", "&": "\\u0026", "=": "\\u003D"}
_CONTROL_END = 0x20


def escape_html(text: str) -> str:
    """The text with `< > & " '` and NUL written so that HTML shows them."""
    return text.translate(_HTML_TABLE)


def _escape_js(text: str) -> str:
    return "".join(_js_character(character) for character in text)


def _js_character(character: str) -> str:
    if character in _JS:
        return _JS[character]
    if ord(character) < _CONTROL_END or not character.isprintable():
        return f"\\u{ord(character):04X}"
    return character


def _texts(values: tuple[object, ...]) -> str:
    """How html, js and urlquery see their arguments: one text as it is, else as `print` writes them."""
    return values[0] if len(values) == 1 and isinstance(values[0], str) else fmt.print_all(values)


def _length(value: object) -> int:
    match value:
        case str():
            return len(value.encode("utf-8", "surrogatepass"))
        case Mapping():
            return len(value)
        case list() | tuple():
            return len(value)
        case None:
            raise TemplateFunctionError("len of nil pointer")
    raise TemplateFunctionError(f"len of type {type_name(value)}")


def _index(value: object, *keys: object) -> object:
    for key in keys:
        value = _indexed(value, key)
    return value


def _indexed(value: object, key: object) -> object:
    if isinstance(value, Mapping):
        if not isinstance(key, str):
            raise TemplateFunctionError(f"value has type {type_name(key)}; should be string")
        return value.get(key, "")
    if value is None:
        raise TemplateFunctionError("index of untyped nil")
    if isinstance(value, str):
        encoded = value.encode("utf-8", "surrogatepass")
        return encoded[_position(key, len(encoded))]
    if is_list(value):
        items: list[object] | tuple[object, ...] = value  # type: ignore[assignment] # is_list has asked
        return items[_position(key, len(items))]
    raise TemplateFunctionError(f"can't index item of type {type_name(value)}")


def _position(key: object, length: int, *, is_end: bool = False) -> int:
    if isinstance(key, bool) or not isinstance(key, int):
        raise TemplateFunctionError(f"cannot index slice/array with type {type_name(key)}")
    if not 0 <= key < length + (1 if is_end else 0):
        raise TemplateFunctionError(f"index out of range: {key}")
    return key


def _slice(value: object, *bounds: object) -> object:
    if len(bounds) > 3:
        raise TemplateFunctionError(f"too many slice indexes: {len(bounds)}")
    if isinstance(value, str):
        encoded = value.encode("utf-8", "surrogatepass")
        start, end = _bounds(bounds, len(encoded))
        return encoded[start:end].decode("utf-8", "replace")
    if is_list(value):
        items: list[object] = list(value)  # type: ignore[call-overload] # is_list has asked
        start, end = _bounds(bounds, len(items))
        return items[start:end]
    raise TemplateFunctionError(f"can't slice item of type {type_name(value)}")


def _bounds(bounds: tuple[object, ...], length: int) -> tuple[int, int]:
    found = [_position(bound, length, is_end=True) for bound in bounds]
    start, end = (found[0] if found else 0), (found[1] if len(found) > 1 else length)
    if start > end:
        raise TemplateFunctionError(f"invalid slice index: {start} > {end}")
    return start, end


def _invoke(value: object, *arguments: object) -> object:
    if not isinstance(value, Function):
        raise TemplateFunctionError("call of nil" if value is None else f"non-function of type {type_name(value)}")
    return value.call(*arguments)


BUILTINS: Final[Mapping[str, Function]] = MappingProxyType(
    {
        # `and` and `or` decide while their arguments are evaluated: see execute.
        "and": Function(lambda *values: values[-1], ("any", "any"), is_variadic=True),
        "or": Function(lambda *values: values[-1], ("any", "any"), is_variadic=True),
        "not": Function(lambda value: not is_true(value), ("any",)),
        "len": Function(_length, ("any",)),
        "index": Function(_index, ("any", "any"), is_variadic=True),
        "slice": Function(_slice, ("any", "any"), is_variadic=True),
        "print": Function(lambda *values: fmt.print_all(values), ("any",), is_variadic=True),
        "printf": Function(lambda text, *values: fmt.printf(text, values), ("string", "any"), is_variadic=True),
        "println": Function(lambda *values: fmt.print_line(values), ("any",), is_variadic=True),
        "html": Function(lambda *values: SafeHtml(escape_html(_texts(values))), ("any",), is_variadic=True),
        "js": Function(lambda *values: _escape_js(_texts(values)), ("any",), is_variadic=True),
        "urlquery": Function(lambda *values: SafeUrl(quote_plus(_texts(values))), ("any",), is_variadic=True),
        "call": Function(_invoke, ("any", "any"), is_variadic=True),
        "eq": Function(equals, ("any", "any"), is_variadic=True),
        "ne": Function(lambda first, second: not equals(first, second), ("any", "any")),
        "lt": Function(is_less, ("any", "any")),
        "le": Function(lambda first, second: is_less(first, second) or equals(first, second), ("any", "any")),
        "gt": Function(lambda first, second: not (is_less(first, second) or equals(first, second)), ("any", "any")),
        "ge": Function(lambda first, second: not is_less(first, second), ("any", "any")),
    }
)
