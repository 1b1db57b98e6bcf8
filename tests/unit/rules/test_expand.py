"""Templates of rules: what they share in one evaluation, and what Prometheus' words for their faults count from."""

from __future__ import annotations

import pytest

from anyascope.errors import InvalidInputError
from anyascope.rules.expand import QUERIES_MAX, Expander, parse_rule_template
from anyascope.wire.gotemplate.prometheus import TemplateSample

LABELS = {"job": "signer", "odd name": "x"}


def expander(asked=None):
    async def query(expr):
        if asked is not None:
            asked.append(expr)
        if expr == "bad":
            raise InvalidInputError("nope")
        return [TemplateSample({"k": "v"}, 7.5)]

    return Expander(query, now_s=0.0, external_url="http://h:9470/x", external_labels={"site": "a"})


async def expanded(text, value=1234567.5, *, by=None):
    found = await (by or expander()).texts({"t": parse_rule_template("A", text)}, LABELS, value)
    return found["t"]


STRAIGHT = (
    "plain",
    "",
    "{{ $labels.job }} is at {{ $value }}",
    "{{$labels.nothing}}|{{$externalLabels.site}}|{{$externalURL}}",
    "{{$labels}} {{$labels.job.more}}",
    "{{$value.Count}}",
    "{{ $value | humanize }} {{ humanizeDuration $value }} {{ $value | humanizePercentage }}",
    '{{ printf "%.2f" $value }} {{ $value | printf "%v of %d" 3 }} {{ printf "%q" $labels.job }} {{ printf "plain" }}',
    "{{ $value | len }}",
    "{{ $labels.job | humanize }}",
    '{{ reReplaceAll "(s.*)n" "<$1>" $labels.job }} {{ $labels.job | title }} {{ $labels.job | toUpper }}',
    '{{ reReplaceAll "(" "" $labels.job }}',
    '{{ title }} {{ title "a" "b" }}',
    "{{ 5 }} {{ 5 | print }} {{ print 5 }} {{ not $value }} {{ len $labels.job }}",
    '{{ eq $labels.job "signer" }} {{ and $value 3 }} {{ or 0 $value }} {{ title $value }} {{ now | humanizeTimestamp }}',
    '{{ query "load" }} {{ externalURL }} {{ args 1 2 }} {{ index $labels "odd name" }} {{ $labels | len }}',
    "{{/* a comment */}}{{- $labels.job -}} .",
    "x" * 70_000,
    "{{$labels.job}}" + "x" * 70_000,
)


@pytest.mark.parametrize("value", [0.0, -1e-7, 1234567.5, 999999.9, float("nan"), float("-inf")])
async def test_straight_templates_are_as_run(value):
    """A template of texts and variables alone gives what the same one gives when something in it must be run."""
    for text in STRAIGHT:
        assert (await expanded(text, value))[:200] == (await expanded(text + '{{""}}', value))[:200]


DECLARATIONS = (
    "{{$labels := .Labels}}{{$externalLabels := .ExternalLabels}}{{$externalURL := .ExternalURL}}{{$value := .Value}}"
)


async def test_columns_count_prometheus_declarations():
    """An error's column is Prometheus', which declares four variables in front of each text."""
    found = await expanded("{{ $labels.job.more }}")

    assert f"template: __alert_A:1:{len(DECLARATIONS) + 3}: executing" in found


async def test_given_variables_can_be_assigned():
    """A template may assign to the variables that it is given, and hide them."""
    assert await expanded("{{$value = 3}}{{$value}} {{with $value := 4}}{{$value}}{{end}} {{$value}}") == "3 4 3"


async def test_answers_are_shared():
    """All templates of an evaluation that ask the same are answered once, failures too."""
    asked = []
    by = expander(asked)

    for text in ('{{ query "load" | first | value }}', '{{ query "bad" }}') * 2:
        await expanded(text, by=by)

    assert asked == ["load", "bad"]


async def test_queries_are_counted_by_template():
    """A template with too many queries fails whether or not another has asked them before."""
    by = expander()
    for number in range(QUERIES_MAX + 1):
        await expanded(f'{{{{ query "q{number}" | len }}}}', by=by)
    many = "".join(f'{{{{ query "q{number}" | len }}}}' for number in range(QUERIES_MAX + 1))

    assert await expanded(many[: -len('{{ query "q20" | len }}')], by=by) == "1" * QUERIES_MAX
    assert "more than 20 queries" in await expanded(many, by=by)
