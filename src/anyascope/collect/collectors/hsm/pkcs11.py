"""A token behind a PKCS#11 module, whose library runs in a process of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import structlog

from anyascope.clock import NS_PER_S, Clock
from anyascope.collect.collectors.hsm.module_process import ModuleProcess, failure_of
from anyascope.collect.collectors.hsm.nouns import (
    HsmFailure,
    Inventory,
    KeyIdentity,
    ModuleSight,
    Operation,
    Pending,
    PinState,
    Sight,
    TokenSight,
    is_lost,
    wanted,
)
from anyascope.collect.collectors.hsm.pin import (
    FILE_SETTLED_S,
    PIN_CHANGING,
    PinGate,
    PinGates,
    PinUnreadError,
    read_pin,
)
from anyascope.collect.collectors.hsm.tally import PREFIX
from anyascope.collect.hsm_options import HsmOptions, Pkcs11Options
from anyascope.errors import InvalidInputError
from anyascope.model.secret import Secret

LOGIN = "login"
# Between two times that the module begins anew while no PIN is sent: some libraries keep a token's flags as they read them first,
# and so do not see that somebody unlocked it. It costs a millisecond of SoftHSM, a new process 120 ms.
RENEW_S = 15.0
LIST_SLICE_S = 0.2  # of one call that lists keys; looks and canaries come between two
_LIMITS = {  # of the module's process; vendors' libraries take 20 to 150 MB and tens of files
    "memory_bytes": 512 * 1024**2,
    "open_files": 512,  # half of what a process may have on most machines
}
_PIN_FLAGS = (  # the graver first
    (0x0004_0000, PinState.LOCKED),
    (0x0002_0000, PinState.FINAL_TRY),
    (0x0001_0000, PinState.LOW),
    (0x0008_0000, PinState.TO_BE_CHANGED),
)
_PIN_INITIALIZED = 0x0000_0008
_TO_SO_PIN = 4  # bits further up stand those of the security officer

log = structlog.get_logger("anyascope.collect.hsm")


class Pkcs11Provider:
    """One HSM behind PKCS#11.

    Args:
        gates: decide whether the PIN may be sent; they are kept over reloads, and shared with all that use the same token.
    """

    def __init__(self, options: HsmOptions, source: Pkcs11Options, *, gates: PinGates, clock: Clock) -> None:
        self._options = options
        self._source = source
        self._gates = gates
        self._clock = clock
        self.process = ModuleProcess(
            source.module, source.environment, timeout_s=options.timeout_s, clock=clock, withheld=self._known_pin
        )
        self._doing = ""  # what the process was asked for, where an answer should come at once
        self._done: list[Operation] = []
        self._held = self._words = ""  # why no PIN is sent, and more of it where there is more to say
        self._is_open = False
        self._is_grown = False
        self._looks = 0  # that the running process has answered since the module began
        self._renewed_ns = clock.monotonic_ns()

    async def look(self) -> Sight:
        """See `HsmProvider`."""
        await self._renew()
        answer = await self._look()
        sight = self._sight_of(answer)
        self._is_open = bool(answer["is_open"])
        if answer["is_ambiguous"]:
            raise HsmFailure(
                "token_not_found", f"{len(sight.tokens)} tokens are there: say which one with `token`, `serial`"
            )
        if sight.watched is None:
            return sight
        if not self._is_open:
            self._is_open = await self._open(sight.watched)
            if self._is_open:
                sight = self._sight_of(await self._look())  # a login clears the count of wrong PINs
        return replace(sight, login_held=self._held, login_words=self._words)

    async def inventory(self) -> Inventory | None:
        """See `HsmProvider`."""
        self._need_session()
        self._doing = ""  # a slice of it takes a while
        answer = await self._ask("inventory", list(self._options.key_labels), LIST_SLICE_S)
        if answer.get("more"):
            return None
        return Inventory(
            keys={(kind, name): count for kind, name, count in answer["keys"]},
            labels=answer["labels"],
            certificates=tuple(bytes.fromhex(text) for text in answer["certificates"]),
            identities={
                label: tuple(KeyIdentity(*row) for row in rows) for label, rows in answer["identities"].items()
            },
            too_many=answer["too_many"],
        )

    async def canary(self) -> tuple[Operation, ...]:
        """See `HsmProvider`. After one that was late or ended the process, the others are not tried."""
        found: list[Operation] = []
        for kind, label in wanted(self._options.canary):
            started_ns = self._clock.monotonic_ns()
            self._doing = f"{PREFIX}{kind}"
            try:
                self._need_session()  # without one the process is as good as before
                answer = await self.process.ask("canary", kind, label)
            except HsmFailure as failure:
                seconds = (self._clock.monotonic_ns() - started_ns) / NS_PER_S
                found.append(Operation(kind, seconds, failure))
                break
            found += [_operation(step) for step in answer["steps"]]
        if is_lost(found):
            await self.process.close()
        return tuple(found)

    def pending(self) -> Pending | None:
        """See `HsmProvider`."""
        since_ns = self.process.asked_ns
        return Pending(self._doing, since_ns) if self._doing and since_ns is not None else None

    def drain(self) -> tuple[Operation, ...]:
        """See `HsmProvider`."""
        done, self._done = tuple(self._done), []
        return done

    async def close(self) -> None:
        """See `HsmProvider`."""
        await self.process.close()

    async def release(self, token: TokenSight) -> None:
        """See `HsmProvider`."""
        await self._gates.of(token).release()

    async def _open(self, token: TokenSight) -> bool:
        """Whether a session was opened, with the PIN where there is one and nothing holds it back."""
        self._held = self._words = ""
        if self._source.pin is None:
            await self._ask("open", int(token.slot), token.serial, False)
            return True
        try:
            pin = await self._pin_of(self._source.pin)
        except PinUnreadError as unread:
            self._held, self._words = unread.reason, str(unread)
            return False
        gate = self._gates.of(token)
        async with gate.turn:
            self._held = await gate.holds(pin, token.pin or PinState.OK)
            if not self._held and gate.is_suspicious:
                token = await self._seen_anew(token)
                self._held = await gate.holds(pin, token.pin or PinState.OK)
            if self._held:
                return False
            self._doing = LOGIN
            await self._ask("open", int(token.slot), token.serial, True)
            if not await gate.sending(pin):
                self._held = "no_record"
            return not self._held and await self._log_in(token, pin, gate)

    async def _seen_anew(self, token: TokenSight) -> TokenSight:
        """The token with its flags as they are now: some libraries keep those that they read first, and others may have tried meanwhile."""
        if self._looks <= 1:
            return token
        await self.process.close()
        seen = sight_of(await self._look()).watched
        if seen is None:
            raise HsmFailure("token_not_present", "the token went away before the login")
        return seen

    async def _pin_of(self, source: Secret) -> str:
        try:
            return read_pin(source, now_ns=self._clock.now_ns())
        except PinUnreadError as unread:
            if unread.reason != PIN_CHANGING:
                raise
        await self._clock.sleep(FILE_SETTLED_S)
        return read_pin(source, now_ns=self._clock.now_ns())

    async def _log_in(self, token: TokenSight, pin: str, gate: PinGate) -> bool:
        started_ns = self._clock.monotonic_ns()
        failure: HsmFailure | None = None
        self._doing = LOGIN
        try:
            await self._ask("login", pin)
        except HsmFailure as error:
            failure = error
        self._done.append(Operation(LOGIN, (self._clock.monotonic_ns() - started_ns) / NS_PER_S, failure))
        await gate.answered(pin, failure.error_type if failure is not None else "")
        if failure is None:
            return True
        # Some libraries keep a token's flags as they were before.
        await self.process.close()
        self._held = await gate.holds(pin, token.pin or PinState.OK)
        if not self._held:
            raise failure
        return False

    def _known_pin(self) -> str:
        try:
            return self._source.pin.reveal() if self._source.pin is not None else ""
        except InvalidInputError:
            return ""

    def _sight_of(self, answer: Mapping[str, Any]) -> Sight:
        module = ModuleSight(answer.get("memory_bytes", 0), answer.get("open_files", 0), self.process.starts)
        return replace(sight_of(answer), module=module)

    async def _look(self) -> dict[str, Any]:
        self._doing = "look"
        if self._is_grown:
            await self.process.close()
        before = self.process.starts
        answer = await self._ask("look", self._source.token, self._source.serial)
        self._looks = self._looks + 1 if self.process.starts == before else 1
        self._is_grown = is_grown(answer)
        if self._is_grown:
            log.warning("hsm_module_grown", hsm=self._options.name, **{name: answer[name] for name in _LIMITS})
        return answer

    async def _renew(self) -> None:
        """Let the module read the token's flags anew, where what they said keeps the PIN back."""
        now_ns = self._clock.monotonic_ns()
        if not self._held:
            self._renewed_ns = now_ns
        elif now_ns - self._renewed_ns >= RENEW_S * NS_PER_S:
            self._renewed_ns, self._looks, self._doing = now_ns, 0, ""
            await self.process.renew()

    def _need_session(self) -> None:
        if not self._is_open:
            words = f"no session: login is held back ({self._held or 'no token'})"
            raise HsmFailure("user_not_logged_in", words, is_harmless=True)

    async def _ask(self, call: str, *arguments: Any) -> dict[str, Any]:
        try:
            return await self.process.ask(call, *arguments)
        except HsmFailure as failure:
            if not failure.is_harmless:
                await self.process.close()
            raise


