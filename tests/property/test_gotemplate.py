"""Whatever a template holds, it gives a text or a `TemplateError`, within its limits."""

from __future__ import annotations

import contextlib
import math

from hypothesis import example, given, settings
from hypothesis import strategies as st

from anyascope.wire.gotemplate import Limits, TemplateError, parse_template
from anyascope.wire.gotemplate.fmt import format_float, printf
from anyascope.wire.gotemplate.prometheus import FUNCTION_NAMES, TemplateSample, rule_functions

FUNCTIONS = rule_functions(query=lambda _: [TemplateSample({"a": "b"}, 1.0)], now_s=1.0, external_url="http://x/y")
DATA = {"Labels": {"a": "b", "n": "5"}, "Value": 1.5, "List": [1, "x", None, 2.5], "Nil": None}
LIMITS = Limits(output_chars_max=10_000, steps_max=5_000, seconds_max=5.0)

# Pieces of the language, so that chance makes templates and not only noise.
WORDS = """
    {{ }} {{- -}} if else end range with define template block break continue . $ $x $y := = | ( ) , nil true "a" `b`
    'c' 1 2.5 -1 .Labels .Labels.a .Value .List .Nil and or not len index slice print printf "%v%d%5.2f%q" println html js
    urlquery call eq ne lt gt humanize humanizeDuration humanizeTimestamp toTime parseDuration query first value label args
    match reReplaceAll "(a)(b" stripPort stripDomain title sortByLabel 0x1F 1e400 "\\x" /* */ "%[9]d%*d" 99999999999
"""
PIECES = st.sampled_from(WORDS.split())
TEMPLATES = st.one_of(st.lists(PIECES, max_size=14).map(" ".join), st.text(max_size=40).map(lambda t: "{{" + t + "}}"))


@settings(max_examples=400, deadline=None)
@given(TEMPLATES)
@example("{{range $x, $y := .List}}{{$x}}{{$y}}{{end}}")
@example('{{ index .List "x" }}')
@example("{{ printf .Value }}")
def test_text_or_template_error(text):
    """A template either runs or is refused with an error that names it."""
    with contextlib.suppress(TemplateError):
        template = parse_template("t", text, functions=FUNCTION_NAMES, variables=("$labels",))
        output = template.execute(DATA, functions=FUNCTIONS, variables={"$labels": DATA["Labels"]}, limits=LIMITS)
        assert len(output) <= LIMITS.output_chars_max


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="{}$.\"`'-/*()|:= \nabx0", max_size=60))
def test_noise(text):
    """Noise of the language's own signs is refused or is a text."""
    with contextlib.suppress(TemplateError):
        parse_template("t", text, functions=FUNCTION_NAMES).execute(DATA, functions=FUNCTIONS, limits=LIMITS)


@settings(max_examples=200, deadline=None)
@given(st.floats())
def test_floats_read_back(value):
    """The shortest form of a float reads back as the same float, in every verb."""
    for verb in "gGeEf":
        text = format_float(value, verb, -1)
        assert float(text) == value or (math.isnan(value) and text == "NaN")


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="%+-# 0123456789.*[]vdsqxXeEfgGtTcUbop!hi", max_size=20), st.lists(st.one_of(
    st.integers(), st.floats(), st.text(max_size=5), st.booleans(), st.none()), max_size=4))  # fmt: skip
def test_printf_never_breaks(text, values):
    """`printf` gives a text for any format and arguments."""
    assert isinstance(printf(text, values), str)
