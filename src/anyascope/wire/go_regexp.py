"""What is wrong with a regular expression, in the words of Go's `regexp`."""

from __future__ import annotations

from typing import Final

import re2

# RE2's words, where Go's differ.
_TO_GO: Final = {
    "missing ]": "missing closing ]",
    "missing )": "missing closing )",
    "bad repetition operator": "invalid nested repetition operator",
    "no argument for repetition operator": "missing argument to repetition operator",
    "invalid repetition size": "invalid repeat count",
    "invalid named capture group": "invalid named capture",
    "invalid perl operator": "invalid or unsupported Perl syntax",
    "trailing \\": "trailing backslash at end of expression",
}


def go_message(error: re2.error) -> str:
    """``error parsing regexp: missing closing ]: `[a` ``."""
    detail = error.args[0] if error.args else b""
    text = detail.decode("utf-8", "replace") if isinstance(detail, bytes) else str(detail)
    kind, _, culprit = text.partition(": ")
    message = f"error parsing regexp: {_TO_GO.get(kind, kind)}"
    return f"{message}: `{culprit}`" if culprit else message
