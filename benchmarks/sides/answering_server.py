"""A chat endpoint with a fixed latency and next to no work of its own: `python -m benchmarks.sides.answering_server MILLISECONDS`.

Prints its port. Each answer has an id of its own and 60 tokens of text. Only the standard library.
"""

from __future__ import annotations

import asyncio
import sys

TEXT = "word " * 60
BODY = (
    '{"id":"chatcmpl-%020d","object":"chat.completion","created":1,"model":"teacher-1","choices":[{"index":0,"finish_reason":"stop",'
    '"message":{"role":"assistant","content":"'
    + TEXT
    + '"}}],"usage":{"prompt_tokens":40,"completion_tokens":60,"total_tokens":100}}'
)
LENGTH = len(BODY % 0)
HEAD = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {LENGTH}\r\n\r\n"
answered = 0


class Connection(asyncio.Protocol):
    """One request at a time, as HTTP/1.1 without pipelining has it."""

    def __init__(self, seconds: float) -> None:
        self.seconds, self.have, self.need = seconds, b"", 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.have += data
        end = self.have.find(b"\r\n\r\n")
        if end < 0:
            return
        low = self.have[:end].lower()
        at = low.find(b"content-length:")
        length = int(low[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
        if len(self.have) >= end + 4 + length:
            self.have = self.have[end + 4 + length :]
            asyncio.get_running_loop().call_later(self.seconds, self.answer)

    def answer(self) -> None:
        global answered
        answered += 1
        self.transport.write((HEAD + BODY % answered).encode())  # type: ignore[attr-defined]


async def main() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(float(sys.argv[1]) / 1000), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
