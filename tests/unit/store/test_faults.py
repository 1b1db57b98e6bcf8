"""What the engine raises, and what callers get."""

from __future__ import annotations

import pytest

from anyascope.errors import AnyascopeError, InvalidInputError, LimitExceededError, UnavailableError
from anyascope.store.chdb.faults import MESSAGE_CHARS_MAX, translate


def said(code, text):
    return RuntimeError(f"Streaming insert finish failed: Code: {code}. DB::Exception: {text}\nstack")


@pytest.mark.parametrize(
    ("code", "is_write", "expected"),
    [
        (159, False, LimitExceededError),
        (158, False, LimitExceededError),
        (396, False, LimitExceededError),
        (241, False, LimitExceededError),
        (241, True, UnavailableError),
        (252, True, UnavailableError),
        (243, True, UnavailableError),
        (243, False, UnavailableError),
        (427, False, InvalidInputError),
        (60, True, AnyascopeError),
        (60, False, AnyascopeError),
    ],
)
def test_codes_say_what_a_caller_can_do(code, is_write, expected):
    """Limits ask for a narrower question, pressure for patience, the rest is a failure."""
    assert type(translate(said(code, "whatever"), is_write=is_write)) is expected


@pytest.mark.parametrize("sign", ["No space left on device", "Read-only file system"])
def test_a_disk_that_takes_nothing_asks_for_patience(sign):
    """A full or read-only disk is not the caller's fault, whatever code it came with."""
    fault = translate(said(1001, f"std::exception: {sign}"), is_write=True)

    assert isinstance(fault, UnavailableError)
    assert fault.retry_after_s > 0
    assert sign in str(fault)


def test_messages_are_one_short_line():
    """The engine's long messages are cut."""
    text = str(translate(said(60, "x" * 5000), is_write=False))

    assert "\n" not in text
    assert len(text) < MESSAGE_CHARS_MAX + 50
