"""The commands, against a server that answers by hand."""

from __future__ import annotations

import io
import json

import cramjam
import httpx
import msgspec
import numpy as np
import pytest

from anyascope.api import examples
from anyascope.cli import main
from anyascope.cli.query import fitting_step_s, series_name
from anyascope.cli.traces import in_tree_order
from anyascope.client import client as client_module
from anyascope.model.labels import labels_of
from anyascope.wire.own_traces import SpanView
from anyascope.wire.prompb.read import ReadSeries, encode_read
from support.own_api import STATUS


@pytest.fixture
def server(monkeypatch):
    """Answers by path; what was asked is remembered."""

    class Server:
        def __init__(self):
            self.answers = {}
            self.asked = []

        def handle(self, request):
            self.asked.append(request)
            path = request.url.path.removeprefix("/api/anyascope/v1")
            answer = self.answers.get(path)
            if isinstance(answer, Exception):
                raise answer
            if answer is None:
                return httpx.Response(404, json={"status": 404, "detail": f"nothing at {path}", "code": "not_found"})
            if isinstance(answer, httpx.Response):
                return answer
            return httpx.Response(200, content=msgspec.json.encode(answer))

    found = Server()
    original = httpx.Client

    def with_transport(**options):
        return original(**(options | {"transport": httpx.MockTransport(found.handle)}))

    monkeypatch.setattr(client_module.httpx, "Client", with_transport)
    for name in ("ANYASCOPE_SERVER", "ANYASCOPE_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    return found


@pytest.fixture
def run(server, capsys):
    """Runs a command: its exit code, output and errors."""

    def call(*arguments):
        code = main.run(list(arguments))
        output = capsys.readouterr()
        return code, output.out, output.err

    return call


def row(body, **fields):
    return examples.LOG_ROW | {"body": body} | fields


# --- ends ---------------------------------------------------------------------------------------------------------


def test_no_server_is_one_line_with_what_to_do(run, server):
    """And exit code 2, also for doctor."""
    server.answers["/status"] = httpx.ConnectError("refused")
    code, out, err = run("doctor")
    assert (code, out) == (2, "")
    assert err == "anyascope: no server answers at http://127.0.0.1:9470: start it with `anyascope up`\n"


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["gibberish"], "No such command 'gibberish' (see anyascope --help)"),
        (["query"], "Missing argument 'EXPR' (see anyascope query --help)"),
        (["alerts", "--state", "gone"], "see anyascope alerts --help"),
        (["--server", "ftp://x", "alerts"], "--server: must be an address"),
        (["query", "up", "--start", "later"], "start: must be"),
        (["up", "--store", "disk"], "see anyascope up --help"),
    ],
)
def test_bad_input_is_one_line(run, arguments, text):
    """With exit code 2 and never a traceback."""
    code, _, err = run(*arguments)
    assert code == 2
    assert err.count("\n") == 1
    assert text in err


def test_a_command_without_its_parts_gives_its_help(run):
    """The help is the answer."""
    for arguments in ([], ["check"], ["test"]):
        code, _, err = run(*arguments)
        assert code == 2
        assert err.startswith("Usage: anyascope")


def test_a_fault_of_ours_is_one_line_with_its_place(run, monkeypatch):
    """For a report; with an exit code of its own."""
    monkeypatch.setattr("anyascope.cli.doctor.failures", lambda *_: 1 / 0)
    code, _, err = run("alerts", "--state", "firing")
    assert code == 2
    monkeypatch.setattr("anyascope.cli.session.Session.client", lambda _: 1 / 0)
    code, _, err = run("alerts")
    assert code == 70
    assert err.count("\n") == 1
    assert "ZeroDivisionError" in err
    assert "test_commands.py:" in err


def test_an_interrupt_is_told_by_the_exit_code(run, server):
    """As shells have it."""
    server.answers["/alerts"] = KeyboardInterrupt()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(server, "handle", lambda _: (_ for _ in ()).throw(KeyboardInterrupt()))
        assert run("alerts")[0] == 130


