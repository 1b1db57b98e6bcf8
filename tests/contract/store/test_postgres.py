"""What only a database on a server can do: be away, cut connections, and be shared."""

from __future__ import annotations

import asyncio

import pytest

from anyascope.errors import ConflictError, UnavailableError
from anyascope.model.documents import Put
from anyascope.store.documents import open_documents


async def test_connections_that_were_cut_are_made_again(postgres, clock):
    """A server that restarts or cuts connections costs no commit."""
    documents = await open_documents(postgres.emptied(), clock=clock)
    try:
        await documents.commit([Put("k", "a", {"n": 1})])
        postgres.run(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname IS NOT NULL"
        )
        await documents.commit([Put("k", "b", {"n": 2})])
        assert [one.key for one in (await documents.page("k")).documents] == ["a", "b"]
    finally:
        await documents.close()


async def test_a_full_disk_and_a_read_only_server_may_pass(postgres, clock):
    """What the server cannot do now is told as that, in its own words."""
    documents = await open_documents(postgres.emptied(), clock=clock)
    try:
        postgres.run("""CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$""")
        postgres.run("CREATE TRIGGER full_disk BEFORE INSERT ON documents EXECUTE FUNCTION full_disk()")
        with pytest.raises(UnavailableError, match=r"No space left on device$"):
            await documents.commit([Put("k", "a", {})])
        assert await documents.get("k", "a") is None
    finally:
        postgres.run("DROP FUNCTION IF EXISTS full_disk CASCADE")
        await documents.close()


async def test_two_processes_do_not_lose_each_others_changes(postgres, clock):
    """Writers of one database go one after the other: of all who want to be first, one is."""
    address = postgres.emptied()
    stores = [await open_documents(address, clock=clock) for _ in range(2)]
    try:
        racing = [
            stores[number % 2].commit([Put("k", "lock", {"n": number}, expected_version=0)]) for number in range(10)
        ]
        outcomes = await asyncio.gather(*racing, return_exceptions=True)
        assert [type(outcome) for outcome in outcomes if outcome is not None] == [ConflictError] * 9
    finally:
        for store in stores:
            await store.close()


async def test_a_server_that_is_not_there_is_told_without_the_password(tmp_path, clock):
    """Nobody listens: unavailable, and the message keeps the secret."""
    with pytest.raises(UnavailableError) as caught:
        await open_documents(f"postgresql://u:s3cret@/x?unix_sock={tmp_path}/none", clock=clock)
    assert "s3cret" not in str(caught.value)
