"""Whether a PIN may be sent: never twice the same wrong one, and never somebody else's last tries."""

from __future__ import annotations

from anyascope.collect.collectors.hsm.nouns import PinState
from anyascope.semconv.hsm import LOGIN_REFUSED

_SPENT = (PinState.FINAL_TRY, PinState.LOCKED)


class PinGate:
    """Decides over logins with one HSM's PIN. It outlives reloads, so that only another PIN is tried."""

    def __init__(self) -> None:
        self._held_pin: str | None = None
        self._reason = ""

    def holds(self, pin: str, state: PinState) -> str:
        """Why this PIN must not be sent to a token in this state; empty where it may.

        A token that counts a wrong try already gets no PIN of which nothing is known: it may be the wrong one, tried by this
        server before it was restarted. Another PIN than the held one may be tried once, unless that try would be the last.
        """
        if state in _SPENT:
            return f"pin_{state.value}"
        if self._held_pin is None and state is PinState.LOW:
            self._hold(pin, "pin_low")
        if self._held_pin != pin:
            return ""
        if self._reason == "pin_low" and state is not PinState.LOW:
            # Somebody logged in and so cleared the count; it was never this PIN that was refused.
            self._held_pin, self._reason = None, ""
        return self._reason

    def answered(self, pin: str, error_type: str) -> None:
        """A login came to this; an empty type is success."""
        if not error_type:
            self._held_pin, self._reason = None, ""
        elif error_type in LOGIN_REFUSED:
            self._hold(pin, error_type)

    def _hold(self, pin: str, reason: str) -> None:
        self._held_pin, self._reason = pin, reason