def test_the_token_and_the_server_may_come_from_the_environment(run, server, monkeypatch):
    """Options win over them."""
    monkeypatch.setenv("ANYASCOPE_SERVER", "http://h1:1")
    monkeypatch.setenv("ANYASCOPE_TOKEN", "secret-token")
    server.answers["/alerts"] = {"alerts": []}
    run("alerts")
    run("--server", "h2:2", "alerts")
    assert [str(request.url.copy_with(query=None, path="")) for request in server.asked] == [
        "http://h1:1",
        "http://h2:2",
    ]
    assert server.asked[0].headers["authorization"] == "Bearer secret-token"


def test_version_prints_the_version(run):
    """One line."""
    assert run("version") == run("--version") == (0, "anyascope 0.1.0\n", "")


def test_up_hands_its_options_over(run, monkeypatch, tmp_path):
    """Options and environment become one value; the server's exit code is the command's."""
    from anyascope.config.load import Sources

    seen = []
    monkeypatch.setitem(
        __import__("sys").modules,
        "anyascope.app.main",
        type("Main", (), {"run_server": staticmethod(lambda options: seen.append(options) or 3)}),
    )
    monkeypatch.setenv("ANYASCOPE_DATA", str(tmp_path))
    monkeypatch.setenv("ANYASCOPE_LOG_FORMAT", "text")
    code, _, _ = run("up", "--listen", "127.0.0.1:0", "--no-collect", "--store", "memory")
    assert code == 3
    assert seen == [Sources(data=tmp_path, listen="127.0.0.1:0", log_format="text", collect=False, store="memory")]


# --- logs -------------------------------------------------------------------------------------------------------------


def test_logs_are_printed_with_the_newest_last(run, server):
    """A line a record in a pipe, whatever is in it: no colour, no control byte."""
    server.answers["/logs/search"] = {
        "rows": [
            row("newer\nline", attributes={"a": "x y", "n": 1.5}),
            row("older \x1b[31m", severity="", trace_id=""),
        ],
        "cursor": None,
    }
    code, out, _ = run("logs", "severity:error", "signing", "--since", "2h", "-n", "5")
    older, newer = out.splitlines()
    assert code == 0
    assert "custody older \\x1b[31m wallet=cold-1" in older
    assert 'custody newer\\nline a="x y" n=1.5 correlation_id=8f14' in newer
    assert dict(server.asked[0].url.params)["query"] == "severity:error signing"
    assert dict(server.asked[0].url.params)["start"] == "-2h"


def test_more_logs_than_a_page_are_asked_for_page_by_page(run, server):
    """The cursor goes on until there are enough."""
    pages = [{"rows": [row("b")], "cursor": "c1"}, {"rows": [row("a")], "cursor": None}]
    server.handle = lambda request: (
        server.asked.append(request) or httpx.Response(200, json=pages[len(server.asked) - 1])
    )
    _, out, _ = run("logs", "-n", "2000", "--json")
    assert [json.loads(line)["body"] for line in out.splitlines()] == ["a", "b"]
    assert [request.url.params["limit"] for request in server.asked] == ["1000", "1000"]
    assert server.asked[1].url.params["cursor"] == "c1"


def test_a_mistake_in_the_query_is_told_with_its_column(run, server):
    """As the server says it."""
    problem = {
        "status": 400,
        "detail": "column 3: this quote is never closed",
        "code": "invalid_input",
        "path": "query",
    }
    server.answers["/logs/search"] = httpx.Response(400, json=problem)
    code, _, err = run("logs", 'a "b')
    assert (code, err) == (2, "anyascope: query: column 3: this quote is never closed\n")


def test_following_prints_the_past_then_what_arrives_and_nothing_twice(run, server, monkeypatch):
    """After a lost connection what was missed comes first; the end is an interrupt."""
    times = [f"2026-11-23T22:51:0{n}.000000000Z" for n in range(4)]
    server.answers["/logs/search"] = {"rows": [row("zero", time=times[0])], "cursor": None}
    event = msgspec.json.encode(row("one", time=times[1])).decode()
    server.answers["/logs/tail"] = httpx.Response(
        200, text=f'event: row\ndata: {event}\n\nevent: dropped\ndata: {{"rows":2}}\n\n'
    )
    sleeps = []

    def sleep(_seconds):
        sleeps.append(1)
        if len(sleeps) == 2:
            raise KeyboardInterrupt
        rows = [row("two", time=times[2]), row("one", time=times[1])]
        server.answers["/logs/search"] = {"rows": rows, "cursor": None}
        server.answers["/logs/tail"] = httpx.ReadError("reset")

    monkeypatch.setattr("anyascope.cli.logs.sleep", sleep)
    code, out, err = run("logs", "-f", "--json")
    assert [json.loads(line)["body"] for line in out.splitlines()] == ["zero", "one", "two"]
    assert server.asked[-2].url.params["start"] == times[1]
    assert "2 records arrived too fast" in err
    assert code == 130


