"""What every store of documents does."""

from __future__ import annotations

import asyncio

import pytest

from anyascope.errors import ConflictError
from anyascope.model.documents import Delete, Put
from anyascope.store.api import documents as door

BODY = {"text": "знач\n\"'", "n": 1, "f": 1.5, "t": True, "none": None, "list": [1, {"a": []}], "": {}}


async def keys(documents, **asked):
    return [document.key for document in (await documents.page("k", **asked)).documents]


async def test_a_document_comes_back(documents, clock):
    """A document has its body, its version and the time of its last change."""
    assert await documents.get("k", "a") is None
    await documents.commit([Put("k", "a", BODY)])
    await clock.advance(5)
    await documents.commit([Put("k", "a", {"n": 2}), Put("other", "a", {})])

    found = await documents.get("k", "a")

    assert (found.body, found.version, found.updated_ns) == ({"n": 2}, 2, clock.now_ns())
    assert (await documents.get("other", "a")).version == 1


async def test_bodies_survive_to_the_letter(documents):
    """Every kind of JSON value survives."""
    await documents.commit([Put("k", "a", BODY)])

    assert (await documents.get("k", "a")).body == BODY


async def test_what_is_given_out_belongs_to_the_asker(documents):
    """Changing a body that was given or got changes nothing in the store."""
    body = {"list": [1]}
    await documents.commit([Put("k", "a", body)])
    body["list"].append(2)
    (await documents.get("k", "a")).body["list"].append(3)
    (await documents.page("k")).documents[0].body["list"].append(3)

    assert (await documents.get("k", "a")).body == {"list": [1]}


async def test_a_wrong_version_conflicts_and_changes_nothing(documents):
    """A change that expected another version fails with all the changes beside it."""
    await documents.commit([Put("k", "a", {"n": 1}), Put("k", "b", {"n": 1})])

    for expected in (0, 2):
        with pytest.raises(ConflictError, match="version 1"):
            await documents.commit([Delete("k", "b"), Put("k", "c", {}), Put("k", "a", {}, expected_version=expected)])

    assert await keys(documents) == ["a", "b"]
    await documents.commit([Put("k", "a", {"n": 2}, expected_version=1), Put("k", "new", {}, expected_version=0)])
    assert (await documents.get("k", "a")).version == 2


async def test_changes_of_one_commit_see_each_other(documents):
    """Within a commit each change counts on the one before."""
    await documents.commit(
        [
            Put("k", "a", {"n": 1}, expected_version=0),
            Put("k", "a", {"n": 2}, expected_version=1),
            Put("k", "b", {}),
            Delete("k", "b"),
            Put("k", "b", {"n": 3}, expected_version=0),
        ]
    )

    found = await documents.get("k", "a")
    assert (found.body, found.version) == ({"n": 2}, 2)
    assert (await documents.get("k", "b")).version == 1


async def test_deleting_starts_versions_anew(documents):
    """A deleted document is gone; deleting what is not there is no error; a new one has version 1."""
    await documents.commit([Put("k", "a", {}), Put("k", "a", {})])
    await documents.commit([Delete("k", "a"), Delete("k", "never")])
    assert await documents.get("k", "a") is None

    await documents.commit([Put("k", "a", {}, expected_version=0)])

    assert (await documents.get("k", "a")).version == 1


async def test_waiting_commits_keep_their_own_fate(documents):
    """Of many that want to be first at once exactly one wins, the others conflict, strangers are not touched."""
    racing = [
        documents.commit([Put("k", "lock", {"n": n}, expected_version=0), Put("k", f"w{n}", {})]) for n in range(20)
    ]
    outcomes = await asyncio.gather(*racing, documents.commit([Put("k", "stranger", {})]), return_exceptions=True)

    assert sum(isinstance(outcome, ConflictError) for outcome in outcomes) == 19
    winner = outcomes.index(None)
    assert await keys(documents) == ["lock", "stranger", f"w{winner}"]
    assert (await documents.get("k", "lock")).body == {"n": winner}


async def test_pages_go_by_key_in_code_point_order(documents):
    """Pages walk the keys both ways, each key once, in code point order."""
    names = ["", "A", "B", "a", "aa", "z", "é", "\ue000", "😀"]
    await documents.commit([Put("k", name, {}) for name in reversed(names)] + [Put("l", "x", {})])

    assert await keys(documents) == names
    assert await keys(documents, descending=True) == names[::-1]
    for descending in (False, True):
        seen, after = [], ""
        while True:
            page = await documents.page("k", after=after, limit=2, descending=descending)
            seen += [document.key for document in page.documents]
            after = page.next_key
            if not after:
                break
        assert seen == (names[::-1] if descending else names)


async def test_every_document_is_read_page_by_page(documents, monkeypatch):
    """However many pages there are, each document of the kind comes once, by key."""
    monkeypatch.setattr(door, "PAGE_DOCUMENTS", 2)
    await documents.commit([*(Put("k", f"{number}", {}) for number in range(5)), Put("other", "x", {})])
    assert [document.key async for document in door.every_document(documents, "k")] == ["0", "1", "2", "3", "4"]
    assert [document.key async for document in door.every_document(documents, "none")] == []


async def test_pages_of_a_prefix(documents):
    """A prefix selects the keys that begin with it, whatever characters follow."""
    names = ["a", "a/", "a/1", "a/\U0010ffff", "a0", "b", "%", "a_"]
    await documents.commit([Put("k", name, {}) for name in names])

    assert await keys(documents, prefix="a/") == ["a/", "a/1", "a/\U0010ffff"]
    assert await keys(documents, prefix="a/", after="a/1") == ["a/\U0010ffff"]
    assert await keys(documents, prefix="a/", after="a/1", descending=True) == ["a/"]
    assert await keys(documents, prefix="a/", limit=1, descending=True) == ["a/\U0010ffff"]
    assert await keys(documents, prefix="%") == ["%"]
    assert await keys(documents, prefix="zz") == []


async def test_an_empty_commit_is_nothing(documents):
    """Committing no changes does nothing."""
    await documents.commit([])

    assert await keys(documents) == []
