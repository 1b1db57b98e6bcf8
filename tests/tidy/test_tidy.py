"""What must hold all over the tree, and what no other tool looks for."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from support.components import REPOSITORY

MODULE_LINES_MAX = 600
FUNCTION_LINES_MAX = 70
LINK = re.compile(r"\]\(([^)\s]+)\)")
# Words that a stranger must never meet: machine paths, and what is left undone.
STRAYS = re.compile(r"(?<![A-Za-z0-9_.-])/(?:work|farm|root)/|\bTODO\b|\bFIXME\b|\bXXX\b")
GATES = {
    "eval(": re.compile(r"(?<![\w.])eval\("),
    "exec(": re.compile(r"(?<![\w.])exec\("),
    "pickle": re.compile(r"^\s*(?:import|from)\s+(?:pickle|marshal|shelve|dill)\b", re.MULTILINE),
    "yaml.load": re.compile(r"yaml\.(?:unsafe_)?load\("),
    "shell=True": re.compile(r"shell\s*=\s*True"),
}


def tracked(*patterns: str) -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *patterns],
        cwd=REPOSITORY,
        capture_output=True,
        check=True,
    )
    return [path for name in listed.stdout.decode().split("\0") if name and (path := REPOSITORY / name).is_file()]


@cache
def text_of(path: Path) -> str:
    return path.read_text()


@cache
def functions_of(path: Path) -> tuple[ast.FunctionDef | ast.AsyncFunctionDef, ...]:
    """Every function of a file; parsed once for all that look at them."""
    return tuple(functions(ast.parse(text_of(path))))


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def shown(path: Path) -> str:
    return str(path.relative_to(REPOSITORY))


def test_modules_are_short():
    """A module of the product is at most 600 lines long."""
    long = {shown(p): n for p in tracked("src/*.py") if (n := len(p.read_text().splitlines())) > MODULE_LINES_MAX}
    assert long == {}


def test_functions_are_short():
    """A function of the product is at most 70 lines long, its docstring aside."""
    long = []
    for path in tracked("src/*.py"):
        for function in functions_of(path):
            first = function.body[0]
            start = first.end_lineno if ast.get_docstring(function) and len(function.body) > 1 else function.lineno
            assert function.end_lineno is not None
            assert start is not None
            if function.end_lineno - start > FUNCTION_LINES_MAX:
                long.append(f"{shown(path)}:{function.lineno} {function.name}")
    assert long == []


def test_every_test_says_its_sentence():
    """Each test's docstring states the behaviour as a sentence."""
    mute = [
        f"{shown(path)}:{function.lineno} {function.name}"
        for path in tracked("tests/*.py")
        for function in functions_of(path)
        if function.name.startswith("test_") and not (ast.get_docstring(function) or "").strip()
    ]
    assert mute == []


def test_no_strays():
    """No tracked text names a machine's path or leaves something undone."""
    found = []
    for path in tracked():
        if path == Path(__file__) or path.suffix in {".png", ".woff2", ".ico"} or "dist" in path.parts:
            continue
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue
        found += [f"{shown(path)}: {match.group()}" for match in STRAYS.finditer(text)]
    assert found == []


@pytest.mark.parametrize("gate", sorted(GATES))
def test_dangerous_doors_stay_shut(gate):
    """The product evaluates no text as code, unpickles nothing, loads no YAML objects and starts no shell."""
    found = [shown(path) for path in tracked("src/*.py") if GATES[gate].search(text_of(path))]
    assert found == []


MSGSPEC_FORMS = ("json", "msgpack", "toml", "yaml")
MSGSPEC_DECODES = {f"msgspec.{form}.decode" for form in MSGSPEC_FORMS}
MSGSPEC_TYPED = {"convert", "Decoder", "decode", *MSGSPEC_FORMS}


def msgspec_by_type(tree: ast.AST) -> Iterator[int]:
    """Lines on which msgspec is made to read by a type: `convert`, a `Decoder`, or a `decode` that is told one."""
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(attr="convert" | "Decoder") if ast.unparse(node.value).split(".")[0] == "msgspec":
                yield node.lineno
            case ast.Call() if ast.unparse(node.func) in MSGSPEC_DECODES:
                if any(each.arg in {"type", None} for each in node.keywords):
                    yield node.lineno
            case ast.ImportFrom(module=str(module)) if module.split(".")[0] == "msgspec":
                if any(each.name in MSGSPEC_TYPED for each in node.names):
                    yield node.lineno


def test_types_are_learned_in_one_place():
    """Only `wire/shapes.py` lets msgspec read by a type: two threads that met one together crashed the process."""
    found = [
        f"{shown(path)}:{line}"
        for path in tracked("src/*.py")
        if not shown(path).endswith("/wire/shapes.py") and "msgspec" in text_of(path)
        for line in msgspec_by_type(ast.parse(text_of(path)))
    ]
    assert found == [], "read it by anyascope.wire.shapes.shape_of(kind)"


@pytest.mark.parametrize(
    "text",
    [
        "msgspec.convert(told, Kind)",
        "msgspec.json.decode(body, type=Kind)",
        "msgspec.msgpack.decode(body, **options)",
        "READ = msgspec.json.Decoder(Kind)",
        "from msgspec import convert",
        "from msgspec.json import decode",
    ],
)
def test_a_type_that_is_learned_elsewhere_is_seen(text):
    """Whichever way msgspec is told a type."""
    assert list(msgspec_by_type(ast.parse(text))) == [1]


@pytest.mark.parametrize(
    "text", ["msgspec.json.decode(body)", "from msgspec import Struct", "ENCODER = msgspec.json.Encoder()"]
)
def test_msgspec_without_a_type_is_no_matter(text):
    """It learns nothing then."""
    assert list(msgspec_by_type(ast.parse(text))) == []


def test_docs_links_lead_somewhere():
    """Each relative link of a page leads to a file."""
    dead = []
    for page in tracked("*.md"):
        for target in LINK.findall(page.read_text()):
            if "://" in target or target.startswith(("#", "mailto:")):
                continue
            if not (page.parent / target.split("#")[0]).exists():
                dead.append(f"{shown(page)}: {target}")
    assert dead == []


def test_pinned_requirements_name_no_index():
    """The pinned files carry hashes and no address of an index."""
    for path in tracked("requirements/*.txt"):
        text = path.read_text()
        assert "--index-url" not in text
        assert "://" not in text
        assert "--hash=sha256:" in text


def test_the_lock_file_of_the_page_names_no_registry():
    """The page's lock file records no download addresses."""
    for path in tracked("web/package-lock.json"):
        assert '"resolved": "http' not in path.read_text()


def test_docs_name_every_setting():
    """Each field that `config` takes stands in the reference of the configuration."""
    page = (REPOSITORY / "docs/reference/configuration.md").read_text()
    source = (REPOSITORY / "src/anyascope/config/sections.py").read_text()
    taken = set(
        re.findall(
            r"\.(?:text|texts|integer|number|boolean|duration_s|size_bytes|choice|parsed|section)\(\s*\"(\w+)\"", source
        )
    )
    assert {name for name in taken if not re.search(rf"\b{name}\b", page)} == set()
