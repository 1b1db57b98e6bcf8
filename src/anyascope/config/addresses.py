"""Addresses to listen on."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

PORT_MAX = 65_535


@dataclass(frozen=True, slots=True)
class Address:
    """A host and a port; port 0 lets the operating system choose."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


def parse_address(text: str, *, default_host: str = "127.0.0.1") -> Address:
    """`host:port`, `[v6]:port`, `:port` (every address of the machine, as Go programs have it) or `port` (loopback).

    Raises:
        ValueError: it is none of these; a host without a port is not guessed at.
    """
    host, colon, port = text.strip().rpartition(":")
    if not colon:
        host = default_host
    elif not host:
        host = "0.0.0.0"  # noqa: S104  # said so by the user; a public bind needs TLS and a token, which is checked
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise ValueError(f"not an address: {text!r}, write an IPv6 host in brackets, such as [::1]:9470")
    if not port.isascii() or not port.isdigit() or int(port) > PORT_MAX:
        raise ValueError(f"not an address: {text!r}, use for example 127.0.0.1:9470")
    return Address(host, int(port))
