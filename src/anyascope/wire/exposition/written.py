"""Samples as a page for Prometheus to scrape: text 0.0.4 or protobuf, names beyond ASCII as the reader asked for them.

Source: Prometheus, "Exposition formats", "UTF-8 names"; `expfmt.MetricFamilyToText`, `client_model`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from enum import Enum
from typing import Any, Protocol

from anyascope.model.labels import METRIC_NAME, Labels, metric_of
from anyascope.model.metrics import HistogramSample
from anyascope.wire.exposition import schema

PROTOBUF = "application/vnd.google.protobuf"
FAMILY = "io.prometheus.client.MetricFamily"
UNTYPED, HISTOGRAM, GAUGE_HISTOGRAM = 3, 4, 5  # kinds of a family on the wire
CUSTOM_SCHEMA = -53  # of histograms with custom buckets
PLAIN_DIGITS_MAX = 6  # before the point; Go writes longer numbers with an exponent

_LEGACY_METRIC = re.compile(r"[A-Za-z_:][A-Za-z0-9_:]*", re.ASCII)
_LEGACY_LABEL = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_WEIGHT = re.compile(r";\s*q\s*=\s*(0?[.]?[0-9]+|[01][.][0-9]*)")
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


class Page(Protocol):
    """A page that grows sample by sample, those of a metric behind each other."""

    def sample(self, labels: Labels, value: float, time_ms: int) -> None:
        """One number."""

    def histogram(self, labels: Labels, histogram: HistogramSample) -> None:
        """One native histogram; `labels` stand in place of its own."""

    def body(self) -> bytes:
        """The whole page."""


def page_for(accept: str) -> tuple[Page, str]:
    """An empty page in the form that an `Accept` header likes best, and its content type; text where it likes none."""
    escaping = escaping_of(accept)
    clauses = sorted(accept.split(","), key=_weight_of, reverse=True)
    for clause in clauses:
        media = clause.partition(";")[0].strip().lower()
        if media == PROTOBUF and f"proto={FAMILY}" in clause and "encoding=delimited" in clause:
            told = f"{PROTOBUF}; proto={FAMILY}; encoding=delimited; escaping={escaping.value}"
            return ProtobufPage(escaping), told
        if media in {"text/plain", "*/*"}:
            break
    return TextPage(escaping), content_type(escaping)


def _weight_of(clause: str) -> float:
    found = _WEIGHT.search(clause)
    return float(found.group(1)) if found else 1.0


class _Names:
    """Names as the reader knows them, each made once."""

    def __init__(self, escaping: Escaping) -> None:
        self._escape = _ESCAPERS[escaping]
        self._known: dict[str, str] = {}

    def of(self, name: str) -> str:
        """The name as it is written."""
        found = self._known.get(name)
        if found is None:
            is_legacy = _LEGACY_METRIC.fullmatch(name) is not None
            found = self._known[name] = name if is_legacy else self._escape(name)
        return found


class TextPage:
    """The text format. It has no native buckets: of a histogram it says what one without buckets says."""

    def __init__(self, escaping: Escaping) -> None:
        self._names = _Names(escaping)
        self._lines: list[str] = []
        self._family = ("", "")

    def sample(self, labels: Labels, value: float, time_ms: int) -> None:
        """One number."""
        self._begin(labels, "untyped")
        self._line(labels, value, time_ms)

    def histogram(self, labels: Labels, histogram: HistogramSample) -> None:
        """Count and sum of a histogram."""
        self._begin(labels, "histogram")
        time_ms = histogram.time_ms
        self._line((*labels, ("le", "+Inf")), histogram.count, time_ms, suffix="_bucket")
        self._line(labels, histogram.sum, time_ms, suffix="_sum")
        self._line(labels, histogram.count, time_ms, suffix="_count")

    def _begin(self, labels: Labels, kind: str) -> None:
        family = (metric_of(labels), kind)
        if self._family != family:
            self._family = family
            name = self._name(family[0])
            self._lines.append(f"# TYPE {name if _LEGACY_METRIC.fullmatch(name) else _quoted(name)} {kind}\n")

    def _line(self, labels: Labels, value: float, time_ms: int, *, suffix: str = "") -> None:
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

    def body(self) -> bytes:
        """The whole page."""
        return "".join(self._lines).encode("utf-8", "replace")

    def _name(self, name: str) -> str:
        return self._names.of(name)


class ProtobufPage:
    """Families one behind the other, each with its length before it; native histograms whole."""

    def __init__(self, escaping: Escaping) -> None:
        self._names = _Names(escaping)
        self._written = bytearray()
        self._family: Any = None
        self._key = ("", -1)

    def sample(self, labels: Labels, value: float, time_ms: int) -> None:
        """One number."""
        metric = self._metric(labels, time_ms)
        metric.untyped.value = value
        self._add(labels, UNTYPED, metric)

    def histogram(self, labels: Labels, histogram: HistogramSample) -> None:
        """A histogram, as a float one. Custom buckets have no form here: of those count and sum are told."""
        metric = self._metric(labels, histogram.time_ms)
        into = metric.histogram
        into.sample_count_float, into.sample_sum = histogram.count, histogram.sum
        if histogram.custom_bounds or histogram.schema == CUSTOM_SCHEMA:
            into.bucket.add(upper_bound=math.inf, cumulative_count_float=histogram.count)
        else:
            into.schema, into.zero_threshold = histogram.schema, histogram.zero_threshold
            into.zero_count_float = histogram.zero_count
            for offset, length in histogram.positive_spans:
                into.positive_span.add(offset=offset, length=length)
            for offset, length in histogram.negative_spans:
                into.negative_span.add(offset=offset, length=length)
            into.positive_count.extend(histogram.positive_counts)
            into.negative_count.extend(histogram.negative_counts)
            if not (histogram.positive_spans or histogram.negative_spans):
                into.positive_span.add()  # an empty span tells a native histogram without buckets from a classic one
        self._add(labels, GAUGE_HISTOGRAM if histogram.is_gauge else HISTOGRAM, metric)

    def body(self) -> bytes:
        """The whole page."""
        self._close()
        return bytes(self._written)

    def _metric(self, labels: Labels, time_ms: int) -> Any:
        metric = schema.Metric(timestamp_ms=time_ms)
        for name, value in labels:
            if name != METRIC_NAME:
                metric.label.append(schema.Label(name=self._names.of(name), value=value).SerializeToString())
        return metric

    def _add(self, labels: Labels, kind: int, metric: Any) -> None:
        key = (metric_of(labels), kind)
        if self._key != key:
            self._close()
            self._key = key
            self._family = schema.MetricFamily(name=self._names.of(key[0]), type=kind)
        self._family.metric.append(metric.SerializeToString())

    def _close(self) -> None:
        if self._family is not None:
            body = self._family.SerializeToString()
            size = len(body)
            while size > 0x7F:
                self._written.append(size & 0x7F | 0x80)
                size >>= 7
            self._written.append(size)
            self._written += body
        self._family, self._key = None, ("", -1)


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
