"""`anyascope demo`: a server and the example custody service beside it, each a process of its own, until Ctrl-C."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from anyascope.errors import InvalidInputError, UnavailableError

START_WITHIN_S = 60.0  # the first start makes a store and compiles; the second takes 2 s
DATA_WITHIN_S = 40.0  # from the start of the service until its first trace can be found
END_WITHIN_S = 15.0  # what a child may take to send what waits
LOOK_EVERY_S = 0.2
LOG_LINES_SHOWN = 12  # of a child that died
MAIN_PORT, SERVICE_PORT, OTLP_PORT = 9470, 8088, 14_318  # where they are looked for; the next where these are taken
PORTS_TRIED_MAX = 100
PIN_VARIABLE = "CUSTODY_PIN"
PIN_FILE = "hsm.pin"  # below the demo's folder, for the server; it goes with the end
WALLETS = "custody-*"  # what the example calls its wallets on the node

CONFIG = """\
# What `anyascope demo` runs on: loopback only, nothing is told to anybody.
receive: {{otlp_http: "127.0.0.1:{otlp_http}", otlp_grpc: "off"}}
"""


class Part(StrEnum):
    """What can be made to fail."""

    SIGNER = "signer"
    NODE = "node"
    POLICY = "policy"


@dataclass(frozen=True, slots=True)
class RealParts:
    """The real node and HSM that the server watches beside the service that uses them; empty ones are stand-ins."""

    node: str = ""
    cookie: Path | None = None
    module: Path | None = None
    token: str = ""
    key: str = ""

    def settings(self) -> str:
        """Sections of `anyascope.yml`; texts are written as JSON, which YAML reads."""
        lines = ["collectors:"] if self.node or self.module else []
        if self.node:
            lines.append(
                f"  bitcoin: {{nodes: [{{name: demo, url: {json.dumps(self.node)}, cookie_file: {_path(self.cookie)}}}]}}"
            )
        if self.module:
            told = f"module: {_path(self.module)}, token: {json.dumps(self.token)}, pin_file: {PIN_FILE}"
            lines.append(f"  hsm: [{{name: demo, {told}, key_labels: [{json.dumps(self.key)}]}}]")
        if self.node:
            lines.append(f"custody: {{wallets: [{json.dumps(WALLETS)}]}}")
        return "".join(f"{line}\n" for line in lines)


def _path(path: Path | None) -> str:
    return json.dumps(str(path.resolve()) if path is not None else "")


@dataclass
class Child:
    """One process of the demonstration, its output in a file."""

    name: str
    command: Sequence[str]
    log_file: Path
    environment: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it in a process group of its own, so that Ctrl-C reaches only us, who stop it in order."""
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(  # noqa: S603 -- our own programs
                self.command,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                env={**os.environ, **self.environment},
                start_new_session=True,
            )

    @property
    def has_ended(self) -> bool:
        return self.process is not None and self.process.poll() is not None

    def check(self) -> None:
        """Raise where it has ended by itself."""
        if self.has_ended:
            assert self.process is not None
            raise UnavailableError(
                f"{self.name} ended with {self.process.returncode}; its last lines ({self.log_file}):\n{self._tail()}",
                retry_after_s=0.0,
            )

    def _tail(self) -> str:
        lines = self.log_file.read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(lines[-LOG_LINES_SHOWN:])

    def stop(self) -> None:
        """End it: asked first, then made to."""
        if self.process is None or self.has_ended:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(END_WITHIN_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def demo(  # noqa: PLR0913 -- a command's options
    *,
    node: Annotated[str, typer.Option("--node", metavar="URL", help="A real node's RPC; else a stand-in.")] = "",
    cookie: Annotated[Path | None, typer.Option("--cookie", help="The node's cookie file.")] = None,
    pay_to: Annotated[str, typer.Option("--pay-to", metavar="ADDRESS", help="Where the load's withdrawals go.")] = "",
    pkcs11_module: Annotated[
        Path | None,
        typer.Option("--pkcs11-module", help=f"A real HSM's library, PIN in {PIN_VARIABLE}; else a stand-in."),
    ] = None,
    token_label: Annotated[str, typer.Option("--token-label", help="The HSM's token.")] = "",
    key_label: Annotated[str, typer.Option("--key-label", help="The wallet's secp256k1 key in the HSM.")] = "ec",
    data: Annotated[
        Path | None, typer.Option("--data", help="Keep what is stored here; else it goes with the end.")
    ] = None,
    rate: Annotated[float, typer.Option("--rate", min=0.0, max=100.0, help="Requests a second.")] = 5.0,
    seed: Annotated[int, typer.Option("--seed", help="Makes the load repeatable.")] = 1,
    fail: Annotated[
        list[Part] | None, typer.Option("--fail", help="Let a part fail from the start; may repeat.")
    ] = None,
) -> None:
    """Run a server with an example custody service beside it, and say what to look at."""
    program = example_program()
    arguments = _of_real_parts(
        node=node,
        cookie=cookie,
        pay_to=pay_to,
        pkcs11_module=pkcs11_module,
        token_label=token_label,
        key_label=key_label,
    )
    real = RealParts(node, cookie, pkcs11_module, token_label, key_label)
    with _folder(data) as folder, contextlib.ExitStack() as stack:
        ports = {"main": _port(MAIN_PORT), "service": _port(SERVICE_PORT), "otlp_http": _port(OTLP_PORT)}
        if pkcs11_module is not None:
            stack.callback(_write_pin(folder).unlink, missing_ok=True)
        server = _server(folder, ports, real)
        stack.callback(server.stop)
        server.start()
        _await(f"http://127.0.0.1:{ports['main']}/-/ready", server, within_s=START_WITHIN_S, what="the server")
        parts = _service(program, folder, ports, [*arguments, "--load", str(rate), "--seed", str(seed)])
        for part in parts:
            stack.callback(part.stop)
            part.start()
        service_url = f"http://127.0.0.1:{ports['service']}"
        _await(f"{service_url}/openapi.json", parts[0], within_s=START_WITHIN_S, what="the service")
        for part_name in fail or ():
            _order(service_url, part_name)
        if rate > 0:
            found = f"http://127.0.0.1:{ports['main']}/api/anyascope/v1/traces/search?service=custody&limit=1"
            _await(found, server, within_s=DATA_WITHIN_S, what="the first trace", wanted=b'"trace_id"')
        with _until_interrupted():
            _tell(ports, folder, is_kept=data is not None, is_real=bool(node))
            _watch([server, *parts])
        typer.echo("\nstopping")


def example_program() -> Path:
    """The example's program: in an installed wheel beside this package, else in the repository.

    Raises:
        InvalidInputError: it is in neither.
    """
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "examples", package.parents[1] / "examples"):
        program = folder / "custody_api" / "main.py"
        if program.exists():
            return program
    raise InvalidInputError("the example service is not installed here: run the demo from a wheel or the repository")


