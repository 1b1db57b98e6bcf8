"""What every store of logs does."""

from __future__ import annotations

import itertools

import pytest

from anyascope.errors import InvalidInputError, LimitExceededError
from anyascope.model.attributes import Resource, Scope
from anyascope.store.api.logs import (
    EVERYTHING,
    AllOf,
    AnyOf,
    Comparison,
    FieldCompares,
    FieldEquals,
    FieldExists,
    FieldMatches,
    LogQuery,
    Not,
    Phrase,
    SeverityAtLeast,
    Words,
)
from support.telemetry import NOW_NS, log_batch, record

DAY_NS = 86_400_000_000_000
HOST = Resource({"service.name": "signer", "host.name": "h1", "zone": "eu", "pid": 7})


def query(condition=EVERYTHING, **changes):
    settings = {"start_ns": 0, "end_ns": NOW_NS * 2, "limit": 100} | changes
    return LogQuery(condition, **settings)


async def bodies(store, condition=EVERYTHING, **changes):
    page = await store.logs.search(query(condition, **changes))
    return [found.body for found in page.records]


FULL = record(
    "Signing failed: CKR_DEVICE_ERROR",
    observed_ns=NOW_NS + 5,
    severity_number=18,
    severity_text="err",
    attributes={
        "text": "x",
        "empty": "",
        "yes": True,
        "five": 5,
        "big": -(2**63),
        "half": 1.5,
        "one": 1.0,
        "tiny": 1e-300,
        "raw": b"\x00\xff",
        "none": None,
        "list": [1, "a", None, [True, 2.5]],
        "map": {"a": {"b": 1}, "@c": b"z"},
        "odd": [float("inf"), b"q", {"@bytes": "no"}],
        "ключ": "знач\\n'\n\t\0\"",
    },
    resource=Resource({"service.name": "signer", "cores": 8, "tags": ["a"]}, schema_url="r/1"),
    scope=Scope("lib", "1.0", {"k": 1}, schema_url="s/1"),
    trace_id=bytes(range(16)),
    span_id=bytes(range(1, 9)),
    correlation_id="c-1",
    event_name="sign.failed",
    flags=1,
    body_value={"code": 48, "raw": b"\x01"},
)


async def test_a_record_comes_back_whole(store):
    """Every field of a record and the type of every attribute survive."""
    bare = record("plain", time_ns=NOW_NS - 1)
    await store.logs.write_logs([log_batch(FULL, bare)])

    found = (await store.logs.search(query())).records

    assert list(found) == [FULL, bare]
    kept = found[0].attributes
    assert {key: type(value) for key, value in kept.items()} == {
        key: type(value) for key, value in FULL.attributes.items()
    }


async def test_batches_with_several_owners_stay_apart(store):
    """Records of several batches keep their own resource, scope and stream."""
    first = log_batch(
        record("a", resource=HOST), record("b", resource=Resource({"service.name": "api"}), scope=Scope("x"))
    )
    second = log_batch(record("c", scope=Scope("y", "2")), stream="syslog")
    await store.logs.write_logs([first, log_batch(), second])

    found = (await store.logs.search(query(newest_first=False))).records

    assert [(each.body, each.resource.service, each.scope.name, each.stream) for each in found] == [
        ("a", "signer", "", "otlp"),
        ("b", "api", "x", "otlp"),
        ("c", "unknown_service", "y", "syslog"),
    ]


async def test_a_missing_time_is_the_observed_one(store):
    """A record without a time gets the observed time, or that of writing."""
    await store.logs.write_logs([log_batch(record("seen", 0, observed_ns=NOW_NS - 9), record("neither", 0))])

    found = (await store.logs.search(query(newest_first=False))).records

    assert [(each.body, each.time_ns) for each in found] == [("seen", NOW_NS - 9), ("neither", NOW_NS)]


