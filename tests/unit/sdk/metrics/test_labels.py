"""Label values are short, few, free of secrets, and can be sent."""

from __future__ import annotations

import enum
import threading

import pytest

from anyascope.sdk.guard import MisuseError, strict
from anyascope.sdk.metrics.labels import OTHER, VALUE_CHARS_MAX, VALUES_MAX, VALUES_MAX_BY_LABEL, LabelGuard
from support.odd_values import WIF, Hostile, HostileText


class Kind(enum.Enum):
    SEND = "send"


class TextKind(enum.StrEnum):
    SEND = "send"


@pytest.fixture
def capped():
    return []


@pytest.fixture
def guard(capped):
    return LabelGuard(on_capped=capped.append)


@pytest.mark.parametrize(
    ("value", "label"),
    [
        ("hot-1", "hot-1"),
        ("", ""),
        (7, "7"),
        (True, "True"),
        (None, "None"),
        (b"hot-1", "hot-1"),
        (b"\xff", "\ufffd"),
        (Kind.SEND, "send"),
        (TextKind.SEND, "send"),
        ("\ud800x", "?x"),
        ("₿", "₿"),
        (object(), "object"),
    ],
)
def test_any_value_becomes_a_text(guard, value, label):
    """Enumerations are their values, bytes are decoded, and what has no text has a word in its place."""
    assert guard.bounded("wallet_id", value) == label


def test_a_value_that_refuses_everything_becomes_a_text_too(guard):
    """A text whose own methods raise is read all the same; an object without a text has a word in its place."""
    assert guard.bounded("wallet_id", HostileText("hot-1")) == "hot-1"
    assert guard.bounded("wallet_id", Hostile()) == "unprintable"


def test_a_value_at_the_limit_stays_and_one_beyond_is_cut(guard):
    """Two long values that begin alike stay two."""
    assert guard.bounded("wallet_id", "x" * VALUE_CHARS_MAX) == "x" * VALUE_CHARS_MAX
    cut = [guard.bounded("wallet_id", "x" * VALUE_CHARS_MAX + end) for end in "ab"]
    assert [len(value) for value in cut] == [VALUE_CHARS_MAX] * 2
    assert cut[0] != cut[1]
    assert cut[0] == guard.bounded("wallet_id", "x" * VALUE_CHARS_MAX + "a")


@pytest.mark.parametrize("label", ["wallet_id", "endpoint", "provider"])
def test_values_beyond_the_limit_are_other_and_counted(guard, capped, label):
    """The last that fits is kept, the next is not, and those that were let through stay."""
    most = VALUES_MAX_BY_LABEL.get(label, VALUES_MAX)
    kept = [guard.bounded(label, f"v{number}") for number in range(most)]
    assert kept == [f"v{number}" for number in range(most)]
    assert capped == []
    assert [guard.bounded(label, "new"), guard.bounded(label, "newer")] == [OTHER, OTHER]
    assert capped == [label, label]
    assert guard.bounded(label, "v0") == "v0"


def test_labels_have_limits_of_their_own(capped):
    """A flood of one label's values leaves the others alone."""
    guard = LabelGuard(on_capped=capped.append, limits={"wallet_id": 2})
    assert [guard.bounded("wallet_id", number) for number in range(4)] == ["0", "1", OTHER, OTHER]
    assert guard.bounded("endpoint", "/") == "/"
    assert capped == ["wallet_id"] * 2


def test_secrets_do_not_become_labels(guard):
    """A private key that somebody passes as a wallet's id does not reach a series."""
    label = guard.bounded("wallet_id", f"key {WIF}")
    assert WIF not in label
    assert "redacted" in label


@pytest.mark.parametrize("limits", [{"wallet_id": 0}, {"wallet_id": True}, {"wallet_id": 10**9}, {1: 5}, "many", 7])
def test_limits_that_cannot_be_meant_are_reported(limits):
    """And the defaults hold."""
    assert LabelGuard(on_capped=print, limits=limits)._limits == dict(VALUES_MAX_BY_LABEL)
    with strict(), pytest.raises(MisuseError, match="label_limits"):
        LabelGuard(on_capped=print, limits=limits)


def test_threads_together_let_no_more_values_through():
    """Eight threads that bring new values at once."""
    capped = []
    guard = LabelGuard(on_capped=capped.append, limits={"wallet_id": 50})
    found = []

    def bring(thread):
        found.extend(guard.bounded("wallet_id", f"{thread}-{number}") for number in range(100))

    threads = [threading.Thread(target=bring, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found) - {OTHER}) == 50
    assert len(capped) == found.count(OTHER) == 750
