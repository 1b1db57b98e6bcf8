"""Native histograms as texts: as alerts show them, and as unit tests of rules write them."""

from __future__ import annotations

from collections.abc import Mapping

from anyascope.frames.histogram import Bucket, NativeHistogram, ResetHint
from anyascope.promql.natives import compacted
from anyascope.wire.gotemplate import DataObject
from anyascope.wire.gotemplate.fmt import format_float


class TemplateHistogram(DataObject):
    """A histogram as `$value` of a template."""

    type_name = "*histogram.FloatHistogram"

    def __init__(self, histogram: NativeHistogram) -> None:
        self._histogram = histogram

    def template_fields(self) -> Mapping[str, object]:
        """Count, sum and the other single values; buckets are seen in the text."""
        histogram = self._histogram
        return {
            "Schema": histogram.schema,
            "ZeroThreshold": histogram.zero_threshold,
            "ZeroCount": histogram.zero_count,
            "Count": histogram.count,
            "Sum": histogram.sum,
        }

    def template_text(self) -> str:
        """`{count:4, sum:5.6, (0.5,1]:4}`: the populated buckets in ascending order, as Prometheus prints them."""
        histogram = self._histogram
        buckets = [_shown_bucket(bucket) for bucket in histogram.buckets() if bucket.count]
        return "{" + ", ".join((f"count:{_text(histogram.count)}", f"sum:{_text(histogram.sum)}", *buckets)) + "}"


def _shown_bucket(bucket: Bucket) -> str:
    opening, closing = "[" if bucket.has_lower else "(", "]" if bucket.has_upper else ")"
    return f"{opening}{_text(bucket.lower)},{_text(bucket.upper)}{closing}:{_text(bucket.count)}"


def expression_of(histogram: NativeHistogram) -> str:
    """The histogram in the notation of unit tests, such as `{{count:4 sum:5.6 buckets:[4]}}`; two alike give one text.

    Source: Prometheus, unit testing for rules, "series"; what is zero or unknown is left out.
    """
    histogram = compacted(histogram)
    numbers = {
        "schema": float(histogram.schema),
        "count": histogram.count,
        "sum": histogram.sum,
        "z_bucket": histogram.zero_count,
        "z_bucket_w": histogram.zero_threshold,
    }
    parts = [f"{name}:{_text(number)}" for name, number in numbers.items() if number != 0]
    if histogram.is_custom:
        parts.append(f"custom_values:[{' '.join(map(_text, histogram.custom_bounds))}]")
    if histogram.hint is not ResetHint.UNKNOWN:
        parts.append(f"counter_reset_hint:{histogram.hint.value}")
    parts += _bucket_parts(histogram.positive, prefix="") + _bucket_parts(histogram.negative, prefix="n_")
    return "{{" + " ".join(parts) + "}}"


def _bucket_parts(buckets: Mapping[int, float], *, prefix: str) -> list[str]:
    if not buckets:
        return []
    first, last = min(buckets), max(buckets)
    counts = " ".join(_text(buckets.get(index, 0.0)) for index in range(first, last + 1))
    offset = [f"{prefix}offset:{first}"] if first else []
    return [*offset, f"{prefix}buckets:[{counts}]"]


def _text(number: float) -> str:
    return format_float(number, "g", -1)
