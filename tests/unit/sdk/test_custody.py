"""The money trace: one custody operation is one trace, whoever works on it and whenever."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from opentelemetry import baggage, trace
from opentelemetry import context as otel_context
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ParentBased
from opentelemetry.trace import StatusCode

from anyascope.clock import NS_PER_S
from anyascope.sdk.correlation import correlation, current_correlation_id
from anyascope.sdk.custody import custody_operation, resume_custody_operation
from anyascope.sdk.custody.state import CONTEXT_CHARS_MAX, State, read, written
from anyascope.sdk.guard import MisuseError, strict
from anyascope.sdk.operations import sources, trace_hsm_operation
from anyascope.sdk.tracing.sampling import ServiceSampler
from support.components import REPOSITORY
from support.sdk_recorder import Recorder, recording

TXID = "f4184fc596403b9d638783cf57adfe4c75c605f6356fbc91338530e9831e9e16"
BLOCK = "00000000d1145790a8694403d4063f323d499e655c83426834d4ce2f8dd4a2ee"
OTHER_BLOCK = "000000006a625f06636b8bb6ac7b960a8d03705d1ace08b1a19da3fdcc99ddbd"
CORRELATION = "7f1c0d8e-6a55-4f3c-9d59-0c7c1a2b3c4d"


class HandClock:
    """Stands still until it is turned; a system clock may be turned back."""

    def __init__(self) -> None:
        self.at_s = 1_700_000_000.0

    def now_ns(self) -> int:
        return round(self.at_s * NS_PER_S)

    def monotonic_ns(self) -> int:
        return self.now_ns()

    async def sleep(self, seconds: float) -> None:
        raise NotImplementedError


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    with recording() as made:
        yield made


@pytest.fixture
def clock() -> Iterator[HandClock]:
    made = HandClock()
    with sources.given(clock=made):
        yield made


def parent_ids(recorder: Recorder) -> dict[str, str]:
    """Span's name -> its parent's name."""
    names = {span.get_span_context().span_id: span.name for span in recorder.spans}
    return {span.name: names.get(span.parent.span_id, "?") if span.parent else "" for span in recorder.spans}


def test_one_withdrawal_is_one_trace_from_request_to_confirmations(recorder: Recorder) -> None:
    """Over three processes that share nothing but the stored context; every span has its parent."""
    tracer = trace.get_tracer_provider().get_tracer("host")
    with (
        tracer.start_as_current_span("POST /withdrawals"),
        correlation(CORRELATION),
        custody_operation("withdrawal", wallet_id="hot", amount_sats=50_000, confirmations_wanted=3) as operation,
    ):
        with operation.step("policy"):
            pass
        stored = operation.context
    with resume_custody_operation(stored) as operation:
        with operation.step("signing"), trace_hsm_operation("sign", "withdrawals", "softhsm"):
            assert current_correlation_id() == CORRELATION
        with operation.step("broadcast"):
            operation.set_transaction(TXID)
        stored = operation.context
    for confirmations in (1, 2, 3):
        operation = resume_custody_operation(stored)
        operation.confirmed(confirmations, block_height=170, block_hash=BLOCK)
        stored = operation.context

    assert operation.outcome == "success"
    assert len({span.get_span_context().trace_id for span in recorder.spans}) == 1
    assert {span.attributes["anya.correlation_id"] for span in recorder.spans if span.name != "POST /withdrawals"} == {
        CORRELATION
    }
    assert recorder.named() == [
        "custody_operation",
        "custody.policy",
        "POST /withdrawals",
        "hsm_operation",
        "custody.signing",
        "custody.broadcast",
        *["custody.confirmation"] * 3,
        "custody_operation.lifetime",
    ]
    assert parent_ids(recorder) == {
        "POST /withdrawals": "",
        "custody_operation": "POST /withdrawals",
        "custody.policy": "custody_operation",
        "custody.signing": "custody_operation",
        "hsm_operation": "custody.signing",
        "custody.broadcast": "custody_operation",
        "custody.confirmation": "custody_operation",
        "custody_operation.lifetime": "custody_operation",
    }


def test_the_root_span_says_what_was_asked_for(recorder: Recorder) -> None:
    """It ends at once: what is sent hours later already has its parent."""
    operation = custody_operation(
        "withdrawal", wallet_id="hot", amount_sats=50_000, reference="wd-17", confirmations_wanted=3, tier="vip"
    )

    assert dict(recorder.span().attributes) == {
        "operation": "withdrawal",
        "wallet_id": "hot",
        "amount_sats": 50_000,
        "custody.reference": "wd-17",
        "custody.confirmations_wanted": 3,
        "tier": "vip",
        "security_level": "high",
        "security.classification": "restricted",
        "compliance.level": "high",
        "audit.required": "true",
        "anya.correlation_id": operation.correlation_id,
    }
    assert f"{recorder.span().get_span_context().trace_id:032x}" == operation.trace_id


def test_the_lifetime_spans_the_whole_time(recorder: Recorder, clock: HandClock) -> None:
    """Sent when all is over, by whichever process ends it."""
    stored = custody_operation("withdrawal").context
    clock.at_s += 7_200
    resume_custody_operation(stored).finish()

    lifetime = recorder.span("custody_operation.lifetime")
    assert lifetime.end_time - lifetime.start_time == 7_200 * NS_PER_S
    assert lifetime.attributes["operation.status"] == "success"
    assert lifetime.attributes["custody.duration_s"] == 7_200


def test_a_stage_lasts_from_the_end_of_the_one_before_it(recorder: Recorder, clock: HandClock) -> None:
    """What a person took to approve counts, though the code around it took no time."""
    with custody_operation("withdrawal") as operation:
        clock.at_s += 1
        with operation.step("policy"):
            pass
        stored = operation.context
    clock.at_s += 3_600
    with resume_custody_operation(stored).step("approval", actor="bob"):
        clock.at_s += 2

    name = "anya_custody_stage_duration_seconds_sum"
    assert recorder.value(name, kind="withdrawal", stage="policy") == 1
    assert recorder.value(name, kind="withdrawal", stage="approval") == 3_602
    assert recorder.span("custody.approval").attributes["custody.elapsed_s"] == 3_602


def test_a_stage_that_failed_goes_on_when_it_is_tried_again(recorder: Recorder, clock: HandClock) -> None:
    """Its duration is that of all tries."""
    operation = custody_operation("withdrawal")
    clock.at_s += 5
    with pytest.raises(ConnectionError), operation.step("signing"):
        raise ConnectionError("the module is gone")
    clock.at_s += 5
    with operation.step("signing"):
        pass

    failed, done = (span for span in recorder.spans if span.name == "custody.signing")
    assert failed.attributes["operation.status"] == "error"
    assert failed.attributes["error.message"] == "the module is gone"
    assert done.attributes["custody.elapsed_s"] == 10
    assert recorder.line("custody_step_failed").level == "ERROR"


@pytest.mark.parametrize("back_s", [3_600, 10**9, 1.7e9 + 5])
def test_a_clock_that_is_set_back_gives_no_negative_time(recorder: Recorder, clock: HandClock, back_s: float) -> None:
    """Not for a stage, not for the lifetime."""
    operation = custody_operation("withdrawal")
    clock.at_s -= back_s
    with operation.step("policy"):
        pass
    operation.finish()

    assert recorder.value("anya_custody_stage_duration_seconds_sum", kind="withdrawal", stage="policy") == 0
    lifetime = recorder.span("custody_operation.lifetime")
    assert lifetime.end_time >= lifetime.start_time
    assert resume_custody_operation(operation.context).trace_id == operation.trace_id


def test_the_audit_has_the_intent_the_stages_and_the_outcome(recorder: Recorder) -> None:
    """With who wanted it and who agreed, under one correlation id."""
    operation = custody_operation("withdrawal", reference="wd-17", actor="alice")
    with operation.step("approval", actor="bob"):
        pass
    operation.finish("refused", error="over the limit", actor="carol")

    lines = [line for line in recorder.lines if line.logger == "anyascope.audit"]
    assert [line.event for line in lines] == [
        "audit.withdrawal.intent",
        "audit.withdrawal.approval.event",
        "audit.withdrawal.outcome",
    ]
    assert [line.fields.get("audit.actor") for line in lines] == ["alice", "bob", "carol"]
    assert [line.fields.get("audit.outcome") for line in lines] == [None, "success", "refused"]
    assert {line.fields["audit.correlation_id"] for line in lines} == {operation.correlation_id}
    assert {line.fields["audit.resource"] for line in lines} == {"wd-17"}
    assert recorder.line("custody_operation_finished").fields["error"] == "over the limit"


def test_operations_are_counted_by_what_became_of_them(recorder: Recorder) -> None:
    """Each ends once; a second end changes nothing, and another one is wrong use."""
    operation = custody_operation("sweep")
    operation.finish("error", error=ConnectionError("no node"))
    operation.finish("error")
    operation.finish("success")

    counts = {
        status: recorder.value("anya_custody_operations_total", kind="sweep", status=status) for status in STATUSES
    }
    assert counts == {"started": 1, "error": 1, "success": None}
    assert recorder.named().count("custody_operation.lifetime") == 1
    assert recorder.span("custody_operation.lifetime").status.status_code is StatusCode.ERROR
    assert operation.outcome == "error"
    with strict(), pytest.raises(MisuseError):
        operation.finish("success")


STATUSES = ("started", "error", "success")


def test_the_same_confirmations_again_change_nothing(recorder: Recorder) -> None:
    """Who polls may say the same a hundred times."""
    operation = custody_operation("withdrawal", confirmations_wanted=2)
    for _ in range(3):
        operation.confirmed(1, block_height=170, block_hash=BLOCK)

    assert recorder.named().count("custody.confirmation") == 1
    assert recorder.span("custody.confirmation").attributes["custody.block_height"] == 170
    assert operation.outcome is None


def test_a_node_that_lags_behind_takes_nothing_back(recorder: Recorder) -> None:
    """The same block holds the transaction; services ask several nodes in turn."""
    operation = custody_operation("withdrawal")
    operation.confirmed(3, block_height=170, block_hash=BLOCK)
    operation.confirmed(2, block_height=170, block_hash=BLOCK)

    assert operation.confirmations == 3
    assert "custody.confirmations_lost" not in recorder.named()


@pytest.mark.parametrize(
    ("confirmations", "block"),
    [(0, None), (-1, None), (1, OTHER_BLOCK), (4, OTHER_BLOCK)],
    ids=["back in the memory pool", "in conflict", "fewer", "as many, in another block"],
)
def test_lost_confirmations_reopen_what_was_done(recorder: Recorder, confirmations: int, block: str | None) -> None:
    """A reorganisation is told, on the trace, in the lines and in the audit; reaching the number again ends it again."""
    operation = custody_operation("withdrawal", confirmations_wanted=3)
    operation.set_transaction(TXID)
    operation.confirmed(3, block_height=170, block_hash=BLOCK)
    assert operation.outcome == "success"

    watcher = resume_custody_operation(operation.context)
    watcher.confirmed(confirmations, block_height=None if block is None else 171, block_hash=block)
    watcher.confirmed(6, block_height=171, block_hash=OTHER_BLOCK)

    lost = recorder.span("custody.confirmations_lost")
    assert lost.status.status_code is StatusCode.ERROR
    assert recorder.line("custody_confirmations_lost").level == "ERROR"
    assert recorder.value("anya_custody_operations_total", kind="withdrawal", status="reopened") == 1
    assert recorder.value("anya_custody_operations_total", kind="withdrawal", status="success") == 2
    assert "audit.withdrawal.confirmations_lost.event" in recorder.events("anyascope.audit")
    assert watcher.outcome == "success"


def test_the_transaction_is_on_record_at_once_and_once(recorder: Recorder) -> None:
    """Its id is in the audit when `set_transaction` returns, with the operation that it belongs to; again adds nothing."""
    operation = custody_operation("sweep", wallet_id="hot", amount_sats=5_000)
    operation.set_transaction(TXID)
    operation.set_transaction(TXID)
    resume_custody_operation(operation.context).set_transaction({"txid": TXID})
    with operation.step("policy"):
        pass

    told = recorder.line("audit.sweep.transaction.event")
    wanted = {"custody.operation": "sweep", "wallet_id": "hot", "transaction_id": TXID}
    assert {name: told.fields.get(name) for name in wanted} == wanted
    assert told.ids["correlation_id"] == operation.correlation_id
    step = recorder.line("audit.sweep.policy.event").fields
    assert (step["custody.operation"], step["custody.stage"]) == ("sweep", "policy")


def test_an_operation_is_kept_although_others_are_sampled_away() -> None:
    """By our sampler and by any that follows its parent; what follows in other processes is kept too."""
    for sampler in (ServiceSampler(0.0), ParentBased(ALWAYS_OFF)):
        with recording(sampler) as recorder:
            tracer = trace.get_tracer_provider().get_tracer("host")
            with tracer.start_as_current_span("POST /withdrawals"):
                pass
            stored = custody_operation("withdrawal").context
            with resume_custody_operation(stored).step("signing"), trace_hsm_operation("sign", "k", "softhsm"):
                pass
            names = recorder.named()
            if sampler.__class__ is ServiceSampler:
                assert names == ["custody_operation", "hsm_operation", "custody.signing"]
            else:
                # It follows its parent and leaves the rest out: only what has a parent that was kept can be kept.
                assert names[-2:] == ["hsm_operation", "custody.signing"]


def test_an_unsampled_request_lends_its_trace(recorder: Recorder) -> None:
    """Its log lines have that trace id: they stay joined to the money's trace."""
    with recording(ServiceSampler(0.0)) as dark:
        tracer = trace.get_tracer_provider().get_tracer("host")
        with tracer.start_as_current_span("POST /withdrawals") as request:
            operation = custody_operation("withdrawal")

    assert operation.trace_id == f"{request.get_span_context().trace_id:032x}"
    assert dark.named() == ["custody_operation"]


