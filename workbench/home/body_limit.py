"""Bodies larger than the upload limit are refused before they fill the disk: Django's ASGI handler spools whole bodies first."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from django.conf import settings

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
SLACK = 4 * 1024 * 1024  # other fields and multipart borders
PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Too large</title><h1>Too large</h1>
<p>This is larger than {limit:,.0f} MiB, the most that is taken at once. Send it in parts, or compress it with gzip.</p>"""


class BodyLimit:
    """ASGI middleware: 413 by the announced length, else by counting what arrives."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        limit = settings.MAX_UPLOAD_BYTES + SLACK
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        if announced.isdigit() and int(announced) > limit:
            await _refuse(send)
            return
        state = {"read": 0, "started": False}

        async def counted() -> dict[str, Any]:
            message = await receive()
            state["read"] += len(message.get("body", b""))
            return {"type": "http.disconnect"} if state["read"] > limit else message

        async def noted(message: dict[str, Any]) -> None:
            if state["read"] <= limit:
                state["started"] = True
                await send(message)

        await self.app(scope, counted, noted)
        if state["read"] > limit and not state["started"]:
            await _refuse(send)


async def _refuse(send: Send) -> None:
    body = PAGE.format(limit=settings.MAX_UPLOAD_BYTES / 1024**2).encode()
    headers = [
        (b"content-type", b"text/html; charset=utf-8"),
        (b"connection", b"close"),
        (b"content-security-policy", b"default-src 'none'"),
    ]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": body})
