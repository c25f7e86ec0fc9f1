"""What a misbehaving endpoint does, by name: to the connection, with a whole answer, to a stream's events."""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .fake_teacher import Call, FakeTeacher

HANG = 30.0
BOMB = gzip.compress(bytes(20_000_000), 1)


async def send(writer: asyncio.StreamWriter, status: int, found: Any, more: dict[str, str] | None = None) -> bool:
    data = found if isinstance(found, bytes) else json.dumps(found).encode()
    head = {"Content-Type": "application/json", "Content-Length": str(len(data)), **(more or {})}
    lines = "".join(f"{k}: {v}\r\n" for k, v in head.items())
    writer.write(f"HTTP/1.1 {status} Some Words\r\n{lines}\r\n".encode() + data)
    await writer.drain()
    return True


# -- faults of the connection -------------------------------------------------------------------------------------------


async def _nothing(teacher: FakeTeacher, call: Call, writer: asyncio.StreamWriter) -> bool:
    return False


async def _reset(teacher: FakeTeacher, call: Call, writer: asyncio.StreamWriter) -> bool:
    made: socket.socket = writer.get_extra_info("socket")
    made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
    return False


async def _hang(teacher: FakeTeacher, call: Call, writer: asyncio.StreamWriter) -> bool:
    await asyncio.sleep(HANG)
    return False


