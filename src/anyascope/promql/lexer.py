"""Words of a query with their places, and what is said of a text that has none.

Source: Prometheus, `promql/parser/lex.go`: what a word is depends on whether a brace or a bracket is open.
"""

from __future__ import annotations

import re
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
FILLS = frozenset({"fill", "fill_left", "fill_right"})
KEYWORDS = LABEL_LISTS | FILLS | {"offset", "bool", "anchored", "smoothed"}
WORD_OPERATORS = frozenset({"and", "or", "unless", "atan2"})
CALLED_WORDS = frozenset({"start", "end", "step", "range", "min_of", "max_of"})
LENGTH_WORDS = frozenset({"step", "range", "min_of", "max_of"})
LENGTH_SIGNS = frozenset("()+-*/%^,]")
SIGN_OPERATORS = frozenset(
    {"+", "-", "*", "/", "%", "^", "==", "!=", "<=", ">=", "<", ">", "</", ">/", "=~", "!~", "@"},
)
_RESERVED = AGGREGATIONS | KEYWORDS | WORD_OPERATORS | CALLED_WORDS

# Kinds of words; those of signs and reserved words are the words themselves.
END, IDENTIFIER, METRIC_IDENTIFIER = "end of input", "identifier", "metric identifier"
NUMBER, DURATION, STRING = "number", "duration", "string"
SHOWN_MAX = 10  # characters of a word that a message repeats

