"""What settings say that is sound and most likely not meant, and the files they name that cannot be read now."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

from anyascope.collect.hsm_options import HsmOptions, Pkcs11Options
from anyascope.collect.options import UNNAMED_WALLET_LABEL, BitcoinNodeOptions
from anyascope.config.settings import Settings
from anyascope.custody.options import CustodyOptions
from anyascope.model.secret import SecretFile

READABLE_BY_OTHERS = stat.S_IRGRP | stat.S_IROTH


def remarks_on(settings: Settings) -> tuple[str, ...]:
    """What of these settings can have no effect, one sentence each; files are not looked at."""
    nodes = settings.collect.bitcoin
    return (*_same_addresses(nodes), *_custody_remarks(settings.custody, nodes))


def file_remarks(settings: Settings) -> tuple[str, ...]:
    """Files of nodes and HSMs that this user cannot read now, one sentence each.

    A node writes its cookie when it starts, and the server may run as another user: so none of this is a mistake.
    """
    nodes = (_node_files(node) for node in settings.collect.bitcoin)
    hsms = (_hsm_files(hsm) for hsm in settings.collect.hsms)
    return tuple(remark for source in (*nodes, *hsms) for remark in source)


def _same_addresses(nodes: tuple[BitcoinNodeOptions, ...]) -> Iterator[str]:
    for url, count in Counter(node.url for node in nodes).items():
        if count > 1:
            names = " and ".join(node.name for node in nodes if node.url == url)
            yield f"collectors.bitcoin: {names} are one node, {url}: it cannot be compared with itself"


def _custody_remarks(custody: CustodyOptions, nodes: tuple[BitcoinNodeOptions, ...]) -> Iterator[str]:
    if not custody.is_on:
        return
    if not nodes:
        yield "custody: no spend is seen without a Bitcoin node: add one to collectors.bitcoin.nodes"
        return
    if any(node.wallets is None for node in nodes):  # whatever is loaded is watched: which, only the nodes know
        return
    watched = {name or UNNAMED_WALLET_LABEL for node in nodes for name in node.wallets or ()}
    for pattern in custody.wallets or ("*",):
        if not any(fnmatchcase(name, pattern) for name in watched):
            known = ", ".join(sorted(watched)) or "none"
            yield f"custody.wallets: {pattern} is no watched wallet; those of collectors.bitcoin.nodes are: {known}"


def _node_files(node: BitcoinNodeOptions) -> Iterator[str]:
    where = f"collectors.bitcoin, node {node.name}"
    if node.cookie_file is not None and (fault := _fault(node.cookie_file)):
        yield f"{where}: cookie_file {node.cookie_file} {fault}{_cookie_advice(fault)}"
    if isinstance(node.password, SecretFile) and (fault := _fault(node.password.path)):
        yield f"{where}: password_file {node.password.path} {fault}"
    tls = node.tls
    for name, path in (("ca_file", tls.ca_file), ("cert_file", tls.cert_file), ("key_file", tls.key_file)):
        if path is not None and (fault := _fault(path)):
            yield f"{where}: tls.{name} {path} {fault}"
    if node.debug_log is not None and (fault := _fault(node.debug_log)):
        yield f"{where}: debug_log {node.debug_log} {fault}"


def _cookie_advice(fault: str) -> str:
    if fault.startswith("is not there"):
        return "; a node that runs has it in its data directory, below the chain's folder but for main"
    return "; set rpccookieperms=group on the node and add this user to its group" if "not let" in fault else ""


def _hsm_files(hsm: HsmOptions) -> Iterator[str]:
    if not isinstance(hsm.source, Pkcs11Options):
        return
    where = f"collectors.hsm, {hsm.name}"
    if fault := _fault(hsm.source.module):
        yield f"{where}: module {hsm.source.module} {fault}"
    if isinstance(hsm.source.pin, SecretFile):
        path = hsm.source.pin.path
        if fault := _fault(path):
            yield f"{where}: pin_file {path} {fault}"
        elif path.stat().st_mode & READABLE_BY_OTHERS:
            yield f"{where}: pin_file {path} can be read by others: chmod 600 {path}"


def _fault(path: Path) -> str:
    """Why the file cannot be read by this user; empty where it can."""
    try:
        if path.is_dir():
            return "is a folder"
        if not path.exists():
            return "is not there"
    except OSError as error:
        return f"cannot be looked at: {error.strerror}"
    return "" if os.access(path, os.R_OK) else "may not be read: this user is not let"