async def _half(teacher: FakeTeacher, call: Call, writer: asyncio.StreamWriter) -> bool:
    """Half of the bytes that were announced, then the end."""
    data = json.dumps(teacher.completion(call)).encode()
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(data), data[: len(data) // 2]))
    await writer.drain()
    return False


async def _stall(teacher: FakeTeacher, call: Call, writer: asyncio.StreamWriter) -> bool:
    data = json.dumps(teacher.completion(call)).encode()
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(data), data[: len(data) // 2]))
    await writer.drain()
    await asyncio.sleep(HANG)
    return False


async def _drip(teacher: FakeTeacher, call: Call, writer: asyncio.StreamWriter) -> bool:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    for _ in range(1000):
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.05)
    return False


async def _interim(teacher: FakeTeacher, call: Call, writer: asyncio.StreamWriter) -> bool:
    """Words that an answer will come, as fast as they are read."""
    for _ in range(100_000):
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n" * 4000)
        await writer.drain()
    return False


async def _too_short(teacher: FakeTeacher, call: Call, writer: asyncio.StreamWriter) -> bool:
    """Announces fewer bytes than it sends."""
    data = json.dumps(teacher.completion(call)).encode()
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(data) // 2, data))
    await writer.drain()
    return True


async def _bomb(teacher: FakeTeacher, call: Call, writer: asyncio.StreamWriter) -> bool:
    return await send(writer, 200, BOMB, {"Content-Encoding": "gzip"})


async def _huge(teacher: FakeTeacher, call: Call, writer: asyncio.StreamWriter) -> bool:
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    block = b"%x\r\n%s\r\n" % (1 << 20, b" " * (1 << 20))
    for _ in range(5000):
        writer.write(block)
        await writer.drain()
    return False


async def _headers(teacher: FakeTeacher, call: Call, writer: asyncio.StreamWriter) -> bool:
    writer.write(b"HTTP/1.1 200 OK\r\n")
    for i in range(1_000_000):
        writer.write(b"X-%d: y\r\n" % i)
        if i % 1000 == 0:
            await writer.drain()
            await asyncio.sleep(0)
    return False


async def _noise(teacher: FakeTeacher, call: Call, writer: asyncio.StreamWriter) -> bool:
    writer.write(b"220 mail.example ESMTP\r\n\r\n")
    await writer.drain()
    return False


BREAKS = {
    "nothing": _nothing, "reset": _reset, "hang": _hang, "half": _half, "stall": _stall, "drip": _drip, "interim": _interim, "too-short": _too_short,
    "bomb": _bomb, "huge": _huge, "headers": _headers, "noise": _noise,
}  # fmt: skip

# -- whole answers of the wrong kind ------------------------------------------------------------------------------------

STATUSES: dict[str, tuple[int, Any]] = {
    "html": (200, b"<!DOCTYPE html><html><head><title>Sign in</title></head><body>Welcome</body></html>"),
    "html500": (502, b"<html><head><title>Bad gateway</title></head></html>"),
    "not-json": (200, b'{"choices": [{"message": {"content": "half an ans'),
    "no-bytes": (200, b""),
    "list": (200, []),
    "error200": (200, {"error": {"message": "the engine is overloaded", "type": "overloaded_error"}}),
    "filter400": (400, {"error": {"message": "The prompt was filtered.", "code": "content_filter"}}),
    "long400": (400, {"error": {"message": "maximum context length is 4096 tokens", "code": "context_length_exceeded"}}),
    "quota": (429, {"error": {"message": "You exceeded your current quota.", "code": "insufficient_quota"}}),
}  # fmt: skip


def _choice(found: dict[str, Any]) -> dict[str, Any]:
    return dict.__getitem__(found, "choices")[0]  # type: ignore[no-any-return]


def _set(found: dict[str, Any], **values: Any) -> None:
    found.update(values)


CHANGES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "length": lambda f: _set(_choice(f), finish_reason="length"),
    "filtered": lambda f: _set(_choice(f), finish_reason="content_filter"),
    "refusal": lambda f: _set(_choice(f)["message"], content=None, refusal="I cannot help with that."),
    "empty": lambda f: _set(_choice(f)["message"], content="  \n"),
    "no-finish": lambda f: _set(_choice(f), finish_reason=None),
    "abort": lambda f: _set(_choice(f), finish_reason="abort"),
    "no-choices": lambda f: _set(f, choices=[]),
    "two-choices": lambda f: _set(f, choices=f["choices"] * 2),
    "wrong-model": lambda f: _set(f, model="somebody-elses-model"),
    "same-id": lambda f: _set(f, id="chatcmpl-of-another-question"),
    "wrong-role": lambda f: _set(_choice(f)["message"], role="user"),
    "list-text": lambda f: _set(_choice(f)["message"], content=["a", "b"]),
    "surrogate": lambda f: _set(_choice(f)["message"], content="half \ud83d of a smile"),
    "no-usage": lambda f: f.pop("usage") and None,
    "mass": lambda f: _set(_choice(f), logprobs={"content": [{"token": "a", "logprob": -0.1, "top_logprobs": [{"token": "b", "logprob": -0.1}]}]}),
    "positive": lambda f: _set(_choice(f), logprobs={"content": [{"token": "a", "logprob": 0.5}]}),
    "no-logprobs": lambda f: _set(_choice(f), logprobs=None),
    "long-logprob": lambda f: _set(_choice(f), logprobs={"content": [{"token": "a", "logprob": -(10**400)}]}),
    "odd-logprobs": lambda f: _set(_choice(f), logprobs={"content": [["a", -0.1]]}),
    "nan": lambda f: json.dumps(f).replace('"index": 0', '"index": NaN').encode(),
}  # fmt: skip

STREAMS: dict[str, Callable[[list[str]], list[str]]] = {
    "sse-half": lambda e: [*e[: len(e) // 2], "CLOSE"],
    "sse-stall": lambda e: [*e[: len(e) // 2], "HANG"],
    "sse-no-done": lambda e: e[:-1],
    "sse-framed": lambda e: e[:-1],  # no [DONE], but the body itself says that it is whole
    "sse-no-finish": lambda e: [x for x in e if '"finish_reason": "stop"' not in x],
    "sse-error": lambda e: [*e[:2], json.dumps({"error": {"message": "the GPU fell over", "type": "server_error"}}), "[DONE]"],
    "sse-mixed": lambda e: [e[0], e[1].replace("chatcmpl-", "chatcmpl-x"), *e[2:]],
    "sse-more": lambda e: [*e, e[0]],
    "sse-html": lambda e: [e[0], "<html>", *e[1:]],
}  # fmt: skip
