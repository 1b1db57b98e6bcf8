"""What a linter says, by code."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from enum import Enum

from anyascope.errors import InvalidInputError


class Lint(Enum):
    """The codes; where pint has the same check, its name."""

    DUPLICATE = "rule/duplicate"
    CARDINALITY = "rule/cardinality"
    DIALECT = "rule/dialect"
    CHAIN = "rule/chain"
    FOR = "alerts/for"
    SEVERITY = "alerts/severity"
    RECOVERY = "alerts/recovery"
    ANNOTATION = "alerts/annotation"
    RUNBOOK = "alerts/runbook"
    TEMPLATE = "alerts/template"
    COMPARISON = "alerts/comparison"
    VALUE = "alerts/value"
    IMPOSSIBLE = "promql/impossible"
    RATE = "promql/rate"
    REGEXP = "promql/regexp"
    SERIES = "promql/series"
    COUNTER = "promql/counter"


DEFAULT_LINTS = frozenset(Lint) - {Lint.RUNBOOK}  # a house without runbooks would be told of every alert it has
_PROMTOOL_NAMES = {"duplicate-rules": Lint.DUPLICATE}


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One rule that is most likely not meant so; `line` is the rule's."""

    file: str
    line: int
    code: str
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.code}: {self.message}"


def chosen_lints(text: str) -> frozenset[Lint]:
    """The lints that a list such as `promql/rate,alerts/for` names; `all`, `none` and `default` stand for themselves.

    A name after `-` is left out: `all,-alerts/for`.

    Raises:
        InvalidInputError: an unknown name.
    """
    chosen: set[Lint] = set()
    words = [word.strip() for word in text.split(",") if word.strip()]
    if words and words[0].startswith("-"):
        chosen |= DEFAULT_LINTS
    for word in words:
        named = _lints_of(word.removeprefix("-"))
        chosen = chosen - named if word.startswith("-") else chosen | named
    return frozenset(chosen)


def _lints_of(word: str) -> frozenset[Lint]:
    groups = {"all": frozenset(Lint), "none": frozenset[Lint](), "default": DEFAULT_LINTS}
    if word in groups:
        return groups[word]
    by_code = {lint.value: lint for lint in Lint} | _PROMTOOL_NAMES
    if word not in by_code:
        near = get_close_matches(word, by_code, n=1)
        hint = f"did you mean {near[0]}?" if near else f"known are all, none, default, {', '.join(by_code)}"
        raise InvalidInputError(f"there is no lint {word!r}; {hint}", path="--lint")
    return frozenset((by_code[word],))