def _of_real_parts(
    *, node: str, cookie: Path | None, pay_to: str, pkcs11_module: Path | None, token_label: str, key_label: str
) -> list[str]:
    """The service's options for a real node and a real HSM, checked here so that a mistake is told at once."""
    if bool(node) != (cookie is not None):
        raise InvalidInputError("--node and --cookie belong together")
    for option, path in (("--cookie", cookie), ("--pkcs11-module", pkcs11_module)):
        if path is not None and not path.exists():
            raise InvalidInputError(f"{option}: there is no file {path}")
    if node and (pkcs11_module is None or not pay_to):
        raise InvalidInputError("--node needs --pkcs11-module, since no key in memory signs real money, and --pay-to")
    if pkcs11_module is not None and not (token_label and os.environ.get(PIN_VARIABLE)):
        raise InvalidInputError(f"--pkcs11-module needs --token-label, and the PIN in the variable {PIN_VARIABLE}")
    arguments = ["--node", node, "--cookie", str(cookie), "--pay-to", pay_to] if node else []
    if pkcs11_module is not None:
        arguments += ["--pkcs11-module", str(pkcs11_module), "--token-label", token_label]
        arguments += ["--wallet", f"hot-1={key_label}"]
    return arguments


@contextlib.contextmanager
def _folder(data: Path | None) -> Iterator[Path]:
    if data is not None:
        data.mkdir(parents=True, exist_ok=True)
        yield data
        return
    with tempfile.TemporaryDirectory(prefix="anyascope-demo-") as temporary:
        yield Path(temporary)


