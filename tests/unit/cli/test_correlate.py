"""`anyascope correlate`, against a server that answers by hand."""

from __future__ import annotations

import json
from urllib.parse import parse_qs

import httpx
import pytest

from anyascope.api import examples
from anyascope.cli import main
from anyascope.cli.operation import stretches_around, txids_in
from anyascope.client import client as client_module

OPERATION = "8f14e45f-ceea-467f-a8f2-3d5c1d9d3a11"
TXID = "ab" * 32
TRACE_ID = examples.TRACE["trace_id"]
SIGNED = examples.TRACE["spans"][0] | {
    "name": "custody.signing",
    "start": "2026-12-01T12:00:01.000000500Z",
    "duration_ns": 81_000_000,
    "status": "ok",
    "status_message": "",
    "correlation_id": OPERATION,
    "attributes": {},
}


def row(second: int, event_name: str, **fields):
    quiet = {"severity": "INFO", "severity_number": 9, "body": "", "attributes": {}, "stream": "otlp"}
    told = {"time": f"2026-12-01T12:00:{second:02}.000000000Z", "event_name": event_name, "correlation_id": OPERATION}
    return examples.LOG_ROW | quiet | told | fields


ROWS = [
    row(0, "audit.withdrawal.intent", attributes={"audit.actor": "ann", "audit.phase": "intent"}),
    row(2, "audit.withdrawal.result", attributes={"transaction_id": TXID}, severity="ERROR", severity_number=17),
    row(3, "bitcoin.transaction.seen", stream="bitcoin", correlation_id=TXID, body="seen\x1b[2J", trace_id=""),
    row(4, "custody.spend.matched", stream="custody", attributes={"inputs": [1, 2]}),
]


