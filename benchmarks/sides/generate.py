"""One client asks COUNT questions, CONCURRENCY at once, of a server that takes MILLISECONDS for each.

    python -m benchmarks.sides.generate ours|raw|openai|distilabel COUNT CONCURRENCY MILLISECONDS

Prints requests a second, the processor time of the client for each, and by how much its memory grew from the first tenth
of the questions to the last. The server is a process of its own.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

Seen = Callable[[], None]
PROMPT = "question {} " + "with some words of its own " * 8


def memory() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def ours(port: int, count: int, concurrency: int, seen: Seen) -> None:
    """With its ledger: every reply is on the disk before it is handed over."""
    from jobs.distill.asking import Request
    from jobs.distill.asking.ledger import Ledger
    from jobs.distill.endpoints import EndpointAsker
    from jobs.distill.net.addresses import read_allowed
    from jobs.distill.recipe.endpoint import Endpoint

    url = f"http://127.0.0.1:{port}/v1"
    endpoint = Endpoint.model_validate({"url": url, "model": "teacher-1", "concurrency": concurrency})
    with tempfile.TemporaryDirectory() as folder:
        asker = EndpointAsker("t", endpoint, Ledger([Path(folder)]), allowed=read_allowed(f"127.0.0.1:{port}"))
        questions = (Request(({"role": "user", "content": PROMPT.format(i)},), 64) for i in range(count))
        for _, reply in asker.ask(questions):
            assert reply.ok, reply.why
            seen()


def raw(port: int, count: int, concurrency: int, seen: Seen) -> None:
    """What the server can do: bytes over sockets, nothing read but the end."""
    left = iter(range(count))

    async def work() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for i in left:
            content = PROMPT.format(i)
            body = json.dumps({"model": "teacher-1", "messages": [{"role": "user", "content": content}]}).encode()
            writer.write(b"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
            head = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(int(head.split(b"Content-Length: ")[1].split(b"\r\n")[0]))
            seen()
        writer.close()

    async def all_of_them() -> None:
        await asyncio.gather(*(work() for _ in range(concurrency)))

    asyncio.run(all_of_them())


def openai(port: int, count: int, concurrency: int, seen: Seen) -> None:
    """The plain client, as its documentation shows it: no ledger, nothing kept."""
    from openai import AsyncOpenAI

    left = iter(range(count))

    async def work(client: AsyncOpenAI) -> None:
        for i in left:
            messages = [{"role": "user", "content": PROMPT.format(i)}]
            done = await client.chat.completions.create(model="teacher-1", messages=messages, max_tokens=64)  # type: ignore[arg-type]
            assert done.choices[0].message.content
            seen()

    async def all_of_them() -> None:
        client = AsyncOpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key="none")
        await asyncio.gather(*(work(client) for _ in range(concurrency)))

    asyncio.run(all_of_them())


def distilabel(port: int, count: int, concurrency: int, seen: Seen) -> None:
    """Its OpenAI model, asked batch by batch as its pipelines do; a batch is as large as may be under way."""
    from distilabel.models import OpenAILLM

    model = OpenAILLM(model="teacher-1", base_url=f"http://127.0.0.1:{port}/v1", api_key="none")
    model.load()
    for start in range(0, count, concurrency):
        batch = range(start, min(start + concurrency, count))
        asked = [[{"role": "user", "content": PROMPT.format(i)}] for i in batch]
        for found in model.generate(inputs=asked, max_new_tokens=64):
            assert found["generations"][0]
            seen()


def main() -> None:
    side, (count, concurrency, milliseconds) = sys.argv[1], map(int, sys.argv[2:5])
    server = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.sides.answering_server", str(milliseconds)],
        stdout=subprocess.PIPE,
        text=True,
    )
    done, early = 0, 0

    def seen() -> None:
        nonlocal done, early
        done += 1
        if done == max(1, count // 10):
            early = memory()

    try:
        assert server.stdout
        port = int(server.stdout.readline())
        sides = {"ours": ours, "raw": raw, "openai": openai, "distilabel": distilabel}
        sides[side](port, 2 * concurrency, concurrency, lambda: None)  # imports, connections
        began, used = time.perf_counter(), time.process_time()
        sides[side](port, count, concurrency, seen)
        seconds, cpu = time.perf_counter() - began, time.process_time() - used
    finally:
        server.kill()
    assert done == count
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    capacity = concurrency / (milliseconds / 1000)
    print(
        json.dumps(
            {
                "requests": count,
                "seconds": seconds,
                "requests_per_second": count / seconds,
                "share_of_capacity": count / seconds / capacity,
                "cpu_ms_per_request": cpu / count * 1e3,
                "peak_bytes": peak,
                "grown_bytes": memory() - early,
            }
        )
    )


if __name__ == "__main__":
    main()
