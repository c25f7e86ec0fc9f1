"""Who asks what at this moment: one lock a request, which the kernel takes back when its holder ends, however it ends."""

from __future__ import annotations

import fcntl
import os
import struct
import threading
from pathlib import Path


class Claims:
    """Locks on single bytes of one empty file; the byte's place is 60 bits of the request's hash. Nothing is written.

    Locks belong to the open file (F_OFD_SETLK): two runs in one process exclude each other too, and a child that a
    process starts does not let go of its parent's.
    """

    def __init__(self, file: Path) -> None:
        self._descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        self._held: set[int] = set()
        self._guard = threading.Lock()

    def take(self, sha256: str) -> bool:
        """Whether the request is ours to ask now; False while somebody asks it."""
        place = int(sha256[:15], 16)
        with self._guard:
            if place in self._held:
                return False
            try:
                self._lock(fcntl.F_WRLCK, place)
            except (BlockingIOError, PermissionError):
                return False
            self._held.add(place)
            return True

    def give(self, sha256: str) -> None:
        place = int(sha256[:15], 16)
        with self._guard:
            if place in self._held:
                self._held.remove(place)
                self._lock(fcntl.F_UNLCK, place)

    def close(self) -> None:
        """Every claim with it."""
        with self._guard:
            self._held.clear()
            if self._descriptor >= 0:
                os.close(self._descriptor)
            self._descriptor = -1

    def _lock(self, kind: int, place: int) -> None:
        fcntl.fcntl(self._descriptor, fcntl.F_OFD_SETLK, struct.pack("hhqqi4x", kind, os.SEEK_SET, place, 1, 0))
