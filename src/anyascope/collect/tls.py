"""TLS contexts from options, read again when a file changes."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

from anyascope.errors import InvalidInputError
from anyascope.model.http import TlsOptions
from anyascope.wire.tls import tls_context


class TlsContexts:
    """The TLS context of one set of options.

    Loading the system's authorities takes some 20 ms, so a context is kept until one of its files has another time.
    """

    def __init__(self, options: TlsOptions) -> None:
        self._options = options
        self._times: tuple[int, ...] = ()
        self._context: ssl.SSLContext | None = None

    async def context(self) -> ssl.SSLContext:
        """The context as the files are now.

        Raises:
            InvalidInputError: a file cannot be read or used.
        """
        options = self._options
        files = [path for path in (options.ca_file, options.cert_file, options.key_file) if path is not None]
        times = tuple(_changed_ns(path) for path in files)
        if self._context is None or times != self._times:
            self._context = await asyncio.to_thread(tls_context, options)
            self._times = times
        return self._context


def _changed_ns(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError as error:
        raise InvalidInputError(f"TLS file {path} cannot be read: {error.strerror}") from error
