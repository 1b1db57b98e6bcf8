"""What is not right with an HSM, in words: for its health, and as the events that begin and end with it. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from anyascope.collect.collectors.hsm.nouns import HsmFailure, Operation, PinState, Sight
from anyascope.collect.hsm_options import HsmOptions, Pkcs11Options
from anyascope.collect.points import Family
from anyascope.collect.runner import Round
from anyascope.model.attributes import AttributeValue
from anyascope.semconv.hsm import TIMEOUT, VENDOR_DEFINED

ACCEPT = "if that was meant, say so: anyascope hsm accept NAME"
LOG_IN_BY_HAND = "no PIN is sent so that none is locked: check `pin`, log in once by the vendor's tool, then reload with the right one"
SEE_AND_SAY = (
    "no PIN is sent so that none is locked: log in once by the vendor's tool to see that the PIN is right, then say so: "
    "anyascope hsm accept NAME"
)
HELD: Mapping[str, str] = {  # what to do about a login that is held back, where it is not LOG_IN_BY_HAND
    "pins_refused": SEE_AND_SAY,
    "pin_unanswered": SEE_AND_SAY,
    "pin_expired": "set a new PIN by the vendor's tool, then put it into `pin` or its file",
    "pin_uninitialized": "the security officer has to set the user's PIN first",
    "pin_unreadable": "mend `pin_file`, or who may read it",
    "pin_empty": "write the PIN into `pin` or its file",
    "pin_changing": "see who writes the file again and again",
    "no_record": "what was sent before cannot be read or written: see the health of the store",
}
NAMED_MAX = 5  # tokens that are told beside one that is missing
LOADING = "exception while loading"  # of python-pkcs11, where the operating system cannot load the library
_NO_KEY = re.compile(r"\{<Attribute\.CLASS>: <ObjectClass\.(\w+)>, <Attribute\.LABEL>: (.*)\}$")
UNLOCK = "the security officer has to unlock the PIN; nothing is tried meanwhile"
SO_LOCKED = "nobody can unlock the user's PIN or set it any more: see the vendor's manual for what is left, and the backup of the keys"
HUNG = "see whether the device and its network answer; what hung was given up and starts anew"
ADVICE: Mapping[str, str] = {
    TIMEOUT: HUNG,
    "connection_failed": "see whether the signer runs, and its address",
    "permission_denied": "see what the token or user may do",
    "key_not_found": "the key is missing or not to be seen: see who deleted or renamed it, and `pin`",
    "not_supported": "install python-pkcs11: pip install 'anyascope[hsm]'",
    "token_not_found": "put the token back, or say which one with `token` and `serial`",
    "token_not_present": "put the token back",
    "device_removed": "put the device back, and see why it went",
    "device_error": "see the device's own log and the vendor's client log",
    "device_memory": "the device has no memory left: close sessions, or take objects off it",
    "general_error": "see `environment` (such as SOFTHSM2_CONF), the library's own configuration and whether this user may read it, then "
    "the vendor's log",
    "function_failed": "the library says no more: see its own log",
    "io_failed": "the library ended its process: see the kernel's log and the vendor's client log",
    "session_count": "all sessions of the token are open: restart the client that holds most",
    "multiple_objects_returned": "give the canary's key a label that no other key of its class has",
    "mechanism_invalid": "the token does not know this mechanism: see its firmware and policy, and the type of the canary's key",
    "key_function_not_permitted": "the canary's key may not do this: see CKA_SIGN, CKA_VERIFY, CKA_ENCRYPT of it",
    "user_not_logged_in": "see `pin`; a key that wants the PIN for each operation is no canary: name another key",
    "signature_invalid": "stop signing with this token: what it signs is not valid",
    VENDOR_DEFINED: "look the code up in the vendor's own header of PKCS#11",
}
ADVICE_BY_CODE: Mapping[str, str] = {  # of signers over HTTP
    "HTTP_401": "the signer wants a token: see `http_config`",
    "HTTP_403": "the token has expired, or its policy does not allow this path: see who renews it",
    "HTTP_429": "the signer takes no more requests for now: raise `canary.interval`, or its quota",
    "HTTP_472": "it is a secondary for disasters and serves nothing: watch the primary",
    "HTTP_474": "it is a standby that cannot reach the active node: see the network between them",
    "HTTP_501": "initialize it",
    "HTTP_503": "unseal it",
    "HTTP_530": "it was removed from its cluster: take it out of the settings, or join it again",
}


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that begins and ends, each told by one event.

    Attributes:
        event: the name of the event that it begins with, such as `hsm.key_missing`.
        subject: which one of several, such as a key's label; empty where there can be one only.
    """

    event: str
    subject: str = ""
    attributes: Mapping[str, AttributeValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not right."""

    message: str
    advice: str
    is_down: bool = False
    troubles: tuple[Trouble, ...] = ()


def judge_silence(failure: HsmFailure) -> Finding:
    """An HSM that does not answer."""
    trouble = Trouble("hsm.down", attributes=told_of(failure))
    return Finding(f"does not answer: {said(failure)}", advice_on(failure), is_down=True, troubles=(trouble,))


def _others(sight: Sight) -> str:
    named = ", ".join(repr(token.label) for token in sight.tokens[:NAMED_MAX])
    return f"{len(sight.tokens)} others are there{f': {named}' if named else ''}"


def judge_absence(options: HsmOptions, sight: Sight) -> Finding:
    """An HSM without the token that is watched."""
    source = options.source
    name = (source.token or source.serial) if isinstance(source, Pkcs11Options) else ""
    message = f"token {name!r} is absent; {_others(sight)}" if name else "no token is there"
    trouble = Trouble("hsm.down", attributes={"error.type": "token_not_present"})
    empty = f"; of the tokens that are there {sight.empty} are not initialized" if sight.empty else ""
    return Finding(message, f"put the token back, or mend `token`{empty}", is_down=True, troubles=(trouble,))


def judge_pin(sight: Sight) -> list[Finding]:
    """How the PIN of the watched token is, and whether it may be sent."""
    assert sight.watched is not None
    pin = sight.watched.pin
    if pin is PinState.LOCKED:
        return [Finding("the PIN is locked", UNLOCK, is_down=True, troubles=(Trouble("hsm.pin_locked"),))]
    if sight.login_held:
        trouble = Trouble("hsm.login_held", attributes={"error.type": sight.login_held})
        words = f" ({sight.login_words})" if sight.login_words else ""
        message = f"login is held back: {sight.login_held}{words}"
        advice = HELD.get(sight.login_held, LOG_IN_BY_HAND)
        return [Finding(message, advice, is_down=True, troubles=(trouble,))]
    if pin in (PinState.LOW, PinState.FINAL_TRY):
        trouble = Trouble("hsm.pin_low", attributes={"hsm.pin.state": pin.value})
        return [
            Finding(f"wrong PINs were entered ({pin.value})", "find out who enters wrong PINs", troubles=(trouble,))
        ]
    return []


def judge_so_pin(so_pin: PinState | None) -> list[Finding]:
    """How the security officer's PIN is: what signs goes on meanwhile."""
    if so_pin is PinState.LOCKED:
        trouble = Trouble("hsm.so_pin_locked")
        return [Finding("the security officer's PIN is locked", SO_LOCKED, troubles=(trouble,))]
    if so_pin in (PinState.LOW, PinState.FINAL_TRY):
        trouble = Trouble("hsm.so_pin_low", attributes={"hsm.pin.state": so_pin.value})
        message = f"wrong PINs of the security officer were entered ({so_pin.value})"
        return [
            Finding(message, "find out who enters them: nobody but the officer has a reason to", troubles=(trouble,))
        ]
    return []


def judge_labels(labels: Mapping[str, int]) -> list[Finding]:
    """Allowed labels that no key carries."""
    missing = [label for label, count in labels.items() if not count]
    if not missing:
        return []
    troubles = tuple(Trouble("hsm.key_missing", label, {"hsm.key.label": label}) for label in missing)
    return [Finding(f"no key is called {', '.join(missing)}", "see who deleted or renamed it", troubles=troubles)]


def judge_canary(newest: Mapping[str, Operation]) -> list[Finding]:
    """Operations that did not work when they were tried last."""
    found = []
    for kind, one in newest.items():
        if one.failure is not None:
            attributes: dict[str, AttributeValue] = {"hsm.operation_type": kind, **told_of(one.failure)}
            trouble = Trouble("hsm.canary_failed", kind, attributes)
            message = f"{kind} fails: {said(one.failure)}"
            found.append(Finding(message, advice_on(one.failure), is_down=True, troubles=(trouble,)))
    return found


def judge_late(call: str, seconds: float) -> Finding:
    """A call that has been waited for too long, and may still be answered."""
    trouble = Trouble("hsm.call_late", attributes={"hsm.operation_type": call})
    return Finding(f"{call} has had no answer for {seconds:.1f} s", HUNG, troubles=(trouble,))


def round_of(families: list[Family], findings: Sequence[Finding], sight: Sight | None) -> Round:
    """A round, with what is graver said first."""
    ranked = sorted(findings, key=lambda finding: not finding.is_down)
    if ranked:
        faults = tuple(finding.message for finding in ranked)
        return Round(families, faults=faults, advice=ranked[0].advice, is_down=ranked[0].is_down)
    watched = sight.watched if sight is not None else None
    return Round(
        families, f"{watched.label} ({watched.model} {watched.firmware})".replace(" )", ")") if watched else ""
    )


def said(failure: HsmFailure) -> str:
    """A failure in words, with its return code."""
    code = f" ({failure.code})" if failure.code and failure.code not in str(failure) else ""
    return f"{_NO_KEY.sub(_key_in_words, str(failure))}{code}" if str(failure) else failure.error_type


def _key_in_words(found: re.Match[str]) -> str:
    return f"{found[1].lower().replace('_', ' ')} {found[2]}"


def told_of(failure: HsmFailure) -> dict[str, AttributeValue]:
    """A failure as attributes of an event."""
    told: dict[str, AttributeValue] = {"error.type": failure.error_type}
    return {**told, "hsm.return_code": failure.code} if failure.code else told


def advice_on(failure: HsmFailure) -> str:
    """What to do about it."""
    if failure.code in ADVICE_BY_CODE:
        return ADVICE_BY_CODE[failure.code]
    if LOADING in str(failure):
        return "correct `module`: it is the vendor's library (.so); `ldd` on it names libraries of its own that are missing"
    return ADVICE.get(failure.error_type, f"look {failure.code or failure.error_type} up in the manual of the HSM")
