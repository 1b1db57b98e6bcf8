"""Reads `collectors.bitcoin`."""

from __future__ import annotations

from difflib import get_close_matches
from urllib.parse import urlsplit

from anyascope.collect.options import (
    BITCOIN_MEMPOOL_EXPIRY_S,
    BITCOIN_SETTLED_AFTER_S,
    BITCOIN_TIMEOUT_S,
    COLLECT_INTERVAL_S,
    UNNAMED_WALLET_LABEL,
    BitcoinNodeOptions,
    wallet_name_fault,
)
from anyascope.wire.http_settings import read_secret, read_tls
from anyascope.wire.settings import Section

CHAINS = ("main", "test", "testnet4", "signet", "regtest")


def read_bitcoin(collectors: Section) -> tuple[BitcoinNodeOptions, ...]:
    """`collectors.bitcoin`. What is wrong is noted in the section; the caller raises."""
    if isinstance(collectors.plain("bitcoin"), list):
        collectors.wrong("must be a mapping with a field nodes, whose value is this list", name="bitcoin")
        return ()
    return read_bitcoin_nodes(collectors.section("bitcoin"))


def read_bitcoin_nodes(section: Section) -> tuple[BitcoinNodeOptions, ...]:
    """`collectors.bitcoin.nodes`. What is wrong is noted in the section; the caller raises."""
    sections = section.sections("nodes")
    nodes = tuple(_read_node(entry) for entry in sections)
    seen: set[str] = set()
    for entry, node in zip(sections, nodes, strict=True):
        if node.name in seen:
            entry.wrong(f"node {node.name!r} is configured more than once", name="name")
        seen.add(node.name)
    section.done()
    return nodes


def _read_node(section: Section) -> BitcoinNodeOptions:
    cookie, username = section.text("cookie_file", ""), section.text("username", "")
    debug_log = section.text("debug_log", "")
    password = read_secret(section, "password")
    if cookie and (username or password):
        section.wrong("at most one of cookie_file and username with password may be configured", name="cookie_file")
    elif not cookie and not (username and password):
        section.wrong("needs cookie_file, or username and password (or password_file)")
    node = BitcoinNodeOptions(
        name=section.text("name"),
        url=section.parsed("url", _node_url, "") if section.has("url") else section.text("url"),
        cookie_file=section.beside(cookie) if cookie else None,
        username=username,
        password=password,
        tls=read_tls(section.section("tls")),
        chain=section.parsed("chain", _chain, ""),
        debug_log=section.beside(debug_log) if debug_log else None,
        zmq=section.parsed("zmq", _zmq_address, ""),
        wallets=_read_wallets(section),
        interval_s=section.duration_s("interval", COLLECT_INTERVAL_S),
        timeout_s=section.duration_s("timeout", BITCOIN_TIMEOUT_S),
        block_spacing_s=section.duration_s("block_spacing", None),
        settled_after_s=section.duration_s("settled_after", BITCOIN_SETTLED_AFTER_S),
        mempool_expiry_s=section.duration_s("mempool_expiry", BITCOIN_MEMPOOL_EXPIRY_S),
    )
    if section.has("name") and not node.name:
        section.wrong("must not be empty", name="name")
    durations = (
        ("interval", node.interval_s),
        ("timeout", node.timeout_s),
        ("block_spacing", node.block_spacing_s),
        ("mempool_expiry", node.mempool_expiry_s),
    )
    for name, seconds in durations:
        if seconds is not None and seconds <= 0:
            section.wrong("must be more than 0", name=name)
    section.done()
    return node


def _read_wallets(section: Section) -> tuple[str, ...] | None:
    if not section.has("wallets"):
        return None
    names = section.texts("wallets")
    if len({name or UNNAMED_WALLET_LABEL for name in names}) < len(names):
        section.wrong(f'names must differ; "" is told as {UNNAMED_WALLET_LABEL!r}', name="wallets")
    for name in names:
        if fault := wallet_name_fault(name):
            section.wrong(fault, name="wallets")
    return names


def _node_url(text: str) -> str:
    # A wrong address is not repeated: it may hold a password.
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise ValueError("must be http://host:port or https://host:port") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must be http://host:port or https://host:port")
    if parts.username is not None or parts.password is not None:
        raise ValueError("must hold no credentials: they belong into cookie_file, or username and password")
    if port is None:
        raise ValueError("must name the port of the RPC, such as 8332")
    if parts.path.strip("/").startswith("wallet"):
        raise ValueError("must be the node's address, without a wallet")
    return text.rstrip("/")


def _chain(text: str) -> str:
    if text not in CHAINS:
        near = get_close_matches(
            {"mainnet": "main", "bitcoin": "main", "testnet3": "test"}.get(text, text), CHAINS, n=1
        )
        hint = f"; did you mean {near[0]}?" if near else ""
        raise ValueError(f"must be one of {', '.join(CHAINS)}, got {text!r}{hint}")
    return text


def _zmq_address(text: str) -> str:
    if not text.startswith(("tcp://", "ipc://")) or len(text) <= len("tcp://"):
        raise ValueError(f"must be tcp://host:port or ipc://path, got {text!r}")
    return text
