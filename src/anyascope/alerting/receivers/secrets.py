"""Secrets of receivers, inline or in a file, with Alertmanager's words for what is wrong."""

from __future__ import annotations

import json
import re
from typing import Final

from anyascope.model.secret import Secret
from anyascope.wire import http_settings
from anyascope.wire.settings import Section

_SCHEME: Final = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*", re.ASCII)
_BAD_ESCAPE: Final = re.compile(r"%(?![0-9a-fA-F]{2})", re.ASCII)


def read_secret(section: Section, name: str) -> Secret | None:
    """`name` or `name_file`, not both."""
    both_set = f"at most one of {name} & {name}_file must be configured"
    return http_settings.read_secret(section, name, both_set=both_set)


def parse_url(text: str) -> str:
    """The same text, if it is an HTTP address.

    Raises:
        ValueError: it is not; the message is that of Go's `url.Parse` and Alertmanager.
    """
    if any(char < " " or char == "\x7f" for char in text):
        raise ValueError(f"parse {_quoted(text)}: net/url: invalid control character in URL")
    scheme, colon, rest = text.partition(":")
    if colon and not scheme:
        raise ValueError(f"parse {_quoted(text)}: missing protocol scheme")
    if colon and _SCHEME.fullmatch(scheme) is None and "/" not in scheme:
        raise ValueError(f"parse {_quoted(text)}: first path segment in URL cannot contain colon")
    escape = _BAD_ESCAPE.search(text)
    if escape is not None:
        raise ValueError(f"parse {_quoted(text)}: invalid URL escape {_quoted(text[escape.start() :][:3])}")
    if not colon or _SCHEME.fullmatch(scheme) is None:
        scheme, rest = "", text
    if scheme.lower() not in ("http", "https"):
        raise ValueError(f'unsupported scheme "{scheme.lower()}" for URL')
    authority = re.split(r"[/?#]", rest.removeprefix("//"), maxsplit=1)[0] if rest.startswith("//") else ""
    host = authority.rpartition("@")[2]
    bad = next((char for char in host if char in ' "<>^`{|}\\'), "")
    if bad:
        raise ValueError(f"parse {_quoted(text)}: invalid character {_quoted(bad)} in host name")
    name, port_colon, port = host.rpartition(":") if not host.endswith("]") else (host, "", "")
    if port_colon and port and not (port.isascii() and port.isdigit()):
        raise ValueError(f"parse {_quoted(text)}: invalid port {_quoted(':' + port)} after host")
    if not host or (port_colon and not name and not port):
        raise ValueError("missing host for URL")
    return text


def read_secret_url(section: Section, name: str) -> Secret | None:
    """An address that may hold a secret, inline or in `name_file`. `<secret>`, as a print has it, is let through."""
    secret = read_secret(section, name)
    if section.has(name) and not section.text(name, ""):
        section.wrong('unsupported scheme "" for URL', name=name)
    if secret is None or type(secret) is not Secret or secret.reveal() == str(secret):
        return secret
    try:
        parse_url(secret.reveal())
    except ValueError as error:
        # The address itself, which may hold a secret, is not repeated.
        section.wrong(str(error).replace(_quoted(secret.reveal()), str(secret)), name=name)
    return secret


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
