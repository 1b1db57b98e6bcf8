"""python-pkcs11: whatever a module does with keys becomes its `hsm_operation`.

What is written of a call: which key (label or id), which mechanism, how long it took and the module's return code; of an ECDSA
signature a name, by which the transaction that carries it is known. Never data, signatures, PINs or key material.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from typing import Any, TypeVar, cast

from anyascope.sdk.guard import as_text, is_strict, report_misuse, tell_once
from anyascope.sdk.integrations.calls import made, run, stepped
from anyascope.sdk.integrations.proxies import Proxy, is_proxy, proxy_of, unwrapped
from anyascope.sdk.operations.hsm import HsmOperation, trace_hsm_operation
from anyascope.sdk.operations.outcomes import is_cancelled
from anyascope.sdk.operations.running import Operation
from anyascope.semconv.hsm import LOGIN_REFUSED, pkcs11_error_type, return_code

T = TypeVar("T")

PROVIDER = "pkcs11"  # where the host does not say which module it is
ELLIPTIC = "EC"  # the type of keys that sign transactions
UNNAMED = "unnamed"  # a key without label and id
ID_BYTES_MAX = 32  # of CKA_ID as a name; a longer one is cut

# method -> operation, of the objects that python-pkcs11 gives
_OF_SESSION = {
    "create_object": "create_object",
    "digest": "digest",
    "generate_domain_parameters": "generate_domain_parameters",
    "generate_key": "generate_key",
    "generate_keypair": "generate_keypair",
    "generate_random": "generate_random",
    "get_key": "find_key",
    "get_objects": "find_objects",
    "init_pin": "init_pin",
    "reaffirm_credentials": "login",
    "seed_random": "seed_random",
    "set_pin": "set_pin",
}
_OF_OBJECT = {
    "copy": "copy_object",
    "decapsulate_key": "decapsulate",
    "decrypt": "decrypt",
    "derive_key": "derive",
    "destroy": "destroy_object",
    "encapsulate_key": "encapsulate",
    "encrypt": "encrypt",
    "generate_keypair": "generate_keypair",
    "sign": "sign",
    "unwrap_key": "unwrap",
    "verify": "verify",
    "wrap_key": "wrap",
}


class _Place:
    """Where a call is made. A key's name and type are asked for at its first use: a search may find thousands of keys."""

    __slots__ = ("_key", "_thing", "_type", "provider", "token")

    def __init__(self, provider: str, token: str = "", thing: Any = None) -> None:
        self.provider = provider
        self.token = token
        self._thing = thing
        self._key: str | None = None if thing is not None else ""
        self._type: str | None = None if thing is not None else ""

    @property
    def key(self) -> str:
        """The label, else the id, of the key; "" for what is none."""
        if self._key is None:
            self._key = _text(self._thing, "label") or _shown(_attribute(self._thing, "id"))
        return self._key

    @property
    def key_type(self) -> str:
        """The name of the key's type, such as `EC`."""
        if self._type is None:
            self._type = str(getattr(_attribute(self._thing, "key_type"), "name", "") or "")
        return self._type

    @property
    def identifier(self) -> str:
        """The key's, else the token's."""
        return self.key or (f"token:{self.token}" if self.token else UNNAMED)


def instrument_pkcs11(thing: T, provider: str = PROVIDER) -> T:
    """The library, token or session, whose every use of a key is traced, counted, logged and audited.

    What it gives (tokens, sessions, keys) is instrumented as well, so that `key.sign(…)` is an operation of its own.
    Exceptions pass through unchanged.

    Args:
        thing: of python-pkcs11: what `pkcs11.lib(…)` gives, a slot, a token, a session or a key.
        provider: the name of the kind of module for labels, such as `softhsm`, `yubihsm`, `cloudhsm`.
    """
    if is_proxy(thing):
        return thing
    place = _Place(_provider(provider))
    try:
        instrumented: T = _in_place(thing, place)
    except Exception as error:
        if is_strict():
            raise
        tell_once("instrument_pkcs11", error)
        return thing
    if instrumented is thing:
        report_misuse(
            f"instrument_pkcs11() wants a library, token, session or key of pkcs11, got a {type(thing).__name__}"
        )
    return instrumented


def _provider(given: Any) -> str:
    name = as_text(given)
    if name:
        return name
    report_misuse(f"provider must be a name, got a {type(given).__name__}")
    return PROVIDER


def _in_place(thing: Any, place: _Place) -> Any:
    """The thing instrumented, where it is one of python-pkcs11's; otherwise as it is."""
    kinds = {kind.__name__ for kind in type(thing).__mro__ if str(kind.__module__).startswith("pkcs11")}
    if not kinds or is_proxy(thing):
        return thing
    if "Token" in kinds:
        return proxy_of(TokenProxy, thing, _Place(place.provider, _text(thing, "label")))
    if "Session" in kinds:
        token = place.token or _text(_attribute(thing, "token"), "label")
        return proxy_of(SessionProxy, thing, _Place(place.provider, token))
    if "Object" in kinds:
        return proxy_of(ObjectProxy, thing, _Place(place.provider, place.token, thing))
    return proxy_of(LibraryProxy, thing, place) if kinds & {"lib", "Slot"} else thing


class LibraryProxy(Proxy):
    """In front of a library or a slot: what it gives is instrumented."""

    __slots__ = ()

    def _anya_attribute(self, name: str, value: Any) -> Any:
        if name.startswith("_") or not callable(value):
            return _in_place(value, self._anya_seen)

        @functools.wraps(value)
        def call(*args: Any, **kwargs: Any) -> Any:
            return _results(value(*map(unwrapped, args), **kwargs), self._anya_seen)

        return call


