"""The command that leads to a node."""

from __future__ import annotations

from pathlib import Path

import pytest

from anyascope.collect.collectors.bitcoin.transactions.command_line import client_words
from anyascope.collect.options import BitcoinNodeOptions
from anyascope.model.secret import Secret

COOKIE = Path("/var/lib/my node/.cookie")


@pytest.mark.parametrize(
    ("url", "chain", "more", "words"),
    [
        ("http://127.0.0.1:8332", "main", {}, ("bitcoin-cli",)),
        ("http://localhost:18443", "regtest", {}, ("bitcoin-cli", "-chain=regtest")),
        ("http://[::1]:8333", "main", {}, ("bitcoin-cli", "-rpcport=8333")),
        ("http://10.0.0.7:38332", "signet", {}, ("bitcoin-cli", "-chain=signet", "-rpcconnect=10.0.0.7")),
        ("http://node:8332", "main", {}, ("bitcoin-cli", "-rpcconnect=node")),
        ("https://node:8443", "main", {}, ("bitcoin-cli",)),
        ("http://h:8332", "main", {"username": "u", "password": Secret("p")}, ("bitcoin-cli", "-rpcconnect=h")),
        ("http://127.0.0.1:8332", "main", {"cookie_file": COOKIE}, ("bitcoin-cli", f"-rpccookiefile={COOKIE}")),
    ],
)
def test_what_is_not_the_clients_default_is_said(url, chain, more, words):
    """Port, host and cookie; never a password, and nothing that the client cannot do."""
    assert client_words(BitcoinNodeOptions("n", url, **more), chain) == words


def test_litecoin_has_its_own_client_and_ports():
    """A node at its own port needs none."""
    options = BitcoinNodeOptions("n", "http://127.0.0.1:9332")
    assert client_words(options, "main", is_litecoin=True) == ("litecoin-cli",)
