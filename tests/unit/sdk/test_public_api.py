"""What a service may rely on: names, signatures, types."""

from __future__ import annotations

import enum
import importlib
import inspect
import os
import re
import subprocess
import sys
import types
from pathlib import Path

import pytest

import anyascope
import anyascope.sdk
from support.components import REPOSITORY

GOLDEN = REPOSITORY / "tests/golden/sdk/public_api.txt"
UPDATE = "ANYASCOPE_UPDATE_GOLDEN"
PLAIN = (str, int, float, bool, type(None), tuple)  # defaults that print alike in every process
ADDRESS = re.compile(r" at 0x[0-9a-f]+")
MODULES = [
    "anyascope.sdk",
    *(
        f"anyascope.sdk.{name}"
        for name in anyascope.sdk.__all__
        if isinstance(getattr(anyascope.sdk, name), types.ModuleType)
    ),
]

CONSUMER = """
from typing import assert_type

import anyascope.sdk
from anyascope.sdk import BitcoinTransactionData, correlation, guarded, init, trace_bitcoin_operation

telemetry = init(service="custody", endpoint="http://127.0.0.1:4318", log_level="info", spool="spool", ca_file="ca.pem")
assert_type(telemetry, anyascope.sdk.Telemetry)
assert_type(telemetry.flush(2.0), bool)


@trace_bitcoin_operation("send", "hot-1", BitcoinTransactionData("", 50_000, 12.5))
def send(address: str, *, sats: int) -> str:
    return address


@trace_bitcoin_operation("send", "hot-1")
async def send_later(address: str) -> str:
    return address


@guarded(0)
def mine(text: str) -> int:
    return len(text)


assert_type(send("bc1q", sats=3), str)
assert_type(mine("x"), int)
with correlation("c-1") as correlation_id:
    assert_type(correlation_id, str)


async def use() -> None:
    assert_type(await send_later("bc1q"), str)


anyascope.sdk.set_level("debug")
wrong = send(3, sats="x")  # type: ignore[arg-type]
"""


def shown(name: str, value: object) -> list[str]:
    """A public thing as lines: its name with its signature, and its public methods."""
    if isinstance(value, types.ModuleType):
        return [f"{name}: module"]
    if inspect.isclass(value):
        return [f"{name}{bases(value)}", *members(name, value)]
    if callable(value):
        return [f"{name}{signature(value)}"]
    return [f"{name}: {type(value).__name__}"]


def bases(kind: type) -> str:
    if issubclass(kind, enum.Enum):
        return f": enum {', '.join(str(member.value) for member in kind)}"
    if issubclass(kind, BaseException):
        return f"({', '.join(base.__name__ for base in kind.__bases__)})"
    return signature(kind)


def members(name: str, kind: type) -> list[str]:
    lines = []
    for member in sorted(vars(kind)):
        found = inspect.getattr_static(kind, member)
        if member.startswith("_") or isinstance(found, types.MemberDescriptorType) or issubclass(kind, enum.Enum):
            continue
        if isinstance(found, property):
            lines.append(f"{name}.{member}: property")
        elif callable(getattr(kind, member, None)):
            lines.append(f"{name}.{member}{signature(getattr(kind, member))}")
    return lines


def signature(function: object) -> str:
    try:
        found = inspect.signature(function)
    except (TypeError, ValueError):
        return "(…)"
    parameters = [
        one if one.default is one.empty or isinstance(one.default, PLAIN) else one.replace(default=...)
        for one in found.parameters.values()
    ]
    return ADDRESS.sub("", str(found.replace(parameters=parameters)))


def public_api() -> str:
    lines = []
    for module_name in MODULES:
        module = importlib.import_module(module_name)
        for name in sorted(getattr(module, "__all__", ())):
            where = f"{module_name}.{name}"
            home = f"anyascope.sdk.{anyascope.sdk._HOMES.get(name)}"
            if module_name == "anyascope.sdk" and home in MODULES:
                lines.append(f"{where} is {home}.{name}")
            if (
                home not in MODULES
                or name not in getattr(importlib.import_module(home), "__all__", ())
                or module_name == home
            ):
                lines += shown(where, getattr(module, name))
    return "\n".join(lines) + "\n"


