"""The tree of settings: everything that can be told to the server, with its defaults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from anyascope.alerting.escalation.settings import EscalationSettings
from anyascope.alerting.heartbeat_settings import Heartbeat
from anyascope.alerting.settings import AlertingOptions
from anyascope.collect.options import CollectOptions
from anyascope.config.addresses import Address
from anyascope.config.packs import PacksSettings
from anyascope.custody.options import CustodyOptions
from anyascope.forward.options import ForwardOptions
from anyascope.ingest.options import AdmitOptions
from anyascope.model.labels import Labels
from anyascope.model.sdk import SdkSettings
from anyascope.model.secret import Secret, SecretFile
from anyascope.notify.settings import NotifySettings
from anyascope.notify.watchdog_settings import WatchdogOptions
from anyascope.promql.options import EngineOptions
from anyascope.promql.signatures import Feature
from anyascope.rules.options import FOR_GRACE_S, OUTAGE_TOLERANCE_S, RESEND_S
from anyascope.store.api.retention import RetentionPolicy
from anyascope.wire.otlp.translation import Translation

MAIN_PORT = 9470
OTLP_GRPC_PORT = 4317  # OpenTelemetry's own
OTLP_HTTP_PORT = 4318
RESERVE_BYTES = 1024**3  # room for the engine's merges and for somebody to log in and clean up
STORE_MEMORY_BYTES = 2 * 1024**3  # the cap of the engine's queries and merges together; an idle server uses a tenth
EVALUATION_INTERVAL_S = 60.0  # Prometheus' default
DATA_DIRECTORY = Path("data")
SIGNALS = ("metrics", "logs", "traces")


class LogFormat(Enum):
    """How the server writes its own log lines."""

    JSON = "json"
    TEXT = "text"


class LogLevel(Enum):
    """The least level that is written."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class StoreKind(Enum):
    """Where telemetry is kept."""

    CHDB = "chdb"
    MEMORY = "memory"


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """A certificate chain and its key, in PEM."""

    cert_file: Path
    key_file: Path


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """The main address.

    Attributes:
        listen: where; `is_chosen` says whether a person chose it. The default gives way to the next free port.
        hosts: names that requests may ask for, beside loopback's and IP addresses.
        external_url: where people reach the server, for links in messages; empty means the main address.
        cors_origin: a regular expression of origins whose pages may ask Prometheus' API; empty for none.
        has_admin_api: whether series may be deleted and snapshots made through Prometheus' API.
    """

    listen: Address = Address("127.0.0.1", MAIN_PORT)
    is_chosen: bool = False
    tls: TlsFiles | None = None
    hosts: tuple[str, ...] = ()
    external_url: str = ""
    cors_origin: str = ""
    has_admin_api: bool = False


@dataclass(frozen=True, slots=True)
class ReceiveSettings:
    """The OTLP ports beside the main one, None is off; and how OTLP metrics become series."""

    otlp_grpc: Address | None = Address("127.0.0.1", OTLP_GRPC_PORT)
    otlp_http: Address | None = Address("127.0.0.1", OTLP_HTTP_PORT)
    translation: Translation = field(default_factory=Translation)


@dataclass(frozen=True, slots=True)
class StorageSettings:
    """Where data lies and what it may take.

    Attributes:
        documents: the PostgreSQL database of control state; None keeps it in a file of the directory.
    """

    directory: Path = DATA_DIRECTORY
    kind: StoreKind = StoreKind.CHDB
    reserve_bytes: int = RESERVE_BYTES
    memory_bytes_max: int = STORE_MEMORY_BYTES
    documents: Secret | None = None


@dataclass(frozen=True, slots=True)
class RulesSettings:
    """Which rules are judged.

    Attributes:
        files: patterns of rule files, absolute.
        default_pack: whether the rules that come with the server are judged too.
        external_labels: go along with every alert, and into templates.
        resend_delay_s, for_outage_tolerance_s, for_grace_period_s: as Prometheus' flags `--rules.alert.…`.
    """

    files: tuple[str, ...] = ()
    default_pack: bool = True
    resend_delay_s: float = RESEND_S
    for_outage_tolerance_s: float = OUTAGE_TOLERANCE_S
    for_grace_period_s: float = FOR_GRACE_S
    evaluation_interval_s: float = EVALUATION_INTERVAL_S
    query_offset_s: float = 0.0
    external_labels: Labels = ()


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything.

    Attributes:
        file: the main configuration file; None where there is none.
        files: every configuration file that was read, the main one first.
        token_files: one token a file; any of them opens every door.
        features: what of PromQL is off by default and on here.
        queries: how PromQL is evaluated, and what a query may take.
        query_log_file: where queries are written down; None writes none.
        admit: what is let in; `limits` sets how many series.
        sdk: what services that use an SDK are asked to do.
        warnings: what was read and has no effect here, one sentence each.
    """

    file: Path | None = None
    files: tuple[Path, ...] = ()
    server: ServerSettings = field(default_factory=ServerSettings)
    receive: ReceiveSettings = field(default_factory=ReceiveSettings)
    token_files: tuple[SecretFile, ...] = ()
    storage: StorageSettings = field(default_factory=StorageSettings)
    admit: AdmitOptions = field(default_factory=AdmitOptions)
    retention: Mapping[str, RetentionPolicy] = field(
        default_factory=lambda: {signal: RetentionPolicy() for signal in SIGNALS}
    )
    collect: CollectOptions = field(default_factory=CollectOptions)
    rules: RulesSettings = field(default_factory=RulesSettings)
    packs: PacksSettings = field(default_factory=PacksSettings)
    features: frozenset[Feature] = frozenset()
    forward: ForwardOptions = field(default_factory=ForwardOptions)
    alerting: AlertingOptions = field(default_factory=AlertingOptions)
    escalation: EscalationSettings = field(default_factory=EscalationSettings)
    notify: NotifySettings = field(default_factory=NotifySettings)
    heartbeats: tuple[Heartbeat, ...] = ()
    watchdog: WatchdogOptions = field(default_factory=WatchdogOptions)
    custody: CustodyOptions = field(default_factory=CustodyOptions)
    queries: EngineOptions = field(default_factory=EngineOptions)
    query_log_file: Path | None = None
    sdk: SdkSettings = field(default_factory=SdkSettings)
    log_format: LogFormat = LogFormat.JSON
    log_level: LogLevel = LogLevel.INFO
    warnings: tuple[str, ...] = ()
