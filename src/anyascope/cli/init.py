"""`anyascope init`: an anyascope.yml for what is found on this machine, with a comment on each choice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from anyascope.cli.terminal import Style, Terminal, clean

# Where packages and manuals put a node's data; `~` is the home of who asks.
DATA_DIRECTORIES = ("~/.bitcoin", "/var/lib/bitcoind", "/var/lib/bitcoin", "/home/bitcoin/.bitcoin")
# Chain: its folder below the data directory, and the port of its RPC. Source: Bitcoin Core, chainparamsbase.cpp.
CHAINS = {
    "main": ("", 8332),
    "test": ("testnet3", 18332),
    "testnet4": ("testnet4", 48332),
    "signet": ("signet", 38332),
    "regtest": ("regtest", 18443),
}
# Provider and library, as docs/guide/hsm.md has them.
MODULES = (
    ("softhsm", "/usr/lib/softhsm/libsofthsm2.so"),
    ("yubihsm", "/usr/lib/x86_64-linux-gnu/pkcs11/yubihsm_pkcs11.so"),
    ("cloudhsm", "/opt/cloudhsm/lib/libcloudhsm_pkcs11.so"),
    ("luna", "/usr/safenet/lunaclient/lib/libCryptoki2_64.so"),
    ("nshield", "/opt/nfast/toolkits/pkcs11/libcknfast.so"),
)


@dataclass(frozen=True, slots=True)
class FoundNode:
    """A node that left its cookie where this user may look."""

    chain: str
    cookie: Path
    port: int


@dataclass(frozen=True, slots=True)
class FoundModule:
    """A vendor's PKCS#11 library."""

    provider: str
    path: Path


