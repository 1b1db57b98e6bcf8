"""Passwords, tokens and addresses that carry one: never printed, never serialised by accident."""

from __future__ import annotations

import hmac
from pathlib import Path

from anyascope.errors import InvalidInputError

SECRET_BYTES_MAX = 1024 * 1024  # a private key with its chain is under 20 kB; a wrong path must not fill the memory


class Secret:
    """A text that prints as `<secret>`. Only `reveal` gives it away."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself, for the one call that needs it."""
        return self._text

    def __repr__(self) -> str:
        return "<secret>"

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return hmac.compare_digest(self._text.encode(), other._text.encode())

    def __hash__(self) -> int:
        return hash((type(self), self._text))


class SecretFile(Secret):
    """A secret that lives in a file, which is read at each use, so that a rotated one counts at once."""

    __slots__ = ()

    @property
    def path(self) -> Path:
        """The file."""
        return Path(self._text)

    def reveal(self) -> str:
        """The file's text without surrounding white space.

        Raises:
            InvalidInputError: it cannot be read, or is not a text.
        """
        try:
            with self.path.open("rb") as file:
                return file.read(SECRET_BYTES_MAX).decode().strip()
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror or error if isinstance(error, OSError) else "it is no text"
            raise InvalidInputError(f"secret file {self.path} cannot be read: {why}") from error
