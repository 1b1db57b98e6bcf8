"""The dashboard of the pack `wallets`."""

from __future__ import annotations

from dashboards.panels import (
    GREEN,
    ORANGE,
    RED,
    YELLOW,
    ZERO_IS_WELL,
    Dashboard,
    Row,
    Variable,
    graph,
    stat,
    table,
)

CUSTODY = 'chain=~"$chain",wallet=~"$wallet"'
WALLET = f'{CUSTODY},node=~"$node"'
NAMED = "{{coin}} {{chain}} {{wallet}}"
SATS = "suffix: sat"
FEE = "suffix: sat/vB"
TRUSTED = ',state="trusted"'


def most(metric: str, extra: str = "") -> str:
    """A figure of each wallet, of the node that says most where several watch it."""
    return f"max by (coin, chain, wallet) (anya_bitcoin_wallet_{metric}{{{WALLET}{extra}}})"


def by_direction(metric: str, extra: str = "") -> str:
    """The same by direction."""
    return f"max by (coin, chain, wallet, direction) (anya_bitcoin_wallet_{metric}{{{WALLET}{extra}}})"


def grown(metric: str) -> str:
    """How much a counter of each wallet grew in an hour."""
    return f"max by (coin, chain, wallet) (increase(anya_bitcoin_wallet_{metric}{{{WALLET}}}[1h]))"


def fallen(state: str) -> str:
    """How many spends became this in an hour."""
    return f'sum by (coin, chain, wallet) (increase(anya_custody_spends_total{{{CUSTODY},result="{state}"}}[1h]))'


NOW = Row(
    "Now",
    (
        stat(
            "Unmatched spends",
            "Spends that lack a request, an approval, a signature or an amount. One is an emergency.",
            f"sum(anya_custody_unmatched_spends{{{CUSTODY}}}) or vector(0)",
            steps=ZERO_IS_WELL,
        ),
        stat(
            "Reopened",
            "Transactions that a reorg took the confirmations from and that have none yet.",
            f"sum({by_direction('reopened_transactions')})",
            steps=ZERO_IS_WELL,
            nothing="no wallet",
        ),
        stat(
            "Stuck",
            "Transactions below the market's fee rate for more than 6 blocks, or out of the mempool.",
            f"sum({most('stuck_transactions')})",
            steps=((None, GREEN), (1, ORANGE)),
            nothing="no wallet",
        ),
        stat(
            "Unusual",
            "Wallets and directions whose movements are far from their own history.",
            f"sum({by_direction('unusual_movement')})",
            steps=((None, GREEN), (1, ORANGE)),
            nothing="no wallet",
        ),
        stat(
            "Not loaded",
            "Wallets that the settings name and a node does not have.",
            f"count(anya_bitcoin_wallet_loaded{{{WALLET}}} == 0) or vector(0)",
            steps=ZERO_IS_WELL,
        ),
        stat(
            "Cost of spending",
            "Share of a wallet's funds that spending all its coins at today's fee would take.",
            (
                f"{most('spend_cost_sats')} / {most('funds_sats', TRUSTED)}",
                NAMED,
            ),
            unit="percentunit",
            steps=((None, GREEN), (0.01, YELLOW), (0.05, RED)),
            nothing="no coins",
        ),
    ),
)

FUNDS = Row(
    "Funds",
    (
        graph(
            "Trusted funds",
            "Confirmed funds and own change of each wallet, with the floor and ceiling that you have recorded for it.",
            (most("funds_sats", TRUSTED), NAMED),
            (f"wallet:floor_sats{{{CUSTODY}}}", f"{NAMED} floor"),
            (f"wallet:ceiling_sats{{{CUSTODY}}}", f"{NAMED} ceiling"),
            unit=SATS,
        ),
        graph(
            "Funds that are not spendable",
            "What others sent and no block confirms yet, and what was mined lately.",
            (
                f'max by (coin, chain, wallet, state) (anya_bitcoin_wallet_funds_sats{{{WALLET},state!="trusted"}})',
                f"{NAMED} {{{{state}}}}",
            ),
            unit=SATS,
        ),
        graph(
            "Moved in an hour",
            "Sats that came, left, or moved within a wallet in the hour before.",
            (
                f"max by (coin, chain, wallet, direction) (increase(anya_bitcoin_wallet_moved_sats_total{{{WALLET}}}[1h]))",
                f"{NAMED} {{{{direction}}}}",
            ),
            unit=SATS,
        ),
        graph(
            "How unusual",
            "Score of the most unusual movement of the last hour against the wallet's own history; unusual above 3.5.",
            (by_direction("movement_score"), f"{NAMED} {{{{direction}}}}"),
            steps=((None, GREEN), (3.5, RED)),
        ),
    ),
)

