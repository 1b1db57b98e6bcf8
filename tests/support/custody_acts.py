"""What happens to nodes, wallets and HSMs, one act each: it is made, waited for as figure, event and alert, and undone."""

from __future__ import annotations

import contextlib
import shlex
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from support.components import component
from support.custody_stage import LEAST_SAT_PER_VB, NOBODYS, OPTIONS, OTHER_BRANCH, WITHIN_S, Stage
from support.pkcs11_shim import Shim, leaking
from support.regtest import RegtestNode, regtest_node
from support.server import eventually
from support.softhsm import SoftHsm, run_tool

DUST_SATS = 600  # a coin costs 68 virtual bytes, so 680 sats, to spend
DUST_OUTPUTS = 500
RESTED_WITHIN_S = 300.0
INPUT_VBYTES = {"wpkh": 67.75, "pkh": 147}
MARKET_SAT_PER_VB = 50
LEFT_BEHIND_BLOCKS = 8  # the first shows what the market takes; then more than six
LEFT_BEHIND_MAX = (
    20  # on a busy machine one look sees several blocks, and those before it knows the market do not count
)
STUCK_WITHIN_S = 10.0  # of the block that makes it so; else one more is mined
APART_S = 2.0
LEAK_PER_S = 1.0
LEAK_TOLERANCE = 0.2
LEAK_SEEN_S = 120.0  # as long as the collector looks back
SESSIONS_MAX = 2048  # as custody_stage says to the module


@dataclass(frozen=True)
class Row:
    """One line of the table: what happened, where it was seen, which alert told it, and how long Slack waited for it."""

    what: str
    figure: str
    event: str = ""
    alert: str = ""
    seconds: float | None = None


def table(rows: Sequence[Row]) -> str:
    """The rows in columns."""
    cells = [("what happened", "figure", "event", "alert", "s to Slack")]
    cells += [
        (row.what, row.figure, row.event, row.alert, "" if row.seconds is None else f"{row.seconds:.2f}")
        for row in rows
    ]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in cells
    )


# --- nodes ------------------------------------------------------------------------------------------------------------


def new_block(stage: Stage) -> Row:
    """The page has it from the live stream within moments of the node's message."""
    [block] = stage.one.mine(1, to=NOBODYS)
    announced = stage.zmq.when(block, what="the block's message")
    seconds = stage.live.when(f"one {block}", what="the block on the live stream") - announced
    stage.event(f'event_name:bitcoin.block.connected attributes.bitcoin.node:one "{block}"')
    height = stage.one.call("getblockcount")
    stage.until(f'bitcoin_blocks{{node="one"}} == {height}')
    return Row(f"new block (on the page after {seconds:.2f} s)", f"bitcoin_blocks {height}", "bitcoin.block.connected")


def catching_up(stage: Stage) -> Row:
    """A node that lost its peers is behind, and then has everything."""
    stage.part()
    started = time.time()
    stage.one.mine(7, to=NOBODYS)
    behind = stage.until('anya_bitcoin_behind_blocks{node="two"} >= 6')
    told = stage.told("BitcoinNodeFarBehind", since_s=started, having="Bitcoin node two")
    stage.meet()
    height = stage.one.call("getblockcount")
    stage.until(f'bitcoin_blocks{{node="two"}} == {height}')
    stage.until('anya_bitcoin_behind_blocks{node="two"} == 0')
    stage.ended("BitcoinNodeFarBehind", since_s=started)
    return Row(
        "a node catches up", f"anya_bitcoin_behind_blocks {behind:g}, 0", "", "BitcoinNodeFarBehind", told - started
    )


