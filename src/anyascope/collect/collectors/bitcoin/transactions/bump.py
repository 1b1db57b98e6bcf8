"""What would bring a stuck transaction to the market's fee rate, its cost, and the command; pure.

Nothing is signed or sent here: it is advice for who has the keys.
"""

from __future__ import annotations

import json
import math
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from anyascope.collect.collectors.bitcoin.sheet import SATS
from anyascope.collect.collectors.bitcoin.transactions.nouns import Facts
from anyascope.collect.collectors.bitcoin.transactions.pool import PoolEntry, deficit_sats
from anyascope.model.own_transactions import FeeBump
from anyascope.semconv.coins import fee_rate_unit

RATE_DECIMALS = 3  # what a wallet takes of a fee rate in sats a virtual byte
RATE_STEPS = 1_000
BUMPS_UNSIGNALLED = 300_000  # Core since 30: bumpfee asks for no signal, as every node replaces (bitcoin/bitcoin#31953)
PAYS_FOR_ANCESTORS = (
    260_000  # Core since 26: a wallet lifts unconfirmed ancestors to the rate asked for (bitcoin/bitcoin#26152)
)
WALLET_FEE_SATS_MAX = 10_000_000  # Core's -maxtxfee by default: its wallet pays no more for one transaction
DUST_SATS = 546  # Core: the largest of what relaying takes for dust, that of P2PKH at 3 sats a virtual byte

# One input and one output of the same kind, in virtual bytes, with signatures of 72 bytes; P2WSH as two of three.
CHILD_VSIZES = {"p2pkh": 192, "p2sh": 134, "p2wpkh": 110, "p2tr": 111, "p2wsh": 158}
CHILD_VSIZE_OTHER = 192
FRAME_VSIZE, OUTPUT_VSIZE = 10, 34  # of a transaction without inputs and outputs; of an output, P2PKH
ADDED_VSIZES = (99, 182)  # what a coin and its change take at least and at most: P2WPKH, P2PKH


@dataclass(frozen=True, slots=True)
class OwnOutput:
    """An unspent output of the stuck transaction that the wallet can spend."""

    vout: int
    amount_sats: int
    script_hex: str = ""

    @property
    def child_vsize(self) -> int:
        """Of a transaction that spends it into one output of the same kind."""
        return CHILD_VSIZES.get(_script_kind(self.script_hex), CHILD_VSIZE_OTHER)


@dataclass(frozen=True, slots=True)
class Till:
    """What the node and its wallet can do, and ask for.

    Attributes:
        market, minimum, increment: fee rates in sats a virtual byte: of the next three blocks, to enter the mempool,
            and that a replacement pays on top.
        version: of the node, as `getnetworkinfo` writes it.
        client: the command with what leads to the node.
        has_keys: whether the wallet can sign; `is_locked`: whether it needs its passphrase for that.
        trusted_sats: what it could pay with; None where it does not say.
        replaces: whether the node replaces transactions.
        coin: whose wallet it is; empty for Bitcoin.
    """

    market: float
    minimum: float = 0.0
    increment: float = 1.0
    version: int = 0
    client: tuple[str, ...] = ("bitcoin-cli",)
    wallet: str = ""
    has_keys: bool = True
    is_locked: bool = False
    trusted_sats: int | None = None
    replaces: bool = True
    coin: str = ""

    @property
    def target(self) -> float:
        """The rate to reach."""
        return max(self.market, self.minimum)


@dataclass(frozen=True, slots=True)
class Case:
    """A stuck transaction.

    Attributes:
        entry: in the mempool; None where it is not there.
        ancestors: its unconfirmed ancestors, by txid.
        outputs: of it, unspent, that the wallet can spend.
        lacks_change: whether none of it comes back to the wallet, so that a higher fee takes another coin.
    """

    facts: Facts
    entry: PoolEntry | None
    ancestors: Mapping[str, PoolEntry] = field(default_factory=dict)
    outputs: Sequence[OwnOutput] = field(default_factory=tuple)
    lacks_change: bool = False