TRANSACTIONS = Row(
    "Transactions",
    (
        graph(
            "Unconfirmed",
            "Transactions that wait for a block.",
            (by_direction("unconfirmed_transactions"), f"{NAMED} {{{{direction}}}}"),
            is_stepped=True,
            width=8,
        ),
        graph(
            "The oldest unconfirmed",
            "How many blocks came without it. Beyond 6 look at its fee.",
            (by_direction("unconfirmed_oldest_blocks"), f"{NAMED} {{{{direction}}}}"),
            is_stepped=True,
            width=8,
            steps=((None, GREEN), (6, ORANGE)),
        ),
        table(
            "Stuck transactions",
            "The oldest of each wallet. The page Custody has what frees each, and its cost.",
            f"sort_desc(anya_bitcoin_wallet_stuck_transaction_blocks{{{WALLET}}})",
            columns=(("chain", "Chain"), ("wallet", "Wallet"), ("node", "Node"), ("txid", "Transaction")),
            value="blocks",
            width=8,
            nothing="none",
        ),
        graph(
            "Seen in an hour",
            "Transactions that came into the wallets.",
            (
                f"max by (coin, chain, wallet, direction) (increase(anya_bitcoin_wallet_transactions_total{{{WALLET}}}[1h]))",
                f"{NAMED} {{{{direction}}}}",
            ),
            width=12,
        ),
        graph(
            "Ended without a block, or lost it",
            "Replaced, conflicted (double-spent) and abandoned transactions, and those that a reorg reopened, in an hour.",
            (grown("replaced_total"), f"{NAMED} replaced"),
            (grown("conflicted_total"), f"{NAMED} conflicted"),
            (grown("abandoned_total"), f"{NAMED} abandoned"),
            (grown("reorged_transactions_total"), f"{NAMED} reopened"),
            width=12,
        ),
    ),
)

RECONCILIATION = Row(
    "Request, approval, signature",
    (
        graph(
            "Spends in an hour",
            "Spends by what became of comparing them with requests and signatures. Late: told as unmatched, then matched.",
            (fallen("matched"), f"{NAMED} matched"),
            (fallen("unmatched"), f"{NAMED} unmatched"),
            (fallen("late"), f"{NAMED} late"),
            width=8,
        ),
        graph(
            "Waiting",
            "Spends that wait for what belongs to them. A line that stays: audit events do not arrive.",
            (f"anya_custody_waiting_spends{{{CUSTODY}}}", NAMED),
            is_stepped=True,
            width=8,
        ),
        table(
            "Unmatched",
            "Spends that nobody can explain, and what each lacks.",
            f"anya_custody_unmatched_spend_sats{{{CUSTODY}}} * on (chain, wallet, txid) group_left (lacks) anya_custody_unmatched_spend",
            columns=(("chain", "Chain"), ("wallet", "Wallet"), ("txid", "Transaction"), ("lacks", "Lacks")),
            value="amount",
            unit=SATS,
            width=8,
            nothing="none",
        ),
    ),
)

COINS = Row(
    "Coins and fees",
    (
        graph(
            "Coins",
            "Coins that each wallet can spend, and those of them that cost more to spend today than they hold.",
            (most("utxos"), NAMED),
            (most("dust_utxos"), f"{NAMED} dust"),
            is_stepped=True,
            width=8,
        ),
        graph(
            "Coins by size",
            "How many coins hold at most so much. Many small ones make spending dear.",
            (
                f"max by (coin, chain, wallet, le) (anya_bitcoin_wallet_utxo_sats_bucket{{{WALLET}}})",
                f"{NAMED} up to {{{{le}}}}",
            ),
            is_stepped=True,
            width=8,
        ),
        graph(
            "Cost of spending everything",
            "What spending all coins would cost at today's fee.",
            (most("spend_cost_sats"), NAMED),
            unit=SATS,
            width=8,
        ),
        graph(
            "Today's fee",
            "The fee rate that all these costs are reckoned with: the estimate for 6 blocks.",
            (
                "max by (coin, chain, node) (anya_bitcoin_wallet_fee_rate_sat_per_vb{" + WALLET + "})",
                "{{coin}} {{chain}} {{node}}",
            ),
            unit=FEE,
            width=8,
        ),
        graph(
            "Consolidation",
            "What putting the coins together costs now, and saves against spending them later at the median fee.",
            (most("consolidation_cost_sats"), f"{NAMED} costs"),
            (most("consolidation_saving_sats"), f"{NAMED} saves"),
            unit=SATS,
            width=8,
            ends_at=(None, None),
        ),
        graph(
            "Keys in advance",
            "Keys for new addresses. An encrypted wallet makes more only while it is unlocked.",
            (
                f"min by (coin, chain, node, wallet) (anya_bitcoin_wallet_keypool_size{{{WALLET}}})",
                "{{coin}} {{chain}} {{node}} {{wallet}}",
            ),
            is_stepped=True,
            width=8,
        ),
    ),
)

DASHBOARD = Dashboard(
    uid="anyascope-wallets",
    title="Bitcoin wallets",
    description="Spends that nobody asked for, transactions that are stuck or reopened, funds, coins and what they cost to spend.",
    tags=("anyascope", "bitcoin", "custody"),
    variables=(
        Variable("chain", "Chain", "label_values(anya_bitcoin_wallet_loaded, chain)"),
        Variable("node", "Node", 'label_values(anya_bitcoin_wallet_loaded{chain=~"$chain"}, node)'),
        Variable("wallet", "Wallet", 'label_values(anya_bitcoin_wallet_loaded{chain=~"$chain"}, wallet)'),
    ),
    rows=(NOW, FUNDS, TRANSACTIONS, RECONCILIATION, COINS),
    alerts='component="wallet"',
)