# --- traces -----------------------------------------------------------------------------------------------------------


def test_traces_are_listed(run, server):
    """One line a trace with its whole id."""
    server.answers["/traces/search"] = examples.TRACE_SEARCH
    _, out, _ = run("traces", "--service", "custody", "--tag", "a=1", "--errors")
    assert "81 ms" in out
    assert "custody  POST /withdrawals" in out
    assert "5b8efff798038103d269b633813fc60c" in out
    assert server.asked[0].url.params["status"] == "error"


def test_a_trace_is_drawn_as_a_waterfall(run, server):
    """Spans below their parents with bars where they lie, the failed one marked with what it said."""
    span = examples.TRACE["spans"][0]
    child = span | {
        "span_id": "0102030405060708",
        "parent_id": span["span_id"],
        "name": "sign\x1b[2J",
        "service": "hsm",
        "duration_ns": 40_000_000,
        "start": "2026-11-23T22:51:00.163956789Z",
        "status": "ok",
        "warnings": ["odd"],
    }
    trace_id = examples.TRACE["trace_id"]
    server.answers[f"/traces/{trace_id}"] = examples.TRACE | {"spans": [span, child]}
    _, out, _ = run("traces", trace_id)
    head, root, reason, below, warning = out.splitlines()
    assert head.endswith("81 ms · 2 spans · 2 services · 1 error")
    assert root.startswith("custody  POST /withdrawals ✗")
    assert reason.strip() == "CKR_DEVICE_ERROR"
    assert below.startswith(r"└─ hsm  sign\x1b[2J")
    assert root.count("█") > below.count("█") > 0
    assert warning.strip() == "odd"


def test_spans_stand_below_their_parents_whatever_the_parents_are():
    """Orphans are roots, circles open at their first span, and each span stands once."""

    def span(span_id, parent_id=""):
        return msgspec.convert(examples.TRACE["spans"][0] | {"span_id": span_id, "parent_id": parent_id}, SpanView)

    spans = [
        span("a"),
        span("b", "a"),
        span("c", "b"),
        span("d", "a"),
        span("o", "gone"),
        span("x", "y"),
        span("y", "x"),
    ]
    drawn = [(branch, found.span_id) for branch, found in in_tree_order(spans)]
    assert drawn == [
        ("", "a"), ("├─ ", "b"), ("│  └─ ", "c"), ("└─ ", "d"), ("", "o"), ("", "x"), ("└─ ", "y"),
    ]  # fmt: skip


def test_a_deep_trace_is_drawn():
    """Ten thousand levels need no deep stack, and their lines do not grow for ever."""
    base = examples.TRACE["spans"][0]
    spans = [msgspec.convert(base | {"span_id": str(n), "parent_id": str(n - 1)}, SpanView) for n in range(10_000)]
    drawn = list(in_tree_order(spans))
    assert len(drawn) == 10_000
    assert max(len(branch) for branch, _ in drawn) < 100


# --- metrics ----------------------------------------------------------------------------------------------------------


def answer_of(kind, result):
    return {"status": "success", "data": {"resultType": kind, "result": result}}


def test_a_query_prints_series_and_values(run, server):
    """Values as the server wrote them, and its warnings beside."""
    result = [{"metric": {"__name__": "up", "job": 'a"b'}, "value": [1, "1"]}]
    server.answers["/api/v1/query"] = answer_of("vector", result) | {"warnings": ["slow\x1b"]}
    code, out, err = run("query", "up")
    assert code == 0
    assert out.splitlines()[1].split() == ['up{job="a\\"b"}', "1"]
    assert err == "note: slow\\x1b\n"


