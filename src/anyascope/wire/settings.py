"""YAML settings, read with the place of every value, so that a mistake names file, line and path.

A `Section` is a cursor over one mapping: take each known field by its type, then call `done()`, which reports what was
not asked for. Mistakes are collected, not raised one by one, so that one run shows all of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from enum import Enum
from pathlib import Path
from typing import TypeVar, cast, overload

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from anyascope.errors import InvalidInputError
from anyascope.wire.durations import parse_duration_ms
from anyascope.wire.settings_words import Words, is_null

T = TypeVar("T")
E = TypeVar("E", bound=Enum)

SETTINGS_BYTES_MAX = 16 * 1024 * 1024  # the largest rule files seen in the field are under 4 MB
DEPTH_MAX = 64  # no format here nests deeper than 12; a hostile file must not exhaust the stack
GO_TYPE = "config.plain"  # what most structures of Prometheus and Alertmanager are called by Go's YAML library
BROKEN_TOLD_MAX = 10  # one is enough to see what is wrong
NODES_MAX = 2_000_000  # aliases of aliases grow a 1 kB file to any size; 16 MB written out hold fewer

_SIZE_UNITS = {
    "": 1,
    "B": 1,
    "KB": 2**10,
    "MB": 2**20,
    "GB": 2**30,
    "TB": 2**40,
    "PB": 2**50,
    "KIB": 2**10,
    "MIB": 2**20,
    "GIB": 2**30,
    "TIB": 2**40,
}


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing that is wrong, and where; `line` and `column` count from 1, 0 is unknown."""

    file: str
    line: int
    path: str
    message: str
    column: int = 0

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.path}: {self.message}" if self.path else f"{place}: {self.message}"


class SettingsError(InvalidInputError):
    """Settings that cannot be used; `mistakes` has all of them."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        super().__init__("\n".join(str(mistake) for mistake in mistakes))
        self.mistakes = tuple(mistakes)


@dataclass(slots=True)
class Mistakes:
    """What was found wrong in one file so far."""

    file: str
    found: list[Mistake] = field(default_factory=list)
    words: Words = field(default_factory=Words)

    def add(self, line: int, path: str, message: str, *, column: int = 0) -> None:
        """Remember one more."""
        self.found.append(Mistake(self.file, line, path, message, column))

    def raise_if_any(self) -> None:
        """Raise `SettingsError` with all of them, by line."""
        if self.found:
            raise SettingsError(sorted(self.found, key=lambda mistake: (mistake.line, mistake.column)))


def parse_duration_s(text: str) -> float:
    """Seconds of a Prometheus duration such as `1h30m` or `500ms`; `0` is zero.

    Raises:
        ValueError: it is not one.

    Source: Prometheus configuration, `<duration>`.
    """
    return parse_duration_ms(text) / 1000


def parse_size_bytes(text: str) -> int:
    """Bytes of `10MB`, `1GiB` or a plain number; units are powers of 1024, as Prometheus has them.

    Raises:
        ValueError: it is not one.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([A-Za-z]*)", text)
    if match is None or match.group(2).upper() not in _SIZE_UNITS:
        raise ValueError(f"not a valid size: {text!r}, use for example 512MB")
    return int(float(match.group(1)) * _SIZE_UNITS[match.group(2).upper()])


def read_settings(text: str, *, file: str, words: Words | None = None) -> Section:
    """The top of a YAML file, which must be a mapping (an empty file is an empty one).

    Args:
        words: how mistakes are worded, and how strictly types are taken.

    Raises:
        SettingsError: it is not YAML, too large, nested too deeply, or not a mapping.
    """
    mistakes = Mistakes(file, words=words or Words())
    if len(text) > SETTINGS_BYTES_MAX:
        mistakes.add(0, "", f"is {len(text)} bytes long, at most {SETTINGS_BYTES_MAX} are read")
        mistakes.raise_if_any()
    node = _compose(text, mistakes)
    mistakes.raise_if_any()
    if node is None or is_null(node):
        return Section(None, mistakes=mistakes, path="")
    if not isinstance(node, MappingNode):
        mistakes.add(_line(node), "", mistakes.words.mismatch(node, GO_TYPE, "a mapping of settings"))
        raise SettingsError(mistakes.found)
    extent = _extent(node, {})
    for line in extent.broken:
        mistakes.add(line, "", "is no text: an escape such as \\ud83d is half of a character")
    if extent.depth > DEPTH_MAX:
        mistakes.add(_line(node), "", f"is nested more than {DEPTH_MAX} deep")
    if extent.nodes > NODES_MAX:
        mistakes.add(_line(node), "", f"has more than {NODES_MAX} values once its aliases are written out")
    mistakes.raise_if_any()
    return Section(node, mistakes=mistakes, path="")