def bump_of(case: Case, till: Till) -> tuple[FeeBump | None, str]:
    """The replacement where that can be, else the child; or None, and why neither."""
    lacks = why_no_replacement(case.facts, case.entry, till)
    if not lacks:
        bump = _replacement(case, till)
        lacks = _too_dear(case, bump, till)
        if not lacks:
            return _noted(bump, till, adds_coin=case.lacks_change), ""
    child, why = _child(case, till)
    if child is not None:
        return _noted(child, till), ""
    return None, f"no replacement: {lacks}; no child: {why}{_sent_again(case, till)}"


def why_no_replacement(facts: Facts, entry: PoolEntry | None, till: Till) -> str:
    """What `bumpfee` would object to; empty where nothing.

    Source: Bitcoin Core `src/wallet/feebumper.cpp`, PreconditionChecks.
    """
    is_ours_alone = facts.fee_sats is not None and (entry is None or entry.fee_sats == facts.fee_sats)
    objections = (
        (not facts.spends_ours, "its inputs are not ours"),
        (not is_ours_alone, "not all of its inputs are ours"),
        (entry is not None and entry.descendants > 1, "its outputs are spent already"),
        (not till.replaces, "the node replaces nothing"),
        (entry is None and not facts.vsize, "its size is not known"),
        (
            not facts.is_signalling and till.version < BUMPS_UNSIGNALLED,
            "it does not signal that it may be replaced",
        ),
    )
    return next((why for is_so, why in objections if is_so), "")


def _too_dear(case: Case, bump: FeeBump, till: Till) -> str:
    """Whether the wallet cannot pay for it; of one that left the mempool the wallet does not count the change."""
    held = till.trusted_sats
    if case.entry is None or held is None or bump.extra_sats <= held:
        return ""
    return f"it would cost {bump.extra_sats} sats more, and the wallet can spend {held}"


def _noted(bump: FeeBump, till: Till, *, adds_coin: bool = False) -> FeeBump:
    """With what has to be known, or done, beside the command."""
    notes = []
    if adds_coin:
        notes.append("nothing of it comes back, so that the wallet adds a coin: a large one, or several, cost more")
    if bump.fee_sats > WALLET_FEE_SATS_MAX:
        notes.append(
            f"a wallet pays no fee above {WALLET_FEE_SATS_MAX} sats unless its node runs with a higher -maxtxfee"
        )
    if not till.has_keys:
        notes.append("the wallet has no keys: sign the PSBT that is made, then finalizepsbt and sendrawtransaction")
    elif till.is_locked:
        notes.append(
            f"unlock the wallet first: {shlex.join([*_to_wallet(till), '-stdinwalletpassphrase'])} walletpassphrase 60"
        )
    return replace(bump, note="; ".join(notes))


def _sent_again(case: Case, till: Till) -> str:
    """What is left to do with one that nobody here can make dearer, and that left the mempool."""
    if case.entry is not None:
        return ""
    raw = _hex_of(f"{shlex.join(_to_wallet(till))} gettransaction {shlex.quote(case.facts.txid)}")
    command = f'{shlex.join(till.client)} sendrawtransaction "{raw}"'
    return f"; send it once more, which its node takes from {_plain(till.minimum)} {fee_rate_unit(till.coin)} on: {command}"


def _replacement(case: Case, till: Till) -> FeeBump:
    facts = case.facts
    assert facts.fee_sats is not None
    vsize = case.entry.vsize if case.entry is not None else facts.vsize
    # BIP 125: it pays for its own relay on top of what it replaces.
    rate = rate_up(max(till.target, facts.fee_sats / vsize + till.increment))
    missing = deficit_sats(case.ancestors, rate)
    fee = math.ceil(rate * (vsize + _added_vsize(case, vsize)) + missing)
    asked = rate if till.version >= PAYS_FOR_ANCESTORS else rate_up(rate + missing / vsize)
    method = "bumpfee" if till.has_keys else "psbtbumpfee"
    words = [*_to_wallet(till), method, facts.txid, json.dumps({"fee_rate": asked})]
    return FeeBump("rbf", rate, fee, fee - facts.fee_sats, shlex.join(words))


