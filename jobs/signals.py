"""What teachers said and signalled, kept between runs and lent to later ones read-only.

`DATA_DIR/signals/<manifest hash of the teacher>/<hash of signals.json>/shard-*.safetensors` and `.../answers/answers/*.jsonl`.
Shards are immutable and named by their hash, ledgers of answers by everything an answer depends on, so keeping them
twice is keeping them once and nobody can take them for something else. Nothing here looks inside.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from pathlib import Path
from typing import Any

from django.conf import settings

from jobs.samples.catalog import SIGNALS


def places(teacher: dict[str, Any] | None) -> list[Path]:
    """Folders of signals for a model as described in models.json: what earlier runs recorded, and what came with a sample."""
    if not teacher:
        return []
    kept = _store(teacher)
    found = sorted(p for p in kept.iterdir() if p.is_dir()) if kept and kept.is_dir() else []
    shipped = [SIGNALS] if str(teacher.get("key", "")).startswith("sample/") and SIGNALS.is_dir() else []
    return [*found, *shipped]


def keep(teacher: dict[str, Any] | None, folder: Path) -> int:
    """Takes the new shards and answers of a run that succeeded; returns how many files."""
    store = _store(teacher or {})
    if store is None:
        return 0
    described, answers = folder / "signals" / "signals.json", sorted((folder / "answers").glob("*.jsonl"))
    kept = sum(_take(path, store / "answers" / "answers" / path.name) for path in answers)
    if described.is_file():
        target = store / hashlib.sha256(described.read_bytes()).hexdigest()[:16]
        kept += sum(
            _take(shard, target / shard.name) for shard in sorted((folder / "signals").glob("shard-*.safetensors"))
        )
        if target.is_dir():
            _take(described, target / described.name)
    return kept


def _store(teacher: dict[str, Any]) -> Path | None:
    """None for a teacher whose files have no hash: nobody could tell later whose signals these are."""
    sha256 = str(teacher.get("sha256") or "")
    return Path(settings.DATA_DIR) / "signals" / sha256 if re.fullmatch("[0-9a-f]{64}", sha256) else None


def _take(source: Path, target: Path) -> bool:
    """Whole or not at all; a ledger that grew replaces the shorter one."""
    if (
        source.is_symlink()
        or not source.is_file()
        or (target.exists() and target.stat().st_size >= source.stat().st_size)
    ):
        return False
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.{os.getpid()}")
    partial.unlink(missing_ok=True)
    try:
        os.link(source, partial)
    except OSError:
        shutil.copyfile(source, partial)
    partial.replace(target)
    return True
