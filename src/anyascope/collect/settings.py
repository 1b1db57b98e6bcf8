"""Reads `scrape_configs` in Prometheus' own format."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from anyascope.collect.discovery_files import GROUP_FILE_NAME
from anyascope.collect.scrape_config import (
    BODY_BYTES_MAX,
    DNS_SD_REFRESH_S,
    FILE_SD_REFRESH_S,
    HTTP_SD_REFRESH_S,
    PROTOCOLS_DEFAULT,
    PROTOCOLS_WITH_NATIVES,
    SCRAPE_INTERVAL_S,
    SCRAPE_TIMEOUT_S,
    DnsDiscovery,
    Escaping,
    FileDiscovery,
    HttpDiscovery,
    NameScheme,
    RecordType,
    ScrapeConfig,
    ScrapeLimits,
    ScrapeProtocol,
    TargetGroup,
)
from anyascope.model.http import HttpOptions
from anyascope.model.labels import Labels, labels_of
from anyascope.wire.exposition.natives import schema_of_factor
from anyascope.wire.http_settings import HttpSpeaker, read_http_options, refuse_unsupported
from anyascope.wire.relabel_settings import read_relabel_rules
from anyascope.wire.settings import Section

E = TypeVar("E", bound=Enum)

_SCRAPER = HttpSpeaker(proxy_schemes=("http",), has_proxy_from_environment=True, needs_username=True, has_oauth2=True)
_CLOUD_LOGINS = ("sigv4", "azuread", "google_iam")
_LIMITS = ("sample_limit", "label_limit", "label_name_length_limit", "label_value_length_limit", "target_limit")
_DISCOVERIES = ("file_sd_configs", "http_sd_configs", "dns_sd_configs")
PORT_MAX = 65_535  # of TCP


@dataclass(frozen=True, slots=True)
class ScrapeDefaults:
    """What `global` says for all scrape configurations."""

    interval_s: float = SCRAPE_INTERVAL_S
    timeout_s: float = SCRAPE_TIMEOUT_S
    limits: ScrapeLimits = field(default_factory=ScrapeLimits)
    protocols: tuple[ScrapeProtocol, ...] = ()  # empty: what suits the job
    name_scheme: NameScheme = NameScheme.UTF8
    escaping: Escaping | None = None  # None: what suits the job's name scheme
    has_natives: bool = False
    always_classics: bool = False
    converts_classics: bool = False
    has_extra_metrics: bool = False
    failure_log: Path | None = None
    dropped_kept: int = 0


def read_scrape_defaults(section: Section) -> ScrapeDefaults:
    """What `global` says of scraping; its other fields are left for others to ask for.

    Source: Prometheus configuration, `<global>`.
    """
    interval_s = _positive(section, "scrape_interval", SCRAPE_INTERVAL_S)
    timeout_s = _positive(section, "scrape_timeout", min(SCRAPE_TIMEOUT_S, interval_s))
    if timeout_s > interval_s:
        section.wrong("must not be greater than scrape_interval", name="scrape_timeout")
    scheme = section.choice("metric_name_validation_scheme", NameScheme, NameScheme.UTF8)
    return ScrapeDefaults(
        interval_s=interval_s,
        timeout_s=timeout_s,
        limits=_limits(section, ScrapeLimits()),
        protocols=_protocols(section),
        name_scheme=scheme,
        escaping=_escaping(section, scheme, None),
        has_natives=section.boolean("scrape_native_histograms", False),
        always_classics=_always_classics(section, default=False),
        converts_classics=section.boolean("convert_classic_histograms_to_nhcb", False),
        has_extra_metrics=section.boolean("extra_scrape_metrics", False),
        failure_log=_failure_log(section, None),
        dropped_kept=_count(section, "keep_dropped_targets", 0),
    )


def read_external_labels(global_section: Section) -> Labels:
    """The labels that alerts and other servers are told; what is stored here does not carry them."""
    return _labels(global_section, "external_labels")


def read_scrape_configs(sections: Sequence[Section], global_section: Section) -> tuple[ScrapeConfig, ...]:
    """All scrape configurations. What is wrong is noted in the sections; the caller raises.

    Args:
        sections: the entries of `scrape_configs`.
        global_section: `global`; only what concerns scraping is asked for.
    """
    defaults = read_scrape_defaults(global_section)
    configs = tuple(read_scrape_config(section, defaults) for section in sections)
    seen: set[str] = set()
    for section, config in zip(sections, configs, strict=True):
        if config.job_name in seen:
            section.wrong(f"job {config.job_name!r} is configured more than once", name="job_name")
        seen.add(config.job_name)
    return configs


def read_scrape_config(section: Section, defaults: ScrapeDefaults) -> ScrapeConfig:
    """One entry of `scrape_configs`.

    Source: Prometheus configuration, `<scrape_config>`.
    """
    job_name = section.text("job_name")
    if not job_name and section.has("job_name"):
        section.wrong("must not be empty", name="job_name")
    interval_s = _positive(section, "scrape_interval", defaults.interval_s)
    timeout_s = _timeout(section, defaults, interval_s)
    has_natives = section.boolean("scrape_native_histograms", defaults.has_natives)
    scheme = section.choice("metric_name_validation_scheme", NameScheme, defaults.name_scheme)
    _refuse_other_discoveries(section)
    fallback = _protocol(section, "fallback_scrape_protocol", section.text("fallback_scrape_protocol", ""))
    config = ScrapeConfig(
        job_name=job_name,
        scrape_interval_s=interval_s,
        scrape_timeout_s=timeout_s,
        metrics_path=section.text("metrics_path", "/metrics"),
        scheme=_scheme(section),
        params=_params(section),
        honor_labels=section.boolean("honor_labels", False),
        honor_timestamps=section.boolean("honor_timestamps", True),
        track_timestamps_staleness=section.boolean("track_timestamps_staleness", False),
        enable_compression=section.boolean("enable_compression", True),
        http=_http(section),
        static=_static(section),
        files=tuple(_file_discovery(entry) for entry in section.sections("file_sd_configs")),
        urls=tuple(_http_discovery(entry) for entry in section.sections("http_sd_configs")),
        names=tuple(_dns_discovery(entry) for entry in section.sections("dns_sd_configs")),
        relabel_rules=read_relabel_rules(section.sections("relabel_configs")),
        metric_relabel_rules=read_relabel_rules(section.sections("metric_relabel_configs")),
        limits=_native_limits(section, _limits(section, defaults.limits)),
        protocols=_protocols(section)
        or defaults.protocols
        or (PROTOCOLS_WITH_NATIVES if has_natives else PROTOCOLS_DEFAULT),
        fallback_protocol=fallback,
        name_scheme=scheme,
        escaping=_escaping(section, scheme, defaults.escaping) or _ESCAPING_OF[scheme],
        has_natives=has_natives,
        always_classics=_always_classics(section, default=defaults.always_classics),
        converts_classics=section.boolean("convert_classic_histograms_to_nhcb", defaults.converts_classics),
        has_extra_metrics=section.boolean("extra_scrape_metrics", defaults.has_extra_metrics),
        failure_log=_failure_log(section, defaults.failure_log),
        dropped_kept=_count(section, "keep_dropped_targets", defaults.dropped_kept),
    )
    section.done()
    return config


def _member(kind: type[E], text: str) -> E:
    try:
        return kind(text)
    except ValueError:
        raise ValueError(f"must be one of {', '.join(str(m.value) for m in kind)}, got {text!r}") from None


def _positive(section: Section, name: str, default: float) -> float:
    seconds = section.duration_s(name, default)
    if seconds <= 0:
        section.wrong("must be longer than 0", name=name)
        return default
    return seconds


def _timeout(section: Section, defaults: ScrapeDefaults, interval_s: float) -> float:
    if section.has("scrape_timeout"):
        timeout_s = _positive(section, "scrape_timeout", min(SCRAPE_TIMEOUT_S, interval_s))
        if timeout_s > interval_s:
            section.wrong("must not be greater than scrape_interval", name="scrape_timeout")
        return timeout_s
    # The global timeout, or less where this job is scraped more often than that.
    return min(defaults.timeout_s, interval_s)


def _scheme(section: Section) -> str:
    scheme = section.text("scheme", "http")
    if scheme not in ("http", "https"):
        section.wrong(f"must be http or https, got {scheme!r}", name="scheme")
    return scheme


def _http(section: Section) -> HttpOptions:
    refuse_unsupported(section, _CLOUD_LOGINS)
    return read_http_options(section, _SCRAPER)


def _params(section: Section) -> tuple[tuple[str, tuple[str, ...]], ...]:
    params = section.section("params")
    return tuple((name, params.texts(name)) for name in params.names())


_ESCAPING_OF = {NameScheme.UTF8: Escaping.ALLOW_UTF8, NameScheme.LEGACY: Escaping.UNDERSCORES}


def _escaping(section: Section, scheme: NameScheme, default: Escaping | None) -> Escaping | None:
    name = "metric_name_escaping_scheme"
    found = section.choice(name, Escaping, Escaping.ALLOW_UTF8) if section.has(name) else default
    if found is Escaping.ALLOW_UTF8 and scheme is NameScheme.LEGACY:
        section.wrong(
            "names in UTF-8 are asked for, but metric_name_validation_scheme is legacy",
            name=name if section.has(name) else "",
        )
    return found


def _always_classics(section: Section, *, default: bool) -> bool:
    older = section.boolean("scrape_classic_histograms", default)  # its name in Prometheus 2
    return section.boolean("always_scrape_classic_histograms", older)


def _failure_log(section: Section, default: Path | None) -> Path | None:
    name = section.text("scrape_failure_log_file", "")
    return section.beside(name) if name else default


def _count(section: Section, name: str, default: int) -> int:
    value = section.integer(name, default)
    if value < 0:
        section.wrong("must not be negative", name=name)
    return value


def _native_limits(section: Section, limits: ScrapeLimits) -> ScrapeLimits:
    factor = section.number("native_histogram_min_bucket_factor", 0.0)
    return replace(
        limits,
        native_bucket_limit=_count(section, "native_histogram_bucket_limit", 0),
        native_schema_max=schema_of_factor(factor) if factor > 1 else None,
    )


def _refuse_other_discoveries(section: Section) -> None:
    for name in section.names():
        if name.endswith("_sd_configs") and name not in _DISCOVERIES:
            section.plain(name)
            kind = name.removesuffix("_sd_configs")
            section.wrong(
                f"service discovery by {kind} is not supported yet; use static_configs, file_sd_configs, "
                "http_sd_configs or dns_sd_configs",
                name=name,
            )


def _limits(section: Section, defaults: ScrapeLimits) -> ScrapeLimits:
    values = {name: _count(section, name, getattr(defaults, name)) for name in _LIMITS}
    size = section.size_bytes("body_size_limit", defaults.body_bytes_max)
    return ScrapeLimits(**values, body_bytes_max=size or BODY_BYTES_MAX)


def _protocol(section: Section, name: str, text: str) -> ScrapeProtocol | None:
    if not text:
        return None
    try:
        return _member(ScrapeProtocol, text)
    except ValueError as error:
        section.wrong(str(error), name=name)
        return None


def _protocols(section: Section) -> tuple[ScrapeProtocol, ...]:
    """The formats that are named; empty where none are."""
    texts = section.texts("scrape_protocols")
    if not texts and section.has("scrape_protocols"):
        section.wrong("must name at least one format", name="scrape_protocols")
    if len(set(texts)) != len(texts):
        section.wrong("names a format twice", name="scrape_protocols")
    found = [_protocol(section, "scrape_protocols", text) for text in texts]
    return tuple(protocol for protocol in found if protocol is not None)


def _labels(section: Section, name: str) -> Labels:
    labels = section.section(name)
    pairs = {key: labels.text(key, "") for key in labels.names()}
    for key in pairs:
        if not key:
            labels.wrong("must not be empty", name=key)
    return labels_of(pairs)


def _static(section: Section) -> tuple[TargetGroup, ...]:
    groups = []
    for index, entry in enumerate(section.sections("static_configs")):
        targets = entry.texts("targets")
        for target in targets:
            if (fault := address_fault(target)) is not None:
                entry.wrong(fault, name="targets")
        groups.append(
            TargetGroup(
                source=str(index),
                targets=tuple((("__address__", target),) for target in targets),
                labels=_labels(entry, "labels"),
            )
        )
        entry.done()
    return tuple(groups)


def address_fault(address: str) -> str | None:
    """Why this cannot be a target's address; None where it can."""
    if "/" in address:
        return f"{address!r} is not a valid hostname; scheme and path have their own fields"
    return None if address else "a target must not be empty"


