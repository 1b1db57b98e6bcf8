"""What metrics say of themselves, in memory."""

from __future__ import annotations

from prometheus_client import CollectorRegistry

from anyascope.model.metrics import MetricMetadata, MetricType
from anyascope.store.families import CROWDED, FAMILIES_MAX, Families


def about(metric, text=""):
    return MetricMetadata(metric, MetricType.GAUGE, text)


def filled(count):
    registry = CollectorRegistry()
    families = Families(registry=registry)
    families.note(about(f"m{number}") for number in range(count))
    return families, registry


def left_out(registry):
    return registry.get_sample_value("anyascope_store_metadata_left_out_total")


def test_the_last_one_has_room_and_the_next_is_left_out():
    """Where there is room for one, one of two newcomers is kept; known ones may always say something else."""
    families, registry = filled(FAMILIES_MAX - 1)

    fresh = families.news([about("a"), about("b"), about("m0", "new"), about("m1"), about("a", "again")])

    assert fresh == [about("a"), about("m0", "new"), about("a", "again")]
    assert left_out(registry) == 1
    families.note(fresh)
    assert len(families) == FAMILIES_MAX
    assert families.find(metric="a") == [about("a", "again")]


def test_in_a_crowd_what_has_no_series_is_forgotten():
    """Families stay of which a series is there, under its own name or that of a part."""
    families, registry = filled(FAMILIES_MAX)
    assert families.news([about("late")]) == []

    gone = families.forget_without({"m0", "m1_bucket", "m2_total", "m33"})

    assert len(gone) == FAMILIES_MAX - 4
    assert [entry.metric for entry in families.find()] == ["m0", "m1", "m2", "m33"]
    assert families.news([about("late")]) == [about("late")]
    assert left_out(registry) == 1


def test_without_a_crowd_nothing_is_forgotten():
    """A metric that has no series yet keeps its help."""
    families, _ = filled(CROWDED)
    assert families.forget_without(()) == []
    assert len(families) == CROWDED
