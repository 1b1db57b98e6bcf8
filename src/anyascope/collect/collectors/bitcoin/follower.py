"""Follows one node's best chain: which blocks it is made of, when they came, and what is kept of that over restarts."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Mapping
from typing import Any

import structlog

from anyascope.clock import Clock
from anyascope.collect.collectors.bitcoin.branches import (
    Branch,
    Change,
    branch_from_json,
    branch_to_json,
    change_of,
    heights_to_ask,
)
from anyascope.collect.collectors.bitcoin.former_branch import find_former_branch
from anyascope.collect.collectors.bitcoin.inquiry import Inquiry
from anyascope.collect.collectors.bitcoin.networks import network_of
from anyascope.collect.collectors.bitcoin.pace import Pace
from anyascope.errors import UnavailableError
from anyascope.model.documents import Delete, Document, Json, Put
from anyascope.store.api.documents import DocumentStore, every_document

log = structlog.get_logger("anyascope.collect")

DOCUMENT_KIND = "collect.bitcoin.branch"
# The chain changed between two calls: the next look will see.
_CHANGED_MEANWHILE = ("invalid_parameter",)


class ChainFollower:
    """One node's chain.

    Args:
        settled_after_s: how long the node must have run before its own alarms mean something.
        url: of the node.
        configured: the nodes of the settings, so that what was known under a name that they do not have is taken over; None where it is not.

    Attributes:
        chain: such as `main`; empty before the node was seen first.
        genesis: hash of its first block; empty where the node did not say.
        last_chain, last_genesis: the same of an earlier run of the server, once that was recalled; empty where there was none.
    """

    def __init__(
        self,
        node: str,
        *,
        documents: DocumentStore,
        clock: Clock,
        settled_after_s: float,
        url: str = "",
        configured: Collection[str] | None = None,
    ) -> None:
        self._node = node
        self._url = url
        self._configured = configured
        self._former = ""  # the name that it had, until what is kept by that is gone
        self._documents = documents
        self._clock = clock
        self._settled_after_s = settled_after_s
        self.chain = ""
        self.genesis = ""
        self.last_chain, self.last_genesis = "", ""
        self._is_recalled = False
        self.branch = Branch()
        self.pace = Pace(settled_after_s=settled_after_s)
        self._has_restarted = False
        self._is_unkept = False
        self._left: Branch | None = None  # what a node had before it started again with less

    def turn_to(self, chain: str) -> bool:
        """Whether this is another chain than before, behind the same address: nothing that was known is true of it."""
        if chain == self.chain:
            return False
        self.chain, self.genesis = chain, ""
        self.branch, self.pace = Branch(), Pace(settled_after_s=self._settled_after_s)
        self._left, self._is_unkept = None, False
        return True

    def restarted(self) -> None:
        """The node started again: it may have less than it had, and go through its blocks once more."""
        self.pace.restarted()
        self._has_restarted = True

    async def recall(self) -> None:
        """Learn which network it was in an earlier run: a node that is down since then does not say."""
        if self._is_recalled or self.chain:
            return
        known = await self._documents.get(DOCUMENT_KIND, self._node)
        self._is_recalled = True
        if known is not None:
            self.last_chain, self.last_genesis = (str(known.body.get(name, "")) for name in ("chain", "genesis"))

    async def find_network(self, inquiry: Inquiry) -> None:
        """Learn which network this is, and take up the branch of an earlier run where it is of the same."""
        genesis = await inquiry.ask("getblockhash", 0)
        self.genesis = genesis if isinstance(genesis, str) else ""
        if self.branch.hashes or not self.genesis:
            return
        known = await self._documents.get(DOCUMENT_KIND, self._node) or await self._find_former(inquiry)
        if known is not None and known.body.get("genesis") == self.genesis:
            self.branch = branch_from_json(known.body)
            self.pace.take_up(known.body)

    async def _find_former(self, inquiry: Inquiry) -> Document | None:
        """The node may have had another name: then what happened since is news."""
        if self._configured is None:
            return None
        former = await find_former_branch(
            self._documents,
            DOCUMENT_KIND,
            inquiry,
            genesis=self.genesis,
            url=self._url,
            configured=self._configured,
        )
        if inquiry.is_gone:
            self.genesis = ""  # nothing is proven: it is asked again once it is back
            return None
        if former is not None:
            self._former = former.key
            log.info("bitcoin_node_taken_over", node=self._node, formerly=former.key)
        return former

    async def follow(self, info: Mapping[str, Any], inquiry: Inquiry) -> Change:
        """Bring the branch up to the tip that `getblockchaininfo` told; what changed."""
        tip, height = str(info.get("bestblockhash", "")), info.get("blocks")
        if not isinstance(height, int):
            return Change()
        self.pace.looked(tip, height, now_ns=self._clock.now_ns())
        if tip == self.branch.tip:
            return Change()
        heights = heights_to_ask(height)
        hashes = await inquiry.ask_each("getblockhash", heights, fine=_CHANGED_MEANWHILE)
        found = {at: each for at, each in zip(heights, hashes, strict=True) if isinstance(each, str)}
        if len(found) < len(heights):
            return Change()
        change = self._turn(Branch(found))
        self._is_unkept = not info.get("initialblockdownload")
        return change

    async def keep(self) -> None:
        """Write down what the last look found: once that was told, so that an end of the server between the two loses nothing."""
        if not self._is_unkept:
            return
        network: dict[str, Json] = {"chain": self.chain, "genesis": self.genesis}
        body = {**network, "url": self._url, **branch_to_json(self.branch), **self.pace.to_json()}
        changes: list[Put | Delete] = [Put(DOCUMENT_KIND, self._node, body)]
        if self._former:
            changes.append(Delete(DOCUMENT_KIND, self._former))
        # A store that is full must not blind us: what is not kept now is kept with the next look.
        with contextlib.suppress(UnavailableError):
            await self._documents.commit(changes)
            self._former, self._is_unkept = "", False

    def _turn(self, now: Branch) -> Change:
        """Take over a branch; what changed.

        A node that starts again with a lower tip goes through its blocks once more (`reindex`), or has another folder: nothing was
        reorganised. Once it has as many blocks as before, they are compared.
        """
        before, self.branch = self.branch, now
        has_restarted, self._has_restarted = self._has_restarted, False
        if has_restarted and now.height < before.height:
            self._left = before
            return Change()
        left = self._left
        if left is None:
            return change_of(before, now)
        if now.height < left.height:
            come = change_of(before, now).come
            return Change(come=tuple(each for each in come if left.hashes.get(each[0]) != each[1]))
        self._left = None
        change = change_of(left, now)
        return change_of(before, now) if change.is_cut else change


async def coins_of_nodes(documents: DocumentStore) -> Mapping[str, str]:
    """Node -> its coin (`networks.Network`), of each that an earlier run watched.

    Raises:
        UnavailableError: the store cannot be read.
    """
    return {
        known.key: network_of(str(known.body.get("genesis", ""))).coin
        async for known in every_document(documents, DOCUMENT_KIND)
    }
