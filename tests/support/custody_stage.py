"""Two real nodes, a real token, a real server with the packs on, and a Slack that notes when it was told."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import zmq

from anyascope.client.client import read_events
from support.pkcs11_shim import Shim, shim
from support.regtest import RegtestNode, free_base, meet, regtest_node
from support.server import QUIET_CONFIG, ServerProcess, eventually, running_server
from support.sinks import Sink, http_sink
from support.softhsm import SoftHsm, softhsm

WITHIN_S = 150.0
NOBODYS = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"  # of BIP 173; nobody here spends
OTHER_BRANCH = "raw(52)"  # blocks that pay to another script have other hashes
LEAST_SAT_PER_VB = (
    10  # what the mempools take, so that today's fee is that at least, whatever a node of regtest estimates
)
OPTIONS = ("-keypool=10", f"-minrelaytxfee={LEAST_SAT_PER_VB / 1e5:.5f}")  # thousands of keys take seconds to make
TITLE = "'{{ .Status }} {{ .CommonLabels.alertname }}.'"
TEXT = "'{{ range .Alerts }}{{ .Annotations.summary }}: {{ .Annotations.description }} {{ .Labels }}{{ end }}'"
WRONG_PIN = "11111111"
# Rules that wait for minutes by design, cut short by the setting that operators have; all others are as they ship.
SHORTENED = (
    "BitcoinNodeDown",
    "BitcoinNodeFarBehind",
    "BitcoinBranchesCompete",
    "WalletDustMuch",
    "HsmSessionsExhaustedInAnHour",
)


@dataclass
class Heard:
    """What arrived, with the time at which it did."""

    at: dict[str, float] = field(default_factory=dict)

    def note(self, name: str) -> None:
        self.at.setdefault(name, time.time())

    def when(self, name: str, *, what: str) -> float:
        """When this arrived, waited for."""
        return eventually(lambda: self.at.get(name), within_s=WITHIN_S, what=what)


@dataclass
class Stage:
    """Everything that runs. Node `one` has the wallets `w` and `cold`; `two` follows it."""

    directory: Path
    base: int
    one: RegtestNode
    two: RegtestNode
    token: SoftHsm
    front: Shim
    spare: SoftHsm
    slack: Sink
    server: ServerProcess
    zmq: Heard
    live: Heard
    stops: contextlib.ExitStack

    def value(self, expression: str) -> float | None:
        """What an expression is now; None where it has no point, the highest where it has several."""
        answer = httpx.get(f"{self.server.url}/api/v1/query", params={"query": expression}).json()
        return max((float(point["value"][1]) for point in answer["data"]["result"]), default=None)

    def figures(self, selector: str) -> dict[str, float]:
        """The newest value of each metric that a selector finds, all asked for at once."""
        answer = httpx.get(f"{self.server.url}/api/v1/query", params={"query": selector}).json()
        return {point["metric"]["__name__"]: float(point["value"][1]) for point in answer["data"]["result"]}

    def until(self, expression: str, *, within_s: float = WITHIN_S) -> float:
        """Wait until an expression has a point; its value."""
        return eventually(
            lambda: [v for v in [self.value(expression)] if v is not None], within_s=within_s, what=expression
        )[0]

    def events(self, query: str) -> list[dict[str, Any]]:
        """Log records that a search finds, the oldest first."""
        asked = {"query": query, "limit": "1000", "order": "oldest"}
        return httpx.get(f"{self.server.url}/api/anyascope/v1/logs/search", params=asked).json()["rows"]

    def event(self, query: str, *, having: str = "") -> dict[str, Any]:
        """The newest event that a search finds and whose text has this, waited for."""
        return eventually(
            lambda: [row for row in self.events(query) if having in json.dumps(row)], within_s=WITHIN_S, what=query
        )[-1]

    def told(self, alert: str, *, since_s: float, having: str = "") -> float:
        """When Slack was told that this alert fires, waited for; what it was told before does not count."""

        def found() -> list[float]:
            return [
                record["at"]
                for record in self.slack.records()
                if record["at"] >= since_s and f"firing {alert}." in _text(record) and having in _text(record)
            ]

        return eventually(found, within_s=WITHIN_S, what=f"{alert} at Slack")[0]

    def is_calm(self, alert: str) -> bool:
        """Whether no such alert fires now: on a busy machine it may, before it is meant to."""
        return self.value(f'ALERTS{{alertname="{alert}",alertstate="firing"}}') is None

    def ended(self, alert: str, *, since_s: float) -> None:
        """Wait until Slack was told that this alert has ended."""
        eventually(
            lambda: any(
                record["at"] >= since_s and f"resolved {alert}." in _text(record) for record in self.slack.records()
            ),
            within_s=WITHIN_S,
            what=f"the end of {alert} at Slack",
        )

    def api(self, path: str) -> Any:
        return httpx.get(f"{self.server.url}/api/anyascope/v1{path}").json()

    def part(self) -> None:
        """Take node two off the network."""
        self.two.call("setnetworkactive", False)
        eventually(lambda: self.one.call("getconnectioncount") == 0, within_s=WITHIN_S, what="no connection")

    def meet(self) -> None:
        """Put it back; both agree then."""
        self.two.call("setnetworkactive", True)

        eventually(lambda: meet(self.two, self.one), within_s=WITHIN_S, what="one chain")


@contextlib.contextmanager
def stage(directory: Path, *, interval: str = "2s", late_after: str = "") -> Iterator[Stage]:
    """Everything started, funded and healthy; all of it stops at the end.

    Args:
        interval: between two looks at a node; the settings' default is 15 s.
        late_after: after which an HSM's call is told to be late; the settings' default of 0.5 s where empty. A call may take
            that long on a busy machine: with another one only what is made to hang does, and no call fails for its time.
    """
    with contextlib.ExitStack() as stack:
        base = free_base(2)
        one = stack.enter_context(regtest_node(directory / "one", base, *OPTIONS))
        stops = stack.enter_context(contextlib.ExitStack())
        two = stops.enter_context(regtest_node(directory / "two", base + 3, *OPTIONS, f"-addnode=127.0.0.1:{base}"))
        _fund(one)
        token, spare = softhsm(_folder(directory, "core")), softhsm(_folder(directory, "spare"))
        front = shim(token, directory)
        (front.folder / "sessions").mkdir()
        front.tell("max", "2048")
        slack = stack.enter_context(http_sink(directory / "slack.jsonl"))
        calm = {"late_after": late_after, "timeout": "60s"} if late_after else {}
        config = _config([one, two], slack, interval=interval, hsms=[_core(token, front, calm), _spare(spare, calm)])
        threads: list[threading.Thread] = []
        stack.callback(lambda: [thread.join() for thread in threads])  # the server's end is the live stream's, too
        server = stack.enter_context(running_server(directory, config=config))
        heard, live = Heard(), Heard()
        done = threading.Event()
        stack.callback(done.set)
        threads += [
            threading.Thread(target=_hear_zmq, args=(one.zmq, heard, done)),
            threading.Thread(target=_read_live, args=(server.url, live, done)),
        ]
        for thread in threads:
            thread.start()
        found = Stage(directory, base, one, two, token, front, spare, slack, server, heard, live, stops)
        found.until('count(up{job="bitcoin"} == 1) == 2')
        found.until('anya_hsm_canary_success{hsm="core",operation_type="canary_sign"} == 1')
        _subscribed(found)
        yield found


def _fund(node: RegtestNode) -> None:
    """Coins by mining alone: the node has seen no fees, so that those of the story are all that it estimates from."""
    address = node.funded_wallet("w")
    node.mine(20, to=address)
    node.call("createwallet", "cold")
    node.mine(30, to=node.call("getnewaddress", wallet="cold"))
    node.mine(101, to=NOBODYS)


def _subscribed(found: Stage) -> None:
    """A subscription counts some time after its connection: mine until a block is announced to both."""
    mined: set[str] = set()

    def is_heard() -> bool:
        mined.update(found.one.mine(1, to=NOBODYS))
        time.sleep(0.3)
        told = json.dumps(found.events("event_name:bitcoin.block.connected"))
        return any(block in found.zmq.at and block in told for block in mined)

    eventually(is_heard, within_s=WITHIN_S, what="blocks by ZMQ")


def _hear_zmq(address: str, heard: Heard, done: threading.Event) -> None:
    with zmq.Context() as context, context.socket(zmq.SUB) as socket:
        socket.connect(address)
        for topic in ("hashblock", "hashtx", "sequence"):
            socket.subscribe(topic)
        while not done.is_set():
            if socket.poll(200):
                topic, body, *_ = socket.recv_multipart()
                if topic == b"sequence" and body[32:33] == b"D":
                    heard.note(f"D {body[:32].hex()}")
                elif topic != b"sequence":
                    heard.note(body.hex())


def _read_live(url: str, heard: Heard, done: threading.Event) -> None:
    """Notes the tips of nodes as the page would see them: whoever is cut off, or hears nothing for long, connects again."""
    while not done.is_set():
        with (
            contextlib.suppress(httpx.HTTPError),
            httpx.stream("GET", f"{url}/api/anyascope/v1/live", timeout=WITHIN_S) as answer,
        ):
            for name, data in read_events(answer.iter_lines()):
                if done.is_set():
                    return
                if name == "bitcoin_nodes":
                    for node in json.loads(data)["nodes"]:
                        heard.note(f"{node['name']} {node['tip_hash']}")


def _text(record: dict[str, Any]) -> str:
    return json.dumps(record, ensure_ascii=False)


def _folder(directory: Path, name: str) -> Path:
    (directory / name).mkdir()
    return directory / name


def _core(token: SoftHsm, front: Shim, calm: dict[str, str]) -> dict[str, Any]:
    return {
        "name": "core",
        "provider": "softhsm",
        "module": str(front.module),
        "token": token.label,
        "pin": token.pin,
        "environment": {"SOFTHSM2_CONF": str(token.config), **front.environment},
        "inventory_interval": "2s",
        **calm,
        "key_labels": ["ec", "aes"],
        "canary": {"sign": "ec", "encrypt": "aes"},
    }


def _spare(token: SoftHsm, calm: dict[str, str]) -> dict[str, Any]:
    """Another token, with a PIN from a file: not the right one."""
    pin = token.config.parent / "pin"
    pin.write_text(WRONG_PIN)
    return {
        "name": "spare",
        "provider": "softhsm",
        "module": str(token.module),
        "token": token.label,
        "pin_file": str(pin),
        "environment": {"SOFTHSM2_CONF": str(token.config)},
        "canary": {"sign": "ec"},
        **calm,
    }


def _config(nodes: list[RegtestNode], slack: Sink, *, interval: str, hsms: list[dict[str, Any]]) -> str:
    watched = [
        {
            "name": name,
            "url": node.url,
            "cookie_file": str(node.cookie_file),
            "chain": "regtest",
            "interval": interval,
            "settled_after": "0s",  # a minute old, and meant to be spoken of
        }
        for name, node in zip(("one", "two"), nodes, strict=True)
    ]
    return (
        QUIET_CONFIG
        + f"""
rules: {{default_pack: false}}
packs: {{changed_rules: {json.dumps({name: {"for": "1s"} for name in SHORTENED})}}}
custody: {{wallets: [cold]}}
collectors: {{bitcoin: {{nodes: {json.dumps(watched)}}}, hsm: {json.dumps(hsms)}}}
route: {{receiver: slack, group_by: ['...'], group_wait: 0s, group_interval: 1s}}
receivers:
- name: slack
  slack_configs:
  - api_url: http://127.0.0.1:{slack.port}/slack
    channel: "#custody"
    send_resolved: true
    title: {TITLE}
    text: {TEXT}
"""
    )