def reorg_of_ours(stage: Stage) -> tuple[Row, Row]:
    """Two blocks go, one with a payment of ours: it is told to have lost its confirmations, and to have them again."""
    stage.part()
    txid = stage.one.call("sendtoaddress", NOBODYS, 0.5, wallet="w")
    [lost, tip] = stage.one.mine(2, to=NOBODYS)
    stage.event("event_name:bitcoin.transaction.confirmed", having=txid)
    # Who has not looked since these blocks came sees none of them go.
    stage.event("event_name:bitcoin.block.connected attributes.bitcoin.node:one", having=tip)
    stage.two.call("generatetodescriptor", 3, OTHER_BRANCH)
    before = time.time()
    stage.meet()
    happened = stage.zmq.when(f"D {lost}", what="the block's disconnection")
    reorg = stage.event("event_name:bitcoin.reorg attributes.bitcoin.node:one", having=lost)
    assert reorg["attributes"]["bitcoin.reorg.depth_blocks"] in (2, "2")
    stage.until('anya_bitcoin_reorg_depth_blocks{node="one"} == 2')
    stage.event("event_name:bitcoin.transaction.unconfirmed", having=txid)
    told = stage.told("BitcoinReorgTwoBlocks", since_s=before, having="the best chain of one")
    reopened = stage.told("WalletWithdrawalReopened", since_s=before, having=txid)
    stage.until('anya_bitcoin_wallet_reopened_transactions{wallet="w",direction="withdrawal"} == 1')
    stage.one.mine(1, to=NOBODYS)
    stage.until('anya_bitcoin_wallet_reopened_transactions{wallet="w",direction="withdrawal"} == 0')
    again = eventually(
        lambda: [r for r in stage.events("event_name:bitcoin.transaction.confirmed") if txid in str(r)][1:],
        within_s=WITHIN_S,
        what="confirmed again",
    )
    assert again
    stage.ended("WalletWithdrawalReopened", since_s=before)
    return (
        Row(
            "reorg of two blocks",
            "anya_bitcoin_reorg_depth_blocks 2",
            "bitcoin.reorg",
            "BitcoinReorgTwoBlocks",
            told - happened,
        ),
        Row(
            "our payment thrown out, mined again",
            "anya_bitcoin_wallet_reopened_transactions 1, 0",
            "bitcoin.transaction.unconfirmed",
            "WalletWithdrawalReopened",
            reopened - happened,
        ),
    )


def disagreement(stage: Stage) -> Row:
    """Two nodes at one height on two branches; the network decides."""
    stage.part()
    started = time.time()
    stage.one.mine(1, to=NOBODYS)
    stage.two.call("generatetodescriptor", 1, OTHER_BRANCH)
    stage.until("anya_bitcoin_nodes_on_another_branch == 1")
    told = stage.told("BitcoinBranchesCompete", since_s=started)
    stage.one.mine(1, to=NOBODYS)
    stage.meet()
    stage.until("max(anya_bitcoin_nodes_on_another_branch) == 0")
    stage.ended("BitcoinBranchesCompete", since_s=started)
    return Row(
        "a second node disagrees",
        "anya_bitcoin_nodes_on_another_branch 1, 0",
        "",
        "BitcoinBranchesCompete",
        told - started,
    )


def stop_and_start(stage: Stage) -> Row:
    """A node that is stopped is down, and up again when it was started."""
    started = time.time()
    stage.stops.close()
    stage.until('up{job="bitcoin",node="two"} == 0')
    told = stage.told("BitcoinNodeDown", since_s=started, having="Bitcoin node two")
    stage.stops.enter_context(
        regtest_node(stage.directory / "two", stage.base + 3, *OPTIONS, f"-addnode=127.0.0.1:{stage.base}")
    )
    stage.until('up{job="bitcoin",node="two"} == 1')
    stage.ended("BitcoinNodeDown", since_s=started)
    stage.meet()
    return Row("a node stops and starts", "up 0, 1", "", "BitcoinNodeDown", told - started)


