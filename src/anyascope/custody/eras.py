"""Since when the spends of a wallet are compared: what a wallet had before is history, and nothing that came since; pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

ERAS_MAX = 100  # changes of `custody.wallets` that are remembered; the earliest one is forgotten first


@dataclass(frozen=True, slots=True)
class Era:
    """From when on which wallets were compared: names with `*` for anything, every one where there is none."""

    from_ns: int
    wallets: tuple[str, ...]


class Eras:
    """The eras since reconciliation was switched on, oldest first. The time that the server is down belongs to the era before it."""

    def __init__(self, eras: Iterable[Era] = ()) -> None:
        self._eras = list(eras)

    @property
    def all(self) -> Sequence[Era]:
        """Every one."""
        return tuple(self._eras)

    def begin(self, wallets: tuple[str, ...], *, now_ns: int) -> bool:
        """These are compared from now on; whether that is another era than the last one."""
        if self._eras and self._eras[-1].wallets == wallets:
            return False
        self._eras = [*self._eras, Era(now_ns, wallets)][-ERAS_MAX:]
        return True

    def since_ns(self, wallet: str) -> int:
        """Since when this wallet is compared without a break; 0 where it is not."""
        since_ns = 0
        for era in reversed(self._eras):
            if not covers(era.wallets, wallet):
                break
            since_ns = era.from_ns
        return since_ns


def covers(wallets: Sequence[str], wallet: str) -> bool:
    """Whether this wallet is one of those that must reconcile."""
    return not wallets or any(fnmatchcase(wallet, pattern) for pattern in wallets)
