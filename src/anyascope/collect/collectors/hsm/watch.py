"""Watches one HSM: asks, tries, counts, and says how it is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import structlog

from anyascope.clock import NS_PER_S, Clock, wait_for
from anyascope.collect.collectors.hsm.baseline import (
    Baseline,
    Baselines,
    baseline_families,
    judge_changes,
    key_of,
)
from anyascope.collect.collectors.hsm.clients import Client, clients_of
from anyascope.collect.collectors.hsm.events import HsmEvents
from anyascope.collect.collectors.hsm.families import inventory_families, mechanism_families, sight_families
from anyascope.collect.collectors.hsm.findings import (
    Finding,
    advice_on,
    judge_absence,
    judge_canary,
    judge_labels,
    judge_late,
    judge_pin,
    judge_silence,
    judge_so_pin,
    round_of,
    said,
)
from anyascope.collect.collectors.hsm.leaks import LeakWatch
from anyascope.collect.collectors.hsm.nouns import (
    HsmFailure,
    HsmProvider,
    Inventory,
    Operation,
    Pending,
    Sight,
    TokenSight,
    is_lost,
    wanted,
)
from anyascope.collect.collectors.hsm.pin import PinGates
from anyascope.collect.collectors.hsm.pkcs11 import Pkcs11Provider
from anyascope.collect.collectors.hsm.remote import VaultProvider, Web3SignerProvider
from anyascope.collect.collectors.hsm.tally import PREFIX, OperationTally
from anyascope.collect.hsm_options import HsmOptions, RemoteOptions, SignerKind
from anyascope.collect.points import Family, counter, gauge
from anyascope.collect.runner import Job, Round
from anyascope.errors import ConflictError
from anyascope.model.hsm import WatchedHsm
from anyascope.model.labels import labels_of
from anyascope.model.metrics import MetricType
from anyascope.ports import ComponentHealth, Intake
from anyascope.semconv.hsm import TIMEOUT
from anyascope.store.api.documents import DocumentStore

# Between two tries of what fails, doubling from the interval: most start a process, which takes 0.3 s of a core.
RETRY_S_MAX = 15.0
LATE = "anya_hsm_call_late_seconds"

log = structlog.get_logger("anyascope.collect.hsm")


class _Pace:
    """When something is due again: after its interval, and after longer and longer where it fails."""

    def __init__(self, interval_s: float, *, round_s: float, clock: Clock) -> None:
        self._interval_s = interval_s
        self._round_s = round_s
        self._clock = clock
        self._retry_s = 0.0
        self._due_ns = 0

    @property
    def is_due(self) -> bool:
        return self._clock.monotonic_ns() >= self._due_ns

    def hurry(self) -> None:
        """It is due now: what kept it from working has ended."""
        self._retry_s, self._due_ns = 0.0, 0

    def went(self, *, well: bool) -> None:
        self._retry_s = 0.0 if well else min(max(2 * self._retry_s, self._round_s), RETRY_S_MAX)
        # A little early counts as due: rounds come at multiples of their interval, never quite on time.
        wait_s = max(self._interval_s, self._retry_s) - self._round_s / 2
        self._due_ns = self._clock.monotonic_ns() + round(wait_s * NS_PER_S)


class HsmWatch:
    """One HSM over time.

    Args:
        options: what to ask and try, and how often.
        provider: the HSM.
        intake: takes the events; the figures go by the runner.
        documents: keeps what each token was when it was accepted.
        find_clients: reads the process table for those who use the HSM; runs in a thread.
    """

    def __init__(
        self,
        options: HsmOptions,
        *,
        provider: HsmProvider,
        intake: Intake,
        documents: DocumentStore,
        clock: Clock,
        find_clients: Callable[[], tuple[Client, ...]] = tuple,
    ) -> None:
        self._options = options
        self._provider = provider
        self._clock = clock
        self._events = HsmEvents(options, intake=intake, clock=clock)
        self._baselines = Baselines(options.name, documents=documents, clock=clock)
        self._baseline: Baseline | None = None  # of the watched token
        self._token: TokenSight | None = None  # as it was looked at last
        self._changes: list[str] = []  # what is another than it was accepted
        self._leaks = LeakWatch(find_clients, clock=clock)
        self._tally = OperationTally(kind for kind, _ in wanted(options.canary))
        self._calls = ("look", *(f"{PREFIX}{kind}" for kind, _ in wanted(options.canary)))
        self._inventory: Inventory | None = None
        self._inventory_findings: list[Finding] = []
        self._inventory_due_ns = 0
        self._listed_of = ""  # by what the token is known whose keys they are
        self._canary: dict[str, Operation] = {}  # newest by kind
        self._succeeded_s: dict[str, float] = {}
        self._hung = 0
        self._noted: dict[str, str] = {}  # call -> the failure that was logged last
        self._look_pace = _Pace(0.0, round_s=options.interval_s, clock=clock)
        self._canary_pace = _Pace(options.canary.interval_s, round_s=options.interval_s, clock=clock)
        self._running: asyncio.Task[tuple[Round, list[Finding], Sight | None]] | None = None
        self._ended = asyncio.Event()
        self._is_late = False
        self._is_held = False  # no PIN was sent at the last look
        self._last: Round | None = None
        self._findings: list[Finding] = []
        self.nudge = asyncio.Event()

    async def gather(self) -> Round:
        """One round; what fails is part of it.

        Where a call has had no answer for `late_after_s`, the last round with that said: the call is waited for by the next.
        """
        self.nudge.clear()
        if self._running is None:
            if self._last is not None and not self._look_pace.is_due:
                return self._last
            self._ended.clear()
            self._running = asyncio.create_task(self._look())
            self._running.add_done_callback(self._on_end)
        late = await self._wait()
        if late is not None:
            return await self._tell_late(late)
        running, self._running, self._is_late = self._running, None, False
        self._last, self._findings, sight = running.result()
        self._events.note(self._findings, sight.watched if sight is not None else None)
        await self._events.hand_in()
        return self._last

    @property
    def name(self) -> str:
        """Of the HSM."""
        return self._options.name

    def sight(self, health: ComponentHealth) -> WatchedHsm:
        """The HSM as the last look found it, with the health that is told of it."""
        token = self._token
        return WatchedHsm(
            self._options.name,
            self._options.provider,
            health.status.value,
            health.message,
            health.advice,
            health.since_ns,
            token.label if token is not None else "",
            token.serial if token is not None else "",
            token.firmware if token is not None else "",
            self._baseline.accepted_ns if self._baseline is not None else 0,
            tuple(self._changes),
        )

    async def accept(self, *, by: str) -> None:
        """Take what the token is now for what it should be.

        Raises:
            ConflictError: the token is not there, or was not looked at yet.
            UnavailableError: it cannot be kept now.
        """
        if self._token is None:
            raise ConflictError(f"the token of HSM {self.name} is not there: nothing of it can be accepted")
        if not self._is_held:
            self._forget_keys()  # the list may be minutes old: what the next one finds is accepted with the rest
        self._baseline = await self._baselines.accept(self._token, self._inventory)
        await self._provider.release(self._token)
        self._events.accepted(self._token, by=by, changes=self._changes)
        await self._events.hand_in()
        self._changes = []
        self.nudge.set()

    async def close(self) -> None:
        """Let go of the HSM."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)
            self._running = None
        await self._provider.close()

    # --- inside: what is late -----------------------------------------------------------------------------------------

    def _on_end(self, _task: object) -> None:
        self._ended.set()
        if self._is_late:
            self.nudge.set()  # the answer is news

    async def _wait(self) -> Pending | None:
        """The call that is late; None once the look has ended. The first look of all is waited for."""
        while True:
            pending = self._provider.pending() if self._last is not None else None
            now_ns = self._clock.monotonic_ns()
            waited_s = (now_ns - pending.since_ns) / NS_PER_S if pending is not None else 0.0
            left_s = self._options.late_after_s - waited_s
            if pending is not None and left_s <= 0 and not self._ended.is_set():
                return pending
            if await wait_for(self._ended, clock=self._clock, timeout_s=left_s):
                return None

    async def _tell_late(self, late: Pending) -> Round:
        assert self._last is not None
        self._is_late = True
        seconds = (self._clock.monotonic_ns() - late.since_ns) / NS_PER_S
        finding = judge_late(late.call, seconds)
        # No token: of all other troubles nothing is known now.
        self._events.note([*self._findings, finding], None)
        await self._events.hand_in()
        families = [family for family in self._last.families if family.name != LATE]
        return replace(
            self._last,
            families=[*families, self._late_family(late.call, seconds)],
            faults=(*self._last.faults, finding.message),
            advice=self._last.advice if self._last.faults else finding.advice,
        )

    def _late_family(self, late: str = "", seconds: float = 0.0) -> Family:
        family = Family(LATE, MetricType.GAUGE, "How long a late call has been waited for; 0 where it is not late.")
        for call in dict.fromkeys((*self._calls, *([late] if late else []))):
            family.add(seconds if call == late else 0.0, ("call", call))
        return family

    # --- inside: one look ---------------------------------------------------------------------------------------------

    async def _look(self) -> tuple[Round, list[Finding], Sight | None]:
        findings: list[Finding] = []
        sight: Sight | None = None
        try:
            sight = await self._provider.look()
            self._noted.pop("look", None)
        except HsmFailure as failure:
            if failure not in self._drained():  # a failed login counts as what it is
                self._tally.fail(failure.error_type, failure.code)
            self._note("look", failure)
            findings.append(judge_silence(failure))
        self._look_pace.went(well=sight is not None)
        was_gone, self._token = self._token is None, sight.watched if sight is not None else None
        if self._token is not None and key_of(self._token) != self._listed_of:
            self._forget_keys()  # they are those of the token that was in its place
            self._listed_of = key_of(self._token)
        was_held, self._is_held = self._is_held, sight is not None and bool(sight.login_held)
        is_up = self._token is not None
        # What failed before must not be told to work again by not having been tried since.
        if (was_held and not self._is_held) or (was_gone and is_up):
            self._canary_pace.hurry()
        if sight is not None and sight.watched is not None:
            findings += [*judge_pin(sight), *judge_so_pin(sight.watched.so_pin)]
            findings += [Finding(words, "see what it says of its health") for words in sight.warnings]
            await self._try_operations()
            findings += judge_canary(self._canary)
            if not sight.login_held and not is_lost(self._canary.values()):
                await self._list_keys()
            findings += self._inventory_findings
            self._baseline = await self._baselines.settle(sight.watched, self._inventory)
            changes = judge_changes(sight.watched, self._inventory, self._baseline)
            self._changes = [change.message for change in changes]
            findings += changes
            findings += await self._leaks.judge(sight.watched)
        else:
            self._canary = {}
            if sight is not None:
                findings.append(judge_absence(self._options, sight))
        self._drained()
        families = [gauge("anya_hsm_up", "Whether the HSM answers and its token is present.", float(is_up))]
        if sight is not None:
            families += sight_families(sight)
        return round_of([*families, *self._families(sight)], findings, sight), findings, sight

    def _drained(self) -> list[HsmFailure | None]:
        """Count what was done besides, such as logins; how each went."""
        done = self._provider.drain()
        for one in done:
            self._tally.add(one)
        return [one.failure for one in done]

    async def _list_keys(self) -> None:
        """The keys, where it is time; what is not right with them holds until the next list."""
        now_ns = self._clock.monotonic_ns()
        if now_ns < self._inventory_due_ns:
            return
        interval_ns = round(self._options.inventory_interval_s * NS_PER_S)
        try:
            listed = await self._provider.inventory()
        except HsmFailure as failure:
            self._inventory = None
            self._count_failure("inventory", failure)
            self._inventory_findings = [Finding(f"keys cannot be listed: {said(failure)}", advice_on(failure))]
            # A list that is too long for the deadline would cost the module's process in every round, and so the canary.
            self._inventory_due_ns = now_ns + interval_ns if failure.error_type == TIMEOUT else 0
            return
        self._noted.pop("inventory", None)
        if listed is None:
            return  # it goes on at the next look; what was listed before holds meanwhile
        self._inventory = listed
        self._inventory_due_ns = now_ns + interval_ns
        _, faults = inventory_families(self._inventory)
        self._inventory_findings = [Finding(fault, "see what was put onto the token") for fault in faults]
        self._inventory_findings += judge_labels(self._inventory.labels)

    def _forget_keys(self) -> None:
        self._inventory, self._inventory_findings, self._inventory_due_ns = None, [], 0

    async def _try_operations(self) -> None:
        if not self._canary_pace.is_due:
            return
        self._canary = {}
        for operation in await self._provider.canary():
            self._tally.add(operation)
            self._canary[operation.kind] = operation
            if operation.failure is None:
                self._succeeded_s[operation.kind] = self._clock.now_ns() / NS_PER_S
                self._noted.pop(operation.kind, None)
            else:
                self._note(operation.kind, operation.failure)
        self._canary_pace.went(well=all(one.failure is None for one in self._canary.values()))

    def _count_failure(self, call: str, failure: HsmFailure) -> None:
        self._tally.fail(failure.error_type, failure.code)
        self._note(call, failure)

    def _note(self, call: str, failure: HsmFailure) -> None:
        """Count what hung, and log a failure where it is another than the last of this call."""
        self._hung += failure.error_type == TIMEOUT
        if self._noted.get(call) == str(failure):
            return
        self._noted[call] = str(failure)
        log.warning(
            "hsm_call_failed",
            hsm=self._options.name,
            call=call,
            error_type=failure.error_type,
            return_code=failure.code,
            error=str(failure),
        )

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
        families = [success, last, hung, self._late_family(), *self._tally.families()]
        if sight is not None and sight.watched is not None and self._baseline is not None:
            families += self._leaks.families()
            families += mechanism_families(sight.watched, self._baseline.mechanisms)
            families += baseline_families(sight.watched, self._inventory, self._baseline)
            if self._inventory is not None:
                families += inventory_families(self._inventory, tuple(self._baseline.keys or ()))[0]
        return families


