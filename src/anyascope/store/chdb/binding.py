"""Values for bound parameters, escaped as the engine reads them back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

Parameter: TypeAlias = str | int | float | bool | Sequence[str] | Sequence[int]

# A parameter's text is read as a TSV field: what would end or change it is escaped.
FIELD = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\0": "\\0", "\b": "\\b", "\f": "\\f"})
QUOTED = str.maketrans({"\\": "\\\\", "'": "\\'"})


def bound(value: Parameter) -> str:
    """One value as the engine takes it: strings for `String`, numbers for numbers, lists for `Array(…)`."""
    match value:
        case str():
            return clean(value).translate(FIELD)
        case bool():
            return "1" if value else "0"
        case int():
            return str(value)
        case float():
            return repr(value)
        case _:
            return f"[{','.join(element(each) for each in value)}]".translate(FIELD_OF_ARRAY)


# Inside an array the quotes' own escapes stand; only the field's are added.
FIELD_OF_ARRAY = str.maketrans({"\t": "\\t", "\n": "\\n", "\r": "\\r", "\0": "\\0"})


def element(value: str | int) -> str:
    """One element of an array."""
    return f"'{clean(value).translate(QUOTED)}'" if isinstance(value, str) else str(value)


def clean(text: str) -> str:
    """Text that UTF-8 can say."""
    return text.encode("utf-8", "replace").decode()
