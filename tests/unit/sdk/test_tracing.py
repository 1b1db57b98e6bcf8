"""Setting a process's tracing up: once, again, beside a host's own, and in children."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry import propagate, trace
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import NoOpTracerProvider

from anyascope.sdk.correlation import correlation
from anyascope.sdk.guard import MisuseError, forget_told, strict
from anyascope.sdk.operations import trace_bitcoin_operation
from anyascope.sdk.testing import capture
from anyascope.sdk.tracing import current_sample_ratio, initialize_tracing, set_sample_ratio
from support.components import REPOSITORY
from support.tracing import Recorder, untouched_globals


@pytest.fixture(autouse=True)
def _globals(monkeypatch) -> Iterator[None]:
    for name in [name for name in os.environ if name.startswith("OTEL_")]:
        monkeypatch.delenv(name)
    forget_told()
    with untouched_globals():
        yield
    forget_told()


def initialized(**options: Any) -> Any:
    """A provider that sends nothing."""
    return initialize_tracing(**{"endpoint": "off", **options})


def recorded(provider: Any) -> InMemorySpanExporter:
    memory = InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(memory))
    return memory


# --- what is set up ---------------------------------------------------------------------------------------------------


def test_the_resource_says_who_the_service_is():
    """Under OpenTelemetry's current names, and the older one of the environment."""
    provider = initialized(service_name="custody", environment="staging", version="1.2.3")
    attributes = provider.resource.attributes
    assert attributes["service.name"] == "custody"
    assert attributes["service.version"] == "1.2.3"
    assert attributes["deployment.environment.name"] == attributes["service.environment"] == "staging"
    assert attributes["service.instance.id"]
    assert (attributes["host.name"], attributes["process.pid"]) == (socket.gethostname(), os.getpid())


def test_defaults_are_the_documented_ones():
    """The name, the environment, and the limits of a span."""
    provider = initialized()
    memory = recorded(provider)
    with trace.get_tracer("t").start_as_current_span("s") as span:
        for index in range(70):
            span.set_attribute(f"a{index}", index)
            span.add_event(f"e{index}")
    (found,) = memory.get_finished_spans()
    assert provider.resource.attributes["service.name"] == "anya-core"
    assert provider.resource.attributes["service.environment"] == "production"
    assert (len(found.attributes), found.dropped_attributes) == (32, 38)
    assert (len(found.events), found.dropped_events) == (64, 6)


def test_the_processs_tracers_are_meant():
    """Also those that were made before."""
    early = trace.get_tracer("early")
    memory = recorded(initialized())
    with early.start_as_current_span("s"):
        pass
    assert [span.name for span in memory.get_finished_spans()] == ["s"]


def test_a_provider_apart_leaves_the_processs_alone():
    """For a second service in one process."""
    first = initialized(service_name="first")
    apart = initialized(service_name="second", set_global=False)
    assert trace.get_tracer_provider() is first
    assert apart is not first
    assert apart.resource.attributes["service.name"] == "second"


def test_every_span_has_the_correlation_id():
    """The one that holds where it starts; none outside of an operation."""
    memory = recorded(initialized())
    tracer = trace.get_tracer("t")
    with correlation("order-7"), tracer.start_as_current_span("inside"):
        pass
    with tracer.start_as_current_span("outside"):
        pass
    inside, outside = memory.get_finished_spans()
    assert inside.attributes == {"anya.correlation_id": "order-7"}
    assert outside.attributes == {}


# --- once more --------------------------------------------------------------------------------------------------------


def test_a_second_call_changes_the_first_ones_provider():
    """Tracers that are in use follow: name, limits and ratio."""
    first = initialized(service_name="one")
    tracer = trace.get_tracer("t")
    second = initialized(service_name="two", max_attributes_per_span=1, sample_ratio=0.0)
    memory = recorded(second)
    assert second is first is trace.get_tracer_provider()
    with tracer.start_as_current_span("unsampled") as span:
        assert not span.is_recording()
    set_sample_ratio(1.0)
    with tracer.start_as_current_span("sampled", attributes={"a": 1}) as span:
        span.set_attribute("b", 2)
    (found,) = memory.get_finished_spans()
    assert found.resource.attributes["service.name"] == "two"
    assert (found.attributes, found.dropped_attributes) == ({"a": 1}, 1)


