"""The words and signs of the log search language, each with its place."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from anyascope.errors import InvalidInputError
from anyascope.store.labelindex import compile_re2

QUERY_CHARS_MAX = 8_192  # what fits into a URL that every proxy passes on
REGEX_CHARS_MAX = 1_000  # longer ones were never written by a person

FIELD_NAME = re.compile(r"[^\W\d][\w.\-/@]*|@[\w.\-/@]+")
KEYWORDS = ("AND", "OR", "NOT")
_WORD_ENDS = frozenset(' \t\r\n()"')
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}
_COMPARISONS = ("<=", ">=", "<", ">")
_CARET_CHARS = 60  # how much of a long query is shown on either side of the mistake


class QuerySyntaxError(InvalidInputError):
    """A query that cannot be read.

    Attributes:
        query: the whole text.
        column: where, from 1, in characters.
        problem: what is wrong there.
    """

    def __init__(self, query: str, at: int, problem: str) -> None:
        super().__init__(f"column {at + 1}: {problem}", path="query")
        self.query = query
        self.column = at + 1
        self.problem = problem

    def caret(self) -> str:
        """Two lines: the query around the mistake, and a caret below it."""
        at = self.column - 1
        first = max(at - _CARET_CHARS, 0)
        shown = "".join(c if c.isprintable() else " " for c in self.query[first : at + _CARET_CHARS])
        return f"{shown}\n{' ' * (at - first)}^"


class TokenKind(Enum):
    """What a token is."""

    WORD = "word"
    QUOTED = "quoted text"
    REGEX = "regular expression"
    COLON = "colon"
    COMPARE = "comparison"
    OPEN = "opening parenthesis"
    CLOSE = "closing parenthesis"
    AND = "AND"
    OR = "OR"
    NOT = "NOT"
    END = "end"


@dataclass(frozen=True, slots=True)
class Token:
    """One token. `text` is without quotes and slashes, escapes undone; `at` is its first character, from 0."""

    kind: TokenKind
    text: str
    at: int


def tokenize(query: str) -> list[Token]:
    """The tokens of a query, an END last.

    Raises:
        QuerySyntaxError: it is too long, or holds a quote that is never closed or a character that no text has.
    """
    if len(query) > QUERY_CHARS_MAX:
        raise QuerySyntaxError(
            query, QUERY_CHARS_MAX, f"the query has {len(query)} characters, at most {QUERY_CHARS_MAX} are read"
        )
    for at, character in enumerate(query):
        if character == "\0" or "\ud800" <= character <= "\udfff":
            raise QuerySyntaxError(query, at, f"the character U+{ord(character):04X} cannot be searched for")
    tokens: list[Token] = []
    at = 0
    while at < len(query):
        if query[at].isspace():
            at += 1
            continue
        at = _read_term(query, at, tokens)
        if query[at : at + 1] == ":" and _may_be_field(tokens[-1]):
            tokens.append(Token(TokenKind.COLON, ":", at))
            at = _read_value(query, at + 1, tokens)
    tokens.append(Token(TokenKind.END, "", len(query)))
    return tokens


def checked_regex(query: str, token: Token) -> str:
    """The expression of a REGEX token.

    Raises:
        QuerySyntaxError: it is too long or no RE2 expression.
    """
    if len(token.text) > REGEX_CHARS_MAX:
        raise QuerySyntaxError(query, token.at, f"a regular expression may have {REGEX_CHARS_MAX} characters")
    try:
        compile_re2(token.text, shown=token.text)
    except InvalidInputError as error:
        raise QuerySyntaxError(query, token.at, error.message) from error
    return token.text


def quoted(text: str) -> str:
    """A text as it is written between quotes."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + escaped.replace("\n", "\\n").replace("\t", "\\t").replace("\r", "\\r") + '"'


def _may_be_field(token: Token) -> bool:
    return token.kind is TokenKind.QUOTED or (token.kind is TokenKind.WORD and bool(FIELD_NAME.fullmatch(token.text)))


