"""`anyascope up`: from settings to an exit code. What refuses a start stands here; the house is loaded when nothing does."""

from __future__ import annotations

import sys

from anyascope.app.guards import check_bind, check_reserve, prepare_directory
from anyascope.app.plan import read_plan
from anyascope.app.sockets import bind_all
from anyascope.config.load import Sources
from anyascope.config.settings import Settings, StoreKind
from anyascope.errors import AnyascopeError

EXIT_REFUSED = 2


def run_server(sources: Sources) -> int:
    """Run until SIGTERM or SIGINT; 0 after an orderly stop, 2 where the start was refused (stderr says why, in one line)."""
    try:
        plan = read_plan(sources)
        _check(plan.settings)
        sockets = bind_all(plan.settings)
        from anyascope.app.serving import serve  # noqa: PLC0415  # a refused start need not wait for the whole house

        serve(plan, sockets, sources=sources)
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