def block_seconds(stage: Stage) -> float:
    """From a block's ZMQ message to the live stream, with the look at the block before it over."""
    time.sleep(APART_S)
    [block] = stage.one.mine(1, to=NOBODYS)
    announced = stage.zmq.when(block, what="the block's message")
    return stage.live.when(f"one {block}", what="the block on the live stream") - announced


def reorg_seconds(stage: Stage) -> float:
    """From the ZMQ message of a reorg's first block that goes to Slack, by the pack's own rule, which tells each by itself."""
    before, common = time.time(), stage.one.call("getblockcount")
    lost, tip = stage.one.mine(2, to=NOBODYS)
    stage.live.when(f"one {tip}", what="both blocks on the live stream")
    stage.one.call("invalidateblock", lost)
    stage.one.call("generatetodescriptor", 3, OTHER_BRANCH)
    happened = stage.zmq.when(f"D {tip}", what="the first disconnection")
    told = stage.told("BitcoinReorgTwoBlocks", since_s=before, having=f"the best chain of one above block {common}")
    return told - happened


def spend_seconds(stage: Stage) -> float:
    """From the ZMQ message of a payment that nobody asked for to Slack."""
    txid = stage.one.call("sendtoaddress", NOBODYS, 0.01, wallet="cold")
    happened = stage.zmq.when(txid, what="the payment's message")
    told = stage.told("CustodySpendUnmatched", since_s=0, having=txid)
    stage.one.mine(1, to=NOBODYS)
    return told - happened


# --- wallets ----------------------------------------------------------------------------------------------------------


def stuck(stage: Stage) -> tuple[Row, Row]:
    """A payment that pays less than the market waits for seven blocks; the bump that is told, done, confirms it."""
    begun = time.time()
    txid = _pay(stage, sat_per_vb=LEAST_SAT_PER_VB)
    _leave_behind(stage, txid)
    started = time.time()
    stage.event("event_name:bitcoin.transaction.stuck", having=txid)
    stage.until('anya_bitcoin_wallet_stuck_transactions{wallet="w"} == 1')
    told = stage.told("WalletTransactionStuck", since_s=begun, having=txid)
    bump = _bump_of(stage, txid)
    assert bump["kind"] == "rbf"
    replaced = time.time()
    run_command(stage.one, bump["command"])
    stage.event("event_name:bitcoin.transaction.replaced", having=txid)
    told_replaced = stage.told("WalletTransactionReplaced", since_s=replaced, having=txid)
    [new] = [
        row["attributes"]["bitcoin.transaction.replaced_by"]
        for row in stage.events("event_name:bitcoin.transaction.replaced")
        if txid in str(row)
    ][:1]
    entry = stage.one.call("getmempoolentry", new)
    assert round(entry["fees"]["base"] * 1e8) == bump["fee_sats"]
    stage.one.mine(1, to=NOBODYS)
    stage.event("event_name:bitcoin.transaction.confirmed", having=new)
    stage.until('anya_bitcoin_wallet_stuck_transactions{wallet="w"} == 0')
    stage.ended("WalletTransactionStuck", since_s=replaced)
    return (
        Row(
            "a payment is stuck",
            "anya_bitcoin_wallet_stuck_transactions 1",
            "bitcoin.transaction.stuck",
            "WalletTransactionStuck",
            max(told - started, 0.0),
        ),
        Row(
            "its bump, as told, confirms it",
            "anya_bitcoin_wallet_stuck_transactions 0",
            "bitcoin.transaction.replaced",
            "WalletTransactionReplaced",
            told_replaced - replaced,
        ),
    )