def test_each_of_a_batch_may_have_a_trace_of_its_own(recorder: Recorder) -> None:
    """Linked to the batch's; with a correlation id of its own."""
    tracer = trace.get_tracer_provider().get_tracer("host")
    with tracer.start_as_current_span("sweep run") as run, correlation(CORRELATION):
        operations = [custody_operation("sweep", own_trace=True) for _ in range(3)]

    assert len({operation.trace_id for operation in operations}) == 3
    assert len({operation.correlation_id for operation in operations} | {CORRELATION}) == 4
    for span in recorder.spans[:3]:
        assert span.parent is None
        assert [link.context.span_id for link in span.links] == [run.get_span_context().span_id]


def test_a_workers_own_trace_points_to_the_moneys(recorder: Recorder) -> None:
    """The money's trace does not hang on who happens to work on it."""
    stored = custody_operation("withdrawal").context
    tracer = trace.get_tracer_provider().get_tracer("host")
    with tracer.start_as_current_span("poll"), resume_custody_operation(stored) as operation:
        assert f"{trace.get_current_span().get_span_context().trace_id:032x}" == operation.trace_id

    [link] = recorder.span("poll").links
    assert f"{link.context.trace_id:032x}" == operation.trace_id


def test_baggage_goes_along(recorder: Recorder) -> None:
    """What the request carried is there again in the process that goes on."""
    token = otel_context.attach(baggage.set_baggage("tenant", "acme; & co", baggage.set_baggage("plan", "größer")))
    try:
        stored = custody_operation("withdrawal").context
    finally:
        otel_context.detach(token)

    with resume_custody_operation(stored):
        assert dict(baggage.get_all()) == {"tenant": "acme; & co", "plan": "größer"}
    assert dict(baggage.get_all()) == {}


