"""The spool's log: whatever is put comes out once, in order, across restarts, cuts and damage."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from anyascope.sdk.delivery import segments
from anyascope.sdk.delivery.backlog import Body, MemoryBacklog
from anyascope.sdk.delivery.frames import encode_frame, read_frame
from anyascope.sdk.delivery.segments import SegmentLog
from anyascope.sdk.delivery.tally import Tally

BODIES = st.lists(st.binary(max_size=60), max_size=12)


def frames(bodies):
    return [encode_frame(Body(body, 1), time_ms=number) for number, body in enumerate(bodies)]


def read_all(segment):
    """Every frame of a segment, sound and torn; ends for any bytes."""
    offset, found = 0, []
    while offset < len(segment):
        frame = read_frame(segment, offset)
        assert frame.end > offset
        found.append(frame)
        offset = frame.end
    return found


def sound(segment):
    return [frame.body.data for frame in read_all(segment) if frame.body is not None]


@given(bodies=BODIES)
def test_what_is_written_is_read(bodies):
    """All bodies, in order, nothing torn."""
    found = read_all(b"".join(frames(bodies)))
    assert [frame.body.data for frame in found] == bodies


@given(bodies=BODIES, cut=st.integers(min_value=0))
def test_a_cut_costs_the_last_one_at_most(bodies, cut):
    """A log that a crash cut anywhere gives a prefix of what was written."""
    whole = b"".join(frames(bodies))
    cut %= len(whole) + 1
    found = sound(whole[:cut])
    assert found == bodies[: len(found)]
    written = 0
    for kept, frame in enumerate(frames(bodies)):
        written += len(frame)
        if written > cut:
            assert len(found) == kept
            break


@given(bodies=BODIES.filter(bool), place=st.integers(min_value=0), bit=st.integers(0, 7))
def test_one_damaged_bit_costs_one_body_at_most(bodies, place, bit):
    """The others are whole and in order."""
    whole = bytearray(b"".join(frames(bodies)))
    whole[place % len(whole)] ^= 1 << bit
    found = sound(bytes(whole))
    assert len(found) >= len(bodies) - 1
    rest = iter(bodies)
    assert all(body in rest for body in found)


@given(junk=st.binary(max_size=300), bodies=BODIES)
def test_rubbish_before_does_no_harm(junk, bodies):
    """What stands behind it is found."""
    assert sound(junk + b"".join(frames(bodies)))[-len(bodies) or None :] == bodies


class Log(RuleBasedStateMachine):
    """A log on disk against a list in memory."""

    def __init__(self):
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.number = 0
        self.model = []
        self.homes = 0
        self.others = []
        self.own = self._open()

    def _open(self):
        self.homes += 1
        return SegmentLog(Path(self.folder.name) / f"h{self.homes}", is_own=True, lost=self._lost)

    def _lost(self, items):
        raise AssertionError("nobody deletes anything here")

    @rule(size=st.integers(0, 400))
    def put(self, size):
        body = self.number.to_bytes(4, "big") + b"x" * size
        self.number += 1
        self.own.append(encode_frame(Body(body, 1), time_ms=0), items=1)
        self.model.append(body)

    @rule(bytes_max=st.integers(0, 2_000), share=st.floats(0, 1))
    def send(self, bytes_max, share):
        """Some of what is taken is sent; the rest comes again."""
        for log in [*self.others, self.own]:
            taken = [frame.body.data for frame in log.take(bytes_max)]
            if taken:
                count = round(share * len(taken))
                log.done(count)
                assert taken == self.model[: len(taken)]
                del self.model[:count]
                return
        assert self.model == []

    @rule()
    def die(self):
        """The process is killed; the next one finds its folder."""
        former = self.own.directory
        self.own = self._open()
        self.others = [
            SegmentLog(log.directory, is_own=False, lost=self._lost)
            for log in [*self.others, SegmentLog(former, is_own=False, lost=self._lost)]
        ]

    @invariant()
    def counts_what_waits(self):
        assert sum(log.waiting()[0] for log in [*self.others, self.own]) == len(self.model)

    def teardown(self):
        for log in [*self.others, self.own]:
            log.close()
        self.folder.cleanup()


class SmallSegments(Log):
    """The same with many small files."""

    def __init__(self):
        self.before = segments.SEGMENT_BYTES
        segments.SEGMENT_BYTES = 500
        super().__init__()

    def teardown(self):
        segments.SEGMENT_BYTES = self.before
        super().teardown()


TestLog = Log.TestCase
TestSmallSegments = SmallSegments.TestCase
TestLog.settings = TestSmallSegments.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


@given(
    steps=st.lists(
        st.one_of(
            st.tuples(st.just("put"), st.integers(1, 60)),
            st.tuples(st.just("send"), st.floats(0, 1)),
        ),
        max_size=60,
    )
)
def test_memory_gives_each_item_once_or_counts_it(steps):
    """Bounded in bytes; what was put is sent, waits, or was counted as dropped."""
    tally = Tally()
    backlog = MemoryBacklog(signal="traces", tally=tally, bytes_max=200)
    put = sent = 0
    last = -1
    for what, value in steps:
        if what == "put":
            backlog.put(Body(put.to_bytes(4, "big") + b"x" * value, 1))
            put += 1
        else:
            taken = backlog.take(100)
            count = round(value * len(taken))
            for body in taken[:count]:
                number = int.from_bytes(body.data[:4], "big")
                assert number > last
                last = number
            backlog.done(count)
            sent += count
        assert backlog.waiting()[1] <= 200
    dropped = sum(tally.stats().get("traces").dropped.values()) if tally.stats() else 0
    assert put == sent + dropped + backlog.waiting()[0]
