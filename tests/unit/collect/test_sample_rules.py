"""Unit tests of what becomes of a scraped series."""

from __future__ import annotations

import pytest

from anyascope.collect.sample_rules import ScrapeRejectedError, accept_header, final_labels
from anyascope.collect.scrape_config import Escaping, NameScheme, ScrapeConfig, ScrapeLimits, ScrapeProtocol
from anyascope.model.labels import labels_of
from anyascope.wire.relabel import RelabelAction, RelabelRule

TARGET = (("instance", "a:1"), ("job", "node"))


def final(pairs: dict[str, str], **fields):
    found = final_labels(tuple(pairs.items()), TARGET, ScrapeConfig("node", **fields))
    return None if found is None else dict(found)


def test_adds_the_targets_labels() -> None:
    """A series carries its own labels and its target's."""
    assert final({"__name__": "x", "b": "c"}) == {"__name__": "x", "b": "c", "instance": "a:1", "job": "node"}


def test_displaced_labels_are_kept_as_exported() -> None:
    """A label that the target's own label displaces is kept as exported_."""
    found = final({"__name__": "x", "job": "own", "exported_job": "older", "exported_exported_job": "oldest"})
    assert found == {
        "__name__": "x",
        "instance": "a:1",
        "job": "node",
        "exported_job": "older",
        "exported_exported_job": "oldest",
        "exported_exported_exported_job": "own",
    }


def test_an_empty_label_displaces_nothing() -> None:
    """A label with an empty value is no label."""
    assert final({"__name__": "x", "job": ""}) == {"__name__": "x", "instance": "a:1", "job": "node"}


def test_honours_the_series_own_labels() -> None:
    """With honor_labels the series' own labels stand, even an empty one."""
    found = final({"__name__": "x", "job": "own", "instance": ""}, honor_labels=True)
    assert found == {"__name__": "x", "job": "own"}


def test_metric_rules_see_all_labels() -> None:
    """Metric relabelling sees the target's labels and may drop the series."""
    drop = RelabelRule(RelabelAction.DROP, source_labels=("job", "__name__"), regex="node;go_.*")
    assert final({"__name__": "go_x"}, metric_relabel_rules=(drop,)) is None
    assert final({"__name__": "x"}, metric_relabel_rules=(drop,)) is not None


def test_a_series_without_a_name_is_refused() -> None:
    """Rules that take the name away make the page unusable."""
    rule = RelabelRule(RelabelAction.LABEL_DROP, regex="__name__")
    with pytest.raises(ScrapeRejectedError, match="missing metric name"):
        final({"__name__": "x"}, metric_relabel_rules=(rule,))


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"label_limit": 3}, "label_limit exceeded (metric: x, number of labels: 4, limit: 3)"),
        (
            {"label_name_length_limit": 7},
            "label_name_length_limit exceeded (metric: x, label name: __name__, length: 8",
        ),
        (
            {"label_value_length_limit": 3},
            'label_value_length_limit exceeded (metric: x, label name: b, value: "éty", length: 4',
        ),
    ],
)
def test_refuses_past_a_limit(limits: dict[str, int], message: str) -> None:
    """A label set past a limit is refused with what it has and what is allowed; lengths are in bytes."""
    with pytest.raises(ScrapeRejectedError) as caught:
        final({"__name__": "x", "b": "été"[:2] + "y"}, limits=ScrapeLimits(**limits))
    assert message in str(caught.value)
    assert caught.value.limit == next(iter(limits))


def test_the_limit_itself_is_allowed() -> None:
    """What just meets its limit passes."""
    assert final({"__name__": "x", "b": "c"}, limits=ScrapeLimits(label_limit=4)) is not None


def test_legacy_names_where_asked_for() -> None:
    """The legacy scheme refuses names that UTF-8 allows."""
    for pairs in ({"__name__": "x.y"}, {"__name__": "x", "a.b": "c"}):
        assert final(pairs) is not None
        with pytest.raises(ScrapeRejectedError, match="invalid metric name or label names"):
            final(pairs, name_scheme=NameScheme.LEGACY)


def test_asks_for_formats_in_their_order() -> None:
    """The header weighs the formats as Prometheus does."""
    assert accept_header(ScrapeConfig("x")) == (
        "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
        "application/openmetrics-text;version=0.0.1;q=0.5,"
        "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
    )
    one = ScrapeConfig("x", protocols=(ScrapeProtocol.TEXT_1_0,), escaping=Escaping.DOTS)
    assert accept_header(one) == "text/plain;version=1.0.0;escaping=dots;q=0.6,*/*;q=0.5"


def test_label_sets_are_sorted() -> None:
    """What is kept is a label set as the store wants it."""
    found = final_labels((("__name__", "x"), ("z", "1"), ("a", "2")), TARGET, ScrapeConfig("node"))
    assert found == labels_of(found or ())