class Server:
    """Knows one operation with one transaction; `broken` maps paths to answers in place of its own."""

    def __init__(self):
        self.asked: list[httpx.Request] = []
        self.broken: dict[str, httpx.Response] = {}

    def handle(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        path = request.url.path.removeprefix("/api/anyascope/v1")
        return self.broken.get(path) or httpx.Response(200, json=self.answer(path, request))

    def answer(self, path: str, request: httpx.Request):
        match path:
            case "/logs/search":
                query = request.url.params["query"]
                found = [one for one in ROWS if f'correlation_id:"{one["correlation_id"]}"' in query]
                found += [ROWS[1]] if f'attributes.transaction_id:"{TXID}"' in query else []
                return {"rows": found, "cursor": None}
            case "/traces/search":
                is_ours = request.url.params["tags"] == f"anya.correlation_id={OPERATION}"
                return examples.TRACE_SEARCH if is_ours else {"traces": []}
            case "/alerts":
                alert = examples.ALERTS["alerts"][0] | {"starts_at": "2026-12-01T12:00:05Z", "title": "Unmatched"}
                return {"alerts": [alert, alert | {"id": "a1", "labels": {"txid": TXID}}]}
            case "/custody/spends":
                other = examples.SPEND | {"state": "unmatched"}
                ours = examples.SPEND | {"txid": TXID, "wallet": "hot\n", "state": "matched", "lacks": []}
                is_first = not request.url.params.get("cursor")
                return {
                    "spends": [other if is_first else ours | {"accepted_by": ""}],
                    "cursor": "2" if is_first else None,
                }
            case "/api/v1/query_exemplars":
                own = {"labels": {"correlation_id": OPERATION}, "value": "0.25", "timestamp": 1_796_126_402.5}
                foreign = {"labels": {"correlation_id": "another"}, "value": "9", "timestamp": 1_796_126_402.5}
                labels = {
                    "__name__": "anya_hsm_operation_duration_seconds_bucket",
                    "job": "custody",
                    "le": "1",
                    "kind": "sign",
                }
                return {"status": "success", "data": [{"seriesLabels": labels, "exemplars": [own, foreign]}]}
        assert path == f"/traces/{TRACE_ID}", path
        return examples.TRACE | {"spans": [SIGNED, SIGNED | {"name": "another's", "correlation_id": "another"}]}


@pytest.fixture
def server(monkeypatch):
    found = Server()
    original, transport = httpx.Client, httpx.MockTransport(found.handle)
    monkeypatch.setattr(
        client_module.httpx, "Client", lambda **options: original(**(options | {"transport": transport}))
    )
    return found


@pytest.fixture
def run(server, capsys):
    """Runs the command: its exit code, output and errors."""

    def call(*arguments):
        code = main.run(["correlate", *arguments])
        output = capsys.readouterr()
        return code, output.out, output.err

    return call


EVERYTHING = [
    ("audit", "audit.withdrawal.intent", False),
    ("span", "custody.signing", False),
    ("audit", "audit.withdrawal.result", True),
    ("metric", "anya_hsm_operation_duration_seconds = 0.25", False),
    ("chain", "seen\x1b[2J", False),
    ("custody", "custody.spend.matched", False),
    ("alert", "Unmatched", True),
]


@pytest.mark.parametrize("asked", [OPERATION, TXID, f" {TXID.upper()} "])
def test_joins_all_that_carries_either_id(run, asked):
    """By the operation's id or its transaction's: the same time line, without what is another's."""
    code, out, err = run(asked, "--json")
    assert (code, err) == (0, "")
    found = json.loads(out)
    assert [(one["kind"], one["title"], one["is_bad"]) for one in found["entries"]] == EVERYTHING
    assert found["ids"][0] == asked.strip().lower()
    assert set(found["ids"]) == {OPERATION, TXID}
    assert [one["txid"] for one in found["spends"]] == [TXID]
    signed = found["entries"][1]
    assert (signed["time"], signed["duration_ns"], signed["trace_id"]) == (SIGNED["start"], 81_000_000, TRACE_ID)
    assert (found["is_cut"], found["faults"]) == (False, [])


def test_draws_a_line_an_entry(run):
    """Oldest first, with how long after the first; how the spend stands is above, and no control byte gets through."""
    code, out, _ = run(OPERATION)
    lines = out.splitlines()
    assert code == 0
    assert lines[:2] == [OPERATION, f"joined with {TXID}"]
    assert lines[2] == "matched  hot\\n spends 1250000 sats: request, approval and signature are there"
    assert len(lines) == 4 + len(EVERYTHING)
    assert "+1 s" in lines[5]
    assert "81 ms" in lines[5]
    assert lines[4].endswith("audit.actor=ann")
    assert lines[7].endswith("kind=sign")
    assert lines[9].endswith("inputs=[1,2]")
    assert "\x1b" not in out


def test_shows_the_kinds_that_were_asked_for(run):
    """One or several."""
    _, out, _ = run(OPERATION, "--kind", "chain", "-k", "span", "--json")
    assert [one["kind"] for one in json.loads(out)["entries"]] == ["span", "chain"]
    _, out, _ = run(OPERATION, "--kind", "log")
    assert out.splitlines()[-1] == "nothing of these kinds"


def test_a_part_that_cannot_be_asked_is_told(run, server):
    """On standard error, beside the others; what this server does not have is not missed."""
    broken = {"status": 503, "detail": "the store rests", "code": "unavailable"}
    server.broken["/alerts"] = httpx.Response(503, json=broken)
    server.broken["/custody/spends"] = httpx.Response(404, json={"status": 404, "detail": "no", "code": "not_found"})
    code, out, err = run(OPERATION)
    assert code == 0
    assert err == "(not all could be asked; alerts: the store rests)\n"
    assert "custody.signing" in out
    assert "Unmatched" not in out


def test_a_trace_that_a_record_names_in_vain_is_left_out(run, server):
    """It was sampled away, or has not come."""
    gone = httpx.Response(404, json={"status": 404, "detail": "no such trace", "code": "not_found"})
    server.broken[f"/traces/{TRACE_ID}"] = gone
    code, out, err = run(OPERATION)
    assert (code, err) == (0, "")
    assert "custody.signing" not in out
    assert "audit.withdrawal.intent" in out


def test_an_id_that_nothing_carries(run):
    """Says how far back was looked; quotes in it stay within the question."""
    code, out, _ = run('no" OR "such')
    assert (code, out) == (0, "nothing carries this id in the last 30 days\n")
    code, _, err = run("  ")
    assert code == 2
    assert "ID is empty" in err


def test_the_question_keeps_quotes_inside(run, server):
    """An id is data, never a part of the search language."""
    run('a"b\\c')
    assert server.asked[0].url.params["query"] == 'correlation_id:"a\\"b\\\\c"'


def test_measurements_are_asked_for_around_what_happened(run, server):
    """From ten seconds before the first to ten after the last, where these lie close."""
    run(OPERATION)
    [asked] = [request for request in server.asked if request.url.path == "/api/v1/query_exemplars"]
    form = parse_qs(asked.content.decode())
    assert [float(form[end][0]) for end in ("start", "end")] == [1_796_126_390.0, 1_796_126_414.0]


def test_times_that_lie_close_are_one_stretch():
    """Touching counts; no more than the most."""
    assert stretches_around([100, 0, 15, 103], margin_s=5, most=9) == [(-5, 5), (10, 20), (95, 108)]
    assert stretches_around([0, 10, 100], margin_s=5, most=1) == [(-5, 15)]
    assert stretches_around([], margin_s=5, most=9) == []


def test_transactions_are_found_under_every_name():
    """Each once; what is no transaction's id is none."""
    named = [{"txid": TXID}, {"bitcoin.transaction.id": TXID}, {"txid": "9720fb5e"}, {"transaction_id": 7}]
    assert txids_in(named) == [TXID]
