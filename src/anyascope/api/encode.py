"""Answers as JSON, made by one pass over plain dataclasses."""

from __future__ import annotations

import msgspec
from starlette.responses import Response

_ENCODER = msgspec.json.Encoder()

NO_STORE = {"cache-control": "no-store"}  # answers are about now, and hold what only their reader may see


def encode(answer: object) -> bytes:
    """JSON of an answer's dataclasses; NaN and infinities become null, bytes base64."""
    return _ENCODER.encode(answer)


def json_response(answer: object, *, status: int = 200) -> Response:
    """An answer as JSON."""
    return Response(encode(answer), status_code=status, media_type="application/json", headers=NO_STORE)
