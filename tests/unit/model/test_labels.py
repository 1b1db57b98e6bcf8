"""Label sets and their ids."""

from __future__ import annotations

from anyascope.model.labels import labels_of, metric_of, series_id, without_name


def test_labels_are_sorted_and_empty_ones_left_out():
    """An empty value means that the label is absent."""
    assert labels_of({"b": "2", "a": "1", "c": ""}) == (("a", "1"), ("b", "2"))


def test_series_of_a_metric_share_their_upper_bits():
    """Series of one metric lie side by side: 20 bits come from the name alone."""
    one, two = (series_id(labels_of({"__name__": "up", "i": i})) for i in "12")
    assert one != two
    assert one >> 44 == two >> 44
    assert one < 2**64


def test_ids_are_the_same_in_every_release():
    """What is stored must be found again: the id of a known label set never changes."""
    assert series_id(labels_of({"__name__": "up", "job": "node"})) == 11_495_292_876_170_460_233


def test_name_and_rest():
    """The name can be taken and left."""
    labels = labels_of({"__name__": "up", "job": "node"})
    assert metric_of(labels) == "up"
    assert without_name(labels) == (("job", "node"),)
