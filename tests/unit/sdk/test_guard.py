"""Our faults never break the host."""

from __future__ import annotations

import asyncio
import logging
import time

import pytest

from anyascope.sdk.guard import (
    RETELL_S,
    TOLD_MAX,
    MisuseError,
    forget_told,
    guarded,
    note_once,
    quoted,
    report_misuse,
    strict,
    tell_once,
)


@pytest.fixture(autouse=True)
def _told_anew():
    forget_told()
    yield
    forget_told()


def test_a_fault_becomes_the_default_and_one_line(caplog):
    """The host gets the default each time, and the log one line."""

    @guarded("fallback")
    def broken() -> str:
        raise RuntimeError("ours")

    with caplog.at_level(logging.WARNING, logger="anyascope.sdk"):
        assert [broken() for _ in range(3)] == ["fallback"] * 3
    assert len(caplog.records) == 1
    assert "RuntimeError: ours" in caplog.text


def test_the_hosts_own_exceptions_pass():
    """What ends a program is not ours to catch."""

    @guarded(None)
    def interrupted() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()


def test_misuse_is_told_once_and_raises_in_tests(caplog):
    """Wrong use is one line in production and an exception under `strict()`."""
    with caplog.at_level(logging.WARNING, logger="anyascope.sdk"):
        report_misuse("amount_sats must be a whole number, got 'many'")
        report_misuse("amount_sats must be a whole number, got 'many'")
    assert len(caplog.records) == 1
    with strict(), pytest.raises(MisuseError, match="whole number"):
        report_misuse("amount_sats must be a whole number, got 'many'")


def test_under_strict_a_fault_raises():
    """A test sees our fault as it is."""

    @guarded(None)
    def broken() -> None:
        raise RuntimeError("ours")

    with strict(), pytest.raises(RuntimeError, match="ours"):
        broken()
    assert broken() is None


def test_a_fault_that_goes_on_is_told_again_with_its_count(caplog, monkeypatch):
    """After an hour the same fault is told once more, with how often it was seen meanwhile."""
    now_s = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now_s[0])
    with caplog.at_level(logging.WARNING, logger="anyascope.sdk"):
        for at_s in (0.0, 10.0, 20.0, RETELL_S + 1, RETELL_S + 2):
            now_s[0] = at_s
            tell_once("sending", OSError(f"down at {at_s}"))
    first, again = (record.getMessage() for record in caplog.records)
    assert "down at 0.0" in first
    assert again.endswith("(2 more since this was last told)")


def test_a_wrong_argument_is_told_once_whatever_it_was(caplog):
    """Messages that differ in what was got alone are the same misuse."""
    with caplog.at_level(logging.WARNING, logger="anyascope.sdk"):
        for value in range(100):
            report_misuse(f"amount must be a text, got {value}")
        report_misuse("fee must be a text, got 1")
    assert [record.getMessage().rpartition(": ")[2] for record in caplog.records] == [
        "amount must be a text, got 0",
        "fee must be a text, got 1",
    ]


def test_many_different_faults_do_not_fill_the_memory(caplog):
    """Beyond a bound new kinds of faults are not told."""
    with caplog.at_level(logging.WARNING, logger="anyascope.sdk"):
        for number in range(TOLD_MAX + 50):
            tell_once(f"place {number}", OSError("down"))
    assert len(caplog.records) == TOLD_MAX


def test_a_fault_line_has_no_secrets(caplog):
    """What a message quotes is searched for secrets, also where `init` was not called."""
    with caplog.at_level(logging.WARNING, logger="anyascope.sdk"):
        report_misuse("key must be a name, got '5HueCGU8rMjxEXxiPuD5BDku4MkFqeZyd4dZ1jvhTVqvbTLvyTJ'")
    assert "5Hue" not in caplog.text
    assert "<redacted:" in caplog.text


def test_a_note_is_logged_once(caplog):
    """What is as it was asked for, and may be wondered about, is said once and is no fault."""
    with caplog.at_level(logging.WARNING, logger="anyascope.sdk"):
        note_once("Jaeger takes traces only")
        note_once("Jaeger takes traces only")
    assert len(caplog.records) == 1
    with strict():
        note_once("Jaeger takes traces only")


async def test_a_coroutine_function_is_guarded_while_it_runs(caplog):
    """What is awaited inside is guarded too, and cancellation passes."""

    @guarded("fallback")
    async def broken() -> str:
        await asyncio.sleep(0)
        raise RuntimeError("ours")

    @guarded("fallback")
    async def long() -> str:
        await asyncio.sleep(60)
        return "done"

    assert await broken() == "fallback"
    task = asyncio.create_task(long())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_a_failing_handler_of_the_hosts_is_not_our_fault(monkeypatch):
    """Where the host's own handler raises while our line is written, nothing reaches the code that called us."""

    class Broken(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            raise RuntimeError("the host's handler")

    handler = Broken()
    logging.getLogger("anyascope.sdk").addHandler(handler)
    try:
        tell_once("sending", OSError("down"))
    finally:
        logging.getLogger("anyascope.sdk").removeHandler(handler)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("x" * 200, "'" + "x" * 79 + "…"),
        (b"ab", "b'ab'"),
        (7, "7"),
        (None, "None"),
        (10**5000, "a value of type int"),
        (object, "a value of type type"),
        ([1], "a value of type list"),
    ],
    ids=["long", "bytes", "number", "none", "huge", "class", "list"],
)
def test_a_quoted_value_is_short(value, shown):
    """A message shows plain values, cut, and of others their type."""
    assert quoted(value) == shown
