"""A web server on this machine that behaves as badly as it is told to."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Behave = Callable[["Handler"], None]


class Server(ThreadingHTTPServer):
    """`files`: path -> bytes, served with ETag and ranges. `ways`: path -> what to do instead. `cuts`: bytes until the next cuts."""

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {}
        self.ways: dict[str, Behave] = {}
        self.cuts: list[int] = []
        self.asked: list[tuple[str, str]] = []  # path, Range
        self.heads: list[dict[str, str]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def allowed(self) -> str:
        return f"127.0.0.1:{self.server_port}"

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away is what these tests are about."""


class Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        self.server.asked.append((self.path, self.headers.get("Range", "")))
        self.server.heads.append(dict(self.headers))
        if path in self.server.ways:
            self.server.ways[path](self)
        elif path in self.server.files:
            self.file(self.server.files[path])
        else:
            self.say(404, b"nothing here")

    def file(self, data: bytes) -> None:
        etag = f'"{hashlib.sha256(data).hexdigest()[:16]}"'
        start = int(self.headers.get("Range", "bytes=0-")[6:].split("-")[0])
        if start and self.headers.get("If-Range") != etag:
            start = 0
        headers = {"ETag": etag, "Content-Length": str(len(data) - start)}
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        self.head(206 if start else 200, headers)
        if self.server.cuts:
            self.wfile.write(data[start : start + self.server.cuts.pop(0)])
            self.close_connection = True
        else:
            self.wfile.write(data[start:])

    def say(self, status: int, data: bytes = b"", **headers: str) -> None:
        self.head(status, {"Content-Length": str(len(data)), **{k.replace("_", "-"): v for k, v in headers.items()}})
        self.wfile.write(data)

    def head(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def drip(self, data: bytes, pause: float) -> None:
        for i in range(len(data)):
            self.wfile.write(data[i : i + 1])
            self.wfile.flush()
            time.sleep(pause)

    def log_message(self, *args: object) -> None:
        """Quiet."""


@contextmanager
def serving() -> Iterator[Server]:
    server = Server()
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()
