"""The three operations: exact spans, lines and metrics."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator

import pytest
from opentelemetry.trace import StatusCode

from anyascope.clock import NS_PER_S
from anyascope.sdk.correlation import correlation, current_correlation_id
from anyascope.sdk.operations import (
    BitcoinError,
    BitcoinTransactionData,
    HealthCheckResult,
    HealthStatus,
    HsmError,
    InsufficientFunds,
    KeyNotFound,
    OperationFailed,
    TransactionFailed,
    sources,
    trace_bitcoin_operation,
    trace_health_check,
    trace_hsm_operation,
)
from anyascope.sdk.operations.outcomes import hsm_error_type, transaction_id_in
from anyascope.semconv.signatures import signature_name
from support.sdk_recorder import Recorder, recording

TXID = "f4184fc596403b9d638783cf57adfe4c75c605f6356fbc91338530e9831e9e16"
DATA = BitcoinTransactionData(TXID, 50_000, 12.5)
CORRELATION = "7f1c0d8e-6a55-4f3c-9d59-0c7c1a2b3c4d"
WIF = "5HueCGU8rMjxEXxiPuD5BDku4MkFqeZyd4dZ1jvhTVqvbTLvyTJ"


class TurnedClock:
    """Steps by a quarter of a second at each reading."""

    def __init__(self) -> None:
        self.at_ns = 1_700_000_000 * NS_PER_S

    def now_ns(self) -> int:
        return self.at_ns

    def monotonic_ns(self) -> int:
        self.at_ns += NS_PER_S // 4
        return self.at_ns

    async def sleep(self, seconds: float) -> None:
        raise NotImplementedError


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    with recording() as made:
        yield made


def test_a_bitcoin_operation_has_exactly_these_attributes(recorder: Recorder) -> None:
    """Span, attributes and their types are the platform's own, to the letter."""
    with correlation(CORRELATION):
        assert trace_bitcoin_operation("send", "hot-1", DATA)(lambda: "ab" * 32)() == "ab" * 32

    assert recorder.span().name == "bitcoin_operation"
    assert dict(recorder.span().attributes) == {
        "operation": "send",
        "wallet_id": "hot-1",
        "transaction_id": "ab" * 32,
        "amount_sats": 50_000,
        "fee_rate": 12.5,
        "security_level": "high",
        "security.classification": "restricted",
        "compliance.level": "high",
        "operation.status": "success",
        "anya.correlation_id": CORRELATION,
    }
    assert recorder.span().status.status_code is StatusCode.OK


def test_without_data_nothing_is_said_about_the_transaction(recorder: Recorder) -> None:
    """What is not known is not written."""
    with trace_bitcoin_operation("generate_address", "hot-1"):
        pass

    assert not {"transaction_id", "amount_sats", "fee_rate"} & set(recorder.span().attributes)


def test_a_failed_bitcoin_operation_says_why(recorder: Recorder) -> None:
    """The error passes, and stands on the span, as an event with its stack, and in the metrics."""

    @trace_bitcoin_operation("send", "hot-1", DATA)
    def send() -> str:
        raise InsufficientFunds

    with pytest.raises(InsufficientFunds):
        send()

    span = recorder.span()
    assert span.attributes["operation.status"] == "error"
    assert span.attributes["error.message"] == "Insufficient funds"
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, "Insufficient funds")
    [event] = span.events
    assert event.name == "exception"
    assert event.attributes["exception.type"] == "anyascope.sdk.operations.types.InsufficientFunds"
    assert "in send" in event.attributes["exception.stacktrace"]
    assert (
        recorder.value("anya_bitcoin_transactions_total", operation_type="send", status="error", wallet_id="hot-1") == 1
    )
    assert recorder.value("anya_bitcoin_wallet_balance_sats", wallet_id="hot-1", wallet_type="main") is None


def test_a_bitcoin_operation_is_counted_timed_and_moves_the_balance(recorder: Recorder) -> None:
    """A sending lowers what the wallet holds, a receiving raises it; a signing does neither."""
    with sources.given(clock=TurnedClock()):
        for kind, sats in (("receive", 70_000), ("send", 50_000), ("sign", 1)):
            with trace_bitcoin_operation(kind, "hot-1", BitcoinTransactionData(amount_sats=sats)):
                pass

    assert recorder.value("anya_bitcoin_wallet_balance_sats", wallet_id="hot-1", wallet_type="main") == 20_000
    for kind in ("receive", "send", "sign"):
        labels = {"operation_type": kind, "status": "success", "wallet_id": "hot-1"}
        assert recorder.value("anya_bitcoin_transactions_total", **labels) == 1
        assert recorder.value("anya_bitcoin_transaction_duration_seconds_sum", operation_type=kind) == 0.25


