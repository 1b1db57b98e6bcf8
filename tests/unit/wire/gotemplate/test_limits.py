"""No template, however hostile, takes more than its share, or sees more than it was given."""

from __future__ import annotations

import pytest

from anyascope.wire.gotemplate import (
    DataObject,
    Function,
    Limits,
    TemplateError,
    TemplateFunctionError,
    parse_template,
)
from anyascope.wire.gotemplate.times import GoDuration, GoTime


def run(text, data=None, *, limits=None, functions=None, monotonic_ns=lambda: 0):
    functions = functions or {}
    template = parse_template("t", text, functions=functions)
    return template.execute(data, functions=functions, limits=limits or Limits(), monotonic_ns=monotonic_ns)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{{range 100000000}}{{end}}", "exceeded 500000 steps"),
        ("{{range 1000}}{{range 1000}}x{{end}}{{end}}", "exceeded 500000 steps"),
        ('{{define "a"}}{{template "a" .}}{{end}}{{template "a"}}', "exceeded maximum template depth (50)"),
        ('{{printf "%999999999d" 1}}', "BADWIDTH"),
        ('{{range 9}}{{printf "%900000s" "x"}}{{end}}', "output exceeded 1000000 characters"),
        (
            '{{$x := "aaaaaaaaaaaaaaaa"}}{{range 64}}{{$x = printf "%s%s" $x $x}}{{end}}',
            "a text is longer than 1000000 characters",
        ),
    ],
)
def test_bombs(text, message):
    """Loops, recursion and growth end in an error, or in Go's own mark for a bad width."""
    try:
        output = run(text)
    except TemplateError as error:
        output = str(error)

    assert message in output


def test_time_is_capped():
    """An execution that takes longer than its seconds is ended."""
    ticks = iter(range(0, 10**12, 600_000_000))

    with pytest.raises(TemplateError, match=r"exceeded 1\.0 s"):
        run("{{range 10000}}x{{end}}", monotonic_ns=lambda: next(ticks))


def test_growing_lists_are_capped():
    """A list that contains itself many times over cannot be printed without end."""
    functions = {"list": Function(lambda *values: list(values), ("any",), is_variadic=True)}

    with pytest.raises(TemplateError, match="longer than 1000000 characters"):
        run('{{$x := "a"}}{{range 25}}{{$x = list $x $x}}{{end}}{{$x}}', functions=functions)


def test_deep_nesting_is_refused():
    """Thousands of parentheses or blocks are refused, not recursed into."""
    with pytest.raises(TemplateError, match="nested more than 100 deep"):
        parse_template("t", "{{" + "(" * 5000 + "1" + ")" * 5000 + "}}")
    with pytest.raises(TemplateError, match="nested more than 100 deep"):
        parse_template("t", "{{if 1}}" * 5000)


def test_oversized_template_is_refused():
    """A template of more than a million characters is not read."""
    with pytest.raises(TemplateError, match="1000001 characters long"):
        parse_template("t", "x" * 1_000_001)


@pytest.mark.parametrize("name", ["__class__", "secret", "template_fields"])
def test_objects_show_what_they_declare(name):
    """Of an object only declared fields and methods can be reached."""

    class Shown(DataObject):
        secret = "s"

        def template_fields(self):
            return {"Open": 1}

    assert run("{{.Open}}", Shown()) == "1"
    with pytest.raises(TemplateError, match=f"can't evaluate field {name} in type struct"):
        run("{{." + name + "}}", Shown())


def test_plain_values_have_no_attributes():
    """Python's attributes cannot be reached from texts, numbers or lists."""
    for value in ("x", 1, [1]):
        with pytest.raises(TemplateError, match="can't evaluate field __class__"):
            run("{{.__class__}}", value)


def test_methods_take_arguments_and_refuse():
    """A method is called with the arguments beside it, and what it refuses names the place."""

    def half(value):
        if value % 2:
            raise TemplateFunctionError(f"{value} is odd")
        return value // 2

    class Shown(DataObject):
        def template_methods(self):
            return {"Half": Function(half, ("int",))}

    assert run("{{.Half 4}} {{8 | .Half}}", Shown()) == "2 4"
    with pytest.raises(
        TemplateError, match=r"template: t:1:2: executing \"t\" at <.Half>: error calling Half: 3 is odd"
    ):
        run("{{.Half 3}}", Shown())
    with pytest.raises(TemplateError, match="wrong number of args for Half: want 1 got 0"):
        run("{{.Half}}", Shown())
    with pytest.raises(TemplateError, match="wrong type for value; expected int; got string"):
        run('{{.Half "x"}}', Shown())


def test_error_line_and_column():
    """An error names the line and the column of the expression."""
    with pytest.raises(TemplateError, match=r"^template: t:3:4: executing \"t\" at <\.b>"):
        run("a\nb\n {{ .b }}", "x")
    with pytest.raises(TemplateError, match=r"^template: t:2: function \"nope\" not defined$"):
        parse_template("t", "\n{{nope}}")


def test_time_methods():
    """A time has Go's layouts, zones and arithmetic."""
    moment = GoTime(1_700_000_000_123_000_000)

    assert run('{{.Format "Mon, 02 Jan 2006 03:04:05.000 pm -07:00 MST"}}', moment) == (
        "Tue, 14 Nov 2023 10:13:20.123 pm +00:00 UTC"
    )
    assert run("{{.Unix}} {{.Year}} {{.Weekday}} {{.IsZero}}", moment) == "1700000000 2023 Tuesday false"
    assert run("{{.}}", GoTime(0)) == "1970-01-01 00:00:00 +0000 UTC"


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (0, "0s"),
        (1, "1ns"),
        (1_500, "1.5µs"),
        (2_000_000, "2ms"),
        (90_000_000_000, "1m30s"),
        (-3_661_500_000_000, "-1h1m1.5s"),
    ],
)
def test_durations_print_as_go_prints_them(ns, text):
    """A duration prints with Go's units."""
    assert run("{{.}}", GoDuration(ns)) == text
