"""All that is collected of one node: its figures and events, its wallets, their transactions, its log."""

from __future__ import annotations

from collections.abc import Collection, Coroutine, Sequence
from typing import Any
from urllib.parse import urlsplit

from anyascope.clock import Clock
from anyascope.collect.collectors.bitcoin.client import RpcClient
from anyascope.collect.collectors.bitcoin.debug_log import DebugLog
from anyascope.collect.collectors.bitcoin.node import NodeWatch
from anyascope.collect.collectors.bitcoin.transactions.watch import TransactionsWatch
from anyascope.collect.collectors.bitcoin.verdict import NodeView
from anyascope.collect.collectors.bitcoin.wallets.watch import WalletsWatch
from anyascope.collect.options import BitcoinNodeOptions
from anyascope.collect.runner import Job
from anyascope.collect.tally import CollectorTally
from anyascope.model.bitcoin import WatchedNode
from anyascope.model.labels import labels_of
from anyascope.model.own_transactions import OpenTransaction
from anyascope.model.wallets import WalletSight
from anyascope.ports import ComponentHealth, Intake
from anyascope.store.api.documents import DocumentStore


class NodeCollector:
    """One node of the settings.

    Node, wallets and transactions are jobs of their own, each with its own connections: a slow wallet delays no block.

    Args:
        views: how all nodes were found last, by name: they are compared with each other.
        configured: the names of all nodes of the settings; None where nothing is taken over from others.

    Attributes:
        name: of its first job, and with a suffix of the others.
        wallets, transactions: None where no wallet is to be watched.
        debug_log: None where it is not followed.
    """

    def __init__(
        self,
        options: BitcoinNodeOptions,
        *,
        views: dict[str, NodeView],
        intake: Intake,
        documents: DocumentStore,
        clock: Clock,
        tally: CollectorTally,
        configured: Collection[str] | None = None,
    ) -> None:
        self._options = options
        self._clock = clock
        self.name = f"bitcoin.{options.name}"
        self.node = NodeWatch(
            options, views=views, intake=intake, documents=documents, clock=clock, configured=configured
        )
        self.wallets: WalletsWatch | None = None
        self.transactions: TransactionsWatch | None = None
        if options.wallets != ():
            info = self.node.info
            self.wallets = WalletsWatch(options, documents=documents, clock=clock, client=self._client(), info=info)
            self.transactions = TransactionsWatch(
                options,
                intake=intake,
                documents=documents,
                clock=clock,
                client=self._client(),
                info=info,
                configured=configured,
            )
            self.node.feed.tell_also(self.transactions.on_block, self.transactions.on_transaction)
        self.debug_log: DebugLog | None = None
        if options.debug_log is not None:
            follower = self.debug_log = DebugLog(
                options.name,
                options.debug_log,
                intake=intake,
                documents=documents,
                clock=clock,
                tally=tally,
                counts=self.node.log_lines,
                events=self.node.log_events,
            )
            self.node.log_late_s = lambda: follower.late_s

    def jobs(self) -> list[Job]:
        """What is to be done again and again."""
        jobs = [self._job(self.name, self.node)]
        if self.wallets is not None:
            jobs.append(self._job(f"{self.name}.wallets", self.wallets))
        if self.transactions is not None:
            jobs.append(self._job(f"{self.name}.transactions", self.transactions))
        return jobs

    def runs(self) -> list[Coroutine[Any, Any, None]]:
        """What runs beside them until it is cancelled."""
        beside = (self.node.feed, self.transactions, self.debug_log)
        return [each.run() for each in beside if each is not None]

    def watched(self, health: ComponentHealth) -> WatchedNode:
        """The node as its last look found it; `health` is that of its first job."""
        return WatchedNode(self.node.sight, health.status.value, health.message, health.advice, health.since_ns)

    def wallet_sights(self) -> Sequence[WalletSight]:
        """Its wallets as their last look found them."""
        return () if self.wallets is None else self.wallets.sights

    def open_transactions(self) -> Sequence[OpenTransaction]:
        """What waits for a block, or lost the one that it was in; by wallet and age."""
        return () if self.transactions is None else self.transactions.open_transactions()

    # --- inside -------------------------------------------------------------------------------------------------------

    def _client(self) -> RpcClient:
        return RpcClient(self._options, clock=self._clock, counts=self.node.rpc_counts)

    def _job(self, name: str, watch: NodeWatch | WalletsWatch | TransactionsWatch) -> Job:
        options = self._options
        return Job(
            name,
            labels_of([("job", "bitcoin"), ("instance", urlsplit(options.url).netloc), ("node", options.name)]),
            options.interval_s,
            watch.gather,
            has_up=False,
            close=watch.close,
            nudge=None if isinstance(watch, WalletsWatch) else watch.nudge,
        )
