"""The pytest plugin, under pytest's own."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytest_plugins = ["pytester"]

SERVICE = """
import logging
from opentelemetry import trace
from anyascope.sdk import audit_event
from anyascope.sdk.metrics import AnyaMetrics

tracer = trace.get_tracer("service")   # got at import, as services do
log = logging.getLogger("service")

def withdraw(wallet, *, without=""):
    if without != "span":
        with tracer.start_as_current_span("withdraw") as span:
            span.set_attribute("wallet", wallet)
    if without != "metric":
        AnyaMetrics.global_().bitcoin_transactions_total.labels("send", "success", wallet).inc()
    if without != "log":
        log.info("withdrawn", extra={"wallet": wallet})
    if without != "audit":
        audit_event("withdraw", phase="outcome", correlation_id="c-1", resource=wallet)
"""
CONTRACT = """
[[contract]]
name = "withdrawal"
requires = [
    { span = "withdraw", wallet = "$wallet" },
    { metric = "anya_bitcoin_transactions_total", operation_type = "send", wallet_id = "$wallet" },
    { log = "withdrawn", wallet = "$wallet" },
    { audit = "withdraw", phase = "outcome", resource = "$wallet" },
]
"""


@pytest.fixture
def project(pytester):
    """A project with a small service and a contract for every test of it."""
    pytester.makepyfile(service=SERVICE)
    pytester.makefile(".toml", contracts=CONTRACT)
    pytester.makeini(
        "[pytest]\ntelemetry_contracts = contracts.toml\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\n"
    )
    pytester.syspathinsert()
    return pytester


def run(project, *arguments):
    return project.runpytest_inprocess("-p", "anyascope.sdk.testing.plugin", "-p", "no:randomly", *arguments)


def test_a_whole_operation_passes(project):
    """Nothing is said of a test in which nothing is missing, nor of one in which nothing happens."""
    project.makepyfile("""
        from service import withdraw
        def test_withdraws(): withdraw("w1")
        def test_does_nothing(): pass
    """)
    run(project).assert_outcomes(passed=2)


@pytest.mark.parametrize(
    ("without", "named"),
    [
        ("span", "missing: span 'withdraw'"),
        ("metric", "missing: metric 'anya_bitcoin_transactions_total' with operation_type='send'"),
        ("log", "missing: log 'withdrawn'"),
        ("audit", "missing: audit 'withdraw' with phase='outcome'"),
    ],
)
def test_what_is_taken_away_makes_the_test_red_and_is_named(project, without, named):
    """Every test in which a withdrawal happens fails when it lacks its span, metric, log or audit event."""
    project.makepyfile(f"""
        from service import withdraw
        def test_withdraws():
            withdraw("w1")
            withdraw("w2", without="{without}")
    """)
    result = run(project)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["the telemetry contract 'withdrawal' is broken"])
    text = result.stdout.str()
    assert named in text
    assert "for wallet=w2: seen 0 of 1 times" in text
    assert "Traceback" not in text


def test_the_fixture_sees_the_preparation_too(project):
    """A service that a fixture starts is captured from its start."""
    project.makepyfile("""
        import pytest
        from service import withdraw
        @pytest.fixture
        def prepared(): withdraw("from the fixture")
        def test_sees(prepared, telemetry):
            withdraw("w1")
            assert [span.attributes["wallet"] for span in telemetry.spans("withdraw")] == ["from the fixture", "w1"]
            assert telemetry.metric("anya_bitcoin_transactions_total", wallet_id="w1") == 1
    """)
    run(project).assert_outcomes(passed=1)


def test_a_marker_demands_that_it_happens(project):
    """By the project's name, by a ready one's, or with the object."""
    project.makepyfile("""
        import pytest
        from anyascope.sdk.testing import TelemetryContract, span
        from service import withdraw
        TWICE = TelemetryContract("twice", (span("withdraw"),))
        @pytest.mark.telemetry_contract("withdrawal")
        def test_does_nothing(): pass
        @pytest.mark.telemetry_contract("withdrawal")
        def test_withdraws(): withdraw("w1")
        @pytest.mark.telemetry_contract(TWICE, at_least=2)
        def test_once(): withdraw("w1")
        @pytest.mark.telemetry_contract("bitcoin_operation")
        def test_ready(): pass
        @pytest.mark.telemetry_contract("nonsense")
        def test_unknown(): pass
    """)
    result = run(project)
    result.assert_outcomes(failed=4, passed=1)
    text = result.stdout.str()
    assert "it must have happened at least 1 times, and happened 0 times" in text
    assert "it must have happened at least 2 times, and happened 1 times" in text
    assert "'nonsense' is no contract" in text


def test_a_conftest_declares_contracts_too(pytester):
    """By answering the plugin's question, without any option."""
    pytester.makepyfile(service=SERVICE)
    pytester.syspathinsert()
    pytester.makeconftest("""
        from anyascope.sdk.testing import TelemetryContract, audit, same, span
        PAID = TelemetryContract("paid", (span("withdraw", wallet=same("wallet")), audit("withdraw", resource=same("wallet"))))
        def pytest_telemetry_contracts(): return [PAID]
    """)
    pytester.makepyfile("""
        from service import withdraw
        def test_whole(): withdraw("w1")
        def test_part(): withdraw("w1", without="audit")
    """)
    result = run(pytester)
    result.assert_outcomes(passed=1, failed=1)
    assert "missing: audit 'withdraw'" in result.stdout.str()


