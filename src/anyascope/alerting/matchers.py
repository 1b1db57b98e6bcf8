"""Matchers as Alertmanager writes them, in both of its syntaxes, and the test of a label set against them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias, TypeVar

import re2

from anyascope.errors import InvalidInputError
from anyascope.model.labels import Matcher, MatchOp
from anyascope.wire.go_regexp import go_message

T = TypeVar("T")

LabelTest: TypeAlias = Callable[[Mapping[str, str]], bool]
"""Whether a label set (as a mapping) is selected."""

INPUT_CHARS_MAX = 64 * 1024  # a matcher is typed by a person; the longest in public configurations has 2,000

_OPERATORS = ("=~", "!~", "!=", "=")  # the longer one first, so that `=~` is not read as `=`
_CLASSIC = re.compile(r"\s*([a-zA-Z_:][a-zA-Z0-9_:]*)\s*(=~|=|!=|!~)\s*(.*?)\s*", re.ASCII | re.DOTALL)
_RESERVED = frozenset("{}!=~,\\\"'`")


def parse_matchers(text: str) -> tuple[Matcher, ...]:
    """Matchers such as `{team="a", env=~"prod.*"}`, with or without braces; the empty text has none.

    Both syntaxes are tried: the newer one (UTF-8 names, Go's escapes) and the classic one. If both succeed with
    different results the classic one's stands, as in Alertmanager.

    Raises:
        InvalidInputError: neither syntax can read it, or a regular expression is broken.
    """
    return _either(text, parse_classic, parse_utf8)


def parse_matcher(text: str) -> Matcher:
    """The one matcher that this is, without braces; both syntaxes are tried, as `parse_matchers` does.

    Raises:
        InvalidInputError: neither syntax can read it, or a regular expression is broken.
    """
    _check_length(text)
    if text.startswith("{") or text.endswith("}"):
        raise InvalidInputError(f"unexpected open or close brace: {text}")
    return _either(text, _parse_classic_one, parse_utf8_single)


def _either(text: str, classic: Callable[[str], T], modern: Callable[[str], T]) -> T:
    """What the classic syntax makes of it; the newer one's where the classic one cannot read it."""
    try:
        return classic(text)
    except InvalidInputError as error:
        try:
            return modern(text)
        except InvalidInputError:
            raise error from None


def check_matcher(matcher: Matcher) -> Matcher:
    """The same matcher, if its regular expression is one.

    Raises:
        InvalidInputError: RE2 refuses it; the message is Go's.
    """
    if matcher.op in (MatchOp.REGEX, MatchOp.NOT_REGEX):
        compile_whole(matcher.value)
    return matcher


def compile_matchers(matchers: Sequence[Matcher]) -> LabelTest:
    """One test for all of these conditions together; none of them is always true. A missing label counts as empty."""
    tests = [_test_of(matcher) for matcher in matchers]
    if len(tests) == 1:
        return tests[0]
    return lambda labels: all(test(labels) for test in tests)


def format_matchers(matchers: Sequence[Matcher]) -> str:
    """`{a="b",c=~"d"}`, sorted by name: how a route shows in a group key."""
    ordered = sorted(matchers, key=lambda matcher: (matcher.name, matcher.value, matcher.op.value))
    return "{" + ",".join(map(format_matcher, ordered)) + "}"


def format_matcher(matcher: Matcher) -> str:
    """`a="b"`; a name outside the classic alphabet is quoted."""
    name = matcher.name
    if any(char in _RESERVED or char.isspace() for char in name):
        name = f'"{_escape(name)}"'
    return f'{name}{matcher.op.value}"{_escape(matcher.value)}"'


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def _test_of(matcher: Matcher) -> LabelTest:
    name, value = matcher.name, matcher.value
    match matcher.op:
        case MatchOp.EQUAL:
            return lambda labels: labels.get(name, "") == value
        case MatchOp.NOT_EQUAL:
            return lambda labels: labels.get(name, "") != value
        case MatchOp.REGEX:
            is_match = compile_whole(value)
            return lambda labels: is_match(labels.get(name, ""))
        case MatchOp.NOT_REGEX:
            is_match = compile_whole(value)
            return lambda labels: not is_match(labels.get(name, ""))


@lru_cache(maxsize=4096)
def compile_whole(pattern: str) -> Callable[[str], bool]:
    """Whether a text as a whole matches a regular expression (RE2).

    Raises:
        InvalidInputError: RE2 refuses it; the message is Go's.
    """
    compiled = _compile(f"^(?:{pattern})$")
    return lambda text: compiled.fullmatch(text) is not None


def regex_fault(pattern: str) -> str:
    """Why RE2 refuses a regular expression, in Go's words; empty where it does not."""
    try:
        _compile(pattern)
    except InvalidInputError as error:
        return error.message
    return ""


def _compile(pattern: str) -> Any:  # the library is untyped
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        raise InvalidInputError(go_message(error)) from error


# --- the classic syntax -----------------------------------------------------------------------------------------------


def parse_classic(text: str) -> tuple[Matcher, ...]:
    """Matchers in the syntax of before UTF-8 names.

    Raises:
        InvalidInputError: it is not in it.
    """
    _check_length(text)
    inner = text.removeprefix("{")
    inner = inner.removesuffix("}")
    return tuple(_parse_classic_one(part) for part in _split_classic(inner))


def _split_classic(text: str) -> list[str]:
    """Parts between commas that are outside double quotes; a blank last part is none."""
    parts: list[str] = []
    start = 0
    in_quotes = escaped = False
    for index, char in enumerate(text):
        if char == "," and not in_quotes:
            parts.append(text[start:index])
            start = index + 1
        elif char == '"' and not escaped:
            in_quotes = not in_quotes
        escaped = char == "\\" and not escaped
    if last := text[start:].strip():
        parts.append(last)
    return parts


def _parse_classic_one(text: str) -> Matcher:
    found = _CLASSIC.fullmatch(text)
    if found is None:
        raise InvalidInputError(f"bad matcher format: {text}")
    name, op, raw = found.groups()
    return check_matcher(Matcher(name, MatchOp(op), _unescape_classic(raw)))


def _unescape_classic(raw: str) -> str:
    """The value without its quotes, if it has them; only newline, quote and backslash are escaped, the rest stands."""
    quoted = raw.startswith('"')
    body = raw[1:] if quoted else raw
    out: list[str] = []
    closed = not quoted
    index = 0
    while index < len(body):
        char = body[index]
        is_last = index == len(body) - 1
        if char == "\\" and not is_last:
            following = body[index + 1]
            out.append({"n": "\n", '"': '"', "\\": "\\"}.get(following, char + following))
            index += 2
            continue
        if char == '"':
            if closed or not is_last:
                raise InvalidInputError(f"matcher value contains unescaped double quote: {raw}")
            closed = True
        else:
            out.append(char)
        index += 1
    if not closed:
        raise InvalidInputError(f"matcher value contains unescaped double quote: {raw}")
    return "".join(out)


# --- the newer syntax -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str  # one of { } , op word quoted end
    text: str
    start: int
    end: int


def parse_utf8(text: str) -> tuple[Matcher, ...]:
    """Matchers in the syntax with UTF-8 names.

    Raises:
        InvalidInputError: it is not in it; the message opens with the byte positions from and to.
    """
    _check_length(text)
    return _Utf8Parser(text).parse()


def parse_utf8_single(text: str) -> Matcher:
    """Exactly one matcher in the newer syntax.

    Raises:
        InvalidInputError: it is not one.
    """
    found = parse_utf8(text)
    if len(found) != 1:
        raise InvalidInputError("no matchers" if not found else f"expected 1 matcher, found {len(found)}")
    return found[0]


class _Utf8Parser:
    """One pass over the text; positions are bytes."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._offsets = _byte_offsets(text)
        self._at = 0

    def parse(self) -> tuple[Matcher, ...]:
        found: list[Matcher] = []
        opened = self._peek_char() == "{"
        if opened:
            self._next("expected opening brace")
        elif self._peek_char() == "}":
            token = self._next("expected opening brace")
            raise self._wrong(token, "}: expected opening brace")
        while not self._is_end(opened=opened, after_matcher=False):
            found.append(self._matcher())
            if self._is_end(opened=opened, after_matcher=True):
                break
            expected = "expected a comma or close brace" if opened else "expected a comma"
            token = self._next(expected)
            if token.kind != ",":
                raise self._unexpected(token, expected)
        if opened:
            token = self._next("expected close brace")
            if token.kind != "}":
                raise self._unexpected(token, "expected close brace")
        token = self._next("expected end of input")
        if token.kind != "end":
            raise self._unexpected(token, "expected end of input")
        return tuple(found)

    def _is_end(self, *, opened: bool, after_matcher: bool) -> bool:
        char = self._peek_char()
        if not char:
            if opened:
                raise self._wrong(self._whole(), "end of input: expected close brace")
            return True
        return char == "}" and (opened or after_matcher)

    def _matcher(self) -> Matcher:
        name = self._next("expected label name")
        if name.kind not in ("word", "quoted"):
            raise self._unexpected(name, "expected label name")
        operator = self._next("expected an operator such as '=', '!=', '=~' or '!~'")
        if operator.kind != "op":
            raise self._unexpected(operator, "expected an operator such as '=', '!=', '=~' or '!~'")
        value = self._next("expected label value")
        if value.kind not in ("word", "quoted"):
            raise self._unexpected(value, "expected label value")
        return check_matcher(Matcher(self._plain(name), MatchOp(operator.text), self._plain(value)))

    def _plain(self, token: _Token) -> str:
        if token.kind == "word":
            return token.text
        try:
            return unquote_go(token.text)
        except ValueError:
            raise self._wrong(token, f"{token.text}: invalid input") from None

    def _next(self, expected: str) -> _Token:
        self._skip_blanks()
        start = self._at
        char = self._peek_char()
        if not char:
            return _Token("end", "", 0, len(self._text))
        if char in "{},":
            return self._take(char, start + 1)
        for operator in _OPERATORS:
            if self._text.startswith(operator, start):
                return self._take("op", start + len(operator))
        if char == '"':
            return self._take("quoted", self._quote_end(start))
        if char in _RESERVED:
            raise self._wrong(_Token("", char, start, start + 1), f"{char}: invalid input: {expected}")
        end = start
        while end < len(self._text) and self._text[end] not in _RESERVED and not self._text[end].isspace():
            end += 1
        return self._take("word", end)

    def _take(self, kind: str, end: int) -> _Token:
        token = _Token(kind, self._text[self._at : end], self._at, end)
        self._at = end
        return token

    def _quote_end(self, start: int) -> int:
        index = start + 1
        while index < len(self._text):
            if self._text[index] == '"':
                return index + 1
            index += 2 if self._text[index] == "\\" else 1
        raise self._wrong(_Token("", "", start, len(self._text)), f'{self._text[start:]}: missing end "')

    def _skip_blanks(self) -> None:
        while self._at < len(self._text) and self._text[self._at].isspace():
            self._at += 1

    def _peek_char(self) -> str:
        self._skip_blanks()
        return self._text[self._at] if self._at < len(self._text) else ""

    def _whole(self) -> _Token:
        return _Token("end", "", 0, len(self._text))

    def _unexpected(self, token: _Token, expected: str) -> InvalidInputError:
        if token.kind == "end":
            return self._wrong(token, f"end of input: {expected}")
        return self._wrong(token, f"unexpected {token.text}: {expected}")

    def _wrong(self, token: _Token, message: str) -> InvalidInputError:
        return InvalidInputError(f"{self._offsets[token.start]}:{self._offsets[token.end]}: {message}")


_ESCAPES = {"a": 7, "b": 8, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11, "\\": 92, '"': 34}
_HEX_DIGITS = {"x": 2, "u": 4, "U": 8}


def unquote_go(text: str) -> str:
    """What a Go string literal in double quotes says.

    Raises:
        ValueError: an escape is unknown, or the bytes are not UTF-8.

    Source: The Go Programming Language Specification, "String literals".
    """
    body = text[1:-1]
    out = bytearray()
    index = 0
    while index < len(body):
        char = body[index]
        if char == "\n":
            raise ValueError("a new line inside quotes")
        if char != "\\":
            out += char.encode()
            index += 1
            continue
        kind = body[index + 1 : index + 2]
        if kind in _ESCAPES and kind:
            out.append(_ESCAPES[kind])
            index += 2
        elif kind in _HEX_DIGITS and kind:
            count = _HEX_DIGITS[kind]
            code = _digits(body[index + 2 : index + 2 + count], count, 16)
            out += bytes([code]) if kind == "x" else chr(code).encode()
            index += 2 + count
        else:
            code = _digits(body[index + 1 : index + 4], 3, 8)
            out += bytes([code])
            index += 4
    return out.decode()


def _digits(text: str, count: int, base: int) -> int:
    if len(text) != count or not text.isalnum() or not text.isascii():
        raise ValueError(f"not an escape: {text!r}")
    return int(text, base)


def _byte_offsets(text: str) -> Sequence[int]:
    if text.isascii():
        return range(len(text) + 1)
    offsets = [0]
    for char in text:
        offsets.append(offsets[-1] + len(char.encode("utf-8", "surrogatepass")))
    return offsets


def _check_length(text: str) -> None:
    if len(text) > INPUT_CHARS_MAX:
        raise InvalidInputError(f"matchers are {len(text)} characters long, at most {INPUT_CHARS_MAX} are read")
