"""Native histograms as texts."""

from __future__ import annotations

import pytest

from anyascope.rules.histogramtext import TemplateHistogram, expression_of
from anyascope.rules.series import parse_histogram

WHOLE = (
    "{{schema:1 count:32.1 sum:-0.3 z_bucket:7.1 z_bucket_w:0.05 offset:-3 buckets:[5.1 10 7]"
    " n_offset:-5 n_buckets:[4.1 5]}}"
)


@pytest.mark.parametrize(
    ("written", "text"),
    [
        (WHOLE, WHOLE),
        ("{{}}", "{{}}"),
        ("{{buckets:[0 1 0 0 2 0]}}", "{{offset:1 buckets:[1 0 0 2]}}"),
        ("{{count:2 counter_reset_hint:gauge}}", "{{count:2 counter_reset_hint:gauge}}"),
        (
            "{{schema:-53 custom_values:[1 2.5] buckets:[1 2 3]}}",
            "{{schema:-53 custom_values:[1 2.5] buckets:[1 2 3]}}",
        ),
    ],
)
def test_expression(written, text):
    """A histogram reads as the unit tests write it, without what is zero, in one order."""
    assert expression_of(parse_histogram(written)) == text


def test_template():
    """A template prints the populated buckets, as Prometheus does."""
    shown = TemplateHistogram(parse_histogram("{{count:3 sum:4.5 z_bucket:1 z_bucket_w:0.5 buckets:[1 0 1]}}"))

    assert shown.template_text() == "{count:3, sum:4.5, [-0.5,0.5]:1, (0.5,1]:1, (2,4]:1}"
    assert shown.template_fields()["Count"] == 3
