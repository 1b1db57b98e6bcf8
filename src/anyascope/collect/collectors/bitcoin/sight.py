"""What the page shows of a node: the figures of its last look, and the newest blocks with when they were seen."""

from __future__ import annotations

from collections.abc import Mapping

from anyascope.collect.collectors.bitcoin.branches import Branch, Change
from anyascope.collect.collectors.bitcoin.sheet import Sheet
from anyascope.model.bitcoin import SeenBlock

NEWEST_BLOCKS = 12  # two hours as a rule, and one row of the page
# Histograms and what has a label with many values: nobody looks at them here, and they are most of the points.
_LABELS_SHOWN = frozenset(("target_blocks", "kind", "found"))
_NETWORK = frozenset(("chain", "coin"))  # on every point


class NewestBlocks:
    """The newest blocks of a best chain, with when they joined it."""

    def __init__(self) -> None:
        self._seen_ns: dict[str, int] = {}

    def note(self, change: Change, branch: Branch, *, now_ns: int) -> None:
        """Blocks came or went; what is no longer among the newest is forgotten."""
        seen = {**self._seen_ns, **{block: now_ns for _, block in change.come}}
        newest = {block for _, block in _newest(branch)}
        self._seen_ns = {block: at_ns for block, at_ns in seen.items() if block in newest}

    def of(self, branch: Branch) -> tuple[SeenBlock, ...]:
        """The newest first."""
        return tuple(SeenBlock(height, block, self._seen_ns.get(block, 0)) for height, block in _newest(branch))


def figures_of(sheet: Sheet) -> Mapping[tuple[str, tuple[tuple[str, str], ...]], float]:
    """The points of a look by metric and labels without those of the network, those with few labels alone."""
    own = (
        (family.name, tuple(label for label in labels if label[0] not in _NETWORK), value)
        for family in sheet.families()
        for labels, value in family.points
    )
    return {(name, labels): value for name, labels, value in own if all(key in _LABELS_SHOWN for key, _ in labels)}


def subversion_of(sheet: Sheet) -> str:
    """What the node calls itself, such as `/Satoshi:29.0.0/`; empty where it did not say."""
    for family in sheet.families():
        if family.name == "anya_bitcoin_node_info":
            return dict(family.points[0][0]).get("subversion", "")
    return ""


def _newest(branch: Branch) -> list[tuple[int, str]]:
    return sorted(branch.hashes.items(), reverse=True)[:NEWEST_BLOCKS]
