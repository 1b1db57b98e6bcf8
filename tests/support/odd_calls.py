"""Throws odd values at every public function of a module of the SDK; a child process, since much of it is the process's own.

    python -m support.odd_calls anyascope.sdk.logs [strict]

prints a JSON object: how many calls were made, and each failure as a line. Names are found by looking: a new one is tried too.
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
import importlib
import inspect
import io
import json
import logging
import os
import random
import sys
import threading
import types
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from anyascope.clock import SystemClock
from anyascope.sdk.alerting import SendError
from anyascope.sdk.guard import MisuseError, strict
from support.odd_values import OddError, odd_values, random_values

COMBINATIONS = 30  # of odd values in all parameters at once, a callable
STALL_S = 60.0  # of one call; a call that takes longer, on a busy machine too, stands still
FAILURES_MAX = 6  # of one callable that are told


SOUND_OPERATIONS = {"trace_health_check": ("node",), "trace_hsm_operation": ("sign", "k1", "softhsm")}


def _operation(name: str) -> Callable[[], Any]:
    def make() -> Any:
        sdk = importlib.import_module("anyascope.sdk")
        with getattr(sdk, name)(*SOUND_OPERATIONS.get(name, ("send", "w1", None))) as operation:
            return operation

    return make


def _custody(*, of_step: bool) -> Callable[[], Any]:
    def make() -> Any:
        from anyascope.sdk.custody import custody_operation

        with custody_operation("withdrawal", wallet_id="w1") as operation:
            if not of_step:
                return operation
            with operation.step("policy") as step:
                return step

    return make


def _door() -> Any:
    from anyascope.sdk.delivery import Target, open_door

    return open_door("logs", Target("http://127.0.0.1:9/v1/logs"))


def _timer() -> Any:
    from anyascope.sdk.metrics import MetricsTimer

    return MetricsTimer.bitcoin_operation("send", "w1")


OF_THE_PROCESS = frozenset(("after_fork", "flush_at_exit"))  # called by our own hooks, never by a host


def _telemetry() -> Any:
    return importlib.import_module("anyascope.sdk").init(service="odd", endpoint="off", logs="off")


# What our functions hand out: nobody else makes one, so their constructors are ours, and an instance comes from there.
HANDED_OUT: dict[str, Callable[[], Any]] = {
    "Telemetry": _telemetry,
    "BitcoinOperation": _operation("trace_bitcoin_operation"),
    "CustodyOperation": _custody(of_step=False),
    "CustodyStep": _custody(of_step=True),
    "Door": _door,
    "HealthCheck": _operation("trace_health_check"),
    "HsmOperation": _operation("trace_hsm_operation"),
    "MetricsTimer": _timer,
    "Operation": _operation("trace_bitcoin_operation"),
}


class Walk:
    """What was tried, and what went wrong."""

    def __init__(self, module: str, *, is_strict: bool) -> None:
        self.module = module
        self.is_strict = is_strict
        self.calls = 0
        self.failures: list[str] = []
        self.not_made: list[str] = []
        self._failed: Counter[str] = Counter()
        self._chance = random.Random(module)

    def allowed(self, where: str) -> tuple[type[BaseException], ...]:
        """What may be raised: in tests wrong use, and what the value's own methods raised; by a channel that it could not send."""
        raised = (SendError,) if where.endswith("Channel.send_alert") else ()
        return (*raised, MisuseError, OddError) if self.is_strict else raised

    def try_module(self) -> None:
        """Each public callable."""
        module = importlib.import_module(self.module)
        for name in public_names(module):
            found = getattr(module, name)
            where = f"{self.module}.{name}"
            if isinstance(found, types.ModuleType) or self.is_tried_elsewhere(name):
                continue
            if inspect.isclass(found):
                self.try_class(where, found)
            elif callable(found):
                self.try_callable(where, found)

    def is_tried_elsewhere(self, name: str) -> bool:
        """Whether a name of `anyascope.sdk` is one of a public module's too."""
        if self.module != "anyascope.sdk":
            return False
        sdk = importlib.import_module(self.module)
        home = sdk._HOMES.get(name, "")
        return sdk._HOMES.get(home) == "" and name in public_names(importlib.import_module(f"anyascope.sdk.{home}"))

    def try_class(self, where: str, kind: type) -> None:
        """Its constructor, and each public method of an instance that was made with sound values."""
        if issubclass(kind, enum.Enum | BaseException) or getattr(kind, "_is_protocol", False) or is_description(kind):
            return
        if kind.__name__ not in HANDED_OUT:
            self.try_callable(where, kind)
        for name, attribute in vars(kind).items():
            if isinstance(attribute, staticmethod | classmethod) and not name.startswith("_"):
                self.try_callable(f"{where}.{name}", getattr(kind, name))
        methods = [
            name
            for name, attribute in inspect.getmembers(kind, inspect.isfunction)
            if not name.startswith("_") and name not in OF_THE_PROCESS and attribute.__module__.startswith("anyascope")
        ]
        for name in methods:
            self.try_method(where, kind, name)

    def try_method(self, where: str, kind: type, name: str) -> None:
        """One method, on an instance of its own."""
        instance = sound_instance(kind)
        if instance is None:
            self.not_made.append(where)
            return
        self.try_callable(f"{where}.{name}", getattr(instance, name))
        for closing in ("close", "shutdown"):
            with contextlib.suppress(Exception):
                getattr(instance, closing)()

    def try_callable(self, where: str, function: Callable[..., Any]) -> None:
        """Each odd value in each parameter, then in all at once."""
        parameters = parameters_of(function)
        if parameters is None:
            return
        for parameter in parameters:
            for label, value in odd_values():
                arguments = {**sound_arguments(parameters), parameter.name: value}
                self.call(where, function, parameters, arguments, f"{parameter.name}={label}")
        for _ in range(COMBINATIONS if parameters else 0):
            drawn = random_values(self._chance, len(parameters))
            arguments = {one.name: value for one, (_, value) in zip(parameters, drawn, strict=True)}
            said = ", ".join(f"{one.name}={label}" for one, (label, _) in zip(parameters, drawn, strict=True))
            self.call(where, function, parameters, arguments, said)

    def call(  # noqa: PLR0917  # called in two places beside this one
        self,
        where: str,
        function: Callable[..., Any],
        parameters: list[inspect.Parameter],
        arguments: dict[str, Any],
        said: str,
    ) -> None:
        """One call, and the use of what it gives."""
        positional, named = bound(parameters, arguments)
        self.calls += 1
        with watched(f"{where}({said})"):
            try:
                given = function(*positional, **named)
                use(given)
            except self.allowed(where):
                return
            except HostError as error:
                self.fail(f"{where}({said}): the host's own function {error}")
            except Exception as error:  # noqa: BLE001  # that is what is looked for
                self.fail(f"{where}({said}): {type(error).__name__}: {shown(error)}")

    def fail(self, line: str) -> None:
        where = line.partition("(")[0]
        self._failed[where] += 1
        if self._failed[where] <= FAILURES_MAX:
            self.failures.append(line[:300])


