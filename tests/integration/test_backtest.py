"""`anyascope backtest rules` against a real server whose history was written by remote write."""

from __future__ import annotations

import json
import subprocess
import sys
import time

import httpx

from anyascope.model.labels import labels_of
from support.remote_write import remote_write
from support.server import running_server

RULES = """
groups:
- name: custody
  interval: 15s
  rules:
  - {record: 'job:fails:rate1m', expr: 'sum by (job) (rate(signing_failures_total[1m]))'}
  - alert: SigningFails
    expr: job:fails:rate1m > 0
    for: 1m
    labels: {severity: critical}
    annotations: {summary: '{{ $labels.job }} fails'}
"""


def command(url, *arguments):
    return subprocess.run(
        [sys.executable, "-m", "anyascope.cli.main", "--server", url, "backtest", "rules", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_over_a_server(tmp_path):
    """The alert that the stored samples would have raised is found, by way of a series that nobody recorded."""
    (tmp_path / "r.yml").write_text(RULES)
    now_s = int(time.time()) // 15 * 15
    begin_s = now_s - 1800
    series = labels_of({"__name__": "signing_failures_total", "job": "signer"})
    # Quiet for ten minutes, failing for five, quiet again.
    values = [*[0] * 40, *range(1, 21), *[20] * 60]
    samples = [((begin_s + 15 * slot) * 1000, float(value)) for slot, value in enumerate(values)]
    with running_server(tmp_path) as server:
        written = httpx.post(
            f"{server.url}/api/v1/write",
            content=remote_write([(series, samples)]),
            headers={"content-type": "application/x-protobuf", "content-encoding": "snappy"},
        )
        written.raise_for_status()

        options = (str(tmp_path / "r.yml"), "--from", str(begin_s), "--to", str(now_s))
        answer = command(server.url, *options, "--json")
        picture = command(server.url, *options)
        unknown = command(server.url, *options, "--rule", "Nope")

    assert answer.returncode == 0, answer.stderr
    told = json.loads(answer.stdout)
    [alert] = told["alerts"]
    assert alert["labels"] == {"alertname": "SigningFails", "job": "signer", "severity": "critical"}
    assert alert["annotations"] == {"summary": "signer fails"}
    assert 240 <= alert["firing_s"] <= 330
    assert told["rules"][0]["alerts"] == 1
    assert "SigningFails job=signer" in picture.stdout
    assert "█" in picture.stdout
    assert picture.stdout.endswith(" firing\n")
    assert (unknown.returncode, unknown.stderr) == (
        2,
        "anyascope: --rule: there is no alert 'Nope'; there are SigningFails\n",
    )