def test_an_operation_writes_a_line_before_and_one_after(recorder: Recorder) -> None:
    """Both are within the span, carry its correlation id, and name what is known at that time."""
    with correlation(CORRELATION), sources.given(clock=TurnedClock()):
        trace_bitcoin_operation("send", "hot-1", DATA)(lambda: "ab" * 32)()

    before, after = recorder.lines
    known = {"operation": "send", "wallet_id": "hot-1", "amount_sats": 50_000, "fee_rate": 12.5}
    assert (before.event, before.level) == ("bitcoin_operation_started", "INFO")
    assert before.fields == {**known, "transaction_id": TXID}
    assert (after.event, after.level) == ("bitcoin_operation_succeeded", "INFO")
    assert after.fields == {**known, "transaction_id": "ab" * 32, "duration_ms": 250.0}
    context = recorder.span().get_span_context()
    for line in recorder.lines:
        assert line.logger == "anyascope.operations"
        assert line.ids == {
            "trace_id": f"{context.trace_id:032x}",
            "span_id": f"{context.span_id:016x}",
            "correlation_id": CORRELATION,
        }


def test_a_failure_is_a_line_of_level_error(recorder: Recorder) -> None:
    """Who reads only errors sees what failed, and why."""
    with pytest.raises(TransactionFailed), trace_bitcoin_operation("send", "hot-1"):
        raise TransactionFailed("mempool full")

    line = recorder.line("bitcoin_operation_failed")
    assert (line.level, line.fields["error"]) == ("ERROR", "mempool full")


def test_exemplars_lead_from_the_metric_to_the_trace(recorder: Recorder) -> None:
    """Counter and histogram point to the span and to the correlation id."""
    with trace_bitcoin_operation("send", "hot-1") as operation:
        pass

    context = operation.span.get_span_context()
    wanted = {
        "trace_id": f"{context.trace_id:032x}",
        "span_id": f"{context.span_id:016x}",
        "correlation_id": operation.correlation_id,
    }
    [counted] = recorder.exemplars("anya_bitcoin_transactions_total")
    [timed] = recorder.exemplars("anya_bitcoin_transaction_duration_seconds_bucket")
    assert counted.labels == timed.labels == wanted


def test_an_exemplar_stays_within_what_openmetrics_allows(recorder: Recorder) -> None:
    """A correlation id that is too long for one is left out of it."""
    with correlation("x" * 128), trace_bitcoin_operation("send", "hot-1"):
        pass

    [counted] = recorder.exemplars("anya_bitcoin_transactions_total")
    assert sum(len(name) + len(value) for name, value in counted.labels.items()) <= 128
    assert set(counted.labels) == {"trace_id", "span_id"}


def test_an_hsm_operation_has_exactly_these_attributes(recorder: Recorder) -> None:
    """Its audit id is a uuid4 of its own; the values that an auditor filters by are texts."""
    with correlation(CORRELATION):
        assert trace_hsm_operation("sign", "withdrawals", "softhsm")(lambda: b"\x30\x45")() == b"\x30\x45"

    attributes = dict(recorder.span("hsm_operation").attributes)
    audit_id = attributes.pop("audit.correlation_id")
    assert uuid.UUID(audit_id).version == 4
    assert attributes == {
        "operation": "sign",
        "key_id": "withdrawals",
        "hsm_provider": "softhsm",
        "security_level": "critical",
        "security.classification": "top_secret",
        "audit.required": "true",
        "compliance.level": "critical",
        "operation.status": "success",
        "anya.correlation_id": CORRELATION,
    }


def test_the_audit_id_stands_in_span_lines_exemplars_and_audit(recorder: Recorder) -> None:
    """An intent before the module is asked, an outcome after, and one id wherever the operation left a trace."""
    seen: list[str] = []
    trace_hsm_operation("sign", "withdrawals", "softhsm")(lambda: seen.extend(recorder.events("anyascope.audit")))()

    audit_id = recorder.span().attributes["audit.correlation_id"]
    assert seen == ["audit.hsm_operation.intent"]
    assert recorder.events("anyascope.audit") == ["audit.hsm_operation.intent", "audit.hsm_operation.outcome"]
    assert {line.fields["audit.correlation_id"] for line in recorder.lines} == {audit_id}
    assert recorder.events("anyascope.operations") == ["hsm_operation_started", "hsm_operation_succeeded"]
    for name in ("anya_hsm_operations_total", "anya_hsm_operation_duration_seconds_bucket"):
        [exemplar] = recorder.exemplars(name)
        assert exemplar.labels["audit_correlation_id"] == audit_id
    assert recorder.line("audit.hsm_operation.outcome").fields["audit.outcome"] == "success"


