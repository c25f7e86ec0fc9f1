"""Stands between supervisor and engine. Run by path in a bare interpreter: `python -IS launcher.py OPTIONS -- COMMAND`.

The engine must die with its supervisor, and every process it started with it. This process holds one end of a pipe
whose other end only the supervisor has: when that closes (or the engine ends) nobody of the tree survives.

    supervisor --pipe--> launcher -> init of a process namespace -> engine -> data loaders ...     where the machine allows it
    supervisor --pipe--> launcher (adopts orphans) -> engine -> data loaders ...                   elsewhere
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import os
import resource
import select
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWPID = 0x00020000, 0x10000000, 0x20000000
MS_REC, MS_PRIVATE = 0x4000, 0x40000
FORWARDED = (signal.SIGTERM, signal.SIGUSR1, signal.SIGABRT)

libc = ctypes.CDLL(None, use_errno=True)


def unshare() -> bool:
    """A process namespace for our next child; with a user namespace around it where only that is allowed."""
    uid, gid = os.getuid(), os.getgid()
    if libc.unshare(CLONE_NEWPID | CLONE_NEWNS) == 0:
        return True
    if libc.unshare(CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS) != 0:
        return False
    for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
        with contextlib.suppress(OSError):
            Path(f"/proc/self/{name}").write_text(text)
    return True


def mount_proc() -> None:
    """So that the tree sees its own process numbers. Some containers forbid it: then it sees the outer ones."""
    libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None)
    libc.mount(b"proc", b"/proc", b"proc", 0, None)


def die_with_parent() -> None:
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def spawn(options: argparse.Namespace) -> int:
    """Forks and becomes the command, with its limits; returns its pid to the parent."""
    if (pid := os.fork()) == 0:
        die_with_parent()
        for name in FORWARDED:
            signal.signal(name, signal.SIG_DFL)
        for limit, value in (
            (resource.RLIMIT_AS, options.memory), (resource.RLIMIT_CPU, options.seconds), (resource.RLIMIT_FSIZE, options.file),
        ):  # fmt: skip
            if value:
                resource.setrlimit(limit, (value, value))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        try:
            os.execvp(options.command[0], options.command)  # noqa: S606 - the command is our supervisor's
        finally:
            os._exit(127)
    return pid


def init(options: argparse.Namespace, status: int) -> None:
    """First process of the namespace: starts the command, buries orphans, reports how the command ended."""
    die_with_parent()
    mount_proc()
    child = spawn(options)
    forward_to(child)
    while True:
        pid, how = os.wait()
        if pid == child:
            os.write(status, how.to_bytes(4, "little"))
            os._exit(0)


def forward_to(pid: int) -> None:
    def pass_on(number: int, _: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)

    for name in FORWARDED:
        signal.signal(name, pass_on)


def in_namespace(options: argparse.Namespace) -> int:
    """Wait status of the command; the whole namespace is gone when this returns."""
    read, write = os.pipe()
    if (first := os.fork()) == 0:
        os.close(read)
        init(options, write)
    os.close(write)
    forward_to(first)
    wait_for(first, options.lifeline)
    with contextlib.suppress(ProcessLookupError):
        os.kill(first, signal.SIGKILL)
    os.waitpid(first, 0)
    return int.from_bytes(os.read(read, 4) or bytes([signal.SIGKILL, 0, 0, 0]), "little")


def guarded(options: argparse.Namespace) -> int:
    """The same without namespaces: we adopt orphans and kill everything below us."""
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    child = spawn(options)
    forward_to(child)
    ended = wait_for(child, options.lifeline)
    how = os.waitpid(child, 0)[1] if ended else int(signal.SIGKILL)
    while pids := list(offspring(os.getpid())):
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
    return how


def wait_for(pid: int, lifeline: int) -> bool:
    """True when the process ended, False when the supervisor let go of the pipe."""
    handle = os.pidfd_open(pid)
    ready, _, _ = select.select([lifeline, handle], [], [])
    return handle in ready


def offspring(of: int) -> Iterator[int]:
    """Children of a process, grandchildren too."""
    for task in Path(f"/proc/{of}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for pid in task.read_text().split():
                yield int(pid)
                yield from offspring(int(pid))


def main() -> None:
    parser = argparse.ArgumentParser()
    for name in ("lifeline", "memory", "seconds", "file"):
        parser.add_argument(f"--{name}", type=int, required=True)
    parser.add_argument("--no-namespace", action="store_true")
    parser.add_argument("command", nargs="+")
    options = parser.parse_args()
    for number in FORWARDED:
        signal.signal(number, signal.SIG_IGN)  # until there is somebody to pass them on to
    os.set_inheritable(options.lifeline, False)
    isolated = not options.no_namespace and unshare()
    how = in_namespace(options) if isolated else guarded(options)
    code = os.waitstatus_to_exitcode(how)
    if code < 0:
        # End the way the engine ended, so that the supervisor can tell a crash from an exit.
        if -code != signal.SIGKILL:
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    sys.exit(code)


if __name__ == "__main__":
    main()
