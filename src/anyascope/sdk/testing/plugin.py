"""The pytest plugin: the fixture `telemetry`, and contracts that every test keeps in which an operation happens.

    [tool.pytest.ini_options]
    telemetry_contracts = ["bitcoin_operation", "hsm_operation", "contracts.toml", "my.contracts:WITHDRAWAL"]

or, in a `conftest.py`, `def pytest_telemetry_contracts(): return [WITHDRAWAL]`.

Where a project declares nothing and a test asks for nothing, nothing is loaded and nothing is captured.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from anyascope.sdk.testing.capturing import Captured
    from anyascope.sdk.testing.contracts import TelemetryContract

INI_NAME = "telemetry_contracts"
MARKER = "telemetry_contract"
OFF_MARKER = "no_telemetry_contracts"

_captured = pytest.StashKey["Captured"]()
_ends = pytest.StashKey[ExitStack]()
_declared = pytest.StashKey["dict[str, TelemetryContract]"]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare where a project names its contracts."""
    parser.addini(
        INI_NAME,
        "telemetry contracts that every test keeps: names of ready ones, TOML files, module:object",
        type="linelist",
        default=[],
    )


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """Declare what a `conftest.py` may answer."""
    from anyascope.sdk.testing import hooks  # noqa: PLC0415  # pytest asks for a module

    pluginmanager.add_hookspecs(hooks)


def pytest_configure(config: pytest.Config) -> None:
    """Declare the markers."""
    config.addinivalue_line(
        "markers",
        f"{MARKER}(*contracts, at_least=1): the operation happens at least so often, and leaves all that the contracts "
        "(names or objects) want",
    )
    config.addinivalue_line("markers", f"{OFF_MARKER}: the project's contracts do not hold for this test")


@pytest.fixture
def telemetry(request: pytest.FixtureRequest) -> Captured:
    """Everything that the SDK would send while this test runs: see `anyascope.sdk.testing.Captured`."""
    captured: Captured = request.node.stash[_captured]
    return captured


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, None, None]:
    """Capture from before the fixtures, so that a service which one of them starts is seen from its start."""
    if _is_watched(item):
        from anyascope.sdk.testing.capturing import capture  # noqa: PLC0415  # only where a test is watched

        stack = item.stash[_ends] = ExitStack()
        item.stash[_captured] = stack.enter_context(capture())
    return (yield)


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    """A test that passed is judged by the contracts."""
    result = yield
    captured = item.stash.get(_captured, None)
    if captured is not None:
        _judge(item, captured)
    return result


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, None, None]:
    """Put everything back, after the fixtures have ended."""
    try:
        return (yield)
    finally:
        stack = item.stash.get(_ends, None)
        if stack is not None:
            del item.stash[_ends]
            stack.close()


def _is_watched(item: pytest.Item) -> bool:
    names = getattr(item, "fixturenames", ())
    return "telemetry" in names or item.get_closest_marker(MARKER) is not None or _keeps_projects(item)


def _keeps_projects(item: pytest.Item) -> bool:
    """Whether the project declares contracts, and they hold for this test."""
    if item.get_closest_marker(OFF_MARKER) is not None:
        return False
    return bool(item.config.getini(INI_NAME) or item.config.hook.pytest_telemetry_contracts.get_hookimpls())


def _judge(item: pytest.Item, captured: Captured) -> None:
    from anyascope.sdk.testing.contracts import ContractError  # noqa: PLC0415  # only where a test is watched
    from anyascope.sdk.testing.declarations import DeclarationError  # noqa: PLC0415  # as above

    problems = []
    try:
        for contract, at_least in _contracts_of(item).values():
            try:
                contract.check(captured, at_least=at_least)
            except ContractError as error:
                problems.append(str(error))
    except DeclarationError as error:
        problems.append(str(error))
    if problems:
        pytest.fail("\n\n".join(problems), pytrace=False)


def _contracts_of(item: pytest.Item) -> dict[str, tuple[TelemetryContract, int]]:
    """Name -> contract and how often it must have been asked for; a marker's demand is added to the project's."""
    found = {}
    if _keeps_projects(item):
        found = {name: (contract, 0) for name, contract in _project_contracts(item.config).items()}
    for marker in item.iter_markers(MARKER):
        for wanted in marker.args:
            for contract in _named(item.config, wanted):
                found[contract.name] = (contract, int(marker.kwargs.get("at_least", 1)))
    return found


def _project_contracts(config: pytest.Config) -> dict[str, TelemetryContract]:
    if _declared not in config.stash:
        from anyascope.sdk.testing.declarations import load  # noqa: PLC0415  # only where a project declares some

        sources: list[str] = config.getini(INI_NAME)
        directory = config.inipath.parent if config.inipath is not None else config.rootpath
        answered = config.hook.pytest_telemetry_contracts(config=config)
        contracts = [contract for source in sources for contract in load(source, directory=directory)]
        contracts += [contract for answer in answered for contract in answer]
        config.stash[_declared] = {contract.name: contract for contract in contracts}
    return config.stash[_declared]


def _named(config: pytest.Config, wanted: object) -> list[TelemetryContract]:
    """The contracts that a marker names: an object, one of the project's, or a declaration."""
    from anyascope.sdk.testing.contracts import TelemetryContract  # noqa: PLC0415  # only where a marker stands
    from anyascope.sdk.testing.declarations import DeclarationError, load  # noqa: PLC0415  # as above

    if isinstance(wanted, TelemetryContract):
        return [wanted]
    if not isinstance(wanted, str):
        raise DeclarationError(f"@pytest.mark.{MARKER} wants contracts or their names, got {wanted!r}")
    known = _project_contracts(config)
    if wanted in known:
        return [known[wanted]]
    directory = config.inipath.parent if config.inipath is not None else config.rootpath
    return load(wanted, directory=directory)
