"""Load, pressure, file handles, entropy, and what this machine is."""

from __future__ import annotations

import os
import re
import shlex

from anyascope.collect.collectors.host.files import HostFiles, NoDataError, read_text
from anyascope.collect.points import Family, counter, gauge

_US_PER_S = 1e6
_VERSION = re.compile(r"[0-9]+\.?[0-9]*")
_OS_LABELS = (
    "build_id",
    "id",
    "id_like",
    "image_id",
    "image_version",
    "name",
    "pretty_name",
    "variant",
    "variant_id",
    "version",
    "version_codename",
    "version_id",
)

_PRESSURE = (
    ("cpu", "some", "node_pressure_cpu_waiting_seconds_total", "Seconds that some task waited for a processor."),
    ("io", "some", "node_pressure_io_waiting_seconds_total", "Seconds that some task waited for input or output."),
    ("io", "full", "node_pressure_io_stalled_seconds_total", "Seconds that all tasks waited for input or output."),
    ("memory", "some", "node_pressure_memory_waiting_seconds_total", "Seconds that some task waited for memory."),
    ("memory", "full", "node_pressure_memory_stalled_seconds_total", "Seconds that all tasks waited for memory."),
    ("irq", "full", "node_pressure_irq_stalled_seconds_total", "Seconds that all tasks waited for interrupts."),
)


def parse_loadavg(text: str) -> list[Family]:
    """Load over 1, 5 and 15 minutes.

    Source: proc(5), /proc/loadavg.
    """
    values = text.split()
    return [
        gauge(f"node_load{minutes}", f"Load average of {minutes} minutes.", float(value))
        for minutes, value in zip((1, 5, 15), values, strict=False)
    ]


def parse_pressure(text: str) -> dict[str, float]:
    """`some` and `full` -> seconds, from a file of /proc/pressure.

    Source: the kernel's Documentation/accounting/psi.
    """
    found: dict[str, float] = {}
    for line in text.splitlines():
        kind, *fields = line.split()
        total = dict(field.partition("=")[::2] for field in fields).get("total")
        if total is not None:
            found[kind] = int(total) / _US_PER_S
    return found


def read_pressure(files: HostFiles) -> list[Family]:
    """Stalls for want of processor, input and output, memory and interrupts."""
    read: dict[str, dict[str, float]] = {}
    for resource in ("cpu", "io", "memory", "irq"):
        try:
            read[resource] = parse_pressure(files.proc(f"pressure/{resource}"))
        except NoDataError:
            if resource != "irq":  # younger than the others
                raise
    return [
        counter(name, text, read[resource][kind])
        for resource, kind, name, text in _PRESSURE
        if kind in read.get(resource, {})
    ]


def parse_file_nr(text: str) -> list[Family]:
    """Open file handles and how many there may be.

    Source: proc(5), /proc/sys/fs/file-nr.
    """
    allocated, _, maximum = text.split()
    return [
        gauge("node_filefd_allocated", "File handles in use.", float(allocated)),
        gauge("node_filefd_maximum", "File handles that there may be.", float(maximum)),
    ]


def read_entropy(files: HostFiles) -> list[Family]:
    """Randomness at hand."""
    return [
        gauge(
            "node_entropy_available_bits",
            "Bits of entropy at hand.",
            float(files.proc("sys/kernel/random/entropy_avail")),
        ),
        gauge("node_entropy_pool_size_bits", "Bits of the pool.", float(files.proc("sys/kernel/random/poolsize"))),
    ]


def read_hung_tasks(files: HostFiles) -> list[Family]:
    """Tasks that hung."""
    value = float(files.proc("sys/kernel/hung_task_detect_count"))
    return [counter("node_kernel_hung_tasks_total", "Tasks found hung since the machine booted.", value)]


def read_uname(files: HostFiles) -> list[Family]:
    """What kernel runs on what machine."""
    found = os.uname()
    return [
        gauge(
            "node_uname_info",
            "What uname tells; the value is 1.",
            1.0,
            ("sysname", found.sysname),
            ("release", found.release),
            ("version", found.version),
            ("machine", found.machine),
            ("nodename", found.nodename),
            ("domainname", files.proc("sys/kernel/domainname").strip()),
        )
    ]


def parse_os_release(text: str) -> dict[str, str]:
    """The fields of an os-release file, names in lower case.

    Source: os-release(5).
    """
    found: dict[str, str] = {}
    for line in text.splitlines():
        name, sign, value = line.strip().partition("=")
        if sign and not name.startswith("#"):
            try:
                found[name.lower()] = "".join(shlex.split(value))
            except ValueError:
                continue  # quotes that do not close; the other fields are still good
    return found


def os_families(fields: dict[str, str]) -> list[Family]:
    """What the distribution is."""
    labels = ((name, fields.get(name, "")) for name in _OS_LABELS)
    families = [gauge("node_os_info", "What distribution this is; the value is 1.", 1.0, *labels)]
    version = _VERSION.match(fields.get("version_id", ""))
    if version is not None:
        own = ((name, fields.get(name, "")) for name in ("id", "id_like", "name"))
        families.append(gauge("node_os_version", "Version of the distribution.", float(version.group()), *own))
    return families


def read_os(files: HostFiles) -> list[Family]:
    """What distribution this is."""
    for name in ("etc/os-release", "usr/lib/os-release"):
        try:
            return os_families(parse_os_release(read_text(f"{files.rootfs}/{name}")))
        except NoDataError:
            continue
    raise NoDataError("no os-release file")


def selinux_family(files: HostFiles) -> list[Family]:
    """Whether SELinux is on."""
    is_on = os.path.isdir(f"{files.sysfs}/fs/selinux/booleans")  # noqa: PTH112  # a third of the time
    return [gauge("node_selinux_enabled", "Whether SELinux is on.", float(is_on))]
