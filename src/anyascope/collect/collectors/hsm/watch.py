"""Watches one HSM: asks, tries, counts, and says how it is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import structlog

from anyascope.clock import NS_PER_S, Clock
from anyascope.collect.collectors.hsm.clients import Client, clients_of, suspects
from anyascope.collect.collectors.hsm.families import (
    client_families,
    inventory_families,
    mechanism_families,
    sight_families,
)
from anyascope.collect.collectors.hsm.nouns import (
    HsmFailure,
    HsmProvider,
    Operation,
    PinState,
    Sight,
    TokenSight,
    wanted,
)
from anyascope.collect.collectors.hsm.pin import PinGate
from anyascope.collect.collectors.hsm.pkcs11 import Pkcs11Provider
from anyascope.collect.collectors.hsm.remote import VaultProvider, Web3SignerProvider
from anyascope.collect.collectors.hsm.sessions import SessionTrend
from anyascope.collect.collectors.hsm.tally import PREFIX, OperationTally
from anyascope.collect.hsm_options import HsmOptions, Pkcs11Options, RemoteOptions, SignerKind
from anyascope.collect.points import Family, counter, gauge
from anyascope.collect.runner import Job, Round
from anyascope.model.labels import labels_of
from anyascope.model.metrics import MetricType
from anyascope.semconv.hsm import TIMEOUT

CLIENTS_INTERVAL_S = 60.0  # reading every process's mappings takes 30 ms of a core on a machine with 300
CLIENTS_NAMED_MAX = 3  # in a message

log = structlog.get_logger("anyascope.collect.hsm")

_LOG_IN_BY_HAND = "no PIN is sent so that none is locked: check `pin`, log in once by the vendor's tool, then reload with the right one"
_UNLOCK = "the security officer has to unlock the PIN; nothing is tried meanwhile"
_HUNG = "see whether the device and its network answer; what hung was given up and starts anew"


@dataclass(frozen=True, slots=True)
class _Finding:
    """Something that is not right, graver ones first."""

    message: str
    advice: str
    is_down: bool = False


class HsmWatch:
    """One HSM over time.

    Args:
        options: what to ask and try, and how often.
        provider: the HSM.
        find_clients: reads the process table for those who use the HSM; runs in a thread.
    """

    def __init__(
        self,
        options: HsmOptions,
        *,
        provider: HsmProvider,
        clock: Clock,
        find_clients: Callable[[], tuple[Client, ...]] = tuple,
    ) -> None:
        self._options = options
        self._provider = provider
        self._clock = clock
        self._tally = OperationTally(kind for kind, _ in wanted(options.canary))
        self._first: dict[str, frozenset[str]] = {}  # serial -> the mechanisms that were first seen
        self._inventory_families: list[Family] = []
        self._inventory_findings: list[_Finding] = []
        self._inventory_due_ns = self._canary_due_ns = 0
        self._canary: dict[str, Operation] = {}  # newest by kind
        self._succeeded_s: dict[str, float] = {}
        self._hung = 0
        self._find_clients = find_clients
        self._trend = SessionTrend()
        self._files_before: dict[int, int] = {}  # pid of a client -> open files when it was first seen
        self._clients: tuple[Client, ...] = ()
        self._clients_due_ns = 0
        self._leak: tuple[Client, ...] = ()
        self._exhausted_in_s: float | None = None

    async def gather(self) -> Round:
        """One round. What fails is part of it."""
        findings: list[_Finding] = []
        try:
            sight = await self._provider.look()
        except HsmFailure as failure:
            self._count_failure("look", failure)
            sight = None
            findings.append(_Finding(f"does not answer: {_said(failure)}", _advice(failure), is_down=True))
        if sight is not None and sight.watched is not None:
            is_up = True
            findings += self._judge_sight(sight)
            findings += await self._judge_sessions(sight.watched)
            if not sight.login_held:
                findings += await self._list_keys()
            await self._try_operations()
        else:
            is_up, self._canary = False, {}
        if sight is not None and sight.watched is None:
            findings.append(
                _Finding(_absent(self._options, sight), "put the token back, or mend `token`", is_down=True)
            )
        for done in self._provider.drain():
            self._tally.add(done)
        findings += self._judge_canary()
        families = [gauge("anya_hsm_up", "Whether the HSM answers and its token is present.", float(is_up))]
        if sight is not None:
            families += sight_families(sight)
        return _round([*families, *self._families(sight)], findings, sight)

    async def close(self) -> None:
        """Let go of the HSM."""
        await self._provider.close()

    # --- inside -------------------------------------------------------------------------------------------------------

    async def _list_keys(self) -> list[_Finding]:
        """The keys, where it is time; what is not right with them holds until the next list."""
        now_ns = self._clock.monotonic_ns()
        if now_ns < self._inventory_due_ns:
            return self._inventory_findings
        interval_ns = round(self._options.inventory_interval_s * NS_PER_S)
        try:
            inventory = await self._provider.inventory()
        except HsmFailure as failure:
            self._inventory_families = []
            self._count_failure("inventory", failure)
            self._inventory_findings = [_Finding(f"keys cannot be listed: {_said(failure)}", _advice(failure))]
            # A list that is too long for the deadline would cost the module's process in every round, and so the canary.
            self._inventory_due_ns = now_ns + interval_ns if failure.error_type == TIMEOUT else 0
            return self._inventory_findings
        self._inventory_due_ns = now_ns + interval_ns
        self._inventory_families, faults = inventory_families(inventory)
        self._inventory_findings = [_Finding(fault, "see what was put onto the token") for fault in faults]
        if missing := [label for label, count in inventory.labels.items() if not count]:
            named = f"no key is called {', '.join(missing)}"
            self._inventory_findings.append(_Finding(named, "see who deleted or renamed it"))
        return self._inventory_findings

    async def _try_operations(self) -> None:
        now_ns = self._clock.monotonic_ns()
        if now_ns < self._canary_due_ns:
            return
        # A little early counts as due: rounds come at multiples of their interval, never quite on time.
        self._canary_due_ns = now_ns + round(
            (self._options.canary.interval_s - self._options.interval_s / 2) * NS_PER_S
        )
        self._canary = {}
        for operation in await self._provider.canary():
            self._tally.add(operation)
            self._canary[operation.kind] = operation
            if operation.failure is None:
                self._succeeded_s[operation.kind] = self._clock.now_ns() / NS_PER_S
            else:
                self._note(operation.kind, operation.failure)

    def _count_failure(self, call: str, failure: HsmFailure) -> None:
        self._tally.fail(failure.error_type, failure.code)
        self._note(call, failure)

    def _note(self, call: str, failure: HsmFailure) -> None:
        self._hung += failure.error_type == TIMEOUT
        log.warning(
            "hsm_call_failed",
            hsm=self._options.name,
            call=call,
            error_type=failure.error_type,
            return_code=failure.code,
            error=str(failure),
        )

    def _judge_sight(self, sight: Sight) -> list[_Finding]:
        token = sight.watched
        assert token is not None
        found: list[_Finding] = []
        if token.pin is PinState.LOCKED:
            found.append(_Finding("the PIN is locked", _UNLOCK, is_down=True))
        elif sight.login_held:
            found.append(_Finding(f"login is held back: {sight.login_held}", _LOG_IN_BY_HAND, is_down=True))
        elif token.pin in (PinState.LOW, PinState.FINAL_TRY):
            found.append(_Finding(f"wrong PINs were entered ({token.pin.value})", "find out who enters wrong PINs"))
        first = self._first.setdefault(token.serial, token.mechanisms)
        if lost := sorted(first - token.mechanisms):
            found.append(_Finding(f"{len(lost)} mechanisms are gone, such as {lost[0]}", "compare firmware and policy"))
        return found

    async def _judge_sessions(self, token: TokenSight) -> list[_Finding]:
        """Whether they leak, and who may do it."""
        now_ns = self._clock.monotonic_ns()
        if now_ns >= self._clients_due_ns:
            self._clients = await asyncio.to_thread(self._find_clients)
            self._clients_due_ns = now_ns + round(CLIENTS_INTERVAL_S * NS_PER_S)
            alive = {client.pid: client.open_files for client in self._clients}
            self._files_before = {pid: self._files_before.get(pid, count) for pid, count in alive.items()}
        self._leak, self._exhausted_in_s = (), None
        if "sessions" not in token.counts:
            return []
        self._trend.add(now_ns / NS_PER_S, token.counts["sessions"])
        limit = token.counts.get("sessions_max")
        left_s = self._trend.exhausted_in_s(limit) if limit is not None else None
        self._exhausted_in_s = left_s
        if left_s is None:
            return []
        self._leak = suspects(self._clients, self._files_before)
        named = (
            " or ".join(f"{one.command} (pid {one.pid})" for one in self._leak[:CLIENTS_NAMED_MAX]) or "not seen here"
        )
        grown = f"{token.counts['sessions']} sessions are open and become more: {limit} are reached in {_span(left_s)}"
        return [
            _Finding(f"{grown}; client: {named}", "restart the client that does not close its sessions, then mend it")
        ]

    def _judge_canary(self) -> list[_Finding]:
        return [
            _Finding(f"{kind} fails: {_said(one.failure)}", _advice(one.failure), is_down=True)
            for kind, one in self._canary.items()
            if one.failure is not None
        ]

    def _families(self, sight: Sight | None) -> list[Family]:
        success = Family("anya_hsm_canary_success", MetricType.GAUGE, "Whether the newest canary operation worked.")
        for kind, operation in self._canary.items():
            success.add(float(operation.failure is None), ("operation_type", f"{PREFIX}{kind}"))
        last = Family(
            "anya_hsm_canary_last_success_timestamp_seconds", MetricType.GAUGE, "When a canary operation last worked."
        )
        for kind, at_s in self._succeeded_s.items():
            last.add(at_s, ("operation_type", f"{PREFIX}{kind}"))
        hung = counter("anya_hsm_calls_hung_total", "Calls that did not answer in time.", float(self._hung))
        families = [success, last, hung, *self._tally.families()]
        if sight is not None and sight.watched is not None:
            families += client_families(self._clients, self._leak, self._exhausted_in_s)
            families += mechanism_families(sight.watched, self._first[sight.watched.serial])
            families += self._inventory_families
        return families


def hsm_watch(options: HsmOptions, *, gate: PinGate, clock: Clock, procfs: Path) -> HsmWatch:
    """The watch over one HSM."""
    source = options.source
    if isinstance(source, RemoteOptions):
        kind = VaultProvider if source.kind is SignerKind.VAULT else Web3SignerProvider
        return HsmWatch(options, provider=kind(options, source, clock=clock), clock=clock)
    provider = Pkcs11Provider(options, source, gate=gate, clock=clock)

    def find_clients() -> tuple[Client, ...]:
        # Elsewhere there is no such process table; then nobody is named.
        if not procfs.is_dir():
            return ()
        return clients_of(source.module, procfs=procfs)

    return HsmWatch(options, provider=provider, clock=clock, find_clients=find_clients)


def hsm_job(options: HsmOptions, *, gate: PinGate, clock: Clock, procfs: Path) -> Job:
    """How one HSM is collected."""
    watch = hsm_watch(options, gate=gate, clock=clock, procfs=procfs)
    labels = {"job": "hsm", "instance": options.name, "hsm": options.name, "provider": options.provider}
    return Job(
        f"hsm.{options.name}", labels_of(labels), options.interval_s, watch.gather, has_up=False, close=watch.close
    )


def _round(families: list[Family], findings: list[_Finding], sight: Sight | None) -> Round:
    findings = sorted(findings, key=lambda finding: not finding.is_down)
    if findings:
        return Round(
            families,
            faults=tuple(finding.message for finding in findings),
            advice=findings[0].advice,
            is_down=findings[0].is_down,
        )
    watched = sight.watched if sight is not None else None
    return Round(
        families, f"{watched.label} ({watched.model} {watched.firmware})".replace(" )", ")") if watched else ""
    )


def _span(seconds: float) -> str:
    """A span for people: minutes below two hours, else hours."""
    return f"{seconds / 60:.0f} min" if seconds < 2 * 3600 else f"{seconds / 3600:.1f} h"


def _absent(options: HsmOptions, sight: Sight) -> str:
    name = options.source.token if isinstance(options.source, Pkcs11Options) else ""
    return f"token {name!r} is absent; {len(sight.tokens)} others are there" if name else "no token is there"


def _said(failure: HsmFailure | None) -> str:
    if failure is None:
        return ""
    code = f" ({failure.code})" if failure.code and failure.code not in str(failure) else ""
    return f"{failure}{code}" if str(failure) else failure.error_type


def _advice(failure: HsmFailure | None) -> str:
    if failure is None:
        return ""
    known = {
        TIMEOUT: _HUNG,
        "connection_failed": "see whether the signer runs, and its address",
        "permission_denied": "see what the token or user may do",
        "key_not_found": "the key is missing or not to be seen: see who deleted or renamed it, and `pin`",
        "not_supported": "install python-pkcs11: pip install 'anyascope[hsm]'",
        "token_not_found": "put the token back, or say which one with `token`",
    }
    return known.get(failure.error_type, f"see {failure.code or failure.error_type} in the guide on HSMs")
