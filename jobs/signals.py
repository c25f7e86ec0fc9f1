"""What teachers said and signalled, kept between runs and lent to later ones read-only.

`DATA_DIR/signals/<manifest hash of the teacher>/<hash of signals.json>/shard-*.safetensors` and `.../answers/answers/*.jsonl`.
Shards are immutable and named by their hash, ledgers of answers by everything an answer depends on, so keeping them
twice is keeping them once and nobody can take them for something else. Nothing here looks inside.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.conf import settings

from jobs.samples.catalog import SIGNALS


def places(teachers: Sequence[dict[str, Any]]) -> list[Path]:
    """Folders of signals for models as described in models.json: what earlier runs recorded, and what came with a sample."""
    stores = [kept for teacher in teachers if (kept := _store(teacher)) and kept.is_dir()]
    found = [p for kept in dict.fromkeys(stores) for p in sorted(kept.iterdir()) if p.is_dir()]
    sample = any(str(teacher.get("key", "")).startswith("sample/") for teacher in teachers)
    return [*found, *([SIGNALS] if sample and SIGNALS.is_dir() else [])]


def keep(teachers: Sequence[dict[str, Any]], folder: Path) -> int:
    """Takes the new shards and answers of a run that succeeded; returns how many files.

    Answers lie with the main teacher, the first of `teachers`, whoever gave them; each teacher's signals lie with the
    teacher. Signals of a teacher that was trained in the run are not kept: no later run could ask for them by a model's hash.
    """
    if not teachers or (store := _store(teachers[0])) is None:
        return 0
    answers = sorted((folder / "answers").glob("*.jsonl"))
    kept = sum(_take(path, store / "answers" / "answers" / path.name) for path in answers)
    kept += _keep_shards(folder / "signals", store)
    others = {str(t.get("sha256")): other for t in teachers[1:] if (other := _store(t))}
    for described in sorted((folder / "signals").glob("*/signals.json")):
        if other := others.get(_teacher_of(described)):
            kept += _keep_shards(described.parent, other)
    return kept


def _keep_shards(recorded: Path, store: Path) -> int:
    described = recorded / "signals.json"
    if not described.is_file():
        return 0
    target = store / hashlib.sha256(described.read_bytes()).hexdigest()[:16]
    kept = sum(_take(shard, target / shard.name) for shard in sorted(recorded.glob("shard-*.safetensors")))
    if target.is_dir():
        _take(described, target / described.name)
    return kept


def _teacher_of(described: Path) -> str:
    """The hash of the teacher that a folder of signals names; empty when it cannot be read."""
    try:
        return str(json.loads(described.read_text(encoding="utf-8")).get("teacher"))
    except (OSError, ValueError, AttributeError):
        return ""


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
