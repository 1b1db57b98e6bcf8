"""Any Bitcoin JSON-RPC client: each real call becomes its `bitcoin_operation`.

What is written of a call: its method, the wallet, how long it took, the node's error code, how large the answer was, the id
of a transaction that was sent and the amount that was to be sent. Never another parameter and never another answer.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from anyascope.sdk.guard import is_strict, report_misuse, tell_once
from anyascope.sdk.integrations import rpc_errors, rpc_methods
from anyascope.sdk.integrations.calls import made, run, run_later
from anyascope.sdk.integrations.proxies import Proxy, is_asynchronous, is_proxy, proxy_of
from anyascope.sdk.operations.bitcoin import trace_bitcoin_operation
from anyascope.sdk.operations.outcomes import is_cancelled
from anyascope.sdk.operations.running import Operation
from anyascope.sdk.operations.types import BitcoinError, BitcoinTransactionData
from anyascope.semconv.bitcoin_rpc import error_label

T = TypeVar("T")

NODE = "node"  # stands for the wallet where a call is for the node itself
BATCH = "batch"
QUOTED_CHARS_MIN = 4  # a parameter this long is looked for in the node's words; shorter ones are found in any sentence
PARAMETERS_DEEP_MAX = 8  # levels of a parameter that are looked at; Core's own stop at 4

# Methods of clients whose first argument is the node's method.
_CALLERS = frozenset(
    ("__call__", "_call", "call", "call_rpc", "execute", "invoke", "query", "request", "rpc", "send_request")
)
_BATCHERS = frozenset(("batch", "batch_", "_batch"))
_WALLET_IN_URL = re.compile(r"/wallet/([^/?#]+)")
_ABSENT = object()


@dataclass(frozen=True, slots=True)
class _Node:
    """What is known of a client."""

    wallet_id: str
    skip: frozenset[str]
    in_sats: bool


def instrument_bitcoin_rpc(client: T, wallet_id: str | None = None, *, skip: Iterable[str] = ()) -> T:
    """The client, whose every call of the node is traced, counted and logged; it looks and behaves as before.

    All shapes are known: `node.getblockcount()`, `node.call("getblockcount")`, `node("getblockcount")`, and each of them
    awaited. Errors pass through unchanged; `bitcoin_error` says what they amount to.

    The operation is named by the node's method: a withdrawal that the host traces as `send` around it lowers the wallet's
    balance once, not twice.

    Args:
        client: of python-bitcoinrpc, python-bitcoinlib, bitcoin-core-rpc, or any object of one of these shapes.
        wallet_id: the operator's name for the wallet; by default that of the client's address (`…/wallet/<name>`), or `node`.
        skip: methods that are called without a trace, such as one that is asked every second.
    """
    if is_proxy(client):
        return client
    try:
        if not _is_client(client):
            report_misuse(f"instrument_bitcoin_rpc() wants a client of a node, got a {type(client).__name__}")
            return client
        known = _Node(
            wallet_id=_wallet_id(wallet_id) or _wallet_of(client),
            skip=_methods(skip),
            in_sats=(str(type(client).__module__), type(client).__name__) == ("bitcoin.rpc", "Proxy"),
        )
        proxy: T = proxy_of(RpcProxy, client, known)
    except Exception as error:
        if is_strict():
            raise
        tell_once("instrument_bitcoin_rpc", error)
        return client
    return proxy


def bitcoin_error(error: BaseException) -> BitcoinError:
    """What a client's exception amounts to: `InsufficientFunds`, `TransactionFailed` or another `BitcoinError`.

    except JSONRPCException as error:
        raise bitcoin_error(error) from error
    """
    if not issubclass(type(error), BaseException):  # `isinstance` would ask the object itself, which may raise
        report_misuse(f"bitcoin_error() wants an exception, got a {type(error).__name__}")
        return BitcoinError(type(error).__name__)
    code = rpc_errors.error_code(error)
    kind = rpc_errors.bitcoin_error_kind(code)
    return kind(type(error).__name__ if code is None else f"{error_label(code)} ({code})")


def _is_client(client: object) -> bool:
    """Whether a node can be asked through it: it makes attributes up, can be called by a method's name, or has methods."""
    kind = type(client)  # `isinstance` would ask the object itself, which may raise
    if client is None or issubclass(kind, str | bytes | int | float | complex | list | tuple | dict | set | type):
        return False
    if "__call__" in dir(kind) or any("__getattr__" in vars(one) for one in kind.__mro__):
        return True
    return not (rpc_methods.KNOWN | _CALLERS).isdisjoint(dir(kind))


def _wallet_id(given: object) -> str:
    if given is None or issubclass(type(given), str):
        return str(given or "")
    report_misuse(f"wallet_id must be a name, got a {type(given).__name__}")
    return ""


def _methods(given: object) -> frozenset[str]:
    named: Any = (given,) if issubclass(type(given), str) else given
    if issubclass(type(named), tuple | list | set | frozenset) and all(issubclass(type(name), str) for name in named):
        return frozenset(named)
    report_misuse(f"skip must be names of methods, got a {type(given).__name__}")
    return frozenset()