class TokenProxy(LibraryProxy):
    """In front of a token: opening a session is an operation."""

    __slots__ = ()

    def _anya_attribute(self, name: str, value: Any) -> Any:
        if name != "open":
            return super()._anya_attribute(name, value)

        @functools.wraps(value)
        def opened(*args: Any, **kwargs: Any) -> Any:
            is_login = any(kwargs.get(pin) is not None for pin in ("user_pin", "so_pin")) or len(args) > 1
            operation_type = "login" if is_login else "open_session"
            return _traced(self._anya_seen, operation_type, value, (args, kwargs), subject=self._anya_seen.identifier)

        return opened


class SessionProxy(Proxy):
    """In front of a session."""

    __slots__ = ()

    def _anya_attribute(self, name: str, value: Any) -> Any:
        if name in _OF_SESSION and callable(value):
            return _method(self._anya_seen, name, _OF_SESSION[name], value)
        if name == "create_domain_parameters" and callable(value):
            return lambda *args, **kwargs: _in_place(value(*args, **kwargs), self._anya_seen)
        return _in_place(value, self._anya_seen)


class ObjectProxy(Proxy):
    """In front of a key, a certificate or domain parameters."""

    __slots__ = ()

    def _anya_attribute(self, name: str, value: Any) -> Any:
        if name in _OF_OBJECT and callable(value):
            return _method(self._anya_seen, name, _OF_OBJECT[name], value)
        return _in_place(value, self._anya_seen)


Arguments = tuple[tuple[Any, ...], dict[str, Any]]


def _method(place: _Place, name: str, operation_type: str, function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        return _traced(place, operation_type, function, (args, kwargs), subject=_subject(place, name, kwargs))

    return call


def _subject(place: _Place, name: str, kwargs: dict[str, Any]) -> str:
    """The key that a call is about: that of the object, or the one that is to be found or made."""
    wanted = kwargs.get("label") or kwargs.get("id")
    return place.key or (_shown(wanted) if wanted and name != "destroy" else place.identifier)


def _traced(
    place: _Place, operation_type: str, function: Callable[..., Any], arguments: Arguments, *, subject: str
) -> Any:
    args = tuple(map(unwrapped, arguments[0]))
    kwargs = {name: unwrapped(value) for name, value in arguments[1].items()}

    def begin() -> Operation:
        return made(trace_hsm_operation(operation_type, subject, place.provider))

    def ended(operation: Operation, result: Any, error: BaseException | None) -> None:
        for name, value in _known(place, args, kwargs).items():
            operation.set_attribute(name, value)
        if error is not None:
            _describe_error(operation, operation_type, error)
        elif operation_type == "sign" and place.key_type == ELLIPTIC and isinstance(result, bytes):
            cast("HsmOperation", operation).set_signature(result)
        elif operation_type == "verify":
            operation.set_attribute("pkcs11.verified", bool(result))
        elif operation_type == "find_objects" and isinstance(result, int):
            operation.set_attribute("pkcs11.objects", result)

    if operation_type == "find_objects" or _gives_parts(operation_type, args):
        return _placed(stepped(begin, lambda: function(*args, **kwargs), ended), place)
    return _results(run(begin, lambda: function(*args, **kwargs), ended), place)


def _gives_parts(operation_type: str, args: tuple[Any, ...]) -> bool:
    """Whether the module works as the answer is read: data that comes in parts is encrypted in parts."""
    return operation_type in ("encrypt", "decrypt") and bool(args) and not isinstance(args[0], str | bytes | int)


def _known(place: _Place, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, str]:
    mechanism = kwargs.get("mechanism")
    key_type = next((arg for arg in args[:2] if type(arg).__name__ == "KeyType"), None)
    found = {
        "pkcs11.token": place.token,
        "pkcs11.mechanism": getattr(mechanism, "name", "") if mechanism is not None else "",
        "pkcs11.key_type": getattr(key_type, "name", "") or place.key_type,
    }
    return {name: value for name, value in found.items() if value}


def _describe_error(operation: Operation, operation_type: str, error: BaseException) -> None:
    operation.fail(error)
    if is_cancelled(error):
        return
    code = return_code(error)
    operation.set_attribute("error.type", code or type(error).__name__)
    if code:
        operation.set_attribute("pkcs11.return_code", code)
    if operation_type == "login" and pkcs11_error_type(error) in LOGIN_REFUSED:
        from anyascope.sdk.security import security_event  # noqa: PLC0415  # loaded with the first refused login

        security_event("authentication_failed", "high", "hsm", return_code=code)


def _results(result: Any, place: _Place) -> Any:
    """What a call gave, with the objects in it instrumented."""
    if isinstance(result, tuple | list):
        return type(result)(_in_place(item, place) for item in result)
    if inspect.isgenerator(result):
        return _placed(result, place)
    return _in_place(result, place)


def _placed(items: Iterator[Any], place: _Place) -> Iterator[Any]:
    for item in items:
        yield _in_place(item, place)


def _shown(identifier: Any) -> str:
    if isinstance(identifier, bytes | bytearray):
        return identifier[:ID_BYTES_MAX].hex()
    return identifier if isinstance(identifier, str) else ""


def _text(thing: Any, name: str) -> str:
    value = _attribute(thing, name)
    return value if isinstance(value, str) else ""


def _attribute(thing: Any, name: str) -> Any:
    try:
        return getattr(thing, name)
    except Exception:  # noqa: BLE001  # a module may refuse any attribute; the name is then shorter
        return None
