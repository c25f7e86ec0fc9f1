"""Pairs of what a row is trained on over what the student says itself as the stage begins."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ..answers import Said, Speaker, collect, decoding_of
from ..export import adapter_bytes
from ..recipe import Train
from ..rows import Row
from .pairs import Group, pair, same

if TYPE_CHECKING:
    from ..work import Work


def over_student(work: Work, stage: Train, rows: Sequence[Row], name: str, missing: Counter[str]) -> list[Group]:
    """The row's answer (the teacher's where it wrote one) over the student's, which is written once and kept."""
    answered = [r for r in rows if work.written.get(r.row_id, r.answer)]
    missing["without an answer of the teacher or the data"] += len(rows) - len(answered)

    def write() -> dict[str, Any]:
        return {row_id: asdict(said) for row_id, said in student_says(work, stage, answered, 0).items()}

    kept = stored(work, name, write)
    out = []
    for row in answered:
        said, good = Said(**kept[row.row_id]), work.written.get(row.row_id, row.answer) or ""
        if not said.text.strip():
            missing["the student said nothing"] += 1
        elif same(good, said.text):
            missing["the student says the same"] += 1
        else:
            out.append(pair(row, good, said.text, said.finished))
    return out


def stored(work: Work, name: str, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What `make` gives, kept beside the stage's result, so that a resumed run goes on with the same pairs."""
    place = f"{name}-pairs"
    if found := work.session.results.get(place):
        kept: dict[str, Any] = json.loads((found / "pairs.json").read_text(encoding="utf-8"))
        return kept
    made = make()
    work.session.results.put(place, {"pairs.json": json.dumps(made, ensure_ascii=False).encode()})
    return made


def speaker_now(work: Work, stage: Train) -> Speaker:
    """The learner with its adapter as it is."""
    model = work.learner(stage.learner).model
    model.eval()
    return work.student_speaker(hashlib.sha256(adapter_bytes(model)).hexdigest(), stage.learner)


def student_says(work: Work, stage: Train, rows: Sequence[Row], sample: int) -> dict[str, Said]:
    """One answer of the learner for each row; `sample` numbers the draws."""
    session, source = work.session, stage.source
    speaker = speaker_now(work, stage)
    seed = session.recipe.seed + (sample << 32)
    decoding = decoding_of(speaker, source.max_new_tokens, source.temperature, seed)
    session.events.emit("phase", phase="train", stage=f"{stage.name}: the student's answers", total=len(rows))
    with session.timed("train"):
        return collect(session, speaker, rows, decoding, session.recipe.evaluation.batch_size, "train")
