"""Which texts are names of labels, and how upstream quotes them."""

from __future__ import annotations

import json
import re
from typing import Final

_CLASSIC: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*", re.ASCII)


def is_classic_label_name(name: str) -> bool:
    """Whether this is a name as it was before UTF-8 names; `match` and its kin take no other."""
    return _CLASSIC.fullmatch(name) is not None


def is_label_name(name: str) -> bool:
    """Whether a list such as `group_by` may hold this name: a classic one, or one in UTF-8 such as `service.name`.

    Upstream takes any text in its default mode, and only classic names in its classic one. What begins with a
    punctuation mark of ASCII is a slip in both, and refused.
    """
    return bool(name) and (name[0] == "_" or not name[0].isascii() or name[0].isalnum())


def go_quoted(text: str) -> str:
    """A text as Go's `%q` has it."""
    # Go and JSON agree on everything but the escapes of control characters, which no name has.
    return json.dumps(text, ensure_ascii=False)
