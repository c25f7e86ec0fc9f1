"""What rows that come in groups cost: how many answers a row is read under, and the time it takes to make the pairs."""

from __future__ import annotations

from ..recipe import Train
from . import time
from .case import Case

WRITING_BATCH = 32  # answers the student writes at a time


def answers_of(stage: Train) -> int:
    """Answers, or whole prompts with examples, that a group of the stage is made of; 1 where rows stand alone. A ranked list
    is counted as a pair: how long it is shows when the rows are read."""
    source = stage.source
    if source.kind != "pairs":
        return 1
    return source.samples * (source.shots + 1) if source.pairs == "demonstrations" else 2


def making_seconds(case: Case, stage: Train, rows: int) -> float:
    """Time to write and score what the pairs are made of, once, when the stage begins."""
    source = stage.source
    if source.kind != "pairs" or source.pairs not in ("teacher_over_student", "density_ratio"):
        return 0.0
    wanted = rows * (source.samples if source.pairs == "density_ratio" else 1)
    spent = time.generate_seconds(case, case.student, wanted, source.max_new_tokens / 2, WRITING_BATCH)
    if source.pairs == "density_ratio":
        for member in (source.strong, source.weak):
            model = case.teacher if member.kind == "model" and case.teacher else case.student
            spent += time.score_seconds(case, model, wanted, WRITING_BATCH)
    return spent
