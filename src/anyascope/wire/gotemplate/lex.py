"""Text to tokens, by Go's rules: trim markers, comments, constants and the signs of the template language."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from anyascope.wire.gotemplate.errors import TemplateError, parse_error

LEFT = "{{"
RIGHT = "}}"
_TRIM_LEFT = re.compile(r"\{\{-[ \t\r\n]")
_TRIM_RIGHT = re.compile(r"[ \t\r\n]-\}\}")
_SPACES = " \t\r\n"
_SPACE = re.compile(r"[ \t\r\n]+")
_WORD = re.compile(r"[\w]+")
_STRING = re.compile(r'"(?:[^"\\\n]|\\[^\n])*"')
_RAW = re.compile(r"`[^`]*`")
_CHARACTER = re.compile(r"'(?:[^'\\\n]|\\[^\n])+'")
_NUMBER = re.compile(
    r"[+-]?(?:0[xX][0-9a-fA-F_]+(?:\.[0-9a-fA-F_]*)?(?:[pP][+-]?[0-9_]+)?|0[bB][01_]+|0[oO][0-7_]+"
    r"|[0-9][0-9_]*(?:\.[0-9_]*)?(?:[eE][+-]?[0-9_]+)?|\.[0-9][0-9_]*(?:[eE][+-]?[0-9_]+)?)"
)
KEYWORDS = frozenset({"block", "break", "continue", "define", "else", "end", "if", "nil", "range", "template", "with"})


class Kind(Enum):
    """What a token is."""

    TEXT = "text"
    LEFT = "left delimiter"
    RIGHT = "right delimiter"
    SPACE = "space"
    WORD = "identifier"
    KEYWORD = "keyword"
    BOOL = "bool"
    FIELD = "field"
    DOT = "dot"
    VARIABLE = "variable"
    STRING = "string"
    CHARACTER = "character"
    NUMBER = "number"
    SIGN = "sign"
    END = "EOF"


@dataclass(frozen=True, slots=True)
class Token:
    """One token; `start` and `end` are offsets into the template's text, in characters, end exclusive."""

    kind: Kind
    text: str
    start: int
    end: int

    def __str__(self) -> str:
        """As Go shows it in a message."""
        if self.kind is Kind.END:
            return "EOF"
        return f"<{self.text}>" if self.kind is Kind.KEYWORD else f'"{self.text}"'


def tokenize(name: str, text: str) -> Iterator[Token]:
    """The tokens of a template, ending in `Kind.END`.

    Raises:
        TemplateError: an unclosed action, comment or string, a bad character or number.
    """
    position = 0
    is_trimmed = False
    while True:
        start = text.find(LEFT, position)
        body = text[position:] if start < 0 else text[position:start]
        if is_trimmed:
            position += len(body) - len(body.lstrip(_SPACES))
            body = body.lstrip(_SPACES)
        if start >= 0 and _TRIM_LEFT.match(text, start):
            body = body.rstrip(_SPACES)
        if body:
            yield Token(Kind.TEXT, body, position, position + len(body))
        if start < 0:
            break
        action = _Action(name, text, start)
        yield from action.tokens()
        position, is_trimmed = action.position, action.is_trimmed
    yield Token(Kind.END, "", len(text), len(text))