def hsm_watch(
    options: HsmOptions, *, gates: PinGates, intake: Intake, documents: DocumentStore, clock: Clock, procfs: Path
) -> HsmWatch:
    """The watch over one HSM."""
    source = options.source
    provider: HsmProvider
    find_clients: Callable[[], tuple[Client, ...]] = tuple
    if isinstance(source, RemoteOptions):
        kind = VaultProvider if source.kind is SignerKind.VAULT else Web3SignerProvider
        provider = kind(options, source, clock=clock)
    else:
        module = source.module
        provider = Pkcs11Provider(options, source, gates=gates, clock=clock)

        def find_clients() -> tuple[Client, ...]:
            # Elsewhere there is no such process table; then nobody is named.
            return clients_of(module, procfs=procfs) if procfs.is_dir() else ()

    return HsmWatch(
        options, provider=provider, intake=intake, documents=documents, clock=clock, find_clients=find_clients
    )


def hsm_job(options: HsmOptions, watch: HsmWatch) -> Job:
    """How one HSM is collected."""
    labels = {"job": "hsm", "instance": options.name, "hsm": options.name, "provider": options.provider}
    return Job(
        f"hsm.{options.name}",
        labels_of(labels),
        options.interval_s,
        watch.gather,
        has_up=False,
        close=watch.close,
        nudge=watch.nudge,
    )
