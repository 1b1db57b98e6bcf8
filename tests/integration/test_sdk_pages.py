"""What each page of the SDK's guide tells a reader to write is run as it stands, against the real thing."""

from __future__ import annotations

import gzip
import os
import re
import subprocess
import sys

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from support.components import REPOSITORY, component
from support.far_end import FarEnd, far_end
from support.sdk_pages import PAGES

RUN_WITHIN_S = 100.0
NEEDED = {"bitcoin-rpc": "bitcoind", "pkcs11": "softhsm2-util"}


def exported(end: FarEnd) -> list[tuple[str, str]]:
    """Service and name of each span that arrived."""
    found = []
    for path, body, headers in zip(end.paths, end.bodies, end.received, strict=True):
        if path == "/v1/traces":
            raw = gzip.decompress(body) if headers.get("content-encoding") == "gzip" else body
            for resource in ExportTraceServiceRequest.FromString(raw).resource_spans:
                service = {one.key: one.value.string_value for one in resource.resource.attributes}["service.name"]
                found += [(service, span.name) for scope in resource.scope_spans for span in scope.spans]
    return found


@pytest.mark.parametrize("page", PAGES)
def test_the_first_lines_of_a_page_do_what_it_says(page):
    """After the lines of the page, one use of the framework arrives at the endpoint as the spans that the page names."""
    if page in NEEDED:
        component(NEEDED[page])
    with far_end() as end:
        done = subprocess.run(
            [sys.executable, "-m", "support.sdk_pages", page, end.url],
            env={**os.environ, "PYTHONPATH": f"{REPOSITORY / 'src'}{os.pathsep}{REPOSITORY / 'tests'}"},
            capture_output=True,
            text=True,
            timeout=RUN_WITHIN_S,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        spans = exported(end)
        metrics = end.paths.count("/v1/metrics")
    assert {service for service, _ in spans} == {"custody"}
    assert PAGES[page][1] <= {name for _, name in spans}
    assert metrics > 0
    assert "telemetry failed" not in done.stdout + done.stderr
    assert "wrong use" not in done.stdout + done.stderr


@pytest.mark.parametrize("page", PAGES)
def test_a_page_begins_with_its_lines_and_ends_with_what_to_see(page):
    """A reader meets the lines first, then what they bring; the page ends with Verify and Troubleshooting."""
    text = (REPOSITORY / "docs" / "guide" / f"{page}.md").read_text()
    headings = re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert headings[-2:] == ["Verify", "Troubleshooting"]
    assert text.index("```python") < text.index("You now have") < text.index("## ")
