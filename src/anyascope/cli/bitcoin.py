"""`anyascope nodes`, `wallets` and `transactions`: what the page *Custody* shows of Bitcoin nodes, in a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from anyascope.cli.help import examples
from anyascope.cli.session import print_json, session_of
from anyascope.cli.show import NS_PER_S, amount_of, duration, local_time, wallet_of
from anyascope.cli.terminal import Cell, Style, Terminal, clean
from anyascope.semconv.coins import fee_rate_unit, network_text, smallest_unit

if TYPE_CHECKING:
    from anyascope.wire.own_bitcoin import BitcoinNodeView
    from anyascope.wire.own_transactions import OwnTransactionView
    from anyascope.wire.own_wallets import BitcoinWalletView

NO_NODE = "no Bitcoin node is watched: name one in collectors.bitcoin.nodes of anyascope.yml, then reload"
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Chosen = Annotated[str, typer.Option("--node", help="Only of this node.", metavar="NAME", show_default=False)]

NODES_EXAMPLES = examples(
    ("anyascope nodes", "a line a node, and below what is wrong"),
    ("watch -n 2 anyascope nodes", "while something is under way"),
    ("anyascope nodes --json | jq '.nodes[] | select(.is_up | not) | .name'", "for scripts"),
)
WALLETS_EXAMPLES = examples(
    ("anyascope wallets", "all of them"),
    ("anyascope wallets --node core-1", "those of one node"),
    ("anyascope wallets --json | jq '[.wallets[].funds.trusted_sats] | add'", "what all hold"),
)
TRANSACTIONS_EXAMPLES = examples(
    ("anyascope transactions", "what waits, and what frees the stuck ones"),
    ("anyascope transactions --json | jq -r '.transactions[].bump.command // empty'", "only the commands"),
)

_STATES = {"healthy": Style.GREEN, "degraded": Style.YELLOW, "unhealthy": Style.RED}


def nodes(context: typer.Context, *, as_json: AsJson = False) -> None:
    """Show each watched Bitcoin node: its tip and how old it is, its peers, and what is wrong with it."""
    terminal = Terminal.standard()
    with session_of(context).client() as client:
        found = client.bitcoin_nodes()
    if as_json:
        print_json(terminal, found)
        return
    if not found.nodes:
        terminal.line(NO_NODE)
        return
    headers = ["node", "chain", "status", "height", "tip", "behind", "peers", "mempool", "blocks by"]
    terminal.table(headers, [_node_row(one) for one in found.nodes])
    for one in found.nodes:
        if one.status != "healthy":
            _tell(terminal, one.name, one.message, one.advice)


def wallets(context: typer.Context, *, node: Chosen = "", as_json: AsJson = False) -> None:
    """Show each watched wallet: what it holds, its coins and dust, and what spending all of it costs at today's fee."""
    terminal = Terminal.standard()
    with session_of(context).client() as client:
        found = [one for one in client.bitcoin_wallets().wallets if node in ("", one.node)]
        has_nodes = bool(found) or bool(client.bitcoin_nodes().nodes)
    if as_json:
        print_json(terminal, {"wallets": found})
        return
    if not found:
        terminal.line(_no_wallet(node) if has_nodes else NO_NODE)
        return
    headers = ["wallet", "node", "sats", "pending", "coins", "dust", "cost to spend", "fee", "says"]
    terminal.table(headers, [_wallet_row(one) for one in found])


def transactions(context: typer.Context, *, node: Chosen = "", as_json: AsJson = False) -> None:
    """Show own transactions that wait for a block or lost theirs, and the command that frees a stuck one."""
    terminal = Terminal.standard()
    with session_of(context).client() as client:
        found = [one for one in client.bitcoin_transactions().transactions if node in ("", one.node)]
        has_nodes = bool(found) or bool(client.bitcoin_nodes().nodes)
    if as_json:
        print_json(terminal, {"transactions": found})
        return
    if not found:
        terminal.line("no transaction of a watched wallet waits for a block" if has_nodes else NO_NODE)
        return
    headers = ["seen", "wallet", "node", "direction", "sats", "sat/vB", "blocks", "state", "transaction"]
    terminal.table(headers, [_transaction_row(one) for one in found])
    told: set[str] = set()
    for one in sorted(found, key=lambda each: each.bump is None):  # of two wallets the one that can free it
        if (one.is_stuck or one.is_reopened or one.status == "conflicted") and one.txid not in told:
            told.add(one.txid)
            _tell_way_out(terminal, one)


def _node_row(one: BitcoinNodeView) -> list[Cell]:
    return [
        Cell(one.name, Style.BOLD),
        Cell(network_text(one.coin, one.chain) if one.chain else "-"),
        Cell(one.status, _STATES.get(one.status, Style.PLAIN)),
        Cell(_count(one.height), is_number=True),
        Cell(_tip_age(one)),
        Cell(_behind(one), Style.YELLOW if one.behind_blocks else Style.PLAIN),
        Cell(_peers(one)),
        Cell(_count(one.mempool.transactions), is_number=True),
        Cell(_blocks_by(one)),
    ]


