"""Escapes what templates write into HTML by where it stands: text, attributes, addresses, scripts, styles.

The template's own text is trusted, what its actions give is not. The context is found by following the output so far.

Source: https://pkg.go.dev/html/template.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final
from urllib.parse import quote

_TEXT: Final = str.maketrans(
    {"\0": "\ufffd", '"': "&#34;", "'": "&#39;", "&": "&amp;", "<": "&lt;", ">": "&gt;", "+": "&#43;"}
)
_UNQUOTED: Final = str.maketrans(
    {"\t": "&#9;", "\n": "&#10;", "\v": "&#11;", "\f": "&#12;", "\r": "&#13;", " ": "&#32;", "=": "&#61;", "`": "&#96;"}
)
_SAFE_SCHEMES: Final = ("http", "https", "mailto")
_BLOCKED: Final = "ZgotmplZ"  # what Go writes in place of what would be unsafe
_URL_ATTRIBUTES: Final = frozenset(
    (
        *("action", "archive", "background", "cite", "classid", "codebase", "data", "formaction", "href", "icon"),
        *("longdesc", "manifest", "ping", "poster", "profile", "src", "usemap", "xmlns"),
    )
)
_STYLE_UNSAFE: Final = re.compile(r"[\0\"'()/;@\[\\\]`{}<>]|--|(?i:expression|mozbinding)")
_ESCAPE: Final = re.compile(r"%[0-9A-F]{2}")
_TAG: Final = re.compile(r"</?([a-zA-Z][^\s/>]*)")
_ATTRIBUTE: Final = re.compile(r"[\s/]*(?:(>)|([^\s=>/]+)(?:(\s*=\s*)([\"']?))?)")
_COMMENT: Final = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)


class SafeHtml(str):
    """A text that is HTML and is written as it is."""

    __slots__ = ()


class SafeUrl(str):
    """An address whose scheme is not looked at."""

    __slots__ = ()


class _Place(Enum):
    TEXT = auto()
    TAG = auto()
    VALUE = auto()
    RAW = auto()  # inside a script or style element


@dataclass(slots=True)
class HtmlContext:
    """Where in a page the output so far has come to."""

    _read: int = 0
    _place: _Place = _Place.TEXT
    _element: str = ""
    _attribute: str = ""
    _quote: str = ""
    _value: str = field(default="")

    def escaped(self, value: object, text: str, output: Sequence[str]) -> str:
        """What is written of a value that prints as `text`, after what was written before."""
        for part in output[self._read :]:
            self._follow(part)
        self._read = len(output)
        return self._escape(value, text)

    # --- following ----------------------------------------------------------------------------------------------------

    def _follow(self, text: str) -> None:
        if self._place is _Place.TEXT and "<" not in text:
            return
        at = 0
        while at < len(text):
            match self._place:
                case _Place.TEXT:
                    at = self._in_text(text, at)
                case _Place.TAG:
                    at = self._in_tag(text, at)
                case _Place.VALUE:
                    at = self._in_value(text, at)
                case _Place.RAW:
                    at = self._in_raw(text, at)

    def _in_text(self, text: str, at: int) -> int:
        comment, tag = text.find("<!--", at), _TAG.search(text, at)
        if comment >= 0 and (tag is None or comment < tag.start()):
            end = text.find("-->", comment + 4)
            return len(text) if end < 0 else end + 3
        if tag is None:
            return len(text)
        self._place, self._element = _Place.TAG, tag.group(0).lower().lstrip("<")
        return tag.end()

    def _in_tag(self, text: str, at: int) -> int:
        found = _ATTRIBUTE.match(text, at)
        if found is None or not found.group(0):
            return len(text)
        if found.group(1):
            self._place = _Place.RAW if self._element in ("script", "style") else _Place.TEXT
        elif found.group(2):
            self._attribute = found.group(2).lower()
            if found.group(3):
                self._place, self._quote, self._value = _Place.VALUE, found.group(4), ""
        return found.end()

    def _in_value(self, text: str, at: int) -> int:
        if not self._quote:
            ends = re.compile(r"[\s>]").search(text, at)
            end = len(text) if ends is None else ends.start()
        else:
            found = text.find(self._quote, at)
            end = len(text) if found < 0 else found
        self._value += text[at:end]
        if end < len(text):
            self._place = _Place.TAG
            return end + (1 if self._quote else 0)
        return end

    def _in_raw(self, text: str, at: int) -> int:
        end = text.lower().find(f"</{self._element}", at)
        if end < 0:
            return len(text)
        self._place = _Place.TEXT
        return end

    # --- escaping -----------------------------------------------------------------------------------------------------

    def _escape(self, value: object, text: str) -> str:
        match self._place:
            case _Place.TEXT:
                return text if isinstance(value, SafeHtml) else text.translate(_TEXT)
            case _Place.TAG:
                return _BLOCKED
            case _Place.RAW:
                return _in_style(text) if self._element == "style" else _in_script(text)
            case _Place.VALUE:
                return self._in_attribute(value, text)

    def _in_attribute(self, value: object, text: str) -> str:
        if self._attribute.startswith("on"):
            text = _in_script(text)
        elif self._attribute == "style":
            text = _in_style(text)
        elif self._attribute.removeprefix("data-") in _URL_ATTRIBUTES:
            text = self._in_url(text, is_safe=isinstance(value, SafeUrl))
        elif isinstance(value, SafeHtml):
            text = re.sub(r"<[^>]*>", "", text)
        escaped = text.translate(_TEXT)
        return escaped if self._quote else escaped.translate(_UNQUOTED) or _BLOCKED

    def _in_url(self, text: str, *, is_safe: bool) -> str:
        if "?" in self._value or "#" in self._value:
            return _normalised(text) if is_safe else _lower(quote(text, safe=""))
        scheme, colon, _ = text.partition(":")
        is_first = not self._value.strip()
        if is_first and colon and "/" not in scheme and not is_safe and scheme.lower() not in _SAFE_SCHEMES:
            return f"#{_BLOCKED}"
        return _normalised(text)


def without_comments(text: str) -> str:
    """A page without its comments, which Go's library leaves out, too."""
    return _COMMENT.sub("", text)


def _normalised(text: str) -> str:
    return _lower(quote(text, safe="!#$%&*+,-./:;=?@_~[]"), kept=text)


def _lower(quoted: str, *, kept: str = "") -> str:
    """Escapes in lower case, as Go's library writes them; those that stood in `kept` already stay."""
    return _ESCAPE.sub(lambda found: found[0] if found[0] in kept else found[0].lower(), quoted)


def _in_script(text: str) -> str:
    escaped = json.dumps(text, ensure_ascii=False)
    for character in "<>&'\u2028\u2029":
        escaped = escaped.replace(character, f"\\u{ord(character):04x}")
    return escaped


def _in_style(text: str) -> str:
    return _BLOCKED if _STYLE_UNSAFE.search(text) else text
