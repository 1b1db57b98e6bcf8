"""How a node is, in words: alone, and against the other nodes that are watched; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from anyascope.clock import NS_PER_S
from anyascope.collect.collectors.bitcoin.branches import Branch, is_same_branch, parted_blocks
from anyascope.collect.collectors.bitcoin.sheet import Sheet
from anyascope.collect.runner import Round
from anyascope.ports import HealthStatus
from anyascope.wire.bitcoin.rpc import (
    BUSY,
    FORBIDDEN,
    HTTP_ERROR,
    INVALID_ANSWER,
    NO_CREDENTIALS,
    TIMEOUT,
    TLS_FAILED,
    UNAUTHORIZED,
    UNREACHABLE,
    WARMUP,
    Refusal,
)

BEHIND_BLOCKS_MIN = 2  # one block is on its way to somebody every ten minutes; two are a node that does not keep up
WRONG_CHAIN = "wrong_chain"
MEND_CHAIN = "correct url or chain of this node in the settings, or the chain in the node's bitcoin.conf"
_ADVICE: Mapping[str, str] = {
    UNREACHABLE: "start the node, and check url, rpcbind and rpcport",
    TIMEOUT: "see whether url has the port of the RPC, not that of the peers; then what the node is busy with: its processor, its disk, "
    "the end of its debug.log",
    NO_CREDENTIALS: "start the node; correct cookie_file (below the data directory, in the chain's folder but for main); let the "
    "server's user read it (rpccookieperms=group)",
    UNAUTHORIZED: "give the cookie_file of this very node, or the username and password of its rpcauth",
    FORBIDDEN: "add this address to the node's rpcallowip, or the method to the user's rpcwhitelist",
    BUSY: "see which client asks so much, or raise the node's rpcworkqueue or rpcthreads; where a proxy stands before the node, see "
    "whether it finds the node",
    INVALID_ANSWER: "check that url leads to a node's RPC (https where TLS stands before it), and what stands between",
    HTTP_ERROR: "see the end of the node's debug.log; where a proxy stands before the node, see whether it finds the node",
    TLS_FAILED: "give the authority of the certificate as tls.ca_file, and the name in it as tls.server_name; use http:// where "
    "nothing with TLS stands before the node",
    WARMUP: "wait: the node is starting",
    WRONG_CHAIN: MEND_CHAIN,
    "slow": "see what the node is busy with (its processor, its disk, its swap), and the way to it",
    "zmq_silent": "check that the node's zmqpubhashblock can be reached from here, or set zmq; blocks are seen by polling",
    "zmq_unreached": "correct zmq, or zmqpubhashblock and zmqpubsequence in the node's bitcoin.conf, and see the firewall; blocks are "
    "seen by polling",
}
UNANNOUNCED = "zmq_silent"
UNREACHED = "zmq_unreached"
UNREACHED_LOOKS_MIN = 2  # a connection takes some milliseconds, and the first look begins with it
SLOW = "slow"
_PASSING = frozenset((WARMUP, BUSY))


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a node is, and what to do about it."""

    status: HealthStatus
    message: str
    advice: str = ""


def round_of(sheet: Sheet, verdict: Verdict) -> Round:
    """What a look brought, with its verdict as health."""
    if verdict.status is HealthStatus.HEALTHY:
        return Round(sheet.families(), verdict.message)
    is_down = verdict.status is HealthStatus.UNHEALTHY
    return Round(sheet.families(), faults=(verdict.message,), advice=verdict.advice, is_down=is_down)


@dataclass(frozen=True, slots=True)
class NodeView:
    """A node as the last look found it, for comparing.

    Attributes:
        network: chain and genesis block: only nodes of one network can agree or not.
        work: the chain's work; of two branches the one with more counts.
        is_settled: reachable, on the right chain, not in its initial download.
        is_gone: it was settled, and does not answer now: the rest is as it was seen last.
        came_ns: when each of its newest heights was first seen; UTC.
    """

    name: str
    network: tuple[str, str] = ("", "")
    branch: Branch = field(default_factory=Branch)
    headers: int = -1
    work: int = 0
    peers: int | None = None
    is_settled: bool = False
    came_ns: Mapping[int, int] = field(default_factory=dict)
    is_gone: bool = False


@dataclass(frozen=True, slots=True)
class Standing:
    """A node against its fellows: how far behind the highest, and which of them are on another branch.

    Attributes:
        ahead_ns: when one of them first had a higher tip than the node has now, as far as it was watched; UTC.
        parted_blocks: of the longer branch, above the last common block with the one that parted deepest; 0 where all agree.
    """

    behind_blocks: int = 0
    ahead: str = ""
    others: tuple[NodeView, ...] = ()
    ahead_ns: int | None = None
    parted_blocks: int = 0


def standing_of(node: NodeView, views: Iterable[NodeView]) -> Standing | None:
    """Against all settled nodes of its network, and those that had more of the same branch before they went; None where there is none."""
    others = [view for view in views if view.name != node.name and view.network == node.network]
    fellows = [view for view in others if view.is_settled]
    ahead_and_gone = [view for view in others if view.is_gone and _has_more(view.branch, node.branch)]
    if not fellows and not ahead_and_gone:
        return None
    higher = [*fellows, *ahead_and_gone]
    highest = max(higher, key=lambda view: view.branch.height)
    behind = max(0, highest.branch.height - node.branch.height)
    strangers = tuple(fellow for fellow in fellows if is_same_branch(node.branch, fellow.branch) is False)
    ahead_ns = min((ns for each in higher for at, ns in each.came_ns.items() if at > node.branch.height), default=None)
    parted = max((parted_blocks(node.branch, other.branch) for other in strangers), default=0)
    name = f"{highest.name}, which does not answer now" if highest.is_gone else highest.name
    return Standing(behind, name if behind else "", strangers, ahead_ns, parted)


