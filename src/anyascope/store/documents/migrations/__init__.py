"""How the document tables grow: Alembic revisions, run at start."""
