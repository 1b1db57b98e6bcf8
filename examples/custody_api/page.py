"""The service's page: its state at a glance, and which part of it is not real."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from book import Failure, Withdrawal
from node import Tip

REFRESH_S = 5
TXID_CHARS_SHOWN = 16

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem;
       color: #1d2430; background: #fbfbfa }
h1 { font-size: 1.4rem } h2 { font-size: 1.05rem; margin-top: 2rem }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid #d9dcd8 }
td.number { text-align: right; font-variant-numeric: tabular-nums } code { background: #eef0ec; padding: .1rem .3rem }
.standin { border-left: 4px solid #c47a00; padding: .5rem 1rem; background: #fff6e5 }
.real { border-left: 4px solid #2f7d4f; padding: .5rem 1rem; background: #ebf6ef }
@media (prefers-color-scheme: dark) {
  body { color: #e6e8e3; background: #16191d } th, td { border-color: #333a42 } code { background: #262c33 }
  .standin { background: #33290f } .real { background: #12291c }
}
"""

BREAKING = (
    "<p>Break something: <code>curl -X PUT localhost:PORT/failures -H 'content-type: application/json' "
    """-d '{"part": "signer"}'</code>, mend it: <code>curl -X DELETE localhost:PORT/failures</code>.</p>"""
)
NODE_ADVICE = "give <code>--node http://127.0.0.1:18443 --cookie DIR/regtest/.cookie</code>"
SIGNER_ADVICE = (
    "give <code>--pkcs11-module /usr/lib/softhsm/libsofthsm2.so --token-label LABEL</code> and the PIN in "
    "<code>CUSTODY_PIN</code>"
)


def render(
    *,
    node: tuple[str, bool],
    signer: tuple[str, bool],
    balances: Mapping[str, int | None],
    tip: Tip | None,
    withdrawals: Sequence[Withdrawal],
    failures: Sequence[Failure],
) -> str:
    """The page. `node` and `signer` are a name and whether it is real; a balance that is not known is None."""
    parts = [
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>",
        f"<meta http-equiv='refresh' content='{REFRESH_S}'><title>custody example</title><style>{STYLE}</style></head>",
        "<body><h1>Custody example</h1>",
        _part("Bitcoin node", *node, advice=NODE_ADVICE),
        _part("HSM", *signer, advice=SIGNER_ADVICE),
        _failures(failures),
        f"<h2>Chain</h2><p>{_tip(tip)}</p>",
        "<h2>Wallets</h2><table><tr><th>wallet</th><th>balance, sat</th></tr>",
        *(f"<tr><td>{escape(name)}</td><td class='number'>{_amount(sat)}</td></tr>" for name, sat in balances.items()),
        "</table><h2>Withdrawals</h2>",
        _withdrawals(withdrawals),
        BREAKING,
        "</body></html>",
    ]
    return "\n".join(parts)


def _part(kind: str, name: str, is_real: bool, *, advice: str) -> str:  # noqa: FBT001 -- a pair's second half
    if is_real:
        return f"<p class='real'><strong>{kind}:</strong> {escape(name)}. Real.</p>"
    return f"<p class='standin'><strong>{kind}: a stand-in</strong> ({escape(name)}). For a real one, {advice}.</p>"


def _failures(failures: Sequence[Failure]) -> str:
    return "".join(
        f"<p class='standin'><strong>Ordered failure:</strong> {failure.part.value}, {failure.ratio:.0%} of calls, "
        f"{failure.delay_s:g} s slower.</p>"
        for failure in failures
    )


def _tip(tip: Tip | None) -> str:
    if tip is None:
        return "The node does not answer."
    return f"Block {tip.height:,}, {tip.mempool_transactions:,} transactions wait."


def _amount(sat: int | None) -> str:
    return f"{sat:,}" if sat is not None else "not known"


def _withdrawals(withdrawals: Sequence[Withdrawal]) -> str:
    if not withdrawals:
        return "<p>None yet.</p>"
    rows = "".join(
        f"<tr><td>{escape(each.id[:8])}</td><td>{escape(each.wallet_id)}</td>"
        f"<td class='number'>{each.amount_sat:,}</td><td>{each.state.value}{_why(each)}</td>"
        f"<td class='number'>{each.confirmations}</td><td><code>{escape(each.txid[:TXID_CHARS_SHOWN])}</code></td></tr>"
        for each in withdrawals
    )
    head = "<tr><th>id</th><th>wallet</th><th>sat</th><th>state</th><th>confirmations</th><th>transaction</th></tr>"
    return f"<table>{head}{rows}</table>"


def _why(withdrawal: Withdrawal) -> str:
    return f": {escape(withdrawal.reason)}" if withdrawal.reason else ""
