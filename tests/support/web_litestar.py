"""The small service of `web_apps` in Litestar."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from litestar import Controller, Litestar, Response, Router, WebSocket, get, post, websocket
from litestar.background_tasks import BackgroundTask
from litestar.exceptions import HTTPException, NotAuthorizedException
from litestar.response import Redirect, Stream
from litestar.static_files import create_static_files_router

from anyascope.sdk.correlation import current_correlation_id
from support.web_parts import broken_chunks, chunks, endless_chunks, gate, note_failed_login


def litestar_app(static: Path) -> Any:  # noqa: C901  # a service's handlers
    class Wallets(Controller):
        path = "/wallets"

        @get("/{wallet_id:str}")
        async def wallet(self, wallet_id: str) -> dict[str, str]:
            return {"id": wallet_id, "correlation": current_correlation_id()}

        @post("/")
        async def make(self) -> None: ...

    @get("/broken")
    async def broken() -> None:
        raise RuntimeError("no")

    @get("/login", sync_to_thread=True)
    def login() -> None:
        raise NotAuthorizedException

    @get("/noted-login", sync_to_thread=True)
    def noted_login() -> None:
        note_failed_login()
        raise NotAuthorizedException

    @get("/forbidden")
    async def forbidden() -> None:
        raise HTTPException(status_code=403)

    @get("/moved", status_code=302)
    async def moved() -> Redirect:
        return Redirect("/wallets/1", status_code=302)

    @get("/stream")
    async def stream() -> Stream:
        return Stream(chunks())

    @get("/stream-broken")
    async def stream_broken() -> Stream:
        return Stream(broken_chunks())

    @get("/endless")
    async def endless() -> Stream:
        return Stream(endless_chunks())

    async def work() -> None:
        gate.seen.append(current_correlation_id())

    @get("/background")
    async def background() -> Response[str]:
        return Response("ok", background=BackgroundTask(work))

    @get("/healthz")
    async def healthz() -> str:
        return "ok"

    @websocket("/ws/{room:str}")
    async def ws(socket: WebSocket, room: str) -> None:
        await socket.accept()
        await socket.send_text(current_correlation_id())
        await socket.receive_text()
        await socket.close()

    @get("/items/{item_id:str}")
    async def item(item_id: str) -> str:
        return item_id

    return Litestar(
        route_handlers=[
            *(
                Wallets,
                broken,
                login,
                noted_login,
                forbidden,
                moved,
                stream,
                stream_broken,
                endless,
                background,
                healthz,
                ws,
            ),
            Router("/sub", route_handlers=[item]),
            create_static_files_router(path="/static", directories=[static]),
        ],
        logging_config=None,
    )
