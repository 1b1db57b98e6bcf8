"""Silences by a label that they ask for, so that an alert is tested against a few of many."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from anyascope.alerting.matchers import LabelTest, compile_matchers
from anyascope.model.labels import MatchOp
from anyascope.model.silences import Silence


class SilenceIndex:
    """Which of the silences that were added match a label set."""

    def __init__(self) -> None:
        self._by_pair: dict[tuple[str, str], list[tuple[str, LabelTest]]] = defaultdict(list)
        self._rest: list[tuple[str, LabelTest]] = []  # those that ask for no label's one value

    def add(self, silence: Silence, is_match: LabelTest | None = None) -> None:
        """One more; `is_match` is the test of its matchers, where that was compiled already."""
        asked = ((one.name, one.value) for one in silence.matchers if one.op is MatchOp.EQUAL and one.value)
        pair = next(asked, None)
        entry = silence.id, is_match or compile_matchers(silence.matchers)
        (self._rest if pair is None else self._by_pair[pair]).append(entry)

    def matching(self, labels: Mapping[str, str]) -> tuple[str, ...]:
        """Ids of those that match, in order."""
        candidates = [*self._rest]
        for pair in labels.items():
            candidates.extend(self._by_pair.get(pair, ()))
        return tuple(sorted(identity for identity, is_match in candidates if is_match(labels)))