class RpcProxy(Proxy):
    """In front of a client of a node."""

    __slots__ = ()

    def _anya_attribute(self, name: str, value: Any) -> Any:
        if not callable(value) or isinstance(value, type) or is_proxy(value):
            return value
        if name in _CALLERS:
            return _caller(self._anya_seen, value)
        if name in _BATCHERS:
            return _method(self._anya_seen, BATCH, value)
        return _method(self._anya_seen, name, value) if _is_of_node(self._anya_real, name) else value


def _is_of_node(client: object, name: str) -> bool:
    """Whether this attribute is a method of the node: one that Core has, or one that the client makes up as it is asked."""
    if name in rpc_methods.KNOWN:
        return True
    return rpc_methods.is_method_name(name) and inspect.getattr_static(client, name, _ABSENT) is _ABSENT


def _method(node: _Node, method: str, function: Callable[..., Any]) -> Callable[..., Any]:
    if method in node.skip:
        return function

    def call(*args: Any, **kwargs: Any) -> Any:
        return _traced(node, method, function, (args, kwargs), parameters=(args, kwargs))

    call.__name__ = call.__qualname__ = method
    call.__doc__ = getattr(function, "__doc__", None)
    return call


def _caller(node: _Node, function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of the client that is told the node's method by its first argument."""

    def call(*args: Any, **kwargs: Any) -> Any:
        method = args[0] if args else kwargs.get("method")
        if not rpc_methods.is_method_name(method) or method in node.skip:
            return function(*args, **kwargs)
        return _traced(node, str(method), function, (args, kwargs), parameters=_parameters(args[1:], kwargs))

    return call


Arguments = tuple[tuple[Any, ...], dict[str, Any]]


def _parameters(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Arguments:
    """The node's parameters: one after the other, or together in one list or mapping."""
    given = (
        args[0] if len(args) == 1 else kwargs.get("params", kwargs.get("parameters", _ABSENT) if not args else _ABSENT)
    )
    if isinstance(given, list | tuple):
        return tuple(given), {}
    if isinstance(given, dict):
        return (), given
    return args, kwargs


def _traced(
    node: _Node, method: str, function: Callable[..., Any], arguments: Arguments, *, parameters: Arguments
) -> Any:
    args, kwargs = arguments

    def begin() -> Operation:
        amount = rpc_methods.amount_sats(method, *parameters, in_sats=node.in_sats)
        data = BitcoinTransactionData(amount_sats=amount) if amount is not None else None
        return made(trace_bitcoin_operation(method, node.wallet_id, data))

    def ended(operation: Operation, result: Any, error: BaseException | None) -> None:
        operation.set_attribute("rpc.system", "jsonrpc")
        operation.set_attribute("rpc.method", method)
        if error is not None:
            _describe_error(operation, method, parameters, error)
            return
        operation.set_attribute("bitcoin.rpc.result_size", _size(result))
        operation.set_result(rpc_methods.transaction_id(method, result))

    if is_asynchronous(function):
        return run_later(begin, lambda: function(*args, **kwargs), ended)
    return run(begin, lambda: function(*args, **kwargs), ended)


def _describe_error(operation: Operation, method: str, parameters: Arguments, error: BaseException) -> None:
    if is_cancelled(error):
        operation.fail(error)
        return
    code = rpc_errors.error_code(error)
    label = type(error).__name__ if code is None else error_label(code)
    operation.set_attribute("error.type", label)
    if code is not None:
        operation.set_attribute("rpc.jsonrpc.error_code", code)
    kind = rpc_errors.bitcoin_error_kind(code, is_transfer=method in rpc_methods.SENDING)
    operation.set_attribute("bitcoin.error", kind.__name__)
    said = "" if method in rpc_methods.CONFIDENTIAL else rpc_errors.node_message(error)
    if any(quoted in said for quoted in _texts(parameters)):
        said = ""
    number = "" if code is None else f" ({code})"
    # The method comes last: `walletpassphrase: …` would be read as a passphrase, and taken out.
    operation.fail(f"{label}{number} in {method}{': ' if said else ''}{said}")


def _texts(value: Any, deep: int = 0) -> Iterable[str]:
    """All texts within the parameters that are long enough to be told from ordinary words."""
    if isinstance(value, str | bytes):
        text = value.decode("latin-1") if isinstance(value, bytes) else value
        if len(text) >= QUOTED_CHARS_MIN:
            yield text
    elif deep < PARAMETERS_DEEP_MAX:
        items = [*value.keys(), *value.values()] if isinstance(value, dict) else value
        for item in items if isinstance(items, list | tuple | set) else ():
            yield from _texts(item, deep + 1)


def _size(result: Any) -> int:
    """Characters of a text, items of a list or mapping, 1 for a number, 0 for nothing."""
    if result is None:
        return 0
    return len(result) if isinstance(result, str | bytes | list | tuple | dict) else 1


def _wallet_of(client: object) -> str:
    """The wallet in the address that a client keeps, under whatever name."""
    kept = getattr(client, "__dict__", {})
    for name, value in kept.items():
        if "url" in name.lower():
            found = _WALLET_IN_URL.search(str(value))
            if found:
                return found[1]
    return NODE
