"""The life of the server in its process: built, started, told of by signals, stopped."""

from __future__ import annotations

import asyncio
import contextlib
import faulthandler
import signal

import structlog
import uvloop

from anyascope import __version__
from anyascope.app.build import build
from anyascope.app.ground import Ground, machine_ground, settle
from anyascope.app.house import House
from anyascope.app.logs import configure_logs
from anyascope.app.plan import read_plan
from anyascope.app.reload import Plan, Reloads
from anyascope.app.sockets import Sockets
from anyascope.app.watch_self import OwnTelemetry
from anyascope.config.load import Sources
from anyascope.errors import AnyascopeError

STANDARD_ERROR = 2
FATAL_SIGNALS = (signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGFPE, signal.SIGABRT)

log = structlog.get_logger("anyascope.app")


def serve(plan: Plan, sockets: Sockets, *, sources: Sources) -> None:
    """Serve by this plan until SIGTERM or SIGINT.

    Args:
        sockets: bound, and closed at the end.
        sources: where a reload reads the plan again.

    Raises:
        AnyascopeError: the house cannot be built or started.
    """
    ground = machine_ground()
    own = OwnTelemetry(clock=ground.clock, registry=ground.registry) if sources.collect else None
    configure_logs(
        log_format=plan.settings.log_format.value,
        level=plan.settings.log_level.value,
        keep=own.log_event if own is not None else None,
    )
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(plan, sockets, sources=sources, ground=ground, own=own))


async def _serve(plan: Plan, sockets: Sockets, *, sources: Sources, ground: Ground, own: OwnTelemetry | None) -> None:
    stopped = asyncio.Event()
    house, reloads = await build(plan, sockets, read=lambda: read_plan(sources), ground=ground, own=own)
    try:
        _listen_to_signals(reloads, stopped)
        await house.start(plan)
        settle()
        _announce(house)
        await stopped.wait()
    finally:
        log.info("stopping")
        await house.stop()


def _listen_to_signals(reloads: Reloads, stopped: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    running: set[asyncio.Task[None]] = set()

    def reload() -> None:
        task = asyncio.create_task(_reload(reloads))
        running.add(task)
        task.add_done_callback(running.discard)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    loop.add_signal_handler(signal.SIGHUP, reload)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})  # `up` blocked it for the time of the start
    _die_of_faults()
    # Not the loop's: it answers also where the loop, or a thread with the interpreter's lock, hangs.
    faulthandler.register(signal.SIGQUIT, file=STANDARD_ERROR, all_threads=True)


def _die_of_faults() -> None:
    """Let a fault of native code end the process, with a word of where, so that it is started again.

    The engine, which is open by now, has handlers of its own: they keep the process, which stands still then for ever.
    """
    for number in FATAL_SIGNALS:
        signal.signal(number, signal.SIG_DFL)
    faulthandler.enable(file=STANDARD_ERROR, all_threads=True)


async def _reload(reloads: Reloads) -> None:
    # Refused or not, it has been logged, and `doctor` shows it.
    with contextlib.suppress(AnyascopeError):
        await reloads.reload()


def _announce(house: House) -> None:
    # On standard output, for people and for scripts that wait for it.
    print(f"anyascope {__version__} listens on {house.url}", flush=True)  # noqa: T201
    for face in house.faces:
        if face.note:
            print(f"  {face.name}: {face.note}", flush=True)  # noqa: T201