def _compose(text: str, mistakes: Mistakes) -> Node | None:
    yaml = YAML(typ="safe", pure=True)
    try:
        # Go's library reads the first of several documents.
        node: Node | None = yaml.compose(text) if mistakes.words.is_lenient else next(yaml.compose_all(text), None)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        mistakes.add(mark.line + 1 if mark else 0, "", f"is not valid YAML: {error.problem or error.context}")
        return None
    except (YAMLError, ValueError, RecursionError) as error:
        mistakes.add(0, "", f"is not valid YAML: {str(error).splitlines()[0] if str(error) else type(error).__name__}")
        return None
    return node


class Section:
    """A cursor over one mapping of the file.

    Each taker returns `default` where the field is absent or null, or where it is wrong (after noting the mistake), so
    that reading goes on and finds the next one. Without a default an absent field is a mistake.
    """

    def __init__(self, node: MappingNode | None, *, mistakes: Mistakes, path: str) -> None:
        self._node = node
        self._mistakes = mistakes
        self._path = path
        self._keys: dict[str, Node] = {}
        self._fields = self._collect(node) if node is not None else {}
        self._asked: set[str] = set()
        self._known: set[str] = set()

    @property
    def path(self) -> str:
        """Where in the file, such as `scrape_configs[0]`."""
        return self._path

    @property
    def file(self) -> str:
        """The file's name as given."""
        return self._mistakes.file

    def beside(self, path: str) -> Path:
        """A path of the settings, seen from the folder of the file that names it."""
        return Path(self.file).parent / path

    def line(self, name: str = "") -> int:
        """The line (from 1) of a field, or of the section itself."""
        node = self._mark(name)
        return _line(node) if node is not None else 0

    def names(self) -> list[str]:
        """The fields that are there, in file order."""
        return list(self._fields)

    def has(self, name: str) -> bool:
        """Whether the field is there and not null."""
        self._known.add(name)
        node = self._fields.get(name)
        if node is not None and is_null(node):
            self._asked.add(name)  # whoever asks knows the field; as a null it is not there
            return False
        return node is not None

    def wrong(self, message: str, *, name: str = "") -> None:
        """Note a mistake of this section, or of one of its fields."""
        node = self._mark(name)
        column = int(node.start_mark.column) + 1 if node is not None else 0
        self._mistakes.add(self.line(name), self._at(name) if name else self._path, message, column=column)

    def raise_if_wrong(self) -> None:
        """Raise `SettingsError` if anything was noted anywhere in the file."""
        self._mistakes.raise_if_any()

    @property
    def is_null(self) -> bool:
        """Whether nothing stands here: an absent field, or an empty entry of a list."""
        return self._node is None

    def done(self, kind: str = GO_TYPE) -> None:
        """Note every field that nobody asked for, with the nearest known name.

        Args:
            kind: what upstream's program calls the structure.
        """
        for name in self._fields:
            if name not in self._asked:
                near = get_close_matches(name, sorted(self._asked | self._known), n=1)
                hint = f"; did you mean {near[0]}?" if near else ""
                self.wrong(f"{self._mistakes.words.unknown(name, kind)}{hint}", name=name)

    # --- scalars ------------------------------------------------------------------------------------------------------

    @overload
    def text(self, name: str) -> str: ...
    @overload
    def text(self, name: str, default: T) -> str | T: ...
    def text(self, name: str, default: object = ...) -> object:
        """A text; numbers and booleans are taken as they are written."""
        return self._scalar(name, default, str)

    @overload
    def integer(self, name: str) -> int: ...
    @overload
    def integer(self, name: str, default: T) -> int | T: ...
    def integer(self, name: str, default: object = ...) -> object:
        """A whole number."""
        return self._scalar(name, default, _parse_integer)

    @overload
    def number(self, name: str) -> float: ...
    @overload
    def number(self, name: str, default: T) -> float | T: ...
    def number(self, name: str, default: object = ...) -> object:
        """A number."""
        return self._scalar(name, default, _parse_number)

    @overload
    def boolean(self, name: str) -> bool: ...
    @overload
    def boolean(self, name: str, default: T) -> bool | T: ...
    def boolean(self, name: str, default: object = ...) -> object:
        """`true` or `false`."""
        return self._scalar(name, default, _parse_boolean)

    @overload
    def duration_s(self, name: str) -> float: ...
    @overload
    def duration_s(self, name: str, default: T) -> float | T: ...
    def duration_s(self, name: str, default: object = ...) -> object:
        """Seconds of a duration such as `30s`."""
        text = self._text_of(name)
        if self._mistakes.words.is_lenient and text.isdecimal() and text != "0":
            self._asked.add(name)
            self.wrong(f"needs a unit, such as {text}s or {text}m, got {text!r}", name=name)
            return parse_fallback(parse_duration_s) if default is ... else default
        return self._scalar(name, default, parse_duration_s)

    @overload
    def size_bytes(self, name: str) -> int: ...
    @overload
    def size_bytes(self, name: str, default: T) -> int | T: ...
    def size_bytes(self, name: str, default: object = ...) -> object:
        """Bytes of a size such as `10MB`."""
        return self._scalar(name, default, parse_size_bytes)

    def choice(self, name: str, kind: type[E], default: E) -> E:
        """A member of an enum by its value."""
        known = {str(member.value): member for member in kind}
        text = self.text(name, None)
        if text is None:
            return default
        if text not in known:
            self.wrong(f"must be one of {', '.join(known)}, got {text!r}", name=name)
            return default
        return known[text]

    def parsed(self, name: str, parse: Callable[[str], T], default: T) -> T:
        """A text through `parse`, whose `ValueError` or `InvalidInputError` becomes a mistake."""
        return cast("T", self._scalar(name, default, parse))

    # --- structures ---------------------------------------------------------------------------------------------------

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of texts; empty where absent. A single text counts as a list of one."""
        node = self._take(name)
        if node is None:
            return ()
        words = self._mistakes.words
        if not words.is_lenient and not isinstance(node, SequenceNode):
            self.wrong(words.mismatch(node, "[]string", "a list of texts"), name=name)
            return ()
        items = node.value if isinstance(node, SequenceNode) else [node]
        found: list[str] = []
        for index, item in enumerate(items):
            if isinstance(item, ScalarNode):
                found.append("" if is_null(item) else str(item.value))
            else:
                self._mistakes.add(_line(item), f"{self._at(name)}[{index}]", words.mismatch(item, "string", "a text"))
        return tuple(found)

    def text_map(self, name: str) -> dict[str, str]:
        """A mapping of texts to texts; empty where absent."""
        section = self.section(name)
        return {key: section.text(key, "") for key in section.names()}

    def section(self, name: str, kind: str = GO_TYPE) -> Section:
        """A nested mapping, which upstream's program calls `kind`; an empty one where absent."""
        node = self._take(name)
        return self._enter(node, self._at(name), kind)

    def sections(self, name: str, kind: str = GO_TYPE) -> list[Section]:
        """A list of mappings, each of which upstream's program calls `kind`; empty where absent."""
        node = self._take(name)
        if node is None:
            return []
        if not isinstance(node, SequenceNode):
            self.wrong(self._mistakes.words.mismatch(node, f"[]{kind}", "a list"), name=name)
            return []
        return [self._enter(item, f"{self._at(name)}[{index}]") for index, item in enumerate(node.value)]

    def plain(self, name: str) -> object:
        """A field as plain Python values (dict, list, str, int, float, bool, None), for formats that are open."""
        node = self._take(name)
        return None if node is None else _plain(node)

    # --- inside -------------------------------------------------------------------------------------------------------

    def _mark(self, name: str) -> Node | None:
        """The node whose place is told: a single value's own, the name of a larger one, or the section."""
        node = self._fields.get(name, self._node)
        has_place = isinstance(node, ScalarNode) and not is_null(
            node
        )  # nothing stands at the end of its line, or below
        return node if node is None or has_place else self._keys.get(name, node)

    def _at(self, name: str) -> str:
        return f"{self._path}.{name}" if self._path else name

    def _text_of(self, name: str) -> str:
        node = self._fields.get(name)
        return str(node.value) if isinstance(node, ScalarNode) else ""

    def _collect(self, node: MappingNode) -> dict[str, Node]:
        inherited = {str(key.value): value for key, value in _merged_pairs(node)}
        own: dict[str, Node] = {}
        self._keys = {str(key.value): key for key, _ in (*_merged_pairs(node), *_own_pairs(node))}
        for key, value in _own_pairs(node):
            name = str(key.value)
            if name in own:
                self._mistakes.add(_line(key), self._at(name), self._mistakes.words.twice(name, GO_TYPE))
            own[name] = value
        return inherited | own

    def _take(self, name: str) -> Node | None:
        self._asked.add(name)
        return self._fields.get(name) if self.has(name) else None

    def _enter(self, node: Node | None, path: str, kind: str = GO_TYPE) -> Section:
        if node is not None and not isinstance(node, MappingNode):
            if not is_null(node):
                self._mistakes.add(_line(node), path, self._mistakes.words.mismatch(node, kind, "a mapping"))
            node = None
        return Section(node, mistakes=self._mistakes, path=path)

    def _scalar(self, name: str, default: object, parse: Callable[[str], object]) -> object:
        node = self._take(name)
        if node is None:
            if default is ...:
                self.wrong(f"field {name} must be set")
                return parse_fallback(parse)
            return default
        kind = _GO_SCALARS.get(parse, "string")
        if not isinstance(node, ScalarNode):
            self.wrong(self._mistakes.words.mismatch(node, kind, "a single value"), name=name)
            return parse_fallback(parse) if default is ... else default
        if not self._mistakes.words.is_lenient and kind != "string" and not _is_go(node, parse):
            self.wrong(self._mistakes.words.mismatch(node, kind, ""), name=name)
            return parse_fallback(parse) if default is ... else default
        try:
            return parse(str(node.value))
        except (ValueError, InvalidInputError) as error:
            self.wrong(str(error), name=name)
            return parse_fallback(parse) if default is ... else default


