"""What is scraped, and how: Prometheus' `scrape_config` as values."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from anyascope.model.http import HttpOptions
from anyascope.model.labels import Labels
from anyascope.wire.exposition.lines import Format
from anyascope.wire.relabel import RelabelRule

SCRAPE_INTERVAL_S = 60.0  # Prometheus' default
SCRAPE_TIMEOUT_S = 10.0  # Prometheus' default
FILE_SD_REFRESH_S = 300.0  # Prometheus' default; a change is seen earlier, by the file's time
HTTP_SD_REFRESH_S = 60.0  # Prometheus' default
DNS_SD_REFRESH_S = 30.0  # Prometheus' default
BODY_BYTES_MAX = 256 * 1024 * 1024  # where no body_size_limit is set: 2.5 million lines, more than any interval allows


@dataclass(frozen=True, slots=True)
class TargetGroup:
    """Targets that were found together. `source` tells one group from another; labels are as discovered."""

    source: str
    targets: tuple[Labels, ...]
    labels: Labels = ()


@dataclass(frozen=True, slots=True)
class FileDiscovery:
    """Files of target groups, by name or pattern; relative ones are seen from the settings file's folder."""

    files: tuple[str, ...]
    folder: Path
    refresh_interval_s: float = FILE_SD_REFRESH_S


@dataclass(frozen=True, slots=True)
class HttpDiscovery:
    """An address that answers with target groups."""

    url: str
    http: HttpOptions = field(default_factory=HttpOptions)
    refresh_interval_s: float = HTTP_SD_REFRESH_S


class RecordType(Enum):
    """Which records of a name are asked for."""

    SRV = "SRV"
    A = "A"
    AAAA = "AAAA"
    MX = "MX"
    NS = "NS"


@dataclass(frozen=True, slots=True)
class DnsDiscovery:
    """Names whose records are targets. `port` belongs to all records but SRV, which bring their own."""

    names: tuple[str, ...]
    type: RecordType = RecordType.SRV
    port: int = 0
    refresh_interval_s: float = DNS_SD_REFRESH_S


@dataclass(frozen=True, slots=True)
class ScrapeLimits:
    """What one scrape may bring; 0 is no limit. A scrape past one of them counts as failed, as upstream has it.

    Attributes:
        native_bucket_limit: buckets of a native histogram; neighbours are merged until it holds.
        native_schema_max: the finest resolution that native histograms keep; None where their own is kept.
    """

    sample_limit: int = 0
    label_limit: int = 0
    label_name_length_limit: int = 0
    label_value_length_limit: int = 0
    target_limit: int = 0
    body_bytes_max: int = BODY_BYTES_MAX
    native_bucket_limit: int = 0
    native_schema_max: int | None = None


class NameScheme(Enum):
    """Which metric and label names are legal."""

    UTF8 = "utf8"
    LEGACY = "legacy"


class Escaping(Enum):
    """What a target is asked to do with names outside the legacy alphabet."""

    ALLOW_UTF8 = "allow-utf-8"
    UNDERSCORES = "underscores"
    DOTS = "dots"
    VALUES = "values"


class ScrapeProtocol(Enum):
    """Formats to ask for, in Prometheus' names."""

    PROTOBUF = "PrometheusProto"
    OPENMETRICS_1_0 = "OpenMetricsText1.0.0"
    OPENMETRICS_0_0_1 = "OpenMetricsText0.0.1"
    TEXT_1_0 = "PrometheusText1.0.0"
    TEXT_0_0_4 = "PrometheusText0.0.4"

    @property
    def form(self) -> Format:
        """The format that it stands for."""
        if self is ScrapeProtocol.PROTOBUF:
            return Format.PROTOBUF
        is_open = self in (ScrapeProtocol.OPENMETRICS_1_0, ScrapeProtocol.OPENMETRICS_0_0_1)
        return Format.OPENMETRICS if is_open else Format.TEXT


PROTOCOLS_DEFAULT = (
    ScrapeProtocol.OPENMETRICS_1_0,
    ScrapeProtocol.OPENMETRICS_0_0_1,
    ScrapeProtocol.TEXT_1_0,
    ScrapeProtocol.TEXT_0_0_4,
)


PROTOCOLS_WITH_NATIVES = (ScrapeProtocol.PROTOBUF, *PROTOCOLS_DEFAULT)  # native histograms travel in protobuf only


@dataclass(frozen=True, slots=True)
class ScrapeConfig:
    """One job.

    Attributes:
        has_natives: whether native histograms are taken; where not, their classic buckets are.
        always_classics: whether classic buckets are taken beside native histograms.
        converts_classics: whether classic histograms become native ones with custom buckets.
        has_extra_metrics: whether a scrape writes its timeout, sample limit and body size too.
        failure_log: where failed scrapes are written down; None for nowhere.
        dropped_kept: how many dropped targets are remembered; 0 for all.
    """

    job_name: str
    scrape_interval_s: float = SCRAPE_INTERVAL_S
    scrape_timeout_s: float = SCRAPE_TIMEOUT_S
    metrics_path: str = "/metrics"
    scheme: str = "http"
    params: tuple[tuple[str, tuple[str, ...]], ...] = ()
    honor_labels: bool = False
    honor_timestamps: bool = True
    track_timestamps_staleness: bool = False
    enable_compression: bool = True
    http: HttpOptions = field(default_factory=HttpOptions)
    static: tuple[TargetGroup, ...] = ()
    files: tuple[FileDiscovery, ...] = ()
    urls: tuple[HttpDiscovery, ...] = ()
    names: tuple[DnsDiscovery, ...] = ()
    relabel_rules: tuple[RelabelRule, ...] = ()
    metric_relabel_rules: tuple[RelabelRule, ...] = ()
    limits: ScrapeLimits = field(default_factory=ScrapeLimits)
    protocols: tuple[ScrapeProtocol, ...] = PROTOCOLS_DEFAULT
    fallback_protocol: ScrapeProtocol | None = None
    name_scheme: NameScheme = NameScheme.UTF8
    escaping: Escaping = Escaping.ALLOW_UTF8
    has_natives: bool = False
    always_classics: bool = False
    converts_classics: bool = False
    has_extra_metrics: bool = False
    failure_log: Path | None = None
    dropped_kept: int = 0
