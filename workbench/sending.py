"""A file sent in parts over the REST API; what broke goes on where the server says. Needs only httpx."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import httpx

from workbench.client import Api, read_answer

PARTS = "/datasets/parts"
PIECE = 1 << 20
FINISH_SECONDS = 900.0
LONGEST_PAUSE = 15.0

Tell = Callable[[int, int, float | None], None]  # bytes that are there, of all, bytes a second
Wait = Callable[[float], None]


def send(api: Api, path: Path, tell: Tell, wait: Wait = time.sleep, dataset: str | None = None) -> dict[str, Any]:
    """The upload the file became. A lost connection is waited for; the same file again goes on where it stopped.

    Raises Refused, OSError for the file, and httpx.TransportError when nobody answers before the first part.
    """
    with path.open("rb") as file:
        size, head = path.stat().st_size, hashlib.sha256(file.read(PIECE)).hexdigest()
        body = {"filename": path.name, "size": size, "head_sha256": head} | ({"dataset": dataset} if dataset else {})
        begun = api.call("POST", PARTS, json=body)
        id, done, pause = begun["id"], begun["received"], 1.0
        began, from_byte = time.monotonic(), done
        tell(done, size, None)
        while done < size:
            file.seek(done)
            try:
                done = _part(api, id, done, file.read(begun["part_bytes"]))
            except httpx.TransportError:
                wait(pause)
                pause = min(LONGEST_PAUSE, 2 * pause)
                continue
            pause = 1.0
            tell(done, size, (done - from_byte) / max(1e-3, time.monotonic() - began))
        return _finish(api, id, _sha256(file), wait)


def _part(api: Api, id: str, offset: int, data: bytes) -> int:
    """Where the next part begins: after this one, or where the server says."""
    query: dict[str, Any] = {"offset": offset, "sha256": hashlib.sha256(data).hexdigest()}
    headers = {"Content-Type": "application/octet-stream"}
    answer = api.http.request("PUT", f"{PARTS}/{id}", params=query, content=data, headers=headers)
    if answer.status_code == 409 and isinstance(answer.json().get("wanted"), int):
        return int(answer.json()["wanted"])
    if answer.status_code in (502, 503, 504):  # a proxy speaks for a server that restarts
        raise httpx.RemoteProtocolError("the server is away")
    return int(read_answer(answer)["received"])


def _finish(api: Api, id: str, sha256: str, wait: Wait) -> dict[str, Any]:
    """Safe to repeat: a second call answers the same."""
    pause = 1.0
    while True:
        try:
            return dict(api.call("POST", f"{PARTS}/{id}/finish", json={"sha256": sha256}, timeout=FINISH_SECONDS))
        except httpx.TransportError:
            wait(pause)
            pause = min(LONGEST_PAUSE, 2 * pause)


def _sha256(file: IO[bytes]) -> str:
    file.seek(0)
    return hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]
