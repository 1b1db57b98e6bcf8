"""JSON as Go's encoder writes it, for programs that compare bytes."""

from __future__ import annotations

import json

# Go writes these as escapes, so that JSON can stand inside HTML.
_ESCAPES = {"&": "\\u0026", "<": "\\u003c", ">": "\\u003e", "\u2028": "\\u2028", "\u2029": "\\u2029"}


def go_json(value: object) -> bytes:
    """The value on one line that ends with a newline; mappings keep their order.

    Source: Go `encoding/json`, `Encoder.Encode`.
    """
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    for sign, escape in _ESCAPES.items():
        text = text.replace(sign, escape)
    return text.encode() + b"\n"
