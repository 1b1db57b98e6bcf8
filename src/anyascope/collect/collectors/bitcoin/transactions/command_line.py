"""The command that reaches a node from a shell, as it is shown to people; pure."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from anyascope.collect.options import BitcoinNodeOptions

MAIN = "main"
BITCOIN_PORTS = {MAIN: 8332, "test": 18332, "testnet4": 48332, "signet": 38332, "regtest": 18443}
LITECOIN_PORTS = {MAIN: 9332, "test": 19332, "regtest": 19443}


def client_words(options: BitcoinNodeOptions, chain: str, *, is_litecoin: bool = False) -> tuple[str, ...]:
    """`bitcoin-cli` with what leads to this node, as the server itself reaches it; what is the client's default is left out.

    A password is not among them: who has a user of his own in `bitcoin.conf` needs none. Behind TLS, which the client does not
    speak, only the chain is said.
    """
    words = ["litecoin-cli" if is_litecoin else "bitcoin-cli"]
    if chain != MAIN:
        words.append(f"-chain={chain}")
    place = urlsplit(options.url)
    if place.scheme != "http":
        return tuple(words)
    host, port = place.hostname or "", place.port
    if not _is_loopback(host):
        words.append(f"-rpcconnect={host}")
    if port is not None and port != (LITECOIN_PORTS if is_litecoin else BITCOIN_PORTS).get(chain):
        words.append(f"-rpcport={port}")
    if options.cookie_file is not None:
        words.append(f"-rpccookiefile={options.cookie_file.absolute()}")
    return tuple(words)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
