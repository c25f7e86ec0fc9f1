"""Recorded teacher signals between runs: kept by teacher and way of recording, lent to later runs read-only.

`DATA_DIR/signals/<manifest hash of the teacher>/<hash of signals.json>/`. Shards are immutable and named by their hash,
so keeping them twice is keeping them once. Nothing here looks inside.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from pathlib import Path
from typing import Any

from django.conf import settings


def places(teacher: dict[str, Any] | None) -> list[Path]:
    """Folders of signals for a model as described in models.json: what earlier runs recorded, and what came with the model."""
    if not teacher:
        return []
    kept = _store(teacher)
    found = sorted(p for p in kept.iterdir() if p.is_dir()) if kept and kept.is_dir() else []
    shipped = Path(str(teacher.get("folder") or "/nonexistent")) / "signals"
    return [p for p in [*found, shipped] if (p / "signals.json").is_file()]


def keep(teacher: dict[str, Any] | None, folder: Path) -> int:
    """Takes the new shards of a run that succeeded; returns how many."""
    described, store = folder / "signals" / "signals.json", _store(teacher or {})
    if store is None or not described.is_file():
        return 0
    target = store / hashlib.sha256(described.read_bytes()).hexdigest()[:16]
    target.mkdir(parents=True, exist_ok=True)
    new = [s for s in (folder / "signals").glob("shard-*.safetensors") if s.is_file() and not (target / s.name).exists()]
    for shard in new:
        _link(shard, target / shard.name)
    if new:
        _link(described, target / "signals.json")
    return len(new)


def _store(teacher: dict[str, Any]) -> Path | None:
    """None for a teacher whose files have no hash: nobody could tell later whose signals these are."""
    sha256 = str(teacher.get("sha256") or "")
    return Path(settings.DATA_DIR) / "signals" / sha256 if re.fullmatch("[0-9a-f]{64}", sha256) else None


def _link(source: Path, target: Path) -> None:
    """A hard link where the disk allows it; whole or not at all otherwise."""
    try:
        os.link(source, target)
    except FileExistsError:
        return
    except OSError:
        partial = target.with_name(f".{target.name}.{os.getpid()}")
        shutil.copyfile(source, partial)
        partial.replace(target)
