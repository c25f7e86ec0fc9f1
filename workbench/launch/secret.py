"""The key that signs sessions: from SECRET_KEY, or made once and kept in the data folder."""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def key(data_dir: Path) -> str:
    if given := os.environ.get("SECRET_KEY"):
        return given
    file = data_dir / "secret_key"
    if not file.exists():
        data_dir.mkdir(parents=True, exist_ok=True)
        try:
            fd = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            pass
        else:
            with os.fdopen(fd, "w") as f:
                f.write(secrets.token_urlsafe(48))
    return file.read_text().strip()