def parse_fallback(parse: Callable[[str], object]) -> object:
    """A value of the right type to read on with after a mistake was noted; the settings are refused in the end."""
    return "" if parse is str else 0


def _own_pairs(node: MappingNode) -> Iterator[tuple[ScalarNode, Node]]:
    for key, value in node.value:
        if isinstance(key, ScalarNode) and not _is_merge(key):
            yield key, value


def _merged_pairs(node: MappingNode) -> Iterator[tuple[ScalarNode, Node]]:
    """What `<<` brings in (YAML 1.1 merge keys); of several sources the first one's fields stand."""
    for key, value in node.value:
        if isinstance(key, ScalarNode) and _is_merge(key):
            for source in reversed(value.value if isinstance(value, SequenceNode) else [value]):
                if isinstance(source, MappingNode):
                    yield from _merged_pairs(source)
                    yield from _own_pairs(source)


def _is_merge(key: ScalarNode) -> bool:
    return key.value == "<<" or str(key.tag).endswith(":merge")


def _line(node: Node) -> int:
    return int(node.start_mark.line) + 1


@dataclass(frozen=True, slots=True)
class _Extent:
    """How deep a node nests, how many nodes it has once its aliases are written out, and lines with what is no text."""

    depth: int
    nodes: int
    broken: tuple[int, ...] = ()


