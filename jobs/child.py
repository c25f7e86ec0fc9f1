"""The engine child: started in a process tree of its own, limited, watched through a beacon, logged up to a cap."""

from __future__ import annotations

import contextlib
import os
import statistics
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from django.conf import settings

LAUNCHER = Path(__file__).with_name("launcher.py")
LOG_BYTES = 16 * 1024 * 1024
LOG_TAIL_BYTES = 64 * 1024
KILL_PATIENCE_SECONDS = 5.0

# What a child may know of our environment: no secrets, no database, no broker.
PASSED = (
    "PATH", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH", "VIRTUAL_ENV", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE",
    "OMP_NUM_THREADS", "MKL_NUM_THREADS", "TORCH_NUM_THREADS", "CUDA_VISIBLE_DEVICES", "HF_HOME", "HF_HUB_CACHE", "WB_FAILPOINT",
)  # fmt: skip
FOR_THE_HUB = (
    "HF_ENDPOINT",
    "HF_TOKEN",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
)


@dataclass(frozen=True)
class Limits:
    """Hard limits of a child; 0 means none."""

    memory_bytes: int = 0
    cpu_seconds: int = 0
    file_bytes: int = 0


def environment(
    kind: str, folder: Path, resume_from: Sequence[Path] = (), signals: Sequence[Path] = ()
) -> dict[str, str]:
    """A clean environment; only work that must reach the hub may."""
    env = {name: os.environ[name] for name in PASSED if name in os.environ}
    temp = folder / "tmp"
    temp.mkdir(exist_ok=True)
    env |= {
        "HOME": str(temp),
        "TMPDIR": str(temp),
        "PYTHONUNBUFFERED": "1",
        "PYTHONFAULTHANDLER": "1",
        "PYTHONHASHSEED": "0",
    }
    env |= {"CUBLAS_WORKSPACE_CONFIG": ":4096:8", "TOKENIZERS_PARALLELISM": "false"}
    env |= {"WB_RESUME_FROM": os.pathsep.join(map(str, resume_from)), "WB_SIGNALS": os.pathsep.join(map(str, signals))}
    if kind in ("add_model", "fetch_dataset"):
        return env | {name: os.environ[name] for name in FOR_THE_HUB if os.environ.get(name)}
    return env | {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"}


class Child:
    """One engine process of one attempt, behind its launcher."""

    def __init__(
        self,
        command: list[str],
        folder: Path,
        env: dict[str, str],
        *,
        limits: Limits = Limits(),
        held: tuple[int, ...] = (),
    ) -> None:
        """`held`: descriptors the tree keeps open as long as it lives, such as the lock of its slot."""
        self.folder, self.limits = folder, limits
        self._memory_kills = memory_kills()
        self._beacon, beacon = os.pipe()
        lifeline, self._lifeline = os.pipe()
        os.set_blocking(self._beacon, False)
        options = {
            "lifeline": lifeline,
            "memory": limits.memory_bytes,
            "seconds": limits.cpu_seconds,
            "file": limits.file_bytes,
        }
        launcher = [sys.executable, "-IS", str(LAUNCHER), *(f"--{name}={value}" for name, value in options.items())]
        if os.environ.get("WB_NO_NAMESPACE"):
            launcher.append("--no-namespace")
        self.process = subprocess.Popen(
            [*launcher, "--", *command], cwd=settings.BASE_DIR, env={**env, "WB_BEACON_FD": str(beacon)}, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True, pass_fds=(beacon, lifeline, *held),
        )  # fmt: skip
        os.close(beacon)
        os.close(lifeline)
        self._moved = self._let_go_at = time.monotonic()
        self._pauses: deque[float] = deque(maxlen=200)
        assert self.process.stdout
        self._pump = threading.Thread(target=_pump, args=(self.process.stdout, folder / "engine.log"), daemon=True)
        self._pump.start()

    def poll(self) -> int | None:
        """Exit code (negative: signal) once it has ended, its whole tree is gone and the log is complete."""
        code = self.process.poll()
        if code is None and self._lifeline < 0 and time.monotonic() - self._let_go_at > KILL_PATIENCE_SECONDS:
            self.process.kill()  # the launcher itself is stuck; the kernel kills what is below it
        if code is not None and self._beacon >= 0:
            self._pump.join(5)
            self._let_go()
            os.close(self._beacon)
            self._beacon = -1
        return code

    def kill(self) -> None:
        """The whole tree, now."""
        self._let_go_at = time.monotonic()
        self._let_go()

    def _let_go(self) -> None:
        if self._lifeline >= 0:
            os.close(self._lifeline)
            self._lifeline = -1

    def still_seconds(self) -> float:
        """How long the beacon has not moved."""
        if self._beacon < 0:
            return 0.0
        now, moved = time.monotonic(), False
        with contextlib.suppress(BlockingIOError):
            while os.read(self._beacon, 65536):
                moved = True
        if moved:
            self._pauses.append(now - self._moved)
            self._moved = now
        return now - self._moved

    def patience(self) -> float:
        """A beacon still for longer than this means the child hangs: 20 median pauses, at least HUNG_SECONDS."""
        return max(settings.HUNG_SECONDS, 20 * statistics.median(self._pauses) if self._pauses else 0.0)

    def signal(self, number: int) -> None:
        """To the engine; the launcher passes SIGTERM, SIGUSR1 and SIGABRT on."""
        if self.process.poll() is None:
            self.process.send_signal(number)

    def memory_kills(self) -> int:
        """How often the kernel killed for memory beside us since this child was started."""
        return memory_kills() - self._memory_kills

    def log_tail(self, lines: int = 100) -> list[str]:
        """The end of the log, without this server's paths: people may read it."""
        hidden = {
            f"{self.folder}/": "",
            str(self.folder): "the run folder",
            f"{settings.BASE_DIR}/": "",
            str(settings.DATA_DIR): "DATA_DIR",
        }
        lines_of_log = tail(self.folder / "engine.log", lines)
        for path, shown in hidden.items():
            lines_of_log = [line.replace(path, shown) for line in lines_of_log]
        return lines_of_log


def tail(path: Path, lines: int) -> list[str]:
    """The last lines of a log, with control characters made harmless."""
    try:
        with path.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - LOG_TAIL_BYTES))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return []
    return [
        "".join(c if c.isprintable() or c == "\t" else "\N{REPLACEMENT CHARACTER}" for c in line)[:2000]
        for line in text.splitlines()[-lines:]
    ]


