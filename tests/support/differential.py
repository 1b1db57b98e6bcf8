"""The same samples in Prometheus and in ours, the same questions to both, and how their answers differ."""

from __future__ import annotations

import json
import math
import re
import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import cramjam
import httpx

from anyascope.frames.histogram import NativeHistogram, ResetHint
from anyascope.model.labels import Labels
from anyascope.promql.script import Load, parse_script
from support.remote_write import field, varint

MIXED = "vector contains a mix of histograms"
DIGITS = 1e-9  # relative, as the issue has it: both round, in another order
GOLDEN = Path(__file__).parents[1] / "golden" / "promql"
SAMPLES = GOLDEN / "differential_samples.test"
QUERIES = GOLDEN / "differential_queries.txt"


@dataclass(frozen=True)
class Question:
    """A query of the file: `differs` names the upstream issue for which its answers may differ."""

    line: int
    query: str
    differs: str = ""


def questions() -> dict[str, list[Question]]:
    """The queries by section. Each stands on a line of its own; `# differs: …` speaks of the next one."""
    found: dict[str, list[Question]] = {}
    section = differs = ""
    for number, line in enumerate(QUERIES.read_text("utf-8").splitlines(), 1):
        if line.startswith("== "):
            section = line.removeprefix("== ")
        elif line.startswith("# differs: "):
            differs = line.removeprefix("# differs: ")
        elif line and not line.startswith("#"):
            found.setdefault(section, []).append(Question(number, line.replace("\\n", "\n"), differs))
            differs = ""
    return found


def write_bodies(end_ms: int) -> Iterator[bytes]:
    """The samples as remote write requests, the newest at `end_ms`, some series a request."""
    loads = [command for command in parse_script(SAMPLES.read_text("utf-8")) if isinstance(command, Load)]
    (load,) = loads
    last = max(len(row.items) for row in load.rows) - 1
    # In the order of labels, in which Prometheus then lists them: messages name the first two of a group.
    for row in sorted(load.rows, key=lambda row: row.labels):
        start_ms = end_ms - last * load.step_ms
        points = [(start_ms + index * load.step_ms, item) for index, item in enumerate(row.items) if item is not None]
        yield write_body([(row.labels, points)])


Points: TypeAlias = Sequence[tuple[int, float | NativeHistogram]]


def write_body(series: Iterable[tuple[Labels, Points]]) -> bytes:
    """Some series as a remote write request."""
    return bytes(cramjam.snappy.compress_raw(b"".join(field(1, _series(labels, points)) for labels, points in series)))


def _series(labels: Labels, points: Points) -> bytes:
    body = bytearray()
    for name, value in labels:
        body += field(1, field(1, name.encode()) + field(2, value.encode()))
    for time_ms, item in points:
        if isinstance(item, NativeHistogram):
            body += field(4, _histogram(item, time_ms))
        else:
            body += field(2, _double(1, item) + _integer(2, time_ms))
    return bytes(body)


def _histogram(item: NativeHistogram, time_ms: int) -> bytes:
    """A float histogram of `prometheus.Histogram`, by its published field numbers."""
    sample = item.sample((), time_ms)
    body = _double(2, sample.count) + _double(3, sample.sum) + _integer(4, _zigzag(sample.schema))
    body += _double(5, sample.zero_threshold) + _double(7, sample.zero_count)
    sides = (
        (8, 10, sample.negative_spans, sample.negative_counts),
        (11, 13, sample.positive_spans, sample.positive_counts),
    )
    for spans_at, counts_at, spans, counts in sides:
        for offset, length in spans:
            body += field(spans_at, _integer(1, _zigzag(offset)) + _integer(2, length))
        if counts:
            body += field(counts_at, b"".join(struct.pack("<d", count) for count in counts))
    body += _integer(14, 3 if item.hint is ResetHint.GAUGE else 0) + _integer(15, time_ms)
    if sample.custom_bounds:
        body += field(16, b"".join(struct.pack("<d", bound) for bound in sample.custom_bounds))
    return body


def _double(number: int, value: float) -> bytes:
    return varint(number << 3 | 1) + struct.pack("<d", value)


def _integer(number: int, value: int) -> bytes:
    return varint(number << 3) + varint(value)


def _zigzag(value: int) -> int:
    return value << 1 if value >= 0 else (-value << 1) - 1


def forms_of(query: str, end_ms: int) -> Iterator[tuple[str, dict[str, str]]]:
    """Path and parameters of each way in which a query is asked: at two times, and over a range that ends after the samples."""
    end_s = end_ms // 1000
    yield "query", {"query": query, "time": str(end_s)}
    yield "query", {"query": query, "time": f"{end_s - 707}.5"}
    yield "query_range", {"query": query, "start": str(end_s - 1790), "end": str(end_s + 400), "step": "47"}