def test_a_marker_lets_a_test_off(project):
    """For a test of just a part."""
    project.makepyfile("""
        import pytest
        from service import withdraw
        @pytest.mark.no_telemetry_contracts
        def test_part(): withdraw("w1", without="span")
    """)
    run(project).assert_outcomes(passed=1)


def test_a_test_that_fails_says_why_itself(project):
    """The contract does not talk over the test's own failure."""
    project.makepyfile("""
        from service import withdraw
        def test_fails():
            withdraw("w1", without="span")
            assert 1 == 2
    """)
    result = run(project)
    result.assert_outcomes(failed=1)
    assert "telemetry contract" not in result.stdout.str()


def test_wrong_use_of_the_sdk_raises(project):
    """A watched test is strict."""
    project.makepyfile("""
        from anyascope.sdk import audit_event
        def test_misuse(telemetry): audit_event("a", phase="nonsense", correlation_id="c")
    """)
    result = run(project)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*MisuseError*phase must be one of intent, outcome, event*"])


@pytest.mark.parametrize("mode", ["auto", "strict"])
def test_asynchronous_tests(project, mode):
    """With pytest-asyncio in both of its modes."""
    project.makepyfile("""
        import asyncio, pytest
        from service import withdraw
        @pytest.mark.asyncio
        async def test_whole(telemetry):
            await asyncio.sleep(0)
            withdraw("w1")
            telemetry.span("withdraw")
        @pytest.mark.asyncio
        async def test_part():
            await asyncio.gather(asyncio.to_thread(withdraw, "w1", without="span"))
    """)
    result = run(project, "-o", f"asyncio_mode={mode}")
    result.assert_outcomes(passed=1, failed=1)
    assert "missing: span 'withdraw'" in result.stdout.str()


@pytest.mark.long
def test_many_workers(project):
    """With pytest-xdist each worker judges its own."""
    project.makepyfile("""
        import pytest
        from service import withdraw
        @pytest.mark.parametrize("number", range(6))
        def test_whole(number, telemetry):
            withdraw("w1")
            assert telemetry.metric("anya_bitcoin_transactions_total") == 1
        def test_part(): withdraw("w1", without="log")
    """)
    result = project.runpytest_subprocess("-p", "anyascope.sdk.testing.plugin", "-n2")
    result.assert_outcomes(passed=6, failed=1)
    assert "missing: log 'withdrawn'" in result.stdout.str()


def test_every_test_begins_anew(project):
    """Nothing of one test is seen by the next."""
    project.makepyfile("""
        from service import withdraw
        def test_first(telemetry):
            withdraw("w1")
            assert len(telemetry.spans()) == 1
        def test_second(telemetry):
            assert telemetry.spans() == []
            withdraw("w2")
            assert telemetry.metric("anya_bitcoin_transactions_total") == 1
    """)
    run(project).assert_outcomes(passed=2)


def test_a_broken_declaration_is_told(project):
    """The place in the file, in every test that it concerns."""
    project.makefile(".toml", contracts='[[contract]]\nname = "x"\n')
    project.makepyfile("def test_a(): pass")
    result = run(project)
    result.assert_outcomes(failed=1)
    assert "contract[0].requires must list at least one signal" in result.stdout.str()


def test_whoever_does_not_use_it_pays_nothing(pytester):
    """Loading the plugin loads neither OpenTelemetry's SDK nor any part of ours, and no test is watched."""
    pytester.makepyfile("""
        import sys
        def test_nothing_is_loaded():
            heavy = ("opentelemetry.sdk", "opentelemetry.trace", "structlog", "prometheus_client", "anyascope.sdk.testing.capturing")
            assert [name for name in heavy if name in sys.modules] == []
    """)
    result = pytester.runpytest_subprocess(
        "-p", "anyascope.sdk.testing.plugin", "-p", "no:randomly", "-p", "no:hypothesispytest"
    )
    result.assert_outcomes(passed=1)


def test_the_testing_module_loads_when_it_is_used():
    """Importing its front loads nothing heavy either."""
    code = "import sys, anyascope.sdk.testing; print('opentelemetry.sdk' in sys.modules, 'capture' in dir(anyascope.sdk.testing))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONPATH": "src"}
    )
    assert done.stdout.split() == ["False", "True"]
