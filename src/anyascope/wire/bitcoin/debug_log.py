"""Lines of a node's debug.log, taken apart.

Source: Bitcoin Core `src/logging.cpp`, `src/validation.cpp`, `src/httprpc.cpp`, `src/httpserver.cpp`: time, then as far as asked for `[thread]`, `[file:line]` and `[function]`, then `[category]`
(its level is debug), `[category:level]` or `[level]`, then the text. Wallets begin their text with their own name in brackets.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass

from anyascope.model.logs import Severity

_CATEGORIES = (
    "all|addrman|bench|blockstorage|cmpctblock|coindb|estimatefee|http|i2p|ipc|kernel|leveldb|libevent|lock|mempool|mempoolrej|net|"
    "netgroup|proxy|prune|qt|rand|reindex|rpc|scan|selectcoins|stats|tor|txpackages|txreconciliation|util|validation|walletdb|zmq"
)
# What lines tell of that no RPC does; a number in the line says how often. Those of the mempool are written with `debug=mempool`.
_EVENTS: Mapping[str, re.Pattern[str]] = {
    "mempool_expired": re.compile(r"Expired (?P<count>\d{1,9}) transactions from the memory pool"),
    "mempool_evicted": re.compile(r"Removed (?P<count>\d{1,9}) txn, rolling minimum fee bumped"),
    "mempool_replaced": re.compile(r"replacing (?:mempool )?tx [0-9a-f]{64}"),
    "rpc_unauthorized": re.compile(r"ThreadRPCServer incorrect password attempt"),
    "rpc_forbidden": re.compile(r"RPC User .{0,100} not allowed to call method"),
    "rpc_queue_full": re.compile(
        r"(?:WARNING: )?request rejected because http work queue depth exceeded", re.IGNORECASE
    ),
    "stale_tip": re.compile(r"Potential stale tip detected"),
}
EVENTS = tuple(_EVENTS)
_LINE = re.compile(
    r"(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?Z) (?:\(mocktime: [^)]{1,40}\) )?(?:\[\*\] )?"
    rf"(?:(?P<origin>(?:\[[^\]\n]{{1,200}}\] ){{0,3}}?)\[(?:(?P<category>{_CATEGORIES})(?::(?P<level>[a-z]+))?"
    r"|(?P<only>trace|debug|info|warning|error))\] )?(?P<text>.*)",
    re.DOTALL,
)
_SEVERITIES = {
    "trace": Severity.TRACE,
    "debug": Severity.DEBUG,
    "info": Severity.INFO,
    "warning": Severity.WARN,
    "error": Severity.ERROR,
}
_YEARS = range(1970, 2262)  # that 64 bits of nanoseconds hold whole
# Until version 27 the level of what is wrong stood in the text alone.
_MARKS = (("ERROR:", "error"), ("Error:", "error"), ("WARNING:", "warning"), ("Warning:", "warning"))


@dataclass(frozen=True, slots=True)
class DebugLine:
    """One line; `category` is empty of the node's ordinary words, `origin` what stood before it: thread, file, function."""

    text: str
    time_ns: int | None = None
    level: str = "info"
    category: str = ""
    origin: str = ""

    @property
    def severity(self) -> Severity:
        """The level as OpenTelemetry has it."""
        return _SEVERITIES[self.level]


def decode_line(line: str) -> DebugLine:
    """A line; one in another form, such as the rest of a text with line feeds, is all text and has no time."""
    found = _LINE.fullmatch(line)
    if found is None:
        return DebugLine(line)
    text, category = found["text"], found["category"] or ""
    level = found["level"] or found["only"] or ("debug" if category and category != "all" else "")
    if level not in _SEVERITIES:
        level = next((name for mark, name in _MARKS if text.startswith(mark)), "info")
    return DebugLine(
        text, _time_ns(found["time"]), level, "" if category == "all" else category, (found["origin"] or "").strip()
    )


def event_of(line: DebugLine) -> tuple[str, int] | None:
    """Which of `EVENTS` the line tells of, and how many of it; None of most lines."""
    for event, pattern in _EVENTS.items():
        found = pattern.match(line.text)
        if found is not None:
            return event, int(found.groupdict().get("count") or 1)
    return None


def _time_ns(text: str) -> int | None:
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.year not in _YEARS:
        return None
    return int(moment.timestamp()) * 1_000_000_000 + moment.microsecond * 1_000
