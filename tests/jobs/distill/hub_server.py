"""A server on this machine that speaks what huggingface_hub asks, for models and datasets."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote


class Hub(ThreadingHTTPServer):
    """Speaks what huggingface_hub asks: model info, HEAD and GET of files with ETag, commit, length and ranges."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.models: dict[str, dict[str, dict[str, bytes]]] = {}  # id (datasets/id) -> commit -> file -> bytes
        self.branches: dict[tuple[str, str], str] = {}
        self.gated: dict[str, str] = {}  # id -> token that opens it
        self.asked: list[tuple[str, str, str]] = []  # method, path, Range
        self.cut_after: int | None = None  # bytes of a file after which the connection drops, once
        self.damage = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def add(self, key: str, folder: Path, branch: str = "main", extra: dict[str, bytes] | None = None) -> str:
        return self.put(key, {p.name: p.read_bytes() for p in folder.iterdir()} | (extra or {}), branch)

    def add_dataset(self, key: str, files: dict[str, bytes], branch: str = "main") -> str:
        return self.put(f"datasets/{key}", files, branch)

    def put(self, key: str, files: dict[str, bytes], branch: str) -> str:
        commit = hashlib.sha1(
            repr(sorted((n, hashlib.sha256(b).digest()) for n, b in files.items())).encode()
        ).hexdigest()
        self.models.setdefault(key, {})[commit] = files
        self.branches[key, branch] = commit
        return commit

    def gets(self, name: str) -> list[str]:
        """Range headers of the GETs of a file."""
        return [r for method, path, r in self.asked if method == "GET" and path.endswith("/" + name)]


class _Handler(BaseHTTPRequestHandler):
    server: Hub
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self._answer(False)

    def do_GET(self) -> None:
        self._answer(True)

    def _answer(self, body: bool) -> None:
        path = unquote(self.path.split("?")[0])
        self.server.asked.append((self.command, path, self.headers.get("Range", "")))
        info, key, revision, name = self._place(path)
        if not self._allowed(key):
            return
        commit = self.server.branches.get((key, revision), revision)
        if commit not in self.server.models[key]:
            self._say(404, b"{}", {"X-Error-Code": "RevisionNotFound"})
        elif info:
            files = self.server.models[key][commit]
            self._say(
                200,
                json.dumps(
                    {"id": key, "sha": commit, "siblings": [{"rfilename": n, "size": len(b)} for n, b in files.items()]}
                ).encode(),
            )
        else:
            self._file(commit, self.server.models[key][commit].get(name), body)

    def _place(self, path: str) -> tuple[bool, str, str, str]:
        """(whether it asks about the repository, its id, revision, file) of a path."""
        if found := re.fullmatch(r"/api/(models|datasets)/([^/]+/[^/]+)(?:/revision/(.+))?", path):
            return True, self._key(found[1], found[2]), found[3] or "main", ""
        found = re.fullmatch(r"/(datasets/)?([^/]+/[^/]+)/resolve/([0-9a-f]{40}|[^/]+)/(.+)", path)
        if not found:
            return True, "", "", ""
        return False, self._key((found[1] or "models/")[:-1], found[2]), found[3], found[4]

    @staticmethod
    def _key(kind: str, name: str) -> str:
        return name if kind == "models" else f"datasets/{name}"

    def _allowed(self, key: str) -> bool:
        if key not in self.server.models:
            self._say(401, b"{}", {"X-Error-Message": "Invalid username or password."})
            return False
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if key in self.server.gated and token != self.server.gated[key]:
            self._say(
                403 if token else 401,
                b"{}",
                {"X-Error-Code": "GatedRepo", "X-Error-Message": "Access to this model is restricted."},
            )
            return False
        return True

    def _file(self, commit: str, data: bytes | None, body: bool) -> None:
        if data is None:
            return self._say(404, b"", {"X-Error-Code": "EntryNotFound"})
        headers = {"ETag": f'"{hashlib.sha256(data).hexdigest()}"', "X-Repo-Commit": commit, "Accept-Ranges": "bytes"}
        start = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").split("-")[0])
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        sent = data[start:]
        if self.server.damage and body:
            sent = bytes(len(sent))
        if body and self.server.cut_after is not None and len(sent) > self.server.cut_after:
            return self._cut(sent, headers)
        return self._say(206 if start else 200, sent, headers, body)

    def _cut(self, data: bytes, headers: dict[str, str]) -> None:
        """Promises the whole file, sends a part, drops the line."""
        n, self.server.cut_after = self.server.cut_after, None
        self._head(200, len(data), headers)
        self.wfile.write(data[:n])
        self.wfile.flush()
        self.close_connection = True

    def _say(self, status: int, data: bytes, headers: dict[str, str] | None = None, body: bool = True) -> None:
        self._head(status, len(data), headers or {})
        if body and self.command == "GET":
            self.wfile.write(data)

    def _head(self, status: int, length: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in ({"Content-Length": str(length)} | headers).items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *args: object) -> None:
        """Quiet."""


@contextmanager
def serving() -> Iterator[Hub]:
    server = Hub()
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()