def test_after_shutdown_tracing_can_be_set_up_again():
    """A test suite, or a server that restarts inside its process."""
    first = initialized()
    first.shutdown()
    memory = recorded(initialized())
    with trace.get_tracer("t").start_as_current_span("s"):
        pass
    assert len(memory.get_finished_spans()) == 1


def test_many_threads_set_tracing_up_at_once():
    """One provider comes of it."""
    found: list[Any] = []
    threads = [threading.Thread(target=lambda: found.append(initialized())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(set(map(id, found))) == 1
    assert found[0] is trace.get_tracer_provider()


# --- a host's own provider --------------------------------------------------------------------------------------------


def test_a_hosts_provider_gets_our_part_once():
    """Its resource and sampler stay; correlation ids come, and twice initialized is not twice sent."""
    host = Recorder()
    trace.set_tracer_provider(host.provider)
    assert initialized(service_name="ours") is host.provider
    assert initialized(service_name="ours") is host.provider
    with correlation("order-7"), trace.get_tracer("t").start_as_current_span("s"):
        pass
    assert host.spans["s"].attributes == {"anya.correlation_id": "order-7"}
    assert host.spans["s"].resource.attributes["service.name"] != "ours"
    assert len(host.provider._active_span_processor._span_processors) == 2


def test_a_provider_that_takes_nothing_is_left_and_said(caplog):
    """A provider of another maker stays the process's; ours is apart."""
    foreign = NoOpTracerProvider()
    trace.set_tracer_provider(foreign)
    with caplog.at_level(logging.WARNING, logger="anyascope.sdk"):
        provider = initialized()
    assert trace.get_tracer_provider() is foreign
    assert isinstance(provider, TracerProvider)
    assert "takes no span processor" in caplog.text


def test_what_is_set_up_while_a_test_captures_changes_nothing_behind_it():
    """The provider of before is not given our part twice, and sends what it sent."""
    host = Recorder()
    trace.set_tracer_provider(host.provider)
    initialized()
    with capture():
        initialized()
        with trace.get_tracer("t").start_as_current_span("captured"):
            pass
    initialized()
    with trace.get_tracer("t").start_as_current_span("s"):
        pass
    assert list(host.spans) == ["s"]
    assert len(host.provider._active_span_processor._span_processors) == 2


# --- the environment --------------------------------------------------------------------------------------------------


def test_a_disabled_sdk_records_nothing_and_asks_nobody(monkeypatch):
    """`OTEL_SDK_DISABLED`; propagation still works."""
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    threads = set(threading.enumerate())
    provider = initialize_tracing("custody", "http://127.0.0.1:1", remote_settings=True)
    with trace.get_tracer("t").start_as_current_span("s") as span:
        assert not span.is_recording()
    assert isinstance(provider, TracerProvider)
    assert not [thread for thread in set(threading.enumerate()) - threads if thread.name.startswith("anyascope")]


def test_resource_attributes_of_the_environment_are_added(monkeypatch):
    """OpenTelemetry's own variable."""
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "service.namespace=vault,service.instance.id=i-7")
    attributes = initialized(service_name="custody").resource.attributes
    assert (attributes["service.namespace"], attributes["service.instance.id"]) == ("vault", "i-7")


def test_propagators_are_the_processs():
    """As named; by default what is there already stays."""
    before = propagate.get_global_textmap()
    initialized()
    assert propagate.get_global_textmap() is before
    initialized(propagators=("b3", "b3multi"))
    assert propagate.get_global_textmap().fields == {"b3", "x-b3-traceid", "x-b3-spanid", "x-b3-sampled"}


def test_propagators_of_the_environment_are_obeyed():
    """In a process that says so; without the package ours falls back instead of failing."""
    code = (
        "from anyascope.sdk.tracing import inject, initialize_tracing\n"
        "tracer = initialize_tracing('x', 'off').get_tracer('t')\n"
        "with tracer.start_as_current_span('s'): print(*sorted(inject({})))\n"
    )
    assert python(code, OTEL_PROPAGATORS="b3") == "b3"
    assert python(code, OTEL_PROPAGATORS="smoke") == "traceparent"


def python(code: str, **environment: str) -> str:
    """What a program prints."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY / "src"), **environment},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


# --- limits -----------------------------------------------------------------------------------------------------------


def test_ours_stand_first_when_a_span_is_full():
    """Attributes that an audit needs take the place of the newest of the others, and nothing takes theirs."""
    memory = recorded(initialized(max_attributes_per_span=4))
    with correlation("order-7"), trace.get_tracer("t").start_as_current_span("s") as span:
        for index in range(10):
            span.set_attribute(f"a{index}", index)
        span.set_attribute("audit.required", "true")
        span.set_attribute("security_level", "critical")
        span.set_attribute("late", 1)
        span.set_attribute("a0", "changed")
    (found,) = memory.get_finished_spans()
    assert found.attributes == {
        "anya.correlation_id": "order-7",
        "a0": "changed",
        "audit.required": "true",
        "security_level": "critical",
    }
    assert found.dropped_attributes == 10


def test_ours_stand_first_when_a_span_starts_full():
    """Given at the start, before or behind the others; the others in the order given."""
    memory = recorded(initialized(max_attributes_per_span=3))
    others = {f"a{index}": index for index in range(5)}
    tracer = trace.get_tracer("t")
    tracer.start_span("before", attributes={"wallet_id": "cold", **others}).end()
    tracer.start_span("behind", attributes={**others, "wallet_id": "cold"}).end()
    for found in memory.get_finished_spans():
        assert found.attributes == {"wallet_id": "cold", "a0": 0, "a1": 1}
        assert found.dropped_attributes == 3


def test_an_operations_attributes_are_there_from_its_start():
    """Also for a processor of the host's; a span inside, and one that is not kept, get none of them."""
    seen: list[tuple[str, dict[str, Any]]] = []

    class Looks(SpanProcessor):
        def on_start(self, span, parent_context=None):
            seen.append((span.name, dict(span.attributes)))

    provider = initialized()
    provider.add_span_processor(Looks())
    tracer = trace.get_tracer("t")
    with correlation("c-1"), trace_bitcoin_operation("send", "hot-1"):
        tracer.start_span("inside", attributes={"a": 1}).end()
    set_sample_ratio(0.0)
    with trace_bitcoin_operation("send", "hot-2"):
        pass
    set_sample_ratio(1.0)
    tracer.start_span("later").end()
    assert seen == [
        (
            "bitcoin_operation",
            {
                "operation": "send",
                "wallet_id": "hot-1",
                "security_level": "high",
                "security.classification": "restricted",
                "compliance.level": "high",
                "anya.correlation_id": "c-1",
            },
        ),
        ("inside", {"a": 1, "anya.correlation_id": "c-1"}),
        ("later", {}),
    ]


@pytest.mark.parametrize("most", [3, 6, 7, 32])
def test_an_operation_fills_a_span_of_any_size(most):
    """What has no room is counted, the outcome too, and the first of its attributes stay."""
    memory = recorded(initialized(max_attributes_per_span=most))
    with correlation("c-1"), trace_bitcoin_operation("send", "hot-1"):
        pass
    (found,) = memory.get_finished_spans()
    assert len(found.attributes) == min(most, 7)
    assert found.dropped_attributes == 7 - min(most, 7)
    assert dict(found.attributes).get("operation.status", "success") == "success"


def test_values_longer_than_the_host_allows_are_cut(monkeypatch):
    """`OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT` holds for an operation's attributes too."""
    monkeypatch.setenv("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "4")
    memory = recorded(initialized())
    with trace_bitcoin_operation("consolidate", "hot-1") as operation:
        operation.set_result("f4184fc596403b9d638783cf57adfe4c75c605f6356fbc91338530e9831e9e16")
    (found,) = memory.get_finished_spans()
    assert found.attributes["operation"] == "cons"
    assert found.attributes["transaction_id"] == "f418"
    assert found.attributes["operation.status"] == "succ"


def test_more_of_ours_than_there_is_room_are_counted():
    """The first ones stay."""
    memory = recorded(initialized(max_attributes_per_span=2))
    with trace.get_tracer("t").start_as_current_span("s") as span:
        span.set_attributes({f"audit.a{index}": index for index in range(5)})
    (found,) = memory.get_finished_spans()
    assert found.attributes == {"audit.a0": 0, "audit.a1": 1}
    assert found.dropped_attributes == 3


@pytest.mark.parametrize("most", [0, 1])
def test_the_smallest_limits_hold(most):
    """None at all, and one."""
    memory = recorded(initialized(max_attributes_per_span=most, max_events_per_span=most))
    with correlation("order-7"), trace.get_tracer("t").start_as_current_span("s", attributes={"a": 1}) as span:
        span.add_event("one")
        span.add_event("two")
    (found,) = memory.get_finished_spans()
    assert (len(found.attributes), len(found.events)) == (most, most)


# --- wrong use --------------------------------------------------------------------------------------------------------


class Hostile(str):
    """A text whose every method raises."""

    __slots__ = ()

    def _raise(self, *_: object) -> Any:
        raise RuntimeError("hostile")

    __hash__ = __eq__ = __str__ = __repr__ = __bool__ = __len__ = __iter__ = __getitem__ = _raise  # type: ignore[assignment]
    strip = lower = split = encode = _raise  # type: ignore[assignment]


ODD = [
    Hostile("x"),
    None,
    7,
    1.5,
    float("nan"),
    True,
    b"bytes",
    "",
    "x" * 100_000,
    "\udc80",
    [],
    {},
    object(),
    type,
    10**400,
    -1,
]


@pytest.mark.parametrize("odd", ODD, ids=range(len(ODD)))
@pytest.mark.parametrize(
    "name",
    [
        *("service_name", "endpoint", "protocol", "sample_ratio", "max_events_per_span", "max_attributes_per_span"),
        *("environment", "version", "token", "headers", "ca_file", "cert_file", "key_file", "propagators"),
        *("remote_settings", "settings_endpoint", "set_global", "colour"),
    ],
)
def test_an_odd_argument_never_reaches_the_host(name, odd):
    """A provider that works comes of it all the same; in tests the only exception is that of misuse."""
    provider = initialized(**{name: odd})
    assert provider is not None
    with provider.get_tracer("t").start_as_current_span("s"):
        pass
    with strict(), contextlib.suppress(MisuseError):
        initialized(**{name: odd})


def test_a_wrong_protocol_is_said_with_the_right_ones(caplog):
    """Nothing is guessed."""
    with caplog.at_level(logging.WARNING, logger="anyascope.sdk"):
        initialize_tracing("custody", protocol="carrier_pigeon")
    assert "otlp_http, otlp_grpc, jaeger_thrift_http, got 'carrier_pigeon'; no spans are sent" in caplog.text


def test_a_token_is_never_quoted(caplog):
    """Not when it is wrong, and not by what is set up."""
    wrong: Any = ["hunter2"]
    with caplog.at_level(logging.WARNING, logger="anyascope.sdk"):
        initialized(endpoint="http://127.0.0.1:1", token=wrong, headers={"authorization": wrong})
    assert "token must be a text" in caplog.text
    assert "hunter2" not in caplog.text


@pytest.mark.parametrize("odd", ODD, ids=range(len(ODD)))
def test_an_odd_ratio_leaves_a_sound_one(odd):
    """From 0 to 1, whatever was asked."""
    initialized()
    set_sample_ratio(odd)
    assert 0 <= current_sample_ratio() <= 1


# --- children ---------------------------------------------------------------------------------------------------------

FORKED = """
import json, os
from opentelemetry import trace
from anyascope.sdk.tracing import initialize_tracing
provider = initialize_tracing("custody", "off")
tracer = trace.get_tracer("t")
def resource():
    with tracer.start_as_current_span("s") as span:
        return dict(span.resource.attributes)
parent, (reading, writing) = resource(), os.pipe()
if os.fork() == 0:
    os.write(writing, json.dumps(resource()).encode())
    os._exit(0)
os.wait()
print(json.dumps([parent, json.loads(os.read(reading, 10_000)), resource()]))
"""


def test_a_forked_child_is_an_instance_of_its_own():
    """Tracers that the parent made say so, and the parent stays who it was."""
    parent, child, later = json.loads(python(FORKED))
    assert child["service.instance.id"] != parent["service.instance.id"] == later["service.instance.id"]
    assert child["process.pid"] != parent["process.pid"]
    assert child["service.name"] == parent["service.name"] == "custody"


def test_an_instance_that_was_named_stays_in_children():
    """The operator's word holds."""
    named = python(FORKED, OTEL_RESOURCE_ATTRIBUTES="service.instance.id=i-7")
    assert {one["service.instance.id"] for one in json.loads(named)} == {"i-7"}
