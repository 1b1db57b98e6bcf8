"""What the parts of reconciliation share: what is open, what is settled, what has to be judged, and what they work with."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field

from anyascope.clock import Clock
from anyascope.custody.book import SpendBook
from anyascope.custody.lookup import Lookup
from anyascope.custody.nouns import Item, SpendKey
from anyascope.custody.options import CustodyOptions
from anyascope.custody.waiting import Lately, Pendings

SETTLED_MAX = 50_000  # spends whose further events need no look at the store


class Docket:
    """The spends of one run of the room.

    Attributes:
        pendings: those that wait or are unmatched.
        settled: those whose further events need no look at the store.
        gone: txids of those that move nothing any more.
        untold: judged ones whose event may not be stored.
        wake: set where there is something to do.
        trouble: what hinders the work; empty where nothing does.
    """

    def __init__(self) -> None:
        self.pendings = Pendings()
        self.settled: Lately[SpendKey] = Lately(SETTLED_MAX)
        self.gone: Lately[str] = Lately(SETTLED_MAX)
        self.untold: dict[SpendKey, Item] = {}
        self.wake = asyncio.Event()
        self.trouble = ""
        self._touched: set[SpendKey] = set()

    @property
    def has_touched(self) -> bool:
        """Whether some have to be judged again."""
        return bool(self._touched)

    def touch(self, keys: Iterable[SpendKey]) -> None:
        """Something about these is new: they are judged with the next look."""
        self._touched.update(keys)

    def touch_all(self) -> None:
        """What is new may be about any of them."""
        self._touched.update(each.spend.key for each in self.pendings.all())

    def take_touched(self) -> set[SpendKey]:
        """Those that have to be judged; they count as judged from now on."""
        touched, self._touched = self._touched, set()
        return touched


@dataclass(slots=True)
class Common:
    """What all parts work with; `options` are those in force."""

    book: SpendBook
    lookup: Lookup
    clock: Clock
    options: CustodyOptions
    docket: Docket = field(default_factory=Docket)
