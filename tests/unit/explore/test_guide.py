"""The guide's examples."""

from __future__ import annotations

import re

import pytest

from anyascope.explore.language import parse_query
from support.components import REPOSITORY

QUERIES = re.findall(
    r"^\| `(.+?)` \| ", (REPOSITORY / "docs/guide/logs.md").read_text().partition("## Fields")[0], re.MULTILINE
)


def test_the_guide_has_examples():
    """A change of its form does not make them vanish."""
    assert len(QUERIES) >= 25


@pytest.mark.parametrize("query", QUERIES)
def test_an_example_of_the_guide_is_of_the_language(query):
    """Each can be typed as it stands there."""
    parse_query(query)
