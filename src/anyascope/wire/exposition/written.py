"""Samples as a page of Prometheus' text format 0.0.4, with names beyond ASCII as the reader asked for them.

Source: Prometheus, "Exposition formats", "UTF-8 names"; `expfmt.MetricFamilyToText`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from enum import Enum

from anyascope.model.labels import METRIC_NAME, Labels

PLAIN_DIGITS_MAX = 6  # before the point; Go writes longer numbers with an exponent

_LEGACY_METRIC = re.compile(r"[A-Za-z_:][A-Za-z0-9_:]*", re.ASCII)
_LEGACY_LABEL = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_ESCAPING = re.compile(r";\s*escaping\s*=\s*([a-z0-9-]+)", re.IGNORECASE)


class Escaping(Enum):
    """How names are told that the reader may not know."""

    UTF8 = "allow-utf-8"
    UNDERSCORES = "underscores"
    DOTS = "dots"
    VALUES = "values"


def escaping_of(accept: str) -> Escaping:
    """What an `Accept` header asks for; underscores where it does not say."""
    asked = _ESCAPING.search(accept)
    try:
        return Escaping(asked.group(1).lower()) if asked else Escaping.UNDERSCORES
    except ValueError:
        return Escaping.UNDERSCORES


def content_type(escaping: Escaping) -> str:
    """Of a page with such names."""
    return f"text/plain; version=0.0.4; charset=utf-8; escaping={escaping.value}"


class TextPage:
    """A page that grows line by line, families one behind the other."""

    def __init__(self, escaping: Escaping) -> None:
        self._escape = _ESCAPERS[escaping]
        self._lines: list[str] = []
        self._family = ("", "")
        self._names: dict[str, str] = {}

    def family(self, metric: str, kind: str) -> None:
        """What follows is of this metric."""
        if self._family != (metric, kind):
            self._family = (metric, kind)
            name = self._name(metric)
            self._lines.append(f"# TYPE {name if _LEGACY_METRIC.fullmatch(name) else _quoted(name)} {kind}\n")

    def sample(self, labels: Labels, value: float, time_ms: int, *, suffix: str = "") -> None:
        """One sample; `suffix` goes behind the metric's name."""
        name, inner = "", []
        for label, text in labels:
            if label == METRIC_NAME:
                name = self._name(text) + suffix
            else:
                key = self._name(label)
                inner.append(f"{key if _LEGACY_LABEL.fullmatch(key) else _quoted(key)}={_quoted(text)}")
        if not _LEGACY_METRIC.fullmatch(name):
            name, inner = "", [_quoted(name), *inner]
        braces = f"{{{','.join(inner)}}}" if inner else ""
        self._lines.append(f"{name}{braces} {go_float(value)} {time_ms}\n")

    def text(self) -> str:
        """The whole page."""
        return "".join(self._lines)

    def _name(self, name: str) -> str:
        found = self._names.get(name)
        if found is None:
            is_legacy = _LEGACY_METRIC.fullmatch(name) is not None
            found = self._names[name] = name if is_legacy else self._escape(name)
        return found


def go_float(value: float) -> str:
    """The shortest text that reads back as the value. Source: Go, `strconv.FormatFloat(value, 'g', -1, 64)`."""
    if value != value:  # noqa: PLR0124 — NaN
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "+Inf" if value > 0 else "-Inf"
    digits = Decimal(repr(value))
    if value == 0 or -4 <= digits.adjusted() < PLAIN_DIGITS_MAX:
        return format(digits, "f").removesuffix(".0")
    mantissa, _, exponent = f"{digits.normalize():e}".partition("e")
    return f"{mantissa}e{exponent[0]}{exponent[1:].zfill(2)}"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
    return f'"{escaped}"'


def _underscored(name: str) -> str:
    return "".join(c if _is_legacy(c, at) else "_" for at, c in enumerate(name))


def _dotted(name: str) -> str:
    parts = []
    for at, character in enumerate(name):
        if character == "_":
            parts.append("__")
        elif character == ".":
            parts.append("_dot_")
        else:
            parts.append(character if _is_legacy(character, at) else "__")
    return "".join(parts)


def _valued(name: str) -> str:
    parts = ["U__"]
    for at, character in enumerate(name):
        if character == "_":
            parts.append("__")
        else:
            parts.append(character if _is_legacy(character, at) else f"_{ord(character):x}_")
    return "".join(parts)


def _is_legacy(character: str, at: int) -> bool:
    return character.isascii() and (character.isalpha() or character in "_:" or (character.isdigit() and at > 0))


_ESCAPERS: Mapping[Escaping, Callable[[str], str]] = {
    Escaping.UTF8: str,
    Escaping.UNDERSCORES: _underscored,
    Escaping.DOTS: _dotted,
    Escaping.VALUES: _valued,
}
