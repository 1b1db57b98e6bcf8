"""Which batches were written already."""

from __future__ import annotations

from collections import OrderedDict

TOKENS_MAX = 1000  # as many as the store on disk remembers


class Tokens:
    """Remembers the newest tokens of batches."""

    def __init__(self) -> None:
        self._seen: OrderedDict[str, None] = OrderedDict()

    def is_new(self, token: str) -> bool:
        """Whether this token was not given before; the empty one always is new."""
        if not token:
            return True
        if token in self._seen:
            return False
        self._seen[token] = None
        if len(self._seen) > TOKENS_MAX:
            self._seen.popitem(last=False)
        return True