def test_a_range_is_drawn(run, server):
    """A course a series, gaps where it has no value, with its last, least and greatest value."""
    result = [
        {"metric": {"i": "1"}, "values": [[0, "1"], [15, "8"], [30, "4"]]},
        {"metric": {"i": "2"}, "values": [[0, "NaN"], [30, "2"]]},
    ]
    server.answers["/api/v1/query_range"] = answer_of("matrix", result)
    _, out, _ = run("query", "x", "--start", "-30s", "--step", "15s")
    assert [line.split() for line in out.splitlines()[1:]] == [
        ["▁█▄", "4", "1", "8", '{i="1"}'],
        ["▁", "2", "2", "2", '{i="2"}'],
    ]
    asked = dict(httpx.QueryParams(server.asked[0].content.decode()))
    assert float(asked["end"]) - float(asked["start"]) == 30
    assert asked["step"] == "15.0"


def test_no_series_is_said(run, server):
    """An empty table would leave a question."""
    server.answers["/api/v1/query"] = answer_of("vector", [])
    assert run("query", "up")[1] == "no series: nothing matches at this time\n"


def test_a_scalar_is_a_value(run, server):
    """It has no labels."""
    server.answers["/api/v1/query"] = answer_of("scalar", [1, "2"])
    assert run("query", "2")[1].splitlines()[1].split() == ["{}", "2"]


@pytest.mark.parametrize(("stretch_s", "step_s"), [(60, 1), (3600, 30), (86_400, 1_800), (10**9, 8_333_334)])
def test_a_step_fits_its_stretch(stretch_s, step_s):
    """Round where it can be, about as many points as a line of text shows."""
    assert fitting_step_s(stretch_s) == step_s


def test_a_series_is_named_as_promql_names_it():
    """So that it can be pasted back."""
    assert series_name({"__name__": "up"}) == "up"
    assert series_name({"b": "2", "a": "1\n"}) == '{a="1\\n",b="2"}'


# --- alerts and doctor ------------------------------------------------------------------------------------------------


def test_alerts_are_listed(run, server):
    """A muted one says so, a silenced one by whom and why."""
    silenced = examples.ALERTS["alerts"][0] | {"silenced_by": [examples.SILENCE["id"]]}
    muted = examples.ALERTS["alerts"][0] | {"muted_by": ["nights"]}
    server.answers["/alerts"] = {"alerts": [examples.ALERTS["alerts"][0], silenced, muted]}
    server.answers["/silences"] = {"silences": [examples.SILENCE], "cursor": None}
    _, out, _ = run("alerts", "--state", "firing")
    assert "critical  firing" in out
    assert "firing, acknowledged by alice, muted" in out
    assert "firing, acknowledged by alice, silenced by ann: disk swap, OPS-42" in out
    assert server.asked[0].url.params["state"] == "firing"


def test_route_test_prints_receivers(run, server, tmp_path):
    """Receivers one a line in order, of the server or of a file; `--verbose` tells why and when."""
    server.answers["/routing/test"] = examples.ROUTING_TEST
    code, out, _ = run("route", "test", "alertname=HsmDown")
    assert (code, out) == (0, "ops\n")
    assert json.loads(server.asked[0].content) == {"labels": {"alertname": "HsmDown"}}
    file = tmp_path / "am.yml"
    file.write_text(
        "route: {receiver: a, group_by: [x], routes: [{matchers: [x=1], receiver: b, continue: true, group_wait: 1m},"
        "{match: {x: '1'}, receiver: c}]}\nreceivers: [{name: a}, {name: b}, {name: c}]\n"
    )
    code, out, _ = run("route", "test", "--alertmanager-config", str(file), "x=1", "y=")
    assert (code, out) == (0, "b\nc\n")
    _, out, _ = run("route", "test", "--alertmanager-config", str(file), "--verbose", "x=1")
    assert 'the root > x="1"' in out
    assert "waits 1m, then news every 5m, repeats after 4h" in out
    own = tmp_path / "anyascope.yml"
    own.write_text(
        "route: {receiver: a}\nreceivers: [{name: a, webhook_configs: [{url: 'http://h'}]}]\n"
        "escalation_policies: [{name: wake, severities: [critical], levels: [{channels: [a]},"
        "{delay: 15m, channels: [webhook], repeat_interval: 10m}]}]\n"
    )
    _, out, _ = run("route", "test", "--config", str(own), "--verbose", "severity=critical")
    assert "policy   wake" in out
    assert "level 1  at once a/webhook/0\n" in out
    assert "level 2  after 15m a/webhook/0, again every 10m\n" in out
    code, _, error = run("route", "test", "x")
    assert (code, error) == (2, "anyascope: a label is written as name=value, got 'x'\n")


