"""Every reply of every asker, kept as it arrives: the same request is never computed or paid twice, in any run.

A place is a folder with a folder for each asker (its key), which holds one segment for each process that wrote, see
segment.py, and the file of claims, see claims.py. The first place is written to; the others are read. Processes see
each other's replies as soon as these are written; a reply is handed on when it is on the disk.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ..errors import Transient
from .claims import Claims
from .index import Index
from .request import Reply, Request
from .segment import Tail, line_of, read_at

ENVIRONMENT = "WB_LEDGER"
WRITER = "WB_WRITER"  # stands in the names of the segments written: whose they are
NOT_KEPT = "failed"  # it may be asked again
NEW = 2.0  # seconds in which a folder may change without its time of change saying so
OFFSET = 40  # bits of a place that say where in its segment a line begins

Say = Callable[[str], None]


def places(folder: Path) -> list[Path]:
    """Where a run's replies are kept: the folders named by WB_LEDGER, else `answers` in the run folder."""
    named = [Path(p) for p in os.environ.get(ENVIRONMENT, "").split(os.pathsep) if p]
    return named or [folder / "answers"]


class Answers:
    """The replies of one asker. Safe for threads; memory is a few numbers a reply, texts stay on the disk."""

    def __init__(self, key: str, places: Sequence[Path], say: Say = lambda text: None) -> None:
        self.key, self._folders, self._say = key, [p / key for p in places], say
        self._folders[0].mkdir(parents=True, exist_ok=True)
        self._guard = threading.RLock()
        self._index = Index()
        self._segments: list[Tail] = []
        self._known: dict[Path, set[str]] = {f: set() for f in self._folders}
        self._looked: dict[Path, int] = {}
        self._own = _Own(self._folders[0])
        self._own_number: int | None = None
        self.claims = Claims(self._folders[0] / "claims")
        self.refresh()

    def __len__(self) -> int:
        return len(self._index)

    def refresh(self) -> None:
        """Takes up what others have written since."""
        with self._guard:
            for folder in self._folders:
                self._look(folder)
            for number, segment in enumerate(self._segments):
                if not segment.final and number != self._own_number:
                    self._read(number, segment)

    def _look(self, folder: Path) -> None:
        """New segments of a folder. Its time of change is coarse, so a change just now is looked at again."""
        try:
            changed = folder.stat().st_mtime_ns
        except FileNotFoundError:
            return
        if self._looked.get(folder) == changed:
            return
        recent = time.time_ns() - changed < NEW * 1e9
        self._looked[folder] = -1 if recent else changed
        names = {e.name for e in os.scandir(folder) if e.name.endswith(".jsonl")}
        for name in sorted(names - self._known[folder]):
            self._known[folder].add(name)
            self._segments.append(Tail(folder / name))

    def _read(self, number: int, segment: Tail) -> None:
        bad = segment.bad
        for sha, offset in segment.fresh():
            self._index.put(sha, number << OFFSET | offset)
        if new := segment.bad - bad:
            lines = "a line that was" if new == 1 else f"{new:,} lines that were"
            self._say(f"The ledger's segment {segment.path.name} has {lines} not written to the end; dropped.")

    def get(self, sha256: str, look: bool = True) -> Reply | None:
        """The kept reply, as not paid now; None when there is none yet. `look`: others may have written it just now."""
        with self._guard:
            if look and self._index.get(sha256) is None:
                self.refresh()
            place = self._index.get(sha256)
            if place is None:
                return None
            path, offset = self._segments[place >> OFFSET].path, place & ((1 << OFFSET) - 1)
        try:
            record = read_at(path, offset)
        except (OSError, ValueError):
            return None
        return reply_of(record) if record["request"] == sha256 else None

    def write(self, request: Request, reply: Reply) -> int:
        """Appends a reply, so that a killed process loses it no more; returns a mark for `sync`. 0: not one that is kept.

        Raises Transient when the disk is full.
        """
        if reply.outcome == NOT_KEPT:
            return 0
        line = line_of(record_of(request, reply))
        with self._guard:
            if self._own_number is None:
                self._own_number = len(self._segments)
                self._known[self._folders[0]].add(self._own.open().name)
                self._segments.append(Tail(self._own.path))
            offset, mark = self._own.append(line)
            self._index.put(request.sha256, self._own_number << OFFSET | offset)
        return mark

    def sync(self, mark: int) -> None:
        """Returns when everything up to the mark is on the disk; those who wait at the same time share one flush."""
        self._own.sync(mark)

    def close(self) -> None:
        self.claims.close()
        self._own.close()


