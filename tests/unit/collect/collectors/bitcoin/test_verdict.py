"""Unit tests of what is said of a node's health."""

from __future__ import annotations

from dataclasses import replace

import pytest

from anyascope.collect.collectors.bitcoin.branches import Branch
from anyascope.collect.collectors.bitcoin.verdict import (
    WRONG_CHAIN,
    NodeView,
    judge,
    judge_download,
    judge_refusal,
    judge_wrong_chain,
    standing_of,
)
from anyascope.ports import HealthStatus
from anyascope.wire.bitcoin.rpc import Refusal

MAIN = ("main", "genesis")


def node(name: str, blocks: str, *, work: int = 0, peers: int = 8) -> NodeView:
    branch = Branch(dict(enumerate(blocks)))
    return NodeView(name, MAIN, branch, headers=branch.height, work=work, peers=peers, is_settled=True)


def verdict(one: NodeView, *others: NodeView, **more):
    return judge(one, standing_of(one, [one, *others]), **more)


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("unreachable", HealthStatus.UNHEALTHY),
        ("unauthorized", HealthStatus.UNHEALTHY),
        ("in_warmup", HealthStatus.DEGRADED),
        ("busy", HealthStatus.DEGRADED),
        ("rpc_error", HealthStatus.UNHEALTHY),
    ],
)
def test_a_node_that_does_not_answer_says_why(code, status):
    """What passes by itself is degraded, everything else unhealthy, with advice."""
    found = judge_refusal(Refusal(code, "why"))
    assert found.status is status
    assert "why" in found.message
    assert found.advice


def test_nodes_that_agree_are_well():
    """One block behind is on its way."""
    found = verdict(node("a", "gab"), node("b", "gabc"), remarks=["no ZMQ"])
    assert (found.status, found.message) == (HealthStatus.HEALTHY, "main, block 2; no ZMQ")


def test_the_deepest_parting_counts():
    """Of several nodes on other branches, the one that parted deepest says how far."""
    first, tie, deep = node("a", "gabc"), node("b", "gabx"), node("c", "gxyzuv")
    assert standing_of(first, [first, tie]).parted_blocks == 1
    assert standing_of(first, [first, tie, deep]).parted_blocks == 5
    assert standing_of(first, [first, node("d", "gabcd")]).parted_blocks == 0


def test_a_node_behind_names_the_one_ahead():
    """Two blocks behind the highest other node, or behind its own headers, is degraded."""
    found = verdict(node("a", "ga"), node("b", "gab"), node("c", "gabc"))
    assert found.status is HealthStatus.DEGRADED
    assert found.message == "2 blocks behind c: at 1"
    found = verdict(replace(node("a", "ga"), headers=9))
    assert (found.status, found.message) == (
        HealthStatus.DEGRADED,
        "8 blocks behind the headers that it knows: at 1",
    )


def test_who_is_behind_stays_behind_when_the_better_one_goes():
    """What it had of the same branch counts, until the node has as much; that it had another branch says nothing any more."""
    gone = replace(node("b", "gabcd"), is_settled=False, is_gone=True, came_ns={4: 7})
    found = verdict(node("a", "gab"), gone)
    assert found.message == "2 blocks behind b, which does not answer now: at 2"
    standing = standing_of(node("a", "gab"), [gone])
    assert standing is not None
    assert (standing.behind_blocks, standing.ahead_ns, standing.others) == (2, 7, ())
    assert verdict(node("a", "gab"), gone, node("c", "gabc")).message.startswith("2 blocks behind b")
    assert standing_of(node("a", "gabcd"), [gone]) is None
    assert standing_of(node("a", "gax"), [gone]) is None


def test_the_branch_with_less_work_is_unhealthy():
    """Both say that they disagree; the one that will lose is the worse."""
    strong, weak = node("a", "gabc", work=9), node("b", "gax", work=7)
    assert verdict(strong, weak).status is HealthStatus.DEGRADED
    found = verdict(weak, strong)
    assert found.status is HealthStatus.UNHEALTHY
    assert "another branch than a (block 3)" in found.message


def test_nodes_of_other_networks_and_unsettled_ones_are_not_compared():
    """Litecoin calls its chain `main`, too; a node in its download is behind by nature."""
    other = replace(node("b", "xyzxyz"), network=("main", "another genesis"))
    loading = replace(node("c", "gabcde"), is_settled=False)
    assert standing_of(node("a", "ga"), [other, loading]) is None


def test_a_node_without_peers_is_cut_off():
    """But on regtest, where nodes are alone."""
    assert verdict(node("a", "ga", peers=0)).status is HealthStatus.UNHEALTHY
    alone = replace(node("a", "ga", peers=0), network=("regtest", "g"))
    assert verdict(alone).status is HealthStatus.HEALTHY


def test_a_call_that_fails_degrades_a_node_that_is_well():
    """A partial answer is told, after what is wrong with the chain."""
    faults = [Refusal("unreachable", "getpeerinfo: gone")]
    assert verdict(node("a", "ga"), faults=faults).status is HealthStatus.DEGRADED
    assert "behind c" in verdict(node("a", "ga"), node("c", "gabc"), faults=faults).message


def test_what_was_refused_is_told_together():
    """All methods that lack the same right in one breath, other reasons after them; the advice is for the first."""
    why = "not let in"
    faults = [
        Refusal("forbidden", f"getpeerinfo: {why}"),
        Refusal("zmq_silent", "block 00ab came without a ZMQ message"),
        Refusal("forbidden", f"listbanned: {why}"),
    ]
    found = verdict(node("a", "ga"), faults=faults)
    assert found.message == (
        "forbidden: getpeerinfo, listbanned: not let in; zmq_silent: block 00ab came without a ZMQ message"
    )
    assert "rpcwhitelist" in found.advice


def test_a_wrong_chain_and_a_download_are_said_in_words():
    """What was found, what was wanted; how far it is."""
    assert judge_wrong_chain("test", "main").message == "is on chain test, expected main; nothing of it is kept"
    found = judge_download(1, 100, 0.123)
    assert found.message == "in initial download: block 1 of 100, 12.3% verified"


def test_a_wrong_chain_is_mended_in_the_settings():
    """Also where it is told of the node's wallets."""
    assert (
        judge_refusal(Refusal(WRONG_CHAIN, "is on chain test, expected main")).advice
        == judge_wrong_chain("test", "main").advice
    )
