"""What is written into a page is escaped by where it stands."""

from __future__ import annotations

from html.parser import HTMLParser
from urllib.parse import quote

import pytest

from anyascope.wire.gotemplate import parse_template

HOSTILE = '<b>x</b> "it\'s" & a=b `c` javascript:alert(1) </script> <!-- \n'


def page(text: str, value: object = HOSTILE) -> str:
    return parse_template("", text).execute({"V": value}, functions={}, is_html=True)


class Reader(HTMLParser):
    """Notes elements with their attributes, and texts."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.said = ""

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.said += data


def read(text: str) -> Reader:
    reader = Reader()
    reader.feed(text)
    reader.close()
    return reader


@pytest.mark.parametrize(
    ("text", "element"),
    [
        ("<p>{{ .V }}</p>", ("p", {})),
        ('<p title="{{ .V }}">', ("p", {"title": HOSTILE})),
        ("<p title='{{ .V }}'>", ("p", {"title": HOSTILE})),
        ("<p title={{ .V }}>", ("p", {"title": HOSTILE})),
        ('<p id=a class = "{{ .V }}" >', ("p", {"id": "a", "class": HOSTILE})),
        ('<a href="{{ .V }}" id=x>', ("a", {"href": quote(HOSTILE, safe="&/=:!").lower(), "id": "x"})),
        ('<p style="{{ .V }}">', ("p", {"style": "ZgotmplZ"})),
        ("<p {{ .V }}>", ("p", {"zgotmplz": None})),
    ],
)
def test_a_value_stays_where_it_was_put(text, element):
    """Nothing that an alert says opens an element, ends an attribute or begins another."""
    found = read(page(text))
    assert found.elements == [element]


def test_text_says_what_the_value_says():
    """And scripts get a literal of it that cannot end them."""
    assert read(page("<p>{{ .V }}</p>")).said == HOSTILE
    script = page("<script>f({{ .V }})</script><i>")
    assert read(script).elements == [("script", {}), ("i", {})]


@pytest.mark.parametrize(
    ("text", "value", "written"),
    [
        ('<a href="{{ .V }}">', "https://h/a b?q=<\u00fc>", '<a href="https://h/a%20b?q=%3c%c3%bc%3e">'),
        ('<a href="/x?q={{ .V }}">', "a&b/c", '<a href="/x?q=a%26b%2fc">'),
        ('<a href="/x?q={{ .V | urlquery }}">', "a b/c", '<a href="/x?q=a&#43;b%2Fc">'),
        ('<a href="{{ .V }}/y">', "/path:with/colon", '<a href="/path:with/colon/y">'),
        ("<a href='{{ .V }}'>", " JavaScript:alert(1)", "<a href='#ZgotmplZ'>"),
        ("a<!-- {{ .V }} -->b", "x", "ab"),
        ("{{ html .V }}{{ .V }}", "<", "&lt;&lt;"),
        ("<style>p { color: {{ .V }} }</style>{{ .V }}", "red", "<style>p { color: red }</style>red"),
    ],
)
def test_addresses_and_the_rest(text, value, written):
    """Addresses are normalised, parts of a query escaped, comments left out, as Go's library does."""
    assert page(text, value) == written