def test_an_exception_in_a_block_of_it_is_told_and_ends_nothing(recorder: Recorder) -> None:
    """Another process may try again."""
    with pytest.raises(ConnectionError), custody_operation("withdrawal") as operation:
        raise ConnectionError("no node")

    assert recorder.line("custody_operation_interrupted").fields["error"] == "no node"
    assert operation.outcome is None


@pytest.mark.parametrize("text", ["", "anya2;tp=x", "00-1-2-01", "anya1;tp=00-0-0-01", "x" * 600, None, b"anya1", 7])
def test_what_is_no_context_is_told_and_a_trace_begins_in_its_place(recorder: Recorder, text: object) -> None:
    """The host goes on; in tests it raises."""
    with resume_custody_operation(text) as operation, operation.step("signing"):  # type: ignore[arg-type]
        pass

    assert operation.kind == "unknown"
    assert recorder.named() == ["custody_operation", "custody.signing"]
    with strict(), pytest.raises(MisuseError):
        resume_custody_operation(text)  # type: ignore[arg-type]


def test_a_context_of_the_longest_parts_still_fits() -> None:
    """What joins and judges is always in it; the rest where there is room."""
    state = State(
        trace_id=2**128 - 1,
        span_id=2**64 - 1,
        correlation_id="c" * 128,
        kind="k" * 32,
        started_ms=253_402_300_799_999,
        since_ms=253_402_300_799_998,
        stage="s" * 32,
        wallet_id="w" * 64,
        reference="r" * 64,
        txid="f" * 64,
        wanted=10_000_000,
        confirmations=-10_000_000,
        block_height=99_999_999,
        block_hash="b" * 64,
        outcome="cancelled",
        baggage={"a": "b" * 100},
    )
    text = written(state)

    assert len(text) <= CONTEXT_CHARS_MAX
    back = read(text)
    for name in ("trace_id", "span_id", "correlation_id", "kind", "started_ms", "since_ms", "stage", "wanted"):
        assert getattr(back, name) == getattr(state, name)
    for name in ("confirmations", "block_height", "block_hash", "outcome"):
        assert getattr(back, name) == getattr(state, name)


