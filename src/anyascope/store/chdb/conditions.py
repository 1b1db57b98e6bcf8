"""Conditions of a log search as SQL: identifiers from the lists below, every value bound."""

from __future__ import annotations

import string
from dataclasses import dataclass, field
from typing import assert_never

from anyascope.errors import InvalidInputError
from anyascope.store.api.logs import (
    AllOf,
    AnyOf,
    Condition,
    FieldCompares,
    FieldEquals,
    FieldExists,
    FieldMatches,
    Not,
    Phrase,
    SeverityAtLeast,
    Words,
)
from anyascope.store.chdb.binding import Parameter
from anyascope.store.labelindex import compile_re2, compile_whole
from anyascope.store.text import SEVERITY_RANGES, words_of

TRACE_ID_HEX, SPAN_ID_HEX = 32, 16  # characters
NESTED_MAX = 100  # conditions inside conditions; the engine's parser has a bound of its own
NUMBER = r"^[+-]?([0-9]+(\\.[0-9]*)?|\\.[0-9]+)([eE][+-]?[0-9]+)?$"

PLAIN_COLUMNS = {
    "service": "service",
    "host": "host",
    "stream": "stream",
    "scope": "scope",
    "event_name": "event_name",
    "correlation_id": "correlation_id",
    "body": "body",
}
RANGES = ", ".join(f"'{name}'" for name in SEVERITY_RANGES)
SEVERITY = f"if(severity BETWEEN 1 AND 24, [{RANGES}][intDiv(severity - 1, 4) + 1], severity_text)"
SEVERITY_NAME = f"concat({SEVERITY}, if((severity - 1) % 4 = 0, '', toString((severity - 1) % 4 + 1)))"
IDENTITIES = {
    "trace_id": "if(trace_id = toFixedString('', 16), '', lower(hex(trace_id)))",
    "span_id": "if(span_id = toFixedString('', 8), '', lower(hex(span_id)))",
}


def pairs_of(column: str) -> str:
    """`key=value` of a map, exactly as the schema's indexes have it."""
    return f"arrayMap((k, v) -> concat(k, '=', substring(v, 1, 128)), mapKeys({column}), mapValues({column}))"


# Exactly the expressions of the indexes in the schema, else the engine does not use them.
LOG_PAIRS = f"arrayConcat({pairs_of('attributes')}, {pairs_of('resource')})"
WORDS_OF_BODY = "lowerUTF8(body)"


