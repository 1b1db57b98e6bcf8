"""Where samples are sent on to, and how patiently: Prometheus' `remote_write` as values."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from anyascope.model.http import HttpOptions
from anyascope.model.labels import Labels
from anyascope.model.secret import Secret
from anyascope.wire.relabel import RelabelRule

# Prometheus' defaults.
REMOTE_TIMEOUT_S = 30.0
CAPACITY = 10_000
MAX_SHARDS = 50
MIN_SHARDS = 1
MAX_SAMPLES_PER_SEND = 2_000
BATCH_SEND_DEADLINE_S = 5.0
MIN_BACKOFF_S = 0.03
MAX_BACKOFF_S = 5.0
METADATA_INTERVAL_S = 60.0

LANES = 256  # parts of all series that are sent in order, each with its own place; no more shards than lanes are of use
_FILE_NAME = re.compile(r"[^A-Za-z0-9_.-]")
NAME_HEX = 6  # digits of a name that nobody chose, as upstream
SPOOL_BYTES = 4 * 1024**3  # of unsent samples, some 20 bytes each: 3 days of 10,000 series each 15 s


class Protobuf(Enum):
    """The message that is sent; the values are Prometheus'."""

    V1 = "prometheus.WriteRequest"
    V2 = "io.prometheus.write.v2.Request"


@dataclass(frozen=True, slots=True)
class QueueOptions:
    """`queue_config`.

    Attributes:
        capacity: samples that wait in memory, a shard.
        sample_age_limit_s: older samples are dropped unsent; 0 is no limit.
    """

    capacity: int = CAPACITY
    max_shards: int = MAX_SHARDS
    min_shards: int = MIN_SHARDS
    max_samples_per_send: int = MAX_SAMPLES_PER_SEND
    batch_send_deadline_s: float = BATCH_SEND_DEADLINE_S
    min_backoff_s: float = MIN_BACKOFF_S
    max_backoff_s: float = MAX_BACKOFF_S
    retry_on_http_429: bool = False
    sample_age_limit_s: float = 0.0


@dataclass(frozen=True, slots=True)
class MetadataOptions:
    """`metadata_config`."""

    send: bool = True
    send_interval_s: float = METADATA_INTERVAL_S
    max_samples_per_send: int = MAX_SAMPLES_PER_SEND


@dataclass(frozen=True, slots=True)
class RemoteWrite:
    """One entry of `remote_write`.

    Attributes:
        name: as people call it; tells its place in the log from others', so that it must not change.
        url: where to; may hold a password or a token, see `shown_url`.
    """

    name: str
    url: Secret
    shown_url: str
    protobuf: Protobuf = Protobuf.V1
    remote_timeout_s: float = REMOTE_TIMEOUT_S
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    write_relabel_rules: tuple[RelabelRule, ...] = ()
    send_exemplars: bool = False
    send_native_histograms: bool = False
    http: HttpOptions = field(default_factory=HttpOptions)
    queue: QueueOptions = field(default_factory=QueueOptions)
    metadata: MetadataOptions = field(default_factory=MetadataOptions)


@dataclass(frozen=True, slots=True)
class ForwardOptions:
    """Everything that is sent on.

    Attributes:
        remotes: where to; their names are distinct.
        external_labels: added to every series that does not bear a label of that name.
        spool_bytes_max: how much may wait for far ends that are away; the oldest gives way.
        directory: where each far end's place in the log is kept; None where nothing lies on a disk.
    """

    remotes: tuple[RemoteWrite, ...] = ()
    external_labels: Labels = ()
    spool_bytes_max: int = SPOOL_BYTES
    directory: Path | None = None


def name_of(url: str, place: int) -> str:
    """The name of an entry that has none: the same as long as its address is, whatever else is changed.

    Args:
        place: which of the entries with this address it is, from 0.
    """
    text = url if not place else f"{url}#{place}"
    return hashlib.sha256(text.encode()).hexdigest()[:NAME_HEX]


def file_name(name: str) -> str:
    """A name that a file may have; distinct names stay so."""
    safe = _FILE_NAME.sub("_", name)
    return safe if safe == name and not safe.startswith(".") else f"{safe}-{name_of(name, 0)}"