def test_the_public_api_is_pinned():
    """A changed name, parameter, default or annotation of the SDK is seen in review."""
    found = public_api()
    if os.environ.get(UPDATE):
        GOLDEN.parent.mkdir(parents=True, exist_ok=True)
        GOLDEN.write_text(found)
    assert found.splitlines() == GOLDEN.read_text().splitlines(), (
        f"the SDK's public names changed: services rely on them. If that is meant, run {UPDATE}=1 pytest {Path(__file__).name}, "
        "look at the difference, and add a line to CHANGELOG.md"
    )


def test_all_names_are_listed_and_found():
    """`__all__`, `dir()`, the table of homes and the attributes agree, so that an editor sees what is there."""
    lazy, listed = set(anyascope.sdk._HOMES), set(anyascope.sdk.__all__)
    assert lazy <= listed
    assert listed <= set(dir(anyascope.sdk))
    for name in anyascope.sdk.__all__:
        assert getattr(anyascope.sdk, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = anyascope.sdk.nonsense


def test_editors_see_the_same_names():
    """The imports for type checkers name exactly what the table names, from the same homes."""
    source = Path(anyascope.sdk.__file__).read_text()
    block = source.partition("if TYPE_CHECKING:")[2].partition("\n# Public name")[0]
    seen: dict[str, str] = {}
    for home, names in re.findall(
        r"from (anyascope\.sdk[\w.]*) import \(?([^()]*?)(?:\)|\n(?=\s*from)|\n*$)", block, re.DOTALL
    ):
        for name in re.split(r"[,\s]+", names.strip()):
            if name:
                seen[name] = home.removeprefix("anyascope.sdk").lstrip(".")
    assert seen == anyascope.sdk._HOMES


@pytest.mark.parametrize("path", ["anyascope.sdk.tracing.initialize_tracing", "anyascope.sdk.logs.initialize_logs"])
def test_old_paths_lead_there_still(path):
    """What was imported from a module before it became a package is found there."""
    module, _, name = path.rpartition(".")
    assert callable(getattr(importlib.import_module(module), name))


def test_the_correlation_is_a_function_whatever_is_imported_first():
    """A module and a name share their word; the name wins in every order of imports."""
    program = "import anyascope.sdk.correlation, anyascope.sdk.logs, anyascope.sdk; print(callable(anyascope.sdk.correlation))"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY / "src")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "True\n"


def test_nothing_of_the_server_is_loaded():
    """Importing and starting the SDK loads no library of the server and nothing that the host may not have."""
    program = """
import sys, anyascope.sdk
anyascope.sdk.init(service="x", endpoint="off")
for name in anyascope.sdk.__all__:
    if name not in ("testing", "integrations", "instrument", "instrument_clients"):
        getattr(anyascope.sdk, name)
print(sorted({module.partition(".")[0] for module in sys.modules}))
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY / "src")},
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = set(eval(done.stdout.splitlines()[-1], {}))  # a list that this test printed itself
    assert loaded.isdisjoint(
        {"numpy", "pyarrow", "fastapi", "starlette", "uvicorn", "sqlalchemy", "pydantic", "msgspec", "httpx", "typer"}
    )
    assert loaded.isdisjoint({"flask", "django", "aiohttp", "pkcs11", "grpc", "pytest"})


def test_the_package_says_that_it_is_typed():
    """`py.typed` lies in the package, so that a consumer's type checker looks inside."""
    assert (Path(anyascope.__file__).parent / "py.typed").exists()


@pytest.mark.slow
def test_a_consumer_passes_a_strict_type_checker(tmp_path):
    """A service that uses the SDK as the guide says is checked by mypy's strict mode, and its mistakes are found."""
    consumer = tmp_path / "consumer.py"
    consumer.write_text(CONSUMER)
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "mypy",
            "--strict",
            "--config-file",
            os.devnull,
            "--cache-dir",
            str(tmp_path / "cache"),
            str(consumer),
        ],
        env={**os.environ, "MYPYPATH": str(REPOSITORY / "src")},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    mine = [line for line in done.stdout.splitlines() if line.startswith("consumer.py")]
    assert mine == [], done.stdout
