"""Disks and file systems."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from anyascope.collect.collectors.host.files import HostFiles, NoDataError, read_text
from anyascope.collect.points import Family
from anyascope.model.metrics import MetricType

# node_exporter's defaults: partitions, memory and loop devices are left out.
DEVICES_LEFT_OUT = re.compile(r"(z?ram|loop|fd|(h|s|v|xv)d[a-z]|nvme\d+n\d+p)\d+")
MOUNTS_LEFT_OUT = re.compile(r"/(dev|proc|run|sys|mnt|media|var/lib/docker/.+|var/lib/containers/storage/.+)($|/)")
TYPES_LEFT_OUT = frozenset(
    [
        "autofs",
        "binfmt_misc",
        "bpf",
        "cgroup",
        "cgroup2",
        "configfs",
        "debugfs",
        "devpts",
        "devtmpfs",
        "fusectl",
        "hugetlbfs",
        "iso9660",
        "mqueue",
        "nsfs",
        "overlay",
        "proc",
        "procfs",
        "pstore",
        "rpc_pipefs",
        "securityfs",
        "selinuxfs",
        "squashfs",
        "erofs",
        "sysfs",
        "tracefs",
    ]
)
# Types whose server may be gone: asking one of them can block for ever, so it is asked in a thread of its own.
REMOTE_TYPES = re.compile(r"(nfs|cifs|smb|fuse|9p|ceph|glusterfs|afs|lustre|ocfs|gfs|sshfs|davfs|virtiofs).*")
REMOTE_TIMEOUT_S = 2.0  # a healthy server answers within a round trip

SECTOR_BYTES = 512.0  # the kernel's unit in diskstats, whatever the disk's own
_MS_PER_S = 1000.0
_UDEV_PREFIX = "E:"

_DISK_FIELDS: tuple[tuple[str, MetricType, float, str], ...] = (
    ("reads_completed_total", MetricType.COUNTER, 1.0, "Reads completed."),
    ("reads_merged_total", MetricType.COUNTER, 1.0, "Reads merged."),
    ("read_bytes_total", MetricType.COUNTER, SECTOR_BYTES, "Bytes read."),
    ("read_time_seconds_total", MetricType.COUNTER, 1 / _MS_PER_S, "Seconds spent by all reads."),
    ("writes_completed_total", MetricType.COUNTER, 1.0, "Writes completed."),
    ("writes_merged_total", MetricType.COUNTER, 1.0, "Writes merged."),
    ("written_bytes_total", MetricType.COUNTER, SECTOR_BYTES, "Bytes written."),
    ("write_time_seconds_total", MetricType.COUNTER, 1 / _MS_PER_S, "Seconds spent by all writes."),
    ("io_now", MetricType.GAUGE, 1.0, "Requests in progress."),
    ("io_time_seconds_total", MetricType.COUNTER, 1 / _MS_PER_S, "Seconds with a request in progress."),
    ("io_time_weighted_seconds_total", MetricType.COUNTER, 1 / _MS_PER_S, "The same, weighted by their number."),
    ("discards_completed_total", MetricType.COUNTER, 1.0, "Discards completed."),
    ("discards_merged_total", MetricType.COUNTER, 1.0, "Discards merged."),
    ("discarded_sectors_total", MetricType.COUNTER, 1.0, "Sectors discarded."),
    ("discard_time_seconds_total", MetricType.COUNTER, 1 / _MS_PER_S, "Seconds spent by all discards."),
    ("flush_requests_total", MetricType.COUNTER, 1.0, "Flush requests completed."),
    ("flush_requests_time_seconds_total", MetricType.COUNTER, 1 / _MS_PER_S, "Seconds spent by all flush requests."),
)


@dataclass(frozen=True, slots=True)
class DiskProperties:
    """What a disk is: its udev properties, and whether it turns."""

    udev: dict[str, str] = field(default_factory=dict)
    rotational: str = "0"


def parse_diskstats(text: str, *, properties: Callable[[str, str, str], DiskProperties]) -> list[Family]:
    """Counters of each disk; `properties` gives what (device, major, minor) is.

    Source: the kernel's Documentation/admin-guide/iostats.
    """
    families = [Family(f"node_disk_{name}", kind, text) for name, kind, _, text in _DISK_FIELDS]
    info = Family("node_disk_info", MetricType.GAUGE, "What each disk is; the value is 1.")
    systems = Family("node_disk_filesystem_info", MetricType.GAUGE, "Which file system a disk holds; the value is 1.")
    mapped = Family("node_disk_device_mapper_info", MetricType.GAUGE, "Which volume a device is; the value is 1.")
    for line in text.splitlines():
        parts = line.split()
        if len(parts) < 4 or DEVICES_LEFT_OUT.fullmatch(parts[2]):
            continue
        major, minor, device = parts[:3]
        name = ("device", device)
        for family, (_, _, factor, _), value in zip(families, _DISK_FIELDS, parts[3:], strict=False):
            # Divided, not multiplied by a thousandth: the result is then the nearest number to what was counted.
            family.add(int(value) / _MS_PER_S if factor == 1 / _MS_PER_S else int(value) * factor, name)
        found = properties(device, major, minor)
        _add_disk_info(info, found, (name, ("major", major), ("minor", minor)))
        _add_udev(systems, found.udev, name, _SYSTEM_LABELS)
        _add_udev(mapped, found.udev, name, _MAPPER_LABELS)
    return [*families, info, systems, mapped]


_SYSTEM_LABELS = (
    ("type", "ID_FS_TYPE"),
    ("usage", "ID_FS_USAGE"),
    ("uuid", "ID_FS_UUID"),
    ("version", "ID_FS_VERSION"),
)
_MAPPER_LABELS = (
    ("name", "DM_NAME"),
    ("uuid", "DM_UUID"),
    ("vg_name", "DM_VG_NAME"),
    ("lv_name", "DM_LV_NAME"),
    ("lv_layer", "DM_LV_LAYER"),
)


def _add_disk_info(family: Family, found: DiskProperties, own: tuple[tuple[str, str], ...]) -> None:
    udev = found.udev
    serial = udev.get("SCSI_IDENT_SERIAL") or udev.get("ID_SERIAL_SHORT") or udev.get("ID_SERIAL") or ""
    family.add(
        1.0,
        *own,
        ("path", udev.get("ID_PATH", "")),
        ("wwn", udev.get("ID_WWN", "")),
        ("model", udev.get("ID_MODEL", "")),
        ("serial", serial),
        ("revision", udev.get("ID_REVISION", "")),
        ("rotational", found.rotational),
    )


def _add_udev(
    family: Family, udev: dict[str, str], device: tuple[str, str], labels: tuple[tuple[str, str], ...]
) -> None:
    """A point with these properties as labels, where the device has the first one."""
    if udev.get(labels[0][1]):
        family.add(1.0, device, *((label, udev.get(name, "")) for label, name in labels))


def parse_udev(text: str) -> dict[str, str]:
    """The properties that udev keeps of a device."""
    pairs = (line[len(_UDEV_PREFIX) :].partition("=") for line in text.splitlines() if line.startswith(_UDEV_PREFIX))
    return {name: value for name, _, value in pairs}


def read_diskstats(files: HostFiles) -> list[Family]:
    """The disks of this machine."""

    def properties(device: str, major: str, minor: str) -> DiskProperties:
        try:
            udev = parse_udev(read_text(f"{files.rootfs}/run/udev/data/b{major}:{minor}"))
        except NoDataError:
            udev = {}  # no udev here, as in containers
        rotational = files.sys_or_none(f"block/{device}/queue/rotational")
        return DiskProperties(udev, rotational or "0")

    return parse_diskstats(files.proc("diskstats"), properties=properties)


@dataclass(frozen=True, slots=True)
class Mount:
    """One line of mountinfo."""

    device: str
    mountpoint: str
    fstype: str
    major: str
    minor: str
    is_readonly: bool


def parse_mountinfo(text: str) -> list[Mount]:
    """All mounts, each place once.

    Source: proc(5), /proc/pid/mountinfo.
    """
    found: dict[tuple[str, str, str], Mount] = {}
    for line in text.splitlines():
        left, _, right = line.partition(" - ")
        head, tail = left.split(), right.split()
        if len(head) < 6 or len(tail) < 2:
            continue
        major, _, minor = head[2].partition(":")
        options = {*head[5].split(","), *(tail[2].split(",") if len(tail) > 2 else ())}
        mount = Mount(_unescape(tail[1]), _unescape(head[4]), tail[0], major, minor, "ro" in options)
        found.setdefault((mount.device, mount.mountpoint, mount.fstype), mount)
    return list(found.values())


def _unescape(text: str) -> str:
    return _OCTAL.sub(lambda found: chr(int(found.group(1), 8)), text) if "\\" in text else text


_OCTAL = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True, slots=True)
class Space:
    """What statvfs tells of a file system, in bytes and in file nodes; or why it told nothing."""

    size: float = 0.0
    free: float = 0.0
    avail: float = 0.0
    files: float = 0.0
    files_free: float = 0.0
    error: str = ""


class SpaceReader:
    """Asks file systems for their space. A remote one that does not answer is not asked again before it did."""

    def __init__(self) -> None:
        self._stuck: dict[str, threading.Thread] = {}

    def space(self, path: str, *, is_remote: bool) -> Space:
        """The space of the file system at `path`; its `error` says what went wrong."""
        if not is_remote:
            return _ask(path)
        stuck = self._stuck.get(path)
        if stuck is not None and stuck.is_alive():
            return Space(error=STUCK)
        answer: list[Space] = []
        thread = threading.Thread(target=lambda: answer.append(_ask(path)), name="statvfs", daemon=True)
        thread.start()
        thread.join(REMOTE_TIMEOUT_S)
        if answer:
            self._stuck.pop(path, None)
            return answer[0]
        self._stuck[path] = thread
        return Space(error=STUCK)


STUCK = "mountpoint timeout"


def _ask(path: str) -> Space:
    try:
        found = os.statvfs(path)
    except OSError as error:
        return Space(error=(error.strerror or str(error)).lower())
    unit = found.f_frsize
    return Space(
        float(found.f_blocks * unit),
        float(found.f_bfree * unit),
        float(found.f_bavail * unit),
        float(found.f_files),
        float(found.f_ffree),
    )


_SPACE_FIELDS = (
    ("size_bytes", "size", "Size of the file system."),
    ("free_bytes", "free", "Free space."),
    ("avail_bytes", "avail", "Free space that users other than root may fill."),
    ("files", "files", "File nodes."),
    ("files_free", "files_free", "Free file nodes."),
)


def read_filesystems(files: HostFiles, reader: SpaceReader) -> list[Family]:
    """Space of each file system that holds data, by node_exporter's default selection."""
    try:
        text = files.proc("1/mountinfo")
    except NoDataError:
        text = files.proc("self/mountinfo")
    families = [Family(f"node_filesystem_{name}", MetricType.GAUGE, text) for name, _, text in _SPACE_FIELDS]
    readonly = Family("node_filesystem_readonly", MetricType.GAUGE, "Whether the file system is mounted read-only.")
    errors = Family("node_filesystem_device_error", MetricType.GAUGE, "Whether its space could not be asked for.")
    info = Family("node_filesystem_mount_info", MetricType.GAUGE, "What is mounted where; the value is 1.")
    root = str(files.rootfs).rstrip("/")
    for mount in parse_mountinfo(text):
        place = mount.mountpoint.removeprefix(root) or "/"
        if MOUNTS_LEFT_OUT.match(place) or mount.fstype in TYPES_LEFT_OUT:
            continue
        space = reader.space(f"{root}{place}" or "/", is_remote=REMOTE_TYPES.fullmatch(mount.fstype) is not None)
        labels = (
            ("device", mount.device),
            ("mountpoint", place),
            ("fstype", mount.fstype),
            ("device_error", space.error),
        )
        readonly.add(float(mount.is_readonly), *labels)
        errors.add(float(bool(space.error)), *labels)
        info.add(1.0, *labels[:2], ("major", mount.major), ("minor", mount.minor))
        if not space.error:
            for family, (_, field_name, _) in zip(families, _SPACE_FIELDS, strict=True):
                family.add(getattr(space, field_name), *labels)
    return [*families, readonly, errors, info]
