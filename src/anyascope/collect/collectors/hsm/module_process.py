"""A vendor's module in a process of its own, with a deadline for every call."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import anyascope
from anyascope.clock import Clock
from anyascope.collect.collectors.hsm.nouns import HsmFailure
from anyascope.semconv.hsm import TIMEOUT

OWN_VARIABLES = "ANYASCOPE_"
PROGRAM = "anyascope.collect.collectors.hsm.child"
ANSWER_BYTES_MAX = 16 * 1024 * 1024  # 200 certificates of 16 kB in hex are 6.5 MB
LOAD_TIMEOUT_S = 10.0  # libraries of network devices and clusters connect to all of them first
ENDED_CHECK_S = 0.1  # between two looks whether the process still lives, while an answer is waited for
KILL_WAIT_S = 1.0  # a process in the kernel's uninterruptible sleep outlives its SIGKILL; nobody waits for it

_WORDS = re.compile(r"[\s:=,;]+")


class ModuleProcess:
    """Asks a module one thing at a time.

    Args:
        module: the library's path.
        environment: variables beside the server's own.
        withheld: what stands in none of the server's variables that the module gets: the PIN, empty where there is none.
        timeout_s: how long a call may take; starting and loading the library may take `LOAD_TIMEOUT_S`, if that is longer.

    Attributes:
        starts: how many processes were started so far.
        asked_ns: since when an answer is waited for, by the monotonic clock; None where none is, or the library loads.
    """

    def __init__(
        self,
        module: Path,
        environment: Mapping[str, str],
        *,
        timeout_s: float,
        clock: Clock,
        withheld: Callable[[], str] = str,
    ) -> None:
        self._module = module
        self._environment = dict(environment)
        self._timeout_s = timeout_s
        self._clock = clock
        self._withheld = withheld
        self._child: asyncio.subprocess.Process | None = None
        self.starts = 0
        self.asked_ns: int | None = None

    @property
    def pid(self) -> int:
        """Of the child; 0 where none runs."""
        return self._child.pid if self._child is not None else 0

    async def ask(self, call: str, *arguments: Any) -> dict[str, Any]:
        """What the child answers; it is started and the module loaded where needed.

        Raises:
            HsmFailure: the module answered with an error, was late (its process is killed then), or died.
        """
        if self._child is None:
            loaded = await self._within(max(self._timeout_s, LOAD_TIMEOUT_S), "load", str(self._module))
            if "error_type" in loaded:
                await self.close()
            _judged(loaded)
        self.asked_ns = self._clock.monotonic_ns()
        try:
            return _judged(await self._within(self._timeout_s, call, *arguments))
        finally:
            self.asked_ns = None

    async def renew(self) -> None:
        """Let the module begin anew in the process that runs; where it cannot, the next question starts another process."""
        if self._child is None:
            return
        with contextlib.suppress(HsmFailure):
            answer = await self._within(max(self._timeout_s, LOAD_TIMEOUT_S), "renew")
            if "error_type" in answer:
                await self.close()

    async def _within(self, timeout_s: float, call: str, *arguments: Any) -> dict[str, Any]:
        try:
            async with asyncio.timeout(timeout_s):
                if self._child is None:
                    self._child = await self._start()
                return await self._exchange(call, *arguments)
        except TimeoutError:
            await self.close()
            raise HsmFailure(TIMEOUT, f"{call}: no answer within {timeout_s:g} s, its process was killed") from None
        except BaseException:
            # An answer that is still to come would be taken for the next question's.
            await self.close()
            raise

    async def close(self) -> None:
        """Kill the child, if there is one, and what its module left behind."""
        child, self._child = self._child, None
        if child is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)  # it leads a session of its own
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(KILL_WAIT_S):
                await child.wait()

    async def _start(self) -> asyncio.subprocess.Process:
        root = str(Path(anyascope.__file__).parents[1])
        path = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH", ""))))
        self.starts += 1
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", PROGRAM),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env={**passed_on(os.environ, self._withheld()), **self._environment, "PYTHONPATH": path},
            limit=ANSWER_BYTES_MAX,
            start_new_session=True,
        )

    async def _exchange(self, call: str, *arguments: Any) -> dict[str, Any]:
        child = self._child
        assert child is not None
        assert child.stdin is not None
        assert child.stdout is not None
        try:
            child.stdin.write(json.dumps({"call": call, "with": arguments}).encode() + b"\n")
            await child.stdin.drain()
            line = await _line_of(child)
            answer: dict[str, Any] = json.loads(line)
        except (OSError, ValueError) as error:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(KILL_WAIT_S):
                    await child.wait()
            raise HsmFailure("io_failed", f"{call}: the module's process ended ({_ending(child)})") from error
        return answer


async def _line_of(child: asyncio.subprocess.Process) -> bytes:
    """The next line of a child; what came of it where it ended.

    The end of the pipe alone does not tell: a process that the module left behind holds it open.
    """
    assert child.stdout is not None
    reading = asyncio.ensure_future(child.stdout.readline())
    try:
        while not reading.done():
            has_ended = child.returncode is not None
            await asyncio.wait({reading}, timeout=ENDED_CHECK_S)
            if has_ended and not reading.done():
                return b""
        return reading.result()
    finally:
        reading.cancel()


def passed_on(environment: Mapping[str, str], secret: str) -> dict[str, str]:
    """What a vendor's library gets of the server's variables: none of the server's own settings, none that holds the secret."""
    return {
        name: value
        for name, value in environment.items()
        if not name.startswith(OWN_VARIABLES) and not (secret and secret in (value, *_WORDS.split(value)))
    }


def _ending(child: asyncio.subprocess.Process) -> str:
    code = child.returncode
    if code is None:
        return "without an answer"
    return f"signal {-code}" if code < 0 else f"code {code}"


def _judged(answer: dict[str, Any]) -> dict[str, Any]:
    if "error_type" in answer:
        raise failure_of(answer)
    return answer


def failure_of(told: Mapping[str, Any]) -> HsmFailure:
    """A failure as the child tells it."""
    return HsmFailure(told["error_type"], told["message"], code=told["code"], is_harmless=told["is_harmless"])
