"""Bodies of requests, read whole and bounded."""

from __future__ import annotations

from typing import Any, Final, TypeVar

import msgspec
from starlette.requests import Request

from anyascope.errors import InvalidInputError, TooLargeError
from anyascope.wire.shapes import shape_of

T = TypeVar("T")

OWN_BYTES_MAX: Final = 256 * 1024  # of a request to the own API: a few names, labels and sentences


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


async def document_of(request: Request, kind: type[T], *, bytes_max: int = OWN_BYTES_MAX) -> T:
    """The JSON body as a value of this kind. Fields that it does not know are refused where the kind forbids them.

    Raises:
        TooLargeError: it has more than `bytes_max` bytes.
        InvalidInputError: it is no JSON, or not of this shape; `path` names the field.
    """
    body = await body_of(request, bytes_max=bytes_max)
    try:
        return shape_of(kind).from_json(body)
    except msgspec.ValidationError as error:
        message, _, path = str(error).partition(" - at `$")
        raise InvalidInputError(message[:1].lower() + message[1:], path=path.strip(".`")) from error
    except RecursionError as error:
        raise InvalidInputError("the body nests too deeply") from error
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise InvalidInputError(f"the body is not JSON: {error}") from error


def described_body(kind: type[Any]) -> dict[str, Any]:
    """What `document_of` reads, for the description of an operation (`openapi_extra`)."""
    _, components = msgspec.json.schema_components([kind], ref_template="#/$defs/{name}")
    schema = components.pop(kind.__name__) | ({"$defs": components} if components else {})
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}
