"""How far each consumer of the journal has come, in a small file that is exchanged whole."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from anyascope.wire.shapes import shape_of

POSITIONS_FILE = "positions.json"


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place between two records: the number of a segment and an offset in its file."""

    segment: int
    offset: int


def read_positions(directory: Path) -> dict[str, Position]:
    """What was written last, by consumer.

    Raises:
        ValueError: the file is damaged.
    """
    try:
        text = (directory / POSITIONS_FILE).read_bytes()
    except FileNotFoundError:
        return {}
    try:
        return shape_of(dict[str, Position]).from_json(text)
    except msgspec.MsgspecError as error:
        raise ValueError(f"{POSITIONS_FILE} is damaged: {error}") from error


def write_positions(directory: Path, positions: Mapping[str, Position], *, is_synced: bool) -> None:
    """Exchange the file; one that cannot be written stays as it was."""
    beside = directory / f"{POSITIONS_FILE}.new"
    with beside.open("wb") as file:
        file.write(msgspec.json.encode(positions))
        if is_synced:
            file.flush()
            os.fsync(file.fileno())
    beside.replace(directory / POSITIONS_FILE)
