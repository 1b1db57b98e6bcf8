"""Frames and segments: what a crash or a bad disk leaves is found and passed."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from anyascope.sdk.delivery import segments
from anyascope.sdk.delivery.backlog import Body
from anyascope.sdk.delivery.frames import encode_frame, read_frame
from anyascope.sdk.delivery.segments import SegmentLog

NOW_MS = 1_700_000_000_000


class Lane:
    """A log on disk, written and read by hand."""

    def __init__(self, directory: Path, *, is_own: bool = True) -> None:
        self.lost = 0
        self.log = SegmentLog(directory, is_own=is_own, lost=self._lose)

    def _lose(self, items: int) -> None:
        self.lost += items

    def put(self, *bodies: bytes) -> None:
        for body in bodies:
            self.log.append(encode_frame(Body(body, 1), time_ms=NOW_MS), items=1)

    def take(self, bytes_max: int = 10**9) -> list[bytes | None]:
        return [frame.body.data if frame.body else None for frame in self.log.take(bytes_max)]


@pytest.fixture
def lane(tmp_path):
    return Lane(tmp_path / "lane")


def reopened(lane: Lane) -> Lane:
    """As the process that lives next sees it."""
    return Lane(lane.log.directory, is_own=False)


def files(lane: Lane) -> list[Path]:
    return sorted(lane.log.directory.glob("*.segment"))


def test_gives_back_what_was_put_in_order(lane):
    """Oldest first, whole."""
    lane.put(b"a", b"", b"c" * 1000)
    assert lane.take() == [b"a", b"", b"c" * 1000]
    assert lane.take() == [b"a", b"", b"c" * 1000]


def test_what_is_done_does_not_come_again(lane):
    """Neither to this process nor to the next."""
    lane.put(b"a", b"b", b"c")
    lane.take()
    lane.log.done(2)
    assert lane.take() == [b"c"]
    lane.log.close()
    assert reopened(lane).take() == [b"c"]
    assert reopened(lane).log.waiting() == (1, len(encode_frame(Body(b"c", 1), time_ms=NOW_MS)))


def test_takes_at_least_one_and_at_most_the_limit(lane):
    """A parcel is bounded, but a body larger than it still goes."""
    lane.put(b"a" * 10, b"b" * 10, b"c" * 10)
    assert lane.take(0) == [b"a" * 10]
    assert lane.take(20) == [b"a" * 10, b"b" * 10]


def test_a_segment_ends_and_the_next_begins(lane, monkeypatch):
    """Full segments are deleted once they were sent; order holds across them."""
    monkeypatch.setattr(segments, "SEGMENT_BYTES", 100)
    bodies = [bytes([65 + number]) * 60 for number in range(6)]
    lane.put(*bodies)
    assert len(files(lane)) == 3
    assert lane.take() == bodies
    lane.log.done(6)
    assert len(files(lane)) <= 1
    lane.put(b"next")
    assert lane.take() == [b"next"]


@pytest.mark.parametrize("cut", [1, 5, 27, 28, 30])
def test_a_torn_tail_is_passed(lane, cut):
    """A crash in the middle of a write costs that body alone."""
    lane.put(b"whole", b"torn body")
    lane.log.close()
    (path,) = files(lane)
    whole = len(encode_frame(Body(b"whole", 1), time_ms=NOW_MS))
    os.truncate(path, whole + cut)
    again = reopened(lane)
    assert again.take() == [b"whole", None]
    again.log.done(2)
    assert again.take() == []


@pytest.mark.parametrize("place", [0, 10, 20, 26, 30])
def test_a_damaged_byte_costs_one_body(lane, place):
    """Behind a damaged head or body the next sound one is found."""
    lane.put(b"first", b"second", b"third")
    lane.log.close()
    (path,) = files(lane)
    data = bytearray(path.read_bytes())
    data[len(encode_frame(Body(b"first", 1), time_ms=NOW_MS)) + place] ^= 0x40
    path.write_bytes(data)
    assert [body for body in reopened(lane).take() if body is not None] == [b"first", b"third"]


def test_a_file_of_rubbish_is_passed(tmp_path):
    """A segment that holds nothing of ours is one torn record, and then it is over."""
    directory = tmp_path / "lane"
    directory.mkdir()
    (directory / f"{7:016d}.segment").write_bytes(os.urandom(5000))
    lane = Lane(directory, is_own=False)
    assert lane.take() == [None]
    lane.log.done(1)
    assert lane.take() == []
    assert files(lane) == []


def test_a_damaged_cursor_sends_again_rather_than_not(lane):
    """Without a cursor everything that lies there goes: twice is better than never."""
    lane.put(b"a", b"b")
    lane.take()
    lane.log.done(1)
    lane.log.close()
    (lane.log.directory / "cursor").write_bytes(b"rubbish that is long enough")
    assert reopened(lane).take() == [b"a", b"b"]


def test_a_write_that_the_disk_cuts_off_is_an_error_and_no_loss_of_others(lane, monkeypatch):
    """A full disk: the body is refused, the torn bytes are passed, later ones are whole."""
    lane.put(b"before")
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: write(fd, data[:10]))
    with pytest.raises(OSError, match="wrote 10 of"):
        lane.put(b"cut off")
    monkeypatch.setattr(os, "write", write)
    lane.put(b"after")
    assert lane.take() == [b"before", b"after"]
    lane.log.close()
    assert [body for body in reopened(lane).take() if body] == [b"before", b"after"]


def test_a_deleted_file_is_counted_and_a_new_one_begun(lane, monkeypatch):
    """Somebody cleans the folder up: what lay there is counted as lost, the next body lies in a new file."""
    lane.put(b"a", b"b")
    for path in files(lane):
        path.unlink()
    assert lane.take() == []
    assert lane.lost == 2
    monkeypatch.setattr(lane.log, "_look_at_s", 0.0)
    lane.put(b"c")
    assert lane.take() == [b"c"]


def test_the_oldest_segment_gives_way(lane, monkeypatch):
    """Dropping tells how many items went, and spares what is being sent and what is being written."""
    monkeypatch.setattr(segments, "SEGMENT_BYTES", 100)
    lane.put(*[bytes([65 + number]) * 60 for number in range(8)])
    assert lane.log.drop_oldest() == 2
    assert lane.take(0) == [b"C" * 60]
    assert lane.log.drop_oldest() == 2
    assert lane.log.drop_oldest() is None
    lane.log.done(1)
    assert lane.take() == [b"D" * 60, b"G" * 60, b"H" * 60]


def test_writers_and_a_reader_at_once_lose_nothing(lane, monkeypatch):
    """Threads append while another sends and deletes what it sent: each body comes out once."""
    monkeypatch.setattr(segments, "SEGMENT_BYTES", 2_000)
    sent, over = [], threading.Event()

    def send():
        while not over.is_set() or lane.log.waiting()[0]:
            taken = [body for body in lane.take(700) if body is not None]
            sent.extend(taken)
            lane.log.done(len(taken))

    reader = threading.Thread(target=send)
    reader.start()
    writers = [
        threading.Thread(target=lambda first=first: lane.put(*(b"%07d" % (first + n) * 9 for n in range(1_500))))
        for first in range(0, 6_000, 1_500)
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    over.set()
    reader.join(60)
    assert sorted(sent) == [b"%07d" % number * 9 for number in range(6_000)]
    assert lane.lost == 0


def test_files_are_for_the_owner_alone(lane):
    """0600 in 0700, whatever the mask."""
    before = os.umask(0)
    try:
        lane.put(b"a")
        lane.take()
        lane.log.done(1)
    finally:
        os.umask(before)
    assert {path.stat().st_mode & 0o777 for path in lane.log.directory.iterdir()} == {0o600}
    assert lane.log.directory.stat().st_mode & 0o777 == 0o700


def test_a_body_that_looks_like_frames_is_a_body(lane):
    """Frames within a body are not taken for records."""
    nested = encode_frame(Body(b"inner", 1), time_ms=NOW_MS) * 3
    lane.put(nested, b"next")
    assert lane.take() == [nested, b"next"]


def test_a_head_that_claims_too_much_is_torn():
    """A length beyond what a body may have is no head."""
    frame = bytearray(encode_frame(Body(b"x", 1), time_ms=NOW_MS))
    frame[4:8] = (2**31).to_bytes(4, "little")
    assert read_frame(bytes(frame), 0).body is None