def _port(wanted: int) -> int:
    """This port of loopback, or the next that is free.

    None that the system would give: one of those may go to a client before the program that is to listen there has started.
    """
    for port in range(wanted, wanted + PORTS_TRIED_MAX):
        with socket.socket() as probe, contextlib.suppress(OSError):
            # As servers do: connections that ended a moment ago do not make a port taken.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return port
    raise UnavailableError(
        f"ports {wanted} to {port} of loopback are all taken: end what listens there", retry_after_s=0.0
    )


def _write_pin(folder: Path) -> Path:
    """The PIN for the server, in a file that nobody else can read."""
    file = folder / PIN_FILE
    file.unlink(missing_ok=True)
    file.touch(mode=0o600)
    file.write_text(os.environ[PIN_VARIABLE], encoding="utf-8")
    return file


def _server(folder: Path, ports: dict[str, int], real: RealParts) -> Child:
    config = folder / "anyascope.yml"
    config.write_text(CONFIG.format(**ports) + real.settings(), encoding="utf-8")
    command = [sys.executable, "-m", "anyascope.cli.main", "up", "--config", str(config)]
    command += ["--data", str(folder / "data"), "--listen", f"127.0.0.1:{ports['main']}"]
    return Child("the server", command, folder / "server.log")


def _service(program: Path, folder: Path, ports: dict[str, int], arguments: Sequence[str]) -> list[Child]:
    """The service and the watcher, which share a folder."""
    common = ["--data", str(folder / "custody"), "--endpoint", f"http://127.0.0.1:{ports['otlp_http']}"]
    common += ["--port", str(ports["service"]), "--alerts-to", f"http://127.0.0.1:{ports['main']}", *arguments]
    return [
        Child(f"the {role}", [sys.executable, str(program), "--role", role, *common], folder / f"{role}.log")
        for role in ("api", "watcher")
    ]


def _await(url: str, child: Child, *, within_s: float, what: str, wanted: bytes = b"") -> None:
    """Return once the address answers with what is wanted."""
    from urllib.request import urlopen  # slow to load, and no other command needs it

    deadline_s = time.monotonic() + within_s
    while time.monotonic() < deadline_s:
        child.check()
        with contextlib.suppress(OSError), urlopen(url, timeout=LOOK_EVERY_S * 10) as answer:  # noqa: S310 -- loopback
            if wanted in answer.read():
                return
        time.sleep(LOOK_EVERY_S)
    raise UnavailableError(f"{what} did not come within {within_s:.0f} s; see {child.log_file}", retry_after_s=0.0)


def _order(service_url: str, part: Part) -> None:
    from urllib.request import Request, urlopen  # see above

    body = f'{{"part": "{part.value}"}}'.encode()
    request = Request(  # noqa: S310 -- loopback
        f"{service_url}/failures", data=body, headers={"content-type": "application/json"}, method="PUT"
    )
    with urlopen(request, timeout=START_WITHIN_S):  # noqa: S310 -- loopback
        pass


def _tell(ports: dict[str, int], folder: Path, *, is_kept: bool, is_real: bool) -> None:
    server, service = f"http://127.0.0.1:{ports['main']}", f"http://127.0.0.1:{ports['service']}"
    watched = f"\nWatch the node, wallets and HSM:   {server}/ui/custody" if is_real else ""
    typer.echo(f"""
anyascope   {server}          metrics, logs, traces and alerts of it all
the service {service}          its wallets and withdrawals, and which part of it is a stand-in

See one withdrawal as one trace:   anyascope --server {server} traces --service custody
Read what it wrote:                anyascope --server {server} logs service:custody{watched}
Let its signer fail:               curl -X PUT {service}/failures -H 'content-type: application/json' -d '{{"part": "signer"}}'
Mend it:                           curl -X DELETE {service}/failures

Logs and data: {folder}{"" if is_kept else " (removed at the end)"}. Ctrl-C ends all of it.""")


@contextlib.contextmanager
def _until_interrupted() -> Iterator[None]:
    """Ends with Ctrl-C or SIGTERM, which are how a demonstration ends well."""

    def end(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, end)
    with contextlib.suppress(KeyboardInterrupt):
        yield


def _watch(children: Sequence[Child]) -> None:
    """Look after the children until somebody interrupts; raises where one of them has ended."""
    while True:
        for child in children:
            child.check()
        time.sleep(LOOK_EVERY_S)
