"""Query results as JSON: by hand where they are small, by columns where a sample more or less counts.

Numbers are written as Go writes them: the shortest decimal without exponent; times as seconds, with three decimals
unless they are whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from anyascope.api.prometheus.answers import TRUNCATED
from anyascope.frames.histogram import NativeHistogram
from anyascope.frames.samples import SampleFrame
from anyascope.model.labels import Labels
from anyascope.promql.numbers import format_float
from anyascope.promql.result import QueryResult, ResultKind

PIECE_SAMPLES = 200_000  # of a large matrix that are written at once: some 6 MB of text
COLUMNS_FROM = 500  # samples; below, setting up the columns takes longer than writing them one by one
PLAIN_MIN, PLAIN_MAX = 1e-5, 1e15  # sizes that the column writer spells without exponent, as Go does


def format_time(time_ms: int) -> str:
    """Milliseconds as seconds."""
    sign = "-" if time_ms < 0 else ""
    seconds, rest = divmod(abs(time_ms), 1000)
    return f"{sign}{seconds}.{rest:03d}" if rest else f"{sign}{seconds}"


def encode_result(result: QueryResult, *, with_stats: bool = False, limit: int = 0) -> bytes:
    """The whole answer to a query, with at most `limit` series (0 is no limit)."""
    return b"".join(encode_pieces(result, with_stats=with_stats, limit=limit))


def encode_pieces(result: QueryResult, *, with_stats: bool = False, limit: int = 0) -> Iterator[bytes]:
    """The same piece by piece, so that a large answer need not be in memory as a whole."""
    frame = result.frame
    is_cut = bool(limit) and len(frame) > limit and result.kind in {ResultKind.VECTOR, ResultKind.MATRIX}
    if is_cut:
        last = int(frame.offsets[limit])
        frame = SampleFrame(
            frame.labels[:limit], frame.offsets[: limit + 1], frame.times_ms[:last], frame.values[:last]
        )
    warnings = (*result.warnings, TRUNCATED) if is_cut else result.warnings
    yield b'{"status":"success","data":{"resultType":"%b","result":' % result.kind.value.encode()
    if result.kind is ResultKind.MATRIX:
        yield from _matrix(result, frame)
    else:
        yield _value(result, frame)
    if with_stats:
        yield b',"stats":' + msgspec.json.encode(result.stats.as_prometheus())
    yield b"}"
    if warnings:
        yield b',"warnings":' + msgspec.json.encode(warnings)
    if result.infos:
        yield b',"infos":' + msgspec.json.encode(result.infos)
    yield b"}"


def _matrix(result: QueryResult, frame: SampleFrame) -> Iterator[bytes]:
    """A matrix, some series at a time."""
    yield b"["
    begin, series = 0, len(frame)
    while begin < series:
        reach = frame.offsets[begin] + PIECE_SAMPLES
        end = max(int(np.searchsorted(frame.offsets, reach, side="right")) - 1, begin + 1)
        first, last = int(frame.offsets[begin]), int(frame.offsets[end])
        part = SampleFrame(
            frame.labels[begin:end],
            frame.offsets[begin : end + 1] - first,
            frame.times_ms[first:last],
            frame.values[first:last],
        )
        yield (b"," if begin else b"") + _value(result, part)[1:-1]
        begin = end
    yield b"]"


def _value(result: QueryResult, frame: SampleFrame) -> bytes:
    if result.natives and result.natives.mask(frame.values).any():
        return _with_histograms(result, frame)
    at = format_time(result.time_ms)
    match result.kind:
        case ResultKind.STRING:
            return f"[{at},".encode() + msgspec.json.encode(result.text) + b"]"
        case ResultKind.SCALAR:
            return f'[{at},"{format_float(float(frame.values[0]))}"]'.encode()
        case ResultKind.VECTOR:
            texts = format_values(frame.values)
            rows = (
                f'{{"metric":{_metric(labels)},"value":[{at},"{text}"]}}'
                for labels, text in zip(frame.labels, texts, strict=True)
            )
            return f"[{','.join(rows)}]".encode("utf-8", "replace")
        case ResultKind.MATRIX:
            rows = (
                f'{{"metric":{_metric(labels)},"values":[{values}]}}'
                for labels, values in zip(frame.labels, _columns(frame), strict=True)
            )
            return f"[{','.join(rows)}]".encode("utf-8", "replace")


def _with_histograms(result: QueryResult, frame: SampleFrame) -> bytes:
    """A vector or matrix some of whose values are native histograms."""
    rows = []
    for row, labels in enumerate(frame.labels):
        part = slice(int(frame.offsets[row]), int(frame.offsets[row + 1]))
        boxed = result.natives.mask(frame.values[part]).tolist()
        floats, histograms = [], []
        for time_ms, value, is_boxed in zip(
            frame.times_ms[part].tolist(), frame.values[part].tolist(), boxed, strict=True
        ):
            if is_boxed:
                histograms.append(f"[{format_time(time_ms)},{encode_histogram(result.natives.at(value))}]")
            else:
                floats.append(f'[{format_time(time_ms)},"{format_float(value)}"]')
        rows.append(_row(labels, floats, histograms, is_matrix=result.kind is ResultKind.MATRIX))
    return f"[{','.join(rows)}]".encode("utf-8", "replace")


def _row(labels: Labels, floats: Sequence[str], histograms: Sequence[str], *, is_matrix: bool) -> str:
    members = [f'"metric":{_metric(labels)}']
    for name, values in (("value", floats), ("histogram", histograms)):
        if values:
            members.append(f'"{name}s":[{",".join(values)}]' if is_matrix else f'"{name}":{values[0]}')
    return f"{{{','.join(members)}}}"


def encode_histogram(histogram: NativeHistogram) -> str:
    """A native histogram as Prometheus answers it: populated buckets with 0 open below, 1 open above, 2 open, 3 closed."""
    buckets = [
        f'[{_BOUNDARIES[bucket.has_lower, bucket.has_upper]},"{format_float(bucket.lower)}",'
        f'"{format_float(bucket.upper)}","{format_float(bucket.count)}"]'
        for bucket in histogram.buckets()
        if bucket.count
    ]
    tail = f',"buckets":[{",".join(buckets)}]' if buckets else ""
    return f'{{"count":"{format_float(histogram.count)}","sum":"{format_float(histogram.sum)}"{tail}}}'


_BOUNDARIES = {(False, True): 0, (True, False): 1, (False, False): 2, (True, True): 3}


def _metric(labels: Labels) -> str:
    return msgspec.json.encode(dict(labels)).decode() if labels else "{}"


def format_values(values: NDArray[np.float64]) -> Sequence[str]:
    """Each value as text."""
    if len(values) < COLUMNS_FROM:
        return [format_float(value) for value in values.tolist()]
    texts: list[str] = _arrow_texts(values).to_pylist()
    return texts


def _arrow_texts(values: NDArray[np.float64]) -> pa.StringArray:
    sizes = np.abs(values)
    with np.errstate(invalid="ignore"):
        is_plain = ((sizes >= PLAIN_MIN) & (sizes < PLAIN_MAX)) | (values == 0)
    texts = pc.cast(pa.array(values), pa.string())
    if is_plain.all():
        return texts
    odd = np.flatnonzero(~is_plain)
    # NaN, infinities, and what needs an exponent elsewhere: few, and few different ones.
    distinct, kind = np.unique(values[odd], return_inverse=True)
    spelled = pa.array([format_float(value) for value in distinct.tolist()])
    return pc.replace_with_mask(texts, pa.array(~is_plain), spelled.take(pa.array(kind)))


def _columns(frame: SampleFrame) -> Sequence[str]:
    """The samples of each series: `[time,"value"],…`."""
    bounds = frame.offsets.tolist()
    if len(frame.values) < COLUMNS_FROM:
        pairs = [
            f'[{format_time(time_ms)},"{format_float(value)}"]'
            for time_ms, value in zip(frame.times_ms.tolist(), frame.values.tolist(), strict=True)
        ]
        return [",".join(pairs[begin:end]) for begin, end in pairwise(bounds)]
    # Series share their times, so each is written once and taken by number.
    distinct, kind = np.unique(frame.times_ms, return_inverse=True)
    heads = pa.array([f'[{format_time(time_ms)},"' for time_ms in distinct.tolist()], pa.large_string())
    texts = pc.cast(_arrow_texts(frame.values), pa.large_string())
    tail = pa.scalar('"]', pa.large_string())
    none = pa.scalar("", pa.large_string())
    samples = pc.binary_join_element_wise(heads.take(pa.array(kind)), texts, tail, none)
    lists = pa.LargeListArray.from_arrays(pa.array(frame.offsets), samples)
    joined: list[str] = pc.binary_join(lists, pa.scalar(",", pa.large_string())).to_pylist()
    return joined
