"""OTLP's attribute values as text."""

from __future__ import annotations

import base64
import json
import math

import numpy as np

from anyascope.model.attributes import AttributeValue


def text_of(value: AttributeValue) -> str:
    """A value as text: a label's value, or the body of a structured log record."""
    match value:
        case str():
            text = value
        case None:
            text = ""
        case bool():
            text = "true" if value else "false"
        case int():
            text = str(value)
        case float():
            text = float_text(value)
        case bytes():
            text = base64.b64encode(value).decode()
        case _:
            text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=text_of)
    return text


def float_text(value: float) -> str:
    """The shortest decimal that reads back as the same number, without exponent: `0.005`, `1`, `+Inf`."""
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    if math.isnan(value):
        return "NaN"
    return np.format_float_positional(value, trim="-")
