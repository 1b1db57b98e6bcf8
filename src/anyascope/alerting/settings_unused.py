"""Sections of an Alertmanager configuration that have no effect here, read as strictly as upstream reads them.

This server keeps its own spans, and its journal records what an event recorder would.
"""

from __future__ import annotations

from typing import Final

from anyascope.alerting.receivers.fields import parse_go_duration_s, read_http
from anyascope.alerting.receivers.secrets import parse_url
from anyascope.wire.http_settings import read_tls
from anyascope.wire.settings import Section

_RECORDER: Final = "eventrecorder.plain"
_COMPRESSIONS: Final = ("", "gzip")


def read_unused(section: Section) -> None:
    """`tracing` and `event_recorder` of a whole file."""
    if section.has("tracing"):
        _read_tracing(section.section("tracing"))
    if section.has("event_recorder"):
        _read_event_recorder(section.section("event_recorder"))
    for name in ("tracing", "event_recorder"):
        section.plain(name)


def _read_tracing(section: Section) -> None:
    client = section.text("client_type", "grpc")
    section.number("sampling_fraction", 0.0)
    section.boolean("insecure", False)
    section.parsed("timeout", parse_go_duration_s, 0.0)
    compression = section.text("compression", "")
    headers = section.section("headers")
    for name in headers.names():
        header = headers.section(name)
        for field in ("values", "secrets", "files"):
            header.texts(field)
        header.done("config.Header")
    read_tls(section.section("tls_config"))
    if not section.text("endpoint", ""):
        section.wrong("tracing endpoint must be set")
    if client not in ("http", "grpc"):
        section.wrong(f"expected tracing client type to be to be http or grpc, but got {client}")
    if compression not in _COMPRESSIONS:
        section.wrong(f"invalid compression type {compression} provided, valid options: gzip")
    section.done("tracing.plain")


def _read_event_recorder(section: Section) -> None:
    for entry in section.sections("file_outputs", "eventrecorder.FileOutputConfig"):
        if not entry.text("path", ""):
            entry.wrong("event_recorder file output requires a path")
        entry.done(_RECORDER)
    for entry in section.sections("webhook_outputs", "eventrecorder.WebhookOutputConfig"):
        if not entry.parsed("url", parse_url, ""):
            entry.wrong("event_recorder webhook output requires a url")
        entry.parsed("timeout", parse_go_duration_s, 0.0)
        entry.parsed("retry_backoff", parse_go_duration_s, 0.0)
        for name in ("workers", "max_retries"):
            entry.integer(name, 0)
        read_http(entry.section("http_config"))
        _skip_batching(entry)
        entry.done(_RECORDER)
    for entry in section.sections("kafka_outputs", "eventrecorder.KafkaOutputConfig"):
        if not entry.texts("brokers"):
            entry.wrong("event_recorder kafka output requires at least one broker")
        for name in ("topic", "client_id", "compression", "acks", "format"):
            entry.text(name, "")
        entry.integer("buffer_size", 0)
        read_tls(entry.section("tls_config"))
        entry.done(_RECORDER)
    section.plain("stdout_outputs")
    section.done("eventrecorder.Config")


def _skip_batching(section: Section) -> None:
    # Of 0.34; its fields are not known to us, so that none is refused.
    for name in section.names():
        if name.startswith("batch"):
            section.plain(name)
