"""Secrets of receivers, inline or in a file, with Alertmanager's words for what is wrong."""

from __future__ import annotations

from urllib.parse import urlsplit

from anyascope.model.secret import Secret
from anyascope.wire import http_settings
from anyascope.wire.settings import Section


def read_secret(section: Section, name: str) -> Secret | None:
    """`name` or `name_file`, not both."""
    both_set = f"at most one of {name} & {name}_file must be configured"
    return http_settings.read_secret(section, name, both_set=both_set)


def parse_url(text: str) -> str:
    """The same text, if it is an HTTP address.

    Raises:
        ValueError: it is not; the text itself, which may hold a secret, is not repeated.
    """
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https"):
        raise ValueError(f'unsupported scheme "{parts.scheme}" for URL')
    if not parts.hostname:
        raise ValueError("missing host for URL")
    return text


def read_secret_url(section: Section, name: str) -> Secret | None:
    """An address that may hold a secret, inline or in `name_file`."""
    secret = read_secret(section, name)
    if secret is not None and type(secret) is Secret:
        try:
            parse_url(secret.reveal())
        except ValueError as error:
            section.wrong(str(error), name=name)
    return secret
