"""The section `custody`."""

from __future__ import annotations

import pytest

from anyascope.custody.options import CustodyOptions, read_custody
from anyascope.wire.settings import read_settings


def read(text: str) -> tuple[CustodyOptions, list[str]]:
    top = read_settings(text, file="anyascope.yml")
    found = read_custody(top)
    top.done()
    try:
        top.raise_if_wrong()
    except Exception as error:  # noqa: BLE001 -- its text is what is looked at
        return found, str(error).splitlines()
    return found, []


def test_nothing_is_reconciled_without_the_section() -> None:
    """Who only watches a private wallet is told nothing."""
    found, wrong = read("server: {}")
    del wrong  # the other section is not taken here
    assert not found.is_on
    assert not found.covers("hot")


def test_an_empty_section_covers_every_wallet() -> None:
    """With the defaults."""
    found, wrong = read("custody: {}")
    assert (found, wrong) == (CustodyOptions(is_on=True), [])
    assert found.covers("anything")


@pytest.mark.parametrize("nothing", ["", " ~", " # wallets: [hot]"])
def test_a_section_with_nothing_in_it_is_refused(nothing: str) -> None:
    """Whoever wrote the word wants it on; as a null it would be off, and nobody would hear of it."""
    _, wrong = read(f"custody:{nothing}\n")
    assert wrong == [
        "anyascope.yml:1: custody: is empty: `custody: {}` reconciles every watched wallet; without the section nothing is"
    ]


def test_names_may_hold_stars() -> None:
    """They are compared to the letter otherwise."""
    found, wrong = read(
        "custody: {wallets: [custody-*, cold], approval_steps: [four-eyes], grace: 500ms, horizon: 90d}"
    )
    assert wrong == []
    assert [found.covers(name) for name in ("custody-hot", "cold", "cold-2", "Cold")] == [True, True, False, False]
    assert (found.approval_steps, found.grace_s, found.horizon_s) == (("four-eyes",), 0.5, 90 * 86_400)


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("custody: {grace: 2h}", "custody.grace"),
        ("custody: {horizon: 1m}", "custody.horizon"),
        ("custody: {approval_steps: []}", "custody.approval_steps"),
        ("custody: {approval_steps: ['']}", "custody.approval_steps"),
        ("custody: {wallet: hot}", "custody.wallet"),
    ],
)
def test_mistakes_are_named(text: str, where: str) -> None:
    """With their place in the file."""
    assert any(where in line for line in read(text)[1])
