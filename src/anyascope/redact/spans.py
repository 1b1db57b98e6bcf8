"""Where in a text secrets stand, and the text with marks in their places."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Span(NamedTuple):
    """One secret.

    Attributes:
        start, end: of the text's characters; the end is not part of it.
        kind: what stands in its place, `<redacted:kind>`, and in the counters.
        quote: stands on both sides of the mark where the secret was a bare number of a JSON object.
    """

    start: int
    end: int
    kind: str
    quote: str = ""


_GENERAL = frozenset(("password", "token", "header", "encoded"))  # kinds that a name gave, or none


def mark(kind: str) -> str:
    """What stands where a secret was."""
    return f"<redacted:{kind}>"


def replace_spans(text: str, spans: Iterable[Span]) -> tuple[str, tuple[str, ...]]:
    """The text with a mark in place of each span, and the kinds of the marks in their order.

    Spans that overlap become one; it has the kind that says most, of the longest, of the first.
    """
    pieces: list[str] = []
    kinds: list[str] = []
    after = 0
    for span in _apart(spans):
        pieces += (text[after : span.start], span.quote, mark(span.kind), span.quote)
        kinds.append(span.kind)
        after = span.end
    pieces.append(text[after:])
    return "".join(pieces), tuple(kinds)


def _says(span: Span) -> tuple[bool, int]:
    return span.kind not in _GENERAL, span.end - span.start


def _apart(spans: Iterable[Span]) -> list[Span]:
    apart: list[Span] = []
    for span in sorted(spans, key=lambda span: span.start):
        if not apart or span.start >= apart[-1].end:
            apart.append(span)
            continue
        before = apart[-1]
        longer = max(before, span, key=_says)
        apart[-1] = Span(before.start, max(before.end, span.end), longer.kind, longer.quote)
    return apart