def test_template_render_prints_what_it_makes(run, tmp_path):
    """Of a sample, or of a document and files; a fault is one line and exit code 2."""
    code, out, _ = run("template", "render", "--template.text", '{{ template "__subject" . }}')
    assert (code, out) == (0, "[FIRING:1] SigningFailed (critical)")
    (tmp_path / "own.tmpl").write_text('{{ define "own" }}<{{ .CommonLabels.a }}>{{ end }}')
    (tmp_path / "data.json").write_text('{"commonLabels": {"a": "<x>"}}')
    given = ("--template.glob", str(tmp_path / "*.tmpl"), "--template.data", str(tmp_path / "data.json"))
    code, out, _ = run("template", "render", *given, "--template.text", '{{ template "own" . }}')
    assert (code, out) == (0, "<<x>>")
    html = ("--template.type", "html", "--template.text", "{{ .CommonLabels.a }}")
    assert run("template", "render", *given, *html)[1] == "&lt;x&gt;"
    code, _, error = run("template", "render", "--template.text", "{{ .Nothing }}")
    assert code == 2
    assert "can't evaluate field Nothing in type *template.Data" in error
    (tmp_path / "data.json").write_text('{"alerts": [{"startsAt": "yesterday"}]}')
    _, _, error = run("template", "render", *given, "--template.text", "x")
    assert "alerts[0].startsAt" in error


def test_check_alertmanager_has_upstreams_words(run, tmp_path):
    """A sound file ends with 0; a mistake is told with its place and ends with 1, a broken template too."""
    sound, broken = tmp_path / "sound.yml", tmp_path / "broken.yml"
    sound.write_text("route: {receiver: a}\nreceivers: [{name: a}]\n")
    broken.write_text("route: {receiver: b}\nreceivers: [{name: a}]\n")
    assert run("check", "alertmanager", str(sound))[0] == 0
    code, out, _ = run("check", "alertmanager", str(sound), str(broken), str(tmp_path / "none.yml"))
    assert code == 1
    assert f'{broken}:1: route.receiver: undefined receiver "b" used in route' in out
    assert "none.yml: cannot be read: No such file or directory" in out
    sound.write_text("route: {receiver: a}\nreceivers: [{name: a}]\ntemplates: ['*.tmpl']\n")
    (tmp_path / "x.tmpl").write_text("{{ define }}")
    code, out, _ = run("check", "alertmanager", str(sound))
    assert code == 1
    assert "x.tmpl" in out


def test_answers_can_be_had_as_json(run, server):
    """What a pipe gets is one line that reads as the API's answer."""
    server.answers |= {"/alerts": examples.ALERTS, "/traces/search": examples.TRACE_SEARCH}
    for command, answer in (("alerts", examples.ALERTS), ("traces", examples.TRACE_SEARCH)):
        _, out, _ = run(command, "--json")
        assert out.count("\n") == 1
        assert json.loads(out) == answer


def test_doctor_shows_one_screen_and_what_fails(run, server):
    """Each fault once with what to do; exit code 1."""
    server.answers |= {"/status": examples.STATUS, "/health": examples.HEALTH}
    code, out, _ = run("doctor")
    assert code == 1
    for text in (
        "anyascope 0.1.0 at http://127.0.0.1:9470 · up 12.5 s · pid 4711",
        "http  127.0.0.1:9470  listening",
        "42 rows",
        "host  healthy  9 collectors",
        "failing: 2",
        "journal: the journal cannot be read",
        "add the user to the group systemd-journal",
        "port 4317 is taken",
    ):
        assert text in out
    assert len(out.splitlines()) <= 24


