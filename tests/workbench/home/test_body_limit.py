"""A body over the limit is refused early, by its announced length or by counting."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from workbench.home.body_limit import SLACK, BodyLimit


def ask(headers: list[tuple[bytes, bytes]], chunks: int, size: int) -> tuple[int, int]:
    """(status, chunks taken) of a request whose body is `chunks` pieces of `size` bytes."""
    taken, sent = [0], []

    async def receive() -> dict[str, Any]:
        taken[0] += 1
        return {"type": "http.request", "body": b"x" * size, "more_body": taken[0] < chunks}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
        while (message := await receive())["type"] == "http.request" and message["more_body"]:
            pass
        await send({"type": "http.response.start", "status": 200, "headers": []})

    asyncio.run(BodyLimit(app)({"type": "http", "headers": headers}, receive, send))
    return sent[0]["status"], taken[0]


@pytest.fixture(autouse=True)
def small(settings: Any) -> None:
    settings.MAX_UPLOAD_BYTES = 1000


def test_it_lets_small_bodies_pass() -> None:
    assert ask([], 3, 1000) == (200, 3)


def test_it_refuses_by_the_announced_length_without_reading() -> None:
    assert ask([(b"content-length", b"10000000000")], 100, 1000) == (413, 0)


def test_it_stops_one_chunk_after_the_limit_whatever_was_announced() -> None:
    status, taken = ask([(b"content-length", b"5")], 100, 1024 * 1024)
    assert status == 413 and taken == SLACK // 1024**2 + 1
