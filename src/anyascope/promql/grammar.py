"""The grammar of PromQL: words to a tree, by precedence climbing, in time that grows with the length of the text.

Mistakes are told as Prometheus tells them: the first that a reader from left to right meets; whether kinds of values fit is
looked at only where the text is a query at all.

Source: Prometheus, `promql/parser/generated_parser.y` and `parse.go`.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from itertools import count

import re2

from anyascope.model.labels import METRIC_NAME, Matcher, MatchOp
from anyascope.promql import check
from anyascope.promql.durations import SECONDS_MAX, Length, milliseconds
from anyascope.promql.errors import QuerySyntaxError
from anyascope.promql.lexer import (
    AGGREGATIONS,
    CALLED_WORDS,
    DURATION,
    END,
    FILLS,
    IDENTIFIER,
    KEYWORDS,
    METRIC_IDENTIFIER,
    NUMBER,
    STRING,
    WORD_OPERATORS,
    Word,
    go_quoted,
    unquoted,
)
from anyascope.promql.options import QUERY_DEPTH_MAX
from anyascope.promql.reading import PRECEDENCE, UNARY, LengthReader, too_deep
from anyascope.promql.signatures import EXPERIMENTAL_AGGREGATIONS, FUNCTIONS, Feature
from anyascope.promql.syntax import (
    AGGREGATIONS_WITH_PARAMETER,
    Aggregate,
    Anchor,
    Binary,
    Call,
    Cardinality,
    Edge,
    Expression,
    Extension,
    Lengths,
    Matching,
    Negate,
    Number,
    Select,
    Subquery,
    Text,
)

METRIC_WORDS = (
    AGGREGATIONS | CALLED_WORDS | FILLS | {"by", "without", "and", "or", "unless", "offset", "anchored", "smoothed"}
)
LABEL_WORDS = AGGREGATIONS | CALLED_WORDS | KEYWORDS | WORD_OPERATORS
TARGET_INFO = Matcher(
    METRIC_NAME, MatchOp.EQUAL, "target_info"
)  # what a target says of itself, as OpenTelemetry has it
ANY_INFO = ".+_info"
_MATCH_OPS = {op.value: op for op in MatchOp}
_TIME_MAX_S = 2.0**63  # seconds that an `@` may name, as Go's int64 bounds them
_PLAIN_LABEL = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Part:
    """A node with where it stands in the text.

    Attributes:
        start, end: its first character and the one after its last, with parentheses.
        depth: of the tree below.
        is_grouped: whether parentheses stand around it.
    """

    node: Expression
    start: int
    end: int
    depth: int = 1
    is_grouped: bool = False


class Parser(LengthReader):
    """Reads one query."""

    def __init__(self, text: str, features: frozenset[Feature]) -> None:
        super().__init__(text, features)
        self._slots = count()
        self._checks = check.Complaints()

    def parse(self) -> Expression:
        """The tree of the whole text.

        Raises:
            QuerySyntaxError: it is not PromQL, its kinds do not fit, or a feature is not enabled.
            UnsupportedError: it nests too deep.
        """
        if self._word.kind == END:
            raise QuerySyntaxError("unknown position: parse error: no expression found in input")
        found = self._expression(0)
        if self._word.kind != END:
            raise self._unexpected()
        self._checks.settle(self._text)
        return found.node

    def parse_selector(self) -> Select:
        """The series selector that the whole text is.

        Raises:
            QuerySyntaxError: it is none, or selects everything.
        """
        if self._word.kind == END:
            raise QuerySyntaxError("unknown position: parse error: unexpected end of input")
        if self._is("{"):
            found = self._selected(None)
        elif self._word.kind in METRIC_WORDS | {IDENTIFIER, METRIC_IDENTIFIER}:
            found = self._selected(self._take())
        else:
            raise self._unexpected()
        if self._word.kind != END:
            raise self._unexpected()
        self._checks.settle(self._text)
        assert isinstance(found.node, Select)
        return found.node

    # --- expressions ----------------------------------------------------------------------------------------------------

    def _made(self, node: Expression, start: int, *below: Part) -> Part:
        depth = 1 + max((part.depth for part in below), default=0)
        if depth > QUERY_DEPTH_MAX:
            raise too_deep()
        return Part(node, start, self._end, depth)

    def _expression(self, binding: int) -> Part:
        """An operand and the operators after it that bind more strongly than `binding`."""
        self._deeper()
        left = self._operand()
        while (power := PRECEDENCE.get(self._word.kind, 0)) > binding:
            operator = self._take()
            matching, returns_bool = self._modifiers()
            right = self._expression(power - 1 if operator.kind == "^" else power)
            left = self._binary(left, operator, right, matching, returns_bool=returns_bool)
        self._nesting -= 1
        return left

    def _binary(self, left: Part, operator: Word, right: Part, matching: Matching, *, returns_bool: bool) -> Part:
        if matching.fills:
            self._wants(Feature.FILL, left.start, "binop fill modifiers are experimental and not enabled")
        node = Binary(operator.kind, left.node, right.node, matching, returns_bool=returns_bool, pos=left.start)
        self._checks.binary(node, operator.pos, right.start)
        return self._made(node, left.start, left, right)

    def _operand(self) -> Part:
        if self._is("+", "-"):
            return self._signed()
        part = self._primary()
        while True:
            match self._word.kind:
                case "[":
                    part = self._ranged(part)
                case "offset":
                    part = self._with_offset(part)
                case "@":
                    part = self._with_anchor(part)
                case "anchored" | "smoothed":
                    part = self._extended(part)
                case _:
                    return part

    def _signed(self) -> Part:
        sign = self._take()
        body = self._expression(UNARY)
        if isinstance(body.node, Number) and not body.is_grouped:
            value = -body.node.value if sign.kind == "-" else body.node.value
            return self._made(Number(value, sign.pos), sign.pos)
        self._checks.unary(body.node, sign.pos)
        node = Negate(body.node, sign.pos) if sign.kind == "-" else body.node
        return replace(self._made(node, sign.pos, body), is_grouped=True)

    def _primary(self) -> Part:  # noqa: PLR0911 -- one return a kind of operand
        word = self._word
        if word.kind == "(":
            return self._grouped()
        if word.kind in {NUMBER, DURATION}:
            self._take()
            return self._made(Number(self._number(word), word.pos), word.pos)
        if word.kind == STRING:
            self._take()
            return self._made(Text(unquoted(word.text), word.pos), word.pos)
        if word.kind == "{":
            return self._selected(None)
        if word.kind in AGGREGATIONS:
            self._take()
            return self._aggregated(word) if self._is("(", "by", "without") else self._selected(word)
        if word.kind in CALLED_WORDS | {IDENTIFIER}:
            self._take()
            return self._called(word) if self._is("(") else self._selected(word)
        if word.kind in METRIC_WORDS | {METRIC_IDENTIFIER}:
            self._take()
            return self._selected(word)
        raise self._unexpected()

    def _grouped(self) -> Part:
        opening = self._take()
        body = self._expression(0)
        self._expect(")")
        return Part(body.node, opening.pos, self._end, body.depth, is_grouped=True)

    # --- calls and aggregations -----------------------------------------------------------------------------------------

    def _arguments(self) -> list[Part]:
        self._expect("(")
        found: list[Part] = []
        if not self._is(")"):
            found.append(self._expression(0))
            while self._is(","):
                comma = self._take()
                if self._is(")"):
                    raise self._fail(comma.pos, "trailing commas not allowed in function call args")
                found.append(self._expression(0))
        self._expect(")")
        return found

    def _called(self, name: Word) -> Part:
        begun = len(self._checks)
        arguments = self._arguments()
        signature = FUNCTIONS.get(name.text)
        if signature is None:
            raise self._fail(name.pos, f"unknown function with name {go_quoted(name.text)}")
        if signature.is_experimental:
            message = f"function {go_quoted(name.text)} is not enabled"
            self._wants(Feature.EXPERIMENTAL_FUNCTIONS, name.pos, message)
        node = Call(name.text, tuple(part.node for part in arguments), signature.returns, name.pos)
        self._checks.call(node, signature, [part.start for part in arguments], begun)
        if node.name == "info":
            node = self._with_info_names(node)
        return self._made(node, name.pos, *arguments)

    def _with_info_names(self, node: Call) -> Call:
        """`info` with a selector of the info series: those of `target_info` where none are named, of any where not all."""
        labels = node.arguments[1] if len(node.arguments) > 1 else Select((), slot=next(self._slots), pos=node.pos)
        if not isinstance(labels, Select):
            return node  # which has been complained of
        ops = [matcher.op for matcher in labels.matchers if matcher.name == METRIC_NAME]
        if not any(op in {MatchOp.EQUAL, MatchOp.REGEX} for op in ops):
            named = Matcher(METRIC_NAME, MatchOp.REGEX, ANY_INFO) if ops else TARGET_INFO
            labels = replace(labels, matchers=(named, *labels.matchers))
        return replace(node, arguments=(*node.arguments[:1], labels))

    def _aggregated(self, operator: Word) -> Part:
        self._inside.append("aggregation")
        modifier = self._grouping() if self._is("by", "without") else None
        if not self._is("("):
            raise self._unexpected("aggregation")
        arguments = self._arguments()
        self._inside.pop()
        if modifier is None:
            modifier = self._grouping() if self._is("by", "without") else ("by", ())
        kind = operator.kind
        if not arguments:
            raise self._fail(operator.pos, "no arguments for aggregate expression provided")
        wanted = 2 if kind in AGGREGATIONS_WITH_PARAMETER else 1
        if kind in EXPERIMENTAL_AGGREGATIONS:
            flag = f"--enable-feature={Feature.EXPERIMENTAL_FUNCTIONS.value}"
            message = f"{kind}() is experimental and must be enabled with {flag}"
            self._wants(Feature.EXPERIMENTAL_FUNCTIONS, operator.pos, message)
        if len(arguments) != wanted:
            message = "wrong number of arguments for aggregate expression provided"
            raise self._fail(operator.pos, f"{message}, expected {wanted}, got {len(arguments)}")
        body, parameter = arguments[-1], arguments[0] if wanted == 2 else None
        node = Aggregate(
            kind,
            body.node,
            parameter.node if parameter is not None else None,
            tuple(sorted(set(modifier[1]))),
            is_without=modifier[0] == "without",
            pos=operator.pos,
            body_pos=body.start,
        )
        self._checks.aggregate(node, body.start, parameter.start if parameter is not None else -1)
        return self._made(node, operator.pos, *arguments)

    def _grouping(self) -> tuple[str, tuple[str, ...]]:
        return self._take().kind, self._labels()

    def _labels(self) -> tuple[str, ...]:
        """`(a, b)` after `by`, `on` and their like."""
        where = "grouping opts"
        self._expect("(", where, '"("')
        found: list[str] = []
        while not self._is(")"):
            word = self._word
            if word.kind == STRING:
                found.append(unquoted(word.text))
            elif word.kind in LABEL_WORDS | {IDENTIFIER} or _PLAIN_LABEL.fullmatch(word.text):
                found.append(word.text)
            else:
                raise self._unexpected(where, "label")
            self._take()
            if not self._is(",", ")"):
                raise self._unexpected(where, '"," or ")"')
            if self._is(","):
                self._take()
        self._take()
        return tuple(found)

    # --- operators' modifiers -------------------------------------------------------------------------------------------

    def _modifiers(self) -> tuple[Matching, bool]:
        returns_bool = self._is("bool")
        if returns_bool:
            self._take()
        matching = Matching()
        if self._is("on", "ignoring"):
            is_on = self._take().kind == "on"
            matching = Matching(self._labels(), is_on)
            if self._is("group_left", "group_right"):
                is_left = self._take().kind == "group_left"
                cardinality = Cardinality.MANY_TO_ONE if is_left else Cardinality.ONE_TO_MANY
                include = self._labels() if self._is("(") else ()
                matching = replace(matching, cardinality=cardinality, include=include)
        while self._is(*FILLS):
            matching = self._filled(matching)
        return matching, returns_bool

    def _filled(self, matching: Matching) -> Matching:
        word = self._take().kind
        is_double = (word != "fill_right" and matching.fill_left is not None) or (
            word != "fill_left" and matching.fill_right is not None
        )
        if is_double:
            raise self._unexpected()
        self._expect("(")
        sign = -1.0 if self._is("-") else 1.0
        if self._is("-", "+"):
            self._take()
        if not self._is(NUMBER, DURATION):
            raise self._unexpected()
        value = sign * self._number(self._take())
        self._expect(")")
        return replace(
            matching,
            fill_left=value if word != "fill_right" else matching.fill_left,
            fill_right=value if word != "fill_left" else matching.fill_right,
        )

    # --- selectors ------------------------------------------------------------------------------------------------------

    def _selected(self, name: Word | None) -> Part:
        start = name.pos if name is not None else self._word.pos
        matchers = self._matchers() if self._is("{") else []
        inner = [matcher.value for matcher in matchers if matcher.name == METRIC_NAME]
        if name is not None:
            matchers.insert(0, Matcher(METRIC_NAME, MatchOp.EQUAL, name.text))
        node = Select(tuple(matchers), slot=next(self._slots), pos=start)
        self._checks.selector(node, name.text if name is not None else "", inner)
        return self._made(node, start)

    def _matchers(self) -> list[Matcher]:
        self._take()
        found: list[Matcher] = []
        where = "label matching"
        while not self._is("}"):
            if not self._is(IDENTIFIER, STRING):
                raise self._unexpected(where, 'identifier or "}"')
            found.append(self._matcher())
            if not self._is(",", "}"):
                raise self._unexpected(where, '"," or "}"')
            if self._is(","):
                self._take()
        self._take()
        return found

    def _matcher(self) -> Matcher:
        label = self._take()
        where = "label matching"
        name = unquoted(label.text) if label.kind == STRING else label.text
        operator = self._word
        if operator.kind not in _MATCH_OPS:
            if label.kind == STRING and self._is(",", "}"):
                return Matcher(METRIC_NAME, MatchOp.EQUAL, name)
            raise self._unexpected(where, '"," or "}"' if label.kind == STRING else "label matching operator")
        self._take()
        if not self._is(STRING):
            raise self._unexpected(where, "string")
        matcher = Matcher(name, _MATCH_OPS[operator.kind], unquoted(self._take().text))
        if matcher.op in {MatchOp.REGEX, MatchOp.NOT_REGEX}:
            reason = wrong_pattern(matcher.value)
            if reason:
                raise self._fail(label.pos, f"error parsing regexp: {reason}")
        return matcher

    def _ranged(self, part: Part) -> Part:
        """`[5m]` or `[5m:1m]` after an expression."""
        opening = self._take()
        where = "subquery selector"
        if not self._begins_length():
            raise self._unexpected(where, "number, duration, step(), or range()")
        range_pos = self._word.pos
        length = self._positive(self._length(0), range_pos)
        if self._is(":"):
            self._take()
            step: Length = 0.0
            if not self._is("]"):
                if not self._begins_length():
                    raise self._unexpected(where, 'number, duration, step(), range(), or "]"')
                step_pos = self._word.pos
                step = self._positive(self._length(0), step_pos)
            self._expect("]", where, '"]"')
            return self._subquery(part, length, step)
        self._expect("]", "subquery or range", '":" or "]"')
        node = part.node
        reason = ""
        if not isinstance(node, Select) or part.is_grouped or node.range_ms:
            reason = "ranges only allowed for vector selectors"
        elif node.offset_ms or node.lengths is not None:
            reason = "no offset modifiers allowed before range"
        elif node.anchor is not None:
            reason = "no @ modifiers allowed before range"
        if reason:
            raise self._fail(opening.pos, reason)
        assert isinstance(node, Select)
        if isinstance(length, float):
            node = replace(node, range_ms=milliseconds(length))
        else:
            node = replace(node, range_ms=1, lengths=Lengths(range=length))
        return replace(part, node=node, end=self._end)

    def _subquery(self, part: Part, length: Length, step: Length) -> Part:
        lengths = None
        if not isinstance(length, float) or not isinstance(step, float):
            lengths = Lengths(
                range=None if isinstance(length, float) else length, step=None if isinstance(step, float) else step
            )
        node = Subquery(
            part.node,
            range_ms=milliseconds(length) if isinstance(length, float) else 1,
            step_ms=milliseconds(step) if isinstance(step, float) else 0,
            pos=part.start,
            lengths=lengths,
        )
        self._checks.subquery(node)
        return self._made(node, part.start, part)

    def _positive(self, length: Length, pos: int) -> Length:
        if isinstance(length, float):
            if not length > 0:
                raise self._fail(pos, "duration must be greater than 0")
            if length > SECONDS_MAX:
                raise self._fail(pos, "duration out of range")
        return length

    def _with_offset(self, part: Part) -> Part:
        self._take()
        if not self._begins_length():
            raise self._unexpected("offset", "number, duration, step(), or range()")
        pos = self._word.pos
        length = self._offset_length()
        node = part.node
        if part.is_grouped or not isinstance(node, Select | Subquery):
            what = "an instant vector selector or range vector selector or a subquery"
            raise self._fail(part.start, f"offset modifier must be preceded by {what}")
        if node.offset_ms or (node.lengths is not None and node.lengths.offset is not None):
            raise self._fail(part.start, "offset may not be set multiple times")
        if isinstance(length, float):
            if not abs(length) <= SECONDS_MAX:
                raise self._fail(pos, "duration out of range")
            node = replace(node, offset_ms=milliseconds(length))
        else:
            node = replace(node, lengths=replace(node.lengths or Lengths(), offset=length))
        return replace(part, node=node, end=self._end)

    def _with_anchor(self, part: Part) -> Part:
        self._take()
        anchor = self._anchor(part)
        node = part.node
        if part.is_grouped or not isinstance(node, Select | Subquery):
            what = "an instant vector selector or range vector selector or a subquery"
            raise self._fail(part.start, f"@ modifier must be preceded by {what}")
        if node.anchor is not None:
            raise self._fail(part.start, "@ <timestamp> may not be set multiple times")
        return replace(part, node=replace(node, anchor=anchor), end=self._end)

    def _anchor(self, part: Part) -> Anchor:
        if self._is("start", "end"):
            edge = Edge.START if self._take().kind == "start" else Edge.END
            self._expect("(", "@", "timestamp")
            self._expect(")", "@", "timestamp")
            return edge
        sign = -1.0 if self._is("-") else 1.0
        if self._is("-", "+"):
            self._take()
        if not self._is(NUMBER, DURATION):
            raise self._unexpected("@", "timestamp")
        seconds = sign * self._number(self._take())
        if not abs(seconds) < _TIME_MAX_S:
            shown = "NaN" if math.isnan(seconds) else f"{seconds:+f}".title() if math.isinf(seconds) else f"{seconds:f}"
            raise self._fail(part.start, f"timestamp out of bounds for @ modifier: {shown}")
        return milliseconds(seconds)

    def _extended(self, part: Part) -> Part:
        word = self._take().kind
        self._wants(Feature.EXTENDED_RANGES, part.start, f"{word} modifier is experimental and not enabled")
        node = part.node
        if isinstance(node, Subquery):
            raise self._fail(part.start, f"{word} modifier is not supported for subqueries")
        if part.is_grouped or not isinstance(node, Select):
            raise self._fail(part.start, f"{word} modifier not implemented")
        if node.extension is not None and node.extension.value != word:
            raise self._fail(part.start, "anchored and smoothed modifiers cannot be used together")
        return replace(part, node=replace(node, extension=Extension(word)), end=self._end)


# How Go names the faults that RE2 names so.
GO_REASONS = {
    "bad repetition operator": "invalid nested repetition operator",
    "invalid perl operator": "invalid or unsupported Perl syntax",
    "missing ]": "missing closing ]",
    "missing )": "missing closing )",
    "no argument for repetition operator": "missing argument to repetition operator",
    "trailing \\": "trailing backslash at end of expression",
}


def wrong_pattern(pattern: str) -> str:
    """What is wrong with a regular expression; empty if nothing."""
    options = re2.Options()
    options.log_errors = False
    try:
        re2.compile(pattern, options)
    except re2.error as error:
        text = error.args[0].decode() if isinstance(error.args[0], bytes) else str(error)
        what, _, where = text.partition(": ")
        return f"{GO_REASONS.get(what, what)}: `{where}`"
    return ""
