"""Contracts: what belongs together is missed when a part of it is taken away."""

from __future__ import annotations

from collections import Counter

import pytest

import anyascope.sdk
from anyascope.sdk.testing import (
    BITCOIN_OPERATION,
    CUSTODY_WITHDRAWAL,
    HEALTH_CHECK,
    HSM_OPERATION,
    CapturedLog,
    CapturedSample,
    CapturedSpan,
    ContractError,
    TelemetryContract,
    audit,
    capture,
    log,
    metric,
    same,
    span,
)
from anyascope.sdk.testing.declarations import DeclarationError, load, read
from anyascope.sdk.testing.patterns import Kind
from anyascope.sdk.testing.records import audit_event_in


class Evidence:
    """Records written by hand."""

    def __init__(self):
        self.kept = {kind: [] for kind in Kind}

    def span(self, name, **attributes):
        self.kept[Kind.SPAN].append(CapturedSpan(name, attributes, "UNSET", "INTERNAL", "", "", "", 0, 0))

    def log(self, event, **fields):
        self.kept[Kind.LOG].append(CapturedLog(event, "info", "a", fields))

    def metric(self, name, value=1.0, **labels):
        self.kept[Kind.METRIC].append(CapturedSample(name, labels, value))

    def audit(self, action, **fields):
        record = CapturedLog("a", "info", "anyascope.audit", {"audit.action": action, **fields})
        self.kept[Kind.AUDIT].append(audit_event_in(record))

    def records(self, kind):
        return self.kept[kind]


@pytest.fixture
def evidence():
    return Evidence()


PAID = TelemetryContract(
    "withdrawal",
    (
        span("pay", wallet=same("wallet")),
        metric("paid_total", wallet=same("wallet")),
        log("paid", wallet=same("wallet")),
        audit("pay"),
    ),
)


def pay(evidence, wallet="w1", *, without=()):
    if "span" not in without:
        evidence.span("pay", wallet=wallet)
    if "metric" not in without:
        evidence.metric("paid_total", wallet=wallet)
    if "log" not in without:
        evidence.log("paid", wallet=wallet)
    if "audit" not in without:
        evidence.audit("pay", outcome="success")


def test_nothing_happened_nothing_is_missing(evidence):
    """A contract speaks of operations that happen."""
    PAID.check(evidence)


def test_a_whole_operation_keeps_it(evidence):
    """Each signal is there as often as the operation happened."""
    for wallet in ("w1", "w1", "w2"):
        pay(evidence, wallet)
    PAID.check(evidence, at_least=3)
    assert Counter(PAID.operations(evidence)) == {(("wallet", "w1"),): 2, (("wallet", "w2"),): 1}


@pytest.mark.parametrize(
    ("without", "named"),
    [
        ("span", "missing: span 'pay'"),
        ("metric", "missing: metric 'paid_total'"),
        ("log", "missing: log 'paid'"),
        ("audit", "missing: audit 'pay'"),
    ],
)
def test_names_what_is_missing_and_of_which_operation(evidence, without, named):
    """Whichever signal is taken away, the others bear witness."""
    pay(evidence, "w1")
    pay(evidence, "w2", without=[without])
    with pytest.raises(ContractError) as caught:
        PAID.check(evidence)
    text = str(caught.value)
    assert text.startswith("the telemetry contract 'withdrawal' is broken\n")
    assert named in text
    assert text.count("missing:") == (1 if without != "audit" else text.count("missing: audit"))
    if without != "audit":
        assert "for wallet=w2: seen 0 of 1 times" in text
    assert "which is known from:" in text


def test_shows_what_there_was_instead(evidence):
    """The closest record and its differences stand in the message."""
    pay(evidence, "w1")
    pay(evidence, "w2", without=["span"])
    evidence.span("pay", wallet="W2")
    evidence.metric("paid_total", wallet="W2")
    evidence.log("paid", wallet="W2")
    evidence.audit("pay")
    with pytest.raises(ContractError) as caught:
        PAID.check(evidence)
    assert "no span is 'pay' with wallet='w2'" in str(caught.value)
    assert "wallet: 'w1', wanted 'w2'" in str(caught.value)


