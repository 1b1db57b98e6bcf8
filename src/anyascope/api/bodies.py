"""Bodies of requests, read whole and bounded."""

from __future__ import annotations

from starlette.requests import Request

from anyascope.errors import TooLargeError


async def body_of(request: Request, *, bytes_max: int, advice: str = "") -> bytes:
    """The whole body; `advice` says what to do about one that is too large.

    Raises:
        TooLargeError: it has more than `bytes_max` bytes; the rest is not read.
    """
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > bytes_max:
            raise TooLargeError(f"the body has more than {bytes_max} bytes" + (f"; {advice}" if advice else ""))
    return bytes(body)
