"""The doors through which telemetry leaves the process, and the account of all of them."""

from __future__ import annotations

import os
import time
import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prometheus_client import REGISTRY, CollectorRegistry

from anyascope.sdk.delivery.backlog import BODY_BYTES_MAX, Backlog, Body, MemoryBacklog
from anyascope.sdk.delivery.courier import FLUSH_WITHIN_S, Courier, Lane, Sender
from anyascope.sdk.delivery.loading import SENDING, preload
from anyascope.sdk.delivery.process import enrol
from anyascope.sdk.delivery.queue import BatchQueue
from anyascope.sdk.delivery.spool import SPOOL_AGE_S_MAX, SPOOL_BYTES_MAX, Spool, SpoolOptions
from anyascope.sdk.delivery.tally import SIGNALS, Reason, SignalStats, Tally, register_collector
from anyascope.sdk.delivery.target import Format, Target, Transport
from anyascope.sdk.guard import as_number, as_text, guarded, quoted, report_misuse, tell_once


class Door:
    """One signal's way out: bodies go in at once, and leave when the far end takes them.

    Args:
        lane: what waits, and who sends it.
        courier: whose thread sends.
        tally: where drops are counted.
        is_durable: whether a body that went in survives the process.

    `joins` says whether bodies that wait travel as one.
    """

    def __init__(self, lane: Lane, courier: Courier, *, tally: Tally, is_durable: bool) -> None:
        self.signal = lane.signal
        self.joins = lane.joins
        self.is_durable = is_durable
        self._lane = lane
        self._courier = courier
        self._tally = tally
        self._is_closed = False

    @guarded(False)
    def deliver(self, body: bytes, *, items: int = 1) -> bool:
        """Whether the body is on its way; never waits for the far end.

        Args:
            body: encoded as the target's format says, at most `BODY_BYTES_MAX`.
            items: spans, records or points in it, for the account.
        """
        if not (_is_bytes(body) and _is_count(items)):
            report_misuse(
                f"deliver() wants bytes and a number of items, got {type(body).__name__} and {type(items).__name__}"
            )
            return False
        if not body:
            return True
        if self._is_closed or len(body) > BODY_BYTES_MAX:
            self._tally.dropped(self.signal, Reason.SHUTDOWN if self._is_closed else Reason.TOO_LARGE, items)
            return False
        self._lane.backlog.put(Body(body, items))
        self._courier.nudge(self._lane)
        return True

    @guarded(False)
    def flush(self, within_s: float = FLUSH_WITHIN_S) -> bool:
        """Whether everything of this far end was sent within `within_s`."""
        return self._courier.flush(checked_seconds(within_s))

    @guarded(None)
    def close(self, within_s: float = FLUSH_WITHIN_S) -> None:
        """Send what can be sent within `within_s` and take nothing more; what the spool holds stays there."""
        if self._is_closed:
            return
        self._is_closed = True
        self._courier.flush(checked_seconds(within_s))
        self._courier.remove(self._lane)
        left = self._lane.backlog.drop_all()
        self._lane.backlog.close()
        self._tally.dropped(self.signal, Reason.SHUTDOWN, left)
        _doors.pop(id(self), None)
        if left:
            tell_once("ending", TimeoutError(f"{left} items of {self.signal} were not sent to {self._courier.name}"))

    def waiting(self) -> tuple[int, int]:
        """Items and bytes that wait, in memory and on disk."""
        return self._lane.backlog.waiting()

    @property
    def is_reachable(self) -> bool:
        """Whether the far end answered when it was last tried."""
        return self._courier.outage.failures == 0


@dataclass(frozen=True, slots=True)
class DeliveryStats:
    """Where telemetry stands now.

    Attributes:
        signals: by signal, what waits, went and was dropped since this process began.
        unreachable: far ends that did not answer when they were last tried.
    """

    signals: dict[str, SignalStats]
    unreachable: tuple[str, ...]


LIMIT_MAX = 2**40  # of bytes that somebody gives: a terabyte
WAIT_S_MAX = 1e9  # of seconds: longer than any process lives, and what `threading` takes

_tally = Tally()
_couriers: dict[str, Courier] = {}
_doors: dict[int, Door] = {}
_latest: dict[str, Door] = {}
_queues: weakref.WeakSet[BatchQueue[Any]] = weakref.WeakSet()
_spools: dict[Path, Spool] = {}
_spool: Spool | None = None
enrol(_tally)


@guarded(None)
def use_spool(
    directory: str | os.PathLike[str] | None, *, bytes_max: int = SPOOL_BYTES_MAX, age_s_max: float = SPOOL_AGE_S_MAX
) -> None:
    """Doors that are opened from now on keep their bodies in this folder; with None in memory.

    Args:
        directory: on a local disk, of this user alone; services may share it that send to the same far end.
        bytes_max: on disk for all processes, above 0; beyond it the oldest are dropped and counted.
        age_s_max: seconds after which a body is dropped unsent, above 0.
    """
    global _spool  # noqa: PLW0603  # an option of the process
    if directory is None:
        _spool = None
        return
    if not (_is_path(directory) and _is_positive(bytes_max) and _is_positive(age_s_max)):
        given = f"{quoted(directory)}, {quoted(bytes_max)} and {quoted(age_s_max)}"
        report_misuse(f"spool wants a directory and limits above 0, got {given}")
        return
    path = Path(directory).expanduser().absolute()
    options = SpoolOptions(path, bytes_max=int(bytes_max), age_s_max=float(age_s_max))
    known = _spools.get(path)
    if known is None:
        known = _spools[path] = Spool(options, tally=_tally)
    known.options = options
    _spool = known


