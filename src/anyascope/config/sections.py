"""Reads our own sections of `anyascope.yml`, each into its part of the tree."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from anyascope.alerting.receivers.secrets import read_secret
from anyascope.clock import MS_PER_S
from anyascope.collect.bitcoin_settings import read_bitcoin
from anyascope.collect.hsm_settings import read_hsms
from anyascope.collect.options import (
    CertificateOptions,
    CollectOptions,
    HostOptions,
    JournalOptions,
    ProcessOptions,
    SelfOptions,
)
from anyascope.collect.scrape_config import ScrapeConfig
from anyascope.config.addresses import Address, parse_address
from anyascope.config.settings import (
    SIGNALS,
    LogLevel,
    ReceiveSettings,
    ServerSettings,
    StorageSettings,
    StoreKind,
    TlsFiles,
)
from anyascope.ingest.options import AdmitOptions
from anyascope.model.sdk import SdkSetting, SdkSettings
from anyascope.model.secret import Secret, SecretFile
from anyascope.promql.options import EngineOptions, QueryLimits
from anyascope.promql.signatures import Feature, feature_of
from anyascope.store.api.retention import RetentionPolicy
from anyascope.store.labelindex import compile_whole
from anyascope.wire.otlp.translation import Strategy, Translation
from anyascope.wire.settings import Section, parse_duration_s

SECONDS_A_DAY = 86_400
OFF = "off"
DATABASES = ("postgresql://", "postgres://")


def resolve(section: Section, name: str) -> Path:
    """A path as it is meant in this file: relative ones are seen from the file's folder."""
    return Path(section.file).resolve().parent / name


def read_server(section: Section) -> ServerSettings:
    """`server`."""
    default = ServerSettings()
    listen = section.parsed("listen", parse_address, default.listen)
    tls = section.section("tls")
    files = None
    if section.has("tls"):
        files = TlsFiles(resolve(section, tls.text("cert_file")), resolve(section, tls.text("key_file")))
    tls.done()
    found = ServerSettings(
        listen=listen,
        is_chosen=section.has("listen"),
        tls=files,
        hosts=section.texts("hosts"),
        external_url=section.text("external_url", "").rstrip("/"),
        cors_origin=section.parsed("cors_origin", _pattern, ""),
        has_admin_api=section.boolean("admin_api", default.has_admin_api),
    )
    section.done()
    return found


def _pattern(text: str) -> str:
    compile_whole(text)
    return text


def read_series_limits(section: Section) -> AdmitOptions:
    """`limits.series*`: how many series are let in."""
    default = AdmitOptions()
    return replace(
        default,
        series_max=_at_least_one(section, "series_per_source", default.series_max),
        series_total_max=_at_least_one(section, "series", default.series_total_max),
    )


def read_receive(section: Section) -> ReceiveSettings:
    """`receive`."""
    default = ReceiveSettings()
    found = ReceiveSettings(
        otlp_grpc=section.parsed("otlp_grpc", _address_or_off, default.otlp_grpc),
        otlp_http=section.parsed("otlp_http", _address_or_off, default.otlp_http),
    )
    section.done()
    return found


def _address_or_off(text: str) -> Address | None:
    # YAML 1.1 reads a bare `off` as false, and takers see it as it is written.
    return None if text.lower() in (OFF, "false", "no") else parse_address(text)


def read_translation(section: Section) -> Translation:
    """`otlp`, in Prometheus' own format."""
    default = Translation()
    found = Translation(
        strategy=section.choice("translation_strategy", Strategy, default.strategy),
        promoted=_attribute_names(section, "promote_resource_attributes"),
        promotes_all=section.boolean("promote_all_resource_attributes", default.promotes_all),
        ignored=_attribute_names(section, "ignore_resource_attributes"),
        keeps_identifying=section.boolean("keep_identifying_resource_attributes", default.keeps_identifying),
        converts_histograms=section.boolean("convert_histograms_to_nhcb", default.converts_histograms),
        promotes_scope=section.boolean("promote_scope_metadata", default.promotes_scope),
    )
    if found.promotes_all and found.promoted:
        section.wrong("must be empty, all are promoted already", name="promote_resource_attributes")
    if found.ignored and not found.promotes_all:
        section.wrong("needs promote_all_resource_attributes", name="ignore_resource_attributes")
    section.done()
    return found


