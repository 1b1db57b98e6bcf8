"""How much a metric may say of itself."""

from __future__ import annotations

from anyascope.model.metadata import ENTRIES_MAX, HELP_CHARS_MAX, NAME_CHARS_MAX, UNIT_CHARS_MAX, bounded
from anyascope.model.metrics import MetricMetadata, MetricType


def about(metric="up", text="", unit=""):
    return MetricMetadata(metric, MetricType.GAUGE, text, unit)


def test_what_fits_is_left_as_it_is():
    """Texts of exactly the longest length are kept, and the same object is given back."""
    entries = (about(), about("n" * NAME_CHARS_MAX, "h" * HELP_CHARS_MAX, "u" * UNIT_CHARS_MAX))
    found = bounded(entries)
    assert found.entries is entries
    assert found.cuts == {}


def test_longer_texts_are_cut_with_a_mark():
    """One character more is cut, says so, and is counted."""
    found = bounded([about(text="h" * (HELP_CHARS_MAX + 1), unit="u" * (UNIT_CHARS_MAX + 5))])
    assert list(found.entries) == [
        about(
            text="h" * HELP_CHARS_MAX + "…<1 more characters>",
            unit="u" * UNIT_CHARS_MAX + "…<5 more characters>",
        )
    ]
    assert found.cuts == {"metadata_help": 1, "metadata_unit": 1}


def test_half_a_name_names_nothing():
    """An entry whose name is too long is left out, the others stay."""
    found = bounded([about("n" * (NAME_CHARS_MAX + 1)), about()])
    assert list(found.entries) == [about()]
    assert found.cuts == {"metadata_name": 1}


def test_a_page_says_something_of_so_many_metrics():
    """Entries past the bound of one page are left out."""
    found = bounded([about(f"m{number}") for number in range(ENTRIES_MAX + 3)])
    assert len(found.entries) == ENTRIES_MAX
    assert found.cuts == {"metadata_entries": 3}
