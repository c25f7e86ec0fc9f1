"""Limited children that look at people's files: the web process opens none of them itself, and loads no tokenizer."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings

from jobs.distill.data.listing import Which
from jobs.distill.errors import DataRefused
from workbench.runs import blobs

COMMAND = [sys.executable, "-m", "jobs.distill.data.preview"]
ROWS_HINT = "The run that makes a version has more of both; a filter before it makes the rows fewer."
TRANSFORMS = [sys.executable, "-m", "jobs.distill.data.transforms.child"]
SECONDS, EXPORT_SECONDS = 20, 900
CACHE_BYTES = 4 * 1024**3
_writing = threading.Lock()


def ask(request: dict[str, Any], seconds: float = SECONDS, command: list[str] = COMMAND) -> dict[str, Any]:
    """The child's reply. Raises DataRefused with its reason, or when it ran out of time or memory."""
    child, of_rows = _start(command), command is TRANSFORMS
    try:
        out, _ = child.communicate(json.dumps(request).encode(), timeout=seconds)
    except subprocess.TimeoutExpired:
        _end(child)
        raise DataRefused(
            f"Looking at {'the rows' if of_rows else 'the file'} took longer than {seconds:.0f} s.",
            hint=ROWS_HINT if of_rows else "Upload a smaller part of it to check the columns.",
        ) from None
    try:
        reply = json.loads(out)
    except ValueError:
        raise DataRefused(
            f"Looking at {'the rows' if of_rows else 'the file'} took more time or memory than allowed.",
            hint=ROWS_HINT if of_rows else "Upload a smaller part of it, or save it in another format.",
        ) from None
    if error := reply.get("error"):
        raise DataRefused(error["message"], field=error.get("field"), hint=error.get("hint"), limit=error.get("limit"))
    return dict(reply)


def peek(
    path: Path, filename: str, roles: dict[str, str] | None = None, options: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Findings of a first look at a file: columns, roles with reasons, first rows, counts, problems."""
    return dict(
        ask({"verb": "peek", "path": str(path), "filename": filename, "roles": roles, "options": options})["findings"]
    )


def export(path: Path) -> Iterator[bytes]:
    """The rows as CSV, as the child writes it."""
    return _written({"verb": "export", "path": str(path)})


def listing(path: Path, filename: str, findings: dict[str, Any], which: Which) -> Iterator[bytes]:
    """All refused or changed rows of a file as CSV, under the roles and options of its findings."""
    request = {"path": str(path), "filename": filename, "roles": findings.get("roles") or None, "which": which}
    return _written({"verb": "listing", "options": findings.get("options"), **request})


def _written(request: dict[str, Any]) -> Iterator[bytes]:
    child = _start([*COMMAND, "--export"])
    timer = threading.Timer(EXPORT_SECONDS, _end, [child])
    timer.start()
    assert child.stdin and child.stdout
    try:
        child.stdin.write(json.dumps(request).encode())
        child.stdin.close()
        while data := child.stdout.read(1 << 16):
            yield data
        if child.wait() != 0:
            raise DataRefused(
                "The export took more time or memory than allowed.", hint="Use the API to read the rows in pages."
            )
    finally:
        timer.cancel()
        _end(child)


def _start(command: list[str]) -> subprocess.Popen[bytes]:
    env = {
        "PATH": os.environ.get("PATH", ""),
        "LANG": "C.UTF-8",
        "PYTHONIOENCODING": "utf-8",
        "TOKENIZERS_PARALLELISM": "false",
        "OMP_NUM_THREADS": "1",
    }
    return subprocess.Popen(
        command,
        cwd=settings.BASE_DIR,
        env=env,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def _end(child: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def local_copy(sha256: str) -> Path:
    """Path of the verified bytes on this machine, fetched once; the longest unused copies make room."""
    folder = Path(settings.DATA_DIR) / "cache" / "blobs"
    path = folder / sha256
    with _writing:
        if path.exists():
            os.utime(path)
            return path
        blobs.write_to(sha256, path)
        files = sorted((p for p in folder.iterdir() if p.is_file()), key=lambda p: p.stat().st_mtime, reverse=True)
        used = 0
        for file in files:
            used += file.stat().st_size
            if used > CACHE_BYTES and file != path:
                file.unlink(missing_ok=True)
    return path