@dataclass(slots=True)
class Builder:
    """Collects the parameters of a statement that grows."""

    parameters: dict[str, Parameter] = field(default_factory=dict)

    def text(self, value: str) -> str:
        """A place for a string."""
        return self._place(value, "String")

    def number(self, value: float) -> str:
        """A place for a number."""
        return self._place(float(value), "Float64")

    def integer(self, value: int) -> str:
        """A place for an integer."""
        return self._place(value, "Int64")

    def _place(self, value: Parameter, kind: str) -> str:
        for name, known in self.parameters.items():
            if known == value and type(known) is type(value) and name.startswith(kind[0].lower()):
                return f"{{{name}:{kind}}}"
        name = f"{kind[0].lower()}{len(self.parameters)}"
        self.parameters[name] = value
        return f"{{{name}:{kind}}}"

    # --- conditions ---------------------------------------------------------------------------------------------------

    def condition(self, condition: Condition, *, depth: int = 0) -> str:  # noqa: PLR0911 - one line a condition
        """The SQL that is 1 where the condition holds and 0 where it does not, never NULL."""
        if depth > NESTED_MAX:
            raise InvalidInputError(f"conditions stand at most {NESTED_MAX} deep in each other")
        match condition:
            case Words(text):
                return self._words(words_of(text))
            case Phrase(text):
                return self._phrase(text)
            case FieldEquals(name, value):
                return self._equals(name, value)
            case FieldMatches(name, pattern):
                return self._matches(name, pattern)
            case FieldExists(name):
                return f"{self.field(name)} != ''"
            case FieldCompares(name, comparison, value):
                text = f"toString({self.field(name)})"
                number = f"ifNull(toFloat64OrNull({text}) {comparison.value} {self.number(value)}, 0)"
                return f"(match({text}, '{NUMBER}') AND {number})"
            case SeverityAtLeast(number):
                return f"severity >= {self.integer(number)}"
            case AllOf(conditions):
                return self._joined(" AND ", "1", conditions, depth)
            case AnyOf(conditions):
                return self._joined(" OR ", "0", conditions, depth)
            case Not(inner):
                return f"NOT ({self.condition(inner, depth=depth + 1)})"
            case _:
                assert_never(condition)

    def _joined(self, word: str, empty: str, conditions: tuple[Condition, ...], depth: int) -> str:
        parts = [self.condition(each, depth=depth + 1) for each in conditions]
        return f"({word.join(parts)})" if parts else empty

    def field(self, name: str) -> str:
        """The SQL of a field's text, empty where a record lacks it."""
        if name in PLAIN_COLUMNS:
            return PLAIN_COLUMNS[name]
        if name in IDENTITIES:
            return IDENTITIES[name]
        if name == "severity":
            return SEVERITY
        if name.startswith("attributes."):
            return f"attributes[{self.text(name.removeprefix('attributes.'))}]"
        if name.startswith("resource."):
            return f"resource[{self.text(name.removeprefix('resource.'))}]"
        key = self.text(name)
        return f"if(mapContains(attributes, {key}), attributes[{key}], resource[{key}])"

    def _words(self, words: list[str]) -> str:
        return f"hasAllTokens({WORDS_OF_BODY}, {self.text(' '.join(words))})" if words else "1"

    def _phrase(self, text: str) -> str:
        """Found by looking through the body; the words that stand whole inside the phrase say first where to look."""
        found = f"positionCaseInsensitiveUTF8(body, {self.text(text)}) > 0" if text else "1"
        whole = inner_words(text)
        return f"({self._words(whole)} AND {found})" if whole else f"({found})"

    def _equals(self, name: str, value: str) -> str:
        if name in ("trace_id", "span_id"):
            return self._has_identity(name, value.lower())
        if name == "severity":
            wanted = self.text(value.lower())
            return f"(lower({SEVERITY}) = {wanted} OR lower({SEVERITY_NAME}) = {wanted} OR lower(severity_text) = {wanted})"
        exact = f"{self.field(name)} = {self.text(value)}"
        if name in PLAIN_COLUMNS or not value:
            return exact
        key = name.removeprefix("attributes.").removeprefix("resource.") if "." in name else name
        return f"({self.has_pair(LOG_PAIRS, key, value)} AND {exact})"

    def has_pair(self, pairs: str, key: str, value: str) -> str:
        """Whether the indexed pairs hold this one; long values agree in what is indexed of them."""
        return f"has({pairs}, concat({self.text(key)}, '=', substring({self.text(value)}, 1, 128)))"

    def _has_identity(self, name: str, value: str) -> str:
        length = TRACE_ID_HEX if name == "trace_id" else SPAN_ID_HEX
        if not value:
            return f"{name} = toFixedString('', {length // 2})"
        if len(value) != length or not set(value) <= set(string.hexdigits) or not value.strip("0"):
            return "0"
        return f"{name} = toFixedString(unhex({self.text(value)}), {length // 2})"

    def _matches(self, name: str, pattern: str) -> str:
        if name == "body":
            compile_re2(f"(?s){pattern}", shown=pattern)
            return f"match(body, {self.text(f'(?s){pattern}')})"
        compile_whole(pattern)
        return f"match(toString({self.field(name)}), {self.text(f'^(?s:{pattern})$')})"


def inner_words(text: str) -> list[str]:
    """The words of a phrase that have their ends inside it: the first and last may go on outside."""
    lowered = text.lower()
    words = words_of(lowered)
    if words and lowered.startswith(words[0]):
        words = words[1:]
    if words and lowered.endswith(words[-1]):
        words = words[:-1]
    return words
