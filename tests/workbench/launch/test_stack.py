"""Ports, folders and child processes of a running workbench."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from workbench.launch import environment, stack
from workbench.launch.bootstrap import Stop
from workbench.launch.processes import Group


def test_it_names_another_port_when_this_one_is_taken() -> None:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        port = s.getsockname()[1]
        with pytest.raises(Stop, match=rf"Port {port} is in use(.|\n)*PORT={port + 1}"):
            stack.check_port(port)


@pytest.mark.parametrize("text", ["eighty", "0", "70000", "-1"])
def test_it_refuses_a_port_that_is_none(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("PORT", text)
    with pytest.raises(Stop, match="PORT must be a number from 1 to 65535"):
        stack.port_from_environment()


def test_it_lets_one_stack_have_a_folder(tmp_path: Path) -> None:
    first = stack.Stack(tmp_path, 8001, print)
    first._take_folder()
    with pytest.raises(Stop, match="already running at http://127.0.0.1:8001"):
        stack.Stack(tmp_path, 8002, print)._take_folder()


def test_it_reads_settings_from_a_file_but_the_environment_wins(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text("# comment\nPORT=9000\nHOST=0.0.0.0\n")
    monkeypatch.setattr(environment, "ROOT", tmp_path)
    monkeypatch.setenv("PORT", "9100")
    monkeypatch.setenv("HOST", "")
    environment.load()
    assert (os.environ["PORT"], os.environ["HOST"]) == ("9100", "0.0.0.0")


def test_it_notices_a_child_that_ended_and_shows_its_log(tmp_path: Path) -> None:
    group = Group(tmp_path)
    child = group.start("web", [sys.executable, "-c", "print('no such table: run')"], dict(os.environ))
    child.process.wait(20)
    assert group.dead() is child
    assert "no such table: run" in child.tail()


def test_it_stops_children_and_kills_those_that_do_not_listen(tmp_path: Path) -> None:
    group = Group(tmp_path)
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
    child = group.start("deaf", [sys.executable, "-c", deaf], dict(os.environ))
    while "up" not in child.tail():
        time.sleep(0.05)
    group.stop(patience=0.5)
    assert child.process.returncode == -signal.SIGKILL


def test_it_leaves_no_child_behind_when_it_is_killed(tmp_path: Path) -> None:
    """kill -9 of the program that started the workbench ends its children too."""
    code = f"""
import os, sys, time
from pathlib import Path
from workbench.launch.processes import Group
child = Group(Path({str(tmp_path)!r})).start("sleeper", [sys.executable, "-c", "import time; time.sleep(60)"], dict(os.environ))
print(child.process.pid, flush=True)
time.sleep(60)
"""
    parent = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=Path(__file__).resolve().parents[3]
    )
    assert parent.stdout
    pid = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    deadline = time.monotonic() + 10
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline, "the child lives on"
        time.sleep(0.05)
