"""Where entries leave: as lines, to the exporter, or both. One is installed in a process, or none."""

from __future__ import annotations

import logging
from typing import Protocol

from anyascope.sdk.guard import is_strict, tell_once
from anyascope.sdk.logs.entry import Entry
from anyascope.sdk.logs.line import LineFormat, LineWriter


class Export(Protocol):
    """Takes entries that are to be sent; never waits."""

    def put(self, entry: Entry) -> None:
        """Take one."""


class Outlet:
    """What becomes of an entry.

    Args:
        handler: through which `logging` comes in.
    """

    def __init__(self, handler: logging.Handler) -> None:
        self.handler = handler
        self.format: LineFormat | None = None
        self.writer: LineWriter | None = None
        self.export: Export | None = None

    def put(self, entry: Entry, *, is_sent: bool = True) -> None:
        """Write the line, and send it too where `is_sent`."""
        line_format, writer, export = self.format, self.writer, self.export
        if line_format is not None and writer is not None:
            try:
                writer.write(line_format.line(entry))
            except Exception as error:  # a console that is closed must not keep the record from being sent
                if is_strict():
                    raise
                tell_once("writing a log line", error)
        if export is not None and is_sent:
            export.put(entry)


_installed: Outlet | None = None


def installed() -> Outlet | None:
    """The outlet of this process."""
    return _installed


def install(outlet: Outlet | None) -> None:
    """Let everything leave there from now on."""
    global _installed  # noqa: PLW0603  # one for the process, as `logging` has one root
    _installed = outlet
