"""Reads the bodies of HTTP requests: bounded in size, in time, and all together."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from starlette.requests import ClientDisconnect, Request

from anyascope.errors import InvalidInputError, OverloadedError, TooLargeError
from anyascope.receive.options import ReceiveOptions
from anyascope.receive.tally import ReceiveTally

RETRY_AFTER_S = 1.0  # decoding what is in flight takes less


class SlowBodyError(InvalidInputError):
    """The body did not arrive in time (HTTP 408)."""

    code = "slow_body"


class Inflight:
    """Bytes of all bodies that are being read or decoded; shared by all protocols."""

    def __init__(self, options: ReceiveOptions, *, tally: ReceiveTally) -> None:
        self._max = options.inflight_bytes_max
        self._bytes = 0
        self._tally = tally

    def add(self, size_bytes: int) -> None:
        """Count bytes in.

        Raises:
            OverloadedError: there would be too many; nothing was counted.
        """
        if self._bytes + size_bytes > self._max:
            raise OverloadedError(
                f"bodies of {self._bytes} bytes are being worked on, at most {self._max} are taken at once",
                retry_after_s=RETRY_AFTER_S,
            )
        self._bytes += size_bytes
        self._tally.inflight(self._bytes)

    def remove(self, size_bytes: int) -> None:
        """Count bytes out."""
        self._bytes -= size_bytes
        self._tally.inflight(self._bytes)

    @contextmanager
    def held(self, size_bytes: int) -> Iterator[None]:
        """Counted in while the block runs."""
        self.add(size_bytes)
        try:
            yield
        finally:
            self.remove(size_bytes)


async def read_body(request: Request, inflight: Inflight, options: ReceiveOptions) -> bytes:
    """The whole body as received. Its bytes stay counted in `inflight`: the caller removes them.

    Raises:
        TooLargeError: it is larger than `options.body_bytes_max`, or says so.
        SlowBodyError: it did not arrive within `options.body_seconds_max`.
        OverloadedError: too much is in flight.
        InvalidInputError: it ended early.
    """
    declared = request.headers.get("content-length", "")
    if declared.isdecimal():
        _check_size(int(declared), options)
    chunks: list[bytes] = []
    size_bytes = 0
    try:
        async with asyncio.timeout(options.body_seconds_max):
            async for chunk in request.stream():
                _check_size(size_bytes + len(chunk), options)
                inflight.add(len(chunk))
                size_bytes += len(chunk)
                chunks.append(chunk)
    except BaseException as error:
        inflight.remove(size_bytes)
        if isinstance(error, TimeoutError):
            raise SlowBodyError(f"the body did not arrive within {options.body_seconds_max:g} s") from error
        if isinstance(error, ClientDisconnect):
            raise InvalidInputError("the body ended early") from error
        raise
    return b"".join(chunks)


def _check_size(size_bytes: int, options: ReceiveOptions) -> None:
    if size_bytes > options.body_bytes_max:
        raise TooLargeError(f"the body has at least {size_bytes} bytes, at most {options.body_bytes_max} are taken")
