"""Whole programs in bubblewrap: no network, no process beside the first, nothing of this machine but the interpreter.

A program sees the system's libraries and Python read-only, an empty directory of 16 MB that is gone afterwards, no
environment, no /proc, no devices but null, zero and urandom. Limits: 512 MB of memory, 5 s of processor, 10 s in all,
files of 1 MB, 32 open, 64 KB of output. A machine that cannot do this runs no programs at all.

A program that wants to can fake the verdict of its own tests, because they run beside it. It can do nothing else.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from . import seccomp
from .outcome import Outcome

OFF = "verification is off: this host cannot isolate programs"
MEMORY, FILES, OUTPUT, SCRATCH = 512 << 20, 1 << 20, 64 << 10, 16 << 20  # bytes
CPU, WALL, OPEN = 5, 10.0, 32
PROGRAM = 100_000  # characters of a program, and of its tests
NOBODY = "65534"
INSIDE = Path(__file__).with_name("inside.py")


@dataclass(frozen=True)
class Tried:
    """One test of a program; `wrong` says why it failed."""

    name: str
    wrong: str

    @property
    def passed(self) -> bool:
        return not self.wrong


@dataclass(frozen=True)
class Ran:
    """What came of a program and of its tests, in their order. Tests that were not reached are missing."""

    outcome: Outcome
    tests: tuple[Tried, ...] = ()
    seconds: float = 0.0


@cache
def unavailable() -> str | None:
    """Why this host cannot isolate programs; None where it can. Tried once in a process, with a real program."""
    if (path := shutil.which("bwrap")) is None:
        return f"{OFF} (bubblewrap is not installed)"
    if not seccomp.known(seccomp.machine()):
        return f"{OFF} (no filter of kernel calls for {seccomp.machine()})"
    ran = _run(path, "print(6 * 7)", None, "", "", CPU, WALL)
    if ran.outcome.ok and ran.outcome.output.strip() == "42":
        return None
    words = " ".join((ran.outcome.output or ran.outcome.why).split())
    return f"{OFF} (bubblewrap says: {words[:200]})"


def run(
    program: str,
    tests: list[str] | str | None = None,
    entry: str = "",
    input: str = "",
    cpu: int = CPU,
    wall: float = WALL,
) -> Ran:
    """Runs a program, and its tests where there are any. `entry`: the function that `check(candidate)` is given.

    Never raises for what the program does. Where nothing can be isolated nothing runs: the outcome is refused and says so.
    """
    if (why := unavailable()) is not None:
        return Ran(Outcome("refused", why=why))
    if too_long := max(len(program), len(tests) if isinstance(tests, str) else sum(map(len, tests or ()))) // (
        PROGRAM + 1
    ):
        return Ran(Outcome("refused", why=f"the program or its tests have over {too_long * PROGRAM:,} characters"))
    path = shutil.which("bwrap")
    if path is None:  # it was there a moment ago
        return Ran(Outcome("refused", why=OFF))
    return _run(path, program, tests, entry, input, cpu, wall)


def _run(bwrap: str, program: str, tests: Any, entry: str, input: str, cpu: int, wall: float) -> Ran:
    started = time.monotonic()
    word = secrets.token_hex(16)
    limits = {"AS": MEMORY, "CPU": cpu, "FSIZE": FILES, "NOFILE": OPEN, "CORE": 0, "NPROC": 1}
    reading, report = os.pipe()
    try:
        job = {"program": program, "tests": tests, "entry": entry, "input": input, "report": report, "word": word, "limits": limits}  # fmt: skip
        with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as rules:
            given.write(json.dumps(job).encode())
            given.seek(0)
            rules.write(seccomp.bpf(seccomp.machine()))
            rules.seek(0)
            child = subprocess.Popen(
                [*_command(bwrap, rules.fileno()), _python(), "-s", "-P", "-S", "-B", "-X", "utf8", "/inside.py"],
                stdin=given, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={}, cwd="/",
                pass_fds=(report, rules.fileno()), start_new_session=True,
            )  # fmt: skip
        os.close(report)
        report = -1
        with child:
            read = _Reader(child, reading, started + wall)
            try:
                read.all()
            finally:
                _end(child)
    finally:
        for descriptor in (reading, report):
            if descriptor >= 0:
                os.close(descriptor)
    return _judged(read, child.returncode, word, tests is not None, cpu, wall, time.monotonic() - started)


def _command(bwrap: str, rules: int) -> list[str]:
    """The walls. Only what is named here exists inside."""
    prefix = Path(sys.base_prefix).resolve()
    shown = [
        "/usr/lib",
        "/usr/lib64",
        "/usr/lib32",
        "/etc/ld.so.cache",
        str(prefix / "lib"),
        str(prefix / "lib64"),
        _python(),
    ]
    out = [
        bwrap,
        "--unshare-all",
        "--unshare-user",
        "--die-with-parent",
        "--cap-drop",
        "ALL",
        "--uid",
        NOBODY,
        "--gid",
        NOBODY,
    ]
    out += ["--hostname", "sandbox", "--clearenv", "--setenv", "PYTHONHASHSEED", "0", "--setenv", "LC_ALL", "C.UTF-8"]
    for path in dict.fromkeys(shown):
        out += ["--ro-bind-try", path, path]
    for path in ("/lib", "/lib64", "/lib32"):
        out += (
            ["--symlink", str(Path(path).readlink()), path]
            if Path(path).is_symlink()
            else ["--ro-bind-try", path, path]
        )
    for path in ("/dev/null", "/dev/zero", "/dev/urandom"):
        out += ["--dev-bind-try", path, path]
    out += ["--ro-bind", str(INSIDE), "/inside.py", "--size", str(SCRATCH), "--tmpfs", "/tmp", "--chdir", "/tmp"]  # noqa: S108
    return [*out, "--remount-ro", "/", "--seccomp", str(rules), "--"]


@cache
def _python() -> str:
    """The interpreter itself, not the link of a virtual environment."""
    return str(Path(getattr(sys, "_base_executable", sys.executable) or sys.executable).resolve())


def _end(child: subprocess.Popen[bytes]) -> None:
    """Ends whatever is left: the group here, and with it everything inside."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