class Ledger:
    """The replies of every asker of a run."""

    def __init__(self, places: Sequence[Path], say: Say = lambda text: None) -> None:
        self.places, self._say = list(places), say
        self._answers: dict[str, Answers] = {}
        self._guard = threading.Lock()

    def answers(self, key: str) -> Answers:
        with self._guard:
            if key not in self._answers:
                self._answers[key] = Answers(key, self.places, self._say)
            return self._answers[key]

    def get(self, key: str, request: str) -> Reply | None:
        return self.answers(key).get(request)

    def put(self, key: str, request: Request, reply: Reply) -> None:
        """Keeps the reply and returns when it is on the disk."""
        answers = self.answers(key)
        answers.sync(answers.write(request, reply))

    def close(self) -> None:
        for answers in self._answers.values():
            answers.close()
        self._answers.clear()


def record_of(request: Request, reply: Reply) -> dict[str, Any]:
    sha256 = request.sha256  # first: it is kept among the request's values
    asked = {k: v for k, v in vars(request).items() if v and k not in ("messages", "sha256")}
    asked = {"messages": [dict(m) for m in request.messages]} | asked
    if request.schema is not None:
        asked["schema"] = dict(request.schema)
    said = {k: v for k, v in vars(reply).items() if k not in ("request", "paid") and v}
    return {"request": sha256, "at": round(time.time(), 3), "asked": asked, "reply": said}


def reply_of(record: dict[str, Any]) -> Reply:
    said = dict(record["reply"])
    said.setdefault("text", "")
    said["logprobs"] = tuple(said.get("logprobs", ()))
    return Reply(request=record["request"], **said, paid=False)


class _Own:
    """The segment of this process. It is made when something is first written."""

    def __init__(self, folder: Path) -> None:
        writer = re.sub(r"[^A-Za-z0-9]+", "_", os.environ.get(WRITER, "")) or str(os.getpid())
        name = f"{time.time_ns():x}-{writer}-{secrets.token_hex(3)}.jsonl"
        self.path, self._descriptor = folder / name, -1
        self._written = self._synced = 0
        self._turn, self._syncing = threading.Condition(), False

    def open(self) -> Path:
        new = self.path.with_suffix(".new")
        self._descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o644)
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        new.rename(self.path)  # nobody sees it without its lock
        return self.path

    def append(self, line: bytes) -> tuple[int, int]:
        """(offset of the line, bytes written so far)."""
        start = self._written
        try:
            done = os.write(self._descriptor, line)
            while done < len(line):
                done += os.write(self._descriptor, line[done:])
        except OSError as e:
            os.ftruncate(self._descriptor, start)
            if e.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                raise _disk_full(self._written) from e
            raise
        self._written += len(line)
        return start, self._written

    def sync(self, mark: int) -> None:
        with self._turn:
            while self._synced < mark:
                if self._syncing:
                    self._turn.wait()
                    continue
                self._syncing, upto = True, self._written
                self._turn.release()
                try:
                    if self._synced == 0:
                        _sync_folder(self.path.parent)
                    os.fdatasync(self._descriptor)
                finally:
                    self._turn.acquire()
                    self._syncing = False
                    self._turn.notify_all()
                self._synced = max(self._synced, upto)

    def close(self) -> None:
        if self._descriptor >= 0:
            self.sync(self._written)
            os.close(self._descriptor)
            self._descriptor = -1


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _disk_full(have: int) -> Transient:
    return Transient(
        f"The disk is full: {have:,} bytes of this run's answers are kept.",
        code="DISK_FULL",
        hint="Free some space on the worker; the run goes on where it stopped.",
    )
