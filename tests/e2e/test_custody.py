"""Custody in a browser: a real node, a real token and the example's service; a block arrives, a payment is stuck, one was not asked for."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import zmq
from playwright.sync_api import BrowserContext, Locator, Page, expect

from anyascope.cli import main
from support.custody_page import COLD, MINED_SAT_PER_VB, MINER, STRANGER, CustodyPage, custody_page
from support.page_server import Server
from support.server import eventually

pytestmark = pytest.mark.e2e

DEAR, CHEAP = 20 * MINED_SAT_PER_VB, MINED_SAT_PER_VB / 2  # sats a virtual byte: mined at once, and never
STUCK_BLOCKS = 9  # more than the six after which a payment below the market is stuck
LOOKED_MS = 5_000  # two looks at a node
SOON_MS = (
    300_000  # of what takes blocks, looks, or a correlation's whole story, which a starved server refuses at first
)
# Notes when the height of the node's card changed, by the clock of this machine, and which blocks were marked as new: they are
# for some seconds only.
WATCH_BLOCKS = """() => {
  window.seen = {};
  window.marked = [];
  new MutationObserver(() => {
    window.seen[document.querySelector('[data-testid="height"]')?.textContent] ??= Date.now();
    for (const block of document.querySelectorAll('[data-testid="block"][data-new="true"]'))
      window.marked.push(block.dataset.height);
  }).observe(document.body, { childList: true, characterData: true, attributes: true, subtree: true });
}"""


@pytest.fixture(scope="module")
def custody(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CustodyPage]:
    with custody_page(tmp_path_factory.mktemp("custody")) as page:
        yield page


class Announcements:
    """When the node's ZMQ messages came, in Unix milliseconds, by block."""

    def __init__(self, address: str) -> None:
        self.at_ms: dict[str, float] = {}
        self._socket = zmq.Context.instance().socket(zmq.SUB)
        self._socket.subscribe(b"hashblock")
        self._socket.setsockopt(zmq.RCVTIMEO, 200)
        self._socket.connect(address)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._hear, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._stopped.set()
        self._thread.join()
        self._socket.close(linger=0)

    def _hear(self) -> None:
        while not self._stopped.is_set():
            try:
                _, block, _ = self._socket.recv_multipart()
            except zmq.Again:
                continue
            self.at_ms[block.hex()] = time.time() * 1_000


@pytest.mark.long
def test_a_new_block_is_on_the_page_when_the_node_announces_it(page: Page, custody: CustodyPage) -> None:
    """It joins the strip at its left, marked as new, and the card has its height; how long that takes is printed."""
    page.goto(custody.server.pages + "custody")
    card = page.get_by_role("article", name="Node core-1")
    expect(card.get_by_test_id("height")).to_have_text(str(custody.node.call("getblockcount")))
    expect(card).to_contain_text("ZMQ")
    page.evaluate(WATCH_BLOCKS)
    announced = Announcements(custody.node.zmq)
    shown: dict[str, str] = {}  # heights by block
    try:
        for _ in range(8):
            [block] = custody.mine()
            height = str(custody.node.call("getblockcount"))
            newest = page.get_by_test_id("block").first
            expect(newest).to_have_attribute("data-height", height)
            expect(newest.get_by_role("link")).to_have_attribute("title", block)
            expect(card.get_by_test_id("height")).to_have_text(height)
            shown[block] = height
        # A subscription counts some time after its connection, and messages wait where nobody reads them yet.
        heard = eventually(lambda: shown.keys() & announced.at_ms.keys(), what="a message of the node")
    finally:
        announced.close()
    lags_ms = [round(page.evaluate(f"window.seen['{shown[block]}']") - announced.at_ms[block]) for block in heard]
    print(f"from the ZMQ message to the page: {sorted(lags_ms)} ms")  # noqa: T201  # a figure, not a condition
    assert set(shown.values()) & set(page.evaluate("window.marked"))