def test_counts_every_time(evidence):
    """Two payments from one wallet need two spans."""
    pay(evidence)
    pay(evidence, without=["span"])
    with pytest.raises(ContractError, match="for wallet=w1: seen 1 of 2 times"):
        PAID.check(evidence)


def test_a_counter_counts_as_often_as_it_grew(evidence):
    """One sample of 2 stands for two operations."""
    evidence.metric("paid_total", 2.0, wallet="w1")
    for _ in range(2):
        pay(evidence, without=["metric"])
    PAID.check(evidence)


def test_a_gauge_needs_to_be_there_once(evidence):
    """Setting a gauge twice leaves one value."""
    contract = TelemetryContract("check", (span("check", part=same("part")), metric("health", part=same("part"))))
    evidence.metric("health", 0.5, part="node")
    for _ in range(3):
        evidence.span("check", part="node")
    contract.check(evidence)


def test_at_least_asks_that_it_happened(evidence):
    """A test that means to withdraw must withdraw."""
    with pytest.raises(ContractError, match="at least 1 times, and happened 0 times"):
        PAID.check(evidence, at_least=1)


def test_when_says_what_is_an_operation(evidence):
    """With `when` the other signals may come for other reasons."""
    contract = TelemetryContract("paid", (log("paid", wallet=same("wallet")),), when=span("pay", wallet=same("wallet")))
    evidence.log("paid", wallet="other")
    contract.check(evidence)
    evidence.span("pay", wallet="w1")
    with pytest.raises(ContractError, match="missing: log 'paid'"):
        contract.check(evidence)


def operate(*kinds):
    """The real operations of the SDK."""
    with capture() as telemetry:
        if "bitcoin" in kinds:
            data = anyascope.sdk.BitcoinTransactionData(txid=None, amount_sats=5, fee_rate_sat_per_vb=1.0)
            for wallet in ("w1", "w1", "w2"):
                with anyascope.sdk.trace_bitcoin_operation("send", wallet, data):
                    pass
            with pytest.raises(ValueError, match="no"), anyascope.sdk.trace_bitcoin_operation("receive", "w1"):
                raise ValueError("no")
        if "hsm" in kinds:
            for key in ("k1", "k2"):
                with anyascope.sdk.trace_hsm_operation("sign", key, "softhsm"):
                    pass
            with (
                pytest.raises(anyascope.sdk.KeyNotFound),
                anyascope.sdk.trace_hsm_operation("sign", "k3", "softhsm"),
            ):
                raise anyascope.sdk.KeyNotFound("k3")
        if "health" in kinds:
            for result in (True, False):
                with anyascope.sdk.trace_health_check("node") as check:
                    check.set_result(result)
        if "custody" in kinds:
            for _ in range(2):
                withdrawal = anyascope.sdk.custody_operation("withdrawal", wallet_id="w1", amount_sats=5)
                for stage in ("policy", "signing"):
                    with withdrawal.step(stage):
                        pass
                withdrawal.set_transaction("ef" * 32)
                withdrawal.confirmed(1, block_height=5, block_hash="ab" * 32)
                withdrawal.finish()
    return telemetry


READY = [
    ("bitcoin", BITCOIN_OPERATION, "_spans", "bitcoin_operation", 4),
    ("bitcoin", BITCOIN_OPERATION, "_logs", "bitcoin_operation_succeeded", 4),
    ("hsm", HSM_OPERATION, "_spans", "hsm_operation", 3),
    ("hsm", HSM_OPERATION, "_logs", "audit.hsm_operation.intent", 3),
    ("hsm", HSM_OPERATION, "_logs", "audit.hsm_operation.outcome", 3),
    ("health", HEALTH_CHECK, "_spans", "health_check", 2),
    ("health", HEALTH_CHECK, "_logs", "health_check_passed", 2),
    ("custody", CUSTODY_WITHDRAWAL, "_spans", "custody_operation", 2),
    ("custody", CUSTODY_WITHDRAWAL, "_spans", "custody.signing", 2),
    ("custody", CUSTODY_WITHDRAWAL, "_spans", "custody_operation.lifetime", 2),
    ("custody", CUSTODY_WITHDRAWAL, "_logs", "audit.withdrawal.intent", 2),
    ("custody", CUSTODY_WITHDRAWAL, "_logs", "audit.withdrawal.policy.event", 2),
    ("custody", CUSTODY_WITHDRAWAL, "_logs", "custody_operation_finished", 2),
]


