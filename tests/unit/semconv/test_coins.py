"""How coins are named."""

from __future__ import annotations

import pytest

from anyascope.semconv.coins import coin_named, coin_of_label, network_text, smallest_unit


@pytest.mark.parametrize(
    ("told", "meant"),
    [
        ("BTC", "bitcoin"),
        ("xbt", "bitcoin"),
        (" Litecoin ", "litecoin"),
        ("LTC", "litecoin"),
        ("doge", "doge"),
        ("", ""),
    ],
)
def test_a_coin_is_known_by_its_names(told: str, meant: str) -> None:
    """By name or ticker; one that is not watched is itself, and covers nothing of the others."""
    assert coin_named(told) == meant


def test_no_label_is_bitcoin() -> None:
    """Bitcoin's series carry none."""
    assert (coin_of_label(""), smallest_unit(""), network_text("", "main")) == ("bitcoin", "sats", "main")
    assert (coin_of_label("litecoin"), smallest_unit("litecoin")) == ("litecoin", "litoshis")
    assert network_text("litecoin", "main") == "litecoin main"
