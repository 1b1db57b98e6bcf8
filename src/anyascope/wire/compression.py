"""Compressed bodies, with bounds: a bomb ends as soon as it passes one, before it fills the memory."""

from __future__ import annotations

import cramjam

from anyascope.errors import InvalidInputError, TooLargeError, UnsupportedError
from anyascope.wire.zstd import largest_window_bytes

OUTPUT_BYTES_MAX = 32 * 1024 * 1024  # of one body; twice the largest that is taken compressed
RATIO_MAX = 200  # output bytes an input byte; real telemetry stays below 60, a bomb of zeros has 1,000 and more
RATIO_FREE_BYTES = 1024 * 1024  # below this a ratio says nothing: many equal lines compress well
ZSTD_WINDOW_BYTES_MAX = 8 * 1024 * 1024  # what every decoder must support (RFC 9659); larger ones cost memory a request

ENCODINGS = ("gzip", "deflate", "zstd", "snappy")

_BUFFER_FULL = ("failed to write whole buffer", "Destination buffer is too small", "is smaller than required")


def decompress(body: bytes, encoding: str, *, output_bytes_max: int = OUTPUT_BYTES_MAX) -> bytes:
    """The body as it was before its `Content-Encoding`.

    Args:
        body: as received.
        encoding: the header's value; empty and `identity` leave the body as it is. `snappy` is the block format.
        output_bytes_max: inclusive; also for bodies that are not compressed.

    Raises:
        UnsupportedError: another encoding, or several on top of each other.
        TooLargeError: the output passes its bounds of bytes or ratio.
        InvalidInputError: the body is damaged, or not in that encoding.

    Source: RFC 9110, section 8.4; RFC 1950, 1951, 1952, 8878; Snappy format description.
    """
    name = encoding.strip().lower()
    if name in ("", "identity"):
        if len(body) > output_bytes_max:
            raise TooLargeError(f"the body has {len(body)} bytes, at most {output_bytes_max} are taken")
        return body
    if name not in ENCODINGS:
        raise UnsupportedError(f"content encoding {encoding!r} is not supported, use one of {', '.join(ENCODINGS)}")
    room = min(output_bytes_max, max(RATIO_FREE_BYTES, RATIO_MAX * len(body)))
    output = bytearray(_declared(body, name, room=room))
    try:
        written = _decode_into(body, name, output)
    except cramjam.DecompressionError as error:
        if any(text in str(error) for text in _BUFFER_FULL):
            raise TooLargeError(_too_large(len(body), room)) from error
        raise InvalidInputError(f"the body is not valid {name}: {error}") from error
    return bytes(memoryview(output)[:written])


def _decode_into(body: bytes, name: str, output: bytearray) -> int:
    if not body:
        raise InvalidInputError(f"the body is not valid {name}: it is empty")
    match name:
        case "gzip":
            written = cramjam.gzip.decompress_into(body, output)
        case "zstd":
            written = cramjam.zstd.decompress_into(body, output)
        case "snappy":
            written = cramjam.snappy.decompress_raw_into(body, output)
        case _:
            # HTTP's "deflate" has zlib's header; some clients leave it out.
            decoder = cramjam.zlib if _has_zlib_header(body) else cramjam.deflate
            written = decoder.decompress_into(body, output)
    return int(written)


def _has_zlib_header(body: bytes) -> bool:
    # RFC 1950, section 2.2: method 8, and a check that makes the two bytes a multiple of 31.
    return len(body) >= 2 and body[0] & 0x0F == 8 and int.from_bytes(body[:2], "big") % 31 == 0


def _declared(body: bytes, name: str, *, room: int) -> int:
    """How many bytes the output may take; what says itself that it is too large is refused before they are allocated."""
    if name == "zstd" and largest_window_bytes(body) > ZSTD_WINDOW_BYTES_MAX:
        raise TooLargeError(
            f"the body's zstd window is larger than {ZSTD_WINDOW_BYTES_MAX} bytes; compress without long-distance matching"
        )
    if name == "snappy":
        try:
            declared = cramjam.snappy.decompress_raw_len(body)
        except cramjam.DecompressionError as error:
            raise InvalidInputError(f"the body is not valid snappy: {error}") from error
        if declared > room:
            raise TooLargeError(_too_large(len(body), room))
        return int(declared)
    return room


def _too_large(size_bytes: int, room: int) -> str:
    return f"{size_bytes} compressed bytes hold more than {room}, at most {RATIO_MAX} times as many are taken"