def _file_discovery(section: Section) -> FileDiscovery:
    files = section.texts("files")
    if not files:
        section.wrong("file discovery needs at least one path", name="files" if section.has("files") else "")
    for path in files:
        if not GROUP_FILE_NAME.fullmatch(path):
            section.wrong(
                f"path name {path!r} must end in .json, .yml or .yaml, with at most one * in its last part",
                name="files",
            )
    found = FileDiscovery(
        files=files,
        folder=Path(section.file).parent,
        refresh_interval_s=_positive(section, "refresh_interval", FILE_SD_REFRESH_S),
    )
    section.done()
    return found


def _http_discovery(section: Section) -> HttpDiscovery:
    url = section.text("url")
    parts = urlsplit(url)
    if url and (parts.scheme not in ("http", "https") or not parts.hostname):
        section.wrong(f"must be an http or https address with a host, got {url!r}", name="url")
    found = HttpDiscovery(
        url=url,
        http=_http(section),
        refresh_interval_s=_positive(section, "refresh_interval", HTTP_SD_REFRESH_S),
    )
    section.done()
    return found


def _dns_discovery(section: Section) -> DnsDiscovery:
    names = section.texts("names")
    if not names or not all(names):
        section.wrong("DNS discovery needs at least one name", name="names" if section.has("names") else "")
    kind = section.parsed("type", lambda text: _member(RecordType, text.upper()), RecordType.SRV)
    port = section.integer("port", 0)
    if kind is not RecordType.SRV and not port:
        section.wrong("a port is required for all record types but SRV")
    elif not 0 <= port <= PORT_MAX:
        section.wrong(f"must be from 1 to {PORT_MAX}", name="port")
    found = DnsDiscovery(
        names=names,
        type=kind,
        port=port,
        refresh_interval_s=_positive(section, "refresh_interval", DNS_SD_REFRESH_S),
    )
    section.done()
    return found