def differences(
    query: str, ours: httpx.Client, theirs: httpx.Client, end_ms: int, *, are_messages_compared: bool = True
) -> list[str]:
    """How the answers to a query differ; empty where they do not."""
    found = []
    for path, parameters in forms_of(query, end_ms):
        mine = ours.post(f"/api/v1/{path}", data=parameters).json()
        other = theirs.post(f"/api/v1/{path}", data=parameters).json()
        is_range = path == "query_range"
        reasons = list(_compared(mine, other, query, are_messages_compared=are_messages_compared, is_range=is_range))
        if reasons:
            asked = {name: value for name, value in parameters.items() if name != "query"}
            found.append(f"{query!r} {path} {asked}: {'; '.join(reasons[:4])}")
    return found


def _compared(mine: dict, other: dict, query: str, *, are_messages_compared: bool, is_range: bool) -> Iterator[str]:
    if mine["status"] != other["status"] or mine.get("errorType") != other.get("errorType"):
        yield f"ours {_short(mine)}, theirs {_short(other)}"
        return
    if are_messages_compared:
        for key in ("error", "warnings", "infos"):
            left, right = (_told(each.get(key), is_range=is_range) for each in (mine, other))
            if _sorted(left) != _sorted(right):
                yield f"{key}: ours {left!r}, theirs {right!r}"
    if mine["status"] == "success":
        yield from _compared_data(mine["data"], other["data"], is_ordered=query.startswith("sort"))


def _told(notes: object, *, is_range: bool) -> object:
    """A message as it is compared.

    Which of several clashing series Prometheus names over a range, and which of those that do not add up it met last, is
    chance: it gathers an operation's series in a map and walks that in Go's order, which differs from run to run.
    """
    if is_range and isinstance(notes, list):
        return [re.sub(f'({MIXED}.* for metric name )"[^"]*"', r'\1"…"', note) for note in notes]
    if is_range and isinstance(notes, str) and notes.startswith("found duplicate series for the match group"):
        return re.sub(r"\{.*?\}", "{…}", notes)
    return notes


def _sorted(notes: object) -> object:
    return sorted(notes) if isinstance(notes, list) else notes


def _short(answer: dict) -> str:
    return json.dumps(answer, ensure_ascii=False)[:300]


def _compared_data(mine: dict, other: dict, *, is_ordered: bool) -> Iterator[str]:
    if mine["resultType"] != other["resultType"]:
        yield f"ours is a {mine['resultType']}, theirs a {other['resultType']}"
        return
    if mine["resultType"] in {"scalar", "string"}:
        if not _same_point(mine["result"], other["result"], is_text=mine["resultType"] == "string"):
            yield f"ours {mine['result']}, theirs {other['result']}"
        return
    left, right = ([json.dumps(row["metric"], sort_keys=True) for row in each["result"]] for each in (mine, other))
    if sorted(left) != sorted(right):
        only = [f"only ours {sorted(set(left) - set(right))}", f"only theirs {sorted(set(right) - set(left))}"]
        yield ", ".join(only)
        return
    if is_ordered and left != right:
        yield f"order: ours {left}, theirs {right}"
    theirs = dict(zip(right, other["result"], strict=True))
    for key, row in zip(left, mine["result"], strict=True):
        yield from _compared_row(key, row, theirs[key])


def _compared_row(key: str, mine: dict, other: dict) -> Iterator[str]:
    for one, many in (("value", "values"), ("histogram", "histograms")):
        left = mine.get(many) or ([mine[one]] if one in mine else [])
        right = other.get(many) or ([other[one]] if one in other else [])
        if [at for at, _ in left] != [at for at, _ in right]:
            yield f"{key}: {one} at ours {[at for at, _ in left][:4]}…, theirs {[at for at, _ in right][:4]}…"
            continue
        for first, second in zip(left, right, strict=True):
            if not _same_point(first, second):
                yield f"{key}: ours {first}, theirs {second}"
                break


def _same_point(left: list, right: list, *, is_text: bool = False) -> bool:
    if left[0] != right[0]:
        return False
    if is_text or not isinstance(left[1], dict):
        return left[1] == right[1] if is_text else _same(left[1], right[1])
    mine, other = left[1], right[1]
    if not _same(mine["count"], other["count"]) or not _same(mine["sum"], other["sum"]):
        return False
    buckets, others = mine.get("buckets") or [], other.get("buckets") or []
    return len(buckets) == len(others) and all(
        first[0] == second[0] and all(map(_same, first[1:], second[1:]))
        for first, second in zip(buckets, others, strict=True)
    )


def _same(left: str, right: str) -> bool:
    one, two = float(left), float(right)
    if math.isnan(one) or math.isnan(two):
        return math.isnan(one) and math.isnan(two)
    return math.isclose(one, two, rel_tol=DIGITS)