async def test_nothing_is_found_in_an_empty_store(store):
    """An empty store answers with nothing."""
    await store.logs.write_logs([])
    await store.logs.write_logs([log_batch()])

    assert await bodies(store) == []
    assert await store.logs.top_values("service", query()) == []
    assert await store.logs.fields(query()) == []
    buckets = await store.logs.histogram(query(start_ns=0, end_ns=20), bucket_ns=10)
    assert [(bucket.start_ns, dict(bucket.counts)) for bucket in buckets] == [(0, {}), (10, {})]


async def test_stretch_begins_inclusive_and_ends_exclusive(store):
    """A record at the start belongs to the stretch, one at the end does not."""
    await store.logs.write_logs([log_batch(*(record(f"r{step}", NOW_NS + step) for step in range(4)))])

    assert await bodies(store, start_ns=NOW_NS + 1, end_ns=NOW_NS + 3) == ["r2", "r1"]
    assert await bodies(store, start_ns=NOW_NS + 1, end_ns=NOW_NS + 3, newest_first=False) == ["r1", "r2"]


async def test_a_token_is_written_once(store):
    """A batch whose token was written before is not repeated."""
    for _ in range(2):
        await store.logs.write_logs([log_batch(record("once"))], token="t-1")
        await store.logs.write_logs([log_batch(record("again"))])

    assert sorted(await bodies(store)) == ["again", "again", "once"]


@pytest.mark.parametrize("is_rare", [True, False])
@pytest.mark.parametrize("newest_first", [True, False])
@pytest.mark.parametrize("limit", [1, 3, 4, 7, 50])
async def test_pages_join_without_gap_or_repeat(store, newest_first, limit, is_rare):
    """Pages give every record once and in order, many of the same time and far apart in time included."""
    times = [NOW_NS] * 5 + [NOW_NS + 1] * 3 + [NOW_NS - DAY_NS] * 2 + [NOW_NS - 40 * DAY_NS, NOW_NS - 70_000_000_000]
    records = [record(f"r{number:02}", at) for number, at in enumerate(times)]
    for chunk in (records[:4], records[4:9], records[9:]):
        await store.logs.write_logs([log_batch(*chunk)])
    expected = sorted(range(len(times)), key=lambda number: (times[number], number), reverse=newest_first)

    seen, cursor = [], None
    for _ in itertools.count():
        page = await store.logs.search(query(limit=limit, newest_first=newest_first, cursor=cursor, is_rare=is_rare))
        assert len(page.records) <= limit
        seen += [each.body for each in page.records]
        cursor = page.cursor
        if cursor is None:
            break

    assert seen == [f"r{number:02}" for number in expected]


LINES = {
    "device": record(
        "Signing failed: CKR_DEVICE_ERROR after 3 tries",
        severity_number=17,
        severity_text="ERROR",
        resource=HOST,
        attributes={"code": 48, "slot": "a/b=c", "zone": "us", "ok": False, "ratio": 1.5},
        trace_id=b"\xab" * 16,
        span_id=b"\xcd" * 8,
        correlation_id="c-1",
        event_name="sign",
        scope=Scope("pkcs11"),
    ),
    "peer": record("Peer отключён: ПРИЧИНА timeout-5", severity_number=14, attributes={"code": "7", "pid": 9}),
    "login": record("login ok user=Alice\nfrom ::1", severity_text="Notice", attributes={"long": "é" * 300}),
    "quiet": record("", severity_number=1, resource=Resource({"service.name": "api", "long": "é" * 300})),
}