def _attribute_names(section: Section, name: str) -> tuple[str, ...]:
    names = section.texts(name)
    if not all(each.strip() for each in names):
        section.wrong("must not hold an empty name", name=name)
    if len(set(names)) < len(names):
        section.wrong("holds a name twice", name=name)
    return names


def read_token_files(section: Section) -> tuple[SecretFile, ...]:
    """`access`."""
    found = tuple(SecretFile(str(resolve(section, name))) for name in section.texts("token_files"))
    section.done()
    return found


def read_storage(section: Section) -> StorageSettings:
    """`storage`."""
    default = StorageSettings()
    directory = section.text("directory", None)
    found = StorageSettings(
        directory=resolve(section, directory) if directory else default.directory,
        kind=section.choice("kind", StoreKind, default.kind),
        reserve_bytes=section.size_bytes("reserve", default.reserve_bytes),
        memory_bytes_max=section.size_bytes("memory_max", default.memory_bytes_max),
        documents=_read_database(section),
    )
    section.done()
    return found


def _read_database(section: Section) -> Secret | None:
    """`documents`, or `documents_file` with the same, since the address has a password in it."""
    found = read_secret(section, "documents")
    if section.has("documents") and not section.text("documents", "").startswith(DATABASES):
        section.wrong("must be an address such as postgresql://user:password@host/database", name="documents")
    return found


def read_features(section: Section) -> frozenset[Feature]:
    """`promql`: the experimental features that are on."""
    found = set()
    for text in section.texts("features"):
        try:
            found.add(feature_of(text))
        except ValueError as error:
            section.wrong(str(error), name="features")
    section.done()
    return frozenset(found)


def read_query_limits(section: Section) -> QueryLimits:
    """`limits.query_*`: what one query may take."""
    default = QueryLimits()
    timeout_s = section.duration_s("query_timeout", default.timeout_s)
    if timeout_s <= 0:
        section.wrong("must be more than 0", name="query_timeout")
    return QueryLimits(
        samples_max=_at_least_one(section, "query_samples", default.samples_max),
        series_max=_at_least_one(section, "query_series", default.series_max),
        timeout_s=timeout_s,
    )


def read_engine(section: Section, *, evaluation_interval_s: float) -> EngineOptions:
    """What `limits` says of queries; subqueries without a step take the interval at which rules are evaluated."""
    default = EngineOptions()
    return replace(
        default,
        subquery_step_ms=max(round(evaluation_interval_s * MS_PER_S), 1),
        steps_max=_at_least_one(section, "query_steps", default.steps_max),
        concurrency_max=_at_least_one(section, "query_concurrency", default.concurrency_max),
        limits=read_query_limits(section),
    )


def _at_least_one(section: Section, name: str, default: int) -> int:
    found = section.integer(name, default)
    if found < 1:
        section.wrong("must be at least 1", name=name)
    return found


def read_retention(section: Section) -> dict[str, RetentionPolicy]:
    """`retention`: by signal, an age in whole days and a size."""
    found = {}
    for signal in SIGNALS:
        bounds = section.section(signal)
        default = RetentionPolicy()
        found[signal] = RetentionPolicy(
            age_days=bounds.parsed("age", _whole_days, default.age_days),
            disk_bytes_max=bounds.size_bytes("size", default.disk_bytes_max),
        )
        bounds.done()
    section.done()
    return found


def read_sdk(section: Section) -> SdkSettings:
    """`sdk`: what services are asked to do, the default and by service."""
    services = section.section("services")
    found = SdkSettings(
        default=_read_sdk_setting(section.section("default")),
        services={name: _read_sdk_setting(services.section(name)) for name in services.names()},
    )
    section.done()
    return found


