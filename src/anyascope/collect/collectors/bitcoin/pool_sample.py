"""Which transactions of a large mempool stand for all of it, kept up by what ZMQ says comes and goes; no calls here."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from zlib import crc32

KEPT_MAX = 10_000  # of a mempool that grew between two looks; the next one finds that it is too many
FAIR_SHARE = 0.15  # by which a sample may say too much or too little: chance alone makes 7 % of one of 2,000 in 700,000


class PoolSample:
    """One in so many transactions.

    The first of them are taken evenly out of the node's list. What comes later is taken by its id, which says nothing of what it pays.
    """

    def __init__(self) -> None:
        self._txids: dict[str, None] = {}
        self._one_in = 0  # how many each of them stands for; 0 where there is no sample
        self._is_heard = False

    @property
    def chosen(self) -> tuple[str, ...]:
        """All of them."""
        return tuple(self._txids)

    def begin(self, listed: Sequence[str], *, wanted: int) -> None:
        """Take some of all that are there."""
        self._one_in = max(1, len(listed) // wanted) if listed else 0
        step = self._one_in or 1
        self._txids = dict.fromkeys(listed[::step])
        self._is_heard = False

    def end(self) -> None:
        """There is no sample any more."""
        self._txids, self._one_in = {}, 0

    def hear(self, txid: str, *, is_added: bool) -> None:
        """The mempool took a transaction, or lost it without a block."""
        self._is_heard = True
        if not is_added:
            self._txids.pop(txid, None)
        elif self._one_in and len(self._txids) < KEPT_MAX and crc32(txid.encode()) % self._one_in == 0:
            self._txids[txid] = None

    def take(self) -> tuple[str, ...]:
        """Those to look at now; none where nothing was heard since the last time, so that it is not known what came."""
        is_heard, self._is_heard = self._is_heard, False
        return self.chosen if is_heard else ()

    def keep(self, found: Collection[str], *, size: int, wanted: int) -> bool:
        """Those that are still there; whether they stand for all of a mempool of this size, and are about as many as wanted."""
        self._txids = {txid: None for txid in self._txids if txid in found}
        is_fair = abs(len(found) * self._one_in - size) <= FAIR_SHARE * size
        return is_fair and wanted // 2 <= len(found) <= 2 * wanted