def test_doctor_tells_a_node_that_is_down_once(run, server):
    """And not once more for its wallets and its transactions; what else is wrong with these is told."""

    def part(name: str, message: str) -> dict[str, object]:
        return {**examples.HEALTH["components"][0], "component": name, "status": "unhealthy", "message": message}

    parts = [
        part("collect.bitcoin.a", "unreachable: Connection refused"),
        part("collect.bitcoin.a.wallets", "unreachable: Connection refused"),
        part("collect.bitcoin.a.transactions", "wallet hot is not loaded"),
        part("collect.bitcoin.b.wallets", "unreachable: Connection refused"),
    ]
    server.answers |= {"/status": STATUS, "/health": {"status": "unhealthy", "components": parts}}
    _, out, _ = run("doctor")
    assert "failing: 3" in out
    assert "a.wallets" not in out


def test_doctor_is_content_with_a_well_server(run, server):
    """Exit code 0; the same word in JSON."""
    server.answers |= {"/status": STATUS, "/health": {"status": "healthy", "components": []}}
    code, out, _ = run("doctor")
    assert code == 0
    assert out.endswith("nothing is failing\n")
    assert json.loads(run("status", "--json")[1])["failing"] == 0


def test_doctor_tells_of_a_configuration_that_was_not_reloaded(run, server):
    """The old one is in force, which nobody sees otherwise."""
    config = examples.STATUS["config"] | {"error": "anyascope.yml:3: field x is not known here"}
    server.answers |= {
        "/status": examples.STATUS | {"problems": [], "config": config},
        "/health": {"status": "healthy", "components": []},
    }
    code, out, _ = run("doctor")
    assert code == 1
    assert "anyascope.yml:3: field x" in out


# --- check and test ---------------------------------------------------------------------------------------------------

RULES = """
groups:
  - name: g
    rules:
      - {alert: Down, expr: up == 0, labels: {severity: critical}}
"""


def test_check_rules_counts_what_is_sound_and_tells_every_mistake(run, tmp_path):
    """Exit code 0, 1 for a mistake, 2 for a file that cannot be read."""
    sound, broken = tmp_path / "sound.yml", tmp_path / "broken.yml"
    sound.write_text(RULES)
    broken.write_text("groups:\n  - {name: g, colour: red, limit: x}\n")
    assert run("check", "rules", "--lint=none", str(sound)) == (0, f"{sound}: sound, 1 group, 1 rule\n", "")
    code, out, _ = run("check", "rules", str(sound), str(broken))
    assert code == 1
    assert f"{broken}:2:23: groups[0].colour: field colour not found" in out
    assert "2 mistakes" in out
    code, out, _ = run("check", "rules", str(broken), str(tmp_path / "none"))
    assert code == 2
    assert "none: cannot be read" in out


def test_check_rules_reads_patterns_and_what_is_piped(run, tmp_path, monkeypatch):
    """A pattern that the shell left stands for its files; `-` for standard input."""
    (tmp_path / "a.yml").write_text(RULES)
    (tmp_path / "b.yml").write_text(RULES)
    code, out, _ = run("check", "rules", "--lint=none", str(tmp_path / "*.yml"))
    assert (code, out.count("sound")) == (0, 2)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"groups: [{name: ''}]")))
    code, out, _ = run("check", "rules", "-")
    assert (code, out.splitlines()[0]) == (1, "standard input:1:10: groups[0]: Groupname must not be empty")


def test_check_rules_warns(run, tmp_path):
    """Lints are told and do not fail, unless they shall; the list of lints is checked."""
    file = tmp_path / "a.yml"
    file.write_text(RULES)
    code, out, _ = run("check", "rules", str(file))
    assert code == 0
    assert f"{file}:5: alerts/annotation: Down: has no summary" in out
    assert out.endswith("2 warnings\n")
    assert run("check", "rules", "--lint-fatal", str(file))[0] == 3
    assert run("check", "rules", "--lint-fatal", "--lint=none", str(file))[0] == 0
    code, _, err = run("check", "rules", "--lint=alerts/fro", str(file))
    assert (code, err) == (2, "anyascope: --lint: there is no lint 'alerts/fro'; did you mean alerts/for?\n")


