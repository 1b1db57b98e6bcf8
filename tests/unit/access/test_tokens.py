"""Tokens in files."""

from __future__ import annotations

import pytest

from anyascope.access.tokens import READ_EVERY_S, TOKEN_CHARS_MIN, Tokens, check_token_file
from anyascope.clock import ManualClock
from anyascope.errors import DeniedError, InvalidInputError
from anyascope.model.secret import Secret, SecretFile

TOKEN = "0123456789abcdef"


@pytest.fixture
def token_file(tmp_path):
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    file.chmod(0o600)
    return file


def test_a_sound_token_file_is_taken(token_file):
    """Readable by its owner alone, and long enough."""
    check_token_file(SecretFile(str(token_file)))


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o644])
def test_a_file_that_others_may_use_is_refused(token_file, mode):
    """The message has the command that mends it."""
    token_file.chmod(mode)
    with pytest.raises(DeniedError, match="chmod 600"):
        check_token_file(SecretFile(str(token_file)))


@pytest.mark.parametrize("text", ["", "\n", "x" * (TOKEN_CHARS_MIN - 1)])
def test_a_short_token_is_refused(token_file, text):
    """What can be guessed is no token; the message has the command that makes one and not the token."""
    token_file.write_text(text)
    with pytest.raises(InvalidInputError, match="openssl rand") as caught:
        check_token_file(SecretFile(str(token_file)))
    assert "xxx" not in str(caught.value)


def test_a_missing_file_is_refused(tmp_path):
    """The path is named."""
    with pytest.raises(InvalidInputError, match="cannot be read"):
        check_token_file(SecretFile(str(tmp_path / "none")))


def test_any_of_the_tokens_is_accepted():
    """And nothing else, the empty text included."""
    tokens = Tokens([Secret(TOKEN), Secret("f" * 32)], clock=ManualClock())
    assert [tokens.accepts(text) for text in (TOKEN, "f" * 32, "", "f" * 31, "\udcff")] == [True, True] + [False] * 3
    assert tokens
    assert not Tokens([], clock=ManualClock())


def test_a_short_token_opens_nothing():
    """A file that was emptied while the server runs does not open the door."""
    assert not Tokens([Secret("")], clock=ManualClock()).accepts("")


async def test_a_rotated_token_counts_after_some_seconds(token_file):
    """Files are read again, but not at each request."""
    clock = ManualClock()
    tokens = Tokens([SecretFile(str(token_file))], clock=clock)
    assert tokens.accepts(TOKEN)
    token_file.write_text("n" * 32)
    assert tokens.accepts(TOKEN)
    await clock.advance(READ_EVERY_S)
    assert not tokens.accepts(TOKEN)
    assert tokens.accepts("n" * 32)


async def test_a_lost_file_closes_the_door(token_file):
    """A file that cannot be read gives no token, and no fault."""
    clock = ManualClock()
    tokens = Tokens([SecretFile(str(token_file))], clock=clock)
    token_file.unlink()
    assert not tokens.accepts(TOKEN)
