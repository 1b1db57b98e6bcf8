"""What nodes told of their heights, sample by sample: for the moments between two looks, in which many blocks may come; pure."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from typing import Any

from anyascope.frames.samples import SampleFrame
from anyascope.model.labels import Labels
from anyascope.rules.blocks import DOWNLOAD_METRIC, HEIGHT_METRIC, LABEL_CHAIN, LABEL_NODE, heights_of


def told_exprs(span_ms: int) -> tuple[str, str]:
    """What to ask for the samples of so many milliseconds: whether nodes are in their initial download, and their heights."""
    return f"{DOWNLOAD_METRIC}[{span_ms}ms]", f"{HEIGHT_METRIC}[{span_ms}ms]"


def heights_told(downloads: SampleFrame, heights: SampleFrame) -> Iterator[tuple[int, dict[str, int]]]:
    """When (UTC ms) a node told something new, and the heights by network then, as `blocks.HEIGHTS_EXPR` has them.

    Args:
        downloads, heights: the answers to `told_exprs`.
    """
    told: dict[Labels, float] = {}
    downloading: dict[tuple[str, str], bool] = {}
    samples = sorted([*_samples(downloads, 0), *_samples(heights, 1)], key=itemgetter(0, 1))
    for at_ms, together in groupby(samples, key=itemgetter(0)):
        is_new = False
        for _, kind, labels, value in together:
            if kind == 0:
                is_new |= downloading.get(_node_of(labels)) != (value == 1)
                downloading[_node_of(labels)] = value == 1
            else:
                is_new |= told.get(labels) != value
                told[labels] = value
        if is_new:  # nodes tell far more often than blocks come
            yield at_ms, _highest({each: told[each] for each in told if not downloading.get(_node_of(each))})


def _samples(frame: SampleFrame, kind: int) -> Iterator[tuple[int, int, Labels, Any]]:
    for row, labels in enumerate(frame.labels):
        part = slice(int(frame.offsets[row]), int(frame.offsets[row + 1]))
        for at_ms, value in zip(frame.times_ms[part].tolist(), frame.values[part].tolist(), strict=True):
            yield at_ms, kind, labels, value


def _node_of(labels: Labels) -> tuple[str, str]:
    named = dict(labels)
    return named.get(LABEL_CHAIN, ""), named.get(LABEL_NODE, "")


def _highest(told: dict[Labels, float]) -> dict[str, int]:
    """By network."""
    found: dict[str, int] = {}
    for labels, value in told.items():
        for network, height in heights_of([(labels, value)]).items():
            found[network] = max(height, found.get(network, height))
    return found