def dust(stage: Stage) -> Row:
    """Five hundred small outputs; what spending them would cost equals what `listunspent` and the fee say."""
    stage.one.call("keypoolrefill", 2 * DUST_OUTPUTS, wallet="cold")
    known = stage.one.call("listdescriptors", wallet="cold")["descriptors"]
    descriptor = next(one["desc"] for one in known if one["desc"].startswith("wpkh(") and not one["internal"])
    addresses = stage.one.call("deriveaddresses", descriptor, [100, 100 + DUST_OUTPUTS - 1])
    outputs = [{address: f"{DUST_SATS / 1e8:.8f}"} for address in addresses]
    stage.one.call("send", outputs, None, "unset", LEAST_SAT_PER_VB, wallet="w")
    started = time.time()
    stage.one.mine(1, to=NOBODYS)
    # Where listing the coins took a busy node more than 0.2 s, it is asked again after 500 times as long.
    counted = f'anya_bitcoin_wallet_dust_utxos{{wallet="cold",node="one"}} == {DUST_OUTPUTS}'
    stage.until(counted, within_s=RESTED_WITHIN_S)
    told = stage.told("WalletDustMuch", since_s=started, having="cold")
    kinds = [coin["desc"].partition("(")[0] for coin in stage.one.call("listunspent", wallet="cold")]

    def reckoned() -> float:
        """The cost of spending, of one look with the fee by which it was reckoned."""
        found = stage.figures('{__name__=~"anya_bitcoin_wallet_.*",wallet="cold",node="one"}')
        vbytes, cost = found["anya_bitcoin_wallet_spend_vbytes"], found["anya_bitcoin_wallet_spend_cost_sats"]
        assert found["anya_bitcoin_wallet_utxos"] == len(kinds)
        assert vbytes == pytest.approx(sum(INPUT_VBYTES[kind] for kind in kinds), rel=0.005)
        assert cost == pytest.approx(vbytes * found["anya_bitcoin_wallet_fee_rate_sat_per_vb"], rel=0.001)
        return cost

    cost = eventually(reckoned, within_s=WITHIN_S, what="what spending the dust costs")
    return Row(
        f"{DUST_OUTPUTS} dust outputs",
        f"anya_bitcoin_wallet_dust_utxos {DUST_OUTPUTS}, spend_cost_sats {cost:.0f}",
        "",
        "WalletDustMuch",
        told - started,
    )


def unasked_spend(stage: Stage) -> Row:
    """A payment that nobody asked for pages at once."""
    txid = stage.one.call("sendtoaddress", NOBODYS, 0.1, wallet="cold")
    happened = stage.zmq.when(txid, what="the payment's message")
    # Slack may have it before the message is read here.
    told = stage.told("CustodySpendUnmatched", since_s=0, having=txid)
    stage.until(f'anya_custody_unmatched_spend{{txid="{txid}"}} == 1')
    stage.event("event_name:custody.spend.unmatched", having=txid)
    return Row(
        "a spend that nobody asked for",
        "anya_custody_unmatched_spend 1",
        "custody.spend.unmatched",
        "CustodySpendUnmatched",
        told - happened,
    )