def init(
    file: Annotated[Path, typer.Argument(help="The file to write.")] = Path("anyascope.yml"),
    *,
    datadir: Annotated[
        list[Path] | None, typer.Option("--datadir", help="A node's data directory; may be given more than once.")
    ] = None,
    module: Annotated[
        list[Path] | None, typer.Option("--module", help="An HSM's PKCS#11 library; may be given more than once.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
) -> None:
    """Write an anyascope.yml for the Bitcoin nodes and HSMs that are found on this machine.

    Looks for cookies of running nodes and for PKCS#11 libraries at their usual places, and connects with nothing.
    """
    from anyascope.errors import ConflictError

    if file.exists() and not force:
        raise ConflictError(f"{file} is there already: name another file, or give --force")
    directories = tuple(Path(name).expanduser().absolute() for name in datadir or DATA_DIRECTORIES)
    nodes = tuple(found_nodes(directories))
    modules = tuple(FoundModule("pkcs11", path.absolute()) for path in module) if module else tuple(found_modules())
    file.write_text(settings_text(nodes, modules), encoding="utf-8")
    _tell(Terminal.standard(), file, nodes, modules)


def found_nodes(directories: tuple[Path, ...]) -> Iterator[FoundNode]:
    """Cookies below these data directories; a folder that may not be looked into has none."""
    for directory in directories:
        for chain, (folder, port) in CHAINS.items():
            cookie = directory / folder / ".cookie"
            try:
                is_there = cookie.is_file()
            except OSError:
                continue
            if is_there:
                yield FoundNode(chain, cookie, port)


def found_modules() -> Iterator[FoundModule]:
    """Libraries at their usual places."""
    for provider, name in MODULES:
        if Path(name).is_file():
            yield FoundModule(provider, Path(name))


def settings_text(nodes: tuple[FoundNode, ...], modules: tuple[FoundModule, ...]) -> str:
    """The file. What was not found stands in it as a comment, so that it only has to be filled in."""
    collected = [*_nodes_lines(nodes), *_modules_lines(modules)]
    is_any = bool(nodes or modules)
    return "\n".join((*_HEAD, "collectors:" if is_any else "# collectors:", *collected, *_TAIL)) + "\n"


def _nodes_lines(nodes: tuple[FoundNode, ...]) -> list[str]:
    shown = nodes or (FoundNode("main", Path("/var/lib/bitcoind/.cookie"), CHAINS["main"][1]),)
    lines = ["  bitcoin:", "    nodes:"]
    for number, node in enumerate(shown, 1):
        lines += [
            f"      - name: core-{number}",
            f"        url: http://127.0.0.1:{node.port}    # rpcport of its bitcoin.conf, where that is another",
            f"        cookie_file: {_quoted(node.cookie)}    # or: username, password_file (of rpcauth)",
            f"        chain: {node.chain}",
            "        # wallets: [hot]    # without it every loaded one is watched",
        ]
    lines.append(
        "    # On each node, for blocks within a second: zmqpubhashblock and zmqpubsequence=tcp://127.0.0.1:28332"
    )
    return lines if nodes else [f"# {line}" for line in lines]


def _modules_lines(modules: tuple[FoundModule, ...]) -> list[str]:
    shown = modules or (FoundModule("softhsm", Path("/usr/lib/softhsm/libsofthsm2.so")),)
    lines = ["  hsm:"]
    for number, module in enumerate(shown, 1):
        lines += [
            f"    - name: hsm-{number}",
            f"      provider: {module.provider}",
            f"      module: {_quoted(module.path)}",
            "      # token: LABEL                           # needed where it has several",
            "      # pin_file: /etc/anyascope/hsm.pin       # chmod 600; without it only public objects are seen",
            "      # canary: {sign: canary}                 # a key of its own: docs/guide/hsm.md has the command",
        ]
    return lines if modules else [f"# {line}" for line in lines]


def _quoted(path: Path) -> str:
    text = str(path)
    return f"'{text.replace(chr(39), chr(39) * 2)}'"


_HEAD = (
    "# Made by `anyascope init`. `anyascope check config FILE` explains mistakes, `anyascope doctor` what does not work.",
    "server:",
    "  listen: 127.0.0.1:9470    # another address needs TLS and a token: docs/guide/deployment.md",
    "  # external_url: https://watch.example    # how people reach it: links in messages begin with it",
    "",
)
_TAIL = (
    "",
    "# Page for each spend that lacks request, approval or signature. Put it on once your service tells them:",
    "# docs/guide/reconciliation.md. `custody: {}` is every watched wallet.",
    "# custody: {wallets: [hot]}",
    "",
    "# Who is told, in Alertmanager's own format: docs/guide/channels.md. Try it: anyascope notify test team",
    "route:",
    "  receiver: team",
    "  group_by: [alertname, chain, node, wallet, hsm]",
    "receivers:",
    "  - name: team",
    "    # slack_configs: [{api_url_file: /etc/anyascope/slack.url, channel: '#ops', send_resolved: true}]",
    "    # email_configs: [{to: ops@example.org, from: watch@example.org, smarthost: 'mail.example.org:587'}]",
    "",
    "# Call until somebody answers (Slack and e-mail, then the phone): docs/guide/escalation.md",
    "# escalation: {shipped_policies: true}",
)


def _tell(terminal: Terminal, file: Path, nodes: tuple[FoundNode, ...], modules: tuple[FoundModule, ...]) -> None:
    terminal.line(f"{terminal.paint('written', Style.GREEN)}  {clean(str(file))}")
    for node in nodes:
        terminal.line(f"  a Bitcoin node of {node.chain}: {clean(str(node.cookie))}")
    if not nodes:
        terminal.line(
            "  no Bitcoin node: none has its cookie where this user may look; name its --datadir, or fill it in"
        )
    for module in modules:
        terminal.line(f"  an HSM's library: {clean(str(module.path))}")
    if not modules:
        terminal.line("  no HSM: no PKCS#11 library at its usual place; name it by --module, or fill it in")
    name = clean(str(file))
    terminal.line("next:")
    terminal.line(f"  anyascope check config {name}")
    terminal.line(f"  anyascope up --config {name}")
    terminal.line("  anyascope doctor")
