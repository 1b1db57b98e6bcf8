"""Heights as nodes told them, sample by sample."""

from __future__ import annotations

import numpy as np
import pytest

from anyascope.frames.samples import SampleFrame
from anyascope.model.labels import labels_of
from anyascope.rules.told import heights_told


def frame(*series):
    """From (labels, {time: value})."""
    return SampleFrame(
        labels=[labels_of(labels) for labels, _ in series],
        offsets=np.cumsum([0, *(len(samples) for _, samples in series)]),
        times_ms=np.array([at for _, samples in series for at in samples], np.int64),
        values=np.array([value for _, samples in series for value in samples.values()], np.float64),
    )


def node(name, chain="main", **more):
    return {"chain": chain, "node": name, **more}


NOBODY = frame()


@pytest.mark.parametrize(
    ("downloads", "heights", "told"),
    [
        (NOBODY, NOBODY, []),
        (NOBODY, frame((node("a"), {1: 5, 2: 5, 3: 6})), [(1, {"main": 5}), (3, {"main": 6})]),
        # the highest of a chain counts, whoever speaks
        (
            NOBODY,
            frame((node("a"), {1: 500, 4: 501}), (node("b"), {2: 10, 3: 11})),
            [(1, {"main": 500}), (2, {"main": 500}), (3, {"main": 500}), (4, {"main": 501})],
        ),
        # at the same moment all that was told counts together
        (NOBODY, frame((node("a"), {1: 5}), (node("b"), {1: 7})), [(1, {"main": 7})]),
        (
            NOBODY,
            frame((node("a"), {1: 5}), (node("b", coin="litecoin"), {2: 7}), (node("c", chain="test"), {3: 9})),
            [
                (1, {"main": 5}),
                (2, {"main": 5, "litecoin/main": 7}),
                (3, {"main": 5, "litecoin/main": 7, "test": 9}),
            ],
        ),
        # in its initial download a node does not tell the time; it says so at the same moment, or later
        (
            frame((node("b"), {1: 1, 3: 0})),
            frame((node("a"), {1: 5}), (node("b"), {1: 900, 2: 901, 3: 902})),
            [(1, {"main": 5}), (2, {"main": 5}), (3, {"main": 902})],
        ),
        (frame((node("a"), {2: 1})), frame((node("a"), {1: 5})), [(1, {"main": 5}), (2, {})]),
        # what is no height is none
        (NOBODY, frame((node("a"), {1: float("nan"), 2: 5})), [(1, {}), (2, {"main": 5})]),
        (NOBODY, frame(({"job": "other"}, {1: 5})), [(1, {"": 5})]),
    ],
)
def test_heights_are_read_sample_by_sample(downloads, heights, told):
    """Whenever a node says something new, as the expression of heights would say it then."""
    assert list(heights_told(downloads, heights)) == told


def test_a_node_that_says_the_same_a_thousand_times_costs_nothing():
    """Nodes tell their height every few seconds, and blocks come every ten minutes."""
    same = dict.fromkeys(range(1_000), 5)
    assert list(heights_told(NOBODY, frame((node("a"), same), (node("b"), same)))) == [(0, {"main": 5})]
