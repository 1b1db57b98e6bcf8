"""Labels that a query makes."""

from __future__ import annotations

import pytest

from anyascope.errors import LimitExceededError
from anyascope.promql.functions import labelling
from support.promql import answers, loaded

LOAD = """
load 15s
    up{node="a"} 1
    up{node="b"} 1
"""
TWICE = 'label_replace({}, "long", "$1$1", "long", "(.*)")'


async def test_a_label_is_not_made_too_long(monkeypatch) -> None:
    """Each function can multiply what the one inside it made; the excess is refused before it is made."""
    monkeypatch.setattr(labelling, "VALUE_CHARS_MAX", 8)
    engine = await loaded(LOAD)
    query = 'label_replace(up, "long", "xx", "", "")'
    for length in (4, 8):
        query = TWICE.format(query)
        assert {len(dict(labels)["long"]) for labels in await answers(engine, query, 0)} == {length}
    with pytest.raises(LimitExceededError, match="a label of 16 characters, at most 8"):
        await answers(engine, TWICE.format(query), 0)
    with pytest.raises(LimitExceededError, match="a label of 9 characters, at most 8"):
        await answers(engine, 'label_join(up, "long", "1234567", "node", "node")', 0)


async def test_labels_are_not_made_too_many(monkeypatch) -> None:
    """What all series get together is bounded too."""
    monkeypatch.setattr(labelling, "VALUES_CHARS_MAX", 5)
    engine = await loaded(LOAD)
    assert len(await answers(engine, 'label_replace(up, "made", "xx", "", "")', 0)) == 2
    with pytest.raises(LimitExceededError, match="more than 5 characters in all"):
        await answers(engine, 'label_replace(up, "made", "xxx", "", "")', 0)
