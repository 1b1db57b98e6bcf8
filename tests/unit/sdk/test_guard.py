"""Our faults never break the host."""

from __future__ import annotations

import logging

import pytest

from anyascope.sdk.guard import MisuseError, forget_told, guarded, report_misuse, strict


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
