"""The text core: secrets out of one text, on the standard library alone."""

from __future__ import annotations

from anyascope.redact.finders import FINDERS, mark

__all__ = ["clean", "mark"]


def clean(text: str, chars_max: int | None = None) -> tuple[str, tuple[str, ...]]:
    """The text without secrets, and the kind of each that was taken out; the very same text where there is none."""
    kinds: list[str] = []
    for finder in FINDERS:
        if finder.scan.search(text.encode("utf-8", "surrogatepass")) is not None:
            cleaned = finder.clean(text)
            if cleaned != text:
                kinds.append(finder.kind)
                text = cleaned
    return text[:chars_max], tuple(kinds)