@pytest.mark.parametrize("part", READY, ids=lambda part: f"{part[0]}, {part[3]}")
def test_ready_contracts_hold_for_the_real_operations_and_miss_each_part(part):
    """What the SDK does by itself keeps them; without any one of its parts they break."""
    kind, contract, where, name, times = part
    telemetry = operate(kind)
    contract.check(telemetry, at_least=times)
    kept = getattr(telemetry, where)
    gone = next(record for record in kept if record.name == name)
    kept.remove(gone)
    with pytest.raises(ContractError, match="missing:"):
        contract.check(telemetry)


def test_reads_toml(tmp_path):
    """A table a contract, an inline table a signal, `$` for what is shared and `*` for anything."""
    path = tmp_path / "contracts.toml"
    path.write_text("""
[[contract]]
name = "withdrawal"
when = { span = "pay", wallet = "$wallet" }
requires = [
    { metric = "paid_total", wallet = "$wallet" },
    { log = "paid", wallet = "$wallet", took_ms = "*" },
    { audit = "pay", phase = "outcome" },
]
""")
    (contract,) = load("contracts.toml", directory=tmp_path)
    assert contract.name == "withdrawal"
    assert contract.when is not None
    assert contract.when.shared == {"wallet": "wallet"}
    assert [pattern.kind for pattern in contract.requires] == [Kind.METRIC, Kind.LOG, Kind.AUDIT]
    assert contract.requires[1].wanted == {"wallet": ..., "took_ms": ...}


def test_reads_pyproject(tmp_path):
    """Under `[[tool.anyascope.contract]]`."""
    (tmp_path / "pyproject.toml").write_text(
        '[[tool.anyascope.contract]]\nname = "a"\nrequires = [{ span = "*", kind = "SERVER" }]\n'
    )
    (contract,) = load("pyproject.toml", directory=tmp_path)
    assert contract.requires[0].name is None


def test_ready_ones_have_names(tmp_path):
    """And an object of a module has its own."""
    assert load("hsm_operation", directory=tmp_path) == [HSM_OPERATION]
    assert load("anyascope.sdk.testing.ready:HEALTH_CHECK", directory=tmp_path) == [HEALTH_CHECK]


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (5, "x must be a table, got 5"),
        ({"requires": []}, "x.name must be a text, got None"),
        ({"name": "a"}, "x.requires must list at least one signal, got None"),
        ({"name": "a", "requires": [{}]}, r"x.requires\[0\] must name one of span, metric, log"),
        ({"name": "a", "requires": [{"span": 1}]}, r"x.requires\[0\].span must be a text, got 1"),
        ({"name": "a", "requires": [{"span": "a", "log": "b"}]}, r"x.requires\[0\] must name one of"),
        ({"name": "a", "requires": [{"span": "a"}], "whan": 1}, "x.whan is unknown; known are name, requires, when"),
        ({"name": "a", "requires": [{"span": "a"}], "when": 1}, "x.when must name one of"),
    ],
)
def test_a_wrong_declaration_names_the_place(entry, message):
    """Path, what was found, what was wanted."""
    with pytest.raises(DeclarationError, match=message):
        read(entry, where="x")


@pytest.mark.parametrize("source", ["nonsense", "absent.toml", "absent_module:X", "anyascope.sdk:guarded"])
def test_what_is_no_declaration_is_told(tmp_path, source):
    """With what would be one."""
    with pytest.raises(DeclarationError):
        load(source, directory=tmp_path)
