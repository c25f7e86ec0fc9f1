"""What nobody comes back for: unfinished uploads, and the parts of downloads whose work has ended."""

from __future__ import annotations

import shutil
import time
import uuid
from pathlib import Path

from django.conf import settings

from workbench.datasets import parts
from workbench.runs.models import Run, State

PAUSE_SECONDS = 600.0
KEPT_SECONDS = 2 * 24 * 3600.0  # a failed download may be tried again and goes on


def fetching() -> Path:
    """One folder a fetch, the same for all its attempts."""
    return Path(settings.DATA_DIR) / "fetching"


def sweep() -> int:
    """One round; returns how many uploads and folders went."""
    return parts.sweep() + sum(_forget(folder) for folder in fetching().glob("*"))


def _forget(folder: Path) -> bool:
    """Removed: the folder of a run that succeeded, was cancelled or is gone, and any that nothing touched for two days."""
    try:
        state = Run.objects.filter(pk=uuid.UUID(folder.name)).values_list("state", flat=True).first()
    except ValueError:
        return False
    old = time.time() - folder.stat().st_mtime > KEPT_SECONDS
    if state in (None, State.SUCCEEDED, State.CANCELLED) or (old and state in (State.FAILED, State.QUARANTINED)):
        shutil.rmtree(folder, ignore_errors=True)
        return True
    return False
