"""The journal's files: what was appended is read back, by each consumer from where it stood, whatever ended the process."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from anyascope.clock import ManualClock
from anyascope.store.journal.files import STORE, Journal, JournalOptions, Reading
from anyascope.store.journal.positions import POSITIONS_FILE, Position
from anyascope.store.journal.records import HEAD, Kind

SMALL = JournalOptions(segment_bytes=200, retained_bytes_max=1_000)


def opened(directory: Path, options: JournalOptions = SMALL) -> Journal:
    return Journal(directory, options=options, clock=ManualClock())


def append(journal: Journal, *texts: str) -> Position:
    for text in texts:
        journal.append(Kind.SAMPLES, (text.encode(),))
    return journal.end


def rest(journal: Journal, position: Position) -> tuple[list[str], Position, int]:
    texts: list[str] = []
    damaged = 0
    while True:
        reading: Reading = journal.read(position)
        position = reading.position
        damaged += reading.damaged_bytes
        if not reading.records:
            return texts, position, damaged
        texts += [record.payload.decode() for record in reading.records]


def segments(directory: Path) -> list[Path]:
    return sorted(directory.glob("*.journal"))


def test_gives_back_what_was_appended_over_segments(tmp_path: Path) -> None:
    """Records come back in order, with their kind, whatever file they stand in."""
    journal = opened(tmp_path)
    start = journal.position(STORE)
    texts = [f"record {number} {'x' * 40}" for number in range(20)]
    append(journal, *texts)
    assert len(segments(tmp_path)) > 3
    assert rest(journal, start) == (texts, journal.end, 0)
    assert rest(journal, journal.end)[0] == []


def test_a_position_outlives_the_process(tmp_path: Path) -> None:
    """A consumer goes on behind what it committed; what it read and did not commit it reads again."""
    journal = opened(tmp_path)
    middle = append(journal, "a", "b")
    journal.commit(STORE, middle)
    append(journal, "c")
    again = opened(tmp_path)  # as after kill -9: nothing was closed
    assert rest(again, again.position(STORE))[0] == ["c"]
    append(again, "d")
    assert rest(again, again.position(STORE))[0] == ["c", "d"]


def test_what_all_have_read_is_removed(tmp_path: Path) -> None:
    """A segment goes when every consumer is past it, and stays while one is not."""
    journal = opened(tmp_path)
    slow = journal.position("far end")
    append(journal, *("x" * 60 for _ in range(10)))
    journal.commit(STORE, journal.end)
    assert len(segments(tmp_path)) > 3
    assert len(rest(journal, slow)[0]) == 10
    journal.commit("far end", journal.end)
    assert len(segments(tmp_path)) == 1
    assert journal.lost_bytes("far end") == 0


def test_a_new_consumer_begins_at_the_end(tmp_path: Path) -> None:
    """Nothing that was appended before is given to it; everything after is, also after a restart."""
    journal = opened(tmp_path)
    append(journal, "before")
    journal.position("far end")
    append(journal, "after")
    again = opened(tmp_path)
    assert rest(again, again.position("far end"))[0] == ["after"]
    again.forget("far end")
    assert again.consumers() == (STORE,)


def test_a_consumer_too_far_behind_is_left_behind(tmp_path: Path) -> None:
    """Beyond the bound the oldest segments go, and the consumer that lost them is told how much; the store never loses."""
    journal = opened(tmp_path)
    journal.position("far end")
    texts = [f"{number:03d}{'x' * 60}" for number in range(40)]
    append(journal, *texts)
    assert journal.size_bytes > SMALL.retained_bytes_max, "the store has read nothing, so that all is kept"
    journal.commit(STORE, journal.end)
    assert journal.size_bytes <= SMALL.retained_bytes_max
    kept = rest(journal, journal.position("far end"))[0]
    assert kept == texts[-len(kept) :]
    assert len(kept) < len(texts)
    assert journal.lost_bytes("far end") >= (len(texts) - len(kept)) * 63


def test_an_append_that_a_crash_cut_short_is_passed_over(tmp_path: Path) -> None:
    """Whatever is left of the last record, the ones before it are read, and those of the next run."""
    for left in range(1, HEAD.size + 5):
        directory = tmp_path / str(left)
        append(opened(directory), "whole", "cut short")
        segment = segments(directory)[0]
        data = segment.read_bytes()
        segment.write_bytes(data[: len(data) - len("cut short") - HEAD.size + left])
        again = opened(directory)
        append(again, "later")
        assert rest(again, again.position(STORE))[::2] == (["whole", "later"], 0), left


@pytest.mark.parametrize("place", [0, 4, 8, 12, 20, 30])
def test_damage_costs_the_record_that_it_is_in(tmp_path: Path, place: int) -> None:
    """A flipped byte loses one record, and how many bytes that was is told."""
    journal = opened(tmp_path, JournalOptions())
    start = journal.position(STORE)
    append(journal, "first record")
    at = journal.end.offset
    append(journal, "second record", "third record")
    segment = segments(tmp_path)[0]
    data = bytearray(segment.read_bytes())
    data[at + place] ^= 0x55
    segment.write_bytes(data)
    assert rest(opened(tmp_path), start)[::2] == (["first record", "third record"], HEAD.size + len("second record"))


def test_damaged_positions_repeat_and_lose_nothing(tmp_path: Path) -> None:
    """Without a readable position everything that is there is read again, and the start says so."""
    journal = opened(tmp_path)
    journal.commit(STORE, append(journal, "a", "b"))
    (tmp_path / POSITIONS_FILE).write_text("{")
    again = opened(tmp_path)
    assert rest(again, again.position(STORE))[0] == ["a", "b"]
    assert "positions.json is damaged" in again.fault


def test_files_that_somebody_removed_do_not_hide_what_follows(tmp_path: Path) -> None:
    """A position ahead of all segments never stands before one that is written later."""
    journal = opened(tmp_path)
    journal.commit(STORE, append(journal, *("x" * 60 for _ in range(12))))
    for segment in segments(tmp_path):
        segment.unlink()
    again = opened(tmp_path)
    append(again, "new")
    assert rest(again, again.position(STORE))[0] == ["new"]


def test_a_full_disk_keeps_nothing_of_the_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An append that fails half way raises, and what was and what comes is read without it."""
    journal = opened(tmp_path)
    start = journal.position(STORE)
    append(journal, "before")
    with monkeypatch.context() as patch:
        patch.setattr("anyascope.store.journal.files._write_all", half_written)
        with pytest.raises(OSError, match="No space"):
            append(journal, "does not fit")
    append(journal, "after")
    assert rest(journal, start)[::2] == (["before", "after"], 0)


def half_written(file: int, parts: tuple[bytes, ...]) -> int:
    os.write(file, b"".join(parts)[:30])
    raise OSError(28, "No space left on device")


def test_a_record_larger_than_a_read_is_given_whole(tmp_path: Path) -> None:
    """The bound of a read never stops a consumer."""
    journal = opened(tmp_path, JournalOptions())
    start = journal.position(STORE)
    append(journal, "x" * 100_000, "small")
    first = journal.read(start, bytes_max=100)
    assert [len(record.payload) for record in first.records] == [100_000]
    assert [record.payload for record in journal.read(first.position, bytes_max=100).records] == [b"small"]
