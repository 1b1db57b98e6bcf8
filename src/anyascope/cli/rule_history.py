"""What a server has, asked by the linter; each question once."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from anyascope.client.client import Client
from anyascope.errors import InvalidInputError

SEEN_S = 7 * 86_400.0  # what ran a week ago and no longer does is most likely gone for good


class ServerHistory:
    """Answers from one server.

    Args:
        now_s: Unix seconds.
    """

    def __init__(self, client: Client, *, now_s: float) -> None:
        self._client = client
        self._now_s = now_s
        self._known: dict[str, bool] = {}

    def has_series(self, selector: str) -> bool:
        """Whether series match, in the last seven days."""
        if selector not in self._known:
            start_s = self._now_s - SEEN_S
            try:
                found = self._client.series(selector, start_s=start_s, end_s=self._now_s, limit=1)
            except InvalidInputError:
                return True  # a selector that only the rule's engine reads; nothing is known
            self._known[selector] = bool(found)
        return self._known[selector]

    @cached_property
    def _types(self) -> Mapping[str, str]:
        return self._client.metric_types()

    def type_of(self, metric: str) -> str:
        """Its type by the metadata that came with it; empty where there is none."""
        return self._types.get(metric, "")
