"""The document table as queries see it, and the road to it."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from anyascope.errors import UnsupportedError

MIGRATIONS = Path(__file__).parent / "migrations"
HEAD = "0001"  # the newest step of `migrations/versions`; a test holds them equal

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
    if _revision(connection) == HEAD:
        return
    # Imported where it is needed: alembic takes a quarter of a second, which every start but the first can do without.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415
    from alembic.util import CommandError  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise UnsupportedError(f"the document database was written by a newer release: {error}") from error


def _revision(connection: sa.Connection) -> str:
    """The step that the database stands at, as alembic's own table says; empty where there is no such table."""
    if not sa.inspect(connection).has_table("alembic_version"):
        return ""
    return str(connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar() or "")
