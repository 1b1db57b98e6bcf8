"""Which blocks a node's best chain is made of, how it changed, and how it compares with another node's; pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from anyascope.model.documents import Json

WINDOW_BLOCKS = 100  # what is remembered below the tip: as deep as a coinbase is locked; no reorg was half as deep


@dataclass(frozen=True, slots=True)
class Branch:
    """The newest blocks of a best chain: hash by height, without gaps; empty where nothing is known."""

    hashes: Mapping[int, str] = field(default_factory=dict)

    @property
    def height(self) -> int:
        """The tip's height; -1 where nothing is known."""
        return max(self.hashes, default=-1)

    @property
    def tip(self) -> str:
        """The tip's hash."""
        return self.hashes.get(self.height, "")


@dataclass(frozen=True, slots=True)
class Change:
    """From one branch to the next.

    Attributes:
        gone: blocks that are no longer in the best chain, the lowest first.
        come: blocks that are new in it, the lowest first.
        is_cut: whether more may have gone than was remembered.
    """

    gone: tuple[tuple[int, str], ...] = ()
    come: tuple[tuple[int, str], ...] = ()
    is_cut: bool = False

    @property
    def depth(self) -> int:
        """How many blocks a reorg threw out; 0 where the chain only grew."""
        return len(self.gone)

    @property
    def fork_height(self) -> int:
        """The height of the last common block; only of a reorg."""
        return self.gone[0][0] - 1


def heights_to_ask(tip_height: int) -> range:
    """The heights of a window that ends at the tip."""
    return range(max(0, tip_height - WINDOW_BLOCKS + 1), tip_height + 1)


def change_of(before: Branch, now: Branch) -> Change:
    """What happened between two looks; nothing where there was no look before.

    A chain that grew by more than a window is not called a reorg: what they share cannot be seen, and cannot be denied.
    """
    if not before.hashes or not now.hashes:
        return Change()
    common = [height for height, known in before.hashes.items() if now.hashes.get(height) == known]
    if not common and min(now.hashes) > before.height:
        return Change(come=tuple(sorted(now.hashes.items())))
    fork = max(common, default=min(before.hashes) - 1)
    gone = tuple(sorted((height, known) for height, known in before.hashes.items() if height > fork))
    come = tuple(sorted((height, known) for height, known in now.hashes.items() if height > fork))
    return Change(gone, come, is_cut=not common and min(before.hashes) > 0)


def is_same_branch(one: Branch, other: Branch) -> bool | None:
    """Whether the lower of two tips is part of the other's chain; None where that cannot be told."""
    height = min(one.height, other.height)
    first, second = one.hashes.get(height), other.hashes.get(height)
    return None if first is None or second is None else first == second


def parted_blocks(one: Branch, other: Branch) -> int:
    """How many blocks the longer of two branches has above their last common one; at least, where that is out of sight.

    Returns:
        0 where one is part of the other, or nothing can be told.
    """
    if is_same_branch(one, other) is not False:
        return 0
    seen = one.hashes.keys() & other.hashes.keys()
    common = max((height for height in seen if one.hashes[height] == other.hashes[height]), default=min(seen) - 1)
    return max(one.height, other.height) - common


def branch_to_json(branch: Branch) -> dict[str, Json]:
    """As it is kept over restarts of the server."""
    return {"first": min(branch.hashes, default=0), "hashes": [branch.hashes[at] for at in sorted(branch.hashes)]}


def branch_from_json(body: Mapping[str, Json]) -> Branch:
    """What was kept; a body in another form is an empty branch."""
    first, hashes = body.get("first"), body.get("hashes")
    if not isinstance(first, int) or not isinstance(hashes, list):
        return Branch()
    return Branch({first + number: str(known) for number, known in enumerate(hashes)})
