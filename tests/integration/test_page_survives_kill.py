"""A page is taken over, the process is killed, and the page arrives: everywhere, once."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from support.components import REPOSITORY
from support.ports import free_port
from support.sinks import http_sink, mail_sink

PAGER = REPOSITORY / "tests" / "support" / "pager.py"
WITHIN_S = 60
CONFIG = """
global: {{smtp_smarthost: '127.0.0.1:{mail}', smtp_from: 'anyascope@example.test', smtp_require_tls: true,
  smtp_tls_config: {{insecure_skip_verify: true}}}}
route: {{receiver: ops, group_by: [alertname], group_wait: 1s, group_interval: 1s}}
receivers:
- name: ops
  webhook_configs: [{{url: 'http://127.0.0.1:{http}/hook'}}]
  slack_configs: [{{api_url: 'http://127.0.0.1:{http}/slack', channel: '#ops', send_resolved: true}}]
  email_configs: [{{to: 'ops@example.test', send_resolved: true}}]
"""
LABELS = {"alertname": "SigningFailed", "severity": "critical", "category": "security", "component": "hsm-1"}
ANNOTATIONS = {"summary": "Signing failed", "description": "The HSM refused."}


class Pager:
    """The process; `kill` is -9."""

    def __init__(self, folder: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(PAGER), str(folder / "alertmanager.yml"), str(folder / "state.db")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY / "src")},
        )
        self.expect("ready")

    def expect(self, word: str) -> None:
        for line in self.process.stdout:
            if line.strip() == word:
                return
        raise AssertionError(f"the process ended before it said {word}")

    def take(self, **alert) -> None:
        self.process.stdin.write(json.dumps(alert) + "\n")
        self.process.stdin.flush()
        self.expect("taken")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(WITHIN_S)
        self.process.stdin.close()
        self.process.stdout.close()


@contextlib.contextmanager
def running(folder: Path):
    pager = Pager(folder)
    try:
        yield pager
    finally:
        pager.kill()


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not holds():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.05)


@pytest.mark.slow
def test_a_page_survives_kill_9(tmp_path):
    """Killed between firing and delivery, the next start delivers to webhook, Slack and mail; then the end is told."""
    http_out, mail_out = tmp_path / "http.jsonl", tmp_path / "mail.jsonl"
    ports = {"http": free_port(), "mail": free_port()}  # nobody listens there now: the sends fail
    (tmp_path / "alertmanager.yml").write_text(CONFIG.format(**ports))

    with running(tmp_path) as pager:
        pager.take(labels=LABELS, annotations=ANNOTATIONS)

    with (
        http_sink(http_out, port=ports["http"]) as http,
        mail_sink(mail_out, "--starttls", port=ports["mail"]) as mail,
        running(tmp_path) as pager,
    ):
        wait_until(lambda: len(http.records()) >= 2 and len(mail.records()) >= 1)
        pager.take(labels=LABELS, annotations=ANNOTATIONS, ended=True)
        wait_until(lambda: len(http.records()) >= 4 and len(mail.records()) >= 2)
        pager.take(labels={"alertname": "Last", "severity": "critical"})
        wait_until(lambda: len(http.records()) >= 6 and len(mail.records()) >= 3)
        posted = [(record["path"], json.loads(record["body"])) for record in http.records()]
        mails = mail.records()

    assert "Last" in json.dumps(posted[4:])  # nothing else came before it
    assert len(posted) == 6
    del posted[4:], mails[2:]
    hooks = [body for path, body in posted if path == "/hook"]
    slacks = [body["attachments"][0] for path, body in posted if path == "/slack"]
    assert [body["status"] for body in hooks] == ["firing", "resolved"]
    assert [one["title"] for one in slacks] == ["[🚨] Signing failed", "✅ Resolved: [🚨] Signing failed"]
    assert [one["subject"] for one in mails] == [
        "[FIRING:1] SigningFailed (security hsm-1 critical)",
        "[RESOLVED] SigningFailed (security hsm-1 critical)",
    ]
    assert all(one["tls"] for one in mails)


@pytest.mark.slow
def test_nothing_is_lost_or_doubled_by_many_kills(tmp_path):
    """Killed again and again at any moment, each page that was taken over arrives, and a repeat carries its id."""
    with http_sink(tmp_path / "http.jsonl") as http:
        config = f"route: {{receiver: ops, group_by: ['...'], group_wait: 0s}}\nreceivers:\n- name: ops\n  webhook_configs: [{{url: 'http://127.0.0.1:{http.port}/'}}]\n"
        (tmp_path / "alertmanager.yml").write_text(config)
        taken = []
        for life in range(3):
            with running(tmp_path) as pager:
                for number in range(life * 3 + 1):
                    name = f"A{life}-{number}"
                    pager.take(labels={"alertname": name, "severity": "critical"})
                    taken.append(name)
        with running(tmp_path):

            def arrived() -> dict[str, set[str]]:
                ids: dict[str, set[str]] = {}
                for record in http.records():
                    for alert in json.loads(record["body"])["alerts"]:
                        identity = dict(record["headers"])["Idempotency-Key"]
                        ids.setdefault(alert["labels"]["alertname"], set()).add(identity)
                return ids

            wait_until(lambda: arrived().keys() >= set(taken))
            assert all(len(ids) == 1 for ids in arrived().values())