@pytest.mark.long
def test_a_spend_that_nobody_asked_for_stands_on_top(page: Page, custody: CustodyPage) -> None:
    """In red, with what it lacks; one that was asked for is matched below it. A person can accept it, with name and reason."""
    asked = custody.withdraw()
    page.goto(custody.server.pages + "custody")
    expect(page.get_by_test_id("spend").filter(has_text=asked[-8:])).to_contain_text("Matched", timeout=SOON_MS)
    unasked = custody.pay(STRANGER, 0.1, sat_per_vb=DEAR, wallet=COLD)
    first = page.get_by_test_id("spend").first
    expect(first).to_contain_text(unasked[-8:], timeout=SOON_MS)
    expect(first).to_contain_text("Nobody asked for it")
    expect(first).to_contain_text("no request")
    expect(first).to_contain_text("no signature")
    spend = page.get_by_test_id("spend").filter(has_text=unasked[-8:])
    spend.get_by_role("link", name=re.compile(unasked[-8:])).click()
    expect(page.get_by_test_id("stage-approval")).to_contain_text("missing", timeout=SOON_MS)
    expect(page.get_by_role("region", name="Operation").get_by_role("alert")).to_contain_text("no request")
    page.go_back()
    spend.get_by_role("button", name="Accept").press("Enter")
    form = page.get_by_role("dialog")
    expect(form).to_contain_text(unasked)
    expect(form.get_by_label("Your name")).to_be_focused()
    page.keyboard.type("Ann")
    form.get_by_label("Why it is in order").fill("paid by hand")
    page.set_viewport_size({"width": 375, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 375
    form.get_by_role("button", name="Accept this spend").press("Enter")
    expect(form).to_have_count(0)
    expect(spend).to_contain_text("Accepted by a person")
    expect(spend).to_contain_text("by Ann: paid by hand")


@pytest.mark.long
def test_a_stuck_payment_says_what_frees_it(page: Page, custody: CustodyPage) -> None:
    """Its card has the replacement's cost and a command to copy, and goes when the payment was replaced and mined."""
    custody.bury(3)
    page.goto(custody.server.pages + "custody")
    txid = custody.pay(STRANGER, 0.3, sat_per_vb=CHEAP)
    waiting = page.get_by_test_id("transaction").filter(has_text=txid[-8:])
    expect(waiting).to_be_visible(timeout=SOON_MS)
    for _ in range(STUCK_BLOCKS):
        custody.bury()
        height = str(custody.node.call("getblockcount"))
        expect(page.get_by_test_id("block").first).to_have_attribute("data-height", height)
    stuck = page.get_by_test_id("stuck").filter(has_text=txid[-8:])
    expect(stuck).to_contain_text("RBF", timeout=SOON_MS)
    expect(stuck).to_contain_text(re.compile(r"[\d,]+ sat more than now"))
    expect(stuck).to_contain_text(txid)
    expect(stuck.get_by_role("button", name="Copy")).to_be_visible()
    custody.node.call("bumpfee", txid, {"fee_rate": DEAR}, wallet=MINER)
    custody.mine()
    expect(stuck).to_have_count(0, timeout=SOON_MS)
    expect(waiting).to_have_count(0)


def told_in_whole(custody: CustodyPage, txid: str, capsys: pytest.CaptureFixture[str]) -> Any:
    """What `anyascope correlate` tells; None where a part is late, as it may be on a loaded machine."""
    capsys.readouterr()
    assert main.run(["--server", custody.server.address, "correlate", txid, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    return told if {part["state"] for part in told["parts"]} == {"whole"} else None


@pytest.mark.long
def test_a_withdrawal_is_followed_from_request_to_confirmation(
    page: Page, custody: CustodyPage, complaints: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """By its transaction's id or its correlation id: every stage, every signal, and the trace, on one time line; in a terminal, too."""
    complaints.expect("404")  # whoever looks before anything has arrived is told that nobody knows the id yet
    txid = custody.withdraw()
    page.goto(custody.server.pages + f"correlation/{txid}")
    for stage in ("request", "approval", "signing", "broadcast"):
        expect(page.get_by_test_id(f"stage-{stage}")).to_contain_text("done", timeout=SOON_MS)
    expect(page.get_by_test_id("stage-approval")).to_contain_text("by approver")
    expect(page.get_by_test_id("progress")).to_contain_text("under way")
    custody.mine(3)
    expect(page.get_by_test_id("stage-confirmation")).to_contain_text("3 of 3", timeout=SOON_MS)
    expect(page.get_by_test_id("progress")).to_contain_text("ended: success", timeout=SOON_MS)
    kinds = page.get_by_role("group", name="Kinds")
    for kind in ("Spans", "Logs", "Audit", "Custody", "Blockchain", "Metrics"):
        expect(kinds.get_by_role("button", name=kind)).to_be_enabled(timeout=SOON_MS)
    told = eventually(lambda: told_in_whole(custody, txid, capsys), what="an answer with all its parts")
    assert {"span", "log", "audit", "custody", "chain", "metric"} <= {entry["kind"] for entry in told["entries"]}
    assert [spend["txid"] for spend in told["spends"]] == [txid]
    kinds.get_by_role("button", name="Blockchain").click()
    expect(page).to_have_url(re.compile("kinds=chain"))
    expect(page.get_by_test_id("entry").first).to_contain_text("seen")
    page.get_by_role("region", name="Operation").get_by_role("link", name=re.compile(r"^[0-9a-f-]{36}$")).click()
    expect(page).to_have_url(re.compile(r"/correlation/[0-9a-f-]{36}$"))
    signing = page.get_by_test_id("entry").filter(has_text="custody.signing").first
    expect(signing).to_be_visible(timeout=SOON_MS)
    signing.get_by_role("link").click()
    expect(page).to_have_url(re.compile(r"/traces/[0-9a-f]{32}"))
    page.get_by_role("link", name="Follow the operation").click()
    expect(page.get_by_test_id("stage-signing")).to_contain_text("done", timeout=SOON_MS)


@pytest.mark.long
def test_a_withdrawal_that_is_stuck_has_its_alert_on_its_page(
    page: Page, custody: CustodyPage, complaints: Any
) -> None:
    """While it waits the page of the operation tells so, with the alert that names it, and each leads to the other; freed and mined, it is good again."""
    complaints.expect("404")  # whoever looks before anything has arrived is told that nobody knows the id yet
    txid = custody.withdraw()
    custody.hold_back(txid)
    page.goto(custody.server.pages + f"correlation/{txid}")
    expect(page.get_by_test_id("stage-broadcast")).to_contain_text("done", timeout=SOON_MS)
    setback = page.get_by_test_id("setback").filter(has_text="Stuck below the market")
    bury_until(custody, setback)
    expect(setback).to_contain_text("still so", timeout=SOON_MS)
    alert = page.get_by_test_id("about-alert").filter(has_text="stuck")
    expect(alert).to_contain_text("firing since", timeout=SOON_MS)
    expect(page.get_by_role("region", name="Operation")).to_contain_text("anya_bitcoin_wallet_stuck_transaction_blocks")
    alert.get_by_role("link").click()
    expect(page).to_have_url(re.compile("/alerts/"))
    page.get_by_role("region", name="Labels").get_by_role("link", name=txid).click()
    expect(page).to_have_url(re.compile(f"/correlation/{txid}$"))
    # By the operation's own id as well: the alert names the transaction only.
    page.get_by_role("region", name="Operation").get_by_role("link", name=re.compile(r"^[0-9a-f-]{36}$")).click()
    expect(page).to_have_url(re.compile(r"/correlation/[0-9a-f-]{36}$"))
    expect(alert).to_be_visible(timeout=SOON_MS)
    custody.hold_back(txid, held=False)
    custody.mine(3)
    expect(page.get_by_test_id("stage-confirmation")).to_contain_text("3 of 3", timeout=SOON_MS)
    expect(setback).to_contain_text("made good since", timeout=SOON_MS)
    expect(alert.filter(has_text="firing")).to_have_count(0, timeout=SOON_MS)


def bury_until(custody: CustodyPage, sign: Locator) -> None:
    """Mine until the page shows this, and as many blocks as make a payment stuck before it is looked for.

    A payment that was found good between two blocks, before it was held back, is counted from the next look on: blocks that
    came all at once before that look do not count.
    """
    custody.bury(STUCK_BLOCKS - 1)

    def is_shown() -> bool:
        custody.bury()
        expect(sign).to_have_count(1, timeout=LOOKED_MS)
        return True

    eventually(is_shown, what="the page shows a stuck payment")


@pytest.mark.long
def test_the_token_and_the_wallets_are_told(page: Page, custody: CustodyPage) -> None:
    """The canary's operations and the PIN of the HSM, and that it is as accepted; each wallet's funds in bitcoins and in whole sats."""
    page.goto(custody.server.pages + "custody")
    token = page.get_by_test_id("hsm").filter(has_text="core")
    expect(token).to_contain_text("sign works", timeout=SOON_MS)
    expect(token).to_contain_text("PIN ok")
    expect(token).to_contain_text("As it was accepted")
    found = eventually(
        lambda: [one for one in custody.api("/bitcoin/wallets")["wallets"] if one["name"] == MINER and one["funds"]],
        what="the miner's wallet is looked at",
    )
    assert found
    wallet = page.get_by_test_id("wallet").filter(has_text=MINER)
    expect(wallet).to_contain_text(re.compile(r"[\d,]+\.\d{8} BTC"))
    expect(wallet).to_contain_text(re.compile(r"[\d,]+ sat"))
    page.goto(custody.server.pages + "runbooks/HsmDown")
    expect(page.get_by_role("region", name="Its rule")).to_contain_text("anya_hsm_up")


def test_a_server_without_custody_says_what_to_configure(page: Page, complaints: Any, empty: Server) -> None:
    """Each part is empty in its own words."""
    page.goto(empty.pages + "custody")
    for part, said in (
        ("Nodes", "cookie_file: /var/lib/bitcoind/.cookie"),
        ("Spends", "custody:"),
        ("Open transactions", "until they are confirmed"),
        ("Wallets", "No wallet is watched"),
        ("HSMs", "pin_file: /etc/anyascope/core.pin"),
    ):
        expect(page.get_by_role("region", name=part, exact=True)).to_contain_text(said)
    page.goto(empty.pages + "correlation/nobody-has-this")
    expect(page.get_by_text("Nothing carries this id")).to_be_visible()
    complaints.expect("404")  # the browser tells of every answer that is one


def test_custody_fits_a_phone(open_context: Callable[..., BrowserContext], empty: Server) -> None:
    """At 375 px nothing is wider than the screen."""
    page = open_context(viewport={"width": 375, "height": 800}).new_page()
    for path in ("custody", "correlation", "runbooks/HsmDown"):
        page.goto(empty.pages + path)
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= 375


def test_an_alert_has_its_runbook_here(page: Page, empty: Server) -> None:
    """The short address that alerts carry leads to the page; all of them stand beside each other."""
    page.goto(f"{empty.address}/runbooks/HsmDown")
    expect(page).to_have_url(f"{empty.pages}runbooks/HsmDown")
    expect(page.get_by_role("heading", level=1)).to_contain_text("HsmDown")
    expect(page.get_by_role("heading", name="What to do")).to_be_visible()
    page.get_by_role("link", name="All runbooks").click()
    expect(page.get_by_role("region", name="Runbooks").get_by_role("link").first).to_be_visible()


def test_a_runbook_that_is_not_there_says_so(page: Page, complaints: Callable[..., None], empty: Server) -> None:
    """With what to do to have one."""
    complaints.expect("404")  # type: ignore[attr-defined]  # the browser tells of every answer that is one
    page.goto(empty.pages + "runbooks/NoSuchAlert")
    expect(page.get_by_text("There is no such runbook")).to_be_visible()
