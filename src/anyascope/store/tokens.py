"""Which batches were written already."""

from __future__ import annotations

from collections import OrderedDict

TOKENS_MAX = 1000  # as many as the engine's own window on disk


class Tokens:
    """Remembers the newest tokens of batches. The empty token stands for none and is never remembered."""

    def __init__(self) -> None:
        self._seen: OrderedDict[str, None] = OrderedDict()

    def has(self, token: str) -> bool:
        """Whether a batch with this token was written."""
        return token in self._seen

    def add(self, token: str) -> None:
        """A batch with this token is written."""
        if token:
            self._seen[token] = None
            if len(self._seen) > TOKENS_MAX:
                self._seen.popitem(last=False)
