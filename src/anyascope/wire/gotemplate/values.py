"""What templates handle: values, their Go types, truth, comparison, and what may be seen of an object."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from anyascope.wire.gotemplate.errors import TemplateFunctionError


@dataclass(frozen=True, slots=True)
class Function:
    """Something that a template may call.

    Attributes:
        call: takes the arguments in order; raises `TemplateFunctionError` to refuse them.
        kinds: Go type names of the parameters (`string`, `int`, `float64`, `bool`, `map`, `slice`, or an object's own);
            `any` takes everything.
        is_variadic: the last of `kinds` may come any number of times, also none.
    """

    call: Callable[..., object]
    kinds: tuple[str, ...] = ()
    is_variadic: bool = False


class DataObject:
    """A value with fields and methods that templates may use; nothing else of it can be reached."""

    type_name = "struct"

    def template_fields(self) -> Mapping[str, object]:
        """Fields by name."""
        return {}

    def template_methods(self) -> Mapping[str, Function]:
        """Methods by name; one without arguments is called by naming it, as in Go."""
        return {}

    def template_text(self) -> str | None:
        """How it prints, where it has its own way (Go's `String` method); else its fields are printed."""
        return None


class AnyMap(dict[str, object]):
    """A map of anything: what it has not is no value, where in a map of texts it is the empty one."""


class NoValue:
    """What an action gives that has no value, such as a `with` on an absent entry; prints as `<no value>`."""

    __slots__ = ()

    def __str__(self) -> str:
        return "<no value>"


NO_VALUE: Final = NoValue()


_TYPE_NAMES: tuple[tuple[type, str], ...] = (
    (NoValue, "<nil>"),
    (bool, "bool"),  # before int: a bool is one in Python
    (int, "int"),
    (float, "float64"),
    (str, "string"),
    (Function, "func"),
)


def type_name(value: object) -> str:
    """The value's type as Go's messages and `%T` name it."""
    if value is None:
        return "<nil>"
    if isinstance(value, DataObject):
        return value.type_name
    if isinstance(value, Mapping):
        is_text = all(isinstance(item, str) for item in value.values())
        return "map[string]string" if is_text else "map[string]interface {}"
    if is_list(value):
        return "[]interface {}"
    return next((name for kind, name in _TYPE_NAMES if isinstance(value, kind)), "unknown")


def fits(value: object, kind: str) -> bool:
    """Whether a parameter of this kind takes the value."""
    match kind:
        case "any":
            return True
        case "map":
            return isinstance(value, Mapping)
        case "slice":
            return is_list(value)
        case "string":
            return isinstance(value, str)
        case _:
            return type_name(value) == kind


def is_list(value: object) -> bool:
    """Whether it is a slice in Go's words."""
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def is_true(value: object) -> bool:
    """Go's truth: not the zero value of its type; a struct always is true."""
    if value is None or isinstance(value, NoValue):
        return False
    if isinstance(value, DataObject) and not isinstance(value, Mapping | list | tuple):
        return True
    return bool(value)


def field_of(value: object, name: str) -> object:
    """A method, field or entry of a value; a method comes as `Function`.

    A missing entry of a map is the empty text (Go's `missingkey=zero` with texts for values).

    Raises:
        TemplateFunctionError: the value has no such thing.
    """
    if isinstance(value, DataObject):
        methods = value.template_methods()
        if name in methods:
            return methods[name]
        fields = value.template_fields()
        if name in fields:
            return fields[name]
    if isinstance(value, Mapping):
        return value.get(name, NO_VALUE if isinstance(value, AnyMap) else "")
    if value is None or isinstance(value, NoValue):
        raise TemplateFunctionError(f"nil data; no entry for key {quoted(name)}")
    raise TemplateFunctionError(f"can't evaluate field {name} in type {type_name(value)}")


def quoted(text: str) -> str:
    """A text as Go's `%q` writes it."""
    return '"' + "".join(_quoted_character(character) for character in text) + '"'


_ESCAPES = {
    '"': '\\"',
    "\\": "\\\\",
    "\a": "\\a",
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\v": "\\v",
}


def _quoted_character(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    if character.isprintable():
        return character
    code = ord(character)
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def equals(first: object, *others: object) -> bool:
    """Go's `eq`: whether the first equals any of the others.

    Raises:
        TemplateFunctionError: nothing to compare with, or types that cannot be compared.
    """
    if not others:
        raise TemplateFunctionError("missing argument for comparison")
    return any(_equal(first, other) for other in others)


def _equal(first: object, second: object) -> bool:
    first_kind, second_kind = _basic_kind(first), _basic_kind(second)
    if "nil" in (first_kind, second_kind):
        return first_kind == second_kind
    if not first_kind or not second_kind:
        raise TemplateFunctionError(f"non-comparable type {type_name(second if first_kind else first)}")
    if first_kind != second_kind:
        raise _incompatible(first, second)
    return first == second


def is_less(first: object, second: object) -> bool:
    """Go's `lt`.

    Raises:
        TemplateFunctionError: types that have no order, or different ones.
    """
    first_kind, second_kind = _basic_kind(first), _basic_kind(second)
    if not first_kind or not second_kind or "nil" in (first_kind, second_kind):
        raise TemplateFunctionError("invalid type for comparison")
    if first_kind != second_kind:
        raise _incompatible(first, second)
    match first, second:
        case (bool(), _):
            raise TemplateFunctionError("invalid type for comparison")
        case (str(), str()):
            return first.encode("utf-8", "surrogatepass") < second.encode("utf-8", "surrogatepass")
        case (int() | float(), int() | float()):
            return first < second
    raise TemplateFunctionError("invalid type for comparison")


def _incompatible(first: object, second: object) -> TemplateFunctionError:
    return TemplateFunctionError(f"incompatible types for comparison: {type_name(first)} and {type_name(second)}")


def _basic_kind(value: object) -> str:
    if value is None or isinstance(value, NoValue):
        return "nil"
    for kind in (bool, int, float, str):
        if isinstance(value, kind):
            return kind.__name__
    return ""
