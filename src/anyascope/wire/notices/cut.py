"""Texts cut to a far end's limits, as Alertmanager cuts them."""

from __future__ import annotations

MARK = "…"
SHORT = 3  # a limit so small has no room for the mark


def cut_chars(text: str, chars_max: int) -> str:
    """At most so many characters; the last one of a cut text is `…`."""
    if len(text) <= chars_max:
        return text
    return text[:chars_max] if chars_max <= SHORT else text[: chars_max - 1] + MARK


def cut_bytes(text: str, bytes_max: int, *, mark: str = MARK) -> str:
    """At most so many bytes of UTF-8, no character in halves; a cut text ends in the mark if there is room for it."""
    encoded = text.encode("utf-8", "surrogatepass")
    if len(encoded) <= bytes_max:
        return text
    room = bytes_max - len(mark.encode())
    if room <= 0:
        return encoded[:bytes_max].decode("utf-8", "ignore")
    return encoded[:room].decode("utf-8", "ignore") + mark