def test_check_config_tells_every_mistake(run, tmp_path):
    """With file, line and path."""
    file = tmp_path / "anyascope.yml"
    file.write_text("server:\n  listen: 127.0.0.1:9470\n")
    assert run("check", "config", str(file)) == (0, f"{file}: sound\n", "")
    file.write_text("server:\n  lisen: x\nstorage: {kind: paper}\n")
    code, out, _ = run("check", "config", str(file))
    assert code == 2
    assert f"{file}:2: server.lisen: field lisen is not known here; did you mean listen?" in out
    assert "2 mistakes" in out


def test_rule_tests_pass_or_fail(run, tmp_path):
    """Exit code 0 or 1, with what was expected and found."""
    (tmp_path / "rules.yml").write_text(RULES)
    test = """
rule_files: [rules.yml]
evaluation_interval: 1m
tests:
  - interval: 1m
    input_series: [{series: 'up{job="a"}', values: '1 0 0'}]
    alert_rule_test:
      - {eval_time: 1m, alertname: Down, exp_alerts: [{exp_labels: {severity: SEVERITY, job: a}}]}
"""
    file = tmp_path / "test.yml"
    file.write_text(test.replace("SEVERITY", "critical"))
    code, out, _ = run("test", "rules", str(file))
    assert (code, out) == (0, f"{file}: passed, 1 passed, 0 failed\n1 passed, 0 failed, 0 skipped\n")
    file.write_text(test.replace("SEVERITY", "low"))
    code, out, _ = run("test", "rules", str(file), "--junit", str(tmp_path / "j.xml"))
    assert code == 1
    assert '      - {alertname="Down", job="a", severity="low"}' in out
    assert '      + {alertname="Down", job="a", severity="critical"}' in out
    assert out.endswith("0 passed, 1 failed, 0 skipped\n")
    assert 'testcase name="unnamed#0"' in (tmp_path / "j.xml").read_text()
    code, out, _ = run("test", "rules", str(file), "--no-diff")
    assert "        got:\n            {alertname" in out
    code, out, _ = run("test", "rules", str(file), "--run", "other")
    assert (code, out.splitlines()[-1]) == (0, "0 passed, 0 failed, 1 skipped")
    assert run("test", "rules", str(tmp_path / "none"))[0] == 2
    assert run("test", "rules", str(file), "--run", "(")[2].startswith("anyascope: --run: must be a regular expression")


def test_check_rules_asks_a_server(run, server, tmp_path):
    """With --server, what a rule reads and the server does not have is told; each question is asked once."""
    server.answers["/api/v1/series"] = {"data": []}
    server.answers["/api/v1/metadata"] = {"data": {"gone": [{"type": "gauge"}]}}
    file = tmp_path / "a.yml"
    file.write_text("groups: [{name: g, rules: [{record: a, expr: 'rate(gone[5m])'}, {record: b, expr: gone}]}]")

    code, out, _ = run("check", "rules", str(file), "--server", "http://there:1")

    assert code == 0
    assert out.count("the server has no metric gone") == 2
    assert "promql/counter: a: rate() is for counters, and gone is a gauge" in out
    assert [request.url.path for request in server.asked].count("/api/v1/series") == 2
    assert {request.url.host for request in server.asked} == {"there"}


