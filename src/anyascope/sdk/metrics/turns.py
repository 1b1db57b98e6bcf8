"""Whose turn it is to push what all processes of a folder counted.

The totals in `PROMETHEUS_MULTIPROC_DIR` outlive each process, so one push tells them all, whichever process makes it; two at
once would tell them twice. A ledger in the folder says who pushed last and when: that process goes on, and another one takes
its place when it falls silent.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anyascope.clock import Clock
from anyascope.sdk.metrics.directory import FILE_MODE, held

SILENT_FACTOR = 1.5  # of the interval: after that much silence another process takes over
FORCED_WITHIN_S = 1.0  # to wait for the lock at a last push; a reading takes milliseconds
LEDGER_BYTES = 256  # always as long, so that no rest of a longer text is left behind
_NAME_CHARS = 12


@dataclass(frozen=True, slots=True)
class Family:
    """The processes of a folder, as one instance of the service.

    Attributes:
        instance: their `service.instance.id`.
        start_ns: since when their totals count.
    """

    instance: str
    start_ns: int


class Turns:
    """Decides for one folder and one far end.

    Args:
        folder: of multiprocess mode.
        far_end: where the push goes.
        every_ns: how often.
        clock: the same for all processes of a machine.
    """

    def __init__(self, folder: Path, far_end: str, *, every_ns: int, clock: Clock) -> None:
        digest = hashlib.blake2b(far_end.encode(), digest_size=_NAME_CHARS // 2).hexdigest()
        self._folder = folder
        self._name = f"push-{digest}"
        self._ledger = folder / f"anyascope-push-{digest}.json"
        self._every_ns = every_ns
        self._clock = clock

    @contextlib.contextmanager
    def turn(self, *, is_forced: bool) -> Iterator[Family | None]:
        """Whom to push for, until the block ends; None where it is another's turn.

        Args:
            is_forced: a last push, which waits for its turn.
        """
        with held(self._folder, self._name, within_s=FORCED_WITHIN_S if is_forced else 0.0) as is_alone:
            entry = self._read()
            if not is_alone or not (is_forced or self._is_due(entry)):
                yield None
                return
            # Before the push: one that fails is repeated by the next turn, not at once by everybody.
            entry |= {"pusher": os.getpid(), "pushed_ns": self._clock.monotonic_ns()}
            self._write(entry)
            yield Family(entry["instance"], entry["start_ns"])

    def _is_due(self, entry: dict[str, Any]) -> bool:
        silent_ns = self._clock.monotonic_ns() - entry["pushed_ns"]
        is_ours = entry["pusher"] == os.getpid()
        return is_ours or not 0 <= silent_ns < SILENT_FACTOR * self._every_ns  # below 0: written before a reboot

    def _read(self) -> dict[str, Any]:
        try:
            found = json.loads(self._ledger.read_bytes()[:LEDGER_BYTES])
            entry = {
                "instance": str(found["instance"]),
                "start_ns": int(found["start_ns"]),
                "pusher": int(found["pusher"]),
                "pushed_ns": int(found["pushed_ns"]),
            }
        except (OSError, ValueError, TypeError, KeyError):
            start_ns = self._clock.now_ns()
            entry = {"instance": str(uuid.uuid4()), "start_ns": start_ns, "pusher": 0, "pushed_ns": -(2**62)}
        return entry

    def _write(self, entry: dict[str, Any]) -> None:
        # One write of a few bytes in place: a process that is killed leaves the old text or the new one.
        with contextlib.suppress(OSError):
            descriptor = os.open(self._ledger, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
            try:
                os.pwrite(descriptor, json.dumps(entry).encode().ljust(LEDGER_BYTES), 0)
            finally:
                os.close(descriptor)
