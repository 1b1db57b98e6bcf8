"""A disk queue that several processes share and that outlives each of them.

    spool/                      0700
      <pid>-<time>-<random>/    a living process's own folder; it holds the lock of `lock` until it ends, however it ends
        traces.otlp.0/          a lane: segments and a cursor
      refused/                  bodies that the far end will never take, for people to look at

Whoever lives next to a folder whose lock is free sends what lies there: the lock goes to one process only.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from anyascope.clock import NS_PER_MS
from anyascope.sdk.delivery.backlog import Body, MemoryBacklog
from anyascope.sdk.delivery.frames import Frame, encode_frame
from anyascope.sdk.delivery.process import enrol
from anyascope.sdk.delivery.segments import DIRECTORY_MODE, FILE_MODE, SEGMENT_BYTES, SegmentLog
from anyascope.sdk.delivery.tally import Reason, Tally
from anyascope.sdk.guard import guarded, tell_once

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

SPOOL_BYTES_MAX = 256 * 1024 * 1024  # for all processes of one folder; about a day of a service with 20 spans a second
SPOOL_AGE_S_MAX = 7 * 86_400.0  # older telemetry helps nobody; a week covers a long weekend
ADOPT_EVERY_S = 30.0  # how soon the spool of a dead neighbour is noticed
RETRY_DISK_S = 10.0  # after a disk that was full or gone
REFUSED_FILES_MAX = 100  # kept for people; the oldest give way
MAKING_S_MAX = 3600.0  # a folder under its hidden name is locked within milliseconds, or its process died
_REFUSED = "refused"
_LOCK = "lock"

_held: dict[Path, int] = {}  # folder -> the process that holds its lock; a child's copy names its parent


@dataclass(frozen=True, slots=True)
class SpoolOptions:
    """Where and how much.

    Attributes:
        directory: of this user alone, on a local disk; shared by processes that send to the same far end.
        bytes_max: on disk for all of them; each may exceed it by one segment a lane.
        age_s_max: what is older is dropped unsent.
    """

    directory: Path
    bytes_max: int = SPOOL_BYTES_MAX
    age_s_max: float = SPOOL_AGE_S_MAX


class Home:
    """A process's folder, ours or a dead one's, and the lock that says whose."""

    def __init__(self, path: Path, lock_fd: int) -> None:
        self.path = path
        self.served: set[str] = set()  # kinds of lanes that somebody sends from here
        self._lock_fd = lock_fd

    def close(self) -> None:
        """Give the lock back."""
        _held.pop(self.path, None)
        with contextlib.suppress(OSError):
            os.close(self._lock_fd)

    def move(self, path: Path) -> None:
        """It was renamed."""
        _held.pop(self.path, None)
        self.path = path
        _held[path] = os.getpid()

    def lanes(self, name: str) -> list[Path]:
        """The folders of one signal and format."""
        return sorted(path for path in self.path.glob(f"{name}.*") if path.is_dir())

    def is_empty(self) -> bool:
        """Whether nothing waits here."""
        return not any(self.path.glob("*/*.segment"))


class Spool:
    """The folder, as one process sees it.

    Nothing raises for want of a disk: `append` says False and the caller keeps the body in memory.
    """

    flush_order = 2

    def __init__(self, options: SpoolOptions, *, tally: Tally, now_ns: Callable[[], int] = time.time_ns) -> None:
        self.options = options
        self.tally = tally
        self.now_ns = now_ns
        self._lanes: list[SpoolBacklog] = []
        self.after_fork()
        enrol(self)

    def after_fork(self) -> None:
        """No folder of its own yet, and none of the parent's; closing its files leaves the parent's lock alone."""
        self.lock = threading.RLock()  # bookkeeping; a caller's thread may wait for it
        self._adopting = threading.Lock()  # reading what dead processes left; nobody waits for it but the end
        self._home: Home | None = None
        self._adopted: list[Home] = []
        self._adopt_at_s = 0.0
        self._disk_at_s = 0.0
        self._others_bytes = 0
        self._room = 0  # bytes that surely fit; what is sent meanwhile makes it more

    def lane(self, signal: str, format_name: str) -> SpoolBacklog:
        """The backlog of one signal; a second one of the same kind has a folder of its own."""
        kind = f"{signal}.{format_name}"
        with self.lock:
            names = {lane.name for lane in self._lanes}
            name = next(f"{kind}.{number}" for number in range(len(names) + 1) if f"{kind}.{number}" not in names)
            lane = SpoolBacklog(self, signal=signal, kind=kind, name=name)
            self._lanes.append(lane)
            self._adopt_at_s = 0.0  # what a dead process left for this lane is sent at once
            return lane

    def leave(self, lane: SpoolBacklog) -> None:
        """This lane's files are the spool's no more; what they hold is sent by whoever lives next."""
        with self.lock:
            if lane in self._lanes:
                self._lanes.remove(lane)

    def home(self) -> Path | None:
        """Our folder, made at the first need; None while the disk is not to be had."""
        with self.lock:
            if self._home is None and not self.is_resting():
                try:
                    self._home = _new_home(self.options.directory, self.now_ns())
                except OSError as error:
                    self.fail("opening", error)
            return self._home.path if self._home is not None else None

    def leave_home(self) -> None:
        """Our folder is gone; the next body makes a new one."""
        with self.lock:
            if self._home is not None:
                self._home.close()
                self._home = None

    def fail(self, doing: str, error: Exception) -> None:
        """One log line, and the disk is left alone for a while."""
        self._disk_at_s = time.monotonic() + RETRY_DISK_S
        tell_once(f"{doing} the spool {self.options.directory}; telemetry stays in memory meanwhile", error)

    def is_resting(self) -> bool:
        """Whether the disk failed a moment ago."""
        return time.monotonic() < self._disk_at_s

    def make_room(self, wanted: int) -> bool:
        """Drop the oldest segments until `wanted` bytes fit; False where they cannot."""
        with self.lock:
            self._room -= wanted
            if self._room >= 0:
                return True
            limit = self.options.bytes_max - self._others_bytes
            while self._bytes() + wanted > limit:
                # The trail of custody operations gives way last.
                for lane in sorted(self._lanes, key=lambda lane: (lane.signal == "audit", -lane.size())):
                    items = lane.drop_oldest()
                    if items is not None:
                        self.tally.dropped(lane.signal, Reason.SPOOL_FULL, items)
                        break
                else:
                    return False
            self._room = min(limit - self._bytes() - wanted, SEGMENT_BYTES)
        return True

    def adopt(self) -> None:
        """Take over the folders of dead processes that hold something for our lanes; seldom, and told once if it fails.

        What it reads may be much: it is done without the lock that a caller's thread needs.
        """
        if time.monotonic() < self._adopt_at_s or self.is_resting() or not self._adopting.acquire(blocking=False):
            return
        try:
            self._adopt_at_s = time.monotonic() + ADOPT_EVERY_S
            self._release_empty()
            others = 0
            for path in sorted(self.options.directory.iterdir()):
                if path not in self._known() and _is_home(path):
                    others += self._adopt_one(path)
            self._others_bytes = others
            self._room = 0
            self._serve()
            self._release_empty()
        except FileNotFoundError:
            return  # nothing was ever spooled here
        except OSError as error:
            tell_once(f"looking through the spool {self.options.directory}", error)
        finally:
            self._adopting.release()

    @guarded(None)
    def set_aside(self, signal: str, body: Body) -> None:
        """Keep a refused body where people find it, as the bytes that were sent."""
        if self._home is None:
            return
        folder = self.options.directory / _REFUSED
        folder.mkdir(mode=DIRECTORY_MODE, exist_ok=True)
        kept = sorted(folder.iterdir())
        for path in kept[: max(len(kept) - REFUSED_FILES_MAX + 1, 0)]:
            path.unlink(missing_ok=True)
        name = f"{self.now_ns():020d}-{os.getpid()}-{signal}.body"
        descriptor = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
        with os.fdopen(descriptor, "wb") as file:
            file.write(body.data)

    def flush_at_exit(self, deadline_s: float) -> None:
        """Leave nothing behind but what still waits."""
        for lane in list(self._lanes):
            lane.let_go()
        if self._adopting.acquire(timeout=max(deadline_s - time.monotonic(), 0.0)):
            self._release_empty()
            self._adopting.release()
        with self.lock:
            if self._home is not None and self._home.is_empty():
                shutil.rmtree(self._home.path, ignore_errors=True)
                self._home.close()
                self._home = None

    def _bytes(self) -> int:
        return sum(lane.size() for lane in self._lanes)

    def _known(self) -> set[Path]:
        return {home.path for home in (*self._adopted, *([self._home] if self._home else []))}

    def _adopt_one(self, path: Path) -> int:
        """Take a folder over where its process is dead and it holds something for us; else its bytes."""
        is_ours = any(any(path.glob(f"{lane.kind}.*")) for lane in self._lanes)
        is_wanted = is_ours or not any(path.glob("*/*.segment"))
        home = _locked_home(path, is_new=path.name.startswith(".")) if is_wanted else None
        if home is None:
            return sum(file.stat().st_size for file in path.glob("*/*.segment"))
        self._adopted.append(home)
        return 0

    def _serve(self) -> None:
        """Each kind of lane in a dead process's folder goes to one lane of ours."""
        for home in self._adopted:
            for lane in list(self._lanes):
                if lane.kind not in home.served:
                    home.served.add(lane.kind)
                    lane.adopt(home)

    def _release_empty(self) -> None:
        for home in [home for home in self._adopted if home.is_empty()]:
            for lane in self._lanes:
                lane.release(home)
            shutil.rmtree(home.path, ignore_errors=True)
            home.close()
            self._adopted.remove(home)


