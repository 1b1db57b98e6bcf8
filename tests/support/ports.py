"""Ports of loopback."""

from __future__ import annotations

import random
import socket

# Below the ports that systems give out by themselves (Linux from 32,768, others from 49,152): what connects somewhere, or asks
# for any port, never takes one of these between the question and the start of the program that is to listen there.
FIRST, LAST = 15_000, 32_000
_chance = random.SystemRandom()  # tests run in many processes, each seeded alike


def free_port() -> int:
    """A port that nobody had a moment ago: nothing listens there."""
    while True:
        port = _chance.randrange(FIRST, LAST)
        with socket.socket() as probe:
            # As servers do: connections that ended a moment ago do not make a port taken.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