def _read_term(query: str, at: int, tokens: list[Token]) -> int:
    """Append one token where a term may begin; the place after it."""
    character = query[at]
    if character in "()":
        tokens.append(Token(TokenKind.OPEN if character == "(" else TokenKind.CLOSE, character, at))
        return at + 1
    if character == '"':
        return _read_quoted(query, at, tokens)
    if character == "-" and query[at + 1 : at + 2].strip():
        tokens.append(Token(TokenKind.NOT, "-", at))
        return at + 1
    end = _word_end(query, at, is_value=False)
    text = query[at:end]
    if text in KEYWORDS and query[end : end + 1] != ":":
        tokens.append(Token(TokenKind[text], text, at))
    elif text:
        tokens.append(Token(TokenKind.WORD, text, at))
    else:
        tokens.append(Token(TokenKind.COLON, ":", at))
        return at + 1
    return end


def _read_value(query: str, at: int, tokens: list[Token]) -> int:
    """Append what stands directly after a colon; nothing where nothing stands there."""
    character = query[at : at + 1]
    if character == "(":
        return _read_values(query, at, tokens)
    for sign in _COMPARISONS:
        if query.startswith(sign, at):
            tokens.append(Token(TokenKind.COMPARE, sign, at))
            return _read_scalar(query, at + len(sign), tokens)
    return _read_scalar(query, at, tokens)


def _read_scalar(query: str, at: int, tokens: list[Token]) -> int:
    """Append one text, expression or word; nothing where none stands there."""
    character = query[at : at + 1]
    if character == '"':
        return _read_quoted(query, at, tokens)
    if character == "/" and (end := _regex_end(query, at)):
        pattern = re.sub(r"\\(.)", lambda m: "/" if m[1] == "/" else m[0], query[at + 1 : end], flags=re.DOTALL)
        tokens.append(Token(TokenKind.REGEX, pattern, at))
        return end + 1
    end = _word_end(query, at, is_value=True)
    if end > at:
        tokens.append(Token(TokenKind.WORD, query[at:end], at))
    return end


def _read_values(query: str, at: int, tokens: list[Token]) -> int:
    """Append the values of a field in parentheses, up to the closing one: only values and OR stand there."""
    depth = 0
    while at < len(query):
        character = query[at]
        end = _word_end(query, at, is_value=True)
        if character.isspace():
            at += 1
        elif character in "()":
            tokens.append(Token(TokenKind.OPEN if character == "(" else TokenKind.CLOSE, character, at))
            depth += 1 if character == "(" else -1
            at += 1
            if depth == 0:
                break
        elif query[at:end] in KEYWORDS:
            tokens.append(Token(TokenKind[query[at:end]], query[at:end], at))
            at = end
        else:
            at = _read_value(query, at, tokens)
    return at


def _read_quoted(query: str, at: int, tokens: list[Token]) -> int:
    text: list[str] = []
    place = at + 1
    while place < len(query) and query[place] != '"':
        if query[place] == "\\" and place + 1 < len(query):
            place += 1
            text.append(_ESCAPES.get(query[place], query[place]))
        else:
            text.append(query[place])
        place += 1
    if place >= len(query):
        raise QuerySyntaxError(query, at, "this quote is never closed")
    tokens.append(Token(TokenKind.QUOTED, "".join(text), at))
    return place + 1


def _word_end(query: str, at: int, *, is_value: bool) -> int:
    """Where a word ends. A colon ends it where what stands before can be a field's name, but for `http://…`."""
    end = at
    while end < len(query) and query[end] not in _WORD_ENDS and not query[end].isspace():
        is_colon = query[end] == ":" and not is_value and query[end + 1 : end + 3] != "//"
        if is_colon and (end == at or FIELD_NAME.fullmatch(query, at, end)):
            break
        end += 1
    return end


def _regex_end(query: str, at: int) -> int:
    """The place of the slash that closes the expression opened at `at`; 0 where it is no expression but a path."""
    place = at + 1
    while place < len(query) and query[place] != "/":
        place += 2 if query[place] == "\\" else 1
    closes = place < len(query) and (place + 1 == len(query) or query[place + 1] in _WORD_ENDS)
    return place if closes and place > at + 1 else 0
