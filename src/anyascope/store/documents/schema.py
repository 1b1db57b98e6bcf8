"""The document table as queries see it, and the road to it."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.util import CommandError

from anyascope.errors import UnsupportedError

MIGRATIONS = Path(__file__).parent / "migrations"

documents = sa.Table(
    "documents",
    sa.MetaData(),
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("version", sa.BigInteger),
    sa.Column("updated_ns", sa.BigInteger),
    sa.Column("body", sa.Text),
)


def migrate(connection: sa.Connection) -> None:
    """Bring the database to this release's schema.

    Raises:
        UnsupportedError: a newer release has written it.
    """
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise UnsupportedError(f"the document database was written by a newer release: {error}") from error