CONDITIONS = [
    (EVERYTHING, "device peer login quiet"),
    (AnyOf(()), ""),
    (Words("failed signing"), "device"),
    (Words("ckr_device"), "device"),
    (Words("ckr_devic"), ""),
    (Words("ПРИЧИНА отключён"), "peer"),
    (Words("причина"), "peer"),
    (Words("TIMEOUT 5"), "peer"),
    (Words(" -- "), "device peer login quiet"),
    (Not(Words("причина")), "device login quiet"),
    (AnyOf((Words("ПРИЧИНА"), Words("Login"))), "peer login"),
    (AnyOf((Words("SIGNING"), FieldEquals("code", "7"))), "device peer"),
    (Not(AnyOf((Words("SIGNING"), FieldEquals("code", "7")))), "login quiet"),
    (Phrase("ckr_device_err"), "device"),
    (Phrase("ing FAILED: ckr"), "device"),
    (Phrase("failed ckr"), ""),
    (Phrase("чина TIME"), "peer"),
    (Phrase("alice\nfrom"), "login"),
    (Phrase("%"), ""),
    (Phrase(""), "device peer login quiet"),
    (FieldEquals("code", "48"), "device"),
    (FieldEquals("code", "7"), "peer"),
    (FieldEquals("ok", "false"), "device"),
    (FieldEquals("ratio", "1.5"), "device"),
    (FieldEquals("slot", "a/b=c"), "device"),
    (FieldEquals("attributes.slot", "a/b=c"), "device"),
    (FieldEquals("slot", "a/b"), ""),
    (FieldEquals("zone", "us"), "device"),
    (FieldEquals("zone", "eu"), ""),
    (FieldEquals("resource.zone", "eu"), "device"),
    (FieldEquals("attributes.zone", "eu"), ""),
    (FieldEquals("pid", "9"), "peer"),
    (FieldEquals("pid", "7"), "device"),
    (FieldEquals("long", "é" * 300), "login quiet"),
    (FieldEquals("long", "é" * 299), ""),
    (FieldEquals("attributes.long", "é" * 300), "login"),
    (FieldEquals("code", ""), "login quiet"),
    (FieldEquals("code", "4' OR 1=1 --"), ""),
    (FieldEquals("a'b{c:String}", "x"), ""),
    (FieldEquals("service", "signer"), "device"),
    (FieldEquals("service", "unknown_service"), "peer login"),
    (FieldEquals("host", "h1"), "device"),
    (FieldEquals("stream", "otlp"), "device peer login quiet"),
    (FieldEquals("scope", "pkcs11"), "device"),
    (FieldEquals("event_name", "sign"), "device"),
    (FieldEquals("correlation_id", "c-1"), "device"),
    (FieldEquals("trace_id", "AB" * 16), "device"),
    (FieldEquals("trace_id", "ab"), ""),
    (FieldEquals("trace_id", "zz" * 16), ""),
    (FieldEquals("trace_id", ""), "peer login quiet"),
    (FieldEquals("span_id", "cd" * 8), "device"),
    (FieldEquals("severity", "error"), "device"),
    (FieldEquals("severity", "WARN"), "peer"),
    (FieldEquals("severity", "warn2"), "peer"),
    (FieldEquals("severity", "notice"), "login"),
    (FieldEquals("severity", "trace"), "quiet"),
    (FieldEquals("body", ""), "quiet"),
    (FieldMatches("body", "CKR_[A-Z]+_ERR"), "device"),
    (FieldMatches("body", "user=.*from"), "login"),
    (FieldMatches("body", "^Peer .*-[0-9]$"), "peer"),
    (FieldMatches("code", "4."), "device"),
    (FieldMatches("code", "4"), ""),
    (FieldMatches("code", ".*"), "device peer login quiet"),
    (FieldMatches("service", "sign|api"), "quiet"),
    (FieldMatches("severity", "ERR.*"), "device"),
    (FieldMatches("trace_id", "(ab)+"), "device"),
    (FieldExists("code"), "device peer"),
    (FieldExists("resource.zone"), "device"),
    (FieldExists("trace_id"), "device"),
    (Not(FieldExists("body")), "quiet"),
    (FieldExists("pid"), "device peer"),
    (FieldCompares("code", Comparison.GREATER, 7), "device"),
    (FieldCompares("code", Comparison.GREATER_EQUAL, 7), "device peer"),
    (FieldCompares("ratio", Comparison.LESS, 1.6), "device"),
    (FieldCompares("pid", Comparison.LESS_EQUAL, 8.5), "device"),
    (Not(FieldCompares("code", Comparison.LESS, 40)), "device login quiet"),
    (FieldCompares("slot", Comparison.LESS, 1e9), ""),
    (SeverityAtLeast(14), "device peer"),
    (SeverityAtLeast(18), ""),
    (AllOf((SeverityAtLeast(9), Words("failed"), FieldEquals("code", "48"))), "device"),
    (Not(EVERYTHING), ""),
]