def open_door(signal: str, target: Target) -> Door:
    """A way out for one signal; the latest one of a signal serves `deliver` too.

    Args:
        signal: one of `SIGNALS`.
        target: where to. Doors to one scheme, host and port share a thread and its back-off.

    Where that cannot be meant, or gRPC is asked for and not installed, one line says so and the door is shut: what goes in is
    dropped and counted.
    """
    known = as_text(signal)
    if known not in SIGNALS or not issubclass(type(target), Target):
        wanted = f"a signal of {', '.join(SIGNALS)} and a Target"
        report_misuse(f"open_door() wants {wanted}, got {quoted(signal)} and {quoted(target)}")
        return _shut_door()
    try:
        return _open(known, target)
    except Exception as error:  # noqa: BLE001  # ours, never the host's
        tell_once(f"opening a door for {known}", error)
        return _shut_door()


def _shut_door() -> Door:
    nowhere = _sender("metrics", Target("http://127.0.0.1"))
    lane = Lane("metrics", MemoryBacklog(signal="metrics", tally=_tally), nowhere, joins=True, set_aside=_nowhere)
    door = Door(lane, Courier("nowhere", tally=_tally), tally=_tally, is_durable=False)
    door.close(0.0)
    return door


def _open(signal: str, target: Target) -> Door:
    spool = _spool
    kind = target.format.value
    backlog: Backlog = MemoryBacklog(signal=signal, tally=_tally) if spool is None else spool.lane(signal, kind)
    lane = Lane(
        signal,
        backlog,
        _sender(signal, target),
        joins=target.format is Format.OTLP,
        set_aside=spool.set_aside if spool is not None else _nowhere,
    )
    courier = _couriers.get(target.far_end)
    if courier is None:
        courier = _couriers[target.far_end] = Courier(target.far_end, tally=_tally)
    courier.add(lane)
    if spool is not None:
        courier.nudge()  # what dead processes left is sent without waiting for the first body of ours
    door = Door(lane, courier, tally=_tally, is_durable=spool is not None)
    _latest[signal] = _doors[id(door)] = door
    return door


@guarded(False)
def deliver(signal: str, body: bytes, *, items: int = 1) -> bool:
    """Send an encoded body by the latest door of its signal; False where there is none, or it cannot take it."""
    door = _latest.get(as_text(signal) or "")
    if door is None:
        report_misuse(f"deliver() wants a signal that has a door, got {quoted(signal)}: open one with open_door()")
        return False
    return door.deliver(body, items=items)


@guarded(DeliveryStats({}, ()))
def delivery_stats() -> DeliveryStats:
    """What waits, went and was dropped, and who does not answer."""
    return DeliveryStats(
        _tally.stats(_places()), tuple(sorted(name for name, courier in _couriers.items() if courier.outage.failures))
    )


@guarded(None)
def register(registry: CollectorRegistry = REGISTRY) -> None:
    """Show `anya_telemetry_{dropped_total,exported_total,queue_depth,waiting_bytes}` in this registry; once is enough."""
    if not callable(getattr(registry, "register", None)):
        report_misuse(f"register() wants a CollectorRegistry, got {type(registry).__name__}")
        return
    register_collector(registry, lambda: _tally.stats(_places()))


@guarded(False)
def flush(within_s: float = FLUSH_WITHIN_S) -> bool:
    """Whether everything that was recorded so far was sent within `within_s`."""
    deadline_s = time.monotonic() + checked_seconds(within_s)
    queues = [queue.flush(max(deadline_s - time.monotonic(), 0.0)) for queue in list(_queues)]
    couriers = [courier.flush(max(deadline_s - time.monotonic(), 0.0)) for courier in list(_couriers.values())]
    return all(queues) and all(couriers)


def tally() -> Tally:
    """The account of this process."""
    return _tally


def watch(queue: BatchQueue[Any]) -> None:
    """Show this queue's depth, and flush it with the doors."""
    _queues.add(queue)


def _places() -> Iterator[tuple[str, int, int, int]]:
    for queue in list(_queues):
        yield queue.signal, queue.depth, 0, 0
    for courier in list(_couriers.values()):
        for lane in courier.lanes:
            yield lane.signal, 0, *lane.backlog.waiting()


def _sender(signal: str, target: Target) -> Sender:
    preload(*SENDING)
    if target.transport is Transport.GRPC:
        try:
            from anyascope.sdk.delivery.grpc import GrpcSender  # noqa: PLC0415  # an extra, and heavy
        except ImportError as error:
            raise ImportError("OTLP over gRPC needs gRPC: pip install 'anyascope[grpc]'") from error
        return GrpcSender(target, signal=signal)
    from anyascope.sdk.delivery.http import HttpSender  # noqa: PLC0415  # TLS and proxies load when they are used

    return HttpSender(target)


def _is_bytes(value: object) -> bool:
    return isinstance(value, bytes)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_path(value: object) -> bool:
    return isinstance(value, str | os.PathLike)


def _is_positive(value: object) -> bool:
    number = as_number(value)
    return number is not None and 0 < number <= LIMIT_MAX  # not where it is no number: that compares as False


def checked_seconds(value: object, default: float = FLUSH_WITHIN_S) -> float:
    """A time to wait, 0 or more."""
    number = as_number(value)
    if number is not None and number >= 0:  # not where it is no number
        return float(min(number, WAIT_S_MAX))
    report_misuse(f"a time to wait must be a number of seconds, 0 or more, got {quoted(value)}; {default:g} is used")
    return default


def _nowhere(signal: str, body: Body) -> None:
    """Without a spool a refused body is counted and gone."""
