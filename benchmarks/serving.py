"""`transformers serve` with a model of ours on a port of this machine, in an environment of its own that borrows torch and
transformers from this one; and a proxy that plants faults into its answers."""

from __future__ import annotations

import json
import random
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import IO, Any

from .harness import environment

PACKAGES = ["fastapi", "openai", "uvicorn"]


def serving_environment() -> Path:
    """Python with fastapi and openai beside this environment's torch and transformers."""
    python = environment("serve", PACKAGES)
    site = next(Path(p) for p in sys.path if p.endswith("site-packages"))
    target = next((python.parent.parent / "lib").glob("python*/site-packages"))
    (target / "borrowed.pth").write_text(f"{site}\n")
    return python


@contextmanager
def serve(model: Path, threads: int = 1) -> Iterator[str]:
    """The address of a running `transformers serve`; the model is asked for by its folder."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    command = [
        str(serving_environment()), "-m", "transformers.cli.transformers", "serve", "--host", "127.0.0.1", "--port", str(port), "--device", "cpu",
        "--dtype", "float32",
    ]  # fmt: skip
    env = {"OMP_NUM_THREADS": str(threads), "HF_HUB_OFFLINE": "1", "PATH": "/usr/bin:/bin"}
    said = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process; a pipe that nobody reads would stop the server once it is full
    server = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=said)
    url = f"http://127.0.0.1:{port}/v1"
    try:
        _wait(url, server, said)
        yield url
    finally:
        server.terminate()
        server.wait(20)


def _wait(url: str, server: subprocess.Popen[bytes], said: IO[bytes]) -> None:
    for _ in range(240):
        if server.poll() is not None:
            said.seek(0)
            raise SystemExit(f"transformers serve ended: {said.read()[-800:].decode(errors='replace')}")
        try:
            urllib.request.urlopen(url.removesuffix("/v1") + "/health", timeout=5).read()  # noqa: S310 - of this machine
            return
        except (OSError, urllib.error.URLError):
            time.sleep(0.5)
    raise SystemExit("transformers serve did not come up within two minutes")


@contextmanager
def proxied(
    url: str, plant: Callable[[str, random.Random], str | None], share: float
) -> Iterator[tuple[str, list[str]]]:
    """An address that passes questions on and answers back; a `share` of the answers carries a planted fault. Yields the
    address and the questions of which the answer was spoilt."""
    spoilt: list[str] = []
    guard = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._send(urllib.request.urlopen(url.removesuffix("/v1") + self.path, timeout=60).read())  # noqa: S310 - of this machine

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            asked = urllib.request.Request(  # noqa: S310 - of this machine
                url.removesuffix("/v1") + self.path, body, {"Content-Type": "application/json"}
            )
            answer = json.loads(urllib.request.urlopen(asked, timeout=300).read())  # noqa: S310 - of this machine
            question = json.loads(body)["messages"][-1]["content"]
            chance = random.Random(question)  # noqa: S311 - which answers are spoilt, the same each time
            if chance.random() < share:
                message = answer["choices"][0]["message"]
                if (text := plant(message["content"], chance)) is not None:
                    message["content"] = text
                    with guard:
                        spoilt.append(question)
            self._send(json.dumps(answer).encode())

        def _send(self, data: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1", spoilt
    finally:
        server.shutdown()


def wrong_sum(text: str, chance: random.Random) -> str | None:
    """A sum with another result, and the answer with it; the right answer from a wrong sum; or another answer alone."""
    found = re.search(r"(\d+)([-+*/])(\d+)=(\d+)", text)
    if not found:
        return None
    result, other = found[4], str(int(found[4]) + chance.choice([1, 2, 5, 10]))
    kind = chance.randrange(3)
    if kind == 0:
        return text.replace(result, other) if result not in (found[1], found[3]) else None
    if kind == 1:
        return text.replace(f"={result}", f"={other}", 1)
    head, marker, _ = text.rpartition("####")
    return f"{head}{marker} {other}" if marker else None
