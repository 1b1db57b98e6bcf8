"""Forks under load: children that are forked while four threads record and send, with and without a spool.

ANYASCOPE_FORK_ROUNDS says how many children (default 200). Prints children that did not end, and spans lost or doubled.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from figures import show
from support.far_end import FarEnd, far_end
from support.telemetry_host import CHILD_SPANS

ROUNDS = int(os.environ.get("ANYASCOPE_FORK_ROUNDS", "200"))


def names_in(end: FarEnd) -> Counter[str]:
    names: Counter[str] = Counter()
    for body in end.bodies:
        request = ExportTraceServiceRequest.FromString(body)
        names.update(span.name for of in request.resource_spans for s in of.scope_spans for span in s.spans)
    return names


def run(name: str, *arguments: str) -> None:
    with far_end() as end:
        command = [sys.executable, "-m", "support.telemetry_host", "fork", end.url, "--count", str(ROUNDS), *arguments]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True)
        told = json.loads(done.stdout.splitlines()[-1])
        names = names_in(end)
    children = sum(1 for span in names if span.startswith("child"))
    dropped = sum(told["dropped"].get("traces", {}).values())
    show(f"{name}: children", ROUNDS, "processes")
    show(f"{name}: children that did not end", len(told["stuck"]), "processes", bar=0.5, is_most=True)
    show(f"{name}: spans of children that are missing", ROUNDS * CHILD_SPANS - children, "spans", bar=0.5, is_most=True)
    lost = sum(told["recorded"]) - (len(names) - children) - dropped
    show(f"{name}: the parent's, neither sent nor counted", lost, "spans", bar=0.5, is_most=True)
    show(f"{name}: sent twice", sum(names.values()) - len(names), "spans", bar=0.5, is_most=True)


def main() -> int:
    run("in memory")
    with tempfile.TemporaryDirectory() as directory:
        run("with a spool", "--spool", directory)
        show(
            "with a spool: files left behind",
            len(list(Path(directory).rglob("*.segment"))),
            "files",
            bar=0.5,
            is_most=True,
        )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