_SPACE = re.compile(r"(?:[ \t\n\r]+|#[^\n\r]*)+")
_SIGN = re.compile(r"==|!=|<=|>=|</|>/|=~|!~|[-+*/%^<>=@,(){}\[\]:]")
_NAME = re.compile(r"[A-Za-z_:][A-Za-z0-9_:]*")
_LABEL = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NUMBER = re.compile(
    r"(?:0[xX]_?[0-9a-fA-F]*(?:_[0-9a-fA-F]+)*|(?:\d+(?:_\d+)*\.?\d*(?:_\d+)*|\.\d+(?:_\d+)*)(?:[eE][+-]?\d+)?)(?![A-Za-z0-9_.])"
)
_DURATION = re.compile(r"\d+(?:ms|[smhdwy])s?(?:\d+(?:ms|[smhdw])s?)*(?![A-Za-z0-9_])")
# As much of what is no number as Prometheus reads before it notices.
_BROKEN_NUMBER = re.compile(r"[\d_]*(?:\.\d*)?(?:[eE][+-]?\d*)?\.?(?:[smhdwy]s?(?:\d+(?:[smhdw]s?)?)*[A-Za-z0-9_]?)?")
_ESCAPED = r"\\(?:[abfnrtv\\{quote}]|[0-7]{{3}}|x[0-9a-fA-F]{{2}}|u[0-9a-fA-F]{{4}}|U[0-9a-fA-F]{{8}})"
_STRINGS = {
    '"': re.compile(rf'"(?:[^"\\\n]|{_ESCAPED.format(quote=chr(34))})*"'),
    "'": re.compile(rf"'(?:[^'\\\n]|{_ESCAPED.format(quote=chr(39))})*'"),
    "`": re.compile(r"`[^`]*`"),
}
_LOOSE_STRINGS = {
    '"': re.compile(r'"(?:[^"\\\n]|\\.)*"', re.DOTALL),
    "'": re.compile(r"'(?:[^'\\\n]|\\.)*'", re.DOTALL),
}
_ESCAPE_BEGIN = re.compile(r"\\(.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Word:
    """One word of the text. `kind` is one of the constants above, or the word itself in lower case."""

    kind: str
    text: str
    pos: int

    @property
    def end(self) -> int:
        """The character after the word."""
        return self.pos + len(self.text)

    @property
    def shown(self) -> str:
        """The word as a message names it."""
        if self.kind == END:
            return END
        if self.kind in KEYWORDS:
            return f"<{self.text}>"
        if self.kind in SIGN_OPERATORS | WORD_OPERATORS:
            return f"<op:{self.text}>"
        if self.kind in AGGREGATIONS:
            return f"<aggr:{self.text}>"
        is_long = len(self.text) > SHOWN_MAX and self.kind not in {IDENTIFIER, METRIC_IDENTIFIER}
        quoted = f"{go_quoted(self.text[:SHOWN_MAX])}..." if is_long else go_quoted(self.text)
        is_named = self.kind in {IDENTIFIER, METRIC_IDENTIFIER, NUMBER, DURATION, STRING}
        return f"{self.kind} {quoted}" if is_named else quoted


def place(text: str, pos: int) -> str:
    """`line:column` of a character, both from 1, as Prometheus counts: columns in bytes."""
    line_start = text.rfind("\n", 0, pos) + 1
    column = len(text[line_start:pos].encode("utf-8", "surrogatepass")) + 1
    return f"{text.count(chr(10), 0, pos) + 1}:{column}"


def syntax_error(text: str, pos: int, message: str) -> QuerySyntaxError:
    """The error of this text, with its place."""
    return QuerySyntaxError(f"{place(text, pos)}: parse error: {message}")


class Lexer:
    """Reads a text word by word."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._pos = 0
        self._parentheses = 0
        self._is_in_braces = False
        self._is_in_brackets = False
        self._awaits_length = False  # a bracket is open, and no number has been seen in it
        self._has_colon = False

    def word(self) -> Word:
        """The next word; `END` at the end, and ever after.

        Raises:
            QuerySyntaxError: there is no word here.
        """
        space = _SPACE.match(self.text, self._pos)
        if space is not None:
            self._pos = space.end()
        word = self._in_braces() if self._is_in_braces else self._outside()
        self._pos = word.end
        return word

    def fail(self, message: str) -> QuerySyntaxError:
        """The error of the text at the place where the lexer stands."""
        return syntax_error(self.text, self._pos, message)

    def _end(self) -> Word:
        if self._is_in_braces:
            raise self.fail("unexpected end of input inside braces")
        if self._awaits_length:
            raise self.fail("unexpected end of input in duration expression")
        if self._parentheses:
            raise self.fail("unclosed left parenthesis")
        if self._is_in_brackets:
            raise self.fail("unclosed left bracket")
        return Word(END, "", self._pos)

    def _outside(self) -> Word:
        text, pos = self.text, self._pos
        if pos >= len(text):
            return self._end()
        character = text[pos]
        if (character.isascii() and character.isdigit()) or (character == "." and text[pos + 1 : pos + 2].isdigit()):
            self._awaits_length = False
            return self._number()
        if character in "\"'`":
            return self._string(character)
        if self._is_in_brackets and (_NAME.match(text, pos) or (self._awaits_length and character not in LENGTH_SIGNS)):
            return self._in_brackets(character)
        name = _NAME.match(text, pos)
        if name is not None:
            return self._named(name.group())
        return self._sign()

    def _in_brackets(self, character: str) -> Word:
        """A colon or a word of a duration; nothing else may stand there."""
        if character == ":":
            if self._awaits_length:
                raise self.fail("unexpected colon before duration in duration expression")
            if self._has_colon:
                raise self.fail("unexpected colon ':'")
            self._has_colon = True
            return Word(":", ":", self._pos)
        name = _LABEL.match(self.text, self._pos)
        if name is not None and name.group().lower() in LENGTH_WORDS:
            return Word(name.group().lower(), name.group(), self._pos)
        if self._awaits_length:
            raise self.fail(f"unexpected character in duration expression: {go_quoted_rune(character)}")
        raise self.fail(f"unexpected character: {go_quoted_rune(character)}, expected ':'")

    def _named(self, text: str) -> Word:
        lowered = text.lower()
        pos = self._pos
        if lowered in {"inf", "nan"}:
            return Word(NUMBER, text, pos)
        if lowered in FILLS and not self._is_called(pos + len(text)):
            return Word(IDENTIFIER, text, pos)
        if lowered in _RESERVED:
            return Word(lowered, text, pos)
        return Word(METRIC_IDENTIFIER if ":" in text else IDENTIFIER, text, pos)

    def _is_called(self, pos: int) -> bool:
        space = _SPACE.match(self.text, pos)
        pos = space.end() if space is not None else pos
        return self.text[pos : pos + 1] == "("

    def _sign(self) -> Word:
        text, pos = self.text, self._pos
        found = _SIGN.match(text, pos)
        if found is None:
            raise self._unknown(text[pos])
        sign = found.group()
        if sign in {"=~", "!~"}:
            raise self.fail(f"unexpected character after '{sign[0]}': '~'")
        match sign:
            case "(":
                self._parentheses += 1
            case ")":
                self._parentheses -= 1
                if self._parentheses < 0:
                    self._pos += 1  # Prometheus points behind it
                    raise self.fail("unexpected right parenthesis ')'")
            case "{":
                self._is_in_braces = True
            case "[":
                if self._is_in_brackets:
                    raise self.fail("unexpected left bracket '['")
                self._is_in_brackets = self._awaits_length = True
                self._has_colon = False
            case "]":
                if not self._is_in_brackets:
                    raise self.fail("unexpected right bracket ']'")
                self._is_in_brackets = self._awaits_length = False
            case "}":
                raise self.fail("unexpected character: '}'")
        return Word(sign, sign, pos)

    def _unknown(self, character: str) -> QuerySyntaxError:
        if character == "!":
            following = self.text[self._pos + 1 : self._pos + 2]
            return self.fail(f"unexpected character after '!': {_quoted_rune(following)}")
        return self.fail(f"unexpected character: {_quoted_rune(character)}")

    def _in_braces(self) -> Word:
        text, pos = self.text, self._pos
        if pos >= len(text):
            return self._end()
        character = text[pos]
        if character in "\"'`":
            return self._string(character)
        label = _LABEL.match(text, pos)
        if label is not None:
            return Word(IDENTIFIER, label.group(), pos)
        two = text[pos : pos + 2]
        if two in {"=~", "!~", "!="}:
            return Word(two, two, pos)
        if character in ",=":
            return Word(character, character, pos)
        if character == "}":
            self._is_in_braces = False
            return Word("}", "}", pos)
        if character == "{":
            raise self.fail("unexpected left brace '{'")
        if character == "!":
            raise self.fail(f"unexpected character after '!' inside braces: {_quoted_rune(text[pos + 1 : pos + 2])}")
        raise self.fail(f"unexpected character inside braces: {_quoted_rune(character)}")

    def _number(self) -> Word:
        for kind, pattern in ((NUMBER, _NUMBER), (DURATION, _DURATION)):
            found = pattern.match(self.text, self._pos)
            if found is not None:
                return Word(kind, found.group(), self._pos)
        found = _BROKEN_NUMBER.match(self.text, self._pos)
        assert found is not None
        raise self.fail(f"bad number or duration syntax: {go_quoted(found.group())}")

    def _string(self, quote: str) -> Word:
        found = _STRINGS[quote].match(self.text, self._pos)
        if found is not None:
            return Word(STRING, found.group(), self._pos)
        if quote == "`":
            raise self.fail("unterminated raw string")
        loose = _LOOSE_STRINGS[quote].match(self.text, self._pos)
        if loose is None:
            raise self.fail("unterminated quoted string")
        raise self.fail(_wrong_escape(loose.group(), quote))


_ESCAPES = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_ESCAPE = re.compile(rb"\\(x[0-9a-fA-F]{2}|[0-7]{3}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.)", re.DOTALL)
_DIGITS = {"x": (2, "0123456789abcdefABCDEF"), "u": (4, "0123456789abcdefABCDEF"), "U": (8, "0123456789abcdefABCDEF")}


def _wrong_escape(text: str, quote: str) -> str:
    for found in _ESCAPE_BEGIN.finditer(text):
        letter = found[1]
        if letter in _ESCAPES or letter in {"\\", quote}:
            continue
        count, digits = _DIGITS.get(letter, (3, "01234567"))
        begin = found.end() if letter in _DIGITS else found.end() - 1
        if letter not in _DIGITS and letter not in digits:
            return f"unknown escape sequence {_code_point(letter)}"
        wrong = next((each for each in text[begin : begin + count] if each not in digits), None)
        if wrong is not None:
            return f"illegal character {_code_point(wrong)} in escape sequence"
    return "escape sequence is an invalid Unicode code point"


def _code_point(character: str) -> str:
    return f"U+{ord(character):04X} '{character}'"


def _quoted_rune(character: str) -> str:
    return go_quoted_rune(character) if character else "'\\uffff'"


def go_quoted_rune(character: str) -> str:
    """A character as Go's verb `%q` shows it."""
    if character in {"'", "\\"}:
        return f"'\\{character}'"
    return f"'{character}'" if character.isprintable() else f"'{_escaped(character)}'"


def go_quoted(text: str) -> str:
    """A string as Go's verb `%q` shows it."""
    shown = (f"\\{each}" if each in '"\\' else each if each.isprintable() else _escaped(each) for each in text)
    return f'"{"".join(shown)}"'


_SHORT = {value: f"\\{letter}" for letter, value in _ESCAPES.items()}


def _escaped(character: str) -> str:
    if character in _SHORT:
        return _SHORT[character]
    code = ord(character)
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


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
    if "\\" not in text:
        return text[1:-1]

    def plain(found: re.Match[bytes]) -> bytes:
        escape = found.group(1).decode()
        if escape[0] == "x" and len(escape) == 3:
            return bytes([int(escape[1:], 16)])
        if escape[0] in "uU" and len(escape) > 1:
            return chr(int(escape[1:], 16)).encode("utf-8", "replace")
        if len(escape) == 3:
            return bytes([int(escape, 8) & 0xFF])
        return _ESCAPES.get(escape, escape).encode()

    return _ESCAPE.sub(plain, text[1:-1].encode()).decode("utf-8", "replace")