def _has_more(one: Branch, other: Branch) -> bool:
    """Whether the one goes on where the other ends."""
    return one.height > other.height and is_same_branch(one, other) is True


def tell_standing(sheet: Sheet, standing: Standing, *, now_ns: int) -> None:
    """A node against its fellows, as points."""
    text = "Blocks behind the highest other node of the same network."
    sheet.gauge("anya_bitcoin_behind_blocks", text, standing.behind_blocks)
    lag_s = 0.0 if standing.ahead_ns is None else (now_ns - standing.ahead_ns) / NS_PER_S
    text = "Time since another node of the same network had a higher tip first; 0 when not behind."
    sheet.gauge("anya_bitcoin_tip_lag_seconds", text, max(0.0, lag_s))
    text = "Other nodes of the same network that are on another branch."
    sheet.gauge("anya_bitcoin_nodes_on_another_branch", text, len(standing.others))
    text = "Blocks above the last one that all nodes of the network share, on the longer branch; 0 when they agree."
    sheet.gauge("anya_bitcoin_branch_blocks", text, standing.parted_blocks)


def judge_refusal(refusal: Refusal) -> Verdict:
    """A node that does not say how its chain is."""
    status = HealthStatus.DEGRADED if refusal.code in _PASSING else HealthStatus.UNHEALTHY
    advice = _ADVICE.get(refusal.code, "see the node's debug.log")
    return Verdict(status, f"{refusal.code}: {refusal.message}", advice)


def judge_wrong_chain(found: str, wanted: str) -> Verdict:
    """A node of another chain than the settings say."""
    return Verdict(
        HealthStatus.UNHEALTHY,
        f"is on chain {found}, expected {wanted}; nothing of it is kept",
        MEND_CHAIN,
    )


def judge_download(blocks: int, headers: int, progress: float) -> Verdict:
    """A node in its initial download, as `getblockchaininfo` tells it."""
    message = f"in initial download: block {blocks} of {headers}, {progress:.1%} verified"
    return Verdict(HealthStatus.DEGRADED, message, "wait; do not let payments depend on this node yet")


def judge(
    node: NodeView, standing: Standing | None, *, remarks: Sequence[str] = (), faults: Sequence[Refusal] = ()
) -> Verdict:
    """A node that answers, on the right chain.

    Args:
        remarks: said where all is well.
        faults: calls that were refused; what is wrong with the chain is said before them.
    """
    if standing is not None and standing.others:
        return _judge_branch(node, standing.others)
    if standing is not None and standing.behind_blocks >= BEHIND_BLOCKS_MIN:
        message = f"{standing.behind_blocks} blocks behind {standing.ahead}: at {node.branch.height}"
        return Verdict(HealthStatus.DEGRADED, message, "see the node's peers, its disk and the end of its debug.log")
    if node.branch.hashes and node.headers - node.branch.height >= BEHIND_BLOCKS_MIN:
        message = (
            f"{node.headers - node.branch.height} blocks behind the headers that it knows: at {node.branch.height}"
        )
        return Verdict(HealthStatus.DEGRADED, message, "see whether its peers send blocks, and its disk")
    if node.peers == 0 and node.network[0] != "regtest":
        return Verdict(HealthStatus.UNHEALTHY, f"no peers: cut off at block {node.branch.height}", "see the network")
    if faults:
        return _judge_faults(faults)
    return Verdict(HealthStatus.HEALTHY, "; ".join((f"{node.network[0]}, block {node.branch.height}", *remarks)))


def _judge_faults(faults: Sequence[Refusal]) -> Verdict:
    """All that was refused, what has the same reason together; the advice is for the first."""
    told: dict[str, list[str]] = {}
    for fault in faults:
        told.setdefault(fault.code, []).append(fault.message)
    message = "; ".join(f"{code}: {_together(messages)}" for code, messages in told.items())
    return Verdict(HealthStatus.DEGRADED, message, judge_refusal(faults[0]).advice)


def _together(messages: Sequence[str]) -> str:
    """`a, b: reason` of `a: reason` and `b: reason`; other messages one after the other."""
    reasons: dict[str, list[str]] = {}
    for message in dict.fromkeys(messages):  # a method may have been asked twice
        method, _, reason = message.partition(": ")
        reasons.setdefault(reason, []).append(method)
    return "; ".join(", ".join(methods) + (f": {reason}" if reason else "") for reason, methods in reasons.items())


def _judge_branch(node: NodeView, others: Sequence[NodeView]) -> Verdict:
    """The branch with less work will lose: what is confirmed only there is not confirmed."""
    strongest = max(others, key=lambda other: other.work)
    names = ", ".join(f"{other.name} (block {other.branch.height})" for other in others)
    message = f"on another branch than {names}: at block {node.branch.height} {node.branch.tip}"
    if strongest.work > node.work:
        advice = "trust no confirmation of this node; see its peers, getchaintips and invalidated blocks"
        return Verdict(HealthStatus.UNHEALTHY, f"{message}, with less work", advice)
    return Verdict(HealthStatus.DEGRADED, message, "wait with payments until both agree; see getchaintips of both")
