"""Where each lane is: durable, forward only, and distrustful of what a crash may leave in the file."""

from __future__ import annotations

import numpy as np

from anyascope.forward.options import LANES
from anyascope.forward.places import LanePlaces, Place

START = Place(3, 100)


def opened(path=None, start=START):
    places = LanePlaces(path)
    places.open(start)
    return places


def test_a_place_survives_the_end_of_the_process(tmp_path):
    """What was written is there again, without an orderly end."""
    path = tmp_path / "deep" / "far.places"
    first = opened(path)
    first.note("sent", (0, 10), Place(3, 200), 7)
    first.note("done", (0, 10), Place(3, 150))
    first.write((0, 10))
    second = opened(path)

    entry = Place(3, 200)
    assert second.taken("sent", entry)[:11].tolist() == [7] * 10 + [0]
    assert second.taken("done", entry).tolist() == [0] * LANES
    assert second.taken("done", START)[:11].tolist() == [-1] * 10 + [0]
    assert second.first() == START
    assert second.settled() == Place(3, 201)


def test_places_only_move_forward():
    """Shards are exchanged, and one that is behind must not pull others' lanes back."""
    places = opened()
    places.note("done", (0, LANES), Place(4, 50), 3)
    places.note("done", (0, LANES), Place(4, 50), 2)
    places.note("done", (0, LANES), Place(4, 40))
    places.note("done", (0, LANES), Place(3, 900))

    assert places.taken("done", Place(4, 50)).tolist() == [3] * LANES


def test_the_log_may_have_gone_on_meanwhile(tmp_path):
    """Where the log begins later than the file says, lanes begin with it."""
    path = tmp_path / "far.places"
    first = opened(path)
    first.note("done", (0, 1), Place(9, 9))
    first.write((0, 1))
    later = opened(path, start=Place(5, 0))

    assert later.taken("done", Place(9, 9))[:2].tolist() == [0, 0]
    assert later.taken("done", Place(5, 0))[:2].tolist() == [-1, 0]
    assert later.first() == Place(5, 0)


def test_a_damaged_file_repeats_and_loses_nothing(tmp_path):
    """Lanes whose bytes make no sense begin where the log says."""
    path = tmp_path / "far.places"
    first = opened(path)
    first.note("done", (0, LANES), Place(8, 8))
    first.write((0, LANES))
    data = bytearray(path.read_bytes())
    data[0] ^= 1
    data[64:128] = bytes(64)
    path.write_bytes(data)

    assert opened(path).taken("done", Place(8, 0))[:3].tolist() == [0, 0, -1]
    path.write_bytes(b"short")
    assert opened(path).first() == START
    assert np.all(opened(path).taken("done", Place(8, 0)) == 0)
