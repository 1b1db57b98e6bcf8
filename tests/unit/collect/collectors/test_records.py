"""Unit tests of taking a host's log entries apart."""

from __future__ import annotations

import datetime as dt

import pytest

from anyascope.collect.collectors.records import (
    BODY_CHARS_MAX,
    journal_record,
    parse_journal_line,
    severity_of,
    syslog_record,
)
from anyascope.errors import InvalidInputError
from anyascope.model.logs import severity_name

NOW_NS = int(dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC).timestamp()) * 1_000_000_000


def test_reads_a_journal_entry() -> None:
    """Time, text, severity, who and where come from the journal's own fields."""
    record = journal_record(
        {
            "MESSAGE": "Started sshd",
            "PRIORITY": "4",
            "_SYSTEMD_UNIT": "ssh.service",
            "SYSLOG_IDENTIFIER": "sshd",
            "_PID": "812",
            "_HOSTNAME": "h1",
            "__REALTIME_TIMESTAMP": "1700000000123456",
        },
        observed_ns=NOW_NS,
    )
    assert (record.time_ns, record.body, record.observed_ns) == (1700000000123456000, "Started sshd", NOW_NS)
    assert (severity_name(record.severity_number), record.severity_text) == ("WARN", "warning")
    assert (record.resource.service, record.resource.host, record.stream) == ("ssh", "h1", "journal")
    assert record.attributes == {"syslog.identifier": "sshd", "systemd.unit": "ssh.service", "process.pid": 812}


def test_reads_bytes_and_repeated_fields() -> None:
    """What is no text comes as numbers; a field that occurs twice counts once."""
    found = parse_journal_line(b'{"MESSAGE": [104, 105, 255], "SYSLOG_IDENTIFIER": ["a", "b"], "PRIORITY": null}')
    record = journal_record(found, observed_ns=NOW_NS)
    assert (record.body, record.severity_number, record.time_ns) == ("hi\ufffd", 0, NOW_NS)
    assert record.resource.service == "a"


def test_cuts_an_enormous_message() -> None:
    """A message is kept up to its limit."""
    assert len(journal_record({"MESSAGE": "x" * 200_000}, observed_ns=1).body) == BODY_CHARS_MAX


@pytest.mark.parametrize("line", [b"", b"[]", b"{", b"\xff"])
def test_refuses_what_is_no_entry(line: bytes) -> None:
    """A line that is no JSON object is refused."""
    with pytest.raises(InvalidInputError):
        parse_journal_line(line)


@pytest.mark.parametrize(
    ("priority", "name"),
    [
        ("0", "FATAL"),
        ("1", "ERROR3"),
        ("2", "ERROR2"),
        ("3", "ERROR"),
        ("4", "WARN"),
        ("5", "INFO2"),
        ("6", "INFO"),
        ("7", "DEBUG"),
    ],
)
def test_severities(priority: str, name: str) -> None:
    """Syslog's priorities map as OpenTelemetry says."""
    assert severity_name(severity_of(priority)[0]) == name


@pytest.mark.parametrize("priority", ["", "8", "x", "-1", "10", "\u00b2", "9" * 5000])
def test_no_severity(priority: str) -> None:
    """Anything else is unspecified."""
    assert severity_of(priority) == (0, "")


def test_reads_a_line_with_a_whole_time() -> None:
    """Rsyslog's default format has the zone."""
    record = syslog_record("2026-02-28T10:00:00.5+02:00 h1 sshd[12]: Accepted", observed_ns=NOW_NS)
    assert record.time_ns == int(dt.datetime(2026, 2, 28, 8, tzinfo=dt.UTC).timestamp()) * 1_000_000_000 + 500_000_000
    assert (record.body, record.resource.service, record.resource.host) == ("Accepted", "sshd", "h1")
    assert record.attributes == {"syslog.identifier": "sshd", "process.pid": 12}


def test_reads_a_line_with_a_short_time() -> None:
    """The traditional format's time is of the year that puts it last before now."""
    this = syslog_record("Feb  3 04:05:06 h1 kernel: up", observed_ns=NOW_NS)
    last = syslog_record("<13>Dec 31 23:59:59 h1 cron: ran", observed_ns=NOW_NS)
    assert dt.datetime.fromtimestamp(this.time_ns / 1e9, tz=dt.UTC).year == 2026
    assert dt.datetime.fromtimestamp(last.time_ns / 1e9, tz=dt.UTC).date() <= dt.date(2026, 1, 1)
    assert last.severity_text == "notice"


def test_reads_what_softhsm_says_of_a_wrong_pin() -> None:
    """As SoftHSM 2.6.1 gave it to syslog, in a file of a daemon that keeps priorities: an error, under the name of the process."""
    said = (
        "OSSLEVPSymmetricAlgorithm.cpp(512): EVP_DecryptFinal failed (0x00000000): error:12800067:DSO support routines"
    )
    record = syslog_record(f"<11>Feb  1 22:21:42 h1 python3: {said}", observed_ns=NOW_NS)
    assert (record.severity_text, record.body) == ("err", said)
    assert record.attributes == {"syslog.identifier": "python3"}


def test_a_pid_that_is_no_number_is_left_out() -> None:
    """Whoever logs may call itself what it likes."""
    record = syslog_record(f"Jan  2 03:04:05 h x[{'9' * 5000}]: y", observed_ns=0)
    assert (record.body, record.attributes) == ("y", {"syslog.identifier": "x"})


@pytest.mark.parametrize("line", ["", "no syslog at all", "Feb 30 04:05:06 h x: y", "9999-99-99T00:00:00 h x: y"])
def test_keeps_a_line_in_no_known_form(line: str) -> None:
    """Nothing is thrown away because it looks different; its time is when it was seen."""
    record = syslog_record(line, observed_ns=NOW_NS)
    assert record.time_ns == NOW_NS
    assert record.body in (line, "y")
