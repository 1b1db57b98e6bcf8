"""What a series is called at the far end, and what is not sent."""

from __future__ import annotations

import numpy as np
from prometheus_client import CollectorRegistry

from anyascope.forward.log import NO_VALUES, Entry
from anyascope.forward.options import RemoteWrite
from anyascope.forward.places import Place
from anyascope.forward.series import SeriesBook
from anyascope.forward.tally import Tally
from anyascope.model.labels import labels_of
from anyascope.model.metrics import Exemplar, HistogramSample
from anyascope.model.secret import Secret
from anyascope.wire.relabel import RelabelAction, RelabelRule

KNOWN = {
    1: labels_of({"__name__": "up", "site": "own"}),
    2: labels_of({"__name__": "go_info"}),
    3: labels_of({"__name__": "up", "job": "x"}),
}
RULES = (
    RelabelRule(RelabelAction.DROP, source_labels=("__name__",), regex="go_.*"),
    RelabelRule(RelabelAction.LABEL_DROP, regex="job"),
)


def book(asked=None, *, known_max=100, custom=True, **changes):
    registry = CollectorRegistry()
    remote = RemoteWrite("far", Secret("http://x/"), "http://x/", write_relabel_rules=RULES, **changes)

    def labels(ids):
        if asked is not None:
            asked.append(sorted(ids))
        return [KNOWN.get(number) for number in ids]

    made = SeriesBook(
        remote,
        (("site", "zrh"),),
        labels_of_ids=labels,
        has_custom_buckets=custom,
        tally=Tally(registry),
        known_max=known_max,
    )
    return made, registry


def entry(*ids, others=()):
    times = np.zeros(len(ids), np.int64)
    values = NO_VALUES if others else np.zeros(len(ids))
    return Entry(Place(0, 0), Place(0, 1), np.array(ids, np.uint64), times, values, others)


def sent(made, what):
    series, is_kept = made.series_of(what, np.arange(len(what.ids)))
    return [each.labels if kept else None for each, kept in zip(series, is_kept, strict=True)]


def dropped(registry, kind, reason):
    name = f"prometheus_remote_storage_{kind}_dropped_total"
    return registry.get_sample_value(name, {"remote_name": "far", "url": "http://x/", "reason": reason}) or 0


def test_external_labels_give_way_and_relabelling_comes_after_them():
    """A series' own label stays; a rule may drop the series or its labels; what the store does not know is counted."""
    made, registry = book()
    found = sent(made, entry(1, 2, 3, 4))

    assert found == [
        labels_of({"__name__": "up", "site": "own"}),
        None,
        labels_of({"__name__": "up", "site": "zrh"}),
        None,
    ]
    assert dropped(registry, "samples", "dropped_series") == 1
    assert dropped(registry, "samples", "unintentionally_dropped_series") == 1


def test_a_series_is_worked_out_once():
    """Known series are not asked for again, unknown ones are; past the bound all are forgotten."""
    asked: list = []
    made, _ = book(asked, known_max=3)
    sent(made, entry(1, 3, 4))
    sent(made, entry(3, 1, 4))
    sent(made, entry(1, 2))
    sent(made, entry(3, 5, 6))
    assert asked == [[1, 3, 4], [4], [2], [3, 5, 6]]


def test_histograms_and_exemplars_are_sent_where_that_is_asked_for():
    """Custom buckets do not travel by 1.0, which is counted; what was not asked for is no loss."""
    plain = HistogramSample((), 0, 1.0, 1.0, 0, 0.0, 1.0)
    custom = HistogramSample((), 0, 1.0, 1.0, -53, 0.0, 0.0, ((0, 1),), (1.0,), custom_bounds=(1.0,))
    others = (plain, custom, Exemplar((), 0, 1.0))
    what = entry(1, 1, 1, others=others)
    nothing, registry = book()
    by_1, registry_1 = book(custom=False, send_native_histograms=True, send_exemplars=True)
    by_2, _ = book(send_native_histograms=True)

    assert [each is not None for each in sent(nothing, what)] == [False, False, False]
    assert [each is not None for each in sent(by_1, what)] == [True, False, True]
    assert [each is not None for each in sent(by_2, what)] == [True, True, False]
    assert dropped(registry, "histograms", "nhcb_in_rw1_not_supported") == 0
    assert dropped(registry_1, "histograms", "nhcb_in_rw1_not_supported") == 1
