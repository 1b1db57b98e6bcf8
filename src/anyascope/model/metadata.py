"""How much a metric may say of itself. Past these limits text is cut, with a mark; samples are never refused for it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from anyascope.model.metrics import MetricMetadata

HELP_CHARS_MAX = 1_024  # Mimir's bound, too; help texts of real exporters are a sentence or two
UNIT_CHARS_MAX = 64  # the longest of OpenMetrics and UCUM are below 30
NAME_CHARS_MAX = (
    256  # the longest of real exporters are below 120; half a name would name something else: it is left out
)
ENTRIES_MAX = 10_000  # of one page or request; the largest exporters have some 3,000 families


@dataclass(frozen=True, slots=True)
class Bounded:
    """What is left of metadata.

    Attributes:
        entries: those that are kept; the same object where nothing was cut.
        cuts: how often what was cut or left out.
    """

    entries: Sequence[MetricMetadata]
    cuts: Mapping[str, int]


def bounded(entries: Sequence[MetricMetadata]) -> Bounded:
    """These entries within the limits."""
    if len(entries) <= ENTRIES_MAX and all(map(_fits, entries)):
        return Bounded(entries, {})
    cuts: Counter[str] = Counter()
    named = [entry for entry in entries if len(entry.metric) <= NAME_CHARS_MAX]
    cuts["metadata_name"] = len(entries) - len(named)
    cuts["metadata_entries"] = max(len(named) - ENTRIES_MAX, 0)
    kept = tuple(entry if _fits(entry) else _cut(entry, cuts) for entry in named[:ENTRIES_MAX])
    return Bounded(kept, +cuts)


def shortened(text: str, chars_max: int) -> str:
    """The text, or its first `chars_max` characters and a mark such as `…<12 more characters>`."""
    if len(text) <= chars_max:
        return text
    return f"{text[:chars_max]}…<{len(text) - chars_max} more characters>"


def _fits(entry: MetricMetadata) -> bool:
    return (
        len(entry.help) <= HELP_CHARS_MAX
        and len(entry.unit) <= UNIT_CHARS_MAX
        and len(entry.metric) <= NAME_CHARS_MAX
    )  # fmt: skip


def _cut(entry: MetricMetadata, cuts: Counter[str]) -> MetricMetadata:
    cuts["metadata_help"] += len(entry.help) > HELP_CHARS_MAX
    cuts["metadata_unit"] += len(entry.unit) > UNIT_CHARS_MAX
    return replace(
        entry, help=shortened(entry.help, HELP_CHARS_MAX), unit=shortened(entry.unit, UNIT_CHARS_MAX)
    )  # fmt: skip
