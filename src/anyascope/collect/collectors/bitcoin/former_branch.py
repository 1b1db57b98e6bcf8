"""What was known of a node's chain under another name of it: taken over where the node proves to be the same one.

A name in the settings says nothing of what a node is. Of a node that is not in them any more is taken what was known of its chain where this
one answers at the same address and knows that tip, or where it once had that tip and threw it out, whatever its address is: a
tip that it never had would be no reorg of it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from anyascope.collect.collectors.bitcoin.branches import WINDOW_BLOCKS, Branch, branch_from_json
from anyascope.collect.collectors.bitcoin.inquiry import Inquiry
from anyascope.collect.collectors.bitcoin.sheet import dicts_of
from anyascope.model.documents import Document
from anyascope.semconv.bitcoin_rpc import error_label
from anyascope.store.api.documents import DocumentStore, every_document

_UNKNOWN = error_label(-5)
_ONCE_CONNECTED = frozenset(("valid-fork", "invalid"))  # the second where somebody took it back by hand


async def find_former_branch(
    documents: DocumentStore, kind: str, inquiry: Inquiry, *, genesis: str, url: str, configured: Collection[str]
) -> Document | None:
    """What is kept of the same node under a name that the settings do not have any more, the highest one; None where there is none.

    Args:
        kind: of the documents, whose keys are the names of nodes.
        configured: the nodes of the settings.

    Raises:
        UnavailableError: the store cannot be read.
    """
    found = []
    async for document in every_document(documents, kind):
        branch = branch_from_json(document.body)
        if document.key not in configured and document.body.get("genesis") == genesis and branch.tip:
            found.append((branch, document))
    for branch, document in sorted(found, key=lambda each: -each[0].height):
        if await _is_same(branch, inquiry, is_at_same_url=document.body.get("url") == url):
            return document
    return None


async def _is_same(branch: Branch, inquiry: Inquiry, *, is_at_same_url: bool) -> bool:
    told = await inquiry.ask("getblockheader", branch.tip, fine=(_UNKNOWN,))
    if not isinstance(told, dict):
        return False
    if is_at_same_url:
        return True
    is_best = told.get("confirmations") != -1
    return not is_best and await _has_thrown_out(branch, dicts_of(await inquiry.ask("getchaintips")), inquiry)


async def _has_thrown_out(branch: Branch, tips: Sequence[Mapping[str, Any]], inquiry: Inquiry) -> bool:
    """Whether the tip is in a branch that the node once had as its best chain."""
    for tip in tips:
        height, hash_ = tip.get("height"), tip.get("hash")
        is_near = isinstance(height, int) and 0 <= height - branch.height < WINDOW_BLOCKS
        if not is_near or tip.get("status") not in _ONCE_CONNECTED:
            continue
        assert isinstance(height, int)
        for _ in range(height - branch.height):
            header = await inquiry.ask("getblockheader", hash_, fine=(_UNKNOWN,))
            hash_ = header.get("previousblockhash") if isinstance(header, dict) else None
        if hash_ == branch.tip:
            return True
    return False