def _extent(node: Node, known: dict[int, _Extent | None]) -> _Extent:
    if isinstance(node, ScalarNode):
        return _Extent(1, 1, () if _is_text(str(node.value)) else (_line(node),))
    if id(node) in known:
        # None: we are inside this very node, it holds itself.
        return known[id(node)] or _Extent(DEPTH_MAX + 1, 1)
    known[id(node)] = None
    keys = [key for key, _ in node.value] if isinstance(node, MappingNode) else []
    children = [value for _, value in node.value] if isinstance(node, MappingNode) else node.value
    extents = [_extent(child, known) for child in children]
    found = _Extent(
        1 + max((e.depth for e in extents), default=0),
        1 + sum(e.nodes for e in extents),
        tuple(line for e in (*extents, *(_extent(key, known) for key in keys)) for line in e.broken)[:BROKEN_TOLD_MAX],
    )
    known[id(node)] = found
    return found


def _is_text(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _plain(node: Node) -> object:
    if isinstance(node, MappingNode):
        pairs = (*_merged_pairs(node), *_own_pairs(node))
        return {str(key.value): _plain(value) for key, value in pairs}
    if isinstance(node, SequenceNode):
        return [_plain(item) for item in node.value]
    return _plain_scalar(node)


def _plain_scalar(node: Node) -> object:
    tag = str(node.tag)
    text = str(node.value)
    if is_null(node):
        return None
    for suffix, parse in ((":int", _parse_integer), (":float", _parse_number), (":bool", _parse_boolean)):
        if tag.endswith(suffix):
            try:
                return parse(text)
            except ValueError:
                return text
    return text


def _parse_integer(text: str) -> int:
    try:
        return int(text.replace("_", ""), 0)
    except ValueError:
        raise ValueError(f"must be a whole number, got {text!r}") from None


def _parse_number(text: str) -> float:
    try:
        return float(text.replace("_", ""))
    except ValueError:
        raise ValueError(f"must be a number, got {text!r}") from None


def _parse_boolean(text: str) -> bool:
    match text.lower():
        case "true" | "yes" | "on":
            return True
        case "false" | "no" | "off":
            return False
    raise ValueError(f"must be true or false, got {text!r}")


# What Go's YAML library calls the types of scalars other than texts.
_GO_SCALARS: dict[Callable[[str], object], str] = {
    _parse_integer: "int",
    _parse_number: "float64",
    _parse_boolean: "bool",
}


def _is_go(node: ScalarNode, parse: Callable[[str], object]) -> bool:
    """Whether a scalar is what it says without quotes."""
    if node.style is not None:
        return False
    try:
        parse(str(node.value))
    except ValueError:
        return False
    return True
