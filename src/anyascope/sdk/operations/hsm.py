"""Operations inside a hardware security module: signing, key generation, whatever uses a key that must not leave."""

from __future__ import annotations

import logging
from typing import Any

from anyascope.sdk.audit import put_on_record
from anyascope.sdk.correlation import current_correlation_id
from anyascope.sdk.guard import guarded, report_misuse
from anyascope.sdk.metrics.recording import count_hsm_operation
from anyascope.sdk.operations import measures, sources
from anyascope.sdk.operations.arguments import Arguments, Given, Name
from anyascope.sdk.operations.outcomes import hsm_error_type
from anyascope.sdk.operations.running import ERROR, SUCCESS, Operation
from anyascope.sdk.operations.traced import Traced
from anyascope.sdk.values import UNKNOWN
from anyascope.semconv.hsm import OTHER_ERROR
from anyascope.semconv.signatures import signature_name

SPAN_NAME = "hsm_operation"
AUDIT_ACTION = "hsm_operation"
AUDIT_ATTRIBUTE = "audit.correlation_id"
SIGNATURE_NAME = "signature_name"
EXEMPLAR_LABEL = "audit_correlation_id"  # a label's name takes no dot


class HsmOperation(Operation):
    """One run of an HSM operation. `audit_correlation_id` is its own, and stands wherever it left a trace."""

    __slots__ = (
        "_arguments",
        "_declared",
        "_known",
        "_signature_name",
        "audit_correlation_id",
        "key_id",
        "operation_type",
        "provider",
    )

    def __init__(self, declared: HsmOperations, arguments: Arguments) -> None:
        super().__init__()
        self.audit_correlation_id = ""
        self.operation_type = UNKNOWN
        self.key_id = UNKNOWN
        self.provider = UNKNOWN
        self._declared = declared
        self._arguments = arguments
        self._known: dict[str, Any] = {}
        self._signature_name = ""

    @guarded(None)
    def set_signature(self, signature: bytes) -> None:
        """Put on record which signature this made, by a name that gives nothing of it away.

        A transaction that carries it can then be told from one that was signed elsewhere. ECDSA over a curve of 256 bits, raw
        or DER, and Schnorr; what is no such signature has no name.

        Args:
            signature: `bytes`, or a `bytearray` or `memoryview` of them; anything else is reported and ignored.
        """
        if not issubclass(type(signature), bytes | bytearray | memoryview):
            # Its type alone: what was given in its place may be a secret.
            report_misuse(f"set_signature takes bytes, got a value of type {type(signature).__name__}")
            return
        self._signature_name = signature_name(bytes(signature))

    def _begin(self) -> None:
        declared, arguments = self._declared, self._arguments
        audit_id = self.audit_correlation_id = sources.new_id()
        operation_type = self.operation_type = declared.operation_type.name(arguments)
        key_id = self.key_id = declared.key_id.name(arguments)
        provider = self.provider = declared.provider.name(arguments)
        known = self._known = {
            "operation": operation_type,
            "key_id": key_id,
            "hsm_provider": provider,
            AUDIT_ATTRIBUTE: audit_id,
        }
        self._open(
            SPAN_NAME,
            {
                **known,
                "security_level": "critical",
                "security.classification": "top_secret",
                "audit.required": "true",
                "compliance.level": "critical",
            },
            correlation_id=current_correlation_id() or audit_id,
        )
        # The intent is on record before the module is asked: of a signature that nobody can account for, it is all there is.
        self._audit("intent", {})
        self._say(logging.INFO, "hsm_operation_started", dict(known))

    def _audit(self, phase: str, more: dict[str, str]) -> None:
        put_on_record(
            AUDIT_ACTION,
            phase,
            self._ids,
            {
                AUDIT_ATTRIBUTE: self.audit_correlation_id,
                "audit.resource": self.key_id,
                "operation": self.operation_type,
                "hsm_provider": self.provider,
                **more,
            },
        )

    def _mark(self) -> None:
        if not self._failed:
            self._mark_outcome({"operation.status": SUCCESS})
            named = {SIGNATURE_NAME: self._signature_name} if self._signature_name else {}
            self._audit("outcome", {"audit.outcome": SUCCESS, **named})
            return
        known, message = self._known, self._error_text()
        known["error"], known["error_type"] = message, self._error_type()
        self._mark_outcome({"operation.status": ERROR, "error.message": message}, error=message)
        self._audit("outcome", {"audit.outcome": ERROR, "error": message, "error_type": known["error_type"]})

    def _error_type(self) -> str:
        return hsm_error_type(self._error) if isinstance(self._error, BaseException) else OTHER_ERROR

    def _measure(self) -> None:
        count_hsm_operation(
            measures.hsm.metrics,
            self.operation_type,
            self.provider,
            ERROR if self._failed else SUCCESS,
            self.duration_s,
            self._error_type() if self._failed else None,
            self._exemplar(EXEMPLAR_LABEL, self.audit_correlation_id),
        )

    def _tell(self) -> None:
        said = {**self._known, "duration_ms": self.duration_ms}
        if self._failed:
            self._say(logging.ERROR, "hsm_operation_failed", said)
        else:
            self._say(logging.INFO, "hsm_operation_succeeded", said)


class HsmOperations(Traced[HsmOperation]):
    """What `trace_hsm_operation` gives."""

    __slots__ = ("key_id", "operation_type", "provider")

    def __init__(self, operation_type: Name, key_id: Name, hsm_provider: Name) -> None:
        super().__init__()
        self.operation_type = Given(operation_type, "operation_type")
        self.key_id = Given(key_id, "key_id")
        self.provider = Given(hsm_provider, "hsm_provider")

    def _make(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> HsmOperation:
        return HsmOperation(self, (args, kwargs))


def trace_hsm_operation(operation_type: Name, key_id: Name, hsm_provider: Name) -> HsmOperations:
    """A span `hsm_operation`, log lines, metrics and two audit events around the caller's real function or block.

        @trace_hsm_operation("sign", key_id=lambda self, key, digest: key.label, hsm_provider="softhsm")
        def sign(self, key: PrivateKey, digest: bytes) -> bytes: ...

    Args:
        operation_type: such as `sign`, `generate_key`, `wrap`.
        key_id: the key's identifier (a label, or the bytes of `CKA_ID`), never key material.
        hsm_provider: such as `softhsm`, `yubihsm`, `cloudhsm`.

    Each may be a function of the decorated function's arguments (of none for a block). Each run has an
    `audit.correlation_id` of its own: on the span, the log lines, the exemplars, the audit's intent before and its outcome
    after. What the module gives (signatures, wrapped keys) is never written anywhere; of a signature that `set_signature` is
    told, a name is.
    """
    return HsmOperations(operation_type, key_id, hsm_provider)