class HostError(AssertionError):
    """The host's function was not called exactly once, or its result did not pass."""


def use(given: Any) -> None:
    """Do with a result what hosts do: decorate with it, enter it, await it."""
    kind = type(given)
    if kind is types.CoroutineType:
        asyncio.run(asyncio.wait_for(given, STALL_S))
        return
    if not kind.__module__.startswith(("anyascope", "contextlib", "builtins")):
        return
    if hasattr(kind, "__enter__") and not issubclass(kind, io.IOBase | threading.Thread):
        with given:
            pass
    if (
        kind.__module__.startswith("anyascope")
        and any("__call__" in vars(base) for base in kind.__mro__)
        and hasattr(kind, "__enter__")
    ) or (kind is types.FunctionType and given.__qualname__.endswith("decorate")):
        decorate(given)


def decorate(decorator: Callable[..., Any]) -> None:
    """The decorated function runs once, and its result and its exception pass."""
    calls: list[int] = []
    answer = object()

    def host(value: int = 0) -> object:
        calls.append(value)
        if value:
            raise KeyError("the host's")
        return answer

    decorated = decorator(host)
    if decorated() is not answer or calls != [0]:
        raise HostError(f"was called {len(calls)} times")


def public_names(module: types.ModuleType) -> list[str]:
    """What the module says is public; one that says nothing is reached by `anyascope.sdk` alone."""
    return sorted(getattr(module, "__all__", ()))


def is_description(kind: type) -> bool:
    """A `TypedDict` or a `NamedTuple` takes what it is given."""
    return hasattr(kind, "__total__") or (issubclass(kind, tuple) and hasattr(kind, "_fields"))


def parameters_of(function: Callable[..., Any]) -> list[inspect.Parameter] | None:
    try:
        found = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return None
    return [one for one in found if one.kind is not inspect.Parameter.VAR_POSITIONAL]


