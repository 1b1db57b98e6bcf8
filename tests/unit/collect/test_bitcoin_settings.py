"""Unit tests of reading `collectors.bitcoin`."""

from __future__ import annotations

from pathlib import Path

import pytest

from anyascope.collect.bitcoin_settings import read_bitcoin_nodes
from anyascope.collect.options import BitcoinNodeOptions
from anyascope.wire.settings import SettingsError, read_settings


def read(text: str) -> tuple[BitcoinNodeOptions, ...]:
    section = read_settings(text, file="/etc/anyascope.yml")
    nodes = read_bitcoin_nodes(section)
    section.raise_if_wrong()
    return nodes


def test_nodes_are_read_whole():
    """Two ways to log in, TLS, a chain to insist on; files are sought beside the settings."""
    first, second = read(
        """
nodes:
- {name: core-1, url: "http://127.0.0.1:8332/", cookie_file: bitcoin/.cookie, chain: main}
- name: core-2
  url: https://node.example:8443
  username: watch
  password_file: node.password
  tls: {ca_file: ca.pem}
  zmq: tcp://node.example:28332
  debug_log: /var/log/core-2.log
  interval: 30s
  timeout: 5s
  block_spacing: 150s
  settled_after: 0s
  mempool_expiry: 72h
"""
    )
    assert first == BitcoinNodeOptions(
        "core-1", "http://127.0.0.1:8332", cookie_file=Path("/etc/bitcoin/.cookie"), chain="main"
    )
    assert (second.username, second.zmq, second.interval_s, second.timeout_s) == (
        "watch",
        "tcp://node.example:28332",
        30,
        5,
    )
    assert (first.block_spacing_s, second.block_spacing_s) == (None, 150)
    assert (first.settled_after_s, second.settled_after_s) == (600, 0)
    assert (first.mempool_expiry_s, second.mempool_expiry_s) == (336 * 3600, 72 * 3600)
    assert second.debug_log == Path("/var/log/core-2.log")
    assert second.tls.ca_file == Path("/etc/ca.pem")


@pytest.mark.parametrize(
    ("entry", "wallets"),
    [
        ("", None),
        (", wallets: ~", None),
        (", wallets: []", ()),
        (", wallets: hot", ("hot",)),
        (", wallets: [hot, '']", ("hot", "")),
    ],
)
def test_wallets_are_all_or_those_that_are_named(entry, wallets):
    """Absent means every loaded one; an empty list means none."""
    [node] = read(f"nodes:\n- {{name: n, url: 'http://h:1', cookie_file: c{entry}}}\n")
    assert node.wallets == wallets


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ("{url: 'http://h:1', cookie_file: c}", "name"),
        ("{name: '', url: 'http://h:1', cookie_file: c}", "must not be empty"),
        ("{name: n, cookie_file: c}", "url"),
        ("{name: n, url: 'h:1', cookie_file: c}", "must be http://host:port"),
        ("{name: n, url: 'http://h', cookie_file: c}", "must name the port"),
        ("{name: n, url: 'http://h:1/wallet/w', cookie_file: c}", "without a wallet"),
        ("{name: n, url: 'http://h:1'}", "needs cookie_file, or username and password"),
        ("{name: n, url: 'http://h:1', username: u}", "needs cookie_file, or username and password"),
        ("{name: n, url: 'http://h:1', cookie_file: c, username: u, password: p}", "at most one of cookie_file"),
        ("{name: n, url: 'http://h:1', cookie_file: c, chain: mainnet}", "did you mean main?"),
        ("{name: n, url: 'http://h:1', cookie_file: c, chain: regtst}", "must be one of main, test"),
        ("{name: n, url: 'http://h:1', cookie_file: c, walets: [hot]}", "did you mean wallets?"),
        ("{name: n, url: 'http://h:1', cookie_file: c, zmq: 'h:28332'}", "must be tcp://host:port"),
        ("{name: n, url: 'http://h:1', cookie_file: c, interval: 0s}", "must be more than 0"),
        ("{name: n, url: 'http://h:1', cookie_file: c, wallets: [hot, hot]}", "names must differ"),
        ("{name: n, url: 'http://h:1', cookie_file: c, wallets: ['', default]}", "names must differ"),
        ('{name: n, url: "http://h:1", cookie_file: c, wallets: ["a\\nb"]}', "control characters"),
        ("{name: n, url: 'http://h:1', cookie_file: c, block_spacing: 0s}", "must be more than 0"),
        ("{name: n, url: 'http://h:1', cookie_file: c, colour: red}", "colour"),
    ],
)
def test_mistakes_are_named_with_their_place(entry, told):
    """Each mistake stands with its file, line and path."""
    with pytest.raises(SettingsError) as refused:
        read(f"nodes:\n- {entry}\n")
    assert told in str(refused.value)
    assert "/etc/anyascope.yml:2" in str(refused.value)


def test_a_password_in_the_address_is_refused_and_not_repeated():
    """Credentials belong into their own fields, where they are secrets."""
    with pytest.raises(SettingsError) as refused:
        read("nodes:\n- {name: n, url: 'http://u:hush-9@h:1', cookie_file: c}\n")
    assert "must hold no credentials" in str(refused.value)
    assert "hush-9" not in str(refused.value)


def test_a_name_is_given_once():
    """Two nodes of one name would be one series."""
    node = "{name: n, url: 'http://h:1', cookie_file: c}"
    with pytest.raises(SettingsError, match="configured more than once"):
        read(f"nodes:\n- {node}\n- {node}\n")
