"""Go's `fmt`: printing values and `printf`, byte for byte as far as templates can see.

Source: https://pkg.go.dev/fmt.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from anyascope.wire.gotemplate.errors import TemplateFunctionError
from anyascope.wire.gotemplate.values import DataObject, NoValue, quoted, type_name

TEXT_CHARS_MAX = 1_000_000  # one printed value; a page of alerts has under 100 kB
WIDTH_MAX = 1_000_000  # Go's own bound on width and precision
PRINT_DEPTH_MAX = 32  # lists within lists; a template can build them without end
_EXPONENT_MIN = -4
_EXPONENT_MAX = 6  # where the shortest form of a float turns to an exponent: strconv's own rule, both bounds
_PLAIN_MIN, _PLAIN_MAX = 1e-4, 1e6  # between these neither Go nor Python writes an exponent
_VERB = re.compile(r"%([+\-# 0]*)(\[\d+\])?(\*|\d+)?(?:\.(\[\d+\])?(\*|\d*))?(\[\d+\])?(.?)", re.DOTALL)


def to_text(value: object) -> str:
    """The value as `%v` prints it.

    Raises:
        TemplateFunctionError: the text is longer than `TEXT_CHARS_MAX` or nested deeper than `PRINT_DEPTH_MAX`.
    """
    if type(value) is float:
        return format_float(value, "g", -1)
    return _Printer().value(value)


def print_all(values: Sequence[object]) -> str:
    """`fmt.Sprint`: blanks between neighbours of which neither is a text."""
    parts: list[str] = []
    for index, value in enumerate(values):
        if index and not isinstance(value, str) and not isinstance(values[index - 1], str):
            parts.append(" ")
        parts.append(to_text(value))
    return "".join(parts)


def print_line(values: Sequence[object]) -> str:
    """`fmt.Sprintln`: blanks between all, a newline behind."""
    return " ".join(to_text(value) for value in values) + "\n"


class _Printer:
    """Prints one value, counting what it writes."""

    def __init__(self, leaf: Callable[[object], str] | None = None) -> None:
        self._leaf = leaf or _leaf_text
        self._chars = 0

    def value(self, value: object, depth: int = 0) -> str:
        if depth > PRINT_DEPTH_MAX:
            raise TemplateFunctionError(f"a value is nested more than {PRINT_DEPTH_MAX} deep")
        text = self._structure(value, depth)
        return self._leaf(value) if text is None else text

    def _structure(self, value: object, depth: int) -> str | None:
        if isinstance(value, DataObject):
            own = value.template_text()
            if own is not None:
                return self._leaf(own)
        if isinstance(value, Mapping):
            keys = sorted(value, key=str)
            return self._joined((f"{self._leaf(key)}:{self.value(value[key], depth + 1)}" for key in keys), "map[", "]")
        if isinstance(value, Sequence) and not isinstance(value, str | bytes):
            return self._joined((self.value(item, depth + 1) for item in value), "[", "]")
        if isinstance(value, DataObject):
            return self._joined((self.value(item, depth + 1) for item in value.template_fields().values()), "{", "}")
        return None

    def _joined(self, parts: Iterator[str], opening: str, closing: str) -> str:
        kept: list[str] = []
        for part in parts:
            self._chars += len(part) + 1
            if self._chars > TEXT_CHARS_MAX:
                raise TemplateFunctionError(f"a text is longer than {TEXT_CHARS_MAX} characters")
            kept.append(part)
        return f"{opening}{' '.join(kept)}{closing}"


def _leaf_text(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return format_float(value, "g", -1)
    if value is None or isinstance(value, int | NoValue):
        return "<nil>" if value is None else str(value)
    return f"<{type_name(value)}>"


def format_float(value: float, verb: str, precision: int) -> str:
    """`strconv.FormatFloat` for the verbs e, E, f, g and G; a precision of -1 is the fewest digits that read back."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    if precision >= 0:
        if verb in "gG":
            precision = max(precision, 1)
        return f"{value:.{precision}{verb}}"
    return _format_shortest(value, verb)


