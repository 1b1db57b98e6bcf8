"""The document table's schema, and the short way past its migrations."""

from __future__ import annotations

import sys

from alembic.config import Config
from alembic.script import ScriptDirectory

from anyascope.clock import ManualClock
from anyascope.store.documents import open_documents
from anyascope.store.documents.schema import HEAD, MIGRATIONS


def test_the_newest_step_is_the_one_that_is_named():
    """What skips the migrations names the last of them."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_current_head() == HEAD


async def test_a_database_that_is_up_to_date_needs_no_migrations(tmp_path, monkeypatch):
    """The second opening does without alembic."""
    first = await open_documents(tmp_path / "e.sqlite", clock=ManualClock())
    await first.close()
    monkeypatch.setitem(sys.modules, "alembic", None)
    second = await open_documents(tmp_path / "e.sqlite", clock=ManualClock())
    assert await second.get("kind", "key") is None
    await second.close()
