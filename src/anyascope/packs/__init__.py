"""What ships with the server and makes sense on any machine: the default rules."""

from __future__ import annotations

from importlib.resources import files


def rules() -> list[tuple[str, str]]:
    """The default rule files as (name, text), by name; texts are Prometheus' rule file format."""
    folder = files(__name__).joinpath("default")
    return sorted((entry.name, entry.read_text("utf-8")) for entry in folder.iterdir() if entry.name.endswith(".yml"))
