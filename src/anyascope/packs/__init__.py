"""What ships with the server: the default rules, and packs of rules, dashboard, policies and runbooks for what custody runs on.

A pack is a folder with `rules.yml` (Prometheus' format; its first line is a comment that says what it watches),
`rules_test.yml` (promtool's), `dashboard.json` (Grafana's), `policies.yml` (our `escalation_policies`) and
`runbooks/ALERTNAME.md`, whose first line is a heading.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from textwrap import dedent
from typing import Final

DEFAULT: Final = "default"  # the pack of rules alone, for any machine
_RULES: Final = "rules.yml"
_RUNBOOKS: Final = "runbooks"
_SUFFIX: Final = ".md"
_ALERT = re.compile(r"^ *- alert: (\S+)$", re.MULTILINE)
_HEADING = re.compile(r"#\s+(.+?)\s*(?:\n|$)")


@dataclass(frozen=True, slots=True)
class Runbook:
    """What to do about an alert: `title` is the page's heading, `markdown` the whole page."""

    alertname: str
    pack: str
    title: str
    markdown: str


@dataclass(frozen=True, slots=True)
class Pack:
    """One pack as it lies in its folder.

    Attributes:
        about: what it watches, in one sentence.
        rules, tests, dashboard, policies: the texts of the files.
        alerts: the names of the rules' alerts, in file order.
        runbooks: by the alert's name.
    """

    name: str
    about: str
    rules: str
    tests: str
    dashboard: str
    policies: str
    alerts: tuple[str, ...]
    runbooks: Mapping[str, Runbook]


def rules() -> list[tuple[str, str]]:
    """The default rule files as (name, text), by name; texts are Prometheus' rule file format."""
    return sorted((entry.name, entry.read_text("utf-8")) for entry in _entries(_folder(DEFAULT), ".yml"))


@cache
def names() -> tuple[str, ...]:
    """The packs that there are, the default rules aside."""
    return tuple(
        sorted(entry.name for entry in files(__name__).iterdir() if entry.is_dir() and (entry / _RULES).is_file())
    )


@cache
def pack(name: str) -> Pack:
    """One of `names`."""
    folder = _folder(name)
    texts = {file: (folder / file).read_text("utf-8") for file in PACK_FILES}
    return Pack(
        name=name,
        about=texts[_RULES].partition("\n")[0].removeprefix("#").strip(),
        rules=texts[_RULES],
        tests=texts["rules_test.yml"],
        dashboard=texts["dashboard.json"],
        policies=texts["policies.yml"],
        alerts=tuple(_ALERT.findall(texts[_RULES])),
        runbooks={book.alertname: book for book in _runbooks(name, folder)},
    )


PACK_FILES: Final = (_RULES, "rules_test.yml", "dashboard.json", "policies.yml")


@cache
def runbooks() -> Mapping[str, Runbook]:
    """Those of all packs by the alert's name."""
    return {book.alertname: book for name in names() for book in pack(name).runbooks.values()}


def files_of(name: str) -> dict[str, str]:
    """The files of a pack, or of the default rules, by their path within its folder."""
    if name == DEFAULT:
        return dict(rules())
    found = pack(name)
    texts = (found.rules, found.tests, found.dashboard, found.policies)
    books = {f"{_RUNBOOKS}/{book.alertname}{_SUFFIX}": book.markdown for book in found.runbooks.values()}
    return {**dict(zip(PACK_FILES, texts, strict=True)), **books}


def rule_text(rules: str, alertname: str) -> str:
    """A rule as it is written in a file of ours, without its indentation; empty where the file has none of the name.

    Args:
        rules: a rule file in which every rule begins with `- alert:` or `- record:`.
    """
    taken: list[str] = []
    for line in rules.splitlines():
        begins = line.lstrip().startswith(("- alert:", "- record:", "- name:"))
        if taken and (begins or line.lstrip().startswith("#")):
            break
        if taken or line.strip() == f"- alert: {alertname}":
            taken.append(line)
    return dedent("\n".join(taken)).rstrip()


def title_of(markdown: str, *, otherwise: str) -> str:
    """The heading that a page begins with."""
    found = _HEADING.match(markdown)
    return found.group(1) if found else otherwise


def _runbooks(name: str, folder: Traversable) -> Iterator[Runbook]:
    for entry in sorted(_entries(folder / _RUNBOOKS, _SUFFIX), key=lambda entry: entry.name):
        alertname, text = entry.name.removesuffix(_SUFFIX), entry.read_text("utf-8")
        yield Runbook(alertname, name, title_of(text, otherwise=alertname), text)


def _entries(folder: Traversable, suffix: str) -> list[Traversable]:
    return [entry for entry in folder.iterdir() if entry.name.endswith(suffix)]


def _folder(name: str) -> Traversable:
    return files(__name__).joinpath(name)
