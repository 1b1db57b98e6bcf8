"""The log search language: text to conditions, and back.

```
query   = any ;                                  an empty query, or `*` alone, is everything
any     = all { "OR" all } ;
all     = unary { ["AND"] unary } ;
unary   = [ "NOT" | "-" ] term ;
term    = "(" any ")" | word | "quoted phrase" | field ":" value ;
value   = word | "quoted text" | /regex/ | * | < <= > >= number | "(" value { "OR" value } ")" ;
```

`docs/guide/logs.md` describes it by example. Conditions come out in one form: no AND or OR of one part, none directly
inside its like, no double NOT; `format_condition` writes that form as text which reads as the same condition.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from anyascope.explore.fields import canonical_field, compare_condition, wildcard_condition, word_condition
from anyascope.explore.syntax import QuerySyntaxError, Token, TokenKind, checked_regex, tokenize
from anyascope.store.api.logs import EVERYTHING, AllOf, AnyOf, Condition, FieldExists, FieldMatches, Not, Phrase

T = TypeVar("T")

DEPTH_MAX = 32  # parentheses and NOTs within each other; people write three, a hostile query must not exhaust the stack
TERMS_MAX = 200  # each costs the store a look at every row; the longest rule seen in the field has 60

_NEVER_A_TERM = {
    TokenKind.AND: "AND needs something on both sides",
    TokenKind.OR: "OR needs something on both sides",
    TokenKind.CLOSE: "a term was expected before this parenthesis",
    TokenKind.COLON: "a field's name must stand before the colon; quote a text that holds one",
    TokenKind.COMPARE: "a comparison belongs after a field, such as duration:>5",
}


def parse_query(text: str) -> Condition:
    """The condition that a query means.

    Raises:
        QuerySyntaxError: it is not of the language, or exceeds a limit; says where.
    """
    parser = _Parser(text)
    return parser.whole()


@dataclass(slots=True)
class _Parser:
    """Recursive descent over the tokens."""

    text: str
    tokens: list[Token]
    at: int
    terms: int

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = tokenize(text)
        self.at = 0
        self.terms = 0

    def whole(self) -> Condition:
        if self._peek().kind is TokenKind.END:
            return EVERYTHING
        condition = self._any(0)
        end = self._peek()
        if end.kind is not TokenKind.END:
            raise self._error(end, "this parenthesis was never opened")
        return condition

    def _any(self, depth: int) -> Condition:
        parts = [self._all(depth)]
        while self._take_if(TokenKind.OR):
            parts.append(self._all(depth))
        return any_of(parts)

    def _all(self, depth: int) -> Condition:
        parts = [self._unary(depth)]
        while True:
            explicit = self._take_if(TokenKind.AND)
            if not explicit and self._peek().kind in (TokenKind.OR, TokenKind.CLOSE, TokenKind.END):
                return all_of(parts)
            parts.append(self._unary(depth))

    def _unary(self, depth: int) -> Condition:
        if depth > DEPTH_MAX:
            raise self._error(self._peek(), f"is nested more than {DEPTH_MAX} deep")
        if self._take_if(TokenKind.NOT):
            return negated(self._unary(depth + 1))
        return self._term(depth)

    def _term(self, depth: int) -> Condition:
        token = self._take()
        if token.kind is TokenKind.OPEN:
            return self._closed(token, lambda: self._any(depth + 1))
        if token.kind not in (TokenKind.WORD, TokenKind.QUOTED, TokenKind.REGEX):
            if token.kind is TokenKind.END:
                raise self._error(token, "the query ends where a term was expected")
            raise self._error(token, _NEVER_A_TERM[token.kind])
        if self._take_if(TokenKind.COLON):
            if token.kind is TokenKind.REGEX or not token.text:
                raise self._error(token, "must be a field's name")
            return self._value(self._checked(token, lambda: canonical_field(token.text)), depth)
        self._count(token)
        if token.kind is TokenKind.QUOTED:
            return Phrase(token.text) if token.text else EVERYTHING
        if token.kind is TokenKind.REGEX:
            return FieldMatches("body", checked_regex(self.text, token))
        return wildcard_condition("body", token.text) if "*" in token.text else _bare(token.text)

    def _value(self, field: str, depth: int) -> Condition:
        before, token = self.tokens[self.at - 1], self._take()
        if before.kind is TokenKind.COLON and token.at != before.at + 1:
            # `error: signing failed` is a pasted line more often than a field.
            raise QuerySyntaxError(self.text, before.at + 1, f"{field}: needs its value directly after the colon")
        if token.kind is TokenKind.OPEN:
            return self._closed(token, lambda: self._values(field, depth + 1))
        self._count(token)
        match token.kind:
            case TokenKind.WORD if "*" in token.text:
                exists = token.text.strip("*") == ""
                return FieldExists(field) if exists else wildcard_condition(field, token.text)
            case TokenKind.WORD | TokenKind.QUOTED:
                is_quoted = token.kind is TokenKind.QUOTED
                return self._checked(token, lambda: word_condition(field, token.text, is_quoted=is_quoted))
            case TokenKind.REGEX:
                return FieldMatches(field, checked_regex(self.text, token))
            case TokenKind.COMPARE:
                wanted = self._take()
                is_value = wanted.kind in (TokenKind.WORD, TokenKind.QUOTED)
                if not is_value or wanted.at != token.at + len(token.text):
                    raise self._error(wanted, f"{field}:{token.text} needs a number")
                return self._checked(wanted, lambda: compare_condition(field, token.text, wanted.text))
            case _:
                raise self._error(token, f"{field}: needs a value; write {field}:* for any, or quote the text")

    def _values(self, field: str, depth: int) -> Condition:
        if depth > DEPTH_MAX:
            raise self._error(self._peek(), f"is nested more than {DEPTH_MAX} deep")
        parts = [self._value(field, depth)]
        while self._take_if(TokenKind.OR):
            parts.append(self._value(field, depth))
        return any_of(parts)

    def _closed(self, opened: Token, inner: Callable[[], Condition]) -> Condition:
        condition = inner()
        if not self._take_if(TokenKind.CLOSE):
            if self._peek().kind is TokenKind.END:
                raise self._error(opened, "this parenthesis is never closed")
            raise self._error(self._peek(), "only OR may stand between the values of a field")
        return condition

    def _checked(self, token: Token, build: Callable[[], T]) -> T:
        try:
            return build()
        except ValueError as error:
            raise self._error(token, str(error)) from error

    def _count(self, token: Token) -> None:
        self.terms += 1
        if self.terms > TERMS_MAX:
            raise self._error(token, f"the query has more than {TERMS_MAX} terms")

    def _peek(self) -> Token:
        return self.tokens[self.at]

    def _take(self) -> Token:
        token = self.tokens[self.at]
        if token.kind is not TokenKind.END:
            self.at += 1
        return token

    def _take_if(self, kind: TokenKind) -> bool:
        if self._peek().kind is not kind:
            return False
        self._take()
        return True

    def _error(self, token: Token, message: str) -> QuerySyntaxError:
        return QuerySyntaxError(self.text, token.at, message)


def _bare(text: str) -> Condition:
    return word_condition("body", text, is_quoted=False)


def all_of(parts: list[Condition]) -> Condition:
    """All of these, without an AND around one part or directly inside another."""
    flat: list[Condition] = []
    for part in parts:
        flat.extend(part.conditions if isinstance(part, AllOf) else [part])
    return flat[0] if len(flat) == 1 else AllOf(tuple(flat))


def any_of(parts: list[Condition]) -> Condition:
    """Any of these, without an OR around one part or directly inside another."""
    flat: list[Condition] = []
    for part in parts:
        flat.extend(part.conditions if isinstance(part, AnyOf) else [part])
    return flat[0] if len(flat) == 1 else AnyOf(tuple(flat))


def negated(condition: Condition) -> Condition:
    """The opposite; twice is none."""
    return condition.condition if isinstance(condition, Not) else Not(condition)