def bound(parameters: list[inspect.Parameter], arguments: dict[str, Any]) -> tuple[list[Any], dict[str, Any]]:
    positional: list[Any] = []
    named: dict[str, Any] = {}
    for one in parameters:
        if one.name not in arguments:
            continue
        value = arguments[one.name]
        if one.kind is inspect.Parameter.VAR_KEYWORD:
            named["odd"] = value
        elif one.kind is inspect.Parameter.KEYWORD_ONLY or (
            one.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD and named
        ):
            named[one.name] = value
        elif one.default is inspect.Parameter.empty or one.kind is inspect.Parameter.POSITIONAL_ONLY:
            positional.append(value)
        else:
            named[one.name] = value
    return positional, named


def sound_arguments(parameters: list[inspect.Parameter]) -> dict[str, Any]:
    """Something that fits for each parameter that must be given."""
    return {
        one.name: sound_value(one)
        for one in parameters
        if one.default is inspect.Parameter.empty and one.kind is not inspect.Parameter.VAR_KEYWORD
    }


SOUND_BY_NAME: dict[str, Callable[[], Any]] = {
    "logger": lambda: logging.getLogger("anyascope.odd"),
    "level": lambda: 20,
    "phase": lambda: "event",
    "endpoint": lambda: "off",
}


def sound_value(parameter: inspect.Parameter) -> Any:
    if parameter.name in SOUND_BY_NAME:
        return SOUND_BY_NAME[parameter.name]()
    annotation = str(parameter.annotation)
    for word, make in SOUND_BY_TYPE.items():
        if word in annotation:
            return make()
    return "x"


def _alert() -> Any:
    from anyascope.sdk.alerting import AlertBuilders

    return AlertBuilders.bitcoin_low_balance("w1", 1, 2)


def _severity() -> Any:
    from anyascope.sdk.alerting import AlertSeverity

    return next(iter(AlertSeverity))


def _category() -> Any:
    from anyascope.sdk.alerting import AlertCategory

    return next(iter(AlertCategory))


def _target() -> Any:
    from anyascope.sdk.delivery import Target

    return Target("http://127.0.0.1:9/v1/logs")


def _registry() -> Any:
    from prometheus_client import CollectorRegistry

    return CollectorRegistry()


def _exporter() -> Any:
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    return InMemorySpanExporter()


async def _asgi(scope: Any, receive: Any, send: Any) -> None:
    """An application that answers nothing."""


SOUND_BY_TYPE: dict[str, Callable[[], Any]] = {
    "AlertSeverity": _severity,
    "AlertCategory": _category,
    "CollectorRegistry": _registry,
    "Exporter": _exporter,
    "Application": lambda: _asgi,
    "Target": _target,
    "Alert": _alert,
    "LogRecord": lambda: logging.makeLogRecord({"name": "odd", "msg": "x"}),
    "Clock": SystemClock,
    "Executor": lambda: ThreadPoolExecutor(1),
    "Callable": lambda: lambda *_args, **_kwargs: None,
    "Mapping": dict,
    "Sequence": list,
    "bytes": lambda: b"x",
    "bool": lambda: False,
    "int": lambda: 1,
    "float": lambda: 1.0,
}


def sound_instance(kind: type) -> Any:
    try:
        if kind.__name__ in HANDED_OUT:
            return HANDED_OUT[kind.__name__]()
        parameters = parameters_of(kind)
        if parameters is None:
            return None
        positional, named = bound(parameters, sound_arguments(parameters))
        return kind(*positional, **named)
    except Exception:  # noqa: BLE001  # such a class is told among those that were not made
        return None


def shown(error: BaseException) -> str:
    try:
        return str(error)[:150]
    except Exception:  # noqa: BLE001  # made odd on purpose
        return "(unprintable)"


def tell(report: dict[str, Any]) -> None:
    """The report to whoever started this process."""
    sys.__stdout__.write(f"{json.dumps(report)}\n")
    sys.__stdout__.flush()


@contextlib.contextmanager
def watched(what: str) -> Iterator[None]:
    """Say which call stands still, and end the process: nobody else can."""

    def give_up() -> None:
        tell({"calls": 0, "failures": [f"{what} stands still"], "not_made": []})
        os._exit(0)

    timer = threading.Timer(STALL_S, give_up)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def main() -> None:
    warnings.simplefilter("ignore")
    module, is_strict = sys.argv[1], "strict" in sys.argv[2:]
    logging.getLogger().addHandler(logging.NullHandler())
    logging.getLogger().setLevel(logging.DEBUG)
    walk = Walk(module, is_strict=is_strict)
    with strict() if is_strict else contextlib.nullcontext(), contextlib.redirect_stdout(io.StringIO()):
        walk.try_module()
    report = {"calls": walk.calls, "failures": walk.failures, "not_made": sorted(set(walk.not_made))}
    tell(report)
    os._exit(0)  # threads of what was set up with odd values must not hold the test up


if __name__ == "__main__":
    main()
