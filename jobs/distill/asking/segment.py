"""A segment of the ledger: JSON lines that one process appends, each with a checksum, read by everybody.

    {"check":"<16 hex>","request":"<64 hex>","at":1790000000.0,"asked":{...},"reply":{...}}

The checksum is of all that follows it. Whoever writes holds the segment's lock until it ends, however it ends: a segment
that nobody holds never changes again, and a last line without its end is what a killed process left.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

HEAD: Final = len('{"check":"0123456789abcdef",')  # bytes before what the checksum is of
SHA: Final = slice(HEAD + len('"request":"'), HEAD + len('"request":"') + 64)


def line_of(record: dict[str, Any]) -> bytes:
    """One line. `record` begins with its `request`."""
    try:
        rest = json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode()[1:]
    except UnicodeEncodeError:  # half of a surrogate pair, which JSON can escape and UTF-8 cannot say
        rest = json.dumps(record, separators=(",", ":")).encode()[1:]
    return b'{"check":"%s",%s\n' % (_check(rest), rest)


def _check(rest: bytes) -> bytes:
    return hashlib.sha256(rest).hexdigest()[:16].encode()


def holds(line: bytes) -> bool:
    """Whether a line is whole and says what was written."""
    return line.endswith(b"}\n") and line[10:26] == _check(line[HEAD:-1])


def records(path: Path) -> Iterator[dict[str, Any]]:
    """Every line of a segment that holds: {request, at, asked, reply}."""
    with path.open("rb") as file:
        for line in file:
            if holds(line):
                found = json.loads(line)
                del found["check"]
                yield found


class Tail:
    """Somebody else's segment, read on from where it was left. `bad` counts lines that do not hold."""

    def __init__(self, path: Path) -> None:
        self.path, self.offset, self.bad, self.final = path, 0, 0, False

    def fresh(self) -> Iterator[tuple[str, int]]:
        """(request hash, offset of its line) of each whole line since the last time."""
        if self.final:
            return
        with self.path.open("rb") as file:
            final = _nobody_writes(file.fileno())  # asked first: what is read next is then all there will be
            if os.fstat(file.fileno()).st_size > self.offset:
                file.seek(self.offset)
                for line in file:
                    if not line.endswith(b"\n") and not final:
                        break
                    if holds(line):
                        yield line[SHA].decode(), self.offset
                    else:
                        self.bad += 1
                    self.offset += len(line)
            self.final = final


def read_at(path: Path, offset: int) -> dict[str, Any]:
    """The record whose line begins there. Raises ValueError when it does not hold any more."""
    with path.open("rb") as file:
        file.seek(offset)
        line = file.readline()
    if not holds(line):
        raise ValueError(f"line at {offset:,} of {path.name} does not hold")
    return dict(json.loads(line))


def _nobody_writes(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return False
    fcntl.flock(descriptor, fcntl.LOCK_UN)
    return True