@pytest.mark.asyncio(loop_scope="class")
class TestConditions:
    """Over the same few lines."""

    @staticmethod
    async def fill(store):
        await store.logs.write_logs([log_batch(*LINES.values())])

    @pytest.mark.parametrize(("condition", "expected"), CONDITIONS, ids=str)
    async def test_conditions_select(self, filled, condition, expected):
        """Each condition selects the records that it says, alone and inside others."""
        page = await filled.logs.search(query(condition, newest_first=False))

        names = {each.body: name for name, each in LINES.items()}
        assert [names[each.body] for each in page.records] == expected.split()


@pytest.mark.parametrize("field", ["body", "code"])
async def test_an_expression_that_is_not_re2_is_refused(store, field):
    """An expression that RE2 does not know is the asker's mistake."""
    await store.logs.write_logs([log_batch(*LINES.values())])

    with pytest.raises(InvalidInputError, match="RE2"):
        await bodies(store, FieldMatches(field, "(?<x"))


async def test_histogram_counts_by_severity(store):
    """Buckets are aligned, empty ones included, and count by severity range."""
    times = [(0, 17), (1, 18), (1, 9), (25, 0), (29, 1), (30, 9)]
    await store.logs.write_logs([log_batch(*(record("x", NOW_NS + at, severity_number=n) for at, n in times))])
    asked = query(start_ns=NOW_NS + 1, end_ns=NOW_NS + 30, limit=1)

    buckets = await store.logs.histogram(asked, bucket_ns=10)

    assert [(bucket.start_ns - NOW_NS, dict(bucket.counts)) for bucket in buckets] == [
        (0, {"ERROR": 1, "INFO": 1}),
        (10, {}),
        (20, {"": 1, "TRACE": 1}),
    ]


async def test_a_histogram_has_bounds(store):
    """Too many buckets and a bucket without length are refused."""
    with pytest.raises(LimitExceededError, match="buckets"):
        await store.logs.histogram(query(), bucket_ns=1)
    with pytest.raises(InvalidInputError, match="bucket_ns"):
        await store.logs.histogram(query(), bucket_ns=0)


async def test_top_values_and_fields(store):
    """The commonest values of a field and the commonest keys, equal counts by name."""
    rows = [record("x", attributes={"user": user, "n": 1}, resource=HOST) for user in "abbcc"]
    await store.logs.write_logs([log_batch(*rows, record("y", attributes={"user": ""}))])

    assert await store.logs.top_values("user", query()) == [("b", 2), ("c", 2), ("a", 1)]
    assert await store.logs.top_values("user", query(), limit=1) == [("b", 2)]
    assert await store.logs.top_values("service", query(Words("y"))) == [("unknown_service", 1)]
    assert await store.logs.top_values("zone", query(limit=1)) == [("eu", 5)]
    found = await store.logs.fields(query())
    assert found[0] == ("attributes.user", 6)
    assert dict(found)["resource.host.name"] == 5
    assert await store.logs.fields(query(), limit=2) == [("attributes.user", 6), ("attributes.n", 5)]


@pytest.mark.parametrize("at_ns", [1, 7_000_000_000_000_000_000])
async def test_far_times_are_kept(store, at_ns):
    """The first and last times that can be said are stored and found."""
    await store.logs.write_logs([log_batch(record("far", at_ns))])

    assert await bodies(store, end_ns=2**63 - 1) == ["far"]


async def test_broken_text_is_stored(store):
    """Text that is not Unicode harms nobody."""
    await store.logs.write_logs([log_batch(record("broken \ud800 text", attributes={"k": "\udfff"}), record("fine"))])

    assert len(await bodies(store)) == 2
    assert await bodies(store, Words("fine")) == ["fine"]
