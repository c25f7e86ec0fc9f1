"""The student's shape inside a run: made once, kept in the run folder, found again on resume."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ModelChanged
from ..models.folder import manifest_sha256
from ..weights import ModelSource
from .make import NOTE, make

if TYPE_CHECKING:
    from ..session import Session

FOLDER = "student"


def shaped_student(session: Session) -> ModelSource:
    """Where the shaped student of this run lies. Raises ModelChanged when the model it is made of is not the promised one."""
    source, shape = session.sources["student"], session.recipe.student.shape
    assert shape is not None
    out = session.folder / FOLDER
    note = _kept(session, out)
    if note is None:
        _check(source)
        session.events.emit("phase", phase="prepare", stage="student's shape", total=None)
        others = {n: s.folder for n, s in session.sources.items() if n != "student"}
        note = make(
            source.folder,
            out,
            shape,
            key=source.key,
            rows=session.train_rows,
            others=others,
            seed=session.recipe.seed,
            told=session.events.log,
            note={"identity": session.identity, "revision": source.revision},
        )
        sizes = note["parameters"]
        session.events.reason(
            "student.shape",
            shape.kind,
            f"{sizes['after']:,} parameters instead of {sizes['before']:,}; the base is scored before anything is healed",
        )
    return ModelSource(out, library_key(session.recipe.name, note), None, note["sha256"])


def library_key(name: str, note: dict[str, Any]) -> str:
    """What the library and an adapter's card call the shaped model: the run's name, its kind and its hash."""
    words = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:80] or "student"
    return f"{words}-{note['shape']['kind'].replace('_', '-')}-{note['sha256'][:8]}"


def read_note(folder: Path) -> dict[str, Any] | None:
    """The note of a shaped model whose files are those it was written with; None for any other folder."""
    try:
        note: dict[str, Any] = json.loads((folder / NOTE).read_text(encoding="utf-8"))
        return note if manifest_sha256(folder) == note["sha256"] else None
    except (OSError, ValueError, KeyError):
        return None


def _kept(session: Session, out: Path) -> dict[str, Any] | None:
    """The note of a student that this run, or an earlier attempt at it, has made."""
    for place in (out, *(e / FOLDER for e in session.earlier)):
        note = read_note(place) if place.is_dir() else None
        if note is None or note.get("identity") != session.identity:
            continue
        if place != out:
            shutil.rmtree(out, ignore_errors=True)
            shutil.copytree(place, out)
        session.events.log("The student's shape was made in an earlier attempt.")
        return note
    return None


def _check(source: ModelSource) -> None:
    if source.sha256 and (found := manifest_sha256(source.folder)) != source.sha256:
        raise ModelChanged(
            f"The student's files changed: {source.sha256[:12]}… was promised, {found[:12]}… lies there.",
            field="student.model",
            hint="Add the model again and start a new run.",
        )
