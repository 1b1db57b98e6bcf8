"""`anyascope up`: from settings to an exit code."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys

import structlog
import uvloop

from anyascope import __version__
from anyascope.app.build import build
from anyascope.app.ground import Ground, machine_ground, settle
from anyascope.app.guards import check_bind, check_reserve, prepare_directory
from anyascope.app.house import House
from anyascope.app.logs import configure_logs
from anyascope.app.plan import read_plan
from anyascope.app.reload import Plan, Reloads
from anyascope.app.watch_self import OwnTelemetry
from anyascope.config.load import Sources
from anyascope.config.settings import Settings, StoreKind
from anyascope.errors import AnyascopeError

EXIT_REFUSED = 2

log = structlog.get_logger("anyascope.app")


def run_server(sources: Sources) -> int:
    """Run until SIGTERM or SIGINT; 0 after an orderly stop, 2 where the start was refused (stderr says why, in one line)."""
    try:
        plan = read_plan(sources)
        _check(plan.settings)
        ground = machine_ground()
        own = OwnTelemetry(clock=ground.clock, registry=ground.registry) if sources.collect else None
        settings = plan.settings
        configure_logs(
            log_format=settings.log_format.value,
            level=settings.log_level.value,
            keep=own.log_event if own is not None else None,
        )
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(sources, plan, ground=ground, own=own))
    except AnyascopeError as error:
        print(f"anyascope: {error}", file=sys.stderr)  # noqa: T201  # the one line that a person at a terminal needs
        return EXIT_REFUSED
    return 0


def _check(settings: Settings) -> None:
    has_tls = settings.server.tls is not None
    has_token = bool(settings.token_files)
    for address in (settings.server.listen, settings.receive.otlp_grpc, settings.receive.otlp_http):
        if address is not None:
            check_bind(address, has_tls=has_tls, has_token=has_token)
    if settings.storage.kind is StoreKind.CHDB:
        prepare_directory(settings.storage.directory)
        check_reserve(settings.storage.directory, reserve_bytes=settings.storage.reserve_bytes)


async def _serve(sources: Sources, plan: Plan, *, ground: Ground, own: OwnTelemetry | None) -> None:
    stopped = asyncio.Event()
    house, reloads = await build(plan, read=lambda: read_plan(sources), ground=ground, own=own)
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
