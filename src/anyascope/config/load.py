"""Files, environment and flags in, one tree of settings out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from glob import glob
from pathlib import Path
from typing import TypeVar

from anyascope.alerting.escalation.settings import escalation_options, read_escalation
from anyascope.alerting.heartbeat_settings import read_heartbeats
from anyascope.alerting.settings import read_alerting, read_alertmanager_file
from anyascope.clock import MS_PER_S
from anyascope.collect.options import CollectOptions
from anyascope.collect.scrape_config import ScrapeConfig
from anyascope.collect.settings import read_external_labels, read_scrape_configs
from anyascope.config.addresses import parse_address
from anyascope.config.packs import pack_policies, packs_in_force, read_packs
from anyascope.config.remarks import file_remarks, remarks_on
from anyascope.config.sections import (
    read_collectors,
    read_engine,
    read_features,
    read_receive,
    read_retention,
    read_sdk,
    read_series_limits,
    read_server,
    read_storage,
    read_token_files,
    read_translation,
    resolve,
)
from anyascope.config.settings import (
    EVALUATION_INTERVAL_S,
    LogFormat,
    LogLevel,
    RulesSettings,
    ServerSettings,
    Settings,
    StoreKind,
)
from anyascope.custody.options import read_custody
from anyascope.errors import InvalidInputError
from anyascope.forward.options import ForwardOptions
from anyascope.forward.settings import read_remote_writes, read_spool_bytes
from anyascope.notify.settings import courier_options, read_notify
from anyascope.notify.templates import load_templates
from anyascope.notify.watchdog_settings import read_watchdog
from anyascope.promql.signatures import Feature, feature_of
from anyascope.rules.load import LoadOptions, load_rule_files
from anyascope.rules.options import FOR_GRACE_S, OUTAGE_TOLERANCE_S, RESEND_S
from anyascope.wire.settings import Mistake, Section, SettingsError, read_settings

E = TypeVar("E", bound=Enum)

FORWARD_DIRECTORY = "forward"  # of the data directory
DEFAULT_FILE = Path("anyascope.yml")  # in the current directory, when no other is named

# Fields of Prometheus' `global` that somebody here asks for; Alertmanager's half of a shared `global` may skip them.
PROMETHEUS_GLOBAL = (
    "scrape_interval",
    "scrape_timeout",
    "evaluation_interval",
    "rule_query_offset",
    "external_labels",
    "query_log_file",
    "scrape_failure_log_file",
    "body_size_limit",
    "sample_limit",
    "label_limit",
    "label_name_length_limit",
    "label_value_length_limit",
    "target_limit",
    "keep_dropped_targets",
    "scrape_protocols",
    "metric_name_validation_scheme",
    "metric_name_escaping_scheme",
    "scrape_native_histograms",
    "always_scrape_classic_histograms",
    "convert_classic_histograms_to_nhcb",
    "extra_scrape_metrics",
)
# What no file of Alertmanager's has: with any of these beside `route` a file is ours.
OWN_SECTIONS = frozenset(
    (
        *("access", "collectors", "custody", "escalation", "escalation_policies", "heartbeats", "limits", "logging"),
        *("notify", "packs", "receive", "retention", "rules", "scrape_configs", "sdk", "server", "storage"),
        "watchdog",
    )
)
# Sections of a prometheus.yml that have no effect here, and what to do about it.
PROMETHEUS_UNUSED = {
    "alerting": "alerts go to this server's own receivers, not to the Alertmanagers of this section",
    "remote_read": "queries read what is kept here only",
    "storage": "see `storage` and `retention` of anyascope.yml",
    "tracing": "the server keeps its own spans",
    "runtime": "it speaks of Go's garbage collector",
}


@dataclass(frozen=True, slots=True)
class Sources:
    """Where settings come from; flags win over the file. Empty and None mean "not given"."""

    config: Path | None = None
    prometheus_config: Path | None = None
    alertmanager_config: Path | None = None
    data: Path | None = None
    listen: str | None = None
    log_format: str | None = None
    store: str | None = None
    collect: bool = True
    features: tuple[str, ...] = ()
    admin_api: bool = False


def load(sources: Sources) -> Settings:
    """The settings of these sources.

    Raises:
        SettingsError: with every mistake of the first file that has any.
        InvalidInputError: a flag is wrong.
    """
    settings = _load_main(sources.config)
    if sources.prometheus_config is not None:
        settings = _with_prometheus(settings, sources.prometheus_config)
    if sources.alertmanager_config is not None:
        text = read_text(sources.alertmanager_config)
        alerting = read_alertmanager_file(text, file=str(sources.alertmanager_config))
        settings = replace(settings, alerting=alerting, files=(*settings.files, sources.alertmanager_config))
    settings = _with_pack_policies(settings)
    _look_up(settings)
    settings = replace(settings, warnings=(*settings.warnings, *remarks_on(settings)))
    return _with_flags(settings, sources)


def _with_pack_policies(settings: Settings) -> Settings:
    found = pack_policies(packs_in_force(settings.packs, settings.collect))
    return replace(settings, escalation=replace(settings.escalation, pack_policies=found))


def _look_up(settings: Settings) -> None:
    """Look up the names of receivers, now that all of these are known."""
    courier_options(settings.notify, settings.alerting.receivers)
    escalation_options(settings.escalation, settings.alerting.receivers)


def check(path: Path) -> list[Mistake]:
    """Every mistake of one configuration file, whichever of the three kinds it is, or of its rule files; empty where all is sound."""
    try:
        settings = _load_any(path)
        load_rule_files(settings.rules.files, base=Path.cwd(), options=LoadOptions(features=settings.features))
    except SettingsError as error:
        return list(error.mistakes)
    except InvalidInputError as error:
        return [Mistake(str(path), 0, error.path, error.message)]
    return []


def check_remarks(path: Path) -> tuple[str, ...]:
    """What of a sound configuration file is hardly meant, or cannot be read by this user now, one sentence each."""
    settings = _load_any(path)
    return (*settings.warnings, *remarks_on(settings), *file_remarks(settings))


def _load_any(path: Path) -> Settings:
    names = set(read_settings(read_text(path), file=str(path)).names())
    if "route" in names and not names & OWN_SECTIONS:
        return replace(Settings(), alerting=read_alertmanager_file(read_text(path), file=str(path)))
    if names & set(PROMETHEUS_UNUSED) - {"storage"}:
        return _with_prometheus(Settings(), path)
    settings = _load_main(path)
    if "receivers" in names:  # else they stand in a file of Alertmanager's, where names will be looked up
        _look_up(settings)
    return settings


def check_alertmanager(path: Path) -> list[Mistake]:
    """Every mistake of a file in Alertmanager's format, and the first of its templates; empty where it is sound."""
    try:
        options = read_alertmanager_file(read_text(path), file=str(path))
        load_templates(options.templates, now_ns=lambda: 0)
    except SettingsError as error:
        return list(error.mistakes)
    except InvalidInputError as error:
        return [Mistake(str(path), 0, error.path, error.message)]
    return []


