"""From a bare machine to a complete environment. Standard library only: it runs before anything is installed.

Called by make as `python3 workbench/launch/bootstrap.py [--dev] [--browser]`. Safe to repeat and to interrupt: each step
leaves a stamp only when it is finished, and a step whose inputs have not changed since its stamp is skipped.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
REQUIREMENTS = ROOT / "requirements"
MIN_PYTHON = (3, 11)  # what Debian 12 has
FREE_BYTES = 3 * 1024**3


class Stop(Exception):
    """Something is missing; the message says what and how to get it."""


def check_python() -> None:
    if sys.version_info < MIN_PYTHON:
        have, need = ".".join(map(str, sys.version_info[:3])), ".".join(map(str, MIN_PYTHON))
        raise Stop(
            f"Python {have} is too old: {need} or newer is needed.\nInstall a newer one (Debian 12: apt install python3) and say which: make up PYTHON=/path/to/python3"
        )


def check_disk() -> None:
    free = shutil.disk_usage(ROOT).free
    if not (VENV / ".stamp-engine").exists() and free < FREE_BYTES:
        raise Stop(
            f"{free / 1e9:.1f} GB free on this disk, {FREE_BYTES / 1e9:.1f} GB are needed for torch and the other packages.\nMake room, or clone the project onto a larger disk."
        )


def make_venv() -> None:
    """A virtual environment; Debian packs the module for it apart, so it is installed when we may."""
    if not has_ensurepip():
        install_debian_packages(["python3-venv"], "Python's venv module is missing.")
    if VENV.exists():
        shutil.rmtree(VENV)
    run([sys.executable, "-m", "venv", str(VENV)], "create the virtual environment")


def has_ensurepip() -> bool:
    return subprocess.run([sys.executable, "-c", "import ensurepip, venv"], capture_output=True).returncode == 0


def install_debian_packages(names: list[str], why: str) -> None:
    """apt as root; a sentence with the command otherwise."""
    command = f"apt-get install -y {' '.join(names)}"
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise Stop(f"{why} Install it and start again:\n    sudo {command}")
    say(f"{why} Installing {' '.join(names)} ...")
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    run(["apt-get", "update", "-qq"], "refresh Debian's package lists", env)
    run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", *names], f"install {' '.join(names)}", env)


def install_torch() -> None:
    """torch by its exact pin, its dependencies held to the lock. Each platform has its own build, so no hash here."""
    pins = [
        line.split(" \\")[0].strip()
        for line in (REQUIREMENTS / "engine.txt").read_text().splitlines()
        if "==" in line and not line.lstrip().startswith(("#", "--"))
    ]
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as constraints:
        constraints.write("\n".join(pins))
        constraints.flush()
        pip("-r", str(REQUIREMENTS / "torch.txt"), "-c", constraints.name)


def install_locked(*names: str) -> None:
    args = [arg for name in names for arg in ("-r", str(REQUIREMENTS / f"{name}.txt"))]
    pip("--require-hashes", *args)


def pip(*args: str) -> None:
    run(
        [str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *args],
        "install the Python packages",
    )


def install_command() -> None:
    """The `workbench` command and the packages themselves, from this folder."""
    pip("--no-deps", "--no-build-isolation", "--editable", str(ROOT))


def install_assets() -> None:
    run([str(PYTHON), "-m", "workbench.launch.assets"], "fetch the front-end packages")


def install_browser() -> None:
    """A real Chromium for the tests: Debian's as root, Playwright's own otherwise."""
    if shutil.which("chromium") or shutil.which("google-chrome"):
        return
    if os.geteuid() == 0 and shutil.which("apt-get"):
        install_debian_packages(["chromium"], "The browser tests need Chromium.")
        return
    if subprocess.run([str(PYTHON), "-m", "playwright", "install", "chromium"]).returncode != 0:
        raise Stop(
            "The browser tests need Chromium, and neither Debian's package nor Playwright's own could be installed.\nInstall it yourself: sudo apt-get install -y chromium"
        )


def run(command: list[str], what: str, env: dict[str, str] | None = None) -> None:
    """Runs quietly; on failure shows the end of what the command said, and the likely remedy."""
    done = subprocess.run(command, cwd=ROOT, env=env, text=True, capture_output=True)
    if done.returncode == 0:
        return
    said = (done.stdout + done.stderr).strip().splitlines()[-12:]
    raise Stop(f"Could not {what}.\n" + "\n".join("    " + line for line in said) + "\n" + remedy(" ".join(said)))


def remedy(said: str) -> str:
    low = said.lower()
    if any(
        w in low
        for w in (
            "temporary failure in name resolution",
            "connection",
            "timed out",
            "network",
            "max retries",
            "could not resolve",
            "enotfound",
            "eai_again",
        )
    ):
        return "The package registry did not answer. Check the network (or the proxy settings of pip and npm) and start again; finished steps are kept."
    if "no space left" in low:
        return "The disk is full. Make room and start again; finished steps are kept."
    if "hash" in low and "mismatch" in low:
        return "A package differs from the lock. Look at your pip configuration: a mirror may be serving another build."
    return "Start again after mending it; finished steps are kept."


def digest(paths: list[Path]) -> str:
    h = hashlib.sha256(sys.version.encode())
    for path in paths:
        h.update(path.read_bytes() if path.exists() else b"-")
    return h.hexdigest()


class Steps:
    """Numbered steps with their time; one that is done already says so."""

    def __init__(self, total: int) -> None:
        self.total, self.n = total, 0

    def step(self, title: str, name: str, inputs: list[Path], work: Callable[[], None]) -> None:
        self.n += 1
        stamp, wanted = VENV / f".stamp-{name}", digest(inputs)
        head = f"[{self.n}/{self.total}] {title}"
        if stamp.exists() and stamp.read_text() == wanted:
            say(f"{head}: ready")
            return
        say(f"{head} ...")
        began = time.monotonic()
        work()
        stamp.write_text(wanted)
        say(f"{head}: done in {time.monotonic() - began:.0f} s")


def say(text: str) -> None:
    print(text, flush=True)


def bootstrap(dev: bool, browser: bool) -> None:
    check_python()
    check_disk()
    steps = Steps(5 + dev + browser)
    r = REQUIREMENTS
    steps.step("Python environment", "venv", [], make_venv)
    steps.step("PyTorch (the largest download)", "torch", [r / "torch.txt"], install_torch)
    steps.step("Python packages", "engine", [r / "web.txt", r / "engine.txt"], lambda: install_locked("web", "engine"))
    steps.step("Command line", "command", [ROOT / "pyproject.toml"], install_command)
    steps.step(
        "Front-end packages",
        "assets",
        [ROOT / "package-lock.json", ROOT / "workbench/launch/assets.py"],
        install_assets,
    )
    if dev:
        steps.step(
            "Test tools",
            "dev",
            [r / "dev.txt", r / "four-bit.txt"],
            lambda: install_locked("web", "engine", "dev", "four-bit"),
        )
    if browser:
        steps.step("Browser for the tests", "browser", [], install_browser)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--dev", action="store_true", help="also the test tools")
    parser.add_argument("--browser", action="store_true", help="also a Chromium for the browser tests")
    args = parser.parse_args()
    try:
        bootstrap(args.dev, args.browser)
    except Stop as e:
        print(f"\n{e}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped. Start again whenever you like: finished steps are kept.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