def test_another_process_goes_on_with_what_was_stored(recorder: Recorder, tmp_path: Path) -> None:
    """A real one, which knows nothing but the text."""
    stored = custody_operation("withdrawal", wallet_id="hot").context
    code = (
        "import sys\n"
        "from anyascope.sdk.custody import resume_custody_operation\n"
        "with resume_custody_operation(sys.argv[1]) as operation:\n"
        "    with operation.step('signing'):\n"
        "        pass\n"
        "print(operation.context)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, stored],
        env={"PYTHONPATH": str(REPOSITORY / "src")},
        capture_output=True,
        text=True,
        check=True,
    )

    back = resume_custody_operation(done.stdout.strip())
    assert back.trace_id == resume_custody_operation(stored).trace_id
    assert back.correlation_id == resume_custody_operation(stored).correlation_id
    assert back.stage == "signing"


async def test_it_works_in_asynchronous_code(recorder: Recorder) -> None:
    """Operation and steps, as blocks and around functions."""
    async with custody_operation("withdrawal") as operation:

        @operation.step("signing")
        async def sign() -> int:
            return 5

        assert await sign() == 5
        async with operation.step("broadcast"):
            pass

    assert recorder.named() == ["custody_operation", "custody.signing", "custody.broadcast"]


def test_a_forked_child_goes_on_whatever_the_parents_threads_were_doing(recorder: Recorder) -> None:
    """The lock that another thread held at the moment of the fork is not the child's."""
    operation = custody_operation("withdrawal")
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with operation._course._lock:
            held.set()
            done.wait()

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait()
    child = os.fork()
    if child == 0:
        signal.alarm(20)  # a child that stands still ends too
        try:
            with operation.step("signing"):
                pass
            os._exit(0 if operation.stage == "signing" else 1)
        finally:
            os._exit(2)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    done.set()
    holder.join()
    assert code == 0
