"""Which spends are not settled, and who wants to know when something about them is put on record."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

from anyascope.custody.nouns import DEPOSIT, INTERNAL, Item, Spend, SpendKey

GENERATIONS_MAX = 100  # fee bumps of one payment that are not judged yet; a circle, which nodes do not tell, must end

K = TypeVar("K", bound=Hashable)


@dataclass(slots=True)
class Pending:
    """A spend that is not matched: it waits, or was told as unmatched.

    Attributes:
        item: as it stands.
        due_ns: when people are told, on the clock that is not set.
        late_ns: when they are told although the store has not answered.
        inherited: correlation ids of the spend that it replaces.
        asked: correlation ids about which the store was asked.
        answered: those of which the store has told what it has.
        asking: questions to the store that are not answered.
        parts: what each wallet tells of it.
    """

    item: Item
    due_ns: int
    late_ns: int
    inherited: tuple[str, ...] = ()
    asked: frozenset[str] = frozenset()
    answered: frozenset[str] = frozenset()
    asking: int = 0
    parts: dict[str, Spend] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.parts = self.parts or {self.item.spend.wallet: self.item.spend}

    @property
    def spend(self) -> Spend:
        """What it is about."""
        return self.item.spend

    def see(self, spend: Spend) -> None:
        """Another wallet, or another node, tells of it."""
        self.parts[spend.wallet] = spend
        self.item = replace(self.item, spend=together(self.spend, self.parts.values()))

    def words(self) -> Iterable[str]:
        """Txids and correlation ids; what is put on record about any of them may settle it."""
        yield self.spend.txid
        if self.spend.replaces:
            yield self.spend.replaces
        yield from self.inherited
        yield from self.item.correlation_ids


def together(known: Spend, parts: Iterable[Spend]) -> Spend:
    """A spend as all its wallets tell it: of one that owns all inputs the amount is the whole; of those that share them, the sum."""
    told = list(parts)
    whole = [each for each in told if not each.shares_inputs]
    if whole:
        most = max(whole, key=lambda each: each.amount_sats)
        return replace(
            known,
            amount_sats=most.amount_sats,
            fee_sats=most.fee_sats,
            direction=most.direction,
            shares_inputs=False,
        )
    left = sum(
        -each.amount_sats if each.direction == DEPOSIT else each.amount_sats for each in told if not _stays(each)
    )
    return replace(
        known, amount_sats=abs(left), direction="withdrawal" if left > 0 else DEPOSIT if left < 0 else INTERNAL
    )


def _stays(spend: Spend) -> bool:
    return spend.direction == INTERNAL


class Pendings:
    """Spends that are not settled, found by what they are about."""

    def __init__(self) -> None:
        self._by_key: dict[SpendKey, Pending] = {}
        self._by_word: dict[str, set[SpendKey]] = {}

    def __len__(self) -> int:
        return len(self._by_key)

    def get(self, key: SpendKey) -> Pending | None:
        """The spend, where it is one of them."""
        return self._by_key.get(key)

    def put(self, pending: Pending) -> None:
        """Add it, or put it in the place of what was known."""
        self.remove(pending.spend.key)
        self._by_key[pending.spend.key] = pending
        for word in pending.words():
            self._by_word.setdefault(word, set()).add(pending.spend.key)

    def remove(self, key: SpendKey) -> None:
        """Forget it."""
        pending = self._by_key.pop(key, None)
        for word in pending.words() if pending is not None else ():
            keys = self._by_word.get(word, set())
            keys.discard(key)
            if not keys:
                self._by_word.pop(word, None)

    def about(self, words: Iterable[str]) -> set[SpendKey]:
        """Which of them are about any of these txids or correlation ids."""
        return {key for word in words for key in self._by_word.get(word, ())}

    def all(self) -> list[Pending]:
        """Every one, in the order in which they were added."""
        return list(self._by_key.values())

    def elders_first(self) -> list[Pending]:
        """Every one, those that others replace before these: what is found of one is inherited by the other."""
        return sorted(self.all(), key=self._generation)

    def heirs_of(self, key: SpendKey) -> list[Pending]:
        """Those that replace this spend."""
        chain, txid = key
        found = [self._by_key[each] for each in self.about([txid])]
        return [each for each in found if (each.spend.chain, each.spend.replaces) == (chain, txid)]

    def _generation(self, pending: Pending) -> int:
        """How many of these it replaces, one after the other."""
        count = 0
        while count < GENERATIONS_MAX and (elder := self._by_key.get((pending.spend.chain, pending.spend.replaces))):
            pending, count = elder, count + 1
        return count


class Lately(Generic[K]):
    """A set that forgets what was added least lately."""

    def __init__(self, size_max: int) -> None:
        self._size_max = size_max
        self._known: OrderedDict[K, None] = OrderedDict()

    def __contains__(self, item: K) -> bool:
        return item in self._known

    def add(self, item: K) -> None:
        """Add one."""
        self._known[item] = None
        self._known.move_to_end(item)
        if len(self._known) > self._size_max:
            self._known.popitem(last=False)

    def discard(self, item: K) -> None:
        """Take one out."""
        self._known.pop(item, None)
