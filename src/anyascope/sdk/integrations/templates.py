"""Finds the template of the route that served a request, in what Starlette, FastAPI and Litestar leave in the ASGI scope."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

MOUNTS_DEEP_MAX = 16  # applications mounted in one another; deeper ones are a circle
PROBED_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")  # one of them has a route where another is refused by 405


def starlette_template(scope: Mapping[str, Any], before: Mapping[str, Any], routes: Iterable[Any]) -> str | None:
    """The template with those of all mounts before it; `None` where no route matched.

    Args:
        scope: after the request was routed; the applications inside have written into it.
        before: the scope's own `type`, `path`, `method`, `headers` and `root_path` before that.
        routes: those of the outermost application.
    """
    route = scope.get("route")
    own = None if route is None or _is_mount(route) else _own_template(scope, route)
    root_path = str(scope.get("root_path", ""))
    if root_path == before["root_path"]:
        return own
    prefix, is_opaque = _mount_prefix(routes, before, root_path)
    if own is not None:
        return prefix + own
    return f"{prefix}/{{path}}" if is_opaque else None


def litestar_template(scope: Mapping[str, Any], before: Mapping[str, Any]) -> str | None:
    """The template of Litestar's route, also where it refused the method; `None` where no route matched."""
    template = scope.get("path_template")
    if template:
        return str(template)
    router = scope["litestar_app"].asgi_router
    path = str(before["path"]).removeprefix(str(before["root_path"])).rstrip("/") or "/"
    for method in PROBED_METHODS:
        try:
            return str(router.handle_routing(path=path, method=method)[-1]) or None
        except Exception:  # noqa: BLE001, S112  # Litestar says by an exception that there is no such route
            continue
    return None


def _own_template(scope: Mapping[str, Any], route: Any) -> str | None:
    # FastAPI keeps the prefix of an included router beside the route.
    included = (scope.get("fastapi") or {}).get("effective_route_context")
    if included is not None and getattr(included, "original_route", None) is route:
        return str(included.path_format)
    path = getattr(route, "path_format", None) or getattr(route, "path", None)
    return str(path) if path else None


def _mount_prefix(routes: Iterable[Any], before: Mapping[str, Any], root_path: str) -> tuple[str, bool]:
    """The templates of the mounts that lead to `root_path`, and whether the last holds an application without routes."""
    prefix, scope, is_opaque = "", dict(before), False
    for _ in range(MOUNTS_DEEP_MAX):
        for mount in _mounts(routes):
            match, child = mount.matches(scope)
            if match.name == "FULL" and root_path.startswith(child.get("root_path", scope["root_path"])):
                break
        else:
            break
        prefix += str(getattr(mount, "path", ""))  # a route by host name has none
        routes = mount.routes or ()
        is_opaque = not routes
        scope = {**scope, **child}
        if scope["root_path"] == root_path and not any(_is_host(inner) for inner in routes):
            break
    return prefix, is_opaque


def _mounts(routes: Iterable[Any]) -> Iterator[Any]:
    for route in routes:
        included = getattr(route, "effective_candidates", None)  # FastAPI's included router
        if included is not None:
            yield from _mounts(getattr(one, "starlette_route", None) or one for one in included())
        elif _is_mount(route):
            yield route


def _is_mount(route: Any) -> bool:
    return hasattr(route, "routes") and hasattr(route, "matches") and not hasattr(route, "methods")


def _is_host(route: Any) -> bool:
    return hasattr(route, "host")
