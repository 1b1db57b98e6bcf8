"""Ports of loopback."""

from __future__ import annotations

import random
import socket
import sys
from collections import deque

# Below the ports that systems give out by themselves (Linux from 32,768, others from 49,152): what connects somewhere, or asks
# for any port, never takes one of these between the question and the start of the program that is to listen there.
FIRST, LAST = 15_000, 32_000
RESERVED_MAX = 120  # a process may have few open files, and the tests of the oldest ones are long over
_chance = random.SystemRandom()  # tests run in many processes, each seeded alike
_reserved: deque[socket.socket] = deque()


def free_port() -> int:
    """A port where nobody listens, and which no test of this machine is given again while this process runs."""
    return free_ports(1)


def free_ports(count: int) -> int:
    """The first of so many such ports in a row."""
    while True:
        first = _chance.randrange(FIRST, LAST - count + 1)
        if all(_is_free(port) for port in range(first, first + count)) and _reserve(first, count):
            return first


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As servers do: connections that ended a moment ago do not make a port taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _reserve(first: int, count: int) -> bool:
    """Whether no other test has one of these, whose program is still to start, or was killed and is to come back.

    Tests of one machine tell each other by names of sockets that are in no file system, and end with their process.
    """
    if sys.platform != "linux":  # others have no such names
        return True
    taken = []
    for port in range(first, first + count):
        mark = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            mark.bind(f"\0anyascope-test-port-{port}")
        except OSError:
            mark.close()
            for each in taken:
                each.close()
            return False
        taken.append(mark)
    while len(_reserved) + count > RESERVED_MAX:
        _reserved.popleft().close()
    _reserved.extend(taken)
    return True
