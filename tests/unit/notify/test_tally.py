"""What the courier counts."""

from __future__ import annotations

import pytest

from anyascope.notify.tally import failure_reason


@pytest.mark.parametrize(
    ("detail", "reason"),
    [
        ("404 Not Found: no such hook", "clientError"),
        ("503 Service Unavailable", "serverError"),
        ("301 Moved", "other"),
        ("no whole answer within 10 s", "contextDeadlineExceeded"),
        ("the name could not be resolved", "other"),
        ("", "other"),
    ],
)
def test_failures_have_alertmanagers_reasons(detail, reason):
    """By the status that the far end's last answer begins with."""
    assert failure_reason(detail) == reason
