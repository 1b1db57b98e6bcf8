"""Reading a query word by word: what the grammar's parts have in common, and the durations that stand in brackets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from anyascope.clock import MS_PER_S
from anyascope.errors import UnsupportedError
from anyascope.promql.durations import Length, StepLength, computed
from anyascope.promql.errors import QueryError, QuerySyntaxError
from anyascope.promql.lexer import DURATION, NUMBER, Lexer, Word, go_quoted, syntax_error
from anyascope.promql.options import QUERY_DEPTH_MAX
from anyascope.promql.signatures import Feature
from anyascope.wire.durations import parse_duration_ms

# How strongly operators bind; `^` binds to the right.
PRECEDENCE = {
    "or": 1,
    **dict.fromkeys(("and", "unless"), 2),
    **dict.fromkeys(("==", "!=", "<=", "<", ">=", ">", "</", ">/"), 3),
    **dict.fromkeys(("+", "-"), 4),
    **dict.fromkeys(("*", "/", "%", "atan2"), 5),
    "^": 6,
}
UNARY = 5  # a sign binds as a product does


class Reader:
    """A text and the word that comes next."""

    def __init__(self, text: str, features: frozenset[Feature]) -> None:
        self._text = text
        self._features = features
        self._lexer = Lexer(text)
        self._word = self._lexer.word()
        self._nesting = 0
        self._end = 0  # after the last word that was taken
        # What an unexpected word stands in, where the grammar has no closer name for it.
        self._inside = [""]

    def _take(self) -> Word:
        word = self._word
        self._end = word.end
        self._word = self._lexer.word()
        return word

    def _is(self, *kinds: str) -> bool:
        return self._word.kind in kinds

    def _expect(self, kind: str, where: str = "", wanted: str = "") -> Word:
        if self._word.kind != kind:
            raise self._unexpected(where, wanted)
        return self._take()

    def _unexpected(self, where: str = "", wanted: str = "") -> QuerySyntaxError:
        where = where or self._inside[-1]
        message = f"unexpected {self._word.shown}"
        message += f" in {where}" if where else ""
        message += f", expected {wanted}" if wanted else ""
        return syntax_error(self._text, self._word.pos, message)

    def _fail(self, pos: int, message: str) -> QuerySyntaxError:
        return syntax_error(self._text, pos, message)

    def _wants(self, feature: Feature, pos: int, message: str) -> None:
        if feature not in self._features:
            raise self._fail(pos, message)

    def _deeper(self) -> None:
        self._nesting += 1
        if self._nesting > QUERY_DEPTH_MAX:
            raise too_deep()

    def _number(self, word: Word) -> float:
        if word.kind == DURATION:
            return self._duration(word)
        try:
            return number_of(word.text)
        except ValueError as error:
            reason = f"strconv.ParseFloat: parsing {go_quoted(word.text)}: invalid syntax"
            raise self._fail(word.pos, f"error parsing number: {reason}") from error

    def _duration(self, word: Word) -> float:
        try:
            return parse_duration_ms(word.text) / MS_PER_S
        except ValueError as error:
            is_long = "out of range" in str(error)
            reason = "duration out of range" if is_long else f"not a valid duration string: {go_quoted(word.text)}"
            raise self._fail(word.pos, reason) from error


class LengthReader(Reader):
    """Reads durations and what is computed of them."""

    def _begins_length(self) -> bool:
        return self._is(NUMBER, DURATION, "+", "-", "(", "step", "range", "min_of", "max_of")

    def _calculated(self, pos: int) -> None:
        self._wants(Feature.DURATION_EXPRESSIONS, pos, "experimental duration expression is not enabled")

    def _computed(self, operator: Word, left: Length, right: Length) -> Length:
        try:
            return computed(operator.kind, left, right)
        except QueryError as error:
            raise self._fail(operator.pos, str(error)) from error

    def _length(self, binding: int) -> Length:
        """A duration, and the operators after it that bind more strongly than `binding`."""
        self._deeper()
        start = self._word.pos
        left = self._length_operand(lambda: self._length(UNARY))
        while self._word.kind in {"+", "-", "*", "/", "%", "^"} and (power := PRECEDENCE[self._word.kind]) > binding:
            operator = self._take()
            right = self._length(power - 1 if operator.kind == "^" else power)
            self._calculated(start)
            left = self._computed(operator, left, right)
        self._nesting -= 1
        return left

    def _offset_length(self) -> Length:
        """A duration after `offset`: only in parentheses may operators stand in it, those after it are the query's."""
        return self._length_operand(self._offset_length)

    def _length_operand(self, after_sign: Callable[[], Length]) -> Length:
        word = self._word
        if word.kind in {"+", "-"}:
            self._take()
            if not self._begins_length():
                raise self._unexpected()
            body = after_sign()
            return body if word.kind == "+" else self._computed(replace(word, kind="*"), -1.0, body)
        if word.kind in {NUMBER, DURATION}:
            return self._number(self._take())
        if not self._begins_length():
            raise self._unexpected()
        self._calculated(word.pos)
        self._take()
        if word.kind == "(":
            body = self._length(0)
            self._expect(")")
            return body
        self._expect("(")
        if word.kind in {"step", "range"}:
            self._expect(")")
            return StepLength(word.kind)
        left = self._length(0)
        self._expect(",")
        right = self._length(0)
        self._expect(")")
        return self._computed(word, left, right)


def too_deep() -> UnsupportedError:
    """The error of a query that nests too deep."""
    return UnsupportedError(f"the query nests too deep: at most {QUERY_DEPTH_MAX} operators and parentheses are read")


def number_of(text: str) -> float:
    """A number as Go reads it: decimal, hexadecimal, octal with a leading zero, with underscores between digits."""
    if text[:2].lower() == "0x":
        whole = int(text[2:].replace("_", ""), 16)
        if whole >= 1 << 63:
            raise ValueError(text)
        return float(whole)
    plain = text.replace("_", "")
    if plain.isdigit() and plain[0] == "0" and set(plain) <= set("01234567"):
        return float(int(plain, 8))
    return float(plain)
