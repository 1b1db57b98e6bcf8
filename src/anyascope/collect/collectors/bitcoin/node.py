"""Watches one node: looks at it again and again, and at once where it says that a block came or went."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import structlog

from anyascope.clock import NS_PER_S, Clock
from anyascope.collect.collectors.bitcoin import network_figures as network
from anyascope.collect.collectors.bitcoin.announcements import Announcements
from anyascope.collect.collectors.bitcoin.branches import Change
from anyascope.collect.collectors.bitcoin.chain_figures import HASHRATES, tell_chain, tell_indexes
from anyascope.collect.collectors.bitcoin.chain_info import ChainInfo
from anyascope.collect.collectors.bitcoin.client import NODE_ANSWER_BYTES_MAX, RpcClient, RpcCounts
from anyascope.collect.collectors.bitcoin.debug_log import LEVELS_COUNTED
from anyascope.collect.collectors.bitcoin.events import STREAM, records_of
from anyascope.collect.collectors.bitcoin.feed import BlockFeed, addresses_of
from anyascope.collect.collectors.bitcoin.follower import ChainFollower
from anyascope.collect.collectors.bitcoin.inquiry import Inquiry
from anyascope.collect.collectors.bitcoin.networks import network_of
from anyascope.collect.collectors.bitcoin.pace import spacing_of, tell_pace
from anyascope.collect.collectors.bitcoin.pool_figures import FEE_TARGETS, tell_estimates, tell_mempool, tell_passage
from anyascope.collect.collectors.bitcoin.seldom import SeldomFacts
from anyascope.collect.collectors.bitcoin.sheet import Sheet, dicts_of, facts_of, number_of, warnings_of
from anyascope.collect.collectors.bitcoin.sight import NewestBlocks, figures_of, subversion_of
from anyascope.collect.collectors.bitcoin.starts import StartWatch
from anyascope.collect.collectors.bitcoin.tally import NodeTally, tell_log
from anyascope.collect.collectors.bitcoin.verdict import (
    SLOW,
    UNANNOUNCED,
    UNREACHED,
    UNREACHED_LOOKS_MIN,
    NodeView,
    Verdict,
    judge,
    judge_download,
    judge_refusal,
    judge_wrong_chain,
    round_of,
    standing_of,
    tell_standing,
)
from anyascope.collect.options import BitcoinNodeOptions
from anyascope.collect.runner import Round
from anyascope.errors import UnavailableError
from anyascope.model.bitcoin import NodeSight
from anyascope.model.logs import LogBatch, LogRecord
from anyascope.ports import Intake
from anyascope.store.api.documents import DocumentStore
from anyascope.wire.bitcoin.debug_log import EVENTS
from anyascope.wire.bitcoin.rpc import Refusal

log = structlog.get_logger("anyascope.collect")

ROUND_GAP_S = 0.1  # between two looks that messages ask for: a burst of blocks is one look
EVENTS_WAITING_MAX = 1_000  # while the intake is full; ten windows of blocks
SLOW_S = 1.0  # of half of a look's calls, which take a node some milliseconds: it swaps, or the way to it is bad
TIP_AGE = "anya_bitcoin_tip_age_seconds"
_UNSEEN = NodeView("")


class NodeWatch:
    """One node, and what is known of it.

    Args:
        views: how all nodes were found last, by name; this node's entry is written here.
        intake: takes the events; the figures go by the runner.
        documents: keeps the newest blocks, so that a reorg while nobody looked is seen afterwards.
        configured: the nodes of the settings, so that what was known under a name that they do not have is taken over; None where it is not.

    Attributes:
        info: what it says of its chain, for all who watch it.
        log_lines: lines of its log by level, counted by whoever follows it; empty where nobody does.
        log_events: what its log tells of, by kind, counted likewise.
        log_late_s: tells how long a read of its log has had no answer; None where nobody follows it.
    """

    def __init__(
        self,
        options: BitcoinNodeOptions,
        *,
        views: dict[str, NodeView],
        intake: Intake,
        documents: DocumentStore,
        clock: Clock,
        client: RpcClient | None = None,
        configured: Collection[str] | None = None,
    ) -> None:
        self._options = options
        self._views = views
        self._intake = intake
        self._clock = clock
        self._client = client or RpcClient(options, clock=clock, answer_bytes_max=NODE_ANSWER_BYTES_MAX)
        self.info = ChainInfo(self._client, clock=clock)
        follows_log = options.debug_log is not None
        self.log_lines: dict[str, int] = dict.fromkeys(LEVELS_COUNTED, 0) if follows_log else {}
        self.log_events: dict[str, int] = dict.fromkeys(EVENTS, 0) if follows_log else {}
        self.log_late_s: Callable[[], float] | None = None
        self._tally = NodeTally()
        self._inquiry = Inquiry(self._client, clock=clock, on_fault=self._tally.fault)
        self._starts = StartWatch()
        self._follower = ChainFollower(
            options.name,
            documents=documents,
            clock=clock,
            settled_after_s=options.settled_after_s,
            url=options.url,
            configured=configured,
        )
        self._newest = NewestBlocks()
        self._seldom = SeldomFacts(clock=clock, mempool_expiry_s=options.mempool_expiry_s)
        self._looked_ns = 0
        self._events: deque[LogRecord] = deque(maxlen=EVENTS_WAITING_MAX)
        self._is_downloading = False
        self.sight = NodeSight(options.name, options.chain)
        self.nudge = asyncio.Event()
        self.feed = BlockFeed(options.name, self._on_block)
        for hear in (self._tally.passed, self._seldom.hear):
            self.feed.tell_also(lambda: None, hear)
        self._announcements = Announcements(self.feed, clock=clock)
        self._unreached_looks = 0

    @property
    def rpc_counts(self) -> RpcCounts:
        """Where all clients of this node count their calls; told with this node's figures."""
        return self._client.counts

    async def close(self) -> None:
        """Close the connections."""
        await self.info.close()
        await self._client.close()

    async def gather(self) -> Round:
        """Look at the node once."""
        self.nudge.clear()
        await self._clock.sleep(ROUND_GAP_S - (self._clock.monotonic_ns() - self._looked_ns) / NS_PER_S)
        self._looked_ns = self._clock.monotonic_ns()
        self._inquiry.begin()
        info = await self.info.ask("node")
        try:
            if isinstance(info, Refusal):
                self._tally.fault(info.code)
                await self._follower.recall()
                return self._closed(judge_refusal(info))
            chain = str(info["chain"])
            if self._options.chain not in ("", chain):
                return self._closed(judge_wrong_chain(chain, self._options.chain), wrong_chain=chain)
            return await self._look(chain, info)
        finally:
            self._tally.looked_s += (self._clock.monotonic_ns() - self._looked_ns) / NS_PER_S

    # --- inside -------------------------------------------------------------------------------------------------------

    @property
    def _chain(self) -> str:
        """As the series say it."""
        return self._follower.chain or self._options.chain or self._follower.last_chain or "unknown"

    @property
    def _coin(self) -> str:
        """Likewise."""
        return network_of(self._follower.genesis or self._follower.last_genesis).coin

    def _on_block(self) -> None:
        self.info.outdate()
        if not self._is_downloading:  # thousands of blocks a minute, none of them news
            self.nudge.set()

    def _closed(self, verdict: Verdict, *, wrong_chain: str = "") -> Round:
        """A round without the node's figures."""
        self._starts.lost()
        known = self._views.get(self._options.name, _UNSEEN)
        is_gone = (known.is_settled or known.is_gone) and not wrong_chain
        # A node that goes does not make those that are behind it the highest.
        view = replace(known, is_settled=False, is_gone=True) if is_gone else NodeView(self._options.name)
        self._views[self._options.name] = view
        sheet = Sheet(self._chain, self._coin)
        sheet.gauge("up", "Whether the node could be read, and is on the chain that the settings name.", 0)
        if wrong_chain:
            text = "1 where the node is on another chain than the settings name; `found` says which."
            sheet.gauge("anya_bitcoin_wrong_chain", text, 1, ("found", wrong_chain))
        self._tell_own(sheet)
        self.sight = self._seen(sheet, is_up=False)
        return round_of(sheet, verdict)

    async def _look(self, chain: str, info: dict[str, Any]) -> Round:
        await self._settle(chain)
        self._is_downloading = bool(info.get("initialblockdownload"))
        self._tally.unannounced += self._announcements.judge()
        change = await self._follow(info)
        if change.come:
            # Before its event: whoever hears of a block by its event finds it here.
            self.sight = self._news()
        # Beside the other calls: a block must not wait until the node has told of its peers.
        telling = asyncio.create_task(self._hand_in_events())
        try:
            found = await self._look_around(chain, info)
        finally:
            await telling
        if not self._events:
            await self._follower.keep()
        return found

    async def _look_around(self, chain: str, info: dict[str, Any]) -> Round:
        """Everything but the branch."""
        await self._seldom.refresh(self._follower.branch, self._inquiry, is_downloading=self._is_downloading)
        info = {"time": self._seldom.block.get("time"), **info}  # nodes until 22 do not say it of their chain
        sheet = Sheet(chain, self._coin)
        tell_chain(sheet, info)
        self._tell_pace(sheet, info)
        network_info = await self._tell_often(sheet, info)
        self._seldom.tell(sheet, info)
        view = self._view(info, network_info)
        self._views[self._options.name] = view
        verdict = self._judge(sheet, view, info)
        sheet.gauge("up", "Whether the node could be read, and is on the chain that the settings name.", 1)
        if self._options.chain:
            text = "1 where the node is on another chain than the settings name; `found` says which."
            sheet.gauge("anya_bitcoin_wrong_chain", text, 0, ("found", chain))
        self._tell_own(sheet)
        self.sight = self._seen(sheet, is_up=True)
        return round_of(sheet, verdict)

    async def _settle(self, chain: str) -> None:
        """Notice another start of the node, or another chain behind the same address."""
        told = await self._inquiry.ask("uptime")
        is_new = self._starts.looked(told, now_ns=self._clock.monotonic_ns())
        if is_new:
            self._follower.restarted()
            self._inquiry.forget()
        if self._follower.turn_to(chain):
            self._seldom.forget()
        if is_new or not self._follower.genesis:
            await self._follower.find_network(self._inquiry)
        if is_new or not self.feed.is_listening:
            await self._find_feed()

    async def _find_feed(self) -> None:
        if self._options.zmq:
            self.feed.listen_to([self._options.zmq])
        else:
            told = await self._inquiry.ask("getzmqnotifications")
            self.feed.listen_to(addresses_of(dicts_of(told), self._options.url))

    async def _follow(self, info: Mapping[str, Any]) -> Change:
        """Bring the branch up to the tip, and note what changed."""
        change = await self._follower.follow(info, self._inquiry)
        if not (change.come or change.gone):
            return change
        branch, now_ns = self._follower.branch, self._clock.now_ns()
        if change.come and self._views.get(self._options.name, _UNSEEN).is_settled:
            self._announcements.expect(branch.tip)
        self._tally.note(change, now_ns=now_ns)
        self._newest.note(change, branch, now_ns=now_ns)
        if change.depth or not self._is_downloading:
            records = records_of(change, node=self._options.name, chain=self._chain, coin=self._coin, now_ns=now_ns)
            self._events.extend(records)
        if change.depth:
            log.warning(
                "bitcoin_reorg", node=self._options.name, depth_blocks=change.depth, fork_height=change.fork_height
            )
        return change

    async def _tell_often(self, sheet: Sheet, info: Mapping[str, Any]) -> Mapping[str, Any]:
        """The calls of every round; the answer of `getnetworkinfo`."""
        inquiry = self._inquiry
        found = facts_of(await inquiry.ask("getnetworkinfo"))
        network.tell_network(sheet, found)
        # Both answers carry the node's warnings, mostly the same ones.
        warnings = {*warnings_of(info), *warnings_of(found)}
        self._tally.warnings += bool(warnings)
        sheet.gauge("anya_bitcoin_warnings", "Warnings that the node shows now.", len(warnings))
        tell: Sequence[tuple[str, Callable[[Sheet, Any], None], Callable[[Any], Any]]] = (
            ("getmempoolinfo", tell_mempool, facts_of),
            ("getpeerinfo", network.tell_peers, dicts_of),
            ("getnettotals", network.tell_traffic, facts_of),
            ("listbanned", network.tell_bans, dicts_of),
            ("getmemoryinfo", network.tell_memory, facts_of),
            ("getrpcinfo", network.tell_rpc_work, facts_of),
            ("getindexinfo", tell_indexes, facts_of),
        )
        for method, into, shape in tell:
            told = await inquiry.ask(method)
            if told is not None:
                into(sheet, shape(told))
        text = "Number of seconds the Bitcoin daemon has been running."
        sheet.gauge("bitcoin_uptime", text, self._starts.uptime_s)
        for blocks, rate in zip(HASHRATES, await inquiry.ask_each("getnetworkhashps", tuple(HASHRATES)), strict=True):
            sheet.gauge(*HASHRATES[blocks], rate)
        estimates = await inquiry.ask_each("estimatesmartfee", FEE_TARGETS)
        tell_estimates(sheet, {t: facts_of(each) for t, each in zip(FEE_TARGETS, estimates, strict=True)})
        return found

    def _tell_pace(self, sheet: Sheet, info: Mapping[str, Any]) -> None:
        time_s, pace = info.get("time"), self._follower.pace
        headers, blocks = number_of(info.get("headers")), number_of(info.get("blocks"))
        settled = pace.is_settled(
            behind_headers=0 if headers is None or blocks is None else round(headers - blocks),
            uptime_s=self._starts.uptime_s,
            is_downloading=self._is_downloading,
        )
        spacing_s = self._options.block_spacing_s
        tell_pace(
            sheet,
            age_s=pace.age_s(time_s if isinstance(time_s, int) else None, now_ns=self._clock.now_ns()),
            spacing_s=spacing_of(self._follower.genesis, self._seldom.chain, configured_s=spacing_s),
            is_settled=settled,
            is_downloading=self._is_downloading,
        )

    def _view(self, info: Mapping[str, Any], network_info: Mapping[str, Any]) -> NodeView:
        headers, peers, branch = info.get("headers"), network_info.get("connections"), self._follower.branch
        try:
            work = int(str(info.get("chainwork", "0")), 16)
        except ValueError:
            work = 0
        return NodeView(
            self._options.name,
            network=(self._chain, self._follower.genesis),
            branch=branch,
            headers=headers if isinstance(headers, int) else -1,
            work=work,
            peers=peers if isinstance(peers, int) else None,
            is_settled=bool(branch.hashes) and not self._is_downloading,
            came_ns=self._follower.pace.came_ns(),
        )

    def _judge(self, sheet: Sheet, view: NodeView, info: Mapping[str, Any]) -> Verdict:
        if self._is_downloading:
            blocks = int(number_of(info.get("blocks")) or 0)
            return judge_download(blocks, view.headers, number_of(info.get("verificationprogress")) or 0.0)
        standing = standing_of(view, self._views.values())
        if standing is not None:
            tell_standing(sheet, standing, now_ns=self._clock.now_ns())
        faults = list(self._inquiry.faults)
        if self._announcements.silent_tip:
            message = f"block {self._announcements.silent_tip} came without a ZMQ message"
            faults.append(Refusal(UNANNOUNCED, message))
        self._unreached_looks = self._unreached_looks + 1 if self.feed.unreached else 0
        if self._unreached_looks >= UNREACHED_LOOKS_MIN:
            faults.append(Refusal(UNREACHED, f"nobody publishes at {self.feed.unreached}"))
        if self._inquiry.usual_s > SLOW_S:
            faults.append(Refusal(SLOW, f"half of its answers took {self._inquiry.usual_s:.1f} s or more"))
        remarks = ["blocks by ZMQ" if self.feed.is_listening else "no ZMQ, blocks by polling"]
        if info.get("pruned"):
            remarks.append(f"pruned below {info.get('pruneheight', '?')}")
        if self._inquiry.lacks:
            remarks.append(f"lacks {', '.join(sorted(self._inquiry.lacks))}")
        remarks += self._seldom.remarks
        return judge(view, standing, remarks=remarks, faults=faults)

    def _news(self) -> NodeSight:
        """The sight with a tip that has just come, and all else as before."""
        figures = {**self.sight.figures, (TIP_AGE, ()): 0.0}
        return replace(
            self.sight,
            looked_ns=self._clock.now_ns(),
            figures=figures,
            blocks=self._newest.of(self._follower.branch),
            reorg=self._tally.last_reorg,
        )

    def _seen(self, sheet: Sheet, *, is_up: bool) -> NodeSight:
        view = self._views[self._options.name]
        standing = standing_of(view, self._views.values()) if view.is_settled else None
        return NodeSight(
            self._options.name,
            chain="" if self._chain == "unknown" else self._chain,
            coin=self._coin,
            looked_ns=self._clock.now_ns(),
            is_up=is_up,
            program=subversion_of(sheet),
            figures=figures_of(sheet),
            blocks=self._newest.of(self._follower.branch),
            others=tuple(other.name for other in standing.others) if standing is not None else (),
            reorg=self._tally.last_reorg,
            zmq=self.feed.state(self._announcements.silent_tip),
        )

    def _tell_own(self, sheet: Sheet) -> None:
        """What is counted here, of a node that is gone, too."""
        self._tally.tell(sheet)
        self._tally.tell_rpc(sheet, self._client.counts)
        self.feed.tell(sheet)
        if self._tally.entered or self._tally.left:  # a node may announce its blocks alone
            tell_passage(sheet, self._tally.entered, self._tally.left)
        late_s = None if self.log_late_s is None else self.log_late_s()
        tell_log(sheet, lines=self.log_lines, events=self.log_events, late_s=late_s)

    async def _hand_in_events(self) -> None:
        """What the intake does not take now is handed in at the next look."""
        if not self._events:
            return
        batch = LogBatch(STREAM)
        for record in self._events:
            batch.add(record)
        try:
            await self._intake.logs([batch], source=STREAM)
        except UnavailableError:
            return
        self._events.clear()
