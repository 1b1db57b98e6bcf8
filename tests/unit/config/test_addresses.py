"""Addresses as people write them."""

from __future__ import annotations

import pytest

from anyascope.config.addresses import Address, parse_address


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:9470", Address("127.0.0.1", 9470)),
        ("9470", Address("127.0.0.1", 9470)),
        (":9470", Address("0.0.0.0", 9470)),
        ("[::1]:80", Address("::1", 80)),
        ("localhost:0", Address("localhost", 0)),
    ],
)
def test_reads(text, address):
    """Host and port, a bare port on loopback, and Go's `:port` for every address."""
    assert parse_address(text) == address


@pytest.mark.parametrize("text", ["", "host", "1.2.3.4:", "1.2.3.4:x", "1.2.3.4:70000", "::1:80", "a:-1", "a:٣"])
def test_refuses(text):
    """What is no address says how one looks."""
    with pytest.raises(ValueError, match="not an address"):
        parse_address(text)


@pytest.mark.parametrize(
    ("host", "is_loopback"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("example.org", False),
    ],
)
def test_loopback(host, is_loopback):
    """A name other than localhost counts as public: what it resolves to may change."""
    assert Address(host, 1).is_loopback is is_loopback
