"""YAML settings: every value by its type, every mistake with its place."""

from __future__ import annotations

import pytest

from anyascope.wire.settings import SettingsError, parse_duration_s, parse_size_bytes, read_settings


def mistakes_of(text: str, read=lambda section: None) -> list[str]:
    try:
        section = read_settings(text, file="f.yml")
        read(section)
        section.raise_if_wrong()
    except SettingsError as error:
        return [str(mistake) for mistake in error.mistakes]
    return []


def test_takes_each_type():
    """Each taker gives its own type."""
    section = read_settings("a: 1\nb: 1.5\nc: yes\nd: 1h30m\ne: 2GiB\nf: x\n", file="f.yml")
    assert section.integer("a") == 1
    assert section.number("b") == 1.5
    assert section.boolean("c") is True
    assert section.duration_s("d") == 5400.0
    assert section.size_bytes("e") == 2 * 2**30
    assert section.text("f") == "x"
    section.done()
    section.raise_if_wrong()


def test_an_absent_field_has_its_default():
    """An absent or null field gives the default; without one it is a mistake."""
    section = read_settings("a: null\n", file="f.yml")
    assert section.integer("a", 7) == 7
    assert section.text("b", None) is None
    section.text("c")
    with pytest.raises(SettingsError, match=r"f\.yml:1: field c must be set"):
        section.raise_if_wrong()


def test_every_mistake_is_told_with_its_place():
    """Reading goes on after a mistake, and the report names file, line and path of each."""

    def read(section):
        section.integer("a", 0)
        for entry in section.sections("list"):
            entry.duration_s("every", 0.0)
            entry.done()

    assert mistakes_of("a: x\nlist:\n- every: soon\n- evry: 5s\n- 3\n", read) == [
        "f.yml:1: a: must be a whole number, got 'x'",
        'f.yml:3: list[0].every: not a valid duration string: "soon"',
        "f.yml:4: list[1].evry: field evry is not known here; did you mean every?",
        "f.yml:5: list[2]: must be a mapping, got '3'",
    ]


@pytest.mark.parametrize("text", ['a:\n  b: "x\\ud83d"', '"\\udc00": 1', '[{a: "\\ud800"}]\n', 'x: ["\\ud83d\\ude42"]'])
def test_half_a_character_is_refused(text):
    """YAML does not put the halves of JSON's escapes together, and a half cannot be encoded anywhere."""
    with pytest.raises(SettingsError) as caught:
        read_settings(text if text[0] != "[" else f"l: {text}", file="f.yml")
    assert "half of a character" in str(caught.value)


def test_a_field_that_was_only_looked_for_is_offered_too():
    """Readers ask for some fields only where they are there; a misspelt one is still told the nearest name."""
    section = read_settings("walets: [a]\n", file="f.yml")
    assert not section.has("wallets")
    section.done()
    with pytest.raises(SettingsError, match="field walets is not known here; did you mean wallets"):
        section.raise_if_wrong()


def test_a_bare_number_is_no_duration():
    """The message says what lacks."""
    assert mistakes_of("grace: 5\n", lambda section: section.duration_s("grace", 1.0)) == [
        "f.yml:1: grace: needs a unit, such as 5s or 5m, got '5'"
    ]


def test_a_null_is_not_there():
    """A field that was asked for is known, whether it is null or missing."""
    section = read_settings("a: ~\nb:\nc: 1\n", file="f.yml")
    assert [section.has(name) for name in ("a", "b", "c", "d")] == [False, False, True, False]
    assert section.integer("c") == 1
    section.done()
    section.raise_if_wrong()


def test_merge_keys_are_inherited_and_overridden():
    """`<<` brings fields in, and the section's own ones win."""
    section = read_settings("base: &b {q: 1, r: 2}\nz:\n  <<: *b\n  r: 3\n", file="f.yml")
    assert section.plain("z") == {"q": 1, "r": 3}
    assert section.section("z").integer("r") == 3
    section.raise_if_wrong()


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("a: [", "is not valid YAML"),
        ("- a", "must be a mapping of settings, got a list"),
        ("a: 1\na: 2", "f.yml:2: a: is given twice"),
        ("a: &a [*a]", "nested more than"),
        ("a: " + "[" * 3000 + "]" * 3000, "is not valid YAML"),
        ("a: !!python/object/apply:os.system [x]", "must be a single value"),
    ],
)
def test_what_cannot_be_read_is_one_line(text, part):
    """Broken, self-referring, too deep and hostile YAML is a mistake, never a traceback."""
    found = mistakes_of(text, lambda section: section.text("a", ""))
    assert len(found) == 1
    assert part in found[0]


def test_an_alias_bomb_is_refused():
    """Aliases of aliases that would write out to ten billion values are refused at once."""
    rows = ["a: &a [x,x,x,x,x,x,x,x,x,x]"]
    rows += [f"{chr(98 + i)}: &{chr(98 + i)} [{','.join(['*' + chr(97 + i)] * 10)}]" for i in range(9)]
    assert "values once its aliases are written out" in mistakes_of("\n".join(rows))[0]


@pytest.mark.parametrize(("text", "seconds"), [("0", 0.0), ("500ms", 0.5), ("1d12h", 129_600.0), ("1w", 604_800.0)])
def test_durations(text, seconds):
    """Durations are Prometheus' own."""
    assert parse_duration_s(text) == seconds


@pytest.mark.parametrize("text", ["", "1", "s", "1.5h", "1m1h", "-5s"])
def test_wrong_durations(text):
    """What Prometheus refuses is refused."""
    with pytest.raises(ValueError, match="duration"):
        parse_duration_s(text)


@pytest.mark.parametrize(("text", "size"), [("512", 512), ("1KB", 1024), ("1.5MiB", 1_572_864), ("2 GB", 2 * 2**30)])
def test_sizes(text, size):
    """Sizes are powers of 1024, as Prometheus has them."""
    assert parse_size_bytes(text) == size