def read_text(path: Path) -> str:
    """The text of a configuration file.

    Raises:
        SettingsError: it cannot be read, or is not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise SettingsError([Mistake(str(path), 0, "", f"cannot be read: {error.strerror}")]) from error
    except UnicodeDecodeError as error:
        raise SettingsError([Mistake(str(path), 0, "", f"is not UTF-8: byte {error.start}")]) from error


def _load_main(path: Path | None) -> Settings:
    chosen = path or (DEFAULT_FILE if DEFAULT_FILE.is_file() else None)
    if chosen is None:
        return Settings()
    top = read_settings(read_text(chosen), file=str(chosen))
    shared = top.section("global")
    scrape_configs = _scrape_configs(top, shared)
    rules = _read_rules(top, shared)
    forward = ForwardOptions(
        remotes=read_remote_writes(top.sections("remote_write")),
        external_labels=rules.external_labels,
        spool_bytes_max=read_spool_bytes(top.section("forward")),
    )
    logging = top.section("logging")
    limits = top.section("limits")
    settings = Settings(
        file=chosen,
        files=(chosen,),
        server=read_server(top.section("server")),
        receive=replace(read_receive(top.section("receive")), translation=read_translation(top.section("otlp"))),
        token_files=read_token_files(top.section("access")),
        storage=read_storage(top.section("storage")),
        admit=read_series_limits(limits),
        retention=read_retention(top.section("retention")),
        collect=read_collectors(top.section("collectors"), scrape_configs),
        rules=rules,
        packs=read_packs(top.section("packs")),
        forward=forward,
        queries=read_engine(limits, evaluation_interval_s=rules.evaluation_interval_s),
        query_log_file=_query_log_file(top, shared),
        alerting=read_alerting(top, other_global_fields=PROMETHEUS_GLOBAL),
        escalation=read_escalation(top),
        notify=read_notify(top.section("notify")),
        heartbeats=read_heartbeats(top),
        watchdog=read_watchdog(top.section("watchdog")),
        custody=read_custody(top),
        features=read_features(top.section("promql")),
        sdk=read_sdk(top.section("sdk")),
        log_format=logging.choice("format", LogFormat, LogFormat.JSON),
        log_level=logging.choice("level", LogLevel, LogLevel.INFO),
    )
    logging.done()
    limits.done()
    for name in ("groups", "slos"):
        if top.plain(name) is not None:
            top.wrong("belongs into a rule file, which rule_files names", name=name)
    top.done()
    top.raise_if_wrong()
    return settings


def _scrape_configs(top: Section, shared: Section) -> tuple[ScrapeConfig, ...]:
    found = list(read_scrape_configs(top.sections("scrape_configs"), shared))
    for pattern in top.texts("scrape_config_files"):
        for name in sorted(glob(str(resolve(top, pattern)))):  # noqa: PTH207  # Path.glob refuses absolute patterns
            included = read_settings(read_text(Path(name)), file=name)
            found.extend(read_scrape_configs(included.sections("scrape_configs"), shared))
            included.done()
            included.raise_if_wrong()
    return tuple(found)


def _read_rules(top: Section, shared: Section) -> RulesSettings:
    own = top.section("rules")
    shared.text("scrape_failure_log_file", "")
    found = RulesSettings(
        files=tuple(str(resolve(top, pattern)) for pattern in top.texts("rule_files")),
        default_pack=own.boolean("default_pack", True),
        resend_delay_s=own.duration_s("resend_delay", RESEND_S),
        for_outage_tolerance_s=own.duration_s("for_outage_tolerance", OUTAGE_TOLERANCE_S),
        for_grace_period_s=own.duration_s("for_grace_period", FOR_GRACE_S),
        evaluation_interval_s=shared.duration_s("evaluation_interval", EVALUATION_INTERVAL_S),
        query_offset_s=shared.duration_s("rule_query_offset", 0.0),
        external_labels=read_external_labels(shared),
    )
    own.done()
    return found


def _query_log_file(top: Section, shared: Section) -> Path | None:
    name = shared.text("query_log_file", "")
    return resolve(top, name) if name else None


def _with_prometheus(settings: Settings, path: Path) -> Settings:
    top = read_settings(read_text(path), file=str(path))
    shared = top.section("global")
    scrape_configs = _scrape_configs(top, shared)
    rules = _read_rules(top, shared)
    remotes = read_remote_writes(top.sections("remote_write"), beside=settings.forward.remotes)
    query_log_file = _query_log_file(top, shared)
    shared.done()
    receive = settings.receive
    if top.has("otlp"):
        receive = replace(receive, translation=read_translation(top.section("otlp")))
    warnings = []
    for name, reason in PROMETHEUS_UNUSED.items():
        if top.plain(name) is not None:
            warnings.append(f"{path}: section {name} has no effect: {reason}")
    top.done()
    top.raise_if_wrong()
    return replace(
        settings,
        files=(*settings.files, path),
        receive=receive,
        collect=replace(settings.collect, scrape_configs=(*settings.collect.scrape_configs, *scrape_configs)),
        forward=replace(
            settings.forward,
            remotes=(*settings.forward.remotes, *remotes),
            external_labels=rules.external_labels or settings.forward.external_labels,
        ),
        rules=replace(
            settings.rules,
            files=(*settings.rules.files, *rules.files),
            evaluation_interval_s=rules.evaluation_interval_s,
            query_offset_s=rules.query_offset_s,
            external_labels=rules.external_labels,
        ),
        queries=replace(settings.queries, subquery_step_ms=max(round(rules.evaluation_interval_s * MS_PER_S), 1)),
        query_log_file=query_log_file or settings.query_log_file,
        warnings=(*settings.warnings, *warnings),
    )


def _with_flags(settings: Settings, sources: Sources) -> Settings:
    storage, server = settings.storage, settings.server
    if sources.data is not None:
        storage = replace(storage, directory=sources.data)
    if sources.store is not None:
        storage = replace(storage, kind=_choice("--store", StoreKind, sources.store))
    if sources.listen is not None:
        server = _listen_at(server, sources.listen)
    if sources.admin_api:
        server = replace(server, has_admin_api=True)
    log_format = settings.log_format
    if sources.log_format is not None:
        log_format = _choice("--log-format", LogFormat, sources.log_format)
    directory = storage.directory.resolve()
    collect = settings.collect if sources.collect else _without_own(settings.collect)
    return replace(
        settings,
        storage=replace(storage, directory=directory),
        forward=replace(
            settings.forward, directory=directory / FORWARD_DIRECTORY if storage.kind is StoreKind.CHDB else None
        ),
        server=server,
        log_format=log_format,
        collect=collect,
        features=settings.features | features_of(sources.features),
        alerting=replace(settings.alerting, external_url=settings.alerting.external_url or server.external_url),
    )


def _listen_at(server: ServerSettings, text: str) -> ServerSettings:
    try:
        return replace(server, listen=parse_address(text), is_chosen=True)
    except ValueError as error:
        raise InvalidInputError(str(error), path="--listen") from error


def _choice(flag: str, kind: type[E], text: str) -> E:
    try:
        return kind(text)
    except ValueError:
        known = ", ".join(str(member.value) for member in kind)
        raise InvalidInputError(f"must be one of {known}, got {text!r}", path=flag) from None


def features_of(texts: Sequence[str]) -> frozenset[Feature]:
    """What `--enable-feature` names, as in Prometheus several at once with commas between them.

    Raises:
        InvalidInputError: there is no such feature.
    """
    try:
        return frozenset(feature_of(name.strip()) for text in texts for name in text.split(",") if name.strip())
    except ValueError as error:
        raise InvalidInputError(str(error), path="--enable-feature") from error


def _without_own(collect: CollectOptions) -> CollectOptions:
    """Scrape what is configured and nothing of this machine: what `--no-collect` asks for."""
    return replace(
        collect,
        host=replace(collect.host, enabled=False),
        process=replace(collect.process, enabled=False),
        journal=replace(collect.journal, enabled=False),
        itself=replace(collect.itself, enabled=False),
    )
