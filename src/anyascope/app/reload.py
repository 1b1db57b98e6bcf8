"""Reading the configuration again: what can change does so at once, and a broken one changes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import structlog

from anyascope.clock import Clock
from anyascope.config.settings import Settings
from anyascope.errors import AnyascopeError
from anyascope.rules.definition import RuleGroup

log = structlog.get_logger("anyascope.app")


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole configuration, read and checked: the settings and the rules that they name."""

    settings: Settings
    groups: Sequence[RuleGroup]


class Reloads:
    """The configuration in force, and how to exchange it.

    Args:
        plan: what is in force at the start.
        read: reads everything again; raises `AnyascopeError` where anything is wrong.
    """

    def __init__(self, plan: Plan, *, read: Callable[[], Plan], clock: Clock) -> None:
        self._read = read
        self._plan = plan
        self._apply: Callable[[Plan], Awaitable[None]] | None = None
        self._clock = clock
        self._lock = asyncio.Lock()
        self.settings = plan.settings
        self.loaded_ns = clock.now_ns()
        self.error = ""
        self.failed_ns = 0

    def applies_by(self, apply: Callable[[Plan], Awaitable[None]]) -> None:
        """Put plans into force by this."""
        self._apply = apply

    async def reload(self) -> None:
        """Put the configuration as it is written now into force.

        Raises:
            AnyascopeError: it is broken, or a room could not take it; the old one stays in force and `error` says why.
        """
        async with self._lock:
            try:
                plan = await self._read_again()
                await self._exchange(plan)
            except AnyascopeError as error:
                self.error, self.failed_ns = str(error), self._clock.now_ns()
                log.error("reload_refused", error=self.error)  # noqa: TRY400  # expected; the message says all
                raise
            needs_restart = _needs_restart(self.settings, plan.settings)
            self._plan, self.settings = plan, plan.settings
            self.loaded_ns = self._clock.now_ns()
            self.error = ""
            log.info("configuration_reloaded", file=str(plan.settings.file or ""), needs_restart=needs_restart)

    async def _read_again(self) -> Plan:
        try:
            return await asyncio.to_thread(self._read)
        except AnyascopeError:
            raise
        except Exception as error:
            log.exception("reload_broke")
            raise AnyascopeError(f"the configuration could not be read, see the log: {error}") from error

    async def _exchange(self, plan: Plan) -> None:
        """Put a plan into force as a whole: where a room cannot take it, all of them go back to the one before.

        Routes of one plan and channels of another would lose what is sent.
        """
        assert self._apply is not None  # a house is built before it is reloaded
        try:
            await self._apply(plan)
        except Exception as error:
            if not isinstance(error, AnyascopeError):
                log.exception("reload_broke")
            try:
                await self._apply(self._plan)
            except Exception:
                log.exception("reload_not_taken_back")
            if isinstance(error, AnyascopeError):
                raise
            raise AnyascopeError(f"the configuration could not be put into force, see the log: {error}") from error


def _needs_restart(old: Settings, new: Settings) -> list[str]:
    """Sections that changed and count only after a restart."""
    pairs = {
        "server": (old.server, new.server),
        "receive": (old.receive, new.receive),
        "access": (old.token_files, new.token_files),
        "storage": (old.storage, new.storage),
        "forward": (old.forward.spool_bytes_max, new.forward.spool_bytes_max),
        "limits.query_concurrency": (old.queries.concurrency_max, new.queries.concurrency_max),
        "limits": (old.admit, new.admit),
        "logging": ((old.log_format, old.log_level), (new.log_format, new.log_level)),
    }
    return [name for name, (before, after) in pairs.items() if before != after]
