"""The first thing a newcomer meets: what is missing is named with its remedy, and finished steps are kept."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from workbench.launch import bootstrap

ROOT = Path(__file__).resolve().parents[3]


def test_it_needs_nothing_but_the_standard_library() -> None:
    done = subprocess.run(
        [sys.executable, "-I", "-S", "workbench/launch/bootstrap.py", "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def test_it_names_both_versions_when_python_is_too_old(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 9, 2, "final", 0))
    with pytest.raises(bootstrap.Stop, match=r"Python 3\.9\.2 is too old: 3\.11 or newer(.|\n)*PYTHON="):
        bootstrap.check_python()


def test_it_names_the_space_that_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(bootstrap, "VENV", tmp_path)
    monkeypatch.setattr(bootstrap.shutil, "disk_usage", lambda _: type("U", (), {"free": 10**9})())
    with pytest.raises(bootstrap.Stop, match=r"1\.0 GB free on this disk, 3\.2 GB are needed"):
        bootstrap.check_disk()


def test_it_gives_the_command_when_it_may_not_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap.os, "geteuid", lambda: 1000)
    with pytest.raises(bootstrap.Stop, match="sudo apt-get install -y python3-venv"):
        bootstrap.install_debian_packages(["python3-venv"], "Python's venv module is missing.")


@pytest.mark.parametrize(
    ("said", "says"),
    [
        ("Temporary failure in name resolution", "Check the network"),
        ("OSError: [Errno 28] No space left on device", "The disk is full"),
        ("THESE PACKAGES DO NOT MATCH THE HASHES: hash mismatch", "differs from the lock"),
    ],
)
def test_it_says_what_to_do_about_a_failed_command(said: str, says: str) -> None:
    with pytest.raises(bootstrap.Stop, match=says):
        bootstrap.run([sys.executable, "-c", f"import sys; sys.exit({said!r})"], "install the packages")


def test_it_skips_a_finished_step_and_repeats_it_when_its_input_changes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(bootstrap, "VENV", tmp_path)
    lock, runs = tmp_path / "lock.txt", []
    for text in ("a", "a", "b"):
        lock.write_text(text)
        bootstrap.Steps(1).step("Packages", "packages", [lock], lambda: runs.append(1))
    assert len(runs) == 2


def test_it_does_not_remember_a_step_that_was_interrupted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(bootstrap, "VENV", tmp_path)

    def interrupted() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bootstrap.Steps(1).step("Packages", "packages", [], interrupted)
    assert not (tmp_path / ".stamp-packages").exists()
