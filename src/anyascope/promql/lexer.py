"""Words of a query with their places.

The grammar is the library's; it tells neither where a node stands nor where it stopped reading, and takes time that
grows with the cube of the nesting. So the words are read here first: to refuse what is nested too deep, to name the
place of a mistake, and to give each node its position.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from anyascope.errors import InvalidInputError
from anyascope.promql.errors import QuerySyntaxError

AGGREGATIONS = frozenset(
    [
        "sum",
        "avg",
        "count",
        "min",
        "max",
        "group",
        "stddev",
        "stdvar",
        "topk",
        "bottomk",
        "count_values",
        "quantile",
        "limitk",
        "limit_ratio",
    ]
)
LABEL_LISTS = frozenset({"by", "without", "on", "ignoring", "group_left", "group_right"})
WORD_OPERATORS = frozenset({"and", "or", "unless", "atan2"})
KEYWORDS = LABEL_LISTS | WORD_OPERATORS | {"offset", "bool", "fill", "fill_left", "fill_right", "anchored", "smoothed"}

_WORD = re.compile(
    r"""
    (?P<space>\s+|\#[^\n]*)
  | (?P<string>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`[^`]*`)
  | (?P<number>0[xX][0-9a-fA-F]+|(?:\d+(?:ms|[smhdwy]))+|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)
  | (?P<name>[A-Za-z_:][A-Za-z0-9_:]*)
  | (?P<sign>==|!=|<=|>=|=~|!~|[-+*/%^<>=@,(){}\[\]:])
    """,
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Word:
    """One word of the text: `kind` is `string`, `number`, `name` or `sign`."""

    kind: str
    text: str
    pos: int

    @property
    def end(self) -> int:
        """The character after the word."""
        return self.pos + len(self.text)


def place(text: str, pos: int) -> str:
    """`line:column` of a character, both from 1, as Prometheus counts: columns in bytes."""
    line_start = text.rfind("\n", 0, pos) + 1
    column = len(text[line_start:pos].encode("utf-8", "surrogatepass")) + 1
    return f"{text.count(chr(10), 0, pos) + 1}:{column}"


def syntax_error(text: str, pos: int, message: str) -> QuerySyntaxError:
    """The error of this text, with its place."""
    return QuerySyntaxError(f"{place(text, pos)}: parse error: {message}")


def words_of(text: str) -> list[Word]:
    """The words of a query.

    Raises:
        QuerySyntaxError: a character that begins no word, or a string without end.
    """
    found: list[Word] = []
    pos = 0
    while pos < len(text):
        match = _WORD.match(text, pos)
        if match is None:
            raise _unreadable(text, pos)
        if match.lastgroup is not None and match.lastgroup != "space":
            found.append(Word(match.lastgroup, match.group(), pos))
        pos = match.end()
    return found


def _unreadable(text: str, pos: int) -> QuerySyntaxError:
    character = text[pos]
    if character in "\"'":
        return syntax_error(text, pos, "unterminated quoted string")
    if character == "`":
        return syntax_error(text, pos, "unterminated raw string")
    return syntax_error(text, pos, f"unexpected character: {character!r}")


def depth_of(words: Sequence[Word]) -> int:
    """An upper bound of the tree's depth: the deepest nesting, and how many operators the text has."""
    deepest = nesting = operators = 0
    for word in words:
        if word.text in {"(", "["}:
            nesting += 1
            deepest = max(deepest, nesting)
        elif word.text in {")", "]"}:
            nesting -= 1
            # Subqueries nest to the right of what they hold: `x[5m:1m][5m:1m]`.
            deepest = max(deepest, nesting)
        if word.text in _OPERATORS or word.text == "]":
            operators += 1
    return deepest + operators


_OPERATORS = frozenset({"+", "-", "*", "/", "%", "^", "==", "!=", "<=", ">=", "<", ">"}) | WORD_OPERATORS


def places(words: Sequence[Word]) -> Iterator[tuple[str, int]]:
    """What each node begins with, in the order in which the tree is walked: (kind, character).

    Kinds are `number`, `string`, `select`, `call`, `aggregate`, `paren`, `minus` and `plus`.
    """
    reader = _Places(words)
    yield from reader.read()


class _Places:
    """Walks over the words, leaving out what is no node: label lists, matchers, ranges, modifiers."""

    def __init__(self, words: Sequence[Word]) -> None:
        self._words = words
        self._next = 0
        self._wants_operand = True

    def read(self) -> Iterator[tuple[str, int]]:
        while self._next < len(self._words):
            word = self._words[self._next]
            self._next += 1
            if word.kind in {"number", "string"}:
                self._wants_operand = False
                yield word.kind, word.pos
            elif word.kind == "name":
                yield from self._name(word)
            else:
                yield from self._sign(word)

    def _peek(self) -> str:
        return self._words[self._next].text if self._next < len(self._words) else ""

    def _skip_group(self, closing: str) -> None:
        while self._next < len(self._words):
            self._next += 1
            if self._words[self._next - 1].text == closing:
                return

    def _name(self, word: Word) -> Iterator[tuple[str, int]]:
        lowered = word.text.lower()
        follows = self._peek()
        if not self._wants_operand:
            self._modifier(lowered)
        elif lowered in AGGREGATIONS and (follows == "(" or follows.lower() in {"by", "without"}):
            if follows != "(":
                self._next += 2
                self._skip_group(")")
            self._next += 1
            yield "aggregate", word.pos
        elif lowered in {"bool", *LABEL_LISTS} and follows != "{":
            self._modifier(lowered)
        elif follows == "(":
            self._next += 1
            yield "call", word.pos
        else:
            if follows == "{":
                self._skip_group("}")
            self._wants_operand = False
            yield "number" if lowered in {"inf", "nan"} else "select", word.pos

    def _modifier(self, lowered: str) -> None:
        if lowered in LABEL_LISTS:
            if self._peek() == "(":
                self._skip_group(")")
        elif lowered == "offset":
            self._skip_number()
        elif lowered in WORD_OPERATORS:
            self._wants_operand = True

    def _skip_number(self) -> None:
        while self._peek() in {"-", "+"}:
            self._next += 1
        self._next += 1
        if self._peek() == "(":
            self._skip_group(")")

    def _sign(self, word: Word) -> Iterator[tuple[str, int]]:
        if word.text == "(":
            self._wants_operand = True
            yield "paren", word.pos
        elif word.text == "{":
            self._skip_group("}")
            self._wants_operand = False
            yield "select", word.pos
        elif word.text == "[":
            self._skip_group("]")
        elif word.text == "@":
            self._skip_number()
        elif word.text in {"-", "+"} and self._wants_operand:
            yield "minus" if word.text == "-" else "plus", word.pos
        else:
            self._wants_operand = word.text != ")"


_ESCAPES = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_ESCAPE = re.compile(rb"\\(x[0-9a-fA-F]{2}|[0-7]{3}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.)", re.DOTALL)


def unquoted(text: str) -> str:
    """The string of a quoted one, with Go's escapes; raw between back quotes.

    Bytes that are no UTF-8 become U+FFFD.

    Raises:
        InvalidInputError: it is not quoted.
    """
    if len(text) < 2 or text[0] != text[-1] or text[0] not in "\"'`":
        raise InvalidInputError(f"not a quoted string: {text!r}")
    if text[0] == "`":
        return text[1:-1]

    def plain(found: re.Match[bytes]) -> bytes:
        escape = found.group(1).decode()
        if escape[0] == "x" and len(escape) == 3:
            return bytes([int(escape[1:], 16)])
        if escape[0] in "uU" and len(escape) > 1:
            return chr(int(escape[1:], 16)).encode()
        if len(escape) == 3:
            return bytes([int(escape, 8) & 0xFF])
        return _ESCAPES.get(escape, escape).encode()

    return _ESCAPE.sub(plain, text[1:-1].encode()).decode("utf-8", "replace")