def _format_shortest(value: float, verb: str) -> str:
    if verb in "gG" and _PLAIN_MIN <= abs(value) < _PLAIN_MAX:
        return repr(value).removesuffix(".0")
    sign, digits, exponent = _shortest(value)
    if verb in "gG":
        is_exponent = exponent < _EXPONENT_MIN or exponent >= _EXPONENT_MAX
        verb = chr(ord(verb) - 2) if is_exponent else "f"
    if verb in "eE":
        mantissa = digits[0] + ("." + digits[1:] if len(digits) > 1 else "")
        return f"{sign}{mantissa}{verb}{'-' if exponent < 0 else '+'}{abs(exponent):02d}"
    if exponent < 0:
        return f"{sign}0.{'0' * (-exponent - 1)}{digits}" if value else f"{sign}0"
    whole = digits[: exponent + 1].ljust(exponent + 1, "0")
    fraction = digits[exponent + 1 :]
    return f"{sign}{whole}.{fraction}" if fraction else f"{sign}{whole}"


def _shortest(value: float) -> tuple[str, str, int]:
    """Sign, the fewest digits that read back, and the decimal exponent of the first of them."""
    sign = "-" if math.copysign(1.0, value) < 0 else ""
    if value == 0:
        return sign, "0", 0
    mantissa, _, exponent = f"{abs(value)!r}".partition("e")
    whole, _, fraction = mantissa.partition(".")
    shift = int(exponent or 0)
    digits = (whole + fraction).lstrip("0")
    leading_zeros = len(whole + fraction) - len(digits)
    point = len(whole) - leading_zeros
    return sign, digits.rstrip("0") or "0", point - 1 + shift


# --- printf -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Spec:
    """One verb with its flags; -1 is "not given"."""

    verb: str
    flags: str
    width: int
    precision: int

    def has(self, flag: str) -> bool:
        return flag in self.flags


def printf(format_text: str, values: Sequence[object]) -> str:
    """`fmt.Sprintf`.

    Raises:
        TemplateFunctionError: the text is longer than `TEXT_CHARS_MAX`.
    """
    return _Formatter(values).format(format_text)


class _Formatter:
    def __init__(self, values: Sequence[object]) -> None:
        self._values = values
        self._next = 0
        self._is_reordered = False

    def format(self, text: str) -> str:
        parts: list[str] = []
        chars = position = 0
        for match in _VERB.finditer(text):
            parts.extend((text[position : match.start()], self._verb(match)))
            position = match.end()
            chars += len(parts[-1]) + len(parts[-2])
            if chars > TEXT_CHARS_MAX:
                raise TemplateFunctionError(f"a text is longer than {TEXT_CHARS_MAX} characters")
        parts.append(text[position:])
        if not self._is_reordered and self._next < len(self._values):
            extra = ", ".join(_typed(value) for value in self._values[self._next :])
            parts.append(f"%!(EXTRA {extra})")
        return "".join(parts)

    def _verb(self, match: re.Match[str]) -> str:
        flags, width_index, width_text, precision_index, precision_text, value_index, verb = match.groups()
        if not verb:
            return "%!(NOVERB)"
        width, is_width_bad = self._number(width_text, width_index if width_text == "*" else None)
        precision, is_precision_bad = self._number(precision_text, precision_index)
        if precision_text == "":
            precision = 0
        if width < -1:
            flags, width = flags + "-", -width
        spec = _Spec(verb, flags, width, precision)
        trouble = ("%!(BADWIDTH)" if is_width_bad else "") + ("%!(BADPREC)" if is_precision_bad else "")
        if verb == "%":
            return trouble + "%"
        self._reorder(value_index or (width_index if width_text != "*" else None))
        if self._next >= len(self._values) or self._next < 0:
            return f"{trouble}%!{verb}({'BADINDEX' if self._is_reordered else 'MISSING'})"
        value = self._values[self._next]
        self._next += 1
        return trouble + _format_value(spec, value)

    def _number(self, text: str | None, index: str | None) -> tuple[int, bool]:
        """A width or precision, from the format or from an argument (`*`), and whether it was a bad one."""
        if text is None or text == "":
            return -1, False
        if text != "*":
            number = int(text[:8])
            return (number, False) if number <= WIDTH_MAX else (-1, True)
        self._reorder(index)
        if not 0 <= self._next < len(self._values):
            return -1, True
        value = self._values[self._next]
        self._next += 1
        if isinstance(value, bool) or not isinstance(value, int) or abs(value) > WIDTH_MAX:
            return -1, True
        return value, False

    def _reorder(self, index: str | None) -> None:
        if index:
            self._is_reordered = True
            self._next = int(index[1:-1][:8]) - 1


def _typed(value: object) -> str:
    return "<nil>" if value is None else f"{type_name(value)}={to_text(value)}"