class _Reader:
    """Reads output and report as they come, never more than their limits; the rest ends the program."""

    def __init__(self, child: subprocess.Popen[bytes], report: int, until: float) -> None:
        assert child.stdout is not None
        self.child, self.until = child, until
        self.got: dict[int, bytearray] = {child.stdout.fileno(): bytearray(), report: bytearray()}
        self.output, self.report = self.got.values()
        self.why = ""

    def all(self) -> None:
        with selectors.DefaultSelector() as waiting:
            for descriptor in self.got:
                waiting.register(descriptor, selectors.EVENT_READ)
            while waiting.get_map():
                left = self.until - time.monotonic()
                if left <= 0:
                    self.why = "time"
                    return
                for key, _ in waiting.select(left):
                    data = os.read(key.fd, 65536)
                    if not data:
                        waiting.unregister(key.fd)
                    self.got[key.fd] += data
                    if len(self.got[key.fd]) > OUTPUT:
                        self.why = "output"
                        return
        try:
            self.child.wait(max(0.0, self.until - time.monotonic()))
        except subprocess.TimeoutExpired:
            self.why = "time"


def _judged(read: _Reader, code: int, word: str, tested: bool, cpu: int, wall: float, seconds: float) -> Ran:
    output = read.output[:OUTPUT].decode("utf-8", "replace")
    lines = list(_reported(read.report, word))
    tests = tuple(Tried(_plain(line["test"]), _plain(line["wrong"])) for line in lines if "test" in line)
    wrong = next((_plain(line["wrong"]) for line in lines if "test" not in line and line["wrong"]), "")
    done = any(line.get("done") for line in lines)

    def ran(kind: Any, why: str = "") -> Ran:
        return Ran(Outcome(kind, why=why, output=output), tests, round(seconds, 3))

    if read.why == "time":
        return ran("limit", f"the program takes longer than {wall:g} s")
    if read.why == "output":
        return ran("limit", f"the program prints more than {OUTPUT >> 10} KB")
    if code == 128 + signal.SIGXCPU or (code == 128 + signal.SIGKILL and seconds >= cpu):
        return ran("limit", f"the program takes more than {cpu} s of the processor")
    if wrong:
        return ran("limit" if "MemoryError" in wrong else "failed", wrong)
    if not done:
        return ran("failed", f"the program was ended by {_named(code)}" if code else "the program ended before its end")
    if tested and not tests:
        return ran("failed", "there are no tests")
    failed = next((t for t in tests if not t.passed), None)
    return ran("failed", f"test {failed.name}: {failed.wrong}") if failed else ran("ok")


def _reported(report: bytes | bytearray, word: str) -> Iterator[dict[str, Any]]:
    """What was told, line by line. A program that found the word may have written anything there: what is no object is
    passed over."""
    for line in report.decode("utf-8", "replace").splitlines():
        if line.startswith(word):
            try:
                found = json.loads(line[len(word) :])
            except (ValueError, RecursionError):
                continue
            if isinstance(found, dict):
                yield {"wrong": "", **found}


def _plain(text: Any) -> str:
    """On one line, without what no database keeps: NUL, halves of characters. `text` may be anything: see `_reported`."""
    return "".join(c if c.isprintable() else " " for c in str(text)).strip()


def _named(code: int) -> str:
    try:
        return signal.Signals(code - 128).name if code > 128 else f"code {code}"
    except ValueError:
        return f"code {code}"