def memory_kills() -> int:
    """Processes of our control group that the kernel killed for memory so far; 0 where it cannot be known."""
    try:
        group = Path("/proc/self/cgroup").read_text().strip().rsplit("::", 1)[-1].lstrip("/")
        for line in Path("/sys/fs/cgroup", group, "memory.events").read_text().splitlines():
            if line.startswith("oom_kill "):
                return int(line.split()[1])
    except (OSError, ValueError):
        pass
    return 0


def _pump(source: IO[bytes], path: Path) -> None:
    """Keeps the first LOG_BYTES and the last LOG_TAIL_BYTES of what the child prints; reads everything, so it never blocks."""
    room, dropped, last = LOG_BYTES, 0, deque[bytes]()
    kept = 0
    with source, path.open("ab") as log:
        while data := source.read1(65536):  # type: ignore[attr-defined]
            log.write(data[:room])
            log.flush()
            rest = data[room:]
            room = max(0, room - len(data))
            if rest:
                last.append(rest)
                kept += len(rest)
                while kept - len(last[0]) >= LOG_TAIL_BYTES:
                    gone = len(last.popleft())
                    kept, dropped = kept - gone, dropped + gone
        if last:
            log.write(f"\n... {dropped:,} bytes left out: the log is capped at {LOG_BYTES:,} bytes ...\n".encode())
            log.writelines(last)
