"""Reads `remote_write` in Prometheus' own format, and `forward`, which is ours."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from urllib.parse import urlsplit

from anyascope.forward.options import (
    CAPACITY,
    LANES,
    REMOTE_TIMEOUT_S,
    SPOOL_BYTES,
    MetadataOptions,
    Protobuf,
    QueueOptions,
    RemoteWrite,
    name_of,
)
from anyascope.model.secret import Secret
from anyascope.wire.http_settings import (
    HEADER_NAME,
    RESERVED_HEADERS,
    HttpSpeaker,
    read_http_options,
    refuse_unsupported,
)
from anyascope.wire.relabel_settings import read_relabel_rules
from anyascope.wire.settings import Section

_SPEAKER = HttpSpeaker(
    proxy_schemes=("http", "https"),
    has_proxy_from_environment=True,
    needs_username=False,
    has_oauth2=True,
)
_CLOUD_LOGINS = ("sigv4", "azuread", "google_iam")
SPOOL_BYTES_MIN = 64 * 1024 * 1024  # two files of the log: below, what is sent now would give way already


def read_remote_writes(sections: Sequence[Section], *, beside: Sequence[RemoteWrite] = ()) -> tuple[RemoteWrite, ...]:
    """All entries of `remote_write`. What is wrong is noted in the sections; the caller raises.

    Args:
        beside: entries of another file.

    Source: Prometheus configuration, `<remote_write>`.
    """
    seen = Counter(remote.url.reveal() for remote in beside)
    names = {remote.name for remote in beside}
    found = []
    for section in sections:
        remote = _read_remote_write(section, seen)
        if remote.name in names:
            section.wrong(f"{remote.name!r} is the name of another entry too", name="name")
        names.add(remote.name)
        found.append(remote)
    return tuple(found)


def read_spool_bytes(section: Section) -> int:
    """`forward`: how much may wait for far ends."""
    size = section.size_bytes("spool_size", SPOOL_BYTES)
    if size < SPOOL_BYTES_MIN:
        section.wrong(f"must be at least {SPOOL_BYTES_MIN // 2**20}MiB", name="spool_size")
    section.done()
    return size


def _read_remote_write(section: Section, seen: Counter[str]) -> RemoteWrite:
    url = _url(section)
    name = section.text("name", "") or name_of(url, seen[url])
    seen[url] += 1
    refuse_unsupported(section, _CLOUD_LOGINS)
    section.boolean("round_robin_dns", False)  # accepted: each connection asks the resolver, whose order is random
    found = RemoteWrite(
        name=name,
        url=Secret(url),
        shown_url=shown_url(url),
        protobuf=section.choice("protobuf_message", Protobuf, Protobuf.V1),
        remote_timeout_s=_positive(section, "remote_timeout", REMOTE_TIMEOUT_S),
        headers=_headers(section),
        write_relabel_rules=read_relabel_rules(section.sections("write_relabel_configs")),
        send_exemplars=section.boolean("send_exemplars", False),
        send_native_histograms=section.boolean("send_native_histograms", False),
        http=read_http_options(section, _SPEAKER),
        queue=_queue(section.section("queue_config")),
        metadata=_metadata(section.section("metadata_config")),
    )
    section.done()
    return found


def shown_url(url: str) -> str:
    """The address as people may see it: without user, password and what a query may hold."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()


def _url(section: Section) -> str:
    url = section.text("url")
    try:
        parts = urlsplit(url)
        is_usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        is_usable = False
    if url and not is_usable:
        # Not repeated: it may hold a password.
        section.wrong("must be an http or https address with a host", name="url")
        return ""
    return url


def _headers(section: Section) -> tuple[tuple[str, str], ...]:
    headers = section.section("headers")
    pairs = tuple((name, headers.text(name, "")) for name in headers.names())
    for name, _ in pairs:
        if HEADER_NAME.fullmatch(name) is None:
            headers.wrong(f"{name!r} is not a header's name", name=name)
        if name.lower() == "authorization":
            headers.wrong("must be set by basic_auth, authorization or oauth2", name=name)
        elif name.lower() in RESERVED_HEADERS:
            headers.wrong("is set by remote write itself", name=name)
    return pairs


def _queue(section: Section) -> QueueOptions:
    default = QueueOptions()
    found = QueueOptions(
        capacity=_at_least_one(section, "capacity", CAPACITY),
        max_shards=min(_at_least_one(section, "max_shards", default.max_shards), LANES),
        min_shards=min(_at_least_one(section, "min_shards", default.min_shards), LANES),
        max_samples_per_send=_at_least_one(section, "max_samples_per_send", default.max_samples_per_send),
        batch_send_deadline_s=_positive(section, "batch_send_deadline", default.batch_send_deadline_s),
        min_backoff_s=_positive(section, "min_backoff", default.min_backoff_s),
        max_backoff_s=_positive(section, "max_backoff", default.max_backoff_s),
        retry_on_http_429=section.boolean("retry_on_http_429", default.retry_on_http_429),
        sample_age_limit_s=section.duration_s("sample_age_limit", default.sample_age_limit_s),
    )
    if found.min_shards > found.max_shards:
        section.wrong("must not be more than max_shards", name="min_shards")
    if found.min_backoff_s > found.max_backoff_s:
        section.wrong("must not be longer than max_backoff", name="min_backoff")
    section.done()
    return found


def _metadata(section: Section) -> MetadataOptions:
    default = MetadataOptions()
    found = MetadataOptions(
        send=section.boolean("send", default.send),
        send_interval_s=_positive(section, "send_interval", default.send_interval_s),
        max_samples_per_send=_at_least_one(section, "max_samples_per_send", default.max_samples_per_send),
    )
    section.done()
    return found


def _at_least_one(section: Section, name: str, default: int) -> int:
    number = section.integer(name, default)
    if number < 1:
        section.wrong("must be at least 1", name=name)
        return default
    return number


def _positive(section: Section, name: str, default: float) -> float:
    seconds = section.duration_s(name, default)
    if seconds <= 0:
        section.wrong("must be longer than 0", name=name)
        return default
    return seconds
