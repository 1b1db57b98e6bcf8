"""Objects that stand in front of a client's and look like it: attributes, operators, `with`, `isinstance`."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable
from typing import Any

# Special methods are looked up on the class: a proxy's class gets those that the real one has, and no others.
_FORWARDED = (
    *("__len__", "__iter__", "__next__", "__aiter__", "__anext__", "__contains__", "__getitem__", "__setitem__"),
    *(
        "__delitem__",
        "__bool__",
        "__int__",
        "__index__",
        "__float__",
        "__bytes__",
        "__lt__",
        "__le__",
        "__gt__",
        "__ge__",
    ),
    *("__exit__", "__aexit__", "__await__"),
)
_ENTERING = ("__enter__", "__aenter__")
_OWN = frozenset(("_anya_real", "_anya_seen"))
_classes: dict[tuple[type, type], type] = {}


class Proxy:
    """Base of all: `_anya_attribute` decides what becomes of an attribute of the real object.

    Args:
        real: what stands behind.
        seen: what the kind of proxy wants to remember; its own business.
    """

    __slots__ = ("_anya_real", "_anya_seen")

    def __init__(self, real: Any, seen: Any) -> None:
        object.__setattr__(self, "_anya_real", real)
        object.__setattr__(self, "_anya_seen", seen)

    def _anya_attribute(self, name: str, value: Any) -> Any:
        """What a caller gets who asks for this attribute of the real object."""
        _ = name
        return value

    def __getattr__(self, name: str) -> Any:
        if name in _OWN:  # asked for before it is there, by `copy` and the like
            raise AttributeError(name)
        return self._anya_attribute(name, getattr(self._anya_real, name))

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._anya_real, name, unwrapped(value))

    def __delattr__(self, name: str) -> None:
        delattr(self._anya_real, name)

    def __dir__(self) -> Any:
        return dir(self._anya_real)

    def __repr__(self) -> str:
        return repr(self._anya_real)

    def __str__(self) -> str:
        return str(self._anya_real)

    def __eq__(self, other: object) -> bool:
        return bool(self._anya_real == unwrapped(other))

    def __hash__(self) -> int:
        return hash(self._anya_real)

    def __copy__(self) -> Any:
        return proxy_of(_kind_of(self), copy.copy(self._anya_real), self._anya_seen)

    def __deepcopy__(self, known: dict[int, Any]) -> Any:
        return proxy_of(_kind_of(self), copy.deepcopy(self._anya_real, known), self._anya_seen)

    def __reduce_ex__(self, protocol: Any) -> Any:
        # What is sent to another process is the real object: that process has its own telemetry.
        return self._anya_real.__reduce_ex__(protocol)

    @property
    def __class__(self) -> type:
        return type(self._anya_real)

    @__class__.setter
    def __class__(self, kind: type) -> None:
        self._anya_real.__class__ = kind


def proxy_of(kind: type[Proxy], real: Any, seen: Any) -> Any:
    """A proxy of this kind in front of `real`; `real` itself where it is one already."""
    return real if is_proxy(real) else _class_for(kind, type(real))(real, seen)


def is_proxy(value: object) -> bool:
    """Whether this stands in front of something; `isinstance` cannot tell."""
    return issubclass(type(value), Proxy)


def unwrapped(value: Any) -> Any:
    """What stands behind a proxy, also within a list, tuple or mapping; anything else as it is."""
    if is_proxy(value):
        return object.__getattribute__(value, "_anya_real")
    if type(value) in (list, tuple) and any(is_proxy(item) for item in value):
        return type(value)(map(unwrapped, value))
    if type(value) is dict and any(is_proxy(item) for item in value.values()):
        return {name: unwrapped(item) for name, item in value.items()}
    return value


def _kind_of(proxy: Proxy) -> type[Proxy]:
    """The kind that a proxy's own class was made from."""
    return type(proxy).__mro__[1]


def _class_for(kind: type[Proxy], real: type) -> type:
    found = _classes.get((kind, real))
    if found is None:
        special: dict[str, Any] = {"__slots__": (), "__doc__": real.__doc__, "__module__": real.__module__}
        special |= {name: _forward(name) for name in _FORWARDED if _has(real, name)}
        special |= {name: _enter(name) for name in _ENTERING if _has(real, name)}
        if _has(real, "__call__"):
            special["__call__"] = _call
        found = _classes[kind, real] = type(real.__name__, (kind,), special)
    return found


def _has(real: type, name: str) -> bool:
    return getattr(real, name, None) is not None


def _forward(name: str) -> Callable[..., Any]:
    def forward(self: Any, *args: Any) -> Any:
        return getattr(type(self._anya_real), name)(self._anya_real, *map(unwrapped, args))

    return forward


def _enter(name: str) -> Callable[..., Any]:
    """`with` gives the proxy where the real object gives itself."""

    def given(self: Any, entered: Any) -> Any:
        return self if entered is self._anya_real else entered

    if name == "__aenter__":

        async def enter_later(self: Any) -> Any:
            return given(self, await getattr(type(self._anya_real), name)(self._anya_real))

        return enter_later

    def enter(self: Any) -> Any:
        return given(self, getattr(type(self._anya_real), name)(self._anya_real))

    return enter


def _call(self: Any, *args: Any, **kwargs: Any) -> Any:
    return self._anya_attribute("__call__", self._anya_real)(*args, **kwargs)


def is_asynchronous(function: Callable[..., Any]) -> bool:
    """Whether calling it gives a coroutine."""
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(getattr(function, "__call__", None))  # noqa: B004  # an object with an asynchronous call
