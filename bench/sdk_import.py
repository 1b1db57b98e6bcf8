"""What importing and starting the SDK costs a service, against importing the libraries that it stands on.

Each import happens in a fresh interpreter with warm byte code; the processes take turns, and the least of each is compared:
what is above it is other work of the machine. The time is the process's own (user and system), so that a busy machine changes
little. The libraries are those that `pip install anyascope` declares, imported as a service imports them to do the same by
hand: tracer and logger providers with OTLP exporters over HTTP, `prometheus_client`, `structlog`.
"""

from __future__ import annotations

import os
import subprocess
import sys

from figures import show

ROUNDS = 15
RATIO_BAR = 1.2  # of the issue

LIBRARIES = """
import structlog
import prometheus_client
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
"""
SDK = "import anyascope.sdk\n"
ALL = (
    SDK
    + """
for name in anyascope.sdk.__all__:
    if name not in ("testing", "integrations", "instrument", "instrument_clients", "TelemetryMiddleware"):
        getattr(anyascope.sdk, name)
"""
)
STARTED = (
    SDK
    + """
telemetry = anyascope.sdk.init(service="custody", endpoint="http://127.0.0.1:9", push_metrics=False)
"""
)
STARTED_BY_HAND = (
    LIBRARIES
    + """
resource = Resource.create({"service.name": "custody"})
traces = TracerProvider(resource=resource)
traces.add_span_processor(BatchSpanProcessor(OTLPSpanExporter("http://127.0.0.1:9/v1/traces", timeout=1)))
trace.set_tracer_provider(traces)
logs = LoggerProvider(resource=resource)
logs.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter("http://127.0.0.1:9/v1/logs", timeout=1)))
structlog.configure(processors=[structlog.processors.JSONRenderer()])
"""
)
MEASURED = """
import os, time
before = time.process_time()
{program}
print(time.process_time() - before)
import sys; sys.stdout.flush(); os._exit(0)
"""


def process_ms(program: str) -> float:
    """Processor time of these statements in a fresh interpreter, which then ends without its exit handlers."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURED.format(program=program)],
        env=os.environ,
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout.splitlines()[-1]) * 1000


def main() -> None:
    programs = {"libraries": LIBRARIES, "sdk": SDK, "all": ALL, "started": STARTED, "by hand": STARTED_BY_HAND}
    best = dict.fromkeys(programs, float("inf"))
    for program in programs.values():
        process_ms(program)  # byte code and the disk's cache are warm afterwards
    for _ in range(ROUNDS):
        for name, program in programs.items():
            best[name] = min(best[name], process_ms(program))
    show("import of the libraries", best["libraries"], "ms")
    show("import anyascope.sdk", best["sdk"], "ms")
    show("import anyascope.sdk, and every name of it", best["all"], "ms")
    show("import and init()", best["started"], "ms")
    show("libraries imported and set up by hand", best["by hand"], "ms")
    show("import ratio", best["sdk"] / best["libraries"], "x", bar=RATIO_BAR, is_most=True)
    show("import of everything, ratio", best["all"] / best["libraries"], "x")  # no service uses every name
    show("import and set-up, ratio", best["started"] / best["by hand"], "x", bar=RATIO_BAR, is_most=True)


if __name__ == "__main__":
    main()