def test_a_signature_is_on_record_by_its_name(recorder: Recorder) -> None:
    """On the outcome alone; what is no signature has none, and nothing of a wrong use reaches the host."""
    signature = bytes(range(64))
    for given in (signature, b"no signature", "no bytes"):
        with trace_hsm_operation("sign", "withdrawals", "softhsm") as signing:
            signing.set_signature(given)

    lines = [line for line in recorder.lines if line.event == "audit.hsm_operation.outcome"]
    assert [line.fields.get("signature_name") for line in lines] == [signature_name(signature), None, None]
    assert signature.hex() not in str([line.fields for line in lines])


def test_each_hsm_operation_has_an_audit_id_of_its_own(recorder: Recorder) -> None:
    """Two signatures are two entries in the trail, though one request asked for both."""
    sign = trace_hsm_operation("sign", "withdrawals", "softhsm")(lambda: None)
    with correlation(CORRELATION):
        sign()
        sign()

    assert len({span.attributes["audit.correlation_id"] for span in recorder.spans}) == 2


def test_a_failed_hsm_operation_is_counted_by_its_type(recorder: Recorder) -> None:
    """The status is `error`; `hsm_errors_total` tells the errors apart."""
    with pytest.raises(KeyNotFound), trace_hsm_operation("sign", "absent", "softhsm"):
        raise KeyNotFound("no key absent")

    counted = recorder.value("anya_hsm_operations_total", operation_type="sign", provider="softhsm", status="error")
    assert counted == 1
    assert recorder.value("anya_hsm_errors_total", error_type="key_not_found", provider="softhsm") == 1
    outcome = recorder.line("audit.hsm_operation.outcome").fields
    assert (outcome["audit.outcome"], outcome["error"], outcome["error_type"]) == (
        "error",
        "no key absent",
        "key_not_found",
    )


def _pkcs11(name: str, base: type[Exception] | None = None) -> type[Exception]:
    root = base or type("PKCS11Error", (RuntimeError,), {"__module__": "pkcs11.exceptions"})
    return type(name, (root,), {"__module__": "pkcs11.exceptions"})


@pytest.mark.parametrize(
    ("error", "wanted"),
    [
        (KeyNotFound(), "key_not_found"),
        (OperationFailed("no"), "operation_failed"),
        (_pkcs11("PinIncorrect")(), "pin_incorrect"),
        (_pkcs11("SlotIDInvalid")(), "slot_id_invalid"),
        (_pkcs11("RandomNoRNG")(), "random_no_rng"),
        (_pkcs11("NoSuchKey")(), "key_not_found"),
        (_pkcs11("NoSuchToken")(), "token_not_found"),
        (type("PyKCS11Error", (Exception,), {})("CKR_DEVICE_REMOVED (0x00000032)"), "device_removed"),
        (type("Host", (_pkcs11("PinLocked"),), {"__module__": "host"})(), "pin_locked"),
        (TimeoutError(), "timeout"),
        (ConnectionResetError(), "connection_failed"),
        (PermissionError(), "permission_denied"),
        (FileNotFoundError(), "io_failed"),
        (asyncio.CancelledError(), "cancelled"),
        (KeyboardInterrupt(), "cancelled"),
        (ValueError("x"), "invalid_argument"),
        (ZeroDivisionError(), "error"),
    ],
)
def test_hsm_errors_have_types_of_a_closed_set(error: BaseException, wanted: str) -> None:
    """PKCS#11 return codes by name, and a handful of others."""
    assert hsm_error_type(error) == wanted


@pytest.mark.parametrize(
    ("result", "wanted"),
    [
        (TXID, TXID),
        ((TXID, 3), TXID),
        ({"txid": TXID}, TXID),
        ({"transaction_id": TXID}, TXID),
        (BitcoinTransactionData(TXID), TXID),
        (type("Sent", (), {"txid": TXID})(), TXID),
        (type("Sent", (), {"transaction_id": TXID})(), TXID),
        (None, None),
        (True, None),
        ("", None),
        ((), None),
        ("two words", None),
        ("0" * 400, None),
        (WIF, None),
        ({"fee": 3}, None),
    ],
)
def test_the_transactions_id_is_found_in_what_the_function_gives(result: object, wanted: str | None) -> None:
    """A txid in any common form; no raw transaction, no message, no key."""
    assert transaction_id_in(result) == wanted


