"""Settings from `.env` beside the Makefile; what the environment says already wins."""

from __future__ import annotations

import os
from pathlib import Path

from dotenv import dotenv_values

ROOT = Path(__file__).resolve().parents[2]


def load() -> None:
    """An empty variable counts as not given, so that `PORT= make up` means the default too."""
    for name, value in dotenv_values(ROOT / ".env").items():
        if value and not os.environ.get(name):
            os.environ[name] = value