def _added_vsize(case: Case, vsize: int) -> int:
    """What a replacement grows by where nothing of it can be cut: by one more coin, as large as its own ones, and the change."""
    if not case.lacks_change:
        return 0
    input_vsize = (vsize - FRAME_VSIZE - OUTPUT_VSIZE) / max(len(case.facts.inputs), 1)
    least, most = ADDED_VSIZES
    return min(max(math.ceil(input_vsize + OUTPUT_VSIZE), least), most)


def _child(case: Case, till: Till) -> tuple[FeeBump | None, str]:
    entry = case.entry
    if entry is None:
        return None, "it is not in the mempool"
    if not case.outputs:
        return None, "none of its outputs is ours and unspent"
    if not till.has_keys and till.version < PAYS_FOR_ANCESTORS:
        return None, "the wallet has no keys to sign one"
    output = max(case.outputs, key=lambda each: each.amount_sats)
    rate = rate_up(till.target)
    missing = deficit_sats({**case.ancestors, case.facts.txid: entry}, rate)
    fee = math.ceil(rate * output.child_vsize + missing)
    left = output.amount_sats - fee
    if left < DUST_SATS:
        return None, f"the child would cost {fee} sats, and spend {output.amount_sats}"
    return FeeBump(
        "cpfp", rate, fee, fee, _child_command(case.facts, output, till, left=left, rate=rate), output.child_vsize
    ), ""


def _child_command(facts: Facts, output: OwnOutput, till: Till, *, left: int, rate: float) -> str:
    wallet = shlex.join(_to_wallet(till))
    inputs = [{"txid": facts.txid, "vout": output.vout}]
    address = f"$({wallet} getrawchangeaddress)"
    if till.version >= PAYS_FOR_ANCESTORS:
        options = shlex.quote(json.dumps({"inputs": inputs}))
        return f'{wallet} sendall "[\\"{address}\\"]" null unset {_plain(rate)} {options}'
    # Older wallets do not pay for the parent: the amount says what the fee is.
    amount = f"{left // SATS}.{left % SATS:08d}"
    made = f'$({wallet} createrawtransaction {shlex.quote(json.dumps(inputs))} "{{\\"{address}\\":{amount}}}")'
    signed = _hex_of(f'{wallet} signrawtransactionwithwallet "{made}"')
    return f'{wallet} sendrawtransaction "{signed}"'


def _hex_of(command: str) -> str:
    """What a command prints as `hex`, for a shell."""
    return f'$({command} | sed -n \'s/^ *"hex": "\\([0-9a-f]*\\)".*/\\1/p\')'


def rate_up(rate: float) -> float:
    """The next fee rate that a wallet takes."""
    return math.ceil(round(rate * RATE_STEPS, 6)) / RATE_STEPS


def _to_wallet(till: Till) -> list[str]:
    return [*till.client, f"-rpcwallet={till.wallet}"]


def _plain(rate: float) -> str:
    return f"{rate:.{RATE_DECIMALS}f}".rstrip("0").rstrip(".")


def _script_kind(script_hex: str) -> str:
    """By the forms of standard scripts."""
    for kind, head, chars in (
        ("p2pkh", "76a914", 50),
        ("p2sh", "a914", 46),
        ("p2wpkh", "0014", 44),
        ("p2wsh", "0020", 68),
        ("p2tr", "5120", 68),
    ):
        if script_hex.startswith(head) and len(script_hex) == chars:
            return kind
    return ""
