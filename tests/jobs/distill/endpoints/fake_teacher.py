"""A teacher endpoint that misbehaves on demand: a real HTTP server in a thread, and every fault by its name.

It answers `answer to <question>` and counts what it was asked. `plan(n, body)` says how the n-th call (from 0) is treated.
"""

from __future__ import annotations

import asyncio
import json
import math
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from .teacher_faults import BREAKS, CHANGES, HANG, STATUSES, STREAMS, send

Plan = Callable[[int, dict[str, Any]], str]


@dataclass
class Call:
    path: str
    headers: dict[str, str]
    body: dict[str, Any]
    at: float
    number: int
    mode: str = "ok"


@dataclass
class FakeTeacher:
    plan: Plan = lambda n, body: "ok"
    latency: float = 0.0
    retry_after: str | None = None
    answer: Callable[[str, dict[str, Any]], str] = lambda question, body: f"answer to {question}"
    model: str | None = None  # None: as asked
    calls: list[Call] = field(default_factory=list)
    most_at_once: int = 0
    _now: int = 0

    # -- for tests --------------------------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def counts(self) -> Counter[str]:
        """Question -> how often it was asked."""
        return Counter(question_of(c.body) for c in self.calls if c.body)

    def start(self) -> None:
        ready = threading.Event()

        def work() -> None:
            asyncio.run(self._serve(ready))

        self._thread = threading.Thread(target=work, daemon=True)
        self._thread.start()
        ready.wait()

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(5)

    # -- the server -------------------------------------------------------------------------------------------------

    async def _serve(self, ready: threading.Event) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        self._open: set[asyncio.Task[None]] = set()
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        ready.set()
        await self._over.wait()
        server.close()
        for task in self._open:
            task.cancel()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._open.add(task)
        try:
            while await self._one(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._open.discard(task)
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in head[1:] if line)}
        raw = await reader.readexactly(int(headers.get("content-length", 0)))
        path, body = head[0].split()[1], json.loads(raw) if raw else {}
        call = Call(path, headers, body, self._loop.time(), len(self.calls))
        call.mode = self.plan(call.number, body)
        self.calls.append(call)
        if path.endswith("/models"):
            return await send(
                writer, 200, {"object": "list", "data": [{"id": "teacher-1", "max_model_len": 4096}, {"id": "other"}]}
            )
        self._now += 1
        self.most_at_once = max(self.most_at_once, self._now)
        try:
            if self.latency:
                await asyncio.sleep(self.latency)
            return await self._treat(call, writer)
        finally:
            self._now -= 1

    async def _treat(self, call: Call, writer: asyncio.StreamWriter) -> bool:
        mode, body = call.mode, call.body
        if mode.isdecimal():
            return await self._status(int(mode), writer)
        if mode in BREAKS:
            return await BREAKS[mode](self, call, writer)
        if mode in STATUSES:
            status, found = STATUSES[mode]
            return await send(writer, status, found)
        if body.get("stream"):
            return await self._stream(call, writer)
        found = self.message(call) if call.path.endswith("/messages") else self.completion(call)
        if mode in CHANGES:
            found = CHANGES[mode](found) or found
        return await send(writer, 200, found)

    async def _status(self, status: int, writer: asyncio.StreamWriter) -> bool:
        more = {"Retry-After": self.retry_after} if self.retry_after is not None else {}
        if 300 <= status < 400:
            more["Location"] = "http://127.0.0.1:1/elsewhere"
        error = {"message": f"the provider's words for {status}", "type": "some_error", "code": None}
        return await send(writer, status, {"error": error}, more)

    # -- answers ----------------------------------------------------------------------------------------------------

    def text(self, call: Call) -> str:
        return self.answer(question_of(call.body), call.body)

    def completion(self, call: Call) -> dict[str, Any]:
        body, text, chat = call.body, self.text(call), call.path.endswith("/chat/completions")
        tokens = text.split(" ")
        choice: dict[str, Any] = {"index": 0, "finish_reason": "stop"}
        choice |= {"message": {"role": "assistant", "content": text}} if chat else {"text": text}
        if wanted := body.get("top_logprobs") or (body.get("logprobs") if not chat else 0):
            choice["logprobs"] = _chat_logprobs(tokens, wanted) if chat else _text_logprobs(tokens, wanted)
        usage = {"prompt_tokens": len(question_of(body)), "completion_tokens": len(tokens)}
        return {"id": f"chatcmpl-{call.number:020d}", "object": "chat.completion", "model": self.model or body["model"],
                "choices": [choice], "usage": usage}  # fmt: skip

    def message(self, call: Call) -> dict[str, Any]:
        body, text = call.body, self.text(call)
        content = {"type": "text", "text": text}
        if "tools" in body:
            content = {"type": "tool_use", "id": "t1", "name": "answer", "input": json.loads(text)}
        usage = {"input_tokens": len(question_of(body)), "output_tokens": len(text.split(" "))}
        return {"id": f"msg_{call.number:020d}", "type": "message", "role": "assistant", "content": [content],
                "model": self.model or body["model"], "stop_reason": "tool_use" if "tools" in body else "end_turn", "usage": usage}  # fmt: skip

    async def _stream(self, call: Call, writer: asyncio.StreamWriter) -> bool:
        mode = call.mode
        events = self._message_events(call) if call.path.endswith("/messages") else self._chunks(call)
        if mode in STREAMS:
            events = STREAMS[mode](events)
        if mode == "sse-no-done":  # and no other word of where it ends
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n")
            writer.write("".join(f"data: {e}\n\n" for e in events).encode())
            await writer.drain()
            return False
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        for event in events:
            if event == "HANG":
                await writer.drain()
                await asyncio.sleep(HANG)
                return False
            if event == "CLOSE":
                return False
            name = json.loads(event).get("type") if call.path.endswith("/messages") else None
            data = (f"event: {name}\n" if name else "") + f"data: {event}\n\n"
            for part in _halves(data.encode()):  # events cut anywhere
                writer.write(b"%x\r\n%s\r\n" % (len(part), part))
                await writer.drain()
        writer.write(b"0\r\n\r\n")
        await writer.drain()
        return True

    def _chunks(self, call: Call) -> list[str]:
        whole = self.completion(call)
        choice, chat = whole["choices"][0], call.path.endswith("/chat/completions")
        head = {"id": whole["id"], "model": whole["model"], "object": "chat.completion.chunk"}
        tokens, out = self.text(call).split(" "), []
        for i, token in enumerate(tokens):
            said = token if i == 0 else f" {token}"
            part: dict[str, Any] = {"index": 0, "finish_reason": None}
            part |= {"delta": {"role": "assistant", "content": said}} if chat else {"text": said}
            if found := choice.get("logprobs"):
                part["logprobs"] = {name: [places[i]] for name, places in found.items()}
            out.append({**head, "choices": [part]})
        end: dict[str, Any] = {"index": 0, "finish_reason": "stop", **({"delta": {}} if chat else {"text": ""})}
        out += [{**head, "choices": [end]}, {**head, "choices": [], "usage": whole["usage"]}]
        return [*map(json.dumps, out), "[DONE]"]

    def _message_events(self, call: Call) -> list[str]:
        whole, text = self.message(call), self.text(call)
        start = {**whole, "content": [], "stop_reason": None}
        deltas = [{"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": c}} for c in text]
        ends = [
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": len(text)}},
            {"type": "message_stop"},
        ]
        begin = [{"type": "message_start", "message": start}, {"type": "ping"}]
        return [json.dumps(e) for e in (*begin, *deltas, *ends)]