def _tip_age(one: BitcoinNodeView) -> str:
    """How old the tip is, where it is old with how likely that is."""
    if one.tip_age_s is None or one.looked_at is None:
        return "-"
    age = duration(int(one.tip_age_s) * NS_PER_S) if one.tip_age_s >= 1 else "new"
    return f"{age} (chance {one.gap_probability:.2g})" if (one.gap_probability or 1.0) < 0.05 else age


def _behind(one: BitcoinNodeView) -> str:
    if one.others_on_another_branch:
        return f"branch differs from {', '.join(one.others_on_another_branch)}"
    return "-" if one.behind_blocks is None else str(one.behind_blocks)


def _blocks_by(one: BitcoinNodeView) -> str:
    if not one.is_up:
        return "-"
    return "ZMQ" if one.zmq.addresses and not one.zmq.silent_tip else "polling"


def _peers(one: BitcoinNodeView) -> str:
    known = [count for count in (one.peers_in, one.peers_out) if count is not None]
    return str(sum(known)) if known else "-"


def _wallet_row(one: BitcoinWalletView) -> list[Cell]:
    funds, coins = one.funds, one.coins
    fee = f"{one.fee.sat_per_vb:g} {fee_rate_unit(one.coin)}" if one.fee is not None else "-"
    says, style = _wallet_says(one)
    return [
        Cell(wallet_of(one.name, one.coin), Style.BOLD),
        Cell(one.node),
        Cell(amount_of(funds.trusted_sats, one.coin) if funds else "-", is_number=True),
        Cell(_count(funds.pending_sats if funds else None), is_number=True),
        Cell(_count(coins.coins if coins else None), is_number=True),
        Cell(_count(coins.dust_coins if coins else None), is_number=True),
        Cell(_count(coins.spend_cost_sats if coins else None), is_number=True),
        Cell(fee),
        Cell(says, style),
    ]


def _wallet_says(one: BitcoinWalletView) -> tuple[str, Style]:
    """What matters most of it."""
    if not one.is_loaded:
        return "not loaded", Style.RED
    if one.fault:
        return one.fault, Style.YELLOW
    if one.is_scanning:
        return "goes through old blocks", Style.YELLOW
    together = one.coins.consolidation if one.coins is not None else None
    if together is not None and together.is_advised:
        return f"put coins together: costs {together.cost_sats:,}, saves {together.saving_sats or 0:,}", Style.CYAN
    return ("locked", Style.PLAIN) if one.is_locked else ("", Style.PLAIN)


def _no_wallet(node: str) -> str:
    of = f" of node {clean(node)}" if node else ""
    return f"no wallet{of} is watched: load one on the node (bitcoin-cli loadwallet NAME true), or see anyascope nodes"


def _transaction_row(one: OwnTransactionView) -> list[Cell]:
    state, style = _state(one)
    return [
        Cell(local_time(one.seen_at) if one.seen_at else "-", Style.DIM),
        Cell(wallet_of(one.wallet, one.coin), Style.CYAN),
        Cell(one.node),
        Cell(one.direction),
        Cell(amount_of(one.amount_sats, one.coin), is_number=True),
        Cell("-" if one.rate_sat_per_vb is None else f"{one.rate_sat_per_vb:g}", is_number=True),
        Cell(str(one.age_blocks), is_number=True),
        Cell(state, style),
        Cell(one.txid, is_whole=True),
    ]


def _state(one: OwnTransactionView) -> tuple[str, Style]:
    if one.status == "conflicted":
        return "conflicted", Style.ALARM
    if one.is_reopened:
        return "reopened", Style.ALARM
    if one.is_stuck:
        return "stuck", Style.YELLOW
    return ("waiting", Style.PLAIN) if one.is_in_mempool else ("not in the mempool", Style.YELLOW)


def _tell_way_out(terminal: Terminal, one: OwnTransactionView) -> None:
    if one.status == "conflicted":
        _tell(terminal, one.txid, "its block left the best chain, and another transaction has its inputs", "")
        return
    if one.is_reopened and not one.is_stuck:
        _tell(terminal, one.txid, "its block left the best chain: it is not confirmed any longer", "")
        return
    unit = fee_rate_unit(one.coin)
    market = f"; the market pays {one.market_sat_per_vb:g} {unit}" if one.market_sat_per_vb is not None else ""
    if one.bump is None:
        _tell(terminal, one.txid, f"it cannot be bumped itself: {one.lacks}{market}", "")
        return
    way = "replace it" if one.bump.kind == "rbf" else "add a child that pays for both"
    cost = f"{one.bump.extra_sats:,} {smallest_unit(one.coin)} more, {one.bump.fee_rate_sat_per_vb:g} {unit}"
    _tell(terminal, one.txid, f"{way} ({cost}){market}:", one.bump.command)


def _tell(terminal: Terminal, name: str, message: str, advice: str) -> None:
    terminal.line()
    terminal.line(f"{terminal.paint(clean(name), Style.BOLD)}  {clean(message)}")
    if advice:
        terminal.line(f"    {clean(advice)}")


def _count(number: int | None) -> str:
    return "-" if number is None else f"{number:,}"