class SpoolBacklog:
    """One signal's bodies on disk, those of dead neighbours first; in memory while the disk is not to be had."""

    def __init__(self, spool: Spool, *, signal: str, kind: str, name: str) -> None:
        self.signal = signal
        self.kind = kind
        self.name = name
        self._spool = spool
        self._memory = MemoryBacklog(signal=signal, tally=spool.tally)
        self._own: SegmentLog | None = None
        self._own_home: Path | None = None
        self._adopted: list[tuple[Home, SegmentLog]] = []
        self.after_fork()

    def after_fork(self) -> None:
        for log in self._logs():
            log.abandon()
        self._own = None
        self._adopted = []
        self._from: SegmentLog | MemoryBacklog = self._memory
        self._opening = threading.RLock()
        self._memory.after_fork()

    def put(self, body: Body) -> None:
        """On the disk before this returns, wherever that can be."""
        if not self._write(body):
            self._memory.put(body)

    def look_around(self) -> None:
        self._spool.adopt()

    def take(self, bytes_max: int) -> list[Body]:
        self.look_around()
        for log in self._logs():
            self._from = log
            if bodies := self._sound(log, bytes_max):
                return bodies
        self._from = self._memory
        return self._memory.take(bytes_max)

    def done(self, count: int) -> None:
        self._from.done(count)

    def waiting(self) -> tuple[int, int]:
        places = [log.waiting() for log in self._logs()] + [self._memory.waiting()]
        return sum(items for items, _ in places), sum(size for _, size in places)

    def size(self) -> int:
        """Bytes on disk."""
        return sum(log.size for log in self._logs())

    def drop_oldest(self) -> int | None:
        """Items of the oldest segment, which is gone now; None where there is none to spare."""
        for log in self._logs():
            items = log.drop_oldest()
            if items is not None:
                return items
        return None

    def drop_all(self) -> int:
        return self._memory.drop_all()

    def adopt(self, home: Home) -> None:
        """Send what lies in another's folder too."""
        found = [(home, SegmentLog(path, is_own=False, lost=self._lost)) for path in home.lanes(self.kind)]
        self._adopted = [*self._adopted, *found]

    def release(self, home: Home) -> None:
        """Another's folder is empty."""
        for of, log in self._adopted:
            if of is home:
                log.close()
        self._adopted = [(of, log) for of, log in self._adopted if of is not home]

    def close(self) -> None:
        self.let_go()
        self._spool.leave(self)

    def let_go(self) -> None:
        """Close the files; the next body opens them again."""
        for log in self._logs():
            log.close()

    def _logs(self) -> Iterator[SegmentLog]:
        yield from [log for _, log in self._adopted]
        if self._own is not None:
            yield self._own

    def _sound(self, log: SegmentLog, bytes_max: int) -> list[Body]:
        """The next sound bodies of a log; what is torn or too old before them is counted and passed."""
        while True:
            bodies: list[Body] = []
            reason = None
            for frame in log.take(bytes_max):
                reason = self._flaw(frame)
                if reason is not None or frame.body is None:
                    break
                bodies.append(frame.body)
            if bodies or reason is None:
                return bodies
            self._spool.tally.dropped(self.signal, reason, frame.items)
            log.done(1)

    def _flaw(self, frame: Frame) -> Reason | None:
        if frame.body is None:
            return Reason.TORN
        age_s = (self._spool.now_ns() // NS_PER_MS - frame.time_ms) / 1000
        return Reason.EXPIRED if age_s > self._spool.options.age_s_max else None

    def _write(self, body: Body) -> bool:
        frame = encode_frame(body, time_ms=self._spool.now_ns() // NS_PER_MS)
        try:
            try:
                return self._append(frame, body.items)
            except FileNotFoundError:  # somebody cleaned up: a new folder, with a lock of its own
                self._spool.leave_home()
                return self._append(frame, body.items)
        except OSError as error:
            self._spool.fail("writing", error)
            return False

    def _append(self, frame: bytes, items: int) -> bool:
        spool = self._spool
        home = None if spool.is_resting() else spool.home()
        if home is None or not spool.make_room(len(frame)):
            return False
        self._log(home).append(frame, items=items)
        return True

    def _log(self, home: Path) -> SegmentLog:
        with self._opening:
            if self._own is None or self._own_home is not home:
                if self._own is not None:
                    self._lost(self._own.forget())
                self._own = SegmentLog(home / self.name, is_own=True, lost=self._lost)
                self._own_home = home
            return self._own

    def _lost(self, items: int) -> None:
        self._spool.tally.dropped(self.signal, Reason.TORN, items)


def _is_home(path: Path) -> bool:
    """Whether a process's folder stands here; a hidden one is still being made, unless it is old."""
    if path.name == _REFUSED or not path.is_dir():
        return False
    return not path.name.startswith(".") or time.time() - path.stat().st_mtime > MAKING_S_MAX


def _new_home(directory: Path, now_ns: int) -> Home:
    """A locked folder of our own. It is made under a hidden name, so that nobody adopts it before it is locked.

    Raises:
        OSError: the directory cannot be made, is not ours, or cannot lock.
    """
    directory.mkdir(mode=DIRECTORY_MODE, parents=True, exist_ok=True)
    status = directory.stat()
    if hasattr(os, "geteuid") and status.st_uid != os.geteuid():
        raise PermissionError("the directory belongs to another user")
    if status.st_mode & 0o077:
        directory.chmod(DIRECTORY_MODE)
    name = f"{os.getpid()}-{now_ns:x}-{secrets.token_hex(4)}"
    hidden, path = directory / f".{name}", directory / name
    hidden.mkdir(mode=DIRECTORY_MODE)
    # Ours from before it can be seen: our own courier looks for dead neighbours, and a lock does not conflict with itself.
    _held[path] = os.getpid()
    try:
        home = _locked_home(hidden, is_new=True)
        assert home is not None, "nobody knows the name"
        hidden.rename(path)
    except BaseException:
        _held.pop(path, None)
        shutil.rmtree(hidden, ignore_errors=True)
        raise
    home.move(path)
    return home


def _locked_home(path: Path, *, is_new: bool) -> Home | None:
    """The folder under our lock; None where its process lives, or nobody's lock ever was there.

    POSIX record locks: they end with the process that took them, and its forked children do not inherit them.
    """
    if fcntl is None:
        raise OSError("this system has no POSIX record locks")
    if _held.get(path) == os.getpid():
        return None
    try:
        descriptor = os.open(path / _LOCK, os.O_RDWR | (os.O_CREAT if is_new else 0), FILE_MODE)
    except FileNotFoundError:
        return None  # its owner is just taking it away
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        is_same = os.stat(path / _LOCK).st_ino == os.fstat(descriptor).st_ino  # noqa: PTH116  # beside fstat
    except OSError:
        os.close(descriptor)
        return None
    if not is_same:
        os.close(descriptor)
        return None
    _held[path] = os.getpid()
    return Home(path, descriptor)