class _Action:
    """One `{{…}}`; after `tokens` has run out, `position` is behind it and `is_trimmed` says whether blanks are eaten."""

    def __init__(self, name: str, text: str, start: int) -> None:
        self._name = name
        self._text = text
        self._start = start
        self._parentheses = 0
        self.position = start + len(LEFT)
        self.is_trimmed = False

    def tokens(self) -> Iterator[Token]:
        if _TRIM_LEFT.match(self._text, self._start):
            self.position += 2  # the marker and the blank that belongs to it
        if self._text.startswith("/*", self.position):
            self._skip_comment()
            return
        yield Token(Kind.LEFT, LEFT, self._start, self.position)
        while not self._is_closed():
            yield self._next()
        if self._parentheses:
            raise self._error("unclosed left paren")
        yield Token(Kind.RIGHT, RIGHT, self.position - len(RIGHT), self.position)

    def _is_closed(self) -> bool:
        if _TRIM_RIGHT.match(self._text, self.position):
            self.position += len(" -}}")
            self.is_trimmed = True
            return True
        if self._text.startswith(RIGHT, self.position):
            self.position += len(RIGHT)
            return True
        return False

    def _skip_comment(self) -> None:
        close = self._text.find("*/", self.position)
        if close < 0:
            raise self._error("unclosed comment")
        self.position = close + 2
        if not self._is_closed():
            raise self._error("comment ends before closing delimiter")

    def _next(self) -> Token:
        text, start = self._text, self.position
        if start >= len(text):
            raise parse_error(self._name, self._text.count("\n", 0, self._start) + 1, "unclosed action")
        character = text[start]
        if match := _SPACE.match(text, start):
            # The blank before a closing `-}}` belongs to the marker.
            end = match.end() - 1 if text.startswith("-}}", match.end()) else match.end()
            return self._take(Kind.SPACE, max(end, start + 1))
        if constant := self._constant(character):
            return constant
        if character in ".$" or character.isalpha() or character == "_":
            return self._name_like(character)
        return self._sign(character)

    def _constant(self, character: str) -> Token | None:
        text, start = self._text, self.position
        for opening, pattern, kind, what in (
            ('"', _STRING, Kind.STRING, "unterminated quoted string"),
            ("`", _RAW, Kind.STRING, "unterminated raw quoted string"),
            ("'", _CHARACTER, Kind.CHARACTER, "unterminated character constant"),
        ):
            if character == opening:
                match = pattern.match(text, start)
                if match is None:
                    raise self._error(what)
                return self._take(kind, match.end())
        if match := _NUMBER.match(text, start):
            if match.end() < len(text) and (text[match.end()].isalnum() or text[match.end()] == "_"):
                raise self._error(f'bad number syntax: "{text[start : match.end() + 1]}"')
            return self._take(Kind.NUMBER, match.end())
        return None

    def _name_like(self, character: str) -> Token:
        text, start = self._text, self.position
        skip = 1 if character in ".$" else 0
        word = _WORD.match(text, start + skip)
        end = word.end() if word else start + skip
        if character == ".":
            token = self._take(Kind.FIELD if word else Kind.DOT, end)
        elif character == "$":
            token = self._take(Kind.VARIABLE, end)
        elif text[start:end] in KEYWORDS:
            token = self._take(Kind.KEYWORD, end)
        else:
            token = self._take(Kind.BOOL if text[start:end] in ("true", "false") else Kind.WORD, end)
        self._check_terminated(token)
        return token

    def _check_terminated(self, token: Token) -> None:
        following = self._text[token.end : token.end + 1]
        if following and following not in " \t\r\n.,|:)(=" and not self._text.startswith(RIGHT, token.end):
            raise self._error(f"bad character U+{ord(following):04X} '{following}'")

    def _sign(self, character: str) -> Token:
        if self._text.startswith(":=", self.position):
            return self._take(Kind.SIGN, self.position + 2)
        if character == "(":
            self._parentheses += 1
        elif character == ")":
            self._parentheses -= 1
            if self._parentheses < 0:
                raise self._error("unexpected right paren")
        elif character == ":":
            raise self._error("expected :=")
        elif character not in "|=,":
            raise self._error(f'unexpected "{character}" in command')
        return self._take(Kind.SIGN, self.position + 1)

    def _take(self, kind: Kind, end: int) -> Token:
        token = Token(kind, self._text[self.position : end], self.position, end)
        self.position = end
        return token

    def _error(self, message: str) -> TemplateError:
        return parse_error(self._name, self._text.count("\n", 0, self.position) + 1, message)
