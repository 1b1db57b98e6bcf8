"""Watches one node: looks at it again and again, and at once where it says that a block came or went."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import structlog

from anyascope.clock import NS_PER_S, Clock
from anyascope.collect.collectors.bitcoin import network_figures as network
from anyascope.collect.collectors.bitcoin.branches import (
    Branch,
    Change,
    branch_from_json,
    branch_to_json,
    change_of,
    heights_to_ask,
)
from anyascope.collect.collectors.bitcoin.chain_figures import (
    HASHRATES,
    tell_chain,
    tell_deployments,
    tell_indexes,
    tell_latest_block,
    tell_tips,
)
from anyascope.collect.collectors.bitcoin.client import RpcClient, RpcCounts
from anyascope.collect.collectors.bitcoin.debug_log import LEVELS_COUNTED
from anyascope.collect.collectors.bitcoin.events import STREAM, records_of
from anyascope.collect.collectors.bitcoin.feed import BlockFeed, addresses_of
from anyascope.collect.collectors.bitcoin.pace import Pace, spacing_of, tell_pace, window_to_ask
from anyascope.collect.collectors.bitcoin.pool_figures import FEE_TARGETS, tell_estimates, tell_mempool
from anyascope.collect.collectors.bitcoin.pool_histogram import (
    ENTRIES_MAX,
    RATES_SAT_PER_VB,
    Groups,
    groups_from_entries,
    groups_from_info,
    tell_groups,
)
from anyascope.collect.collectors.bitcoin.sheet import Sheet, dicts_of, facts_of, warnings_of
from anyascope.collect.collectors.bitcoin.sight import NewestBlocks, figures_of, subversion_of
from anyascope.collect.collectors.bitcoin.tally import NodeTally
from anyascope.collect.collectors.bitcoin.verdict import (
    UNANNOUNCED,
    NodeView,
    Verdict,
    judge,
    judge_download,
    judge_refusal,
    judge_wrong_chain,
    round_of,
    standing_of,
)
from anyascope.collect.options import BitcoinNodeOptions
from anyascope.collect.runner import Round
from anyascope.errors import UnavailableError
from anyascope.model.bitcoin import NodeSight
from anyascope.model.documents import Json, Put
from anyascope.model.logs import LogBatch, LogRecord
from anyascope.ports import Intake
from anyascope.store.api.documents import DocumentStore
from anyascope.wire.bitcoin.rpc import INVALID_ANSWER, METHOD_NOT_FOUND, TIMEOUT, UNREACHABLE, Refusal

log = structlog.get_logger("anyascope.collect")

ROUND_GAP_S = 0.1  # between two looks that messages ask for: a burst of blocks is one look
SELDOM_S = 60.0  # how often the calls that walk the block index or read a block are made while no block comes
EVENTS_WAITING_MAX = 1_000  # while the intake is full; ten windows of blocks
ANNOUNCED_WITHIN_S = 1.0  # messages leave the node before its RPC shows the block, and travel as fast
DOCUMENT_KIND = "collect.bitcoin.branch"
GROUPING = "fee rates in getmempoolinfo"  # an argument of Knots' that Core does not take
TIP_AGE = "anya_bitcoin_tip_age_seconds"
_UNSEEN = NodeView("")
_BROKEN = frozenset((UNREACHABLE, TIMEOUT))


class NodeWatch:
    """One node, and what is known of it.

    Args:
        views: how all nodes were found last, by name; this node's entry is written here.
        intake: takes the events; the figures go by the runner.
        documents: keeps the newest blocks, so that a reorg while nobody looked is seen afterwards.

    Attributes:
        log_lines: lines of its log by level, counted by whoever follows it; empty where nobody does.
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
    ) -> None:
        self._options = options
        self._views = views
        self._intake = intake
        self._documents = documents
        self._clock = clock
        self._client = client or RpcClient(options, clock=clock)
        self.log_lines: dict[str, int] = {} if options.debug_log is None else dict.fromkeys(LEVELS_COUNTED, 0)
        self._tally = NodeTally()
        self._chain = options.chain or "unknown"
        self._genesis = ""
        self._branch = Branch()
        self._pace = Pace(settled_after_s=options.settled_after_s)
        self._newest = NewestBlocks()
        self._seldom: dict[str, Any] = {}
        self._seldom_at = ("", 0)
        self._pool_groups: Groups | None = None
        self._uptime_s: int | None = None
        self._looked_ns = 0
        self._lacks: set[str] = set()
        self._faults: list[Refusal] = []
        self._events: deque[LogRecord] = deque(maxlen=EVENTS_WAITING_MAX)
        self._is_downloading = False
        self._unheard: tuple[str, int] | None = None  # a tip whose announcement is waited for, and since when
        self._silent_tip = ""
        self.sight = NodeSight(options.name, options.chain)
        self.nudge = asyncio.Event()
        self.feed = BlockFeed(options.name, self._on_block)

    @property
    def rpc_counts(self) -> RpcCounts:
        """Where all clients of this node count their calls; told with this node's figures."""
        return self._client.counts

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def gather(self) -> Round:
        """Look at the node once."""
        self.nudge.clear()
        await self._clock.sleep(ROUND_GAP_S - (self._clock.monotonic_ns() - self._looked_ns) / NS_PER_S)
        self._looked_ns = self._clock.monotonic_ns()
        self._faults = []
        info = await self._client.call("getblockchaininfo")
        if not isinstance(info, (dict, Refusal)) or (isinstance(info, dict) and not info.get("chain")):
            info = Refusal(INVALID_ANSWER, "getblockchaininfo says nothing of a chain")
        if isinstance(info, Refusal):
            self._tally.fault(info.code)
            return self._closed(judge_refusal(info))
        chain = str(info["chain"])
        if self._options.chain not in ("", chain):
            return self._closed(judge_wrong_chain(chain, self._options.chain), wrong_chain=chain)
        return await self._look(chain, info)

    # --- inside -------------------------------------------------------------------------------------------------------

    def _on_block(self) -> None:
        if not self._is_downloading:  # thousands of blocks a minute, none of them news
            self.nudge.set()

    def _closed(self, verdict: Verdict, *, wrong_chain: str = "") -> Round:
        """A round without the node's figures."""
        self._views[self._options.name] = NodeView(self._options.name)
        sheet = Sheet(self._chain)
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
        self._judge_feed()
        change = await self._follow(info)
        if change.come:
            # Before its event: whoever hears of a block by its event finds it here.
            self.sight = self._news()
        # Beside the other calls: a block must not wait until the node has told of its peers.
        telling = asyncio.create_task(self._hand_in_events())
        try:
            return await self._look_around(chain, info)
        finally:
            await telling

    async def _look_around(self, chain: str, info: dict[str, Any]) -> Round:
        """Everything but the branch."""
        await self._refresh_seldom()
        sheet = Sheet(chain)
        info.setdefault("time", facts_of(self._seldom.get("getblockstats")).get("time"))  # nodes until 22 do not say it
        tell_chain(sheet, info)
        self._tell_pace(sheet, info)
        network_info = await self._tell_often(sheet, info)
        self._tell_seldom(sheet, info)
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
        uptime_s = await self._ask("uptime")
        is_new = not isinstance(uptime_s, int) or uptime_s < (self._uptime_s or 0)
        self._uptime_s = uptime_s if isinstance(uptime_s, int) else None
        if is_new:
            self._pace.restarted()
        if chain != self._chain:
            self._branch, self._seldom, self._seldom_at = Branch(), {}, ("", 0)
            self._pace = Pace(settled_after_s=self._options.settled_after_s)
        if is_new or chain != self._chain or not self._genesis:
            self._lacks.clear()  # it may be another version
            self._genesis = str(await self._ask("getblockhash", 0) or "")
            self._chain = chain
            await self._remember()
            await self._find_feed()
        elif not self.feed.is_listening:
            await self._find_feed()

    async def _remember(self) -> None:
        """Take up the branch of an earlier run, where this is the same network."""
        if self._branch.hashes or not self._genesis:
            return
        known = await self._documents.get(DOCUMENT_KIND, self._options.name)
        if known is not None and known.body.get("genesis") == self._genesis:
            self._branch = branch_from_json(known.body)
            self._pace.take_up(known.body)

    async def _keep(self) -> None:
        if self._is_downloading:
            return
        body: dict[str, Json] = {"genesis": self._genesis, **branch_to_json(self._branch), **self._pace.to_json()}
        # A store that is full must not blind us: what is not kept now is kept with the next block.
        with contextlib.suppress(UnavailableError):
            await self._documents.commit([Put(DOCUMENT_KIND, self._options.name, body)])

    def _judge_feed(self) -> None:
        """Whether the last tip that polling found was announced, too; the message may come a moment later."""
        now_ns = self._clock.monotonic_ns()
        if self._unheard is None or now_ns - self._unheard[1] < ANNOUNCED_WITHIN_S * NS_PER_S:
            return
        tip, self._unheard = self._unheard[0], None
        self._silent_tip = "" if self.feed.has_announced(tip) else tip
        self._tally.unannounced += bool(self._silent_tip)

    async def _find_feed(self) -> None:
        if self._options.zmq:
            self.feed.listen_to([self._options.zmq])
        else:
            told = await self._ask("getzmqnotifications")
            self.feed.listen_to(addresses_of(dicts_of(told), self._options.url))

    async def _follow(self, info: Mapping[str, Any]) -> Change:
        """Bring the branch up to the tip, and note what changed."""
        tip, height = str(info.get("bestblockhash", "")), info.get("blocks")
        if not isinstance(height, int):
            return Change()
        self._pace.looked(tip, height, now_ns=self._clock.now_ns())
        if tip == self._branch.tip:
            return Change()
        heights = heights_to_ask(height)
        hashes = await self._client.call_each("getblockhash", [(each,) for each in heights])
        found = {at: each for at, each in zip(heights, hashes, strict=True) if isinstance(each, str)}
        if len(found) < len(heights):
            return Change()  # the chain changed under our eyes, or the node went: the next look will see
        now = Branch(found)
        change = change_of(self._branch, now)
        self._branch = now
        await self._keep()
        if change.come and self.feed.is_listening and self._views.get(self._options.name, _UNSEEN).is_settled:
            self._unheard = (now.tip, self._clock.monotonic_ns())
        now_ns = self._clock.now_ns()
        self._tally.note(change, now_ns=now_ns)
        self._newest.note(change, now, now_ns=now_ns)
        if change.depth or not self._is_downloading:
            self._events.extend(records_of(change, node=self._options.name, chain=self._chain, now_ns=now_ns))
        if change.depth:
            log.warning(
                "bitcoin_reorg", node=self._options.name, depth_blocks=change.depth, fork_height=change.fork_height
            )
        return change

    async def _refresh_seldom(self) -> None:
        """The calls that are not cheap, once a block, and once a minute without one."""
        tip, at_ns = self._seldom_at
        now_ns = self._clock.monotonic_ns()
        if tip == self._branch.tip and now_ns - at_ns < SELDOM_S * NS_PER_S and self._seldom:
            return
        if self._is_downloading and self._seldom and now_ns - at_ns < SELDOM_S * NS_PER_S:
            return
        self._seldom_at = (self._branch.tip, now_ns)
        asked: dict[str, Any] = {
            "getchaintips": await self._ask("getchaintips"),
            "getdeploymentinfo": await self._ask("getdeploymentinfo"),
            "getchaintxstats": await self._ask("getchaintxstats", window_to_ask(self._branch.height)),
            "getblockstats": await self._ask("getblockstats", self._branch.tip) if self._branch.height > 0 else None,
        }
        self._pool_groups = None if self._is_downloading else await self._group_pool()
        self._seldom = {method: told for method, told in asked.items() if told is not None}

    async def _group_pool(self) -> Groups | None:
        """The mempool by fee rate: grouped by the node where it can (Knots), else read where it is small; None otherwise."""
        if GROUPING not in self._lacks and not self._is_gone():
            told = await self._client.call("getmempoolinfo", list(RATES_SAT_PER_VB))
            groups = groups_from_info(facts_of(told))
            if groups is not None:
                return groups
            if isinstance(told, Refusal) and told.code in _BROKEN:
                self._note("getmempoolinfo", told)
                return None
            self._lacks.add(GROUPING)
        size = facts_of(await self._ask("getmempoolinfo")).get("size")
        if not isinstance(size, int) or size > ENTRIES_MAX:
            return None
        entries = await self._ask("getrawmempool", True)
        return None if entries is None else groups_from_entries(facts_of(entries))

    def _tell_seldom(self, sheet: Sheet, info: Mapping[str, Any]) -> None:
        seldom = self._seldom
        if "getchaintips" in seldom:
            tell_tips(sheet, dicts_of(seldom["getchaintips"]))
        deployments = facts_of(seldom.get("getdeploymentinfo")).get("deployments") or info.get("softforks")
        tell_deployments(sheet, facts_of(deployments))
        count = facts_of(seldom.get("getchaintxstats")).get("txcount")
        sheet.gauge("bitcoin_txcount", "Number of transactions since the genesis block.", count)
        if self._pool_groups is not None:
            tell_groups(sheet, self._pool_groups)
        if "getblockstats" in seldom:
            tell_latest_block(sheet, facts_of(seldom["getblockstats"]))

    async def _tell_often(self, sheet: Sheet, info: Mapping[str, Any]) -> Mapping[str, Any]:
        """The calls of every round; the answer of `getnetworkinfo`."""
        found = facts_of(await self._ask("getnetworkinfo"))
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
            told = await self._ask(method)
            if told is not None:
                into(sheet, shape(told))
        sheet.gauge("bitcoin_uptime", "Number of seconds the Bitcoin daemon has been running.", self._uptime_s)
        rates = await self._ask_each("getnetworkhashps", tuple(HASHRATES))
        for blocks, rate in rates.items():
            sheet.gauge(*HASHRATES[blocks], rate)
        tell_estimates(
            sheet, {t: facts_of(e) for t, e in (await self._ask_each("estimatesmartfee", FEE_TARGETS)).items()}
        )
        return found

    def _tell_pace(self, sheet: Sheet, info: Mapping[str, Any]) -> None:
        time_s, headers, now_ns = info.get("time"), info.get("headers"), self._clock.now_ns()
        stats = facts_of(self._seldom.get("getchaintxstats"))
        settled = self._pace.is_settled(
            behind_headers=headers - self._branch.height if isinstance(headers, int) else 0,
            uptime_s=self._uptime_s,
            is_downloading=self._is_downloading,
        )
        tell_pace(
            sheet,
            age_s=self._pace.age_s(time_s if isinstance(time_s, int) else None, now_ns=now_ns),
            spacing_s=spacing_of(self._genesis, stats, configured_s=self._options.block_spacing_s),
            is_settled=settled,
            is_downloading=self._is_downloading,
        )

    def _view(self, info: Mapping[str, Any], network_info: Mapping[str, Any]) -> NodeView:
        headers, peers = info.get("headers"), network_info.get("connections")
        try:
            work = int(str(info.get("chainwork", "0")), 16)
        except ValueError:
            work = 0
        return NodeView(
            self._options.name,
            network=(self._chain, self._genesis),
            branch=self._branch,
            headers=headers if isinstance(headers, int) else -1,
            work=work,
            peers=peers if isinstance(peers, int) else None,
            is_settled=bool(self._branch.hashes) and not self._is_downloading,
            came_ns=self._pace.came_ns(),
        )

    def _judge(self, sheet: Sheet, view: NodeView, info: Mapping[str, Any]) -> Verdict:
        if self._is_downloading:
            return judge_download(view, float(info.get("verificationprogress") or 0))
        standing = standing_of(view, self._views.values())
        if standing is not None:
            text = "Blocks behind the highest other node of the same network."
            sheet.gauge("anya_bitcoin_behind_blocks", text, standing.behind_blocks)
            lag_s = 0.0 if standing.ahead_ns is None else (self._clock.now_ns() - standing.ahead_ns) / NS_PER_S
            text = "Time since another node of the same network had a higher tip first; 0 when not behind."
            sheet.gauge("anya_bitcoin_tip_lag_seconds", text, max(0.0, lag_s))
            text = "Other nodes of the same network that are on another branch."
            sheet.gauge("anya_bitcoin_nodes_on_another_branch", text, len(standing.others))
            text = "Blocks above the last one that all nodes of the network share, on the longer branch; 0 when they agree."
            sheet.gauge("anya_bitcoin_branch_blocks", text, standing.parted_blocks)
        if self._silent_tip and self.feed.is_listening:
            self._faults.append(Refusal(UNANNOUNCED, f"block {self._silent_tip} came without a ZMQ message"))
        remarks = ["blocks by ZMQ" if self.feed.is_listening else "no ZMQ, blocks by polling"]
        if info.get("pruned"):
            remarks.append(f"pruned below {info.get('pruneheight', '?')}")
        if self._lacks:
            remarks.append(f"lacks {', '.join(sorted(self._lacks))}")
        return judge(view, standing, remarks=remarks, faults=self._faults)

    def _news(self) -> NodeSight:
        """The sight with a tip that has just come, and all else as before."""
        figures = {**self.sight.figures, (TIP_AGE, ()): 0.0}
        return replace(
            self.sight,
            looked_ns=self._clock.now_ns(),
            figures=figures,
            blocks=self._newest.of(self._branch),
            reorg=self._tally.last_reorg,
        )

    def _seen(self, sheet: Sheet, *, is_up: bool) -> NodeSight:
        view = self._views[self._options.name]
        standing = standing_of(view, self._views.values()) if view.is_settled else None
        return NodeSight(
            self._options.name,
            chain="" if self._chain == "unknown" else self._chain,
            looked_ns=self._clock.now_ns(),
            is_up=is_up,
            program=subversion_of(sheet),
            figures=figures_of(sheet),
            blocks=self._newest.of(self._branch),
            others=tuple(other.name for other in standing.others) if standing is not None else (),
            reorg=self._tally.last_reorg,
            zmq=self.feed.state(self._silent_tip),
        )

    def _tell_own(self, sheet: Sheet) -> None:
        self._tally.tell(sheet)
        self._tally.tell_rpc(sheet, self._client.counts)
        self.feed.tell(sheet)
        for level, count in self.log_lines.items():
            text = "Lines of the node's debug.log that are warnings or errors, written since the server's start."
            sheet.counter("anya_bitcoin_log_lines_total", text, count, ("level", level))

    async def _ask(self, method: str, *params: Any) -> Any | None:
        """What the node says; None where it refuses, lacks the method, or was found gone in this round."""
        if method in self._lacks or self._is_gone():
            return None
        told = await self._client.call(method, *params)
        return None if isinstance(told, Refusal) and self._note(method, told) else told

    async def _ask_each(self, method: str, values: Sequence[int]) -> dict[int, Any]:
        """What the node says to each value, where it says something."""
        if method in self._lacks or self._is_gone():
            return {}
        told = await self._client.call_each(method, [(value,) for value in values])
        answers = dict(zip(values, told, strict=True))
        for answer in answers.values():
            if isinstance(answer, Refusal):
                self._note(method, answer)
        return {value: answer for value, answer in answers.items() if not isinstance(answer, Refusal)}

    def _is_gone(self) -> bool:
        """Whether the node was found gone in this round."""
        return any(fault.code in _BROKEN for fault in self._faults)

    def _note(self, method: str, refusal: Refusal) -> bool:
        if refusal.code == METHOD_NOT_FOUND:
            self._lacks.add(method)
        else:
            self._tally.fault(refusal.code)
            self._faults.append(Refusal(refusal.code, f"{method}: {refusal.message}"))
        return True

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