def _read_sdk_setting(section: Section) -> SdkSetting:
    level = section.parsed("log_level", _log_level, None)
    found = SdkSetting(sample_ratio=section.parsed("sample_ratio", _ratio, None), log_level=level)
    section.done()
    return found


def _ratio(text: str) -> float:
    try:
        ratio = float(text)
    except ValueError:
        ratio = -1.0
    if not 0 <= ratio <= 1:  # also where it is not a number
        raise ValueError(f"must be a share from 0 to 1, such as 0.25, got {text!r}")
    return ratio


def _log_level(text: str) -> str:
    known = [level.value for level in LogLevel]
    if text.lower() not in known:
        raise ValueError(f"must be one of {', '.join(known)}, got {text!r}")
    return text.lower()


def _whole_days(text: str) -> int:
    seconds = parse_duration_s(text)
    if seconds < SECONDS_A_DAY or seconds % SECONDS_A_DAY:
        raise ValueError(f"must be whole days, such as 30d, got {text!r}")
    return int(seconds // SECONDS_A_DAY)


def read_collectors(section: Section, scrape_configs: tuple[ScrapeConfig, ...]) -> CollectOptions:
    """`collectors`."""
    found = CollectOptions(
        scrape_configs=scrape_configs,
        host=_read_host(section.section("host")),
        process=_read_process(section.section("process")),
        journal=_read_journal(section.section("journal")),
        certificates=_read_certificates(section.section("certificates")),
        bitcoin=read_bitcoin(section),
        itself=_read_self(section.section("self")),
        hsms=read_hsms(section.sections("hsm")),
    )
    section.done()
    return found


def _read_host(section: Section) -> HostOptions:
    default = HostOptions()
    found = HostOptions(
        enabled=section.boolean("enabled", default.enabled),
        interval_s=section.duration_s("interval", default.interval_s),
        job=section.text("job", default.job),
        instance=section.text("instance", default.instance),
        procfs=Path(section.text("procfs", str(default.procfs))),
        sysfs=Path(section.text("sysfs", str(default.sysfs))),
        rootfs=Path(section.text("rootfs", str(default.rootfs))),
    )
    _refuse_zero(section, found.interval_s)
    section.done()
    return found


def _read_process(section: Section) -> ProcessOptions:
    default = ProcessOptions()
    found = ProcessOptions(
        enabled=section.boolean("enabled", default.enabled),
        interval_s=section.duration_s("interval", default.interval_s),
        names=section.texts("names"),
        procfs=Path(section.text("procfs", str(default.procfs))),
    )
    _refuse_zero(section, found.interval_s)
    section.done()
    return found


def _read_journal(section: Section) -> JournalOptions:
    default = JournalOptions()
    files = tuple(Path(name) for name in section.texts("files"))
    found = JournalOptions(
        enabled=section.boolean("enabled", default.enabled),
        units=section.texts("units"),
        files=files or default.files,
    )
    section.done()
    return found


def _read_certificates(section: Section) -> CertificateOptions:
    default = CertificateOptions()
    found = CertificateOptions(
        files=tuple(resolve(section, name) for name in section.texts("files")),
        endpoints=section.texts("endpoints"),
        interval_s=section.duration_s("interval", default.interval_s),
    )
    _refuse_zero(section, found.interval_s)
    section.done()
    return found


def _read_self(section: Section) -> SelfOptions:
    default = SelfOptions()
    found = SelfOptions(
        enabled=section.boolean("enabled", default.enabled),
        interval_s=section.duration_s("interval", default.interval_s),
        job=section.text("job", default.job),
        instance=section.text("instance", default.instance),
    )
    _refuse_zero(section, found.interval_s)
    section.done()
    return found


def _refuse_zero(section: Section, interval_s: float) -> None:
    if interval_s <= 0:
        section.wrong("must be more than 0", name="interval")
