"""Every stage of a recipe in order, those of loops round by round."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .. import stages
from ..merging.stage import merge_stage
from ..ranks import here, turns
from ..recipe import Generate, Loop, Merge, Prefer, Record, Review, Reward, Select, Stage, Train, Use, Verify, Write
from ..selecting import select
from ..teacher_scores import judge_learnt
from .pool import Kept
from .prefer import prefer
from .verify import verify
from .write import write

if TYPE_CHECKING:
    from ..evaluate import Judged
    from ..work import Work


def carry_out(work: Work, listed: Sequence[Stage], arms: dict[str, Judged], first: int = 0) -> list[str]:
    """Carries the stages out; returns the names of the student's stored trainings. `first` numbers their stored results."""
    session, names = work.session, list[str]()
    for index, stage in enumerate(listed, first):
        if isinstance(stage, Generate):
            with session.timed("teacher"), turns():
                stages.generate(work, stage)
        elif isinstance(stage, Record):
            work.record = stage  # carried out by the training that reads it: it knows the rows as token ids
        elif isinstance(stage, Select):
            with turns():
                select(work, index, stage)
        elif isinstance(stage, (Write, Verify, Prefer)):
            with session.timed("teacher"), turns():
                make_rows(work, index, stage)
        elif isinstance(stage, Train):
            names.append(stages.train_stage(work, index, stage))
            if here().leader:
                judge_learnt(work, arms, listed[index - first + 1 :])
        elif isinstance(stage, Merge):
            with session.timed("merge"):
                merge_stage(work, index, stage)
        elif isinstance(stage, Reward):
            from .reward import reward

            with session.timed("train"), turns():
                reward(work, index, stage)
        elif isinstance(stage, Use):
            from .using import use

            use(work, index, stage)
        elif isinstance(stage, Review):
            from .review import review

            review(work, index, stage)
        elif isinstance(stage, Loop):
            from .loop import loop

            names += loop(work, index, stage, arms)
    return names


def make_rows(work: Work, index: int, stage: Write | Verify | Prefer) -> Kept:
    """One stage that makes, checks or prefers rows."""
    if isinstance(stage, Write):
        return write(work, index, stage)
    return verify(work, index, stage) if isinstance(stage, Verify) else prefer(work, index, stage)


def reads_student(stage: Any) -> bool:
    """Whether what the stage makes depends on the student as training left it."""
    if isinstance(stage, Write):
        return stage.by == "student" or stage.rows in ("wrong", "right", "unsure")
    return isinstance(stage, Verify) and any(c.by == "student" for c in stage.checks)