def run_command(node: RegtestNode, command: str) -> str:
    """Run what was told with `bitcoin-cli`, at this node."""
    words = shlex.split(command)
    assert words[0] == "bitcoin-cli"
    port = node.url.rpartition(":")[2]
    where = [f"-datadir={node.data}", f"-rpcport={port}"]
    done = subprocess.run(
        [str(component("bitcoin-cli")), *where, *words[1:]],
        capture_output=True,
        text=True,
        timeout=WITHIN_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def _leave_behind(stage: Stage, txid: str) -> None:
    """Blocks of a miner who takes `MARKET_SAT_PER_VB` and leaves what pays less, until this payment is told to be stuck."""
    for block in range(1, LEFT_BEHIND_MAX + 1):
        paid = [_pay(stage, sat_per_vb=MARKET_SAT_PER_VB) for _ in range(3)]
        stage.one.call("generateblock", NOBODYS, paid)
        stage.event("event_name:bitcoin.transaction.confirmed", having=paid[-1])
        if block >= LEFT_BEHIND_BLOCKS and _is_stuck(stage, txid):
            return


def _is_stuck(stage: Stage, txid: str) -> bool:
    def told() -> bool:
        return any(txid in str(row) for row in stage.events("event_name:bitcoin.transaction.stuck"))

    with contextlib.suppress(AssertionError):
        return eventually(told, within_s=STUCK_WITHIN_S, what="the payment is stuck")
    return False


def _pay(stage: Stage, *, sat_per_vb: int) -> str:
    return stage.one.call(
        "sendtoaddress", NOBODYS, 0.01, "", "", False, True, None, "unset", None, sat_per_vb, wallet="w"
    )


def _bump_of(stage: Stage, txid: str) -> dict[str, Any]:
    def found() -> dict[str, Any] | None:
        known = stage.api("/bitcoin/transactions")["transactions"]
        return next((one["bump"] for one in known if one["txid"] == txid), None)

    return eventually(found, within_s=WITHIN_S, what="the bump of a stuck payment")


# --- HSMs -------------------------------------------------------------------------------------------------------------


def canary_and_keys(stage: Stage) -> Row:
    """A healthy token signs, verifies, encrypts and draws random bytes; its keys are counted."""
    for kind in ("sign", "verify", "encrypt", "decrypt", "random"):
        stage.until(f'anya_hsm_canary_success{{hsm="core",operation_type="canary_{kind}"}} == 1')
    keys = stage.until('anya_hsm_active_keys{hsm="core"} == 2')
    return Row("canary and key count", f"anya_hsm_canary_success 1, anya_hsm_active_keys {keys:g}")


def locked_pin(stage: Stage) -> Row:
    """SoftHSM never locks a PIN: a module in front of it says CKF_USER_PIN_LOCKED."""
    locked = stage.front.folder / "locked"
    return _fault(
        stage,
        Row("PIN locked (by a stand-in)", 'anya_hsm_pin_state{state="locked"} 1', "hsm.pin_locked", "HsmPinLocked"),
        breaks=locked.touch,
        mends=locked.unlink,
    )


def hang(stage: Stage) -> Row:
    """A signature that sleeps is told while it is still waited for."""
    hangs = stage.front.folder / "hang"
    return _fault(
        stage,
        Row("signing hangs", "anya_hsm_call_late_seconds > 0", "hsm.call_late", "HsmCallLate"),
        breaks=hangs.touch,
        mends=hangs.unlink,
    )


def wrong_pin(stage: Stage) -> Row:
    """A wrong PIN in the settings is sent once, and never again; the right one is taken up."""
    stage.until('anya_hsm_login_held{hsm="spare"} == 1')
    refused = 'anya_hsm_errors_total{hsm="spare",error_type="pin_incorrect",return_code="CKR_PIN_INCORRECT"}'
    stage.until(f"{refused} == 1")
    stage.told("HsmLoginHeld", since_s=0, having="spare")
    event = stage.event("event_name:hsm.login_held", having="spare")
    assert event["attributes"]["error.type"] == "pin_incorrect"
    assert stage.value(refused) == 1
    pin = stage.spare.config.parent / "pin"
    new = pin.with_suffix(".new")
    new.write_text(stage.spare.pin)
    new.replace(pin)  # at once: the server may read it at any moment
    stage.until('anya_hsm_canary_success{hsm="spare",operation_type="canary_sign"} == 1')
    stage.event("event_name:hsm.login_resumed", having="spare")
    stage.ended("HsmLoginHeld", since_s=0)
    return Row("wrong PIN", "anya_hsm_login_held 1, anya_hsm_errors_total 1", "hsm.login_held", "HsmLoginHeld")


def deleted_key(stage: Stage) -> Row:
    """A key that is gone fails the canary and is missed by its label and by the count."""
    started = time.time()
    run_tool(stage.token, "--delete-object", "--type", "secrkey", "--label", "aes")
    deleted = time.time()
    stage.until('anya_hsm_key_present{hsm="core",label="aes"} == 0')
    stage.until('anya_hsm_keys_change{hsm="core",class="secret"} == -1')
    stage.until('anya_hsm_canary_success{hsm="core",operation_type="canary_encrypt"} == 0')
    stage.event("event_name:hsm.key_missing", having="aes")
    told = stage.told("HsmKeyMissing", since_s=started, having="aes")
    stage.told("HsmCanaryFails", since_s=started)
    return Row(
        "key deleted",
        "anya_hsm_key_present 0, anya_hsm_keys_change -1",
        "hsm.key_missing",
        "HsmKeyMissing",
        told - deleted,
    )


@dataclass
class Leak:
    """How many sessions a leaking client had, and when, in seconds."""

    seen: list[tuple[float, int]] = field(default_factory=lambda: [(time.monotonic(), 0)])

    @property
    def opened(self) -> int:
        return self.seen[-1][1]

    def per_s(self) -> float:
        """Of the last minutes: a busy machine may not open as many as it is meant to."""
        now_s, opened = self.seen[-1]
        then_s, before = next(one for one in self.seen if one[0] >= now_s - LEAK_SEEN_S)
        assert opened > before
        return (opened - before) / (now_s - then_s)


@contextlib.contextmanager
def leak(token: SoftHsm, front: Shim) -> Iterator[Leak]:
    """A client that opens a session a second and closes none."""
    done = threading.Event()
    with leaking(token, front) as client:
        found = Leak()
        began = time.monotonic()

        def run() -> None:
            while not done.wait(1 / LEAK_PER_S):
                # As many as the time wants: whoever was held up catches up, and the rate stays what it is said to be.
                due = int((time.monotonic() - began) * LEAK_PER_S) - found.opened
                client.stdin.write(f"{due}\n")
                client.stdin.flush()
                opened = int(client.stdout.readline())
                found.seen.append((time.monotonic(), opened))

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield found
        finally:
            done.set()
            thread.join()


def leaking_sessions(stage: Stage, leak: Leak) -> Row:
    """When sessions run out is known within a fifth, and who leaks them."""

    def known() -> tuple[float, float]:
        """As it is told, and as it is; each is of the last minutes, so the two agree once the leak was steady for as long."""
        left_s = stage.value('anya_hsm_sessions_exhausted_in_seconds{hsm="core"}')
        true_s = (SESSIONS_MAX - leak.opened) / leak.per_s()
        assert left_s is not None
        assert abs(left_s - true_s) <= LEAK_TOLERANCE * true_s, (left_s, true_s)
        return left_s, true_s

    left_s, true_s = eventually(known, within_s=3 * WITHIN_S, what="when sessions run out")
    event = stage.event("event_name:hsm.session_leak")
    assert event["attributes"]["hsm.clients"]
    stage.until('anya_hsm_session_leak_suspect{hsm="core"} == 1')
    started = time.time()
    told = stage.told("HsmSessionsExhaustedInAnHour", since_s=0)
    return Row(
        "sessions leak",
        f"anya_hsm_sessions_exhausted_in_seconds {left_s:.0f} (true {true_s:.0f})",
        "hsm.session_leak",
        "HsmSessionsExhaustedInAnHour",
        max(told - started, 0),
    )


def _fault(stage: Stage, row: Row, *, breaks: Callable[[], object], mends: Callable[[], object]) -> Row:
    """Break, wait for figure, event and alert, mend, wait for the end."""
    eventually(lambda: stage.is_calm(row.alert), within_s=WITHIN_S, what=f"{row.alert} is quiet")
    started = time.time()
    breaks()
    told = stage.told(row.alert, since_s=started)
    event = stage.event(f"event_name:{row.event}", having="core")
    assert event["attributes"]["hsm.name"] == "core"
    mends()
    stage.ended(row.alert, since_s=started)
    stage.until('anya_hsm_canary_success{hsm="core",operation_type="canary_sign"} == 1')
    return Row(row.what, row.figure, row.event, row.alert, told - started)
