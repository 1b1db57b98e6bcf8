"""The small service of `web_apps` in FastAPI."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastapi import APIRouter, BackgroundTasks, FastAPI, HTTPException, Response, WebSocket
from fastapi.responses import RedirectResponse, StreamingResponse
from fastapi.staticfiles import StaticFiles

from anyascope.sdk.correlation import current_correlation_id
from support.web_parts import broken_chunks, chunks, endless_chunks, gate, note_failed_login


def fastapi_app(static: Path) -> Any:  # noqa: C901  # a service's handlers
    app, router, sub = FastAPI(), APIRouter(prefix="/wallets"), FastAPI()

    @router.get("/{wallet_id}")
    async def wallet(wallet_id: str) -> dict[str, str]:
        return {"id": wallet_id, "correlation": current_correlation_id()}

    @router.post("", status_code=201)
    async def make() -> None: ...

    @app.get("/broken")
    async def broken() -> None:
        raise RuntimeError("no")

    @app.get("/login")
    def login() -> None:
        raise HTTPException(401)

    @app.get("/noted-login")
    def noted_login() -> None:
        note_failed_login()
        raise HTTPException(401)

    @app.get("/forbidden")
    async def forbidden() -> None:
        raise HTTPException(403)

    @app.get("/moved")
    async def moved() -> Response:
        return RedirectResponse("/wallets/1", 302)

    @app.get("/stream")
    async def stream() -> Response:
        return StreamingResponse(chunks())

    @app.get("/stream-broken")
    async def stream_broken() -> Response:
        return StreamingResponse(broken_chunks())

    @app.get("/endless")
    async def endless() -> Response:
        return StreamingResponse(endless_chunks())

    @app.get("/background")
    async def background(tasks: BackgroundTasks) -> str:
        tasks.add_task(lambda: gate.seen.append(current_correlation_id()))
        return "ok"

    @app.get("/healthz")
    async def healthz() -> str:
        return "ok"

    @app.websocket("/ws/{room}")
    async def ws(socket: WebSocket, room: str) -> None:
        await socket.accept()
        await socket.send_text(current_correlation_id())
        await socket.receive_text()
        await socket.close()

    @sub.get("/items/{item_id}")
    async def item(item_id: str) -> str:
        return item_id

    app.include_router(router)
    app.mount("/sub", sub)
    app.mount("/tenants/{tenant}", sub)
    app.mount("/static", StaticFiles(directory=static))
    return app