@pytest.mark.parametrize(
    ("result", "status", "score"),
    [
        (None, "healthy", 1.0),
        (True, "healthy", 1.0),
        (False, "unhealthy", 0.0),
        (HealthStatus.DEGRADED, "degraded", 0.5),
        ("unhealthy", "unhealthy", 0.0),
        ((HealthStatus.DEGRADED, "3 blocks behind"), "degraded", 0.5),
        (HealthCheckResult(HealthStatus.UNHEALTHY, "node", 0.1, "no peers"), "unhealthy", 0.0),
        ({"status": "ok"}, "healthy", 1.0),
    ],
)
def test_a_health_check_shows_what_it_found(recorder: Recorder, result: object, status: str, score: float) -> None:
    """On the span and as the component's gauge, whatever form the finding has."""
    assert trace_health_check("node", instance="n1")(lambda: result)() is result

    attributes = recorder.span("health_check").attributes
    assert attributes["check_type"] == "node"
    assert attributes["health.status"] == status
    assert attributes["health.result"] == ("healthy" if status == "healthy" else "unhealthy")
    assert ("health.error" in attributes) == (status != "healthy")
    assert recorder.value("anya_component_health", component="node", instance="n1") == score


def test_a_health_check_is_timed_in_whole_milliseconds(recorder: Recorder) -> None:
    """As the platform's design has it; the span's own times are finer."""
    with sources.given(clock=TurnedClock()), trace_health_check("node"):
        pass

    assert recorder.span().attributes["health.duration_ms"] == 250


def test_a_health_check_that_raises_is_unhealthy_and_raises(recorder: Recorder) -> None:
    """The exception is the host's; the finding is ours."""
    with pytest.raises(ConnectionError), trace_health_check("node", instance="n1"):
        raise ConnectionError("refused")

    span = recorder.span()
    assert (span.attributes["health.status"], span.attributes["health.error"]) == ("unhealthy", "refused")
    assert span.status.status_code is StatusCode.ERROR
    assert recorder.line("health_check_failed").level == "WARNING"


def test_a_block_may_fail_without_an_exception(recorder: Recorder) -> None:
    """`fail` says so, with an exception or in words."""
    with trace_bitcoin_operation("send", "hot-1") as operation:
        operation.fail("refused by the node")

    assert recorder.span().attributes["error.message"] == "refused by the node"


def test_secrets_in_errors_and_names_are_removed(recorder: Recorder) -> None:
    """Neither message, stack, key id nor a written attribute carries a private key."""
    operation = trace_hsm_operation("sign", WIF, "softhsm").__enter__()
    operation.set_attribute("note", f"imported {WIF}")
    operation.end(HsmError(f"cannot import {WIF}"))

    said = f"{dict(recorder.span().attributes)} {[dict(e.attributes) for e in recorder.span().events]} {recorder.lines}"
    assert WIF not in said
    assert "<redacted" in recorder.span().attributes["error.message"]


@pytest.mark.parametrize("error", [asyncio.CancelledError(), KeyboardInterrupt(), GeneratorExit(), SystemExit(1)])
def test_a_cancelled_operation_is_an_error_that_says_so(recorder: Recorder, error: BaseException) -> None:
    """Of a payment that may or may not have happened nobody reads `success`."""
    with pytest.raises(type(error)), trace_bitcoin_operation("send", "hot-1"):
        raise error

    assert recorder.span().attributes["operation.status"] == "error"
    assert recorder.span().attributes["error.message"].startswith("cancelled: ")


def test_an_operation_without_a_correlation_id_gets_one_for_its_time(recorder: Recorder) -> None:
    """Inside it holds, outside it is gone."""
    with trace_bitcoin_operation("send", "hot-1") as operation:
        assert current_correlation_id() == operation.correlation_id != ""

    assert current_correlation_id() == ""


def test_families_of_errors_hold_their_members() -> None:
    """As the platform's design writes them."""
    assert BitcoinError.TransactionFailed is TransactionFailed
    assert BitcoinError.InsufficientFunds is InsufficientFunds
    assert HsmError.OperationFailed is OperationFailed
    assert HsmError.KeyNotFound is KeyNotFound
    assert issubclass(KeyNotFound, HsmError)
    assert str(TransactionFailed("why")) == "why"


def test_a_health_check_result_tells_whether_all_is_well() -> None:
    """Degraded is not."""
    assert HealthCheckResult(HealthStatus.HEALTHY, "node", 0.01).is_healthy()
    assert not HealthCheckResult(HealthStatus.DEGRADED, "node", 0.01).is_healthy()
