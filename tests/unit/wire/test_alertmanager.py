"""Alerts as Alertmanager's API takes and gives them."""

from __future__ import annotations

import json

import pytest

from anyascope.model.alerts import Alert, AlertCategory, AlertSeverity
from anyascope.model.labels import labels_of
from anyascope.model.notifications import AlertStatus
from anyascope.wire.alertmanager import PostableError, decode_postable, encode_gettable
from anyascope.wire.alertmanager_post import encode_postable, format_time

S = 1_000_000_000
AT_NS = 1_700_000_000 * S


def test_reads_what_it_writes():
    """An alert goes there and back."""
    alert = Alert(
        labels=labels_of({"alertname": "a", "severity": "page"}),
        annotations={"summary": "s", "empty": ""},
        starts_ns=AT_NS,
        ends_ns=AT_NS + 60 * S,
        generator_url="http://p/graph?g0.expr=a&b<c",
    )
    assert decode_postable(encode_postable([alert])) == [alert]


def test_absent_times_are_nothing():
    """No time, an empty one and Go's zero time are all absent; labels without value are none."""
    body = [
        {"labels": {"a": "b", "c": ""}},
        {"labels": {"a": "b"}, "startsAt": "", "endsAt": None},
        {"labels": {"a": "b"}, "startsAt": "0001-01-01T00:00:00Z"},
    ]
    assert decode_postable(json.dumps(body).encode()) == [Alert(labels=(("a", "b"),))] * 3


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("2023-11-14T22:13:20Z", AT_NS),
        ("2023-11-14T23:13:20.5+01:00", AT_NS + S // 2),
        ("2023-11-14T22:13:20.123456789Z", AT_NS + 123_456_000),
        ("2023-11-14", AT_NS - 80_000 * S),
        ("1960-01-01T00:00:00Z", 1),
    ],
)
def test_times(text, ns):
    """RFC 3339 with any zone; what is older than 1970 is long ago, not absent."""
    (alert,) = decode_postable(json.dumps([{"labels": {"a": "b"}, "endsAt": text}]).encode())
    assert alert.ends_ns == ns


@pytest.mark.parametrize(
    ("body", "status", "path", "says"),
    [
        ("", 422, "", "alerts in body is required"),
        ("{", 400, "", "failed, because"),
        ("{}", 400, "", "expected an array of alerts, got object"),
        ("[[]]", 400, "0", "0: expected an object, got array"),
        ("[{}]", 422, "0", "0.labels in body is required"),
        ('[{"labels":[]}]', 400, "0.labels", "0.labels: expected an object of texts, got array"),
        ('[{"labels":{"a":"b"}},{"labels":{"a":true}}]', 400, "1.labels.a", "1.labels.a: expected a string, got bool"),
        ('[{"labels":{"a":"b"},"annotations":{"x":1.5}}]', 400, "0.annotations.x", "got number"),
        ('[{"labels":{"a":"b"},"startsAt":5}]', 400, "0.startsAt", "0.startsAt: expected a string, got number"),
        ('[{"labels":{"a":"b"},"endsAt":"soon"}]', 400, "0.endsAt", "0.endsAt: cannot parse 'soon'"),
        ('[{"labels":{"a":"b"},"generatorURL":"x"}]', 422, "0", '0.generatorURL in body must be of type uri: "x"'),
        ("[" * 100_000, 400, "", "failed, because"),
    ],
    ids=lambda value: str(value)[:24],
)
def test_what_is_wrong_is_named(body, status, path, says):
    """The message names the field, what was found and what was wanted."""
    with pytest.raises(PostableError, match=r".*") as caught:
        decode_postable(body.encode())
    assert (caught.value.status, caught.value.path) == (status, path)
    assert says in caught.value.message


def test_gettable():
    """Keys, order and escapes as the real one writes them; who is muted is suppressed."""
    alert = AlertStatus(
        id="0f",
        name="a",
        is_firing=True,
        severity=AlertSeverity.HIGH,
        category=AlertCategory.DATA,
        source="x",
        title="t",
        labels=(("alertname", "a"),),
        annotations={"z": "1 < 2 & 3", "a": ""},
        starts_ns=AT_NS,
        expires_ns=AT_NS + 300 * S,
        updated_ns=AT_NS + 1_999_999,
        receivers=("team",),
        silenced_by=("s1",),
    )
    assert encode_gettable([alert]).decode() == (
        '[{"annotations":{"a":"","z":"1 \\u003c 2 \\u0026 3"},"endsAt":"2023-11-14T22:18:20.000Z","fingerprint":"0f",'
        '"receivers":[{"name":"team"}],"startsAt":"2023-11-14T22:13:20.000Z","status":{"inhibitedBy":[],"mutedBy":[],'
        '"silencedBy":["s1"],"state":"suppressed"},"updatedAt":"2023-11-14T22:13:20.001Z","labels":{"alertname":"a"}}]\n'
    )
    assert encode_gettable([]) == b"[]\n"
    assert format_time(1) == "1970-01-01T00:00:00.000Z"
