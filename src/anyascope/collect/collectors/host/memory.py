"""Memory, from /proc/meminfo and /proc/vmstat."""

from __future__ import annotations

import re

from anyascope.collect.points import Family
from anyascope.model.metrics import MetricType

_BYTES_PER_KB = 1024.0
_BRACKETS = re.compile(r"\((.*)\)")
_VMSTAT = re.compile(r"(oom_kill|pgpg|pswp|pg.*fault).*")  # node_exporter's default selection of 180 fields


def parse_meminfo(text: str) -> list[Family]:
    """Every field as a gauge; those in kB become bytes and say so.

    Source: proc(5), /proc/meminfo.
    """
    families: list[Family] = []
    for line in text.splitlines():
        key, _, rest = line.partition(":")
        parts = rest.split()
        if not parts:
            continue
        is_size = parts[1:] == ["kB"]
        field = _BRACKETS.sub(r"_\1", key) + ("_bytes" if is_size else "")
        value = float(parts[0]) * (_BYTES_PER_KB if is_size else 1.0)
        families.append(
            Family(f"node_memory_{field}", MetricType.GAUGE, f"Memory information field {field}.", [((), value)])
        )
    return families


def parse_vmstat(text: str) -> list[Family]:
    """Paging, swapping and kills for want of memory.

    Source: the kernel's mm/vmstat.c; the selection is node_exporter's.
    """
    found = (line.split() for line in text.splitlines())
    return [
        Family(
            f"node_vmstat_{parts[0]}",
            MetricType.UNKNOWN,
            f"Virtual memory statistics field {parts[0]}.",
            [((), float(parts[1]))],
        )
        for parts in found
        if len(parts) == 2 and _VMSTAT.fullmatch(parts[0])
    ]
