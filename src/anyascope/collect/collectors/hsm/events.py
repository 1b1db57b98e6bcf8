"""What begins and what ends at an HSM, as log records of the stream `hsm`."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Iterable, Mapping, Sequence

from anyascope.clock import Clock
from anyascope.collect.collectors.hsm.findings import Finding, Trouble
from anyascope.collect.collectors.hsm.nouns import TokenSight
from anyascope.collect.hsm_options import HsmOptions
from anyascope.errors import UnavailableError
from anyascope.model.attributes import AttributeValue, Resource
from anyascope.model.logs import LogBatch, LogRecord, Severity
from anyascope.ports import Intake

STREAM = "hsm"
EVENTS_WAITING_MAX = 1_000  # while the intake is full; an HSM has a few troubles at a time
ENDS: Mapping[str, tuple[str, str]] = {  # what ends a trouble, and how that is said
    "hsm.down": ("hsm.up", "answers again"),
    "hsm.call_late": ("hsm.call_answered", "the call that was late has ended"),
    "hsm.pin_locked": ("hsm.pin_unlocked", "the PIN is no longer locked"),
    "hsm.pin_low": ("hsm.pin_cleared", "the count of wrong PINs was cleared"),
    "hsm.so_pin_locked": ("hsm.so_pin_unlocked", "the security officer's PIN is no longer locked"),
    "hsm.so_pin_low": ("hsm.so_pin_cleared", "the count of wrong PINs of the security officer was cleared"),
    "hsm.login_held": ("hsm.login_resumed", "login is no longer held back"),
    "hsm.canary_failed": ("hsm.canary_recovered", "{subject} works again"),
    "hsm.key_missing": ("hsm.key_found", "key {subject} is there again"),
    "hsm.keys_changed": ("hsm.keys_as_accepted", "keys of {subject} are as accepted"),
    "hsm.key_replaced": ("hsm.key_as_accepted", "key {subject} is the accepted one"),
    "hsm.key_unread": ("hsm.key_read", "key {subject} can be compared with the accepted one again"),
    "hsm.mechanism_lost": ("hsm.mechanism_back", "mechanism {subject} is as accepted"),
    "hsm.mechanism_gained": ("hsm.mechanism_gone", "mechanism {subject} is as accepted"),
    "hsm.token_replaced": ("hsm.token_as_accepted", "the token is an accepted one"),
    "hsm.firmware_changed": ("hsm.firmware_as_accepted", "the firmware is as accepted"),
    "hsm.session_leak": ("hsm.session_leak_ended", "sessions become no more"),
}
GRAVE = frozenset(
    (
        "hsm.token_replaced",
        "hsm.down",
        "hsm.pin_locked",
        "hsm.so_pin_locked",
        "hsm.login_held",
        "hsm.canary_failed",
        "hsm.key_missing",
        "hsm.key_replaced",
        "hsm.mechanism_lost",
    )
)
SEEN_ALWAYS = frozenset(("hsm.down", "hsm.call_late"))  # all others are known only of an HSM that answers


class HsmEvents:
    """One HSM's troubles, and the events that are not handed in yet.

    What is wrong at the first look is told, what is well is not.
    """

    def __init__(self, options: HsmOptions, *, intake: Intake, clock: Clock) -> None:
        self._options = options
        self._intake = intake
        self._clock = clock
        self._troubles: dict[tuple[str, str], Trouble] = {}
        self._waiting: deque[LogRecord] = deque(maxlen=EVENTS_WAITING_MAX)

    def note(self, findings: Iterable[Finding], token: TokenSight | None) -> None:
        """Compare with what was found last.

        Args:
            token: the one that is watched; None where it, or the whole HSM, is not there, so that nothing more is known.
        """
        now = {(one.event, one.subject): (one, finding) for finding in findings for one in finding.troubles}
        for key, (trouble, finding) in now.items():
            if key not in self._troubles:
                severity = Severity.ERROR if trouble.event in GRAVE else Severity.WARN
                self._add(trouble.event, finding.message, severity, trouble=trouble, token=token)
                self._troubles[key] = trouble
        for key in [one for one in reversed(self._troubles) if one not in now]:
            if token is not None or key[0] in SEEN_ALWAYS:
                trouble = self._troubles.pop(key)
                name, words = ENDS[trouble.event]
                self._add(name, words.format(subject=trouble.subject), Severity.INFO, trouble=trouble, token=token)

    def accepted(self, token: TokenSight, *, by: str, changes: Sequence[str]) -> None:
        """Somebody took what the token is now for what it should be."""
        trouble = Trouble("hsm.state_accepted", "", {"user.name": by, "hsm.changes": [*changes]})
        words = f"{by} accepted the token as it is: {'; '.join(changes) or 'nothing had changed'}"
        self._add(trouble.event, words, Severity.INFO, trouble=trouble, token=token)

    async def hand_in(self) -> None:
        """Hand in what waits; what the intake does not take now goes with the next."""
        if not self._waiting:
            return
        # Taken out before: meanwhile others add to them, and hand in what they added.
        taken, self._waiting = self._waiting, deque(maxlen=EVENTS_WAITING_MAX)
        batch = LogBatch(STREAM)
        for record in taken:
            batch.add(record)
        is_stored = False
        try:
            with contextlib.suppress(UnavailableError):
                await self._intake.logs([batch], source=STREAM)
                is_stored = True
        finally:
            if not is_stored:
                self._waiting = deque((*taken, *self._waiting), maxlen=EVENTS_WAITING_MAX)

    def _add(self, name: str, words: str, severity: Severity, *, trouble: Trouble, token: TokenSight | None) -> None:
        attributes: dict[str, AttributeValue] = {
            "hsm.name": self._options.name,
            "hsm.provider": self._options.provider,
            **({"hsm.token": token.label, "hsm.serial": token.serial} if token is not None else {}),
            **trouble.attributes,
        }
        now_ns = self._clock.now_ns()
        self._waiting.append(
            LogRecord(
                time_ns=now_ns,
                observed_ns=now_ns,
                body=f"HSM {self._options.name}: {words}",
                event_name=name,
                severity_number=int(severity),
                severity_text=severity.name,
                attributes=attributes,
                resource=Resource({"service.name": "hsm"}),
                stream=STREAM,
            )
        )