def test_backtest(run, server, tmp_path):
    """What a rule would have done on the server's samples: as a picture, as JSON, and exit code 1 where it failed."""
    labels = labels_of({"__name__": "up", "job": "a"})
    times_ms = np.arange(1_700_000_000_000, 1_700_003_600_000, 60_000)
    series = ReadSeries(labels, times_ms, np.where(np.arange(len(times_ms)) % 20 < 10, 0.0, 1.0))
    body = bytes(cramjam.snappy.compress_raw(encode_read([[series]])))
    server.answers["/api/v1/read"] = httpx.Response(200, content=body)
    file = tmp_path / "a.yml"
    file.write_text(RULES)
    stretch = ("--from", "1700000000", "--to", "1700003600")

    code, out, err = run("backtest", "rules", str(file), *stretch)
    assert (code, err) == (0, "")
    assert "Down job=a" in out
    assert "3 alerts, 30 m 0 s firing" in out
    code, out, _ = run("backtest", "rules", str(file), *stretch, "--json", "--step", "2m")
    assert (code, json.loads(out)["step_s"], len(json.loads(out)["alerts"])) == (0, 120.0, 3)
    file.write_text(RULES.replace("- name: g", "- name: g\n    limit: 1").replace("up == 0", "up >= 0 or vector(5)"))
    code, out, _ = run("backtest", "rules", str(file), *stretch)
    assert code == 1
    assert "evaluations failed: exceeded limit of 1 with 2 alerts" in out
    file.write_text("groups: [{nome: g}]")
    code, out, err = run("backtest", "rules", str(file), *stretch)
    assert (code, out) == (2, "")
    assert "field nome not found" in err
    server.answers["/api/v1/read"] = httpx.ConnectError("refused")
    file.write_text(RULES)
    assert run("backtest", "rules", str(file), *stretch)[2].startswith("anyascope: no server answers")


def test_rule_tests_log_nothing(run, tmp_path):
    """A rule that fails is told once, in the report."""
    (tmp_path / "r.yml").write_text("groups: [{name: g, rules: [{record: r, expr: a, labels: {x: y}}]}]")
    file = tmp_path / "t.yml"
    series = "{series: 'a{x=\"1\"}', values: 1}, {series: 'a{x=\"2\"}', values: 1}"
    file.write_text(f"rule_files: [r.yml]\ntests: [{{input_series: [{series}]}}]")

    code, out, err = run("test", "rules", str(file))

    assert (code, err) == (1, "")
    assert "rule_failed" not in out
    assert "    rule: r, time: 0s, err: vector contains metrics with the same labelset" in out


# --- notify -----------------------------------------------------------------------------------------------------------


def test_channels_and_dead_letters_are_listed_and_sent_again(run, server):
    """`notify channels` shows who is down, `dead` what failed (not what a summary told), `replay` sends it again."""
    server.answers["/channels"] = examples.CHANNELS
    _, out, _ = run("notify", "channels")
    assert "team/slack/0  open" in out
    letter = examples.NOTIFICATIONS["notifications"][0] | {"status": "failed"}
    server.answers["/notifications"] = {"notifications": [letter, letter | {"id": "b", "told_in": "a"}], "cursor": None}
    _, out, _ = run("notify", "dead", "--receiver", "team")
    assert [line.split()[0] for line in out.splitlines()[1:]] == [letter["id"]]
    assert dict(server.asked[-1].url.params) == {"status": "failed", "receiver": "team", "limit": "100"}
    server.answers[f"/notifications/{letter['id']}/replay"] = letter
    code, out, _ = run("notify", "replay", letter["id"], "--by", "anna")
    assert (code, out) == (0, f"{letter['id']} goes to team/slack/0 again\n")
    assert json.loads(server.asked[-1].content) == {"by": "anna"}


def test_a_receiver_is_tried_by_the_server_or_from_here(run, server, tmp_path):
    """`notify test` prints each far end's answer and leaves with 1 where one did not take it; a file needs no server."""
    server.answers["/receivers/team/test"] = examples.TRIALS
    assert run("notify", "test", "team") == (0, "ok  team/slack/0: 200 OK\n", "")
    refused = {"key": "team/email/0", "kind": "email", "outcome": "failed", "answers": ["550 nobody"]}
    server.answers["/receivers/team/test"] = {"receiver": "team", "channels": [refused]}
    assert run("notify", "test", "team")[:2] == (1, "refused  team/email/0: 550 nobody\n")
    file = tmp_path / "am.yml"
    file.write_text("route: {receiver: a}\nreceivers: [{name: a, webhook_configs: [{url: 'http://127.0.0.1:1/'}]}]\n")
    code, out, _ = run("notify", "test", "a", "--alertmanager-config", str(file))
    assert (code, out.startswith("not now  a/webhook/0: ConnectError")) == (1, True)
    code, _, err = run("notify", "test", "b", "--alertmanager-config", str(file))
    assert (code, err) == (2, "anyascope: there is no receiver b; there are a\n")
