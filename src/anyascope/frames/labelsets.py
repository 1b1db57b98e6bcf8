"""`LabelSets`: the labels of many series, and what was worked out of them."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import TypeVar, overload

from anyascope.model.labels import Labels

T = TypeVar("T")

REMEMBERED_MAX = (
    4  # results a selection: as many groupings as one panel or rule asks of it; some 24 bytes a series each
)


class LabelSets(Sequence[Labels]):
    """Label sets that are asked for again and again: what is worked out of them once need not be worked out again.

    Whoever reads them may be on any thread; two that work out the same at once do it twice, with the same result.
    """

    __slots__ = ("_all", "_remembered")

    def __init__(self, labels: Sequence[Labels]) -> None:
        self._all = labels
        self._remembered: dict[Hashable, object] = {}

    def once(self, key: Hashable, work: Callable[[Sequence[Labels]], T]) -> T:
        """What the work makes of the labels, from memory where it was done under this key before."""
        found = self._remembered.get(key)
        if found is None:
            found = work(self._all)
            if len(self._remembered) < REMEMBERED_MAX:
                self._remembered[key] = found
        return found  # type: ignore[return-value]

    def __len__(self) -> int:
        return len(self._all)

    @overload
    def __getitem__(self, index: int) -> Labels: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Labels]: ...
    def __getitem__(self, index: int | slice) -> Labels | Sequence[Labels]:
        return self._all[index]

    def __iter__(self) -> Iterator[Labels]:
        return iter(self._all)
