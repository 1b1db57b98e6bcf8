"""Metric and label names as Prometheus' OTLP translation makes them (`UnderscoreEscapingWithSuffixes`).

Source: OpenTelemetry specification, "Prometheus and OpenMetrics compatibility", and the behaviour of Prometheus 3's OTLP
receiver with its default translation strategy.
"""

from __future__ import annotations

import re
from functools import lru_cache

from anyascope.model.metrics import MetricType

NAMES_REMEMBERED = 16_384  # distinct names; an installation with hundreds of services has a few thousand

# UCUM's codes, case-sensitive, as Prometheus spells them out.
UNITS = {
    "d": "days",
    "h": "hours",
    "min": "minutes",
    "s": "seconds",
    "ms": "milliseconds",
    "us": "microseconds",
    "ns": "nanoseconds",
    "By": "bytes",
    "KiBy": "kibibytes",
    "MiBy": "mebibytes",
    "GiBy": "gibibytes",
    "TiBy": "tibibytes",
    "KBy": "kilobytes",
    "MBy": "megabytes",
    "GBy": "gigabytes",
    "TBy": "terabytes",
    "m": "meters",
    "V": "volts",
    "A": "amperes",
    "J": "joules",
    "W": "watts",
    "g": "grams",
    "Cel": "celsius",
    "Hz": "hertz",
    "1": "",
    "%": "percent",
}
PER_UNITS = {"s": "second", "m": "minute", "h": "hour", "d": "day", "w": "week", "mo": "month", "y": "year"}

_NAME_INVALID = re.compile(r"[^a-zA-Z0-9:_]+")
_NAME_BREAK = re.compile(r"[^a-zA-Z0-9:]+")
_PER = "per_"
_LABEL_INVALID = re.compile(r"[^a-zA-Z0-9_]")


@lru_cache(maxsize=NAMES_REMEMBERED)
def metric_name(name: str, *, unit: str = "", kind: MetricType = MetricType.UNKNOWN) -> str:
    """The Prometheus name of an OTLP metric, with the suffixes of its unit and type.

    Args:
        name: as sent, such as `http.server.request.duration`.
        unit: in UCUM's notation, such as `s`, `By/s`, `{request}`.
        kind: COUNTER adds `_total`, GAUGE with unit `1` adds `_ratio`.

    Returns:
        The name without `_bucket`, `_sum` or `_count`; empty where nothing of the name is left.
    """
    words = [word for word in _NAME_BREAK.split(name) if word]
    if not words:
        return ""
    main, per = _unit_suffixes(unit)
    if main and main not in words:
        words.append(main)
    if per and per not in words:
        words.append(per)
    if kind is MetricType.COUNTER:
        words = [*(word for word in words if word != "total"), "total"]
    if unit == "1" and kind is MetricType.GAUGE:
        words = [*(word for word in words if word != "ratio"), "ratio"]
    joined = "_".join(words)
    return f"_{joined}" if joined[0].isdigit() else joined


@lru_cache(maxsize=NAMES_REMEMBERED)
def plain_metric_name(name: str) -> str:
    """The name in the legacy alphabet, without suffixes (`UnderscoreEscapingWithoutSuffixes`)."""
    joined = "_".join(word for word in _NAME_INVALID.split(name) if word)
    if not joined.strip("_"):
        return joined if joined == name else ""
    return f"_{joined}" if joined[0].isdigit() else joined


@lru_cache(maxsize=NAMES_REMEMBERED)
def utf8_metric_name(name: str, *, unit: str = "", kind: MetricType = MetricType.UNKNOWN) -> str:
    """The name as it is, with the suffixes of its unit and type (`NoUTF8EscapingWithSuffixes`).

    A suffix that the name ends with already stays last, whatever sign parts it from the rest.
    """
    main, per = _unit_parts(unit)
    last = {MetricType.COUNTER: "total", MetricType.GAUGE: "ratio" if unit == "1" else ""}.get(kind, "")
    for suffix in (last, per):
        if suffix and name.endswith(suffix) and len(name) > len(suffix) + 1:
            name = name[: -len(suffix) - 1]
    if main and not name.endswith(main):
        name = f"{name}_{main}"
    return "_".join(part for part in (name, per, last) if part)


@lru_cache(maxsize=NAMES_REMEMBERED)
def unit_name(unit: str) -> str:
    """A unit as metadata gives it: `bytes_per_second` for `By/s`; empty for `1` and annotations in braces."""
    return "_".join(part for part in _unit_suffixes(unit) if part)


@lru_cache(maxsize=NAMES_REMEMBERED)
def label_name(name: str) -> str:
    """The Prometheus name of an OTLP attribute; empty where nothing of the name is left.

    Each character that a label may not have becomes an underscore. A digit in front gets `key_`, a single underscore in
    front gets `key`; names that begin with two are left alone.
    """
    clean = _LABEL_INVALID.sub("_", name)
    if not clean.strip("_"):
        return ""
    if clean[0].isdigit():
        return f"key_{clean}"
    if clean.startswith("_") and not clean.startswith("__"):
        return f"key{clean}"
    return clean


def _unit_suffixes(unit: str) -> tuple[str, str]:
    """(`bytes`, `per_second`) for `By/s`, in the legacy alphabet."""
    main, per = _unit_parts(unit)
    clean = _clean_unit(per.removeprefix(_PER))
    return _clean_unit(main), f"{_PER}{clean}" if clean else ""


def _unit_parts(unit: str) -> tuple[str, str]:
    """(`bytes`, `per_second`) for `By/s`; a part in braces is an annotation and says nothing."""
    main, _, per = unit.partition("/")
    main, per = main.strip(), per.strip()
    main_suffix = "" if "{" in main or "}" in main else UNITS.get(main, main)
    per_suffix = "" if "{" in per or "}" in per else PER_UNITS.get(per, per)
    return main_suffix, f"{_PER}{per_suffix}" if per_suffix else ""


def _clean_unit(unit: str) -> str:
    return "_".join(part for part in _NAME_BREAK.split(unit) if part)
