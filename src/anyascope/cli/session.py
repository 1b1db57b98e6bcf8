"""Which server the commands ask, and how they print its answers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import typer

from anyascope.cli.terminal import Terminal, clean_json

if TYPE_CHECKING:
    from anyascope.client.client import Client


@dataclass(frozen=True, slots=True)
class Session:
    """What the options before the command said."""

    server: str
    token: str

    @contextmanager
    def client(self) -> Iterator[Client]:
        """A client for the time of one command."""
        # Late, so that `--help` does not wait for an HTTP library.
        from anyascope.client.client import Client
        from anyascope.model.secret import Secret

        with Client(self.server, token=Secret(self.token) if self.token else None) as client:
            yield client


def session_of(context: typer.Context) -> Session:
    """The session of this run."""
    found = context.obj
    assert isinstance(found, Session)
    return found


def print_json(terminal: Terminal, answer: Any) -> None:
    """An answer as JSON: over several lines for people, on one for programs."""
    import msgspec

    encoded = msgspec.json.encode(answer)
    if terminal.is_tty:
        encoded = msgspec.json.format(encoded, indent=2)
    terminal.line(clean_json(encoded.decode()))
