"""What the time line of an operation is made of; apart from what it is built from, which a command need not load."""

from __future__ import annotations

from enum import StrEnum


class EntryKind(StrEnum):
    """What an entry of the time line is; of one time they stand in this order."""

    SPAN = "span"
    LOG = "log"
    AUDIT = "audit"
    CUSTODY = "custody"
    CHAIN = "chain"
    METRIC = "metric"
    ALERT = "alert"