def _format_value(spec: _Spec, value: object) -> str:
    if spec.verb == "T":
        return _pad(spec, type_name(value))
    if value is None or isinstance(value, NoValue):
        return _pad(spec, "<nil>") if spec.verb == "v" else f"%!{spec.verb}(<nil>)"
    return _Printer(lambda leaf: _format_leaf(spec, leaf)).value(value)


def _format_leaf(spec: _Spec, value: object) -> str:
    text: str | None = None
    match value:
        case bool():
            text = _pad(spec, "true" if value else "false") if spec.verb in "tv" else None
        case int():
            text = _format_int(spec, value)
        case float():
            text = _format_float(spec, value)
        case str():
            text = _format_text(spec, value)
        case None | NoValue():
            text = _pad(spec, "<nil>")
    if text is not None:
        return text
    # Go prints a value that the verb is not for by %v, with the same flags, width and precision.
    return f"%!{spec.verb}({type_name(value)}={_format_leaf(replace(spec, verb='v'), value)})"


def _pad(spec: _Spec, text: str) -> str:
    if spec.width < 0:
        return text
    return text.ljust(spec.width) if spec.has("-") else text.rjust(spec.width)


_INT_BASES = {"d": "d", "v": "d", "b": "b", "o": "o", "O": "o", "x": "x", "X": "X"}
_INT_PREFIXES = {"b": "0b", "o": "0", "x": "0x", "X": "0X"}


def _format_int(spec: _Spec, value: int) -> str | None:
    if spec.verb in _INT_BASES:
        digits = format(abs(value), _INT_BASES[spec.verb])
        prefix = "0o" if spec.verb == "O" else _INT_PREFIXES.get(spec.verb, "") if spec.has("#") else ""
        if spec.precision >= 0:
            digits = "" if spec.precision == 0 and value == 0 else digits.rjust(spec.precision, "0")
        sign = _sign(spec, is_negative=value < 0)
        if spec.has("0") and not spec.has("-") and spec.precision < 0 and spec.width > 0:
            digits = digits.rjust(spec.width - len(sign) - len(prefix), "0")
        return _pad(spec, sign + prefix + digits)
    is_code = 0 <= value <= 0x10FFFF and not 0xD800 <= value < 0xE000
    character = chr(value) if is_code else "\ufffd"
    match spec.verb:
        case "c":
            return _pad(spec, character)
        case "q":
            return _pad(spec, "'" + ("\\'" if character == "'" else quoted(character)[1:-1].replace('\\"', '"')) + "'")
        case "U":
            return _pad(spec, f"U+{value:04X}")
    return None


def _sign(spec: _Spec, *, is_negative: bool) -> str:
    if is_negative:
        return "-"
    if spec.has("+"):
        return "+"
    return " " if spec.has(" ") else ""


_FLOAT_PRECISION_DEFAULT = {"e": 6, "E": 6, "f": 6, "F": 6, "g": -1, "G": -1, "v": -1}


def _format_float(spec: _Spec, value: float) -> str | None:
    if spec.verb not in _FLOAT_PRECISION_DEFAULT:
        return None
    precision = spec.precision if spec.precision >= 0 else _FLOAT_PRECISION_DEFAULT[spec.verb]
    verb = {"v": "g", "F": "f"}.get(spec.verb, spec.verb)
    body = format_float(value, verb, precision)
    is_finite = math.isfinite(value)
    is_negative = body.startswith("-")
    sign = _sign(spec, is_negative=is_negative) or ("+" if math.isinf(value) else "")
    body = body.lstrip("+-")
    if spec.has("0") and not spec.has("-") and spec.width > 0 and is_finite:
        body = body.rjust(spec.width - len(sign), "0")
    return _pad(spec, sign + body)


def _format_text(spec: _Spec, value: str) -> str | None:
    cut = value if spec.precision < 0 else value[: spec.precision]
    match spec.verb:
        case "s" | "v":
            if spec.has("0") and not spec.has("-") and spec.width > 0:
                return cut.rjust(spec.width, "0")
            return _pad(spec, cut)
        case "q":
            if spec.has("#") and "`" not in cut and cut.isprintable():
                return _pad(spec, f"`{cut}`")
            return _pad(spec, quoted(cut))
        case "x" | "X":
            raw = cut.encode("utf-8", "surrogatepass")
            encoded = raw.hex(" ") if spec.has(" ") else raw.hex()
            return _pad(spec, encoded.upper() if spec.verb == "X" else encoded)
    return None
