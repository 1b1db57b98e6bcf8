"""Ids of operations and of transactions; pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from anyascope.errors import InvalidInputError

ID_CHARS_MAX = 256  # UUIDs have 36, ids of transactions 64; what is longer is no id
LONG_CHARS_MIN = 16  # an id so long stands in a sentence by intent, `op-1` by chance

# Where records, spans and alerts name transactions. A replacement belongs to the operation of what it replaces.
TXID_FIELDS = (
    "transaction_id",
    "bitcoin.transaction.id",
    "custody.transaction.id",
    "txid",
    "bitcoin.transaction.replaces",
    "bitcoin.transaction.replaced_by",
)
_HASH = re.compile(r"[0-9a-f]{64}")


def is_hash(text: str) -> bool:
    """Whether a text is a transaction's id rather than an operation's."""
    return _HASH.fullmatch(text) is not None


def checked_id(text: str) -> str:
    """An id that was asked for: without blanks around it, a transaction's in small letters, as it is kept.

    Raises:
        InvalidInputError: it cannot be one.
    """
    asked = text.strip()
    if not asked:
        raise InvalidInputError("is empty: give a correlation id or a transaction's id", path="id")
    if len(asked) > ID_CHARS_MAX:
        raise InvalidInputError(f"has {len(asked)} characters, an id has at most {ID_CHARS_MAX}", path="id")
    if not asked.isprintable():
        raise InvalidInputError("holds characters that cannot be printed", path="id")
    lowered = asked.lower()
    return lowered if is_hash(lowered) else asked


def txids_in(holders: Iterable[Mapping[str, object]]) -> list[str]:
    """The transactions that attributes or labels name, each once."""
    named = (found.get(field) for found in holders for field in TXID_FIELDS)
    return list(dict.fromkeys(value for value in named if isinstance(value, str) and is_hash(value)))


class Names:
    """Finds any of some ids in texts: one that is such an id, or a sentence that holds a long one."""

    def __init__(self, ids: Iterable[str]) -> None:
        self._ids = frozenset(ids)
        long = sorted(re.escape(one) for one in self._ids if len(one) >= LONG_CHARS_MIN)
        self._standing = re.compile(rf"(?<![\w-])(?:{'|'.join(long)})(?![\w-])") if long else None

    def are_in(self, texts: Iterable[str]) -> bool:
        """Whether one of these texts names one of the ids."""
        return any(
            text in self._ids or (self._standing is not None and self._standing.search(text) is not None)
            for text in texts
        )