def question_of(body: dict[str, Any]) -> str:
    return str(body["messages"][-1]["content"] if "messages" in body else body.get("prompt", ""))


def _chat_logprobs(tokens: list[str], wanted: int) -> dict[str, Any]:
    def place(token: str) -> dict[str, Any]:
        top = [{"token": token, "logprob": math.log(0.6)}]
        top += [{"token": f"other{k}", "logprob": math.log(0.2 / wanted)} for k in range(wanted - 1)]
        return {"token": token, "logprob": math.log(0.6), "top_logprobs": top}

    return {"content": [place(t) for t in tokens]}


def _text_logprobs(tokens: list[str], wanted: int) -> dict[str, Any]:
    top = [{t: math.log(0.6), **{f"other{k}": math.log(0.2 / wanted) for k in range(wanted - 1)}} for t in tokens]
    return {"tokens": tokens, "token_logprobs": [math.log(0.6)] * len(tokens), "top_logprobs": top}


def _halves(data: bytes) -> Iterator[bytes]:
    middle = len(data) // 2
    yield from (part for part in (data[:middle], data[middle:]) if part)


@contextmanager
def fake_teacher(plan: Plan | str = "ok", **options: Any) -> Iterator[FakeTeacher]:
    """A running one. A text as plan treats every call so."""
    teacher = FakeTeacher((lambda n, body: plan) if isinstance(plan, str) else plan, **options)
    teacher.start()
    try:
        yield teacher
    finally:
        teacher.stop()
