"""What `collect` can be told."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from anyascope.collect.hsm_options import HsmOptions
from anyascope.collect.scrape_config import ScrapeConfig
from anyascope.model.http import TlsOptions
from anyascope.model.secret import Secret

COLLECT_INTERVAL_S = 15.0  # as most Prometheus setups have it; a rule over 1 minute then sees four samples
CERTIFICATE_INTERVAL_S = 300.0  # certificates change by hand or once in weeks; a handshake every 5 minutes is unnoticed
BITCOIN_SETTLED_AFTER_S = 600.0  # a node that has just started has no peers yet, and a mempool to load
BITCOIN_MEMPOOL_EXPIRY_S = 336 * 3600.0  # Core's mempoolexpiry, which no RPC tells
BITCOIN_TIMEOUT_S = 10.0  # a node that writes its cache to disk answers within seconds
UNNAMED_WALLET_LABEL = "default"  # what the series of the wallet without a name carry as `wallet`
WALLET_NAME_CHARS_MAX = 128  # of a label's value; a path to a wallet is rarely longer


@dataclass(frozen=True, slots=True)
class HostOptions:
    """The host collector.

    Attributes:
        enabled: whether this machine is read.
        interval_s: seconds between two readings.
        job, instance: the labels of all its series; an empty instance is the host's name.
        procfs, sysfs: where the kernel's files are mounted.
        rootfs: where the host's root is mounted, as seen from a container; cut off from mount points.
    """

    enabled: bool = True
    interval_s: float = COLLECT_INTERVAL_S
    job: str = "node"
    instance: str = ""
    procfs: Path = Path("/proc")
    sysfs: Path = Path("/sys")
    rootfs: Path = Path("/")


@dataclass(frozen=True, slots=True)
class ProcessOptions:
    """The process collector: the server's own process, and others by the name of their program.

    Attributes:
        names: names of programs (`bitcoind`), as in `/proc/<pid>/comm`; processes of one name are added up.
    """

    enabled: bool = True
    interval_s: float = COLLECT_INTERVAL_S
    names: tuple[str, ...] = ()
    procfs: Path = Path("/proc")


@dataclass(frozen=True, slots=True)
class JournalOptions:
    """The host's own logs.

    Attributes:
        enabled: whether they become logs of ours.
        units: systemd units to read; all where empty.
        files: syslog files to read where there is no journal; the first that is readable counts.
    """

    enabled: bool = True
    units: tuple[str, ...] = ()
    files: tuple[Path, ...] = (Path("/var/log/syslog"), Path("/var/log/messages"))


@dataclass(frozen=True, slots=True)
class CertificateOptions:
    """Certificates whose expiry is watched.

    Attributes:
        files: PEM files.
        endpoints: `host:port` of TLS servers.
    """

    files: tuple[Path, ...] = ()
    endpoints: tuple[str, ...] = ()
    interval_s: float = CERTIFICATE_INTERVAL_S


@dataclass(frozen=True, slots=True)
class BitcoinNodeOptions:
    """One node of Bitcoin Core's family.

    Attributes:
        name: what its series carry as `node`.
        url: of its RPC; no wallet in the path.
        cookie_file: where the node writes its credentials at each start; None where `username` and `password` are given.
        chain: the chain that it must be on (`main`, `test`, `testnet4`, `signet`, `regtest`); any where empty.
        zmq: where its ZMQ messages are published; the node is asked where empty.
        debug_log: the node's log file, which becomes logs; not read where None.
        wallets: names of the wallets to watch (`""` is the one without a name); every loaded one where None.
        timeout_s: how long one call may take.
        block_spacing_s: from block to block, as the network aims at; None where its genesis block says it.
        settled_after_s: for so long after its start the node's own alarms are muted.
        mempool_expiry_s: age at which the node drops a transaction that no block took (`mempoolexpiry`).
    """

    name: str
    url: str
    cookie_file: Path | None = None
    username: str = ""
    password: Secret | None = None
    tls: TlsOptions = field(default_factory=TlsOptions)
    chain: str = ""
    zmq: str = ""
    debug_log: Path | None = None
    wallets: tuple[str, ...] | None = None
    interval_s: float = COLLECT_INTERVAL_S
    timeout_s: float = BITCOIN_TIMEOUT_S
    block_spacing_s: float | None = None
    settled_after_s: float = BITCOIN_SETTLED_AFTER_S
    mempool_expiry_s: float = BITCOIN_MEMPOOL_EXPIRY_S


def wallet_name_fault(name: str) -> str:
    """Why a wallet's name cannot be a label's value; empty where it can."""
    if len(name) > WALLET_NAME_CHARS_MAX:
        return f"a name of more than {WALLET_NAME_CHARS_MAX} characters is no label"
    return "" if name.isprintable() else "a name with control characters is no label"


@dataclass(frozen=True, slots=True)
class SelfOptions:
    """The server's own metrics, kept in itself."""

    enabled: bool = True
    interval_s: float = COLLECT_INTERVAL_S
    job: str = "anyascope"
    instance: str = ""


@dataclass(frozen=True, slots=True)
class CollectOptions:
    """Everything that `collect` does."""

    scrape_configs: tuple[ScrapeConfig, ...] = ()
    host: HostOptions = field(default_factory=HostOptions)
    process: ProcessOptions = field(default_factory=ProcessOptions)
    journal: JournalOptions = field(default_factory=JournalOptions)
    certificates: CertificateOptions = field(default_factory=CertificateOptions)
    bitcoin: tuple[BitcoinNodeOptions, ...] = ()
    itself: SelfOptions = field(default_factory=SelfOptions)
    hsms: tuple[HsmOptions, ...] = ()
