"""`/r/{token}`: a page with one button. Opening it does nothing; its button does one thing, once.

The token in the address is the whole authority, so the page keeps it to itself: no scripts, no pictures, nothing from elsewhere,
no referrer for other sites, nothing stored.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from html import escape
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from anyascope.api.callbacks import form_of
from anyascope.api.problems import status_of
from anyascope.clock import NS_PER_S
from anyascope.errors import AnyascopeError
from anyascope.model.notifications import AlertStatus
from anyascope.model.responses import LinkSight, LinkState, ResponseAction
from anyascope.ports import ActingLinks
from anyascope.semconv.alerts import traits_of

_STYLE: Final = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:34rem;margin:2rem auto;padding:0 1rem;color:#222;background:#fff}"
    "h1{font-size:1.3rem;margin:0 0 .5rem}p{margin:.4rem 0}.a{border-left:6px solid;padding:.2rem .8rem;margin:1rem 0}"
    ".m{color:#666;font-size:.9rem}input{font:inherit;width:100%;padding:.6rem;box-sizing:border-box;margin:.3rem 0 1rem}"
    "button{font:inherit;font-weight:600;width:100%;padding:.9rem;border:0;border-radius:6px;background:#1c5fd4;color:#fff}"
    "@media(prefers-color-scheme:dark){body{color:#ddd;background:#161616}.m{color:#999}"
    "input{background:#222;color:#ddd;border:1px solid #555}}"
)
_STYLE_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
# A policy for referrers of `no-referrer` would make browsers send `Origin: null` with the button, which the guard refuses.
_HEADERS: Final[Mapping[str, str]] = {
    "content-security-policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "referrer-policy": "same-origin",
    "cache-control": "no-store",
    "x-robots-tag": "noindex, nofollow",
    "x-frame-options": "DENY",
}
_STATUSES: Final[Mapping[LinkState, int]] = {
    LinkState.READY: 200,
    LinkState.DONE: 200,
    LinkState.FORGED: 403,
    LinkState.EXPIRED: 410,
    LinkState.USED: 409,
    LinkState.OVER: 409,
}
_VERBS: Final[Mapping[ResponseAction, tuple[str, str]]] = {
    ResponseAction.ACKNOWLEDGE: ("Acknowledge", "Acknowledged"),
    ResponseAction.SNOOZE: ("Snooze for an hour", "Snoozed for an hour"),
    ResponseAction.RESOLVE: ("Resolve", "Resolved"),
}
_EXPLAINED: Final[Mapping[ResponseAction, str]] = {
    ResponseAction.ACKNOWLEDGE: "Nobody else is called while you act.",
    ResponseAction.SNOOZE: "Nobody is told of it for an hour; then it begins anew.",
    ResponseAction.RESOLVE: "It is over, until it begins anew.",
}


def link_routes(links: ActingLinks) -> list[BaseRoute]:
    """`/r/{token}`."""

    async def look(request: Request) -> Response:
        return _page(await links.look(request.path_params["token"]))

    async def use(request: Request) -> Response:
        try:
            form = await form_of(request)
            return _page(await links.use(request.path_params["token"], by=form.get("by", "")))
        except AnyascopeError as error:
            body = f"<h1>This did not work</h1><p>{escape(str(error))}</p><p>Go back and try again.</p>"
            return _html(body, status_of(error))

    return [
        Route("/r/{token}", look, methods=["GET"]),
        Route("/r/{token}", use, methods=["POST"]),
    ]


def _page(sight: LinkSight) -> Response:
    said = "".join(part for part in (_heading(sight), _alert(sight.alert), _rest(sight)) if part)
    return _html(said, _STATUSES[sight.state])


def _heading(sight: LinkSight) -> str:
    verb, done = _VERBS[sight.action] if sight.action is not None else ("", "")
    match sight.state:
        case LinkState.READY:
            return f"<h1>{verb} this alert?</h1>"
        case LinkState.DONE:
            return f"<h1>{done}</h1><p>By {escape(sight.by)}, {_time(sight.at_ns)}.</p>"
        case LinkState.USED:
            return (
                f"<h1>This link was used already</h1><p>By {escape(sight.by)}, {_time(sight.at_ns)}. It works once.</p>"
            )
        case LinkState.EXPIRED:
            return "<h1>This link has expired</h1><p>Answer by a newer message, or on the page of the server.</p>"
        case LinkState.OVER:
            return "<h1>This alert is over</h1><p>What this link was about has ended; nothing was changed.</p>"
        case LinkState.FORGED:
            return "<h1>This is no link of this server</h1><p>It was altered, cut off, or made by somebody else.</p>"


def _alert(alert: AlertStatus | None) -> str:
    if alert is None:
        return ""
    traits = traits_of(alert.severity)
    state = "fires" if alert.is_firing else "is over"
    return (
        f'<div class="a"><p><b>{traits.mark} {escape(alert.title)}</b></p>'
        f"<p>{escape(alert.name)} on {escape(alert.source)}, severity {alert.severity.value}, {state} "
        f"since {_time(alert.starts_ns)}.</p></div>"
    )


def _rest(sight: LinkSight) -> str:
    if sight.state is LinkState.DONE:
        return f"<p>{escape(sight.notice)}.</p>" if sight.notice else ""
    if sight.state is not LinkState.READY or sight.action is None:
        return ""
    return (
        f"<p>{_EXPLAINED[sight.action]}</p>"
        '<form method="post"><label>Your name (may stay empty)'
        f'<input name="by" maxlength="200" autocomplete="name" placeholder="{escape(sight.recipient)}"></label>'
        f"<button>{_VERBS[sight.action][0]}</button></form>"
        f'<p class="m">This link was sent to {escape(sight.recipient)}. It does this one thing, once.</p>'
    )


def _html(body: str, status: int) -> Response:
    return Response(
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1"><title>anyascope</title>'
        f"<style>{_STYLE}</style></head><body>{body}</body></html>",
        status_code=status,
        media_type="text/html",
        headers=dict(_HEADERS),
    )


def _time(time_ns: int) -> str:
    return datetime.fromtimestamp(time_ns // NS_PER_S, tz=UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