def is_grown(answer: Mapping[str, Any]) -> bool:
    """Whether the process that answered takes so much that it should start anew."""
    return any(answer.get(name, 0) > limit for name, limit in _LIMITS.items())


def pin_state(flags: int) -> PinState:
    """What a token's flags say of the user's PIN, the gravest first.

    Source: PKCS#11 2.40, table 5 (token information flags).
    """
    if not flags & _PIN_INITIALIZED:
        return PinState.UNINITIALIZED
    return next((state for flag, state in _PIN_FLAGS if flags & flag), PinState.OK)


def so_pin_state(flags: int) -> PinState:
    """What a token's flags say of the security officer's PIN, the gravest first.

    Source: PKCS#11 2.40, table 5 (token information flags).
    """
    return next((state for flag, state in _PIN_FLAGS if flags & flag << _TO_SO_PIN), PinState.OK)


def sight_of(answer: Mapping[str, Any]) -> Sight:
    """The child's answer to `look`."""
    tokens = {found["slot"]: _token(found) for found in answer["tokens"]}
    return Sight(
        library=answer["library"],
        library_version=answer["library_version"],
        slots=answer["slots"],
        tokens=tuple(tokens.values()),
        watched=tokens.get(answer["watched"]),
        empty=answer.get("empty", 0),
    )


def _token(found: Mapping[str, Any]) -> TokenSight:
    return TokenSight(
        slot=str(found["slot"]),
        label=found["label"],
        serial=found["serial"],
        manufacturer=found["manufacturer"],
        model=found["model"],
        firmware=found["firmware"],
        hardware=found["hardware"],
        pin=pin_state(found["flags"]),
        so_pin=so_pin_state(found["flags"]),
        mechanisms=frozenset(found["mechanisms"]),
        counts=found["counts"],
    )


def _operation(step: Mapping[str, Any]) -> Operation:
    return Operation(step["kind"], step["seconds"], failure_of(step) if "error_type" in step else None)
